//! What Compass answers. Rates and money are decimal strings; shown p95s are rounded up to 0.1 ms,
//! so that a shown figure never looks better than the evidence.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::benchmark::EvidenceKind;
use crate::catalog::ExperienceClass;

/// The answer to an intent. Everything but `conditions` describes the last decision.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentIntentStatus {
    /// Generation of the spec that the rest of the status answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling, Stalled, EvidenceCurrent and Delivered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions_schema")]
    pub conditions: Vec<Condition>,
    /// The intent with its use case's template and overrides resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requirement: Option<RequirementStatus>,
    /// The configuration that meets the requirement best. Absent where none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommendation: Option<RecommendationStatus>,
    /// The next best ones on another model, hardware or GPU count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    pub alternatives: Vec<AlternativeStatus>,
    /// Why the others were left out, and what would help where nothing complies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<ExplanationStatus>,
    /// What runs, in mode Apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered: Option<DeliveredStatus>,
    /// Where the generated manifests are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifests: Option<ManifestsStatus>,
}

fn conditions_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let mut schema = generator.subschema_for::<Vec<Condition>>();
    schema.insert("x-kubernetes-list-type".into(), "map".into());
    schema.insert(
        "x-kubernetes-list-map-keys".into(),
        serde_json::json!(["type"]),
    );
    schema
}

/// What was asked, resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequirementStatus {
    /// Prompt and output tokens, e.g. 512/256.
    pub traffic_profile: String,
    /// What users expect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experience_class: Option<ExperienceClass>,
    /// p95 targets.
    pub slo: SloStatus,
    /// Demand, given or derived; absent where none was declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<String>,
}

/// p95 targets, ms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SloStatus {
    /// Time to first token.
    pub ttft_p95_ms: i32,
    /// Inter-token latency.
    pub itl_p95_ms: i32,
    /// End-to-end latency.
    pub e2e_p95_ms: i32,
}

/// Benchmarked p95 latencies, ms, rounded up to 0.1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PredictedStatus {
    /// Time to first token.
    pub ttft_p95_ms: String,
    /// Inter-token latency.
    pub itl_p95_ms: String,
    /// End-to-end latency.
    pub e2e_p95_ms: String,
}

/// The recommended configuration and the evidence behind it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecommendationStatus {
    /// Hugging Face repository.
    pub model: String,
    /// GPU, e.g. H100.
    pub hardware: String,
    /// GPUs of one replica: the tensor parallel size.
    pub gpus_per_replica: i32,
    /// GPUs of one replica, e.g. 2xH100.
    pub accelerators: String,
    /// Replicas that the demand with headroom needs, and spare ones.
    pub replicas: i32,
    /// p95 latencies of the benchmark nearest above the load of one replica.
    pub predicted: PredictedStatus,
    /// Requests per second that one replica was shown to serve within the targets.
    pub capacity_per_replica: String,
    /// Nobody tested a higher rate to its failure: the capacity may be larger.
    pub capacity_is_lower_bound: bool,
    /// US dollars per hour of all replicas; absent where the price is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_per_hour: Option<String>,
    /// US dollars per month of 730 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_per_month: Option<String>,
    /// US dollars per hour counted in whole nodes with replicas packed on them; absent where a node's size or the price is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole_node_cost_per_hour: Option<String>,
    /// The target that the prediction comes nearest to.
    pub binding_target: String,
    /// Capacity per replica if every p95 were 10 % higher; absent where nothing would comply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity_if_slower_by_ten_percent: Option<String>,
    /// Whether the demand is still met with one replica lost; absent without a demand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub survives_loss_of_one_replica: Option<bool>,
    /// What the number of replicas takes for granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assumptions: Vec<String>,
    /// What backs the recommendation.
    pub evidence: EvidenceStatus,
    /// What a reader must know before relying on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// SHA-256 of the decision (R11).
    pub digest: String,
}

/// What backs a recommendation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EvidenceStatus {
    /// measured, simulated or estimated.
    pub kind: EvidenceKind,
    /// Who brought the rows.
    pub source: String,
    /// proven, marginal or unknown: how surely the p95s meet the targets.
    pub strength: String,
    /// Date of the benchmark behind the prediction; absent where unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub benchmarked_at: Option<String>,
    /// Framework and version that was benchmarked, e.g. vllm 0.19.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub framework: Option<String>,
    /// Ids of the benchmarks that back the decision.
    pub benchmarks: Vec<String>,
}

/// Another configuration that complies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlternativeStatus {
    /// Hugging Face repository.
    pub model: String,
    /// GPUs of one replica, e.g. 2xH100.
    pub accelerators: String,
    /// Replicas.
    pub replicas: i32,
    /// p95 latencies.
    pub predicted: PredictedStatus,
    /// US dollars per hour of all replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_per_hour: Option<String>,
    /// measured, simulated or estimated.
    pub evidence: EvidenceKind,
}

/// Why the other configurations were left out (R10). The counts add up to `configurations`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExplanationStatus {
    /// Configurations with benchmarks for the traffic profile.
    pub configurations: i32,
    /// Those that meet the requirement.
    pub compliant: i32,
    /// Those left out before their latencies were looked at, and those over a limit after.
    pub excluded: ExcludedStatus,
    /// Those that miss a target.
    pub rejected: i32,
    /// Where nothing complies: the three that come nearest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3))]
    pub nearest_misses: Vec<NearMissStatus>,
    /// Where nothing complies: the smallest changes of the targets after which something does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    pub relaxation: Vec<RelaxationStatus>,
    /// Where the profile has no benchmarks: the profiles that have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub profiles_with_benchmarks: Vec<String>,
}

/// Configurations left out, by the first thing that stops them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExcludedStatus {
    /// Only evidence of a kind, age or load that may not back a decision.
    pub by_evidence: i32,
    /// Model or hardware not allowed, or quality below the floor or unknown.
    pub by_constraints: i32,
    /// More GPUs or cost than allowed.
    pub by_limits: i32,
}

/// A configuration that misses a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NearMissStatus {
    /// Hugging Face repository.
    pub model: String,
    /// GPUs of one replica, e.g. 2xH100.
    pub accelerators: String,
    /// Offered rate of the row, requests per second.
    pub requests_per_second: String,
    /// Each failing target, e.g. "TTFT p95 172.3 ms, target 150 ms".
    pub failing: Vec<String>,
}

/// A change of the targets after which a configuration complies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RelaxationStatus {
    /// What to change, e.g. "TTFT p95 150 -> 173 ms".
    pub change: String,
    /// Hugging Face repository.
    pub model: String,
    /// GPUs of one replica.
    pub accelerators: String,
    /// Replicas.
    pub replicas: i32,
    /// GPUs over all replicas.
    pub gpus: i32,
    /// US dollars per hour of all replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_per_hour: Option<String>,
}

/// What runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveredStatus {
    /// Digest of the decision that was delivered.
    pub digest: String,
    /// Hugging Face repository.
    pub model: String,
    /// GPU.
    pub hardware: String,
    /// GPUs of one replica.
    pub gpus_per_replica: i32,
    /// Replicas.
    pub replicas: i32,
}

/// Where the generated manifests are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManifestsStatus {
    /// ConfigMap in the intent's namespace.
    pub config_map: String,
    /// SHA-256 of the YAML.
    pub digest: String,
}
