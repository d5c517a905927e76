//! R9: which candidate comes first. A total order: no two different candidates are equal.

use std::cmp::{Ordering, Reverse};

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use uuid::Uuid;

use super::requirement::Requirement;
use crate::api::Objective;
use crate::benchmark::{Configuration, EvidenceKind};

/// How much dearer than the cheapest a candidate may be under [`Objective::Latency`].
pub(super) const LATENCY_COST_FACTOR: Decimal = Decimal::from_parts(15, 0, 0, false, 1);

/// [`Objective::Balanced`]: what the logarithm of the worst ratio weighs beside that of the cost.
/// Half: paying 1.4 times as much is worth half the latency.
pub(super) const RATIO_WEIGHT: f64 = 0.5;

/// [`Objective::Balanced`]: what a hundred points of quality weigh beside the logarithm of the
/// cost. Ten points are worth paying 1.22 times as much.
pub(super) const QUALITY_WEIGHT: f64 = 2.0;

/// What candidates are ranked by.
#[derive(Clone, Debug)]
pub(super) struct Rank<'a> {
    /// Micro-dollars an hour, or those per capacity where no demand is given; `None` behind every
    /// known one.
    pub(super) cost: Option<Decimal>,
    pub(super) gpus: i64,
    /// Capacity of all replicas beyond the demand with headroom.
    pub(super) spare: Decimal,
    /// Finite and above zero.
    pub(super) worst_ratio: f64,
    /// Catalog score for the use case; `None` behind every known one.
    pub(super) quality: Option<u8>,
    pub(super) configuration: &'a Configuration,
    pub(super) kind: EvidenceKind,
    pub(super) row: Uuid,
}

impl Rank<'_> {
    /// Cost, GPUs, spare capacity, worst ratio, then the tail that all objectives share.
    pub(super) fn cmp(&self, other: &Self) -> Ordering {
        self.by_cost()
            .cmp(&other.by_cost())
            .then_with(|| (self.gpus, Reverse(self.spare)).cmp(&(other.gpus, Reverse(other.spare))))
            .then_with(|| self.worst_ratio.total_cmp(&other.worst_ratio))
            .then_with(|| self.tail(other))
    }

    fn by_latency(&self, other: &Self, most: Option<Decimal>) -> Ordering {
        let too_dear =
            |rank: &Self| most.is_some_and(|most| rank.cost.is_none_or(|cost| cost > most));
        too_dear(self)
            .cmp(&too_dear(other))
            .then_with(|| self.worst_ratio.total_cmp(&other.worst_ratio))
            .then_with(|| self.cmp(other))
    }

    fn by_quality(&self, other: &Self) -> Ordering {
        Reverse(self.quality)
            .cmp(&Reverse(other.quality))
            .then_with(|| self.cmp(other))
    }

    fn by_balance(&self, other: &Self) -> Ordering {
        self.balance()
            .total_cmp(&other.balance())
            .then_with(|| self.cmp(other))
    }

    fn by_cost(&self) -> (bool, Option<Decimal>) {
        (self.cost.is_none(), self.cost)
    }

    /// ln(cost) and the other two, weighted; infinite where the price is unknown. It depends on the
    /// candidate alone, so that another one more or less never turns an order around.
    fn balance(&self) -> f64 {
        let cost = self.cost.and_then(|cost| cost.to_f64());
        cost.map_or(f64::INFINITY, |cost| {
            cost.ln() + self.balance_without_cost()
        })
    }

    /// Worst ratio and quality, weighted; an unknown score counts as 0, since a guess is none.
    pub(super) fn balance_without_cost(&self) -> f64 {
        RATIO_WEIGHT * self.worst_ratio.ln()
            - QUALITY_WEIGHT * f64::from(self.quality.unwrap_or(0)) / 100.0
    }

    /// Model, hardware, count, framework, version, then row id.
    fn tail(&self, other: &Self) -> Ordering {
        self.configuration
            .cmp(other.configuration)
            .then_with(|| other.kind.cmp(&self.kind))
            .then_with(|| self.row.cmp(&other.row))
    }
}

/// The least known cost among candidates.
pub(super) fn cheapest<'r>(candidates: impl IntoIterator<Item = &'r Rank<'r>>) -> Option<Decimal> {
    candidates.into_iter().filter_map(|rank| rank.cost).min()
}

/// The comparison that an objective asks for among candidates of which the cheapest costs so much.
pub(super) fn order(
    objective: Objective,
    requirement: &Requirement,
    cheapest: Option<Decimal>,
) -> impl Fn(&Rank, &Rank) -> Ordering + use<> {
    let most = cheapest
        .filter(|_| objective == Objective::Latency && !is_limited(requirement))
        .and_then(|cheapest| cheapest.checked_mul(LATENCY_COST_FACTOR));
    move |a, b| match objective {
        Objective::Cost => a.cmp(b),
        Objective::Latency => a.by_latency(b, most),
        Objective::Quality => a.by_quality(b),
        Objective::Balanced => a.by_balance(b),
    }
}

/// Whether a limit on GPUs or cost keeps [`Objective::Latency`] within bounds.
pub(super) fn is_limited(requirement: &Requirement) -> bool {
    let constraints = &requirement.constraints;
    constraints.max_gpus.is_some() || constraints.max_cost_per_hour.is_some()
}
