//! Names and labels. No value can exceed what Kubernetes takes: the types refuse it.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::BuildError;
use crate::api::GROUP;

/// Keys of the annotations that pin a workload to its evidence. What runs is read from these,
/// never from a status (R12).
pub mod annotation {
    /// Decision digest (R11).
    pub const DECISION_DIGEST: &str = "compass.dev/decision-digest";
    /// Digest of what was asked: the spec without delivery, suspend and runtime.
    pub const SPEC_DIGEST: &str = "compass.dev/spec-digest";
    /// Digest of the configuration: model, GPUs, framework and engine settings.
    pub const CONFIGURATION_DIGEST: &str = "compass.dev/configuration-digest";
    /// When the newest of the backing benchmarks ran.
    pub const NEWEST_BENCHMARK: &str = "compass.dev/newest-benchmark";
    /// Ids of the backing benchmarks, comma separated, that of the operating row first.
    pub const BENCHMARKS: &str = "compass.dev/benchmarks";
    /// Hugging Face repository.
    pub const MODEL: &str = "compass.dev/model";
    /// Canonical hardware name.
    pub const HARDWARE: &str = "compass.dev/hardware";
    /// GPUs of one replica.
    pub const GPUS_PER_REPLICA: &str = "compass.dev/gpus-per-replica";
    /// Replicas that were decided on; an autoscaler may run more.
    pub const REPLICAS: &str = "compass.dev/replicas";
    /// p95 latencies of the operating row, ms, as `ttft=..,itl=..,e2e=..`.
    pub const PREDICTED_P95_MS: &str = "compass.dev/predicted-p95-ms";
    /// measured, simulated or estimated.
    pub const EVIDENCE_KIND: &str = "compass.dev/evidence-kind";
    /// On the model cache's claim: whether it outlives the intent, true or false.
    pub const RETAIN: &str = "compass.dev/retain";
    /// `overridden` where what runs is not what was benchmarked, so that the predicted latencies are
    /// not claimed of it; absent otherwise.
    pub const PREDICTION: &str = "compass.dev/prediction";
}

/// Name of an intent and of its objects: a DNS-1035 label of at most 40 characters, so that what
/// Kubernetes derives from it (pods add 17) stays a label value of at most 63.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ObjectName(String);

impl ObjectName {
    const LONGEST: usize = 40;

    pub(super) fn new(name: &str) -> Result<Self, BuildError> {
        let valid = is_dns_label(name, Self::LONGEST)
            && name.starts_with(|first: char| first.is_ascii_lowercase());
        if valid {
            Ok(Self(name.to_owned()))
        } else {
            Err(BuildError::Name(name.to_owned()))
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Name of a namespace: a DNS-1123 label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Namespace(String);

impl Namespace {
    const LONGEST: usize = 63;

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn new(name: &str) -> Result<Self, BuildError> {
        if is_dns_label(name, Self::LONGEST) {
            Ok(Self(name.to_owned()))
        } else {
            Err(BuildError::Namespace(name.to_owned()))
        }
    }
}

fn is_dns_label(name: &str, longest: usize) -> bool {
    (1..=longest).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// Name, namespace and labels of an intent's objects.
pub(super) fn metadata(name: &ObjectName, namespace: &Namespace) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.0.clone()),
        namespace: Some(namespace.0.clone()),
        labels: Some(labels(name)),
        ..Default::default()
    }
}

/// The same for an object that is named after the intent and what it is.
pub(super) fn metadata_of(name: &ObjectName, suffix: &str, namespace: &Namespace) -> ObjectMeta {
    ObjectMeta {
        name: Some(format!("{}-{suffix}", name.0)),
        ..metadata(name, namespace)
    }
}

/// Keys of the labels by which an intent's objects and pods are found.
pub mod label {
    /// Name of the intent.
    pub const INSTANCE: &str = "app.kubernetes.io/instance";
    /// Who made it: [`COMPASS`].
    pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
    /// Value of [`MANAGED_BY`].
    pub const COMPASS: &str = "compass";
}

/// Labels that a Deployment and a Service find the pods by. A selector cannot be changed, so it
/// holds nothing that a new decision might change.
pub(super) fn selector(name: &ObjectName) -> BTreeMap<String, String> {
    labels_of([
        ("app.kubernetes.io/name", "vllm"),
        (label::INSTANCE, name.as_str()),
    ])
}

/// Labels that KServe gives the pods of an `LLMInferenceService`, as of v0.20.
pub(super) fn kserve_selector(name: &ObjectName) -> BTreeMap<String, String> {
    labels_of([
        (
            "app.kubernetes.io/component",
            "llminferenceservice-workload",
        ),
        ("app.kubernetes.io/name", name.as_str()),
        ("app.kubernetes.io/part-of", "llminferenceservice"),
    ])
}

/// Labels of every object of an intent.
pub(super) fn labels(name: &ObjectName) -> BTreeMap<String, String> {
    let mut labels = labels_of([
        ("app.kubernetes.io/component", "inference"),
        (label::MANAGED_BY, label::COMPASS),
    ]);
    labels.append(&mut selector(name));
    labels
}

/// Whether a label or annotation is Compass's own: its objects and pods are found by it.
pub(super) fn is_reserved(key: &str) -> bool {
    let domain = key.split_once('/').map(|(domain, _)| domain);
    domain == Some(GROUP) || labels(&ObjectName(String::new())).contains_key(key)
}

fn labels_of<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_40_characters_is_taken_and_leaves_room_for_what_pods_add() {
        let longest = "a".repeat(40);
        let name = ObjectName::new(&longest).unwrap();
        assert_eq!(name.as_str(), longest);
        let pod = format!("{}-5f8b9c7d6b-x2x4z", name.as_str());
        assert!(pod.len() <= 63, "{pod}");
        assert_eq!(
            ObjectName::new(&"a".repeat(41)),
            Err(BuildError::Name("a".repeat(41)))
        );
    }

    #[test]
    fn what_is_no_dns_label_is_refused() {
        for name in [
            "", "-a", "a-", "A", "1a", "a.b", "a_b", "a\nb", "é", "a b", "$(a)",
        ] {
            assert!(ObjectName::new(name).is_err(), "{name:?}");
        }
        for namespace in ["", "-a", "a-", "A", "a.b", "a\n---\n", &"a".repeat(64)] {
            assert!(Namespace::new(namespace).is_err(), "{namespace:?}");
        }
        assert!(Namespace::new("1-team").is_ok());
    }

    #[test]
    fn every_label_value_is_valid_for_the_longest_name() {
        let name = ObjectName::new(&"a".repeat(40)).unwrap();
        for (key, value) in labels(&name) {
            assert!(value.len() <= 63, "{key}");
            assert!(
                value
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-'),
                "{key}"
            );
        }
    }
}
