//! The rooms of `docs/ARCHITECTURE.md`: an import that points up, or I/O in a pure room, fails here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Which rooms each room may import.
const ARROWS: &[(&str, &[&str])] = &[
    ("benchmark", &[]),
    ("catalog", &["benchmark"]),
    ("api", &["benchmark", "catalog"]),
    ("knowledge_base", &["benchmark", "catalog"]),
    ("recommend", &["api", "benchmark", "catalog"]),
    ("manifest", &["api", "benchmark", "catalog", "recommend"]),
    (
        "advise",
        &[
            "api",
            "benchmark",
            "catalog",
            "knowledge_base",
            "manifest",
            "recommend",
        ],
    ),
    (
        "controller",
        &[
            "advise",
            "api",
            "benchmark",
            "catalog",
            "knowledge_base",
            "manifest",
            "recommend",
        ],
    ),
    (
        "console",
        &[
            "advise",
            "api",
            "benchmark",
            "catalog",
            "knowledge_base",
            "manifest",
            "recommend",
        ],
    ),
    (
        "commands",
        &[
            "advise",
            "api",
            "benchmark",
            "catalog",
            "console",
            "controller",
            "knowledge_base",
            "manifest",
            "recommend",
        ],
    ),
];

/// What each room must not name.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "benchmark",
        &["sqlx", "kube::", "std::env", "std::fs", "::now()"],
    ),
    (
        "recommend",
        &[
            "sqlx",
            "kube",
            "k8s_openapi",
            "std::env",
            "std::fs",
            "::now()",
            "Status",
        ],
    ),
    (
        "manifest",
        &["sqlx", "kube::", "std::env", "std::fs", "::now()", "Status"],
    ),
    ("knowledge_base", &["kube::", "k8s_openapi"]),
    ("api", &["sqlx", "std::env", "std::fs", "::now()"]),
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The first path segment below `src`, without its extension.
fn room(path: &Path) -> String {
    let inside = path.strip_prefix(source()).unwrap();
    let first = inside
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// Whether a file is compiled for tests alone: tests may read fixtures and clocks.
fn is_for_tests(path: &Path) -> bool {
    let name = path.file_stem().unwrap().to_string_lossy();
    ["tests", "test_support", "oracle", "properties"].contains(&name.as_ref())
        || path.parent().unwrap().file_name().unwrap() == "tests"
}

/// Code without comments and without the unit tests at a file's end.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Rooms that a file names as `crate::room`, also inside a nested `use crate::{...}`.
fn imports(code: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        let name: String = rest
            .trim_start()
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        rooms.insert(name);
    }
    rooms
}

#[test]
fn imports_point_down() {
    let arrows: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let mut files = Vec::new();
    files_below(&source(), &mut files);
    let mut broken = Vec::new();
    for file in files {
        let room = room(&file);
        let Some(allowed) = arrows.get(room.as_str()) else {
            continue;
        };
        for import in imports(&code(&file)) {
            let is_room = arrows.contains_key(import.as_str());
            if is_room && import != room && !allowed.contains(&import.as_str()) {
                broken.push(format!("{} imports {import}", file.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn pure_rooms_do_no_input_or_output() {
    let mut files = Vec::new();
    files_below(&source(), &mut files);
    let mut broken = Vec::new();
    for file in files.iter().filter(|file| !is_for_tests(file)) {
        let room = room(file);
        let code = code(file);
        for (_, words) in FORBIDDEN.iter().filter(|(name, _)| *name == room) {
            for word in words.iter().filter(|word| code.contains(**word)) {
                broken.push(format!("{} names {word}", file.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_room_is_a_module_of_the_map() {
    let map = fs::read_to_string(source().join("lib.rs")).unwrap();
    for (room, _) in ARROWS {
        assert!(
            map.contains(&format!("pub mod {room};")),
            "{room} is not declared in src/lib.rs"
        );
        assert!(
            map.contains(&format!("//! - [`{room}`]:")),
            "{room} has no line in the map of src/lib.rs"
        );
    }
}

#[test]
fn every_crate_of_the_workspace_forbids_unsafe() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = |file: &str| fs::read_to_string(root.join(file)).unwrap();
    let workspace = manifest("Cargo.toml");
    assert!(workspace.contains("[workspace.lints.rust]\nunsafe_code = \"forbid\"\n"));
    assert!(workspace.contains("\nmembers = [\"testbed\"]\n"));
    for file in ["Cargo.toml", "testbed/Cargo.toml"] {
        assert!(
            manifest(file).contains("\n[lints]\nworkspace = true\n"),
            "{file} does not inherit the lints of the workspace"
        );
    }
}
