//! R9: which candidate comes first. A total order: no two different candidates are equal.

use std::cmp::{Ordering, Reverse};

use rust_decimal::Decimal;
use uuid::Uuid;

use super::requirement::Requirement;
use crate::api::Objective;
use crate::benchmark::{Configuration, EvidenceKind};

/// How much dearer than the cheapest a candidate may be under [`Objective::Latency`].
const LATENCY_COST_FACTOR: Decimal = Decimal::from_parts(15, 0, 0, false, 1);

/// What candidates are ranked by.
#[derive(Clone, Debug)]
pub(super) struct Rank<'a> {
    /// Cost, or cost per capacity where no demand is given; `None` behind every known one.
    pub(super) cost: Option<Decimal>,
    pub(super) gpus: i64,
    /// Capacity of all replicas beyond the demand with headroom.
    pub(super) spare: Decimal,
    /// Finite and above zero.
    pub(super) worst_ratio: f64,
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

    fn by_cost(&self) -> (bool, Option<Decimal>) {
        (self.cost.is_none(), self.cost)
    }

    /// Model, hardware, count, framework, version, then row id.
    fn tail(&self, other: &Self) -> Ordering {
        self.configuration
            .cmp(other.configuration)
            .then_with(|| other.kind.cmp(&self.kind))
            .then_with(|| self.row.cmp(&other.row))
    }
}

/// The comparison that the requirement's objective asks for.
pub(super) fn order(
    requirement: &Requirement,
    candidates: &[Rank],
) -> impl Fn(&Rank, &Rank) -> Ordering + use<> {
    let objective = requirement.objective;
    let constraints = &requirement.constraints;
    let is_limited = constraints.max_gpus.is_some() || constraints.max_cost_per_hour.is_some();
    let most = match objective {
        Objective::Latency if !is_limited => candidates
            .iter()
            .filter_map(|rank| rank.cost)
            .min()
            .and_then(|cheapest| cheapest.checked_mul(LATENCY_COST_FACTOR)),
        _ => None,
    };
    move |a, b| match objective {
        Objective::Cost => a.cmp(b),
        Objective::Latency => a.by_latency(b, most),
    }
}
