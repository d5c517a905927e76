//! What a user may have beside the workload, and what the workload is to be.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Names of objects: DNS subdomains.
const OBJECT_NAME: &str = r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$";
/// Names of namespaces, Services and listeners: DNS labels.
const LABEL_NAME: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// Bytes, as Kubernetes writes amounts of storage.
const STORAGE: &str = r"^[1-9][0-9]{0,5}(Mi|Gi|Ti)$";
/// Host names, also with a wildcard in the place of the first label.
const HOST_NAME: &str = r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

/// Which object runs the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RuntimeTarget {
    /// A Deployment and a Service.
    #[default]
    Deployment,
    /// KServe's LLMInferenceService, which makes both.
    LLMInferenceService,
}

/// A claim for the model's files, so that a start does not download them again.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ModelCacheSpec {
    /// Storage, e.g. 200Gi. Default 2.5 times the weights: room for the next model beside this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 9), regex(pattern = STORAGE))]
    pub size: Option<String>,
    /// Class of the storage; else the cluster's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub storage_class_name: Option<String>,
    /// Who may mount it at once. Default ReadWriteMany where there can be several replicas, else
    /// ReadWriteOnce. A claim's modes cannot be changed later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 3))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub access_modes: Option<Vec<AccessMode>>,
    /// Whether the claim outlives the intent. Default true.
    #[serde(default = "yes")]
    pub retain: bool,
}

fn yes() -> bool {
    true
}

/// Who may mount a volume at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AccessMode {
    /// The pods of one node.
    ReadWriteOnce,
    /// Every pod.
    ReadWriteMany,
    /// One pod.
    ReadWriteOncePod,
}

impl AccessMode {
    /// As Kubernetes has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadWriteOnce => "ReadWriteOnce",
            Self::ReadWriteMany => "ReadWriteMany",
            Self::ReadWriteOncePod => "ReadWriteOncePod",
        }
    }
}

/// More replicas where more is asked than was planned; never fewer than the demand needs.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("self.kind != 'ScaledObject' || has(self.prometheusAddress)")
    .message("kind ScaledObject needs prometheusAddress: KEDA asks Prometheus itself"))]
#[x_kube(validation = Rule::new("self.kind == 'ScaledObject' || !has(self.prometheusAddress)")
    .message("prometheusAddress is for kind ScaledObject: a HorizontalPodAutoscaler reads its metric from the cluster's metrics API"))]
pub struct AutoscalingSpec {
    /// Which object scales.
    #[serde(default)]
    pub kind: AutoscalerKind,
    /// Most replicas. Default twice those of the recommendation; hardware.maxGpus and
    /// hardware.maxCostPerHour hold here too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_replicas: Option<i32>,
    /// Where KEDA finds Prometheus, e.g. `http://prometheus.monitoring:9090`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 300), regex(pattern = r"^https?://[^\s]+$"))]
    pub prometheus_address: Option<String>,
}

/// Which object scales.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AutoscalerKind {
    /// Kubernetes' own; its metric comes from an adapter for Prometheus.
    #[default]
    HorizontalPodAutoscaler,
    /// KEDA's.
    ScaledObject,
}

/// What is watched once it runs, for the same targets that the recommendation meets.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MonitoringSpec {
    /// A PodMonitor, by which the Prometheus operator scrapes the pods.
    #[serde(default)]
    pub pod_monitor: bool,
    /// A PrometheusRule: alerts on the rate at which the targets' error budget burns.
    #[serde(default)]
    pub prometheus_rule: bool,
    /// A ConfigMap with a dashboard that Grafana's sidecar loads.
    #[serde(default)]
    pub dashboard: bool,
    /// Labels by which Prometheus finds the PodMonitor and the PrometheusRule.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "labels_schema")]
    pub labels: BTreeMap<String, String>,
    /// What vLLM's metrics begin with where a distribution renames them. Default vllm:.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-zA-Z_:][a-zA-Z0-9_:]*$")
    )]
    pub metrics_prefix: Option<String>,
}

fn labels_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 16,
        "additionalProperties": {
            "type": "string",
            "maxLength": 63,
            "pattern": "^([A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?)?$",
        },
    })
}

/// How requests reach the model through a Gateway.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GatewaySpec {
    /// The Gateways that take the requests.
    #[schemars(length(min = 1, max = 8))]
    pub parent_refs: Vec<GatewayRef>,
    /// Host names of the requests; else all that the Gateways listen for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        inner(length(min = 1, max = 253), regex(pattern = HOST_NAME))
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub hostnames: Vec<String>,
    /// Let an endpoint picker choose the replica of each request, by an InferencePool, in place of
    /// the Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inference_pool: Option<InferencePoolSpec>,
}

/// A Gateway.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GatewayRef {
    /// Its name.
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub name: String,
    /// Its namespace; else the intent's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = LABEL_NAME))]
    pub namespace: Option<String>,
    /// One of its listeners; else all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub section_name: Option<String>,
}

/// A pool of the replicas, as the Gateway API Inference Extension has it.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InferencePoolSpec {
    /// What chooses the replica of a request; it is installed by whoever runs the Gateway. Not with
    /// target LLMInferenceService: KServe runs its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_picker: Option<EndpointPickerRef>,
}

/// The Service of an endpoint picker, in the intent's namespace.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EndpointPickerRef {
    /// Name of the Service.
    #[schemars(length(min = 1, max = 63), regex(pattern = LABEL_NAME))]
    pub name: String,
    /// Its port. Default 9002.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65_535))]
    pub port: Option<i32>,
}

/// Who may speak to the pods, and to whom they may speak.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkPolicySpec {
    /// Who may send requests, and scrape metrics, which is the same port.
    #[schemars(length(min = 1, max = 16))]
    pub allow_from: Vec<NetworkPeer>,
}

/// Pods, by their labels and those of their namespaces.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("has(self.namespaceLabels) || has(self.podLabels)")
    .message("give namespaceLabels, podLabels or both"))]
pub struct NetworkPeer {
    /// Labels of the namespace; {} is every namespace. Without it: the intent's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "labels_schema")]
    pub namespace_labels: Option<BTreeMap<String, String>>,
    /// Labels of the pods. Without it: every pod there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "labels_schema")]
    pub pod_labels: Option<BTreeMap<String, String>>,
}
