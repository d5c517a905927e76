//! Strategic merge, as `kubectl patch` does it: maps are merged, `null` removes, lists of objects
//! with a merge key are merged by it, other lists replaced. On data, since a type fills what a patch
//! leaves out with defaults.

use serde_json::{Map, Value};

/// Fields of built-in kinds whose elements are merged, with the key that tells them apart.
const MERGE_KEYS: [(&str, &str); 13] = [
    ("containers", "name"),
    ("env", "name"),
    ("ephemeralContainers", "name"),
    ("hostAliases", "ip"),
    ("imagePullSecrets", "name"),
    ("initContainers", "name"),
    ("resourceClaims", "name"),
    ("schedulingGates", "name"),
    ("topologySpreadConstraints", "topologyKey"),
    ("volumeDevices", "devicePath"),
    ("volumeMounts", "mountPath"),
    ("volumes", "name"),
    // Of a Service; those of a container are told apart by containerPort.
    ("ports", "port"),
];

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";

/// Merges `patch` into `object`. `Err` says what of the patch cannot be.
pub(super) fn merge(object: &mut Value, patch: &Map<String, Value>) -> Result<(), String> {
    match directive(patch)? {
        Some("merge") | None => {}
        Some(other) => {
            return Err(format!(
                "{DIRECTIVE}: {other} would take the whole object away"
            ));
        }
    }
    merge_map(object, patch, "")
}

fn merge_map(current: &mut Value, patch: &Map<String, Value>, path: &str) -> Result<(), String> {
    if !current.is_object() {
        *current = Value::Object(Map::new());
    }
    let Value::Object(current) = current else {
        unreachable!("it was just made one")
    };
    if let Some(retained) = patch.get(RETAIN_KEYS) {
        let retained = retained
            .as_array()
            .ok_or_else(|| format!("{path}: {RETAIN_KEYS} is a list of names"))?;
        current.retain(|key, _| retained.iter().any(|retained| retained == key));
    }
    for (key, new) in patch {
        let path = joined(path, key);
        if key.starts_with('$') {
            if [DIRECTIVE, RETAIN_KEYS].contains(&key.as_str()) {
                continue;
            }
            return Err(format!("{path}: this directive is not known"));
        }
        match new {
            Value::Null => {
                current.remove(key);
            }
            Value::Object(new) => match directive(new)? {
                // As kubectl does: what is left is an empty mapping.
                Some("delete") => {
                    current.insert(key.clone(), Value::Object(Map::new()));
                }
                Some("replace") => {
                    let mut replaced = Value::Null;
                    merge_map(&mut replaced, new, &path)?;
                    current.insert(key.clone(), replaced);
                }
                _ => merge_map(current.entry(key).or_insert(Value::Null), new, &path)?,
            },
            Value::Array(new) => {
                let current = current.entry(key).or_insert(Value::Null);
                match merge_key(key, new) {
                    Some(merge_key) => merge_list(current, new, merge_key, &path)?,
                    None => *current = Value::Array(new.clone()),
                }
            }
            plain => {
                current.insert(key.clone(), plain.clone());
            }
        }
    }
    Ok(())
}

fn merge_list(
    current: &mut Value,
    patch: &[Value],
    merge_key: &str,
    path: &str,
) -> Result<(), String> {
    let mut old = match current.take() {
        Value::Array(elements) => elements,
        _ => Vec::new(),
    };
    if patch.iter().any(is_replacement) {
        old.clear();
    }
    let mut patched: Vec<Value> = Vec::new();
    for (index, new) in patch.iter().enumerate() {
        let path = joined(path, &index.to_string());
        let new = new
            .as_object()
            .ok_or_else(|| format!("{path}: this is no mapping"))?;
        let directive = directive(new)?;
        if directive == Some("replace") && new.len() == 1 {
            continue;
        }
        let key = new
            .get(merge_key)
            .ok_or_else(|| format!("{path}: {merge_key} is missing, which tells elements apart"))?;
        let is_this = |element: &Value| element.get(merge_key) == Some(key);
        if directive == Some("delete") {
            old.retain(|element| !is_this(element));
        } else if let Some(again) = patched.iter_mut().find(|element| is_this(element)) {
            merge_map(again, new, &path)?;
        } else {
            let mut element = old
                .iter()
                .find(|it| is_this(it))
                .cloned()
                .unwrap_or_default();
            merge_map(&mut element, new, &path)?;
            patched.push(element);
        }
    }
    *current = Value::Array(in_order(old, patched, merge_key));
    Ok(())
}

/// What the patch names comes in the patch's order, new elements first, and what it does not name
/// stays before what followed it.
fn in_order(old: Vec<Value>, patched: Vec<Value>, merge_key: &str) -> Vec<Value> {
    let key = |element: &Value| element.get(merge_key).cloned();
    let places: Vec<_> = old.iter().map(key).collect();
    let place = |element: &Value| places.iter().position(|it| *it == key(element));
    let is_named = |element: &Value| patched.iter().any(|it| key(it) == key(element));
    let mut unnamed = old.iter().filter(|it| !is_named(it)).peekable();
    let mut all = Vec::with_capacity(old.len() + patched.len());
    for element in &patched {
        while let Some(before) = unnamed.next_if(|it| place(it) < place(element)) {
            all.push(before.clone());
        }
        all.push(element.clone());
    }
    all.extend(unnamed.cloned());
    all
}

fn is_replacement(element: &Value) -> bool {
    element.get(DIRECTIVE).and_then(Value::as_str) == Some("replace")
}

fn directive(patch: &Map<String, Value>) -> Result<Option<&str>, String> {
    match patch.get(DIRECTIVE).map(|directive| directive.as_str()) {
        None => Ok(None),
        Some(Some(word @ ("merge" | "replace" | "delete"))) => Ok(Some(word)),
        Some(_) => Err(format!("{DIRECTIVE} is merge, replace or delete")),
    }
}

fn merge_key(field: &str, elements: &[Value]) -> Option<&'static str> {
    let (_, key) = MERGE_KEYS.iter().find(|(name, _)| *name == field)?;
    let is_containers = |element: &Value| element.get("containerPort").is_some();
    match field {
        "ports" if elements.iter().any(is_containers) => Some("containerPort"),
        _ => Some(key),
    }
}

/// A field's path, as `spec.template`.
pub(super) fn joined(path: &str, field: &str) -> String {
    match path {
        "" => field.to_owned(),
        _ => format!("{path}.{field}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(current: Value, patch: Value) -> Result<Value, String> {
        let mut object = current;
        merge(&mut object, patch.as_object().unwrap())?;
        Ok(object)
    }

    fn pod() -> Value {
        json!({"spec": {
            "containers": [{"name": "vllm", "args": ["a"], "env": [{"name": "A", "value": "1"}],
                "httpGet": {"port": "http"}}],
            "volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "emptyDir": {}}],
            "tolerations": [{"key": "x"}],
        }})
    }

    #[test]
    fn what_a_patch_does_not_name_stays() {
        let patch = json!({"spec": {"containers": [
            {"name": "vllm", "args": ["b"], "env": [{"name": "B", "value": "2"}], "httpGet": {"path": "/x"}},
            {"name": "sidecar", "image": "i"},
        ], "tolerations": [{"key": "y"}]}});
        assert_eq!(
            merged(pod(), patch).unwrap(),
            json!({"spec": {
                "containers": [
                    {"name": "vllm", "args": ["b"],
                     "env": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}],
                     "httpGet": {"port": "http", "path": "/x"}},
                    {"name": "sidecar", "image": "i"},
                ],
                "volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "emptyDir": {}}],
                "tolerations": [{"key": "y"}],
            }})
        );
    }

    #[test]
    fn null_and_directives_remove() {
        let patch = json!({"spec": {
            "tolerations": null,
            "volumes": [{"name": "a", "$patch": "delete"}, {"name": "c", "$patch": "delete"}],
            "containers": [{"name": "vllm", "httpGet": {"$patch": "replace", "path": "/y"}}],
        }});
        let result = merged(pod(), patch).unwrap();
        assert_eq!(
            result["spec"]["volumes"],
            json!([{"name": "b", "emptyDir": {}}])
        );
        assert_eq!(result["spec"].get("tolerations"), None);
        assert_eq!(
            result["spec"]["containers"][0]["httpGet"],
            json!({"path": "/y"})
        );
        let all = json!({"spec": {"volumes": [{"$patch": "replace"}, {"name": "z"}]}});
        assert_eq!(
            merged(pod(), all).unwrap()["spec"]["volumes"],
            json!([{"name": "z"}])
        );
    }

    #[test]
    fn what_cannot_be_merged_is_named() {
        for (patch, part) in [
            (json!({"$patch": "delete"}), "whole object"),
            (
                json!({"spec": {"$patch": "explode"}}),
                "merge, replace or delete",
            ),
            (
                json!({"spec": {"containers": [{"image": "x"}]}}),
                "spec.containers.0: name is missing",
            ),
            (json!({"spec": {"volumes": ["x"]}}), "spec.volumes.0"),
            (
                json!({"spec": {"$setElementOrder/volumes": []}}),
                "spec.$setElementOrder/volumes",
            ),
        ] {
            let problem = merged(pod(), patch.clone()).unwrap_err();
            assert!(problem.contains(part), "{patch}: {problem}");
        }
    }
}
