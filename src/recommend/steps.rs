//! R10: the smallest changes of the question that buy something: an answer where nothing complies,
//! a cheaper or better one where something does.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde::Serialize;

use super::compliance::Target;
use super::constraints::Constraint;
use super::cost::MicroDollars;
use super::decision::Plan;
use super::field::{Field, Standing};
use super::ranking;
use super::requirement::{EvidencePolicy, Requirement};
use super::sizing::Sized;
use crate::benchmark::{EvidenceKind, HardwareName, ModelName, SharedBenchmarks};
use crate::catalog::{Catalog, SloTargets};

/// Where something complies, a target is relaxed by at most this much, percent: more is another
/// question.
const SMALL_PERCENT: i32 = 25;

/// Changed targets under which the whole decision yields a candidate, or a cheaper one, and that
/// candidate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Relaxation {
    /// The one target to change; `None` where all change by a common factor.
    pub target: Option<Target>,
    /// What all targets are multiplied by, in thousandths; `None` where one changes alone.
    pub factor_per_mille: Option<i32>,
    /// The targets that suffice. One millisecond less of the one target, or a tenth of a percent
    /// less of the factor, does not do. (Where better evidence takes away what larger targets
    /// admit, a still smaller change may do as well.)
    pub slo: SloTargets,
    /// What they admit.
    pub plan: Plan,
}

/// A changed constraint under which the whole decision yields a candidate, or one that comes
/// before the recommendation, and that candidate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lifted {
    /// The change: for a number, one less (or one point more of quality) does not do.
    pub change: Change,
    /// What it admits.
    pub plan: Plan,
}

/// A change of one constraint.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Change {
    /// Let this model be chosen.
    Model(ModelName),
    /// Let this hardware be chosen.
    Hardware(HardwareName),
    /// A lower quality floor.
    MinimumQuality(i32, i32),
    /// More GPUs.
    MaxGpus(i32, i64),
    /// More cost per hour.
    MaxCostPerHour(MicroDollars, MicroDollars),
    /// A weaker kind of evidence.
    MinimumEvidence(EvidenceKind, EvidenceKind),
    /// Benchmarks of any age.
    AnyAge(i32),
    /// Also what the cluster has no room for.
    AnyRoom,
}

/// For each target alone the smallest whole-millisecond change, then the smallest common factor,
/// after which the whole decision does better.
pub(super) fn relaxations(field: &Field, winner: Option<&Sized>) -> Vec<Relaxation> {
    let slo = field.requirement.slo;
    let goal = Goal { field, winner };
    let largest = |target: Target| {
        let most = match winner {
            Some(_) => i64::from(target.of(&slo)) * i64::from(100 + SMALL_PERCENT) / 100,
            None => goal.largest_useful(target),
        };
        most.min(target.of(&SloTargets::LARGEST).into()) as i32
    };
    let alone = Target::ALL.into_iter().filter_map(|target| {
        let relaxed = |value_ms| {
            let mut slo = slo;
            target.set(&mut slo, value_ms);
            slo
        };
        let value_ms = smallest(target.of(&slo), largest(target), |ms| {
            goal.is_reached_by(&relaxed(ms))
        })?;
        goal.relaxation(relaxed(value_ms), Some(target), None)
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
    let largest_factor = match winner {
        Some(_) => 1000 + SMALL_PERCENT * 10,
        None => Target::ALL
            .into_iter()
            .map(|target| i64::from(largest(target)) * 1000 / i64::from(target.of(&slo)) + 1)
            .max()
            .and_then(|factor| i32::try_from(factor).ok())
            .unwrap_or(i32::MAX),
    };
    let together = smallest(1000, largest_factor, |factor| {
        goal.is_reached_by(&scaled(factor))
    })
    .and_then(|factor| goal.relaxation(scaled(factor), None, Some(factor)));
    alone.chain(together).collect()
}

/// What relaxed targets are to buy: any candidate, or one that costs less than the winner.
struct Goal<'g, 'a> {
    field: &'g Field<'a>,
    winner: Option<&'g Sized<'a>>,
}

impl Goal<'_, '_> {
    /// No greater target admits more.
    fn largest_useful(&self, target: Target) -> i64 {
        let margin_percent = self.field.requirement.evidence.margin_percent;
        let p95_ms = self.field.largest_p95(target);
        (p95_ms * 100.0 / f64::from(100 - margin_percent)).ceil() as i64 + 1
    }

    fn is_reached_by(&self, slo: &SloTargets) -> bool {
        let than = self.winner.map(|winner| winner.rank.cost);
        self.field.is_reached_under(slo, than)
    }

    fn relaxation(
        &self,
        slo: SloTargets,
        target: Option<Target>,
        factor_per_mille: Option<i32>,
    ) -> Option<Relaxation> {
        Some(Relaxation {
            target,
            factor_per_mille,
            slo,
            plan: Plan::of(&self.field.best_under(&slo)?),
        })
    }
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

/// What each constraint alone keeps out.
pub(super) fn lifted(field: &Field, winner: Option<&Sized>, standings: &[Standing]) -> Vec<Lifted> {
    let constraints = &field.requirement.constraints;
    let broken_only = |constraint: Constraint| {
        standings
            .iter()
            .flat_map(|standing| &standing.ways)
            .filter(move |way| way.broken.is_only(constraint))
            .filter(move |way| constraint != Constraint::Quality || way.quality.is_some())
    };
    let compliant: Vec<&Sized> = standings.iter().flat_map(Standing::compliant).collect();
    let objective = field.requirement.objective;
    let cheapest = ranking::cheapest(compliant.iter().map(|way| &way.rank));
    // The order among what complies and `admitted`: under Latency it depends on the cheapest.
    let order_with = |admitted: &[&Sized]| {
        let admitted = ranking::cheapest(admitted.iter().map(|way| &way.rank));
        let cheapest = cheapest.into_iter().chain(admitted).min();
        ranking::order(objective, field.requirement, cheapest)
    };
    // Whether `way` is the answer once the change that admits it admits what it does.
    let would_win = |constraint, way: &Sized| {
        let admitted: Vec<_> = broken_only(constraint)
            .filter(|other| comes_with(constraint, other, way))
            .collect();
        let order = order_with(&admitted);
        let all = compliant.iter().chain(&admitted);
        all.into_iter()
            .all(|other| order(&other.rank, &way.rank).is_ge())
    };
    // Numbers change as little as does it; among equals the better one.
    let least = |constraint, by: &dyn Fn(&Sized, &Sized) -> Ordering| {
        let before_winner = |way: &&Sized| {
            winner.is_none_or(|winner| order_with(&[way])(&way.rank, &winner.rank).is_lt())
        };
        let order = order_with(&[]);
        let mut ways: Vec<_> = broken_only(constraint).filter(before_winner).collect();
        ways.sort_by(|a, b| by(a, b).then_with(|| order(&a.rank, &b.rank)));
        ways.into_iter().find(|way| would_win(constraint, way))
    };
    let equal = |_: &Sized, _: &Sized| Ordering::Equal;
    let models = least(Constraint::Models, &equal)
        .map(|way| (Change::Model(way.configuration.model.clone()), way));
    let hardware = least(Constraint::Hardware, &equal)
        .map(|way| (Change::Hardware(way.configuration.hardware.clone()), way));
    let quality = constraints.minimum_quality.and_then(|from| {
        let way = least(Constraint::Quality, &|a, b| b.quality.cmp(&a.quality))?;
        Some((Change::MinimumQuality(from, way.quality?.into()), way))
    });
    let gpus = constraints.max_gpus.and_then(|from| {
        let way = least(Constraint::Gpus, &|a, b| a.gpus.cmp(&b.gpus))?;
        Some((Change::MaxGpus(from, way.gpus), way))
    });
    let cost = constraints.max_cost_per_hour.and_then(|from| {
        let way = least(Constraint::Cost, &|a, b| {
            a.cost_per_hour.cmp(&b.cost_per_hour)
        })?;
        let change = Change::MaxCostPerHour(MicroDollars::of(from), way.cost_per_hour?);
        Some((change, way))
    });
    let room = least(Constraint::Room, &equal).map(|way| (Change::AnyRoom, way));
    [models, hardware, quality, gpus, cost, room]
        .into_iter()
        .flatten()
        .map(|(change, way)| Lifted {
            change,
            plan: Plan::of(way),
        })
        .collect()
}

/// Whether the change of a constraint that admits `way` admits `other` too.
fn comes_with(constraint: Constraint, other: &Sized, way: &Sized) -> bool {
    match constraint {
        Constraint::Models => other.configuration.model == way.configuration.model,
        Constraint::Hardware => other.configuration.hardware == way.configuration.hardware,
        Constraint::Quality => other.quality >= way.quality,
        Constraint::Gpus => other.gpus <= way.gpus,
        Constraint::Cost => other.cost_per_hour <= way.cost_per_hour,
        Constraint::Room => true,
        Constraint::UnknownPrice | Constraint::Replicas => false,
    }
}

/// What weaker or older evidence would admit, where nothing complies.
pub(super) fn evidence_lifted(
    requirement: &Requirement,
    benchmarks: &SharedBenchmarks,
    catalog: &Catalog,
    now: Timestamp,
) -> Vec<Lifted> {
    let policy = &requirement.evidence;
    let weaker = EvidenceKind::ALL
        .iter()
        .rev()
        .copied()
        .filter(|kind| *kind < policy.minimum_kind)
        .map(|kind| {
            let change = Change::MinimumEvidence(policy.minimum_kind, kind);
            let policy = EvidencePolicy {
                minimum_kind: kind,
                ..policy.clone()
            };
            (change, policy)
        });
    let older = policy.max_age_days.map(|days| {
        let policy = EvidencePolicy {
            max_age_days: None,
            ..policy.clone()
        };
        (Change::AnyAge(days), policy)
    });
    let admitted = |(change, evidence)| {
        let relaxed = Requirement {
            evidence,
            ..requirement.clone()
        };
        let field = Field::new(&relaxed, benchmarks, catalog, now);
        let standings = field.judge(&relaxed.slo);
        let plan = Plan::of(field.best(&standings)?);
        Some(Lifted { change, plan })
    };
    weaker
        .filter_map(admitted)
        .take(1)
        .chain(older.into_iter().filter_map(admitted))
        .collect()
}
