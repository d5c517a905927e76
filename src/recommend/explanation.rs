//! R10: why the other configurations were left out, and what would help where nothing complies.

use serde::Serialize;

use super::capacity;
use super::compliance::{Bounds, Target};
use super::cost::MicroDollars;
use super::field::{Field, Verdict};
use super::ladder::Row;
use super::sizing::Sized;
use crate::benchmark::{Configuration, ProfileCount};
use crate::catalog::SloTargets;

/// Near misses shown.
const NEAREST: usize = 3;

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
    /// Complies, but breaks a [`Limit`].
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
    /// The target less the margin, ms.
    pub target_ms: f64,
}

/// Changed targets under which the whole decision yields a candidate, and that candidate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Relaxation {
    /// The one target to change; `None` where all change by a common factor.
    pub target: Option<Target>,
    /// What all targets are multiplied by, in thousandths; `None` where one changes alone.
    pub factor_per_mille: Option<i32>,
    /// The targets that suffice. One millisecond less of the one target, or a tenth of a percent
    /// less of the factor, yields nothing. (Where better evidence under a limit takes away what
    /// larger targets admit, a still smaller change may do as well.)
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

/// A limit that a configuration breaks (R8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Limit {
    /// More GPUs over all replicas than allowed.
    Gpus,
    /// More cost per hour than allowed.
    Cost,
    /// A cost limit, and a price that is not known.
    UnknownPrice,
    /// More replicas than a deployment can have: the demand is too large for it.
    Replicas,
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Gpus => "it needs more than hardware.maxGpus",
            Self::Cost => "it costs more than hardware.maxCostPerHour",
            Self::UnknownPrice => {
                "its price is unknown under hardware.maxCostPerHour: give the price in a catalog file"
            }
            Self::Replicas => "it needs more than 100,000 replicas: is the demand right?",
        })
    }
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
    /// What it breaks.
    pub limits: Vec<Limit>,
}

impl OverLimit {
    /// What it breaks, in words.
    pub fn reasons(&self) -> String {
        let reasons: Vec<_> = self.limits.iter().map(ToString::to_string).collect();
        reasons.join(", and ")
    }
}

/// Explains the verdicts on a field.
pub(super) fn explain(
    field: &Field,
    verdicts: &[Verdict],
    profiles: &[ProfileCount],
) -> Explanation {
    let mut explanation = Explanation {
        configurations: verdicts.len(),
        ..Default::default()
    };
    let mut misses = Vec::new();
    let mut over_limit: Option<&Sized> = None;
    for verdict in verdicts {
        match verdict {
            Verdict::NoEvidence => explanation.excluded.by_evidence += 1,
            Verdict::NotAllowed => explanation.excluded.by_constraints += 1,
            Verdict::Complies(_) => explanation.compliant += 1,
            Verdict::OverLimit(sized) => {
                explanation.excluded.by_limits += 1;
                if over_limit.is_none_or(|least| sized.rank.cmp(&least.rank).is_lt()) {
                    over_limit = Some(sized);
                }
            }
            Verdict::Rejected {
                configuration,
                nearest,
            } => {
                explanation.rejected += 1;
                misses.extend(nearest.map(|row| (*configuration, row)));
            }
        }
    }
    if explanation.compliant > 0 {
        return explanation;
    }
    if explanation.configurations == 0 {
        explanation.profiles = profiles.to_vec();
        return explanation;
    }
    let bounds = field.bounds();
    explanation.nearest_misses = nearest_misses(misses, &bounds);
    explanation.over_limit = over_limit.map(|sized| OverLimit {
        configuration: sized.configuration.clone(),
        replicas: sized.replicas,
        gpus: sized.gpus,
        cost_per_hour: sized.cost_per_hour,
        limits: field.broken_limits(sized),
    });
    explanation.relaxation = relaxations(field);
    explanation
}

fn nearest_misses(mut misses: Vec<(&Configuration, &Row)>, bounds: &Bounds) -> Vec<NearMiss> {
    misses.sort_by(|(configuration_a, a), (configuration_b, b)| {
        capacity::nearness(a, bounds)
            .total_cmp(&capacity::nearness(b, bounds))
            .then_with(|| configuration_a.cmp(configuration_b))
    });
    misses
        .into_iter()
        .take(NEAREST)
        .map(|(_, row)| NearMiss {
            configuration: row.benchmark.configuration.clone(),
            offered_rps: row.benchmark.offered_rps,
            failing: Target::ALL
                .into_iter()
                .filter_map(|target| {
                    let failing = FailingTarget {
                        target,
                        p95_ms: row.p95s?[target as usize],
                        target_ms: bounds.of(target),
                    };
                    (failing.p95_ms > failing.target_ms).then_some(failing)
                })
                .collect(),
        })
        .collect()
}

/// For each target alone the smallest whole-millisecond change, then the smallest common factor,
/// after which the whole decision yields a candidate.
fn relaxations(field: &Field) -> Vec<Relaxation> {
    let slo = field.requirement.slo;
    let margin_percent = field.requirement.evidence.margin_percent;
    let without_margin =
        |p95_ms: f64| (p95_ms * 100.0 / f64::from(100 - margin_percent)).ceil() as i32;
    let largest = |target: Target| {
        without_margin(field.largest_p95(target))
            .saturating_add(1)
            .min(target.of(&SloTargets::LARGEST))
    };
    let alone = Target::ALL.into_iter().filter_map(|target| {
        let relaxed = |value_ms| {
            let mut slo = slo;
            target.set(&mut slo, value_ms);
            slo
        };
        let value_ms = smallest(target.of(&slo), largest(target), |ms| {
            is_feasible(field, &relaxed(ms))
        })?;
        relaxation(field, relaxed(value_ms), Some(target), None)
    });
    let scaled = |per_mille: i32| {
        let mut scaled = slo;
        for target in Target::ALL {
            let value_ms = (i64::from(target.of(&slo)) * i64::from(per_mille) + 999) / 1000;
            let largest = target.of(&SloTargets::LARGEST);
            target.set(&mut scaled, value_ms.min(largest.into()) as i32);
        }
        scaled
    };
    let largest_factor = Target::ALL
        .into_iter()
        .map(|target| i64::from(largest(target)) * 1000 / i64::from(target.of(&slo)) + 1)
        .max()
        .and_then(|factor| i32::try_from(factor).ok())
        .unwrap_or(i32::MAX);
    let together = smallest(1000, largest_factor, |factor| {
        is_feasible(field, &scaled(factor))
    })
    .and_then(|factor| relaxation(field, scaled(factor), None, Some(factor)));
    alone.chain(together).collect()
}

/// The smallest value above `from` and up to `to` that holds, given that a larger one holds where
/// a smaller one does.
fn smallest(from: i32, to: i32, holds: impl Fn(i32) -> bool) -> Option<i32> {
    if to <= from || !holds(to) {
        return None;
    }
    let (mut fails, mut holds_at) = (from, to);
    while holds_at - fails > 1 {
        let middle = fails + (holds_at - fails) / 2;
        if holds(middle) {
            holds_at = middle;
        } else {
            fails = middle;
        }
    }
    Some(holds_at)
}

fn is_feasible(field: &Field, slo: &SloTargets) -> bool {
    field
        .judge(slo)
        .iter()
        .any(|verdict| matches!(verdict, Verdict::Complies(_)))
}

fn relaxation(
    field: &Field,
    slo: SloTargets,
    target: Option<Target>,
    factor_per_mille: Option<i32>,
) -> Option<Relaxation> {
    let best = field.ranked(field.judge(&slo)).into_iter().next()?;
    Some(Relaxation {
        target,
        factor_per_mille,
        slo,
        configuration: best.configuration.clone(),
        replicas: best.replicas,
        gpus: best.gpus,
        cost_per_hour: best.cost_per_hour,
    })
}
