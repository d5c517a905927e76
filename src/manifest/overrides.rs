//! What `spec.runtime` says of the generated objects: the intent's values win, and what its lists
//! name is added to ours.

use std::collections::BTreeMap;

use k8s_openapi::DeepMerge;
use k8s_openapi::api::core::v1::{Container, PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use super::engine_flags::EngineFlags;
use super::{BuildError, Object, names};
use crate::api::{ResourcesSpec, RuntimeSpec};

/// What would break the objects, rather than change them.
pub(super) fn check(runtime: &RuntimeSpec) -> Result<(), BuildError> {
    let metadata = [
        ("labels", &runtime.labels),
        ("annotations", &runtime.annotations),
        ("podLabels", &runtime.pod_labels),
        ("podAnnotations", &runtime.pod_annotations),
    ];
    for (field, given) in metadata {
        if let Some(key) = given.keys().find(|key| names::is_reserved(key)) {
            let key = key.clone();
            return Err(BuildError::ReservedKey { field, key });
        }
    }
    let flags = EngineFlags::of(&runtime.args);
    match ["--port", "--host", "--uds"]
        .into_iter()
        .find(|flag| flags.get(flag).is_some())
    {
        Some(flag) => Err(BuildError::ReservedArgument(flag)),
        None => Ok(()),
    }
}

/// Labels and annotations of an object, beside its own.
pub(super) fn describe(runtime: &RuntimeSpec, object: &mut Object) {
    let metadata = &mut object.content["metadata"];
    for (field, given) in [
        ("labels", &runtime.labels),
        ("annotations", &runtime.annotations),
    ] {
        for (key, value) in given {
            metadata[field][key] = Value::String(value.clone());
        }
    }
}

/// Labels and annotations of pods, beside their own.
pub(super) fn describe_pods(runtime: &RuntimeSpec, metadata: &mut ObjectMeta) {
    extend(&mut metadata.labels, &runtime.pod_labels);
    extend(&mut metadata.annotations, &runtime.pod_annotations);
}

/// Changes the pods, of whose containers the first is vLLM's.
pub(super) fn apply(runtime: &RuntimeSpec, pod: &mut PodSpec) {
    if let Some(container) = pod.containers.first_mut() {
        apply_to_container(runtime, container);
    }
    place(runtime, pod);
    pod.security_context
        .merge_from(runtime.pod_security_context.clone());
    append(&mut pod.image_pull_secrets, &runtime.image_pull_secrets);
    replace_by_key(
        pod.volumes.get_or_insert_default(),
        &runtime.volumes,
        |volume| &volume.name,
    );
    for (ours, given) in [
        (&mut pod.priority_class_name, &runtime.priority_class_name),
        (&mut pod.runtime_class_name, &runtime.runtime_class_name),
        (&mut pod.scheduler_name, &runtime.scheduler_name),
        (&mut pod.service_account_name, &runtime.service_account_name),
    ] {
        ours.clone_from(given);
    }
}

/// Changes on which nodes the pods may run.
pub(super) fn place(runtime: &RuntimeSpec, pod: &mut PodSpec) {
    pod.affinity.merge_from(runtime.affinity.clone());
    extend(&mut pod.node_selector, &runtime.node_selector);
    append(&mut pod.tolerations, &runtime.tolerations);
}

fn apply_to_container(runtime: &RuntimeSpec, container: &mut Container) {
    container.image_pull_policy = runtime
        .image_pull_policy
        .map(|policy| policy.as_str().to_owned());
    container
        .security_context
        .merge_from(runtime.security_context.clone());
    append(&mut container.args, &runtime.args);
    append(&mut container.env_from, &runtime.env_from);
    replace_by_key(
        container.env.get_or_insert_default(),
        &runtime.env,
        |variable| &variable.name,
    );
    replace_by_key(
        container.volume_mounts.get_or_insert_default(),
        &runtime.volume_mounts,
        |mount| &mount.mount_path,
    );
    if let Some(given) = &runtime.resources {
        apply_resources(given, container.resources.get_or_insert_default());
    }
}

/// Kubernetes takes a limit for a request where there is none, so a limit alone takes our request
/// away: it might be above.
pub(super) fn apply_resources(given: &ResourcesSpec, ours: &mut ResourceRequirements) {
    let requests = ours.requests.get_or_insert_default();
    let limits = ours.limits.get_or_insert_default();
    for (resource, amount) in &given.limits {
        requests.remove(resource);
        limits.insert(resource.clone(), amount.clone());
    }
    for (resource, amount) in &given.requests {
        requests.insert(resource.clone(), amount.clone());
    }
    let given = given.limits.iter().chain(&given.requests);
    for (resource, amount) in given.filter(|(resource, _)| cannot_be_overcommitted(resource)) {
        for amounts in [&mut *requests, &mut *limits] {
            if amount.0 == "0" {
                amounts.remove(resource);
            } else {
                amounts.insert(resource.clone(), amount.clone());
            }
        }
    }
}

/// Kubernetes wants request and limit of such a resource to be the same.
fn cannot_be_overcommitted(resource: &str) -> bool {
    resource.contains('/') || resource.starts_with("hugepages-")
}

fn extend(ours: &mut Option<BTreeMap<String, String>>, given: &BTreeMap<String, String>) {
    if !given.is_empty() {
        ours.get_or_insert_default().extend(given.clone());
    }
}

fn append<T: Clone>(ours: &mut Option<Vec<T>>, given: &[T]) {
    if !given.is_empty() {
        ours.get_or_insert_default().extend_from_slice(given);
    }
}

/// Each in the place of ours of the same key, else behind them.
fn replace_by_key<T: Clone>(ours: &mut Vec<T>, given: &[T], key: impl Fn(&T) -> &str) {
    for new in given {
        match ours.iter_mut().find(|old| key(old) == key(new)) {
            Some(old) => old.clone_from(new),
            None => ours.push(new.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::manifest::test_support::{Example, pod};

    fn built(runtime: Value) -> Value {
        pod(&Example::default().with_runtime(runtime).manifests())
    }

    #[test]
    fn the_intents_variable_wins_and_keeps_its_place() {
        let pod = built(json!({
            "hfTokenSecret": {"name": "hf", "key": "token"},
            "env": [{"name": "HF_HOME", "value": "/elsewhere"}, {"name": "HTTPS_PROXY", "value": "p"}],
        }));
        let env = pod["containers"][0]["env"].as_array().unwrap();
        let names: Vec<_> = env.iter().map(|it| it["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["HF_HOME", "HF_TOKEN", "HTTPS_PROXY"]);
        assert_eq!(env[0]["value"], "/elsewhere");
    }

    #[test]
    fn a_volume_of_a_generated_name_replaces_it() {
        let pod = built(json!({
            "volumes": [{"name": "model-cache", "nfs": {"server": "s", "path": "/p"}}],
            "volumeMounts": [{"name": "model-cache", "mountPath": "/extra", "readOnly": true}],
        }));
        assert_eq!(
            pod["volumes"][0],
            json!({"name": "model-cache", "nfs": {"server": "s", "path": "/p"}})
        );
        assert_eq!(
            pod["containers"][0]["volumeMounts"]
                .as_array()
                .unwrap()
                .len(),
            3
        );
    }

    #[test]
    fn tolerations_and_node_labels_are_added_to_those_of_the_hardware() {
        let pod = built(json!({
            "tolerations": [{"key": "team", "operator": "Exists"}],
            "nodeSelector": {"zone": "a"},
            "affinity": {"podAntiAffinity": {}, "nodeAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": {}}],
            }},
        }));
        assert_eq!(pod["tolerations"][0]["key"], "nvidia.com/gpu");
        assert_eq!(pod["tolerations"][1]["key"], "team");
        assert_eq!(pod["nodeSelector"], json!({"zone": "a"}));
        let required =
            &pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
        assert_eq!(required["nodeSelectorTerms"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn security_settings_are_merged() {
        let pod = built(json!({
            "podSecurityContext": {"runAsNonRoot": true, "runAsUser": 2000, "fsGroup": 2000},
            "securityContext": {"readOnlyRootFilesystem": true},
        }));
        assert_eq!(
            pod["securityContext"],
            json!({
                "fsGroup": 2000, "runAsNonRoot": true, "runAsUser": 2000,
                "seccompProfile": {"type": "RuntimeDefault"},
            })
        );
        assert_eq!(
            pod["containers"][0]["securityContext"],
            json!({
                "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": true,
            })
        );
    }

    #[test]
    fn no_request_is_left_above_its_limit() {
        let resources =
            |given: Value| built(json!({"resources": given}))["containers"][0]["resources"].clone();
        assert_eq!(
            resources(json!({"limits": {"memory": "8Gi", "nvidia.com/gpu": 4}})),
            json!({
                "limits": {"memory": "8Gi", "nvidia.com/gpu": "4"},
                "requests": {"cpu": "4", "ephemeral-storage": "72Gi", "nvidia.com/gpu": "4"},
            })
        );
        assert_eq!(
            resources(json!({"requests": {"cpu": 16, "nvidia.com/gpu": "1"}})),
            json!({
                "limits": {"nvidia.com/gpu": "1"},
                "requests": {
                    "cpu": "16", "ephemeral-storage": "72Gi", "memory": "16Gi", "nvidia.com/gpu": "1",
                },
            })
        );
        let mig = json!({"limits": {"nvidia.com/gpu": 0, "nvidia.com/mig-3g.40gb": 1}});
        assert_eq!(
            resources(mig)["limits"],
            json!({"nvidia.com/mig-3g.40gb": "1"})
        );
    }

    #[test]
    fn labels_go_on_objects_and_pod_labels_on_pods() {
        let example = Example::default().with_runtime(json!({
            "labels": {"team": "a"}, "annotations": {"note": "b"},
            "podLabels": {"sidecar": "no"}, "podAnnotations": {"scrape": "yes"},
        }));
        let manifests = example.manifests();
        for object in manifests.objects() {
            let metadata = &object.content["metadata"];
            assert_eq!(metadata["labels"]["team"], "a");
            assert_eq!(metadata["annotations"]["note"], "b");
            assert_eq!(
                metadata["labels"]["app.kubernetes.io/managed-by"],
                "compass"
            );
        }
        let template = &manifests.workload().content["spec"]["template"]["metadata"];
        assert_eq!(template["annotations"], json!({"scrape": "yes"}));
        assert_eq!(template["labels"]["sidecar"], "no");
        assert_eq!(template["labels"].get("team"), None);
        assert_eq!(template["labels"]["app.kubernetes.io/name"], "vllm");
    }

    #[test]
    fn what_compass_finds_its_objects_by_is_refused() {
        let refused = |runtime: Value| {
            let example = Example::default().with_runtime(runtime);
            example.try_plan().unwrap_err().to_string()
        };
        for key in [
            "app.kubernetes.io/name",
            "app.kubernetes.io/instance",
            "app.kubernetes.io/managed-by",
            "app.kubernetes.io/component",
            "compass.dev/anything",
        ] {
            for field in ["labels", "podLabels", "podAnnotations", "annotations"] {
                let problem = refused(json!({field: {key: "x"}}));
                assert!(
                    problem.contains(&format!("runtime.{field}: \"{key}\"")),
                    "{problem}"
                );
            }
        }
        for args in [
            json!(["--port=9000"]),
            json!(["--port", "9000"]),
            json!(["--host", "127.0.0.1"]),
        ] {
            let problem = refused(json!({"args": args}));
            assert!(problem.contains("probes and Service"), "{problem}");
        }
    }
}
