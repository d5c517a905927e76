//! R6 and R9 turned around: up to which demand an answer holds.

use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;

use super::decision::Plan;
use super::field::{Field, Standing};
use super::ranking;
use super::sizing::{Load, Sized, replicas_for};
use crate::api::Objective;

/// Replicas of the recommendation up to which another configuration is looked for, beyond those
/// that the demand needs.
const REPLICAS_AHEAD: i32 = 64;

/// Demands are written with four decimals: the next one is so much larger.
const SMALLEST_STEP: Decimal = Decimal::from_parts(1, 0, 0, false, 4);

/// Up to which demand an answer holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BreakEven {
    /// The demand that the recommended replicas hold with the headroom, requests per second.
    #[serde(with = "rust_decimal::serde::str")]
    pub same_replicas_up_to_rps: Decimal,
    /// The demand up to which no other configuration comes first, with more replicas where they
    /// are needed, requests per second; as far as was looked where `then` says nothing else.
    #[serde(with = "rust_decimal::serde::str")]
    pub same_configuration_up_to_rps: Decimal,
    /// What comes beyond that.
    pub then: Then,
}

/// What comes beyond a demand.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Then {
    /// Another configuration is the answer.
    Another(Box<Plan>),
    /// Nothing complies any more: limits on GPUs or cost are reached.
    Nothing,
    /// The same, as far as was looked: 64 replicas more.
    Same,
}

/// Where the answer `winner` ends. `None` without a demand, and for objectives that weigh the
/// latencies, which move with every request: those would have to be asked again.
pub(super) fn break_even(
    field: &Field,
    winner: &Sized,
    standings: &[Standing],
) -> Option<BreakEven> {
    let requirement = field.requirement;
    let demand = requirement.demand.as_ref()?;
    if !matches!(requirement.objective, Objective::Cost | Objective::Quality) {
        return None;
    }
    let with_headroom = Decimal::new((100 + demand.headroom_percent).into(), 2);
    let demand_at = |replicas: i32| {
        (winner.capacity.rps * Decimal::from(replicas) / with_headroom)
            .round_dp_with_strategy(4, RoundingStrategy::ToZero)
    };
    let needed = winner.replicas - demand.spare_replicas;
    // More demand never lifts a limit, so what is over one now stays out.
    let ways = standings.iter().flat_map(Standing::compliant);
    let rivals: Vec<_> = ways.map(Rival::new).collect();
    // Between the demands at which the recommendation needs one replica more it costs the same,
    // and the others nothing less: only there another can come first.
    let changed = (needed..needed.saturating_add(REPLICAS_AHEAD)).find_map(|replicas| {
        let load = Load {
            rps: Some((demand_at(replicas) + SMALLEST_STEP) * with_headroom),
            spare_replicas: demand.spare_replicas,
        };
        let then = first(field, &rivals, winner, &load);
        (then != Then::Same).then_some((replicas, then))
    });
    let (replicas, then) = changed.unwrap_or((needed + REPLICAS_AHEAD, Then::Same));
    Some(BreakEven {
        same_replicas_up_to_rps: demand_at(needed),
        same_configuration_up_to_rps: demand_at(replicas),
        then,
    })
}

/// A way that may come first under another load.
struct Rival<'w, 'a> {
    way: &'w Sized<'a>,
    /// Micro-dollars an hour.
    per_replica: Option<i128>,
    /// Micro-dollars an hour for each request per second of full replicas.
    least_per_rps: Option<f64>,
}

impl<'w, 'a> Rival<'w, 'a> {
    fn new(way: &'w Sized<'a>) -> Self {
        let per_replica = way.cost_per_replica().map(|cost| cost.0);
        Self {
            way,
            per_replica,
            least_per_rps: per_replica
                .zip(way.capacity.rps.to_f64())
                .map(|(cost, rps)| cost as f64 / rps),
        }
    }

    fn cost(&self, load: &Load) -> Option<i128> {
        let replicas =
            replicas_for(load.rps?, self.way.capacity.rps).saturating_add(load.spare_replicas);
        Some(self.per_replica? * i128::from(replicas))
    }

    /// Most are out by what their capacity costs at least, which is much sooner found than how many
    /// replicas they need.
    fn costs_at_most(&self, most: i128, load: &Load, load_rps: f64) -> bool {
        self.least_per_rps
            .is_none_or(|cost| cost * load_rps <= most as f64 * 1.001)
            && self.cost(load).is_some_and(|cost| cost <= most)
    }
}

/// Which way comes first under a load.
fn first(field: &Field, rivals: &[Rival], winner: &Sized, load: &Load) -> Then {
    let own_cost = Rival::new(winner)
        .cost(load)
        .filter(|_| field.requirement.objective == Objective::Cost)
        .filter(|_| !breaks_limits(field, winner, load));
    let load_rps = load.rps.and_then(|rps| rps.to_f64()).unwrap_or_default();
    let resized: Vec<_> = rivals
        .iter()
        // Sizing is the dear part: those that cost more are not the first.
        .filter(|rival| own_cost.is_none_or(|own| rival.costs_at_most(own, load, load_rps)))
        .filter_map(|rival| field.resized(rival.way, load))
        .filter(|way| way.broken.is_empty())
        .collect();
    let order = ranking::order(
        field.requirement.objective,
        field.requirement,
        ranking::cheapest(resized.iter().map(|way| &way.rank)),
    );
    match resized.iter().min_by(|a, b| order(&a.rank, &b.rank)) {
        None => Then::Nothing,
        Some(best) if best.configuration == winner.configuration => Then::Same,
        Some(best) => Then::Another(Box::new(Plan::of(best))),
    }
}

fn breaks_limits(field: &Field, winner: &Sized, load: &Load) -> bool {
    field
        .resized(winner, load)
        .is_none_or(|way| !way.broken.is_empty())
}
