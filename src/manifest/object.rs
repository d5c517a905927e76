//! The kinds of object that Compass writes, and an object of one of them.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use serde_json::{Value, json};

use super::{dashboard, model_cache, yaml};

/// A kind of object that Compass writes. Each of an intent's objects is of another kind, or has a
/// name of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The manifests' YAML, and the dashboard.
    ConfigMap,
    /// The model's files.
    PersistentVolumeClaim,
    /// Who may speak to the pods.
    NetworkPolicy,
    /// How many pods may be taken away at once.
    PodDisruptionBudget,
    /// One address for the pods.
    Service,
    /// The pods.
    Deployment,
    /// The pods, by KServe.
    LLMInferenceService,
    /// More pods where more is asked.
    HorizontalPodAutoscaler,
    /// More pods where more is asked, by KEDA.
    ScaledObject,
    /// The pods, for an endpoint picker.
    InferencePool,
    /// From a Gateway to the pods.
    HTTPRoute,
    /// That Prometheus scrapes the pods.
    PodMonitor,
    /// Alerts.
    PrometheusRule,
}

/// Where the API server has a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource {
    /// API group; empty for the core.
    pub group: &'static str,
    /// Version of the group.
    pub version: &'static str,
    /// The kind's name.
    pub kind: &'static str,
    /// The kind's name in paths.
    pub plural: &'static str,
}

impl Resource {
    /// Group and version, as an object's `apiVersion` has them.
    pub fn api_version(&self) -> String {
        match self.group {
            "" => self.version.to_owned(),
            group => format!("{group}/{}", self.version),
        }
    }
}

impl Kind {
    /// All of them, in the order in which they are written.
    pub const ALL: [Self; 13] = [
        Self::ConfigMap,
        Self::PersistentVolumeClaim,
        Self::NetworkPolicy,
        Self::PodDisruptionBudget,
        Self::Service,
        Self::Deployment,
        Self::LLMInferenceService,
        Self::HorizontalPodAutoscaler,
        Self::ScaledObject,
        Self::InferencePool,
        Self::HTTPRoute,
        Self::PodMonitor,
        Self::PrometheusRule,
    ];

    /// Whether every cluster serves it; others come with a CustomResourceDefinition.
    pub const fn is_built_in(self) -> bool {
        match self {
            Self::ConfigMap
            | Self::PersistentVolumeClaim
            | Self::NetworkPolicy
            | Self::PodDisruptionBudget
            | Self::Service
            | Self::Deployment
            | Self::HorizontalPodAutoscaler => true,
            Self::LLMInferenceService
            | Self::ScaledObject
            | Self::InferencePool
            | Self::HTTPRoute
            | Self::PodMonitor
            | Self::PrometheusRule => false,
        }
    }

    /// Those that run vLLM: their annotations say what runs (R12).
    pub const WORKLOADS: [Self; 2] = [Self::Deployment, Self::LLMInferenceService];

    /// Those that set a workload's replicas.
    pub const AUTOSCALERS: [Self; 2] = [Self::HorizontalPodAutoscaler, Self::ScaledObject];

    /// The name of an intent's object of this kind; the ConfigMap of its manifests has the intent's.
    pub fn name(self, intent: &str) -> String {
        match self {
            Self::ConfigMap => format!("{intent}-{}", dashboard::SUFFIX),
            Self::PersistentVolumeClaim => format!("{intent}-{}", model_cache::SUFFIX),
            _ => intent.to_owned(),
        }
    }

    /// Where the API server has it.
    pub const fn resource(self) -> Resource {
        let (group, version, kind, plural) = match self {
            Self::ConfigMap => ("", "v1", "ConfigMap", "configmaps"),
            Self::PersistentVolumeClaim => {
                ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims")
            }
            Self::NetworkPolicy => (
                "networking.k8s.io",
                "v1",
                "NetworkPolicy",
                "networkpolicies",
            ),
            Self::PodDisruptionBudget => (
                "policy",
                "v1",
                "PodDisruptionBudget",
                "poddisruptionbudgets",
            ),
            Self::Service => ("", "v1", "Service", "services"),
            Self::Deployment => ("apps", "v1", "Deployment", "deployments"),
            Self::LLMInferenceService => (
                "serving.kserve.io",
                "v1alpha2",
                "LLMInferenceService",
                "llminferenceservices",
            ),
            Self::HorizontalPodAutoscaler => (
                "autoscaling",
                "v2",
                "HorizontalPodAutoscaler",
                "horizontalpodautoscalers",
            ),
            Self::ScaledObject => ("keda.sh", "v1alpha1", "ScaledObject", "scaledobjects"),
            Self::InferencePool => (
                "inference.networking.k8s.io",
                "v1",
                "InferencePool",
                "inferencepools",
            ),
            Self::HTTPRoute => ("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes"),
            Self::PodMonitor => ("monitoring.coreos.com", "v1", "PodMonitor", "podmonitors"),
            Self::PrometheusRule => (
                "monitoring.coreos.com",
                "v1",
                "PrometheusRule",
                "prometheusrules",
            ),
        };
        Resource {
            group,
            version,
            kind,
            plural,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.resource().kind)
    }
}

/// An object as data.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// Its kind.
    pub kind: Kind,
    /// All of it, as the API server takes it.
    pub content: Value,
}

impl Object {
    /// An object of a kind whose types are not those of Kubernetes.
    pub(super) fn custom(kind: Kind, metadata: &ObjectMeta, spec: &Value) -> Self {
        let content = json!({
            "apiVersion": kind.resource().api_version(),
            "kind": kind.resource().kind,
            "metadata": metadata,
            "spec": spec,
        });
        Self { kind, content }
    }

    pub(super) fn new(kind: Kind, object: &impl Serialize) -> Self {
        let content = serde_json::to_value(object);
        Self {
            kind,
            content: content.expect("Kubernetes objects are plain data with string keys"),
        }
    }

    /// `metadata.name`.
    pub fn name(&self) -> &str {
        self.content["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
    }

    /// The value of an annotation.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.content["metadata"]["annotations"][key].as_str()
    }

    pub(super) fn annotate(&mut self, key: &str, value: &str) {
        self.content["metadata"]["annotations"][key] = Value::String(value.to_owned());
    }

    /// As a YAML document.
    pub fn yaml(&self) -> String {
        yaml::document(&self.content)
    }
}
