//! R8: what may be chosen, and what a configuration breaks of it.

use std::sync::Arc;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;

use super::availability::Availability;
use super::cost::MicroDollars;
use super::sizing::MAX_REPLICAS;
use crate::benchmark::{Configuration, HardwareName, ModelName};

/// What may be chosen (R8). An empty allow list allows all.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Constraints {
    /// Only these models.
    pub allowed_models: Vec<ModelName>,
    /// None of these models.
    pub denied_models: Vec<ModelName>,
    /// Least quality; a model of unknown quality is excluded by it.
    pub minimum_quality: Option<i32>,
    /// Only this hardware.
    pub allowed_hardware: Vec<HardwareName>,
    /// None of this hardware.
    pub denied_hardware: Vec<HardwareName>,
    /// Most GPUs over all replicas.
    pub max_gpus: Option<i32>,
    /// Most US dollars per hour over all replicas.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub max_cost_per_hour: Option<Decimal>,
    /// Only what `availability` has room for. Left out of a digest unless it is asked for, so that it
    /// changes no other's.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub available_only: bool,
    /// What a cluster has room for; `None` where nobody looked. No part of a digest: the same decision
    /// stays the same while GPUs come and go.
    #[serde(skip)]
    pub availability: Option<Arc<Availability>>,
}

/// One of the constraints that a configuration can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Constraint {
    /// `models.allow` or `models.deny`.
    Models,
    /// `hardware.allow` or `hardware.deny`.
    Hardware,
    /// Less quality than `models.minimumQuality`, or unknown quality.
    Quality,
    /// More GPUs over all replicas than `hardware.maxGpus`.
    Gpus,
    /// More cost per hour than `hardware.maxCostPerHour`.
    Cost,
    /// A cost limit, and a price that is not known.
    UnknownPrice,
    /// More replicas than a deployment can have: the demand is too large for it.
    Replicas,
    /// `hardware.availableOnly`, and more replicas than the cluster has room for.
    Room,
}

impl Constraint {
    const ALL: [Self; 8] = [
        Self::Models,
        Self::Hardware,
        Self::Quality,
        Self::Gpus,
        Self::Cost,
        Self::UnknownPrice,
        Self::Replicas,
        Self::Room,
    ];
}

/// How a configuration breaks it.
impl std::fmt::Display for Constraint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Models => "models.allow or models.deny leaves it out",
            Self::Hardware => "hardware.allow or hardware.deny leaves it out",
            Self::Quality => "its quality is below models.minimumQuality, or unknown",
            Self::Gpus => "it needs more than hardware.maxGpus",
            Self::Cost => "it costs more than hardware.maxCostPerHour",
            Self::UnknownPrice => {
                "its price is unknown under hardware.maxCostPerHour: give the price in a catalog file"
            }
            Self::Room => "this cluster has no room for it now (hardware.availableOnly)",
            Self::Replicas => "it needs more than 100,000 replicas: is the demand right?",
        })
    }
}

/// A set of broken constraints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Broken(u8);

impl Broken {
    fn of(broken: impl IntoIterator<Item = (bool, Constraint)>) -> Self {
        broken
            .into_iter()
            .filter(|(is_broken, _)| *is_broken)
            .fold(Self::default(), |set, (_, constraint)| {
                Self(set.0 | 1 << constraint as u8)
            })
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether this is the one that is broken.
    pub(super) fn is_only(self, constraint: Constraint) -> bool {
        self.0 == 1 << constraint as u8
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Constraint> {
        Constraint::ALL
            .into_iter()
            .filter(move |constraint| self.0 & (1 << *constraint as u8) != 0)
    }
}

impl Constraints {
    /// What a configuration with this quality breaks, whatever its size.
    pub(super) fn broken_by(&self, configuration: &Configuration, quality: Option<u8>) -> Broken {
        let Configuration {
            model, hardware, ..
        } = configuration;
        Broken::of([
            (self.leave_out_model(model), Constraint::Models),
            (self.bars_hardware(hardware), Constraint::Hardware),
            (self.are_above(quality), Constraint::Quality),
        ])
    }

    /// Whether any of them speaks of models.
    pub(super) fn speak_of_models(&self) -> bool {
        !self.denied_models.is_empty()
            || !self.allowed_models.is_empty()
            || self.minimum_quality.is_some()
    }

    /// Whether one of them leaves a model of this quality out.
    pub(super) fn bars_model(&self, model: &ModelName, quality: Option<u8>) -> bool {
        self.leave_out_model(model) || self.are_above(quality)
    }

    fn leave_out_model(&self, model: &ModelName) -> bool {
        self.denied_models.contains(model)
            || !(self.allowed_models.is_empty() || self.allowed_models.contains(model))
    }

    fn are_above(&self, quality: Option<u8>) -> bool {
        self.minimum_quality
            .is_some_and(|least| quality.is_none_or(|score| i32::from(score) < least))
    }

    /// Whether one of them leaves hardware out.
    pub(super) fn bars_hardware(&self, hardware: &HardwareName) -> bool {
        self.denied_hardware.contains(hardware)
            || !(self.allowed_hardware.is_empty() || self.allowed_hardware.contains(hardware))
    }

    /// The most replicas that break no limit; a replica without a price fits no cost limit.
    pub(super) fn most_replicas(
        &self,
        place: (&ModelName, &HardwareName, i32),
        cost_per_hour: Option<MicroDollars>,
    ) -> i32 {
        let (_, _, gpus) = place;
        let by_gpus = self
            .max_gpus
            .map_or(i64::MAX, |most| i64::from(most / gpus));
        let by_cost = self.max_cost_per_hour.map_or(i64::MAX, |most| {
            cost_per_hour.map_or(0, |cost| {
                (MicroDollars::of(most).0 / cost.0.max(1))
                    .to_i64()
                    .unwrap_or(i64::MAX)
            })
        });
        by_gpus
            .min(by_cost)
            .min(self.room(place))
            .min(i64::from(MAX_REPLICAS)) as i32
    }

    /// Replicas that may be placed where only those may be chosen.
    fn room(&self, place: (&ModelName, &HardwareName, i32)) -> i64 {
        let availability = self.availability.as_ref().filter(|_| self.available_only);
        availability.map_or(i64::MAX, |availability| availability.replicas(place))
    }

    /// Whether one of them limits the size.
    pub(super) fn limit_size(&self) -> bool {
        self.max_gpus.is_some() || self.max_cost_per_hour.is_some() || self.available_only
    }

    /// Whether availability is asked for, and could not be looked at in full.
    pub(super) fn guess_availability(&self) -> bool {
        let availability = self.availability.as_ref();
        self.available_only && availability.is_none_or(|it| !it.unchecked.is_empty())
    }

    /// What a size breaks.
    pub(super) fn broken_by_size(
        &self,
        place: (&ModelName, &HardwareName, i32),
        replicas: i32,
        cost_per_hour: Option<MicroDollars>,
    ) -> Broken {
        let gpus = i64::from(replicas) * i64::from(place.2);
        let dearest = self.max_cost_per_hour.map(MicroDollars::of);
        Broken::of([
            (
                self.max_gpus.is_some_and(|most| gpus > i64::from(most)),
                Constraint::Gpus,
            ),
            (
                dearest
                    .zip(cost_per_hour)
                    .is_some_and(|(most, cost)| cost > most),
                Constraint::Cost,
            ),
            (
                dearest.is_some() && cost_per_hour.is_none(),
                Constraint::UnknownPrice,
            ),
            (replicas > MAX_REPLICAS, Constraint::Replicas),
            (i64::from(replicas) > self.room(place), Constraint::Room),
        ])
    }
}
