//! R10: why the other configurations were left out, and what would help where nothing complies.

use rust_decimal::Decimal;
use serde::Serialize;

use super::{MicroDollars, Target};
use crate::benchmark::{Configuration, ProfileCount};
use crate::catalog::SloTargets;

/// Accounts for every configuration that has rows for the profile: `compliant`, `rejected` and
/// the three counts of `excluded` add up to `configurations`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Explanation {
    /// Configurations with rows for the profile.
    pub configurations: usize,
    /// Those that meet the requirement.
    pub compliant: usize,
    /// Those left out for another reason than their latencies.
    pub excluded: Excluded,
    /// Those that miss a target at every rate that could size them.
    pub rejected: usize,
    /// Where nothing complies: the three that come nearest.
    pub nearest_misses: Vec<NearMiss>,
    /// Where nothing complies: the smallest changes of the targets after which something does.
    pub relaxation: Vec<Relaxation>,
    /// Where nothing complies but something meets the targets: the cheapest that breaks a limit.
    pub over_limit: Option<OverLimit>,
    /// Where the profile has no rows: the profiles that have.
    pub profiles: Vec<ProfileCount>,
}

/// Configurations left out, by the first thing that stops them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Excluded {
    /// No row of a kind, age or load that may back a decision.
    pub by_evidence: usize,
    /// Model or hardware not allowed, or quality below the floor or unknown.
    pub by_constraints: usize,
    /// Complies, but with more GPUs or cost than allowed, or at an unknown price under a cost limit.
    pub by_limits: usize,
}

/// A configuration's row with the least worst ratio of value to target.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NearMiss {
    /// The configuration.
    pub configuration: Configuration,
    /// Offered rate of the row, requests per second.
    pub offered_rps: f64,
    /// Each target it misses.
    pub failing: Vec<FailingTarget>,
}

/// A target that is missed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FailingTarget {
    /// Which.
    pub target: Target,
    /// The benchmark's p95, ms.
    pub p95_ms: f64,
    /// The target, ms.
    pub target_ms: i32,
}

/// Changed targets under which the whole decision yields a candidate, and that candidate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Relaxation {
    /// The one target to change; `None` where all change by a common factor.
    pub target: Option<Target>,
    /// The factor that all targets change by, in tenths of a percent above 1: 1,173 is x 1.173.
    pub factor_per_mille: Option<u32>,
    /// The targets that suffice. One millisecond less of the one target, or a tenth of a percent
    /// less of the factor, yields nothing.
    pub slo: SloTargets,
    /// What they admit.
    pub configuration: Configuration,
    /// Its replicas.
    pub replicas: i32,
    /// Its GPUs over all replicas.
    pub gpus: i64,
    /// Its cost.
    pub cost_per_hour: Option<MicroDollars>,
}

/// A configuration that meets the targets and breaks a limit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OverLimit {
    /// The configuration.
    pub configuration: Configuration,
    /// Replicas the demand needs.
    pub replicas: i32,
    /// GPUs over all replicas.
    pub gpus: i64,
    /// Cost, where the price is known.
    pub cost_per_hour: Option<MicroDollars>,
    /// Demand per replica that sizes it, requests per second.
    #[serde(with = "rust_decimal::serde::str")]
    pub capacity_rps: Decimal,
}
