//! What a decision says.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;

use super::sizing::Sized;
use super::{
    BreakEven, Capacity, CapacityBound, Digest, Explanation, MicroDollars, Placement, Requirement,
    Settlement, Strength, Target,
};
use crate::api::Objective;
use crate::benchmark::{Benchmark, Configuration, EvidenceKind};

/// The answer to a requirement.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// What was asked.
    pub requirement: Requirement,
    /// What meets it best; `None` where nothing does, and the explanation says why.
    pub recommendation: Option<Candidate>,
    /// The next best, at most five, each on another (model, hardware, count) (R9).
    pub alternatives: Vec<Candidate>,
    /// What the other objectives would have chosen (R9).
    pub other_objectives: Vec<OtherObjective>,
    /// What benchmark could change the answer (R14); `None` where nothing complies.
    pub settlement: Option<Settlement>,
    /// Up to which demand the answer holds; `None` where nothing complies, no demand is given, or
    /// the objective weighs latencies.
    pub break_even: Option<BreakEven>,
    /// What of it the cluster can place (R8); `None` where nobody looked at a cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    /// Why the others were left out, and what would help (R10).
    pub explanation: Explanation,
}

/// A configuration with its size and cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// What would be deployed.
    pub configuration: Configuration,
    /// Kind of the evidence behind it.
    pub kind: EvidenceKind,
    /// Replicas, spare ones included (R6).
    pub replicas: i32,
    /// GPUs over all replicas.
    pub gpus: i64,
    /// Cost of all replicas for an hour; `None` where the price is unknown (R7).
    pub cost_per_hour: Option<MicroDollars>,
}

impl Plan {
    pub(super) fn of(sized: &Sized) -> Self {
        Self {
            configuration: sized.configuration.clone(),
            kind: sized.ladder.kind,
            replicas: sized.replicas,
            gpus: sized.gpus,
            cost_per_hour: sized.cost_per_hour,
        }
    }

    /// That a cluster has room for so many replicas only.
    pub fn lacks_room(&self, room: i64) -> String {
        let accelerators = self.configuration.accelerators();
        let replicas = if room == 1 { "replica" } else { "replicas" };
        format!(
            "this cluster has room for {room} {replicas} of {accelerators}, {} needed",
            self.replicas
        )
    }
}

/// What another objective would have chosen on the same evidence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OtherObjective {
    /// The objective.
    pub objective: Objective,
    /// Its choice.
    pub plan: Plan,
    /// Largest p95 over target of its operating row.
    pub worst_ratio: f64,
    /// Catalog score for the use case.
    pub quality: Option<u8>,
}

/// A configuration that meets the requirement, with the ladder and rows that back it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Candidate {
    /// What would be deployed.
    pub configuration: Configuration,
    /// Kind of the evidence behind it.
    pub kind: EvidenceKind,
    /// Who brought the evidence.
    pub source: String,
    /// What one replica was shown to serve within the targets (R4).
    pub capacity: Capacity,
    /// The row whose latencies are shown and ranked (R9).
    pub operating_row: Benchmark,
    /// When the newest of the rows that show that it complies ran. Those that only show where its
    /// ladder ends do not count: a failure of their day is news (R12).
    pub newest_benchmark: Option<Timestamp>,
    /// How surely that row meets the targets (R3).
    pub strength: Strength,
    /// Largest p95 over target of the operating row, and which target.
    pub worst_ratio: f64,
    /// The target with the largest ratio.
    pub binding_target: Target,
    /// Replicas, spare ones included (R6).
    pub replicas: i32,
    /// GPUs over all replicas.
    pub gpus: i64,
    /// Catalog score for the use case.
    pub quality: Option<u8>,
    /// Cost of all replicas for an hour (R7).
    pub cost_per_hour: Option<MicroDollars>,
    /// The same counted in whole nodes, where the catalog knows a node's size (R7).
    pub whole_node_cost_per_hour: Option<MicroDollars>,
    /// Capacity if every p95 were 10 % higher (R10); `None` where nothing would comply.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub capacity_if_slower: Option<Decimal>,
    /// Whether the loss of one replica still meets the demand (R6); `None` without a demand.
    pub survives_loss_of_one_replica: Option<bool>,
    /// What a reader must know before relying on it.
    pub caveats: Vec<Caveat>,
    /// Digest over what the decision rests on (R11); of the recommendation alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

impl Candidate {
    /// The digest of a recommendation; nothing for an alternative.
    pub fn digest_text(&self) -> String {
        let digest = self.digest.as_ref();
        digest.map(ToString::to_string).unwrap_or_default()
    }

    /// Ids of the rows that back it.
    pub fn backing_rows(&self) -> Vec<Uuid> {
        backing_ids(&self.capacity, self.operating_row.id)
    }
}

/// The rows that back a decision: the operating row, the one that shows the capacity, and those
/// that cut the ladder and show where it ends (R11).
pub(super) fn backing_ids(capacity: &Capacity, operating: Uuid) -> Vec<Uuid> {
    let bound = match capacity.bound {
        CapacityBound::Known(failing) => Some(failing),
        CapacityBound::AtLeast => None,
    };
    let mut ids = vec![operating, capacity.row];
    ids.extend(capacity.cut_by.into_iter().chain(bound));
    ids.dedup();
    ids
}

/// What a reader must know before relying on a recommendation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Caveat {
    /// Nothing ran on a GPU.
    SimulatedEvidence,
    /// Interpolated from other profiles.
    EstimatedEvidence,
    /// The simulator was never checked against measurements like these.
    NotValidated,
    /// The simulator was checked against measurements of related models or hardware only.
    WeaklyValidated,
    /// The benchmark ran with engine arguments that are known by their digest alone.
    ArgumentsNotReproduced,
    /// Downloading the model needs an accepted licence and a token.
    GatedModel,
    /// No steady run at a higher rate failed.
    CapacityIsLowerBound,
    /// A higher rate complied although a lower one failed.
    NonMonotonicLadder,
    /// At the lowest rate that failed another run met the targets.
    RunsDisagree,
    /// The figures of a row that it rests on cannot all be true.
    ContradictoryRow,
    /// The operating row meets its targets, but not with 95 % confidence.
    Marginal,
    /// The operating row's request count or p99s are not recorded.
    StrengthUnknown,
    /// A row that it rests on does not record what was served.
    ServedRateUnverified,
    /// Neither a quality floor nor allowed models nor an objective that weighs quality (R8).
    QualityNotConsidered,
    /// Only what can be placed was asked for, and nobody could look at all of that (R8).
    AvailabilityUnchecked,
    /// The GPU's price is not known (R7).
    PriceUnknown,
    /// No demand was declared (R6).
    NoDemand,
}

impl std::fmt::Display for Caveat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::SimulatedEvidence => {
                "simulated evidence: these latencies were computed by a simulator, not measured on a GPU"
            }
            Self::EstimatedEvidence => {
                "estimated evidence: interpolated from other traffic profiles, not benchmarked; the p95s are joint 95 % upper bounds"
            }
            Self::NotValidated => {
                "not validated: the source was never checked against measurements on this hardware"
            }
            Self::WeaklyValidated => {
                "weakly validated: the source was checked against measurements of related models or hardware only"
            }
            Self::ArgumentsNotReproduced => {
                "the benchmark ran with further engine arguments that are not recorded; a deployment runs without them, and the prediction may not hold"
            }
            Self::GatedModel => {
                "gated model: accept its licence, and give runtime.hfTokenSecret or a filled runtime.modelCacheClaim"
            }
            Self::CapacityIsLowerBound => {
                "capacity is a lower bound: no steady run at a higher rate failed"
            }
            Self::NonMonotonicLadder => {
                "a higher rate met the targets although a lower one missed them; sized below the failure"
            }
            Self::RunsDisagree => {
                "benchmarks disagree: at the lowest rate that missed a target another run met them; sized below it"
            }
            Self::ContradictoryRow => {
                "a benchmark behind this contradicts itself (percentiles fall, or E2E is below TTFT): see `compass benchmarks verify`"
            }
            Self::Marginal => {
                "marginal: the p95s meet the targets, but not with 95 % confidence at this number of requests (sampling error alone)"
            }
            Self::StrengthUnknown => {
                "strength unknown: the benchmark does not record its number of requests or its p99s"
            }
            Self::ServedRateUnverified => {
                "unverified: a benchmark behind this does not record the rate that was served"
            }
            Self::QualityNotConsidered => {
                "quality not considered: give models.minimumQuality, models.allow or another objective"
            }
            Self::AvailabilityUnchecked => {
                "hardware.availableOnly could not be checked in full: there may be no room for this"
            }
            Self::PriceUnknown => "price unknown: ranked behind every configuration with a price",
            Self::NoDemand => "no demand given: one replica, ranked by cost per capacity",
        })
    }
}
