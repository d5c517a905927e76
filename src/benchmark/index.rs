//! What every configuration shows by the usual rules, side by side in memory: a decision walks
//! configurations, and not one of their rows.
//!
//! It says nothing of places where kinds of evidence meet (R5), nor where a rate is not a number:
//! those are walked.

use std::collections::HashMap;

use jiff::Timestamp;

use super::ladder::{ConfigurationLadders, Ladder, Place, SharedPlace};
use super::{EvidenceKind, HardwareName, ModelName, Step, TrafficProfile};

/// All places of some benchmarks.
#[derive(Debug, Default)]
pub struct Index {
    /// Without repetition.
    pub models: Vec<ModelName>,
    /// Without repetition.
    pub hardware: Vec<HardwareName>,
    /// In the order of the places.
    pub places: Vec<IndexedPlace>,
    /// By place.
    configurations: Vec<IndexedConfiguration>,
    /// Of the ladder that decides, by configuration.
    rates: Vec<IndexedRate>,
}

/// A place.
#[derive(Clone, Copy, Debug)]
pub struct IndexedPlace {
    /// Its profile.
    pub profile: TrafficProfile,
    /// In [`Index::models`].
    pub model: u32,
    /// In [`Index::hardware`].
    pub hardware: u32,
    /// GPUs of one replica.
    pub hardware_count: i32,
    /// The only kind of its evidence; `None` where it has to be walked.
    pub kind: Option<EvidenceKind>,
    /// Whether a load is closed-loop, prefix-shared or a throughput run.
    pub has_unusual_load: bool,
    /// When its newest row ran.
    pub newest: Option<Timestamp>,
    first: u32,
    /// How many configurations it has.
    pub configurations: u32,
    /// Those with a row that may back a decision.
    pub with_evidence: u32,
}

/// A configuration, by the ladder that decides.
#[derive(Clone, Copy, Debug)]
pub struct IndexedConfiguration {
    /// The p95s under which it complies at all: the worst up to the first rate that may back a
    /// decision; infinite where there is none.
    least: [f64; 3],
    /// The least capacity that it shows where it complies, requests per second.
    pub least_rps: f64,
    /// The most.
    pub most_rps: f64,
    first_rate: u32,
    rates: u32,
}

/// An offered rate up to which some row may back a decision.
#[derive(Clone, Copy, Debug)]
struct IndexedRate {
    /// The largest p95s up to here.
    worst: [f64; 3],
    /// The capacity that is shown up to here, requests per second.
    served_rps: f64,
}

impl IndexedConfiguration {
    /// Whether it shows a capacity where no p95 may be above its bound.
    #[inline]
    pub fn complies(&self, bounds: &[f64; 3]) -> bool {
        is_within(&self.least, bounds)
    }
}

#[inline]
fn is_within([a, b, c]: &[f64; 3], bounds: &[f64; 3]) -> bool {
    (*a <= bounds[0]) & (*b <= bounds[1]) & (*c <= bounds[2])
}

impl Index {
    pub(super) fn new(places: &[SharedPlace]) -> Self {
        let mut index = Self::default();
        let mut models = HashMap::new();
        let mut hardware = HashMap::new();
        for place in places {
            let (model, gpu, hardware_count) = place.configuration().place();
            let model = *models.entry(model).or_insert_with(|| {
                index.models.push(model.clone());
                index.models.len() as u32 - 1
            });
            let hardware = *hardware.entry(gpu).or_insert_with(|| {
                index.hardware.push(gpu.clone());
                index.hardware.len() as u32 - 1
            });
            index.places.push(IndexedPlace {
                profile: place.profile,
                model,
                hardware,
                hardware_count,
                kind: only_kind(place),
                has_unusual_load: place.ladders().any(|it| !it.conditions.are_usual()),
                newest: place.ladders().filter_map(|ladder| ladder.newest).max(),
                configurations: place.configurations.len() as u32,
                first: index.configurations.len() as u32,
                with_evidence: place.configurations.iter().filter(has_evidence).count() as u32,
            });
            place.configurations.iter().for_each(|it| index.add(it));
        }
        index
    }

    fn add(&mut self, configuration: &ConfigurationLadders) {
        let usual = configuration.ladders.iter();
        let deciding = usual
            .filter(|ladder| ladder.conditions.are_usual())
            .filter_map(|ladder| Some((ladder.newest_steady?, ladder)))
            .max_by(|a, b| Ladder::by_age(*a, *b));
        let steps = deciding.map_or(&[][..], |(_, ladder)| &ladder.steps);
        let shows = |step: &&Step| step.served_rps > 0.0;
        let first_rate = self.rates.len();
        self.rates
            .extend(steps.iter().filter(shows).map(|step| IndexedRate {
                worst: step.worst,
                served_rps: step.served_rps,
            }));
        let rates = &self.rates[first_rate..];
        self.configurations.push(IndexedConfiguration {
            least: rates.first().map_or([f64::INFINITY; 3], |it| it.worst),
            least_rps: rates.first().map_or(0.0, |it| it.served_rps),
            most_rps: rates.last().map_or(0.0, |it| it.served_rps),
            first_rate: first_rate as u32,
            rates: rates.len() as u32,
        });
    }

    /// The capacity that a configuration shows where no p95 may be above its bound, requests per
    /// second; 0 where it shows none.
    pub fn capacity_rps(&self, of: &IndexedConfiguration, bounds: &[f64; 3]) -> f64 {
        let first = of.first_rate as usize;
        let rates = &self.rates[first..first + of.rates as usize];
        let failing = rates.partition_point(|rate| is_within(&rate.worst, bounds));
        failing
            .checked_sub(1)
            .map_or(0.0, |last| rates[last].served_rps)
    }

    /// The configurations of a place.
    pub fn of(&self, place: &IndexedPlace) -> &[IndexedConfiguration] {
        let first = place.first as usize;
        &self.configurations[first..first + place.configurations as usize]
    }
}

fn has_evidence(configuration: &&ConfigurationLadders) -> bool {
    let ladders = configuration.ladders.iter();
    let usual = ladders.filter(|ladder| ladder.conditions.are_usual());
    usual.flat_map(|it| &it.rows).any(|row| !row.bounds_only())
}

fn only_kind(place: &Place) -> Option<EvidenceKind> {
    let kind = place.ladders().next()?.kind;
    let is_plain = |ladder: &Ladder| ladder.kind == kind && !ladder.steps.is_empty();
    place.ladders().all(is_plain).then_some(kind)
}
