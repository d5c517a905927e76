//! What every configuration shows by the usual rules, side by side in memory: a decision walks
//! configurations, and not one of their rows.
//!
//! Those whose replicas cost the same stand together, so that a decision can leave all of them out
//! of its ranking at once. Of places where kinds of evidence meet (R5), or where a rate is not a
//! number, the index tells where they are: those are walked.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

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
    /// All places that have GPUs.
    pub accelerators: Vec<IndexedAccelerators>,
    /// By accelerators and place.
    configurations: Vec<IndexedConfiguration>,
    /// Of each the p95s under which it complies at all: the worst up to the first rate that may back
    /// a decision; infinite where there is none.
    least: Vec<[f64; 3]>,
    /// Of the ladder that decides, by configuration.
    rates: Vec<IndexedRate>,
}

/// Configurations of one number of the same GPUs, whose evidence is alike.
#[derive(Clone, Debug)]
pub struct IndexedAccelerators {
    /// What they have in common.
    pub alike: Alike,
    /// When their newest row ran.
    pub newest: Option<Timestamp>,
    /// How many configurations have a row that may back a decision.
    pub with_evidence: usize,
    /// The least capacity of any that complies somewhere, requests per second; infinite where none
    /// does.
    pub least_rps: f64,
    /// The most of any.
    pub most_rps: f64,
    range: Range<usize>,
}

/// What configurations that stand together have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alike {
    /// Profile.
    pub profile: TrafficProfile,
    /// In [`Index::hardware`].
    pub hardware: u32,
    /// GPUs of one replica.
    pub hardware_count: i32,
    /// The only kind of evidence of their places; `None` where those have to be walked.
    pub kind: Option<EvidenceKind>,
    /// Whether a load in their places is closed-loop, prefix-shared or a throughput run.
    pub has_unusual_load: bool,
}

/// A configuration, by the ladder that decides.
#[derive(Clone, Copy, Debug)]
pub struct IndexedConfiguration {
    /// Its place, by index.
    pub place: u32,
    /// In [`Index::models`].
    pub model: u32,
    /// Whether it has a row that may back a decision.
    pub has_evidence: bool,
    first_rate: u32,
    rates: u32,
    /// The most that it may show, requests per second.
    pub most_rps: f64,
}

/// An offered rate up to which some row may back a decision.
#[derive(Clone, Copy, Debug)]
struct IndexedRate {
    /// The largest p95s up to here.
    worst: [f64; 3],
    /// The capacity that is shown up to here, requests per second.
    served_rps: f64,
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
        let mut alike: BTreeMap<Alike, Vec<(u32, u32)>> = BTreeMap::new();
        for (place, at) in places.iter().zip(0..) {
            let (model, gpu, hardware_count) = place.configuration().place();
            if hardware_count <= 0 {
                continue;
            }
            let model = *models.entry(model).or_insert_with(|| {
                index.models.push(model.clone());
                index.models.len() as u32 - 1
            });
            let key = Alike {
                profile: place.profile,
                hardware: *hardware.entry(gpu).or_insert_with(|| {
                    index.hardware.push(gpu.clone());
                    index.hardware.len() as u32 - 1
                }),
                hardware_count,
                kind: only_kind(place),
                has_unusual_load: place.ladders().any(|it| !it.conditions.are_usual()),
            };
            alike.entry(key).or_default().push((at, model));
        }
        for (alike, members) in alike {
            index.add_accelerators(alike, &members, places);
        }
        index
    }

    fn add_accelerators(&mut self, alike: Alike, members: &[(u32, u32)], places: &[SharedPlace]) {
        let first = self.configurations.len();
        let mut newest = None;
        for (place, model) in members {
            let of_place = &places[*place as usize];
            newest = newest.max(of_place.ladders().filter_map(|it| it.newest).max());
            for configuration in &of_place.configurations {
                self.add(*place, *model, configuration);
            }
        }
        let range = first..self.configurations.len();
        let added = &self.configurations[range.clone()];
        let shown = added.iter().filter_map(|it| self.rates_of(it).first());
        self.accelerators.push(IndexedAccelerators {
            alike,
            newest,
            with_evidence: added.iter().filter(|it| it.has_evidence).count(),
            least_rps: shown.map(|it| it.served_rps).fold(f64::INFINITY, f64::min),
            most_rps: added.iter().map(|it| it.most_rps).fold(0.0, f64::max),
            range,
        });
    }

    fn add(&mut self, place: u32, model: u32, configuration: &ConfigurationLadders) {
        let ladders = configuration.ladders.iter();
        let deciding = ladders
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
        self.least
            .push(rates.first().map_or([f64::INFINITY; 3], |it| it.worst));
        self.configurations.push(IndexedConfiguration {
            place,
            model,
            has_evidence: has_evidence(configuration),
            first_rate: first_rate as u32,
            rates: rates.len() as u32,
            most_rps: rates.last().map_or(0.0, |it| it.served_rps),
        });
    }

    /// The configurations on some accelerators.
    pub fn on(&self, accelerators: &IndexedAccelerators) -> &[IndexedConfiguration] {
        &self.configurations[accelerators.range.clone()]
    }

    /// Of each of [`Index::on`], whether it shows a capacity where no p95 may be above its bound.
    pub fn comply<'i>(
        &'i self,
        accelerators: &IndexedAccelerators,
        bounds: &'i [f64; 3],
    ) -> impl Iterator<Item = bool> + 'i {
        let least = &self.least[accelerators.range.clone()];
        least.iter().map(|least| is_within(least, bounds))
    }

    /// The capacity that a configuration shows where no p95 may be above its bound, requests per
    /// second; 0 where it shows none.
    pub fn capacity_rps(&self, of: &IndexedConfiguration, bounds: &[f64; 3]) -> f64 {
        let rates = self.rates_of(of);
        let failing = rates.partition_point(|rate| is_within(&rate.worst, bounds));
        failing
            .checked_sub(1)
            .map_or(0.0, |last| rates[last].served_rps)
    }

    fn rates_of(&self, of: &IndexedConfiguration) -> &[IndexedRate] {
        let first = of.first_rate as usize;
        &self.rates[first..first + of.rates as usize]
    }
}

fn has_evidence(configuration: &ConfigurationLadders) -> bool {
    let ladders = configuration.ladders.iter();
    let usual = ladders.filter(|ladder| ladder.conditions.are_usual());
    usual.flat_map(|it| &it.rows).any(|row| !row.bounds_only())
}

fn only_kind(place: &Place) -> Option<EvidenceKind> {
    let kind = place.ladders().next()?.kind;
    let is_plain = |ladder: &Ladder| ladder.kind == kind && !ladder.steps.is_empty();
    place.ladders().all(is_plain).then_some(kind)
}
