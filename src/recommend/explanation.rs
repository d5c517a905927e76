//! R10: what became of every configuration, and what would help.

use serde::Serialize;

use super::capacity;
use super::compliance::{Bounds, Target};
use super::constraints::Constraint;
use super::decision::Plan;
use super::estimate::Estimates;
use super::field::{Field, Standing};
use super::gaps::{self, Gaps};
use super::ladder::Row;
use super::sizing::Sized;
use super::steps::{self, Change, Lifted, Relaxation};
use crate::benchmark::{Configuration, ProfileCount};

/// Near misses shown.
const NEAREST: usize = 3;

/// Accounts for every configuration that has rows for the profile.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Explanation {
    /// What became of the configurations.
    pub counts: Counts,
    /// The three that come nearest to their targets without meeting them.
    pub nearest_misses: Vec<NearMiss>,
    /// The smallest changes of the targets after which something complies, or, where something
    /// does, costs less.
    pub relaxation: Vec<Relaxation>,
    /// The smallest changes of the constraints after which something complies, or, where something
    /// does, comes before it.
    pub lifted: Vec<Lifted>,
    /// Where nothing complies but something meets the targets: the cheapest that breaks a limit.
    pub over_limit: Option<OverLimit>,
    /// What the evidence does not speak of.
    pub gaps: Gaps,
    /// Where the profile has no rows: the profiles that have.
    pub profiles: Vec<ProfileCount>,
    /// What became of configurations without rows, where the intent allows estimates (R13).
    pub estimates: Estimates,
}

/// What became of a configuration, by the first thing that stopped it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Outcome {
    /// No row of a kind, age or load that may back a decision.
    NoEvidence,
    /// Model or hardware not allowed, or quality below the floor or unknown.
    NotAllowed,
    /// Misses a target at every rate that could size it.
    Rejected,
    /// Meets the targets, but breaks a limit on GPUs or cost.
    OverLimit,
    /// Meets the requirement.
    Complies,
}

/// Configurations left out, by the first thing that stops them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Excluded {
    /// No row of a kind, age or load that may back a decision.
    pub by_evidence: usize,
    /// Model or hardware not allowed, or quality below the floor or unknown.
    pub by_constraints: usize,
    /// Complies, but breaks a limit on GPUs or cost.
    pub by_limits: usize,
}

/// What became of configurations: `compliant`, `rejected` and the three counts of `excluded` add up
/// to `configurations`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Configurations with rows for the profile.
    pub configurations: usize,
    /// Those that meet the requirement.
    pub compliant: usize,
    /// Those left out for another reason than their latencies.
    pub excluded: Excluded,
    /// Those that miss a target at every rate that could size them.
    pub rejected: usize,
}

impl Counts {
    pub(super) fn add(&mut self, outcome: Outcome) {
        self.configurations += 1;
        match outcome {
            Outcome::NoEvidence => self.excluded.by_evidence += 1,
            Outcome::NotAllowed => self.excluded.by_constraints += 1,
            Outcome::OverLimit => self.excluded.by_limits += 1,
            Outcome::Rejected => self.rejected += 1,
            Outcome::Complies => self.compliant += 1,
        }
    }
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
    /// The target less the margin, ms.
    pub target_ms: f64,
}

/// A configuration that meets the targets and breaks a limit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OverLimit {
    /// What the demand needs of it.
    pub plan: Plan,
    /// What it breaks.
    pub limits: Vec<Constraint>,
    /// Replicas that the cluster has room for, where it has less than the plan needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<i64>,
}

impl OverLimit {
    /// What it breaks, in words.
    pub fn reasons(&self) -> String {
        let reason = |limit: &Constraint| match (limit, self.room) {
            (Constraint::Room, Some(room)) => self.plan.lacks_room(room),
            (limit, _) => limit.to_string(),
        };
        let reasons: Vec<_> = self.limits.iter().map(reason).collect();
        reasons.join(", and ")
    }
}

impl Explanation {
    /// Whether something is kept out by `hardware.availableOnly` alone: it complies once there is room.
    pub fn awaits_room(&self) -> bool {
        let mut lifted = self.lifted.iter();
        lifted.any(|lifted| lifted.change == Change::AnyRoom)
    }
}

/// Explains how a field stands.
pub(super) fn explain(
    field: &Field,
    standings: &[Standing],
    winner: Option<&Sized>,
    profiles: &[ProfileCount],
) -> Explanation {
    let mut explanation = Explanation {
        gaps: gaps::gaps(field),
        ..Default::default()
    };
    if standings.is_empty() {
        explanation.profiles = profiles.to_vec();
        return explanation;
    }
    let mut misses = Vec::new();
    let mut over_limit: Option<&Sized> = None;
    for standing in standings {
        let outcome = standing.outcome();
        explanation.counts.add(outcome);
        match outcome {
            Outcome::NoEvidence | Outcome::NotAllowed | Outcome::Complies => {}
            Outcome::OverLimit => {
                let least = standing.ways.iter().chain(over_limit);
                over_limit = least.min_by(|a, b| a.rank.cmp(&b.rank));
            }
            Outcome::Rejected => {
                misses.extend(standing.nearest.map(|row| (standing.configuration, row)));
            }
        }
    }
    explanation.nearest_misses = nearest_misses(misses, &field.bounds());
    explanation.relaxation = steps::relaxations(field, winner);
    explanation.lifted = steps::lifted(field, winner, standings);
    explanation.over_limit = over_limit
        .filter(|_| winner.is_none())
        .map(|sized| OverLimit {
            plan: Plan::of(sized),
            limits: sized.broken.iter().collect(),
            room: field
                .requirement
                .constraints
                .availability
                .as_ref()
                .map(|availability| availability.replicas(sized.configuration.place()))
                .filter(|room| *room < i64::from(sized.replicas)),
        });
    explanation
}

fn nearest_misses(mut misses: Vec<(&Configuration, Row)>, bounds: &Bounds) -> Vec<NearMiss> {
    misses.sort_by(|(configuration_a, a), (configuration_b, b)| {
        capacity::nearness(a, bounds)
            .total_cmp(&capacity::nearness(b, bounds))
            .then_with(|| configuration_a.cmp(configuration_b))
    });
    misses
        .into_iter()
        .take(NEAREST)
        .map(|(_, row)| near_miss(&row, bounds))
        .collect()
}

/// The row with each target that it misses.
pub(super) fn near_miss(row: &Row, bounds: &Bounds) -> NearMiss {
    NearMiss {
        configuration: row.configuration().clone(),
        offered_rps: row.offered_rps,
        failing: Target::ALL
            .into_iter()
            .filter_map(|target| {
                let failing = FailingTarget {
                    target,
                    p95_ms: row.p95s()?[target as usize],
                    target_ms: bounds.of(target),
                };
                (failing.p95_ms > failing.target_ms).then_some(failing)
            })
            .collect(),
    }
}
