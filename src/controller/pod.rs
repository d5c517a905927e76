//! A pod as far as a rollout needs it: some hundred bytes of the many thousand. Pure.

use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::ResourceExt;

use super::trouble::{Trouble, trouble};
use crate::manifest::label;

/// Label that a Deployment's controller gives the pods of one revision.
const REVISION: &str = "pod-template-hash";

/// What a rollout needs to know of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    /// Name of the pod.
    pub name: String,
    /// Name of its ReplicaSet, which is the Deployment's name and the revision's hash.
    pub replica_set: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Whether it holds what it asked for on some node.
    pub is_placed: bool,
    /// Whether it is about to go, or over.
    pub is_leaving: bool,
    /// Whether it serves.
    pub is_ready: bool,
    /// GPUs that it asks for.
    pub gpus: u64,
    /// Equal where two pods may run on the same nodes.
    pub nodes: u64,
    /// What keeps it from serving.
    pub trouble: Option<Trouble>,
}

/// The intent that a pod may belong to, and the pod; nothing where a Deployment's controller did not
/// make it.
pub fn replica(pod: &Pod) -> Option<(&str, Replica)> {
    let labels = pod.metadata.labels.as_ref()?;
    let (intent, revision) = (labels.get(label::INSTANCE)?, labels.get(REVISION)?);
    let replica_set = format!("{intent}-{revision}");
    let owner = pod.metadata.owner_references.iter().flatten();
    let mut owner = owner.filter(|owner| owner.controller == Some(true));
    let is_ours = owner.any(|owner| (&*owner.kind, &*owner.name) == ("ReplicaSet", &*replica_set));
    let spec = pod.spec.as_ref()?;
    let phase = pod.status.as_ref().and_then(|it| it.phase.as_deref());
    is_ours.then(|| {
        let replica = Replica {
            name: pod.name_any(),
            replica_set,
            created: pod.metadata.creation_timestamp.as_ref().map(|it| it.0),
            is_placed: spec.node_name.is_some(),
            is_leaving: pod.metadata.deletion_timestamp.is_some()
                || matches!(phase, Some("Failed" | "Succeeded")),
            is_ready: is_ready(pod),
            gpus: gpus(spec),
            nodes: nodes(spec),
            trouble: trouble(pod),
        };
        (intent.as_str(), replica)
    })
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|it| it.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// GPUs of all containers; whole numbers, as the API server demands of extended resources.
pub fn gpus(spec: &PodSpec) -> u64 {
    let limits = spec
        .containers
        .iter()
        .filter_map(|it| it.resources.as_ref());
    limits
        .flat_map(|resources| resources.limits.iter().flatten())
        .filter(|(resource, _)| resource.ends_with("/gpu"))
        .filter_map(|(_, Quantity(amount))| amount.parse::<u64>().ok())
        .sum()
}

/// A fingerprint of which nodes a pod may run on.
pub fn nodes(spec: &PodSpec) -> u64 {
    let affinity = spec.affinity.as_ref();
    let affinity = affinity.and_then(|affinity| affinity.node_affinity.as_ref());
    let mut hasher = DefaultHasher::new();
    let described = serde_json::json!([affinity, spec.node_selector]).to_string();
    described.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod() -> serde_json::Value {
        serde_json::json!({
            "metadata": {
                "name": "chat-7d9c-x2x4z",
                "labels": {"app.kubernetes.io/instance": "chat", "pod-template-hash": "7d9c"},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "chat-7d9c",
                    "uid": "1", "controller": true}],
            },
            "spec": {"nodeName": "h100-0", "nodeSelector": {"a": "b"}, "containers": [
                {"name": "vllm", "resources": {"limits": {"nvidia.com/gpu": "2", "cpu": "4"}}}]},
        })
    }

    fn of(pod: &serde_json::Value) -> Option<(String, Replica)> {
        let pod: Pod = serde_json::from_value(pod.clone()).unwrap();
        replica(&pod).map(|(intent, replica)| (intent.to_owned(), replica))
    }

    #[test]
    fn a_replica_is_what_a_deployment_of_the_intents_name_made() {
        let (intent, replica) = of(&pod()).unwrap();
        assert_eq!(
            (&*intent, replica.gpus, replica.is_placed),
            ("chat", 2, true)
        );
        let mut bare = pod();
        bare["metadata"]["ownerReferences"] = serde_json::json!([]);
        let mut theirs = pod();
        theirs["metadata"]["ownerReferences"][0]["name"] = "other-7d9c".into();
        let mut unlabelled = pod();
        unlabelled["metadata"]["labels"] = serde_json::json!({});
        for pod in [bare, theirs, unlabelled] {
            assert_eq!(of(&pod), None, "{pod}");
        }
    }

    #[test]
    fn pods_for_other_nodes_are_told_apart() {
        let mut other = pod();
        other["spec"]["nodeSelector"]["a"] = "c".into();
        let nodes = |pod: &serde_json::Value| of(pod).unwrap().1.nodes;
        assert_ne!(nodes(&pod()), nodes(&other));
        other["spec"]["nodeSelector"]["a"] = "b".into();
        other["spec"]["nodeName"] = "h100-1".into();
        assert_eq!(nodes(&pod()), nodes(&other));
    }
}
