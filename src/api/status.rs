//! What Compass answers. Rates and money are decimal strings; shown p95s are rounded up to 0.1 ms,
//! so that a shown figure never looks better than the evidence.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Objective;
use crate::benchmark::EvidenceKind;
use crate::catalog::ExperienceClass;

/// The answer to an intent. Everything but `conditions` describes the last decision.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentIntentStatus {
    /// Generation of the spec that the rest of the status answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling, Stalled, EvidenceCurrent, Delivered, DeliveredComplies,
    /// BetterRecommendationAvailable and PredictionHolds.
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
    /// What the other objectives would have chosen on the same evidence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3))]
    pub other_objectives: Vec<OtherObjectiveStatus>,
    /// What of the answer this cluster can place now; absent where nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<PlacementStatus>,
    /// Why the others were left out, what would help, and what is worth benchmarking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<ExplanationStatus>,
    /// What runs, in mode Apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered: Option<DeliveredStatus>,
    /// A decision that is better than what runs, or that what runs needs, and that waits (R12).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposed: Option<ProposedStatus>,
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
    /// Room between the predicted p95s and their targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headroom_percent: Option<HeadroomStatus>,
    /// Requests per second that one replica was shown to serve within the targets.
    pub capacity_per_replica: String,
    /// Nobody tested a higher rate to its failure: the capacity may be larger.
    pub capacity_is_lower_bound: bool,
    /// No plausible capacity of another configuration makes it cheaper. While false the answer is
    /// provisional: explanation.worthRunning names the benchmarks that could change it.
    #[serde(default)]
    pub settled: bool,
    /// Up to which demand the answer holds; absent without a demand, and for the objectives Latency
    /// and Balanced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_even: Option<BreakEvenStatus>,
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

/// What of an answer a cluster can place: GPUs of nodes that take the pods, and ResourceQuotas. GPUs
/// that pods of the intent hold count as free.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlacementStatus {
    /// Whether there is room for all replicas of the recommendation, as far as that was looked at;
    /// absent without a recommendation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeable: Option<bool>,
    /// Where there is not: for how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Where the recommendation cannot be placed: the best that can, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_here: Option<BestHereStatus>,
    /// What could not be looked at, and why: there may be less room than it seems.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3))]
    pub unchecked: Vec<String>,
}

/// The best configuration that a cluster can place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BestHereStatus {
    /// Hugging Face repository.
    pub model: String,
    /// GPUs of one replica, e.g. 2xH100.
    pub accelerators: String,
    /// Replicas.
    pub replicas: i32,
    /// US dollars per hour of all replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_per_hour: Option<String>,
}

/// Room between p95s and targets, whole percent of the target, rounded down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeadroomStatus {
    /// Time to first token.
    pub ttft: i32,
    /// Inter-token latency.
    pub itl: i32,
    /// End-to-end latency.
    pub e2e: i32,
}

/// Up to which demand an answer holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BreakEvenStatus {
    /// Demand that the recommended replicas hold with the headroom.
    pub same_replicas_up_to_requests_per_second: String,
    /// Demand up to which no other configuration is the answer, with more replicas where needed.
    pub same_configuration_up_to_requests_per_second: String,
    /// What comes beyond that.
    pub then: String,
}

/// What another objective would have chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OtherObjectiveStatus {
    /// The objective.
    pub objective: Objective,
    /// Hugging Face repository.
    pub model: String,
    /// GPUs of one replica, e.g. 2xH100.
    pub accelerators: String,
    /// Replicas.
    pub replicas: i32,
    /// US dollars per hour of all replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_per_hour: Option<String>,
    /// Catalog score of the model for the use case, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<i32>,
}

/// A benchmark that could change the answer: steady, with 1,000 requests or more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorthRunningStatus {
    /// Why it is worth running.
    pub reason: String,
    /// Hugging Face repository.
    pub model: String,
    /// GPUs of one replica, e.g. 2xH100.
    pub accelerators: String,
    /// Framework and version to run it with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub framework: Option<String>,
    /// Rates to offer to one replica.
    pub requests_per_second: Vec<String>,
    /// Replicas that the demand would need if the benchmark meets the targets.
    pub replicas: i32,
    /// US dollars that it could save in a month of 730 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saving_per_month: Option<String>,
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
    /// The three that come nearest to their targets without meeting them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3))]
    pub nearest_misses: Vec<NearMissStatus>,
    /// The smallest changes of targets and constraints after which something complies, or, where
    /// something does, a cheaper or better configuration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 12))]
    pub relaxation: Vec<RelaxationStatus>,
    /// Other configurations that could turn out to cost less than the recommendation.
    #[serde(default)]
    pub challengers: i32,
    /// The benchmarks that could change the answer, the one that could save most first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    pub worth_running: Vec<WorthRunningStatus>,
    /// Hardware that may be chosen and has no benchmarks for the traffic profile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub hardware_without_benchmarks: Vec<String>,
    /// Models that the intent allows and that have no benchmarks for the traffic profile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub models_without_benchmarks: Vec<String>,
    /// Names in the intent that nobody knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub unknown_names: Vec<String>,
    /// Where the profile has no benchmarks: the profiles that have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub profiles_with_benchmarks: Vec<String>,
    /// Where the intent allows estimates: how many configurations without benchmarks for the traffic
    /// profile are estimated, and how many are not for each reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 6))]
    pub estimates: Vec<String>,
}

/// Configurations left out, by the first thing that stops them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExcludedStatus {
    /// Only evidence of a kind, age or load that may not back a decision.
    pub by_evidence: i32,
    /// Model or hardware not allowed, or quality below the floor or unknown.
    pub by_constraints: i32,
    /// More GPUs or cost than allowed, or, with hardware.availableOnly, than this cluster has room for.
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

/// A change of a target or constraint, and what it admits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RelaxationStatus {
    /// What to change, e.g. "TTFT p95 150 -> 173 ms" or "hardware.maxGpus 16 -> 24".
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
    /// How much more (or, negative, less) that is than the recommendation, percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_change_percent: Option<i32>,
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

/// A decision that waits for approval, or for what runs to miss a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProposedStatus {
    /// Digest of the decision: what spec.delivery.approvedDigest approves.
    pub digest: String,
    /// Hugging Face repository.
    pub model: String,
    /// GPU.
    pub hardware: String,
    /// GPUs of one replica.
    pub gpus_per_replica: i32,
    /// GPUs of one replica, e.g. 2xH100.
    pub accelerators: String,
    /// Replicas.
    pub replicas: i32,
    /// US dollars per hour of all replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_per_hour: Option<String>,
    /// US dollars per month of 730 hours that it costs less than what runs; negative where it costs
    /// more; absent where a price is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saving_per_month: Option<String>,
    /// Why it is not delivered, and how to have it.
    pub reason: String,
    /// What would change, e.g. "hardware 2xH100 -> 1xH200".
    pub changes: Vec<String>,
}

/// Where the generated manifests are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManifestsStatus {
    /// ConfigMap in the intent's namespace.
    pub config_map: String,
    /// SHA-256 of the YAML.
    pub digest: String,
    /// What they leave out or hold back, and what of them the cluster has no kind for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub notes: Vec<String>,
    /// Where spec.runtime makes the deployment another than was benchmarked: the predicted latencies
    /// are not claimed of it. The first ten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), inner(length(max = 200)))]
    pub deviations: Vec<String>,
}
