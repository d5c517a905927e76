//! What a user may change of the generated vLLM deployment.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, EnvFromSource, EnvVar, LocalObjectReference, PodSecurityContext, SecurityContext,
    Toleration, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    AutoscalingSpec, GatewaySpec, ModelCacheSpec, MonitoringSpec, NetworkPolicySpec, RuntimeTarget,
    kubernetes,
};

/// Names of claims and Secrets: DNS subdomains.
const OBJECT_NAME: &str = r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$";

/// Values of labels.
const LABEL_VALUE: &str = r"^([A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?)?$";

/// Overrides of the generated vLLM deployment. What contradicts the evidence is applied and told: the
/// condition PredictionHolds is False then.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("!(has(self.modelCache) && has(self.modelCacheClaim))")
    .message("modelCache makes a claim and modelCacheClaim names one: give one of them"))]
#[x_kube(validation = Rule::new("!has(self.gateway) || !has(self.gateway.inferencePool) || (self.target == 'Deployment') == has(self.gateway.inferencePool.endpointPicker)")
    .message("gateway.inferencePool.endpointPicker is needed with target Deployment, and left out with LLMInferenceService, where KServe runs its own"))]
pub struct RuntimeSpec {
    /// Which object runs the model.
    #[serde(default)]
    pub target: RuntimeTarget,
    /// A claim for the model's files, made with the workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_cache: Option<ModelCacheSpec>,
    /// More replicas where more is asked than was planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<AutoscalingSpec>,
    /// What is watched once it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitoring: Option<MonitoringSpec>,
    /// How requests reach the model through a Gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewaySpec>,
    /// Who may speak to the pods, and to whom they may speak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_policy: Option<NetworkPolicySpec>,
    /// Container image, instead of the operator's repository at the benchmark's vLLM version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 300), regex(pattern = r"^\S+$"))]
    pub image: Option<String>,
    /// When the image is pulled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<ImagePullPolicy>,
    /// Secrets to pull the image with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "kubernetes::list::<LocalObjectReference>")]
    pub image_pull_secrets: Vec<LocalObjectReference>,
    /// Secret key with the Hugging Face token; gated models need one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hf_token_secret: Option<SecretKeyRef>,
    /// Existing PersistentVolumeClaim for the model cache; else the cache lives with the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub model_cache_claim: Option<String>,
    /// Path of the model in a volume or the image, which is then served from there without a hub.
    /// models.allow must name that one model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 500), regex(pattern = r"^/[^\s$]+$"))]
    pub model_path: Option<String>,
    /// Names that the model answers to, beside its repository's and the intent's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        inner(
            length(min = 1, max = 200),
            regex(pattern = r"^[A-Za-z0-9][-._:/@A-Za-z0-9]*$")
        )
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub served_model_names: Vec<String>,
    /// Longest sequence, tokens, instead of the profile's with slack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max_model_len: Option<i32>,
    /// Further arguments of vllm serve, after the generated ones: of an argument given twice, the
    /// last counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 4096)))]
    pub args: Vec<String>,
    /// Environment variables; one of a generated name replaces it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "kubernetes::list::<EnvVar>")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub env: Vec<EnvVar>,
    /// ConfigMaps and Secrets whose keys become environment variables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "kubernetes::list::<EnvFromSource>")]
    pub env_from: Vec<EnvFromSource>,
    /// Volumes of the pod; one called model-cache or shared-memory replaces the generated one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "kubernetes::list::<Volume>")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub volumes: Vec<Volume>,
    /// Where volumes are in vLLM's container; one at a generated path replaces it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "kubernetes::list::<VolumeMount>")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["mountPath".into()]))]
    pub volume_mounts: Vec<VolumeMount>,
    /// Requests and limits of vLLM's container, each in place of the generated one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourcesSpec>,
    /// Labels that a node must have, beside those of the benchmarked hardware.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "kubernetes::map::<String>")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints that pods tolerate, beside that of GPU nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "kubernetes::list::<Toleration>")]
    pub tolerations: Vec<Toleration>,
    /// Placement. A required node affinity replaces the generated one, which pins the benchmarked
    /// hardware.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "kubernetes::object::<Affinity>")]
    pub affinity: Option<Affinity>,
    /// PriorityClass of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub priority_class_name: Option<String>,
    /// RuntimeClass of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub runtime_class_name: Option<String>,
    /// Scheduler of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub scheduler_name: Option<String>,
    /// ServiceAccount of the pods. Its token is not mounted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub service_account_name: Option<String>,
    /// Security settings of the pods, merged over the generated ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "kubernetes::object::<PodSecurityContext>")]
    pub pod_security_context: Option<PodSecurityContext>,
    /// Security settings of vLLM's container, merged over the generated ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "kubernetes::object::<SecurityContext>")]
    pub security_context: Option<SecurityContext>,
    /// Labels of every generated object, but not of the pods.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "labels_schema")]
    pub labels: BTreeMap<String, String>,
    /// Annotations of every generated object, but not of the pods.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "kubernetes::map::<String>")]
    pub annotations: BTreeMap<String, String>,
    /// Labels of the pods.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "labels_schema")]
    pub pod_labels: BTreeMap<String, String>,
    /// Annotations of the pods.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "kubernetes::map::<String>")]
    pub pod_annotations: BTreeMap<String, String>,
    /// Changes that nothing above can make, applied last and in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub patches: Vec<ObjectPatch>,
}

fn labels_schema(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = kubernetes::map::<String>(generator);
    schema.insert(
        "additionalProperties".into(),
        json!({"type": "string", "maxLength": 63, "pattern": LABEL_VALUE}),
    );
    schema
}

/// When a container's image is pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ImagePullPolicy {
    /// Before every start.
    Always,
    /// Where the node does not have it.
    IfNotPresent,
    /// By somebody else.
    Never,
}

impl ImagePullPolicy {
    /// As Kubernetes has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}

/// Amounts by resource, such as cpu, memory or nvidia.com/gpu. Of an extended resource such as a
/// GPU, 0 takes it away.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourcesSpec {
    /// What a node must have free. A resource with a limit and no request here asks for its limit.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "kubernetes::map::<Quantity>")]
    pub requests: BTreeMap<String, Quantity>,
    /// What the container may use.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "kubernetes::map::<Quantity>")]
    pub limits: BTreeMap<String, Quantity>,
}

/// A change of generated objects.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ObjectPatch {
    /// Which objects it changes.
    pub target: PatchTarget,
    /// YAML: a mapping is a strategic-merge patch, a list a JSON patch (RFC 6902). Kinds that are not
    /// built into Kubernetes take a JSON merge patch (RFC 7386) in place of a strategic one.
    #[schemars(length(min = 1, max = 16384))]
    pub patch: String,
}

/// Which generated objects a patch changes.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PatchTarget {
    /// Their kind, e.g. Deployment.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[A-Za-z][A-Za-z0-9]*$"))]
    pub kind: String,
}

/// A key of a Secret in the intent's namespace.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretKeyRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub name: String,
    /// Key in the Secret.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}
