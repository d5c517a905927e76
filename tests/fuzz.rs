//! Inputs that the fuzzer found worth keeping, above all those that once broke something, and the
//! files that it starts from.

#[path = "../fuzz/targets/mod.rs"]
mod targets;

use std::path::Path;

fn replay(target: fn(&[u8]), folders: &[&str]) {
    for folder in folders {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let mut files = 0;
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                // A panic is told with the file that made it.
                println!("{}", path.display());
                target(&std::fs::read(path).unwrap());
                files += 1;
            }
        }
        assert!(files > 0, "{} is empty", folder.display());
    }
}

#[test]
fn benchmark_files() {
    replay(
        targets::benchmark_file,
        &[
            "fuzz/corpus/benchmark_file",
            "tests/fixtures/benchmark_files",
            "tests/fixtures/dumps",
        ],
    );
}

#[test]
fn catalogs() {
    replay(targets::catalog, &["fuzz/corpus/catalog", "data"]);
}

#[test]
fn database_urls() {
    replay(targets::database_url, &["fuzz/corpus/database_url"]);
}

#[test]
fn intents() {
    replay(
        targets::intent,
        &[
            "fuzz/corpus/intent",
            "examples/use-cases",
            "examples/overrides",
            "examples/refused",
            "tests/fixtures/bundle",
        ],
    );
}

#[test]
fn snapshots() {
    replay(targets::snapshot, &["fuzz/corpus/snapshot"]);
}

/// The fuzzer is a workspace of its own, which nothing here builds: its lock file goes stale unseen.
#[test]
fn the_fuzzers_lock_file_knows_what_compass_needs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| std::fs::read_to_string(root.join(file)).unwrap();
    let manifest = read("Cargo.toml");
    let (_, needed) = manifest.split_once("\n[dependencies]\n").unwrap();
    let (needed, _) = needed.split_once("\n[").unwrap();
    let lock = read("fuzz/Cargo.lock");
    let (_, locked) = lock.split_once("\nname = \"compass\"\n").unwrap();
    let (locked, _) = locked.split_once("\n]").unwrap();
    let names: Vec<_> = needed
        .lines()
        .filter_map(|line| Some(line.split_once(" = ")?.0))
        .collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        let is_locked =
            locked.contains(&format!("\"{name}\"")) || locked.contains(&format!("\"{name} "));
        assert!(
            is_locked,
            "{name}: cargo update --workspace --manifest-path fuzz/Cargo.toml"
        );
    }
}
