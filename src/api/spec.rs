//! What a user declares.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DecimalAmount, DeploymentIntentStatus, RuntimeSpec};
use crate::benchmark::EvidenceKind;
use crate::catalog::{ExperienceClass, SloTargets, UseCase};

/// What a model is to be used for and how fast it must answer; Compass finds the model, GPU and
/// replica count whose benchmarked p95 latencies meet it at the least cost.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "compass.dev",
    version = "v1alpha1",
    kind = "DeploymentIntent",
    plural = "deploymentintents",
    shortname = "di",
    namespaced,
    status = "DeploymentIntentStatus",
    derive = "PartialEq",
    cel,
    doc = "Declares what a model is used for; Compass answers with the model, GPU and replica count whose benchmarked p95 latencies meet it at the least cost.",
    validation = Rule::new("self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')")
        .message("metadata.name must be at most 40 characters, start with a letter and hold only a-z, 0-9 and '-': Services and labels are named after it"),
    printcolumn(name = "Use case", type_ = "string", json_path = ".spec.useCase"),
    printcolumn(name = "Model", type_ = "string", json_path = ".status.recommendation.model"),
    printcolumn(name = "Accelerators", type_ = "string", json_path = ".status.recommendation.accelerators", description = "GPUs of one replica"),
    printcolumn(name = "Replicas", type_ = "integer", json_path = ".status.recommendation.replicas"),
    printcolumn(name = "TTFT p95", type_ = "string", json_path = ".status.recommendation.predicted.ttftP95Ms", description = "Time to first token, p95, ms"),
    printcolumn(name = "ITL p95", type_ = "string", json_path = ".status.recommendation.predicted.itlP95Ms", description = "Inter-token latency, p95, ms"),
    printcolumn(name = "E2E p95", type_ = "string", json_path = ".status.recommendation.predicted.e2eP95Ms", description = "End-to-end latency, p95, ms"),
    printcolumn(name = "$/hour", type_ = "string", json_path = ".status.recommendation.costPerHour"),
    printcolumn(name = "Evidence", type_ = "string", json_path = ".status.recommendation.evidence.kind", priority = 1),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("self.useCase != 'custom' || has(self.trafficProfile)")
    .message("useCase custom has no template: trafficProfile is required"))]
#[x_kube(validation = Rule::new("self.useCase != 'custom' || has(self.experienceClass) || (has(self.slo) && has(self.slo.ttftP95Ms) && has(self.slo.itlP95Ms) && has(self.slo.e2eP95Ms))")
    .message("useCase custom has no template: give experienceClass, or all of slo.ttftP95Ms, slo.itlP95Ms and slo.e2eP95Ms"))]
#[x_kube(validation = Rule::new("self.useCase != 'custom' || !has(self.demand) || !has(self.demand.users) || (has(self.demand.activeFraction) && has(self.demand.requestsPerActiveUserPerMinute) && has(self.demand.peakMultiplier))")
    .message("useCase custom has no workload: demand.users needs demand.activeFraction, demand.requestsPerActiveUserPerMinute and demand.peakMultiplier"))]
#[x_kube(validation = Rule::new("!has(self.runtime) || !has(self.runtime.modelPath) || (has(self.models) && has(self.models.allow) && self.models.allow.size() == 1)")
    .message("runtime.modelPath holds one model, whichever is recommended: models.allow must name exactly that one"))]
pub struct DeploymentIntentSpec {
    /// What the model is for: one of the nine shipped use cases, or custom.
    pub use_case: UseCase,
    /// What users expect of the answer's pace; sets the targets that slo does not give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experience_class: Option<ExperienceClass>,
    /// Tokens of a request, when they differ from the use case's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic_profile: Option<TrafficProfileSpec>,
    /// p95 latency targets that differ from the use case's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slo: Option<SloSpec>,
    /// How much is asked. Without it: one replica, ranked by cost per capacity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub demand: Option<DemandSpec>,
    /// Which models may be chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<ModelsSpec>,
    /// Which hardware may be chosen, and how much of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardware: Option<HardwareSpec>,
    /// Which benchmarks count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<EvidenceSpec>,
    /// What to prefer among configurations that meet the targets.
    #[serde(default)]
    pub objective: Objective,
    /// What to do with the answer.
    #[serde(default)]
    pub delivery: DeliverySpec,
    /// Freezes every write but the status while true.
    #[serde(default)]
    pub suspend: bool,
    /// Overrides of the generated vLLM deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<RuntimeSpec>,
}

/// Tokens of a request.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrafficProfileSpec {
    /// Tokens of the prompt.
    #[schemars(range(min = 1, max = 2_000_000))]
    pub prompt_tokens: i32,
    /// Tokens of the output.
    #[schemars(range(min = 1, max = 2_000_000))]
    pub output_tokens: i32,
}

/// p95 latency targets in milliseconds; each wins over the experience class and the use case.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SloSpec {
    /// Time to first token, p95, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = SloTargets::LARGEST.ttft_p95_ms))]
    pub ttft_p95_ms: Option<i32>,
    /// Inter-token latency, p95, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = SloTargets::LARGEST.itl_p95_ms))]
    pub itl_p95_ms: Option<i32>,
    /// End-to-end latency, p95, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = SloTargets::LARGEST.e2e_p95_ms))]
    pub e2e_p95_ms: Option<i32>,
}

/// The highest one-minute mean of requests per second, given or derived from users.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("has(self.requestsPerSecond) != has(self.users)")
    .message("give either requestsPerSecond or users, not both and not neither"))]
#[x_kube(validation = Rule::new("has(self.users) || !(has(self.activeFraction) || has(self.requestsPerActiveUserPerMinute) || has(self.peakMultiplier))")
    .message("activeFraction, requestsPerActiveUserPerMinute and peakMultiplier derive a rate from users; they mean nothing beside requestsPerSecond"))]
#[x_kube(validation = Rule::new("!has(self.activeFraction) || double(string(self.activeFraction)) <= 1.0")
    .message("activeFraction is a share of the users: at most 1"))]
pub struct DemandSpec {
    /// Highest one-minute mean of requests per second, e.g. 5 or "0.5".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<DecimalAmount>,
    /// People who have access; the use case's workload turns them into a rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub users: Option<i64>,
    /// Share of the users who are active at the busiest time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_fraction: Option<DecimalAmount>,
    /// Requests an active user makes in a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_active_user_per_minute: Option<DecimalAmount>,
    /// Busiest minute over the mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_multiplier: Option<DecimalAmount>,
    /// Room above the demand, percent. Default 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub headroom_percent: Option<i32>,
    /// Replicas beyond those that the demand needs. Default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub spare_replicas: Option<i32>,
}

/// Which models may be chosen. Names compare without case.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("!has(self.allow) || !has(self.deny) || !self.allow.exists(name, name in self.deny)")
    .message("a name stands in both allow and deny"))]
pub struct ModelsSpec {
    /// Only these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 64),
        inner(length(min = 1, max = 200), regex(pattern = r"^\S+$"))
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub allow: Option<Vec<String>>,
    /// None of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 64),
        inner(length(min = 1, max = 200), regex(pattern = r"^\S+$"))
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub deny: Option<Vec<String>>,
    /// Least catalog score for the use case, 0 to 100; a model without a score is excluded by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub minimum_quality: Option<i32>,
}

/// Which hardware may be chosen, and how much of it.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("!has(self.allow) || !has(self.deny) || !self.allow.exists(name, name in self.deny)")
    .message("a name stands in both allow and deny"))]
pub struct HardwareSpec {
    /// Only these, e.g. H100; aliases are understood.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 64),
        inner(length(min = 1, max = 100), regex(pattern = r"^\S(.*\S)?$"))
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub allow: Option<Vec<String>>,
    /// None of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 64),
        inner(length(min = 1, max = 100), regex(pattern = r"^\S(.*\S)?$"))
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub deny: Option<Vec<String>>,
    /// Most GPUs over all replicas together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_gpus: Option<i32>,
    /// Most US dollars per hour over all replicas together; hardware without a price is excluded by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost_per_hour: Option<DecimalAmount>,
    /// Only what this cluster has GPUs and quota for now. Without it the best of all is recommended,
    /// and status.placement says what can be placed here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub available_only: bool,
}

/// Which benchmarks count.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EvidenceSpec {
    /// Weakest kind of evidence that may back a decision. Default simulated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<EvidenceKind>,
    /// Oldest benchmark that may back a decision, days; one of unknown age may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 36_500))]
    pub max_age_days: Option<i32>,
    /// Tightens every target by this much, percent. Default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 90))]
    pub margin_percent: Option<i32>,
    /// Served over offered rate from which a row counts as steady, percent. Default 90.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 50, max = 100))]
    pub minimum_served_percent: Option<i32>,
    /// Runs that are otherwise shown but not used for sizing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 3))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub allow: Option<Vec<UnusualLoad>>,
}

/// Loads that say little about independent users (R4).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum UnusualLoad {
    /// A fixed number of requests in flight.
    ClosedLoop,
    /// Prompts that share a prefix.
    PrefixShared,
    /// As fast as possible.
    Throughput,
}

/// What to prefer among configurations that meet the targets (R9).
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    clap::ValueEnum,
)]
pub enum Objective {
    /// The cheapest.
    #[default]
    Cost,
    /// The one furthest below its targets, among those within 1.5 times of the cheapest.
    Latency,
    /// The one whose model scores highest for the use case, then the cheapest; a model without a
    /// score comes last.
    Quality,
    /// Cost, latency and quality weighed: half the latency is worth paying 1.4 times as much, ten
    /// points of quality 1.2 times.
    Balanced,
}

impl Objective {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Cost, Self::Latency, Self::Quality, Self::Balanced];
}

/// What to do with the answer.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeliverySpec {
    /// Recommend: status only. Render: also the manifests' YAML in a ConfigMap. Apply: also the
    /// objects themselves.
    #[serde(default)]
    pub mode: DeliveryMode,
    /// Which better decisions replace what runs, in mode Apply (R12).
    #[serde(default)]
    pub update_policy: UpdatePolicy,
    /// The decision that a person approved: status.proposed.digest, for the policy Manual and for
    /// estimates; `kubectl compass approve` sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 71), regex(pattern = "^sha256:[0-9a-f]{64}$"))]
    pub approved_digest: Option<String>,
}

/// Which better decisions replace what runs, in mode Apply (R12). A first delivery needs no
/// approval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum UpdatePolicy {
    /// Every better decision.
    Automatic,
    /// A changed spec acts at once; new evidence changes hardware and replicas once what runs misses a
    /// target, and another model is only offered.
    #[default]
    OnViolation,
    /// Nothing but what delivery.approvedDigest names.
    Manual,
}

/// What is delivered beside the status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeliveryMode {
    /// Nothing.
    Recommend,
    /// A ConfigMap of the intent's name with the manifests' YAML.
    #[default]
    Render,
    /// The ConfigMap and the objects themselves.
    Apply,
}
