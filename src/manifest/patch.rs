//! `spec.runtime.patches`: the last word on the generated objects, but for what makes them the
//! intent's.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Service};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::strategic_merge::{self, joined};
use super::{BuildError, Kind, Object, names};
use crate::api::ObjectPatch;

/// What a patch leaves as it is: an object's identity, what the cluster writes, and what ties
/// objects to the pods.
const PROTECTED: [&str; 20] = [
    "apiVersion",
    "kind",
    "metadata.name",
    "metadata.namespace",
    "metadata.generateName",
    "metadata.ownerReferences",
    "metadata.uid",
    "metadata.resourceVersion",
    "metadata.generation",
    "metadata.creationTimestamp",
    "metadata.deletionTimestamp",
    "metadata.deletionGracePeriodSeconds",
    "metadata.selfLink",
    "metadata.finalizers",
    "metadata.managedFields",
    "status",
    "spec.selector",
    "spec.podSelector",
    "spec.scaleTargetRef",
    "spec.targetRef",
];

/// Maps of which Compass's own keys stay as they are.
const PROTECTED_KEYS_OF: [&str; 4] = [
    "metadata.labels",
    "metadata.annotations",
    "spec.template.metadata.labels",
    "spec.template.metadata.annotations",
];

/// Applies patches in their order.
///
/// # Errors
/// The first patch that has no object, cannot be applied, touches what it must not, or leaves
/// something that is no object of its kind.
pub(super) fn apply(
    patches: &[ObjectPatch],
    objects: &mut [&mut Object],
) -> Result<(), BuildError> {
    for (index, patch) in patches.iter().enumerate() {
        apply_one(patch, objects).map_err(|problem| BuildError::Patch {
            index,
            kind: patch.target.kind.clone(),
            problem,
        })?;
    }
    Ok(())
}

fn apply_one(patch: &ObjectPatch, objects: &mut [&mut Object]) -> Result<(), String> {
    let change = Change::parse(&patch.patch)?;
    let is_target = |object: &Object| object.kind.resource().kind == patch.target.kind;
    if !objects.iter().any(|object| is_target(object)) {
        let mut kinds: Vec<_> = objects
            .iter()
            .map(|object| object.kind.to_string())
            .collect();
        kinds.dedup();
        return Err(format!(
            "no generated object is of this kind, but of {}",
            kinds.join(", ")
        ));
    }
    for object in objects.iter_mut().filter(|object| is_target(object)) {
        let mut patched = object.content.clone();
        change.apply(&mut patched, object.kind)?;
        check_protected(&object.content, &patched)?;
        check_type(&patched, object.kind)?;
        object.content = patched;
    }
    Ok(())
}

enum Change {
    Merge(Map<String, Value>),
    Json(json_patch::Patch),
}

impl Change {
    fn parse(text: &str) -> Result<Self, String> {
        let value = serde_saphyr::from_str(text)
            .map_err(|error| format!("the patch is not readable as YAML: {error}"))?;
        match value {
            Value::Object(patch) => Ok(Self::Merge(patch)),
            operations @ Value::Array(_) => serde_path_to_error::deserialize(operations)
                .map(Self::Json)
                .map_err(|error| format!("the JSON patch: {}: {}", error.path(), error.inner())),
            _ => Err(
                "the patch is neither a mapping (strategic merge) nor a list (JSON patch)".into(),
            ),
        }
    }

    fn apply(&self, object: &mut Value, kind: Kind) -> Result<(), String> {
        match self {
            Self::Merge(patch) if kind.is_built_in() => strategic_merge::merge(object, patch),
            Self::Merge(patch) => {
                json_patch::merge(object, &Value::Object(patch.clone()));
                Ok(())
            }
            Self::Json(patch) => {
                json_patch::patch(object, patch).map_err(|error| error.to_string())
            }
        }
    }
}

fn check_protected(before: &Value, after: &Value) -> Result<(), String> {
    let untouched = |path: &str| -> Result<(), String> {
        if at(before, path) == at(after, path) {
            Ok(())
        } else {
            Err(format!("{path}: a patch must leave it as it is"))
        }
    };
    PROTECTED.iter().try_for_each(|path| untouched(path))?;
    for path in PROTECTED_KEYS_OF {
        let keys = [before, after]
            .into_iter()
            .filter_map(|object| at(object, path).and_then(Value::as_object))
            .flat_map(Map::keys);
        for key in keys.filter(|key| names::is_reserved(key)) {
            let value_of = |object| at(object, path).and_then(|map| map.get(key));
            if value_of(before) != value_of(after) {
                return Err(format!("{path}: {key}: a patch must leave it as it is"));
            }
        }
    }
    Ok(())
}

fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(object, |object, field| object.get(field))
}

/// Whether it is still an object of its kind, of which Compass knows the built-in ones.
fn check_type(object: &Value, kind: Kind) -> Result<(), String> {
    match kind {
        Kind::ConfigMap => check_as::<ConfigMap>(object),
        Kind::PersistentVolumeClaim => check_as::<PersistentVolumeClaim>(object),
        Kind::NetworkPolicy => check_as::<NetworkPolicy>(object),
        Kind::PodDisruptionBudget => check_as::<PodDisruptionBudget>(object),
        Kind::Service => check_as::<Service>(object),
        Kind::Deployment => check_as::<Deployment>(object),
        Kind::HorizontalPodAutoscaler => check_as::<HorizontalPodAutoscaler>(object),
        Kind::LLMInferenceService
        | Kind::ScaledObject
        | Kind::InferencePool
        | Kind::HTTPRoute
        | Kind::PodMonitor
        | Kind::PrometheusRule => Ok(()),
    }
}

/// The types take any object, pass over what they do not know and fill in what they need: what
/// they give back tells.
fn check_as<T: Serialize + DeserializeOwned>(object: &Value) -> Result<(), String> {
    let typed: T = serde_path_to_error::deserialize(object)
        .map_err(|error| format!("{}: {}", error.path(), error.inner()))?;
    let back = serde_json::to_value(typed).map_err(|error| error.to_string())?;
    check_same_fields(object, &back, "")
}

fn check_same_fields(given: &Value, back: &Value, path: &str) -> Result<(), String> {
    match (given, back) {
        (Value::Object(given), Value::Object(back)) => {
            for (key, value) in given {
                let path = joined(path, key);
                match back.get(key) {
                    Some(back) => check_same_fields(value, back, &path)?,
                    None if value.is_null() => {}
                    None => return Err(format!("{path}: unknown field")),
                }
            }
            match back.keys().find(|key| !given.contains_key(*key)) {
                Some(key) => Err(format!("{}: missing", joined(path, key))),
                None => Ok(()),
            }
        }
        (Value::Array(given), Value::Array(back)) => given
            .iter()
            .zip(back)
            .enumerate()
            .try_for_each(|(index, (given, back))| {
                check_same_fields(given, back, &joined(path, &index.to_string()))
            }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::api::PatchTarget;
    use crate::manifest::build;
    use crate::manifest::test_support::{Example, parse, treacherous};

    fn patched(kind: &str, patch: &str) -> Result<Value, String> {
        let mut example = Example::default();
        example.runtime.patches = vec![ObjectPatch {
            target: PatchTarget { kind: kind.into() },
            patch: patch.into(),
        }];
        let manifests = build(&example.workload()).map_err(|error| error.to_string())?;
        let object = manifests
            .objects()
            .find(|object| object.kind.resource().kind == kind)
            .unwrap();
        Ok(object.content.clone())
    }

    #[test]
    fn both_kinds_of_patch_are_told_apart_by_their_form() {
        let strategic = "spec: {template: {spec: {containers: [{name: vllm, stdin: true}]}}}";
        let merged = patched("Deployment", strategic).unwrap();
        let container = &merged["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["stdin"], true);
        assert_eq!(container["command"], json!(["vllm", "serve"]));

        let json_patch = "\
- {op: test, path: /spec/ports/0/port, value: 8000}
- {op: replace, path: /spec/ports/0/port, value: 80}
- {op: add, path: /metadata/annotations, value: {a.example/b: c}}";
        let service = patched("Service", json_patch).unwrap();
        assert_eq!(service["spec"]["ports"][0]["port"], 80);
        assert_eq!(
            service["metadata"]["annotations"],
            json!({"a.example/b": "c"})
        );
    }

    #[test]
    fn a_patch_that_repeats_an_objects_identity_is_fine() {
        let kustomize = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: support-chat, labels: {team: a}}}";
        assert!(patched("Deployment", kustomize).is_ok());
    }

    #[test]
    fn what_ties_objects_together_stays() {
        for (patch, path) in [
            ("{kind: Pod}", "kind"),
            ("{apiVersion: v1}", "apiVersion"),
            ("{metadata: {name: other}}", "metadata.name"),
            ("{metadata: null}", "metadata.name"),
            ("{metadata: {namespace: other}}", "metadata.namespace"),
            ("{metadata: {uid: x}}", "metadata.uid"),
            (
                "{metadata: {resourceVersion: '1'}}",
                "metadata.resourceVersion",
            ),
            ("{metadata: {finalizers: [a/b]}}", "metadata.finalizers"),
            ("{metadata: {managedFields: []}}", "metadata.managedFields"),
            (
                "{metadata: {ownerReferences: []}}",
                "metadata.ownerReferences",
            ),
            ("{spec: {selector: {matchLabels: {a: b}}}}", "spec.selector"),
            ("{status: {replicas: 1}}", "status"),
            (
                "{spec: {template: {metadata: {labels: {app.kubernetes.io/name: x}}}}}",
                "spec.template.metadata.labels",
            ),
            (
                "[{op: remove, path: /spec/template/metadata/labels}]",
                "spec.template.metadata.labels",
            ),
            (
                "[{op: move, from: /spec/selector, path: /spec/other}]",
                "spec.selector",
            ),
            (
                "{metadata: {labels: {app.kubernetes.io/managed-by: x}}}",
                "metadata.labels: app.kubernetes.io/managed-by",
            ),
            (
                "{metadata: {annotations: {compass.dev/replicas: '9'}}}",
                "metadata.annotations: compass.dev/replicas",
            ),
            ("[{op: replace, path: '', value: {}}]", "apiVersion"),
        ] {
            let problem = patched("Deployment", patch).unwrap_err();
            assert!(
                problem.starts_with("runtime.patches[0] (Deployment): ")
                    && problem.contains(path)
                    && problem.contains("leave it as it is"),
                "{patch}: {problem}"
            );
        }
    }

    #[test]
    fn what_is_left_is_an_object_of_its_kind() {
        for (patch, part) in [
            ("{spec: {replica: 3}}", "spec.replica: unknown field"),
            (
                "{spec: {template: {spec: {containers: [{name: vllm, imagee: x}]}}}}",
                "spec.template.spec.containers.0.imagee: unknown field",
            ),
            ("{spec: {replicas: three}}", "spec.replicas: invalid type"),
            (
                "[{op: remove, path: /spec/template/spec/containers/0/name}]",
                "spec.template.spec.containers.0.name: missing",
            ),
            (
                "[{op: remove, path: /spec/template/spec/containers}]",
                "spec.template.spec.containers: missing",
            ),
        ] {
            let problem = patched("Deployment", patch).unwrap_err();
            assert!(problem.contains(part), "{patch}: {problem}");
        }
    }

    #[test]
    fn what_is_no_patch_is_told() {
        for (kind, patch, part) in [
            ("Ingress", "{}", "but of Deployment,"),
            ("Deployment", "", "neither a mapping"),
            ("Deployment", "word", "neither a mapping"),
            ("Deployment", "{a: [}", "not readable as YAML"),
            ("Deployment", "{}\n---\n{}", "not readable as YAML"),
            ("Deployment", "[{op: explode}]", "the JSON patch"),
            (
                "Deployment",
                "[{op: add, path: /spec/nowhere/x, value: 1}]",
                "/spec/nowhere/x",
            ),
            (
                "Deployment",
                "[{op: test, path: /spec/replicas, value: 99}]",
                "/spec/replicas",
            ),
        ] {
            let problem = patched(kind, patch).unwrap_err();
            assert!(problem.contains(part), "{patch}: {problem}");
        }
    }

    proptest! {
        #[test]
        fn no_patch_breaks_out(key in treacherous(), value in treacherous(), text in treacherous()) {
            let _ = patched("Deployment", &text);
            let annotate = json!({"metadata": {"annotations": {key: value}}}).to_string();
            if let Ok(object) = patched("Deployment", &annotate) {
                let yaml = crate::manifest::yaml::document(&object);
                prop_assert_eq!(parse(&yaml), vec![object]);
            }
        }
    }
}
