//! R6: how many replicas a configuration needs for the demand.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::capacity::{self, Capacity, Reading};
use super::compliance::Bounds;
use super::constraints::Broken;
use super::cost::{self, MicroDollars};
use super::ladder::{Ladder, Row};
use super::ranking::Rank;
use super::requirement::{Demand, Requirement};
use crate::benchmark::{Configuration, ModelName};
use crate::catalog::{Catalog, UseCase};

/// What the number of replicas takes for granted (R6).
pub const ASSUMPTIONS: [&str; 2] = [
    "requests arrive independently (Poisson)",
    "requests are routed evenly over the replicas",
];

/// More replicas than this are no deployment.
pub(super) const MAX_REPLICAS: i32 = 100_000;

/// What the replicas must hold together.
pub(super) struct Load {
    /// Demand with headroom, requests per second; `None` where no demand is given.
    pub(super) rps: Option<Decimal>,
    /// Replicas beyond those needed.
    pub(super) spare_replicas: i32,
}

impl Load {
    pub(super) fn of(requirement: &Requirement) -> Self {
        let demand = requirement.demand.as_ref();
        Self {
            rps: demand.map(Demand::with_headroom),
            spare_replicas: demand.map_or(0, |demand| demand.spare_replicas),
        }
    }
}

/// A configuration that meets the targets, with its replicas and cost.
#[derive(Clone)]
pub(super) struct Sized<'a> {
    pub(super) configuration: &'a Configuration,
    pub(super) ladder: Ladder<'a>,
    pub(super) reading: Reading<'a>,
    pub(super) capacity: Capacity,
    /// The constraints that it breaks.
    pub(super) broken: Broken,
    pub(super) operating_row: Row<'a>,
    pub(super) replicas: i32,
    pub(super) gpus: i64,
    pub(super) quality: Option<u8>,
    pub(super) cost_per_hour: Option<MicroDollars>,
    pub(super) rank: Rank<'a>,
}

impl Sized<'_> {
    /// Cost of one replica for an hour; `None` where the price is unknown.
    pub(super) fn cost_per_replica(&self) -> Option<MicroDollars> {
        let cost = self.cost_per_hour?;
        Some(MicroDollars(cost.0 / i128::from(self.replicas)))
    }
}

/// Sizes a configuration by what its ladder shows; `None` where it shows no capacity.
pub(super) fn size<'a>(
    requirement: &Requirement,
    catalog: &Catalog,
    ladder: Ladder<'a>,
    reading: Reading<'a>,
    bounds: &Bounds,
    load: &Load,
) -> Option<Sized<'a>> {
    let capacity = reading.capacity.clone()?;
    let replicas = load.rps.map_or(1, |rps| {
        replicas_for(rps, capacity.rps).saturating_add(load.spare_replicas)
    });
    let load_rps = load.rps.unwrap_or(capacity.rps);
    let operating_row =
        capacity::operating_row(&reading.backing, load_rps, replicas).or_else(|| {
            // Only where the replicas are too many to count.
            let mut backing = reading.backing.rows();
            backing.find(|row| row.id == capacity.row)
        })?;
    let configuration = operating_row.configuration();
    let gpus = i64::from(replicas) * i64::from(configuration.hardware_count);
    let hardware = catalog.hardware(&configuration.hardware);
    let cost_per_hour = cost::per_hour(hardware, gpus);
    let (worst_ratio, _) = bounds.worst_ratio(&operating_row.p95s()?);
    let spare = capacity.rps * Decimal::from(replicas) - load_rps;
    let quality = quality(catalog, &configuration.model, requirement.use_case);
    Some(Sized {
        rank: Rank {
            cost: cost_per_hour.and_then(|cost| {
                let cost = Decimal::try_from_i128_with_scale(cost.0, 0).ok()?;
                match load.rps {
                    Some(_) => Some(cost),
                    None => cost.checked_div(capacity.rps),
                }
            }),
            quality,
            gpus,
            spare,
            worst_ratio,
            configuration,
            kind: ladder.kind,
            row: operating_row.id,
        },
        configuration,
        ladder,
        operating_row,
        replicas,
        gpus,
        quality,
        cost_per_hour,
        capacity,
        broken: Broken::default(),
        reading,
    })
}

/// max(1, ceil(load / capacity)), exactly; `i32::MAX` where it is beyond that.
pub(super) fn replicas_for(load: Decimal, capacity: Decimal) -> i32 {
    let exact = || {
        let rounded = load.checked_div(capacity)?.floor();
        let whole = if capacity.checked_mul(rounded)? < load {
            rounded + Decimal::ONE
        } else {
            rounded
        };
        whole.max(Decimal::ONE).to_i32()
    };
    exact().unwrap_or(i32::MAX)
}

/// The catalog's score of a model for a use case; `None` where no source publishes one.
pub(super) fn quality(catalog: &Catalog, model: &ModelName, use_case: UseCase) -> Option<u8> {
    catalog.model(model)?.quality.get(&use_case).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replicas(load: &str, capacity: &str) -> i32 {
        replicas_for(load.parse().unwrap(), capacity.parse().unwrap())
    }

    #[test]
    fn replicas_are_rounded_up_exactly() {
        assert_eq!(replicas("4.2", "0.6"), 7); // 3.5 x 1.2 / 0.6 is 8 in binary floats
        assert_eq!(replicas("4.2001", "0.6"), 8);
        assert_eq!(replicas("0.1", "30"), 1);
        assert_eq!(replicas("1", "3"), 1);
        assert_eq!(replicas("1000000000", "0.0001"), i32::MAX);
    }
}
