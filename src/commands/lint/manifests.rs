//! Whether committed manifests are what the evidence says now.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use super::problem::{Level, Problem};
use crate::commands::documents::documents;
use crate::manifest::{Kind, label};

/// Differences told of an object; the rest is counted.
const TOLD: usize = 3;

/// Objects in files.
pub(super) struct Committed(BTreeMap<Identity, Found>);

/// apiVersion, kind, namespace and name.
pub(super) type Identity = [String; 4];

/// Namespace and name of an intent.
pub(super) type IntentName = (String, String);

struct Found {
    file: String,
    line: usize,
    content: Value,
}

impl Committed {
    /// Every object that can be read in these folders and files; others are none of Compass's.
    pub(super) fn read(paths: &[PathBuf]) -> anyhow::Result<Self> {
        let mut objects = BTreeMap::new();
        for document in documents(paths)? {
            let Ok(content) = serde_saphyr::from_str::<Value>(&document.text) else {
                continue;
            };
            let found = Found {
                line: document.lines_before + 1,
                file: document.file,
                content,
            };
            objects.insert(identity(&found.content), found);
        }
        Ok(Self(objects))
    }

    /// Holds the objects rendered of an intent against the committed ones. `intent` stands for it in
    /// what is told of an object that is missing.
    pub(super) fn compare(&self, rendered: &[Value], intent: &Problem) -> Vec<Problem> {
        let mut problems = Vec::new();
        for rendered in rendered {
            let identity = identity(rendered);
            let [_, kind, _, name] = &identity;
            match self.0.get(&identity) {
                None => problems.push(Problem {
                    message: format!(
                        "no manifest of its {kind} {name} is committed: commit what `compass render` prints"
                    ),
                    ..intent.clone()
                }),
                Some(found) if found.content == *rendered => {}
                Some(found) => {
                    let mut paths = Vec::new();
                    differences(&found.content, rendered, &mut String::new(), &mut paths);
                    let more = match paths.len().saturating_sub(TOLD) {
                        0 => String::new(),
                        more => format!(" and {more} more"),
                    };
                    paths.truncate(TOLD);
                    problems.push(Problem {
                        file: found.file.clone(),
                        line: found.line,
                        level: Level::Error,
                        message: format!(
                            "{kind} {name} is not what the evidence says now: {}{more}; commit what `compass render` prints",
                            paths.join(", ")
                        ),
                    });
                }
            }
        }
        problems
    }

    /// Objects that were rendered of an intent which `may_tell` and are not any more.
    pub(super) fn stale(
        &self,
        rendered: &BTreeSet<Identity>,
        may_tell: impl Fn(&IntentName) -> bool,
    ) -> Vec<Problem> {
        let stale = self.0.iter().filter(|(identity, found)| {
            let intent = intent_of(&found.content);
            !rendered.contains(*identity) && intent.is_some_and(|intent| may_tell(&intent))
        });
        let problem = |([_, kind, _, name], found): (&Identity, &Found)| Problem {
            file: found.file.clone(),
            line: found.line,
            level: Level::Error,
            message: format!("{kind} {name} is not rendered any more: remove it"),
        };
        stale.map(problem).collect()
    }
}

/// The intent that an object was rendered of; nothing where Compass did not make it.
fn intent_of(object: &Value) -> Option<IntentName> {
    let metadata = &object["metadata"];
    let label = |key: &str| metadata["labels"][key].as_str();
    let intent = label(label::INSTANCE)?;
    let is_ours = |kind: &Kind| {
        object["kind"].as_str() == Some(kind.resource().kind)
            && metadata["name"].as_str() == Some(&kind.name(intent))
    };
    let is_made = label(label::MANAGED_BY) == Some(label::COMPASS) && Kind::ALL.iter().any(is_ours);
    let namespace = metadata["namespace"].as_str()?;
    is_made.then(|| (namespace.to_owned(), intent.to_owned()))
}

pub(super) fn identity(object: &Value) -> Identity {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &object["metadata"];
    [
        text(&object["apiVersion"]),
        text(&object["kind"]),
        text(&metadata["namespace"]),
        text(&metadata["name"]),
    ]
}

/// The paths at which two values differ, with both values where they are short.
fn differences(committed: &Value, rendered: &Value, path: &mut String, found: &mut Vec<String>) {
    let length = path.len();
    let mut descend = |step: &str, committed: &Value, rendered: &Value| {
        if length > 0 {
            path.push('.');
        }
        path.push_str(step);
        differences(committed, rendered, path, found);
        path.truncate(length);
    };
    match (committed, rendered) {
        (Value::Object(a), Value::Object(b)) => {
            let mut keys: Vec<_> = a.keys().chain(b.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let of = |object: &serde_json::Map<String, Value>| {
                    object.get(key).cloned().unwrap_or_default()
                };
                descend(key, &of(a), &of(b));
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                descend(&index.to_string(), a, b);
            }
        }
        (a, b) if a == b => {}
        (a, b) => found.push(format!("{path} {} -> {}", short(a), short(b))),
    }
}

fn short(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = match value {
        Value::Null => return "nothing".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.char_indices().nth(LONGEST) {
        None => text,
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_are_named_by_their_paths() {
        let mut found = Vec::new();
        let committed = json!({"a": {"b": [1, {"c": "x"}], "gone": 1}, "same": [1]});
        let rendered = json!({"a": {"b": [1, {"c": "y"}]}, "same": [1], "new": [2]});
        differences(&committed, &rendered, &mut String::new(), &mut found);
        assert_eq!(
            found,
            [
                "a.b.1.c x -> y",
                "a.gone 1 -> nothing",
                "new nothing -> [2]"
            ]
        );
    }
}
