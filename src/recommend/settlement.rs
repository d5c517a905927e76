//! R14: whether a benchmark that nobody ran could change the answer, and which.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;

use super::capacity::CapacityBound;
use super::cost::MicroDollars;
use super::decision::Plan;
use super::field::{Field, Standing};
use super::plausible;
use super::ranking::{self, LATENCY_COST_FACTOR};
use super::sizing::{Load, Sized};
use crate::api::Objective;
use crate::benchmark::EvidenceKind;

/// A winner whose worst p95 is at least this share of its target is worth repeating.
const NEAR_TARGET: f64 = 0.9;

/// The higher of the two rates to run, over the lower: a capacity is known once a rate fails.
const NEXT_RATE: Decimal = Decimal::from_parts(115, 0, 0, false, 2);

/// Requests that make a row worth its name, and its p95s proven.
pub const REQUESTS_WORTH_RUNNING: u32 = 1000;

/// Whether the answer stands, and the benchmarks that could change it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Settlement {
    /// No plausible capacity of another candidate makes it cheaper than the recommendation, and no
    /// estimate is recommended. Otherwise the answer is provisional: others are "not shown cheaper".
    pub settled: bool,
    /// Other candidates that could turn out cheaper.
    pub challengers: usize,
    /// The benchmarks worth running, the one that could save most first.
    pub worth_running: Vec<WorthRunning>,
}

/// A benchmark worth running: steady, with 1,000 requests or more.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WorthRunning {
    /// Why.
    pub reason: Worth,
    /// What to run, and what it would be if the benchmark succeeds.
    pub plan: Plan,
    /// The rates to offer to one replica, requests per second.
    pub rates_rps: Vec<Decimal>,
    /// What it could save in an hour.
    pub saving_per_hour: Option<MicroDollars>,
}

/// Why a benchmark is worth running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Worth {
    /// Another candidate would cost less with a capacity that it may have.
    Challenger,
    /// The recommendation would need one replica less with a capacity that it may have.
    FewerReplicas,
    /// The recommendation rests on an estimate (R13): a benchmark tells.
    Estimated,
    /// The recommendation stands within 10 % of a target: a second run makes sure.
    NearTarget,
}

/// Whether `winner` stands among these.
pub(super) fn settle(field: &Field, winner: &Sized, standings: &[Standing]) -> Settlement {
    let load = Load::of(field.requirement);
    let others = standings
        .iter()
        .filter(|standing| standing.barred.is_empty())
        .flat_map(|standing| &standing.ways)
        .filter(|way| !is_same(way, winner));
    let mut worth_running: Vec<_> = others
        .filter_map(|way| challenge(field, winner, way, &load))
        .collect();
    let challengers = worth_running.len();
    worth_running.extend(fewer_replicas(field, winner, &load));
    worth_running.sort_by(|a, b| {
        b.saving_per_hour
            .cmp(&a.saving_per_hour)
            .then_with(|| a.plan.configuration.cmp(&b.plan.configuration))
            .then_with(|| b.plan.kind.cmp(&a.plan.kind))
    });
    let is_estimate = winner.ladder.kind == EvidenceKind::Estimated;
    if is_estimate {
        let capacity = winner.reading.backing.rows();
        let capacity = capacity.filter(|row| row.id == winner.capacity.row);
        let rows = std::iter::once(winner.operating_row).chain(capacity);
        let mut rates_rps: Vec<_> = rows.filter_map(|row| row.exactly_offered_rps()).collect();
        rates_rps.dedup();
        worth_running.insert(
            0,
            WorthRunning {
                reason: Worth::Estimated,
                plan: Plan::of(winner),
                rates_rps,
                saving_per_hour: None,
            },
        );
    } else if winner.rank.worst_ratio >= NEAR_TARGET {
        worth_running.push(WorthRunning {
            reason: Worth::NearTarget,
            plan: Plan::of(winner),
            rates_rps: winner
                .operating_row
                .exactly_offered_rps()
                .into_iter()
                .collect(),
            saving_per_hour: None,
        });
    }
    Settlement {
        settled: challengers == 0 && !is_estimate,
        challengers,
        worth_running,
    }
}

fn is_same(a: &Sized, b: &Sized) -> bool {
    a.configuration == b.configuration && a.ladder.kind == b.ladder.kind
}

/// The benchmark after which `way` could come before the winner, if there is one.
fn challenge(field: &Field, winner: &Sized, way: &Sized, load: &Load) -> Option<WorthRunning> {
    let to_beat = cost_to_beat(field, winner, way)?;
    let per_replica = way.cost_per_replica()?;
    let Some(load_rps) = load.rps else {
        // Cost per capacity is compared: it has to hold so much for its price.
        let needed = Decimal::try_from_i128_with_scale(per_replica.0, 0)
            .ok()?
            .checked_div(to_beat)?;
        return worth(field, winner, way, Worth::Challenger, needed, 1);
    };
    let constraints = &field.requirement.constraints;
    let replicas = most_below(to_beat, per_replica)?
        .min(way.replicas - 1)
        .min(constraints.most_replicas(way.configuration.place(), Some(per_replica)));
    let needed_replicas = replicas
        .checked_sub(load.spare_replicas)
        .filter(|k| *k >= 1)?;
    let needed = load_rps.checked_div(Decimal::from(needed_replicas))?;
    worth(field, winner, way, Worth::Challenger, needed, replicas)
}

/// The benchmark after which the winner could do with one replica less.
fn fewer_replicas(field: &Field, winner: &Sized, load: &Load) -> Option<WorthRunning> {
    let replicas = winner.replicas - 1;
    let needed_replicas = Some(replicas - load.spare_replicas).filter(|k| *k >= 1)?;
    let needed = load.rps?.checked_div(Decimal::from(needed_replicas))?;
    worth(
        field,
        winner,
        winner,
        Worth::FewerReplicas,
        needed,
        replicas,
    )
}

/// The benchmark that shows `needed` requests per second, if the way may hold them.
fn worth(
    field: &Field,
    winner: &Sized,
    way: &Sized,
    reason: Worth,
    needed_rps: Decimal,
    replicas: i32,
) -> Option<WorthRunning> {
    if is_shown(way) || needed_rps > plausible(field, way) {
        return None;
    }
    let per_replica = way.cost_per_replica();
    let gpus = i64::from(replicas) * i64::from(way.configuration.hardware_count);
    let cost_per_hour = per_replica.map(|cost| MicroDollars(cost.0 * i128::from(replicas)));
    Some(WorthRunning {
        reason,
        plan: Plan {
            configuration: way.configuration.clone(),
            kind: way.ladder.kind,
            replicas,
            gpus,
            cost_per_hour,
        },
        rates_rps: [needed_rps, needed_rps * NEXT_RATE]
            .map(|rate| {
                rate.round_dp_with_strategy(4, rust_decimal::RoundingStrategy::ToPositiveInfinity)
            })
            .to_vec(),
        saving_per_hour: field.requirement.demand.as_ref().and_then(|_| {
            let saving = winner.cost_per_hour?.0 - cost_per_hour?.0;
            Some(MicroDollars(saving.max(0)))
        }),
    })
}

/// Whether a run showed where the capacity ends. An estimate is no run: its bounds fail long before
/// the latencies would.
fn is_shown(way: &Sized) -> bool {
    way.capacity.bound != CapacityBound::AtLeast && way.ladder.kind != EvidenceKind::Estimated
}

/// The capacity that a way with a lower bound may turn out to have.
fn plausible(field: &Field, way: &Sized) -> Decimal {
    let cut_by = way
        .capacity
        .cut_by
        .filter(|_| way.ladder.kind != EvidenceKind::Estimated);
    let failing = cut_by.and_then(|id| way.ladder.rows().find(|row| row.id == id));
    plausible::capacity(
        way.capacity.rps,
        &way.reading.backing.rows().collect::<Vec<_>>(),
        &field.bounds(),
        failing.and_then(|row| row.exactly_offered_rps()),
    )
}

/// What the way has to cost less than to come before the winner, in the units of its rank; `None`
/// where no cost would do.
fn cost_to_beat(field: &Field, winner: &Sized, way: &Sized) -> Option<Decimal> {
    let cost = winner.rank.cost?;
    match field.requirement.objective {
        Objective::Cost => Some(cost),
        Objective::Quality => (way.quality == winner.quality).then_some(cost),
        Objective::Balanced => {
            let ahead = winner.rank.balance_without_cost() - way.rank.balance_without_cost();
            Decimal::try_from(cost.to_f64()? * ahead.exp()).ok()
        }
        // Cheaper others put the winner out of the range of costs that may be chosen.
        Objective::Latency if !ranking::is_limited(field.requirement) => {
            cost.checked_div(LATENCY_COST_FACTOR)
        }
        Objective::Latency => None,
    }
}

/// The most replicas that cost less than `cost` together: ceil(cost / each) - 1.
fn most_below(cost: Decimal, each: MicroDollars) -> Option<i32> {
    let each = Decimal::try_from_i128_with_scale(each.0, 0).ok()?;
    let most = cost.checked_div(each)?.ceil() - Decimal::ONE;
    Some(most.to_i32().unwrap_or(i32::MAX))
}
