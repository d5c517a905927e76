//! The chart's files among each other and beside the rest of the repository.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{chart, root};

fn read(file: &str) -> String {
    std::fs::read_to_string(chart().join(file)).unwrap()
}

fn yaml(file: &str) -> Value {
    serde_yaml_ng::from_str(&read(file)).unwrap()
}

#[test]
fn the_chart_is_of_the_version_of_the_program() {
    let chart = yaml("Chart.yaml");
    assert_eq!(chart["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_chart_has_the_custom_resource_definition_of_the_program() {
    let current = std::fs::read_to_string(root().join("crds/deploymentintents.yaml")).unwrap();
    assert!(
        read("files/deploymentintents.yaml") == current,
        "stale: cp crds/deploymentintents.yaml charts/compass/files/"
    );
}

/// A value, its default and what its comment says.
struct Documented {
    path: String,
    default: Value,
    words: String,
}

/// Every value with a comment `# -- ` above it.
fn documented() -> Vec<Documented> {
    let values = yaml("values.yaml");
    let (mut found, mut path, mut words) = (Vec::new(), Vec::<String>::new(), None);
    for line in read("values.yaml").lines() {
        let text = line.trim_start();
        let depth = (line.len() - text.len()) / 2;
        if let Some(comment) = text.strip_prefix("# -- ") {
            words = Some(comment.to_owned());
        } else if let Some((key, _)) = text.split_once(':')
            && key.chars().all(char::is_alphanumeric)
        {
            path.truncate(depth);
            path.push(key.to_owned());
            if let Some(words) = words.take() {
                let default = values.pointer(&format!("/{}", path.join("/")));
                found.push(Documented {
                    default: default.unwrap().clone(),
                    path: path.join("."),
                    words,
                });
            }
        }
    }
    found
}

/// Where values end: what has no words of its own is a group of values that have.
fn leaves(value: &Value, path: &str, documented: &BTreeSet<&str>, found: &mut Vec<String>) {
    match value.as_object() {
        Some(fields) if !documented.contains(path) => {
            for (key, value) in fields {
                let path = format!("{path}.{key}");
                leaves(value, path.trim_start_matches('.'), documented, found);
            }
        }
        _ => found.push(path.to_owned()),
    }
}

#[test]
fn every_value_is_documented() {
    let documented = documented();
    let paths: BTreeSet<&str> = documented.iter().map(|it| it.path.as_str()).collect();
    let mut values = Vec::new();
    leaves(&yaml("values.yaml"), "", &paths, &mut values);
    let undocumented: Vec<_> = values
        .iter()
        .filter(|path| !paths.contains(path.as_str()))
        .collect();
    assert!(undocumented.is_empty(), "no `# -- ` above {undocumented:?}");
}

#[test]
fn the_schema_knows_every_value_and_no_other() {
    let schema: Value = serde_json::from_str(&read("values.schema.json")).unwrap();
    let mut known = BTreeSet::new();
    names(&schema, "", &mut known);
    // Parent charts set it for all.
    known.remove("global");
    let documented = documented();
    let documented: BTreeSet<_> = documented.iter().map(|it| it.path.clone()).collect();
    assert_eq!(known, documented);
}

fn names(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    match schema["properties"].as_object() {
        Some(properties) => {
            assert_eq!(schema["additionalProperties"], false, "{path}");
            for (key, schema) in properties {
                let path = format!("{path}.{key}");
                names(schema, path.trim_start_matches('.'), found);
            }
        }
        None => drop(found.insert(path.to_owned())),
    }
}

#[test]
fn the_readme_lists_every_value() {
    let rows: String = documented()
        .iter()
        .map(|it| format!("| `{}` | `{}` | {} |\n", it.path, it.default, it.words))
        .collect();
    let table = format!("| value | default | what it does |\n|---|---|---|\n{rows}");
    let (start, end) = ("<!-- values -->\n", "<!-- end of values -->");
    let readme = read("README.md");
    let (before, rest) = readme.split_once(start).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let current = format!("{before}{start}{table}{end}{after}");
    if std::env::var_os("COMPASS_UPDATE_GOLDEN").is_some() {
        std::fs::write(chart().join("README.md"), &current).unwrap();
    }
    assert!(
        readme == current || std::env::var_os("COMPASS_UPDATE_GOLDEN").is_some(),
        "charts/compass/README.md is stale; COMPASS_UPDATE_GOLDEN=1 writes it anew"
    );
}
