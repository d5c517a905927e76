//! What a user may change of the generated vLLM deployment.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{
    AutoscalingSpec, GatewaySpec, ModelCacheSpec, MonitoringSpec, NetworkPolicySpec, RuntimeTarget,
};

/// Names of claims and Secrets: DNS subdomains.
const OBJECT_NAME: &str = r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$";

/// Overrides of the generated vLLM deployment.
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
    /// Secret key with the Hugging Face token; gated models need one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hf_token_secret: Option<SecretKeyRef>,
    /// Existing PersistentVolumeClaim for the model cache; else the cache lives with the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub model_cache_claim: Option<String>,
    /// Longest sequence, tokens, instead of the profile's with slack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max_model_len: Option<i32>,
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
