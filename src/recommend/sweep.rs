//! R4 to R9 over all configurations at once, as far as the recommendation and its alternatives need:
//! how many comply, and which places may be among the first.
//!
//! It walks the index of the benchmarks, a few comparisons a configuration, and compares in floats;
//! what may come first is then judged exactly. What the index does not speak of is judged too.

use std::cmp::Ordering;

use jiff::Timestamp;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::compliance::Bounds;
use super::constraints::Broken;
use super::cost;
use super::explanation::Counts;
use super::ladder;
use super::requirement::Requirement;
use super::sizing::{self, Load, MAX_REPLICAS, replicas_for};
use crate::api::Objective;
use crate::benchmark::{
    DOUBT, HardwareName, Index, IndexedConfiguration, IndexedPlace, ModelName,
    USUAL_SERVED_PERCENT, exact_rate,
};
use crate::catalog::{Catalog, SloTargets};

/// Whole numbers below this are exact as floats: micro-dollars up to nine thousand million dollars.
const LARGEST_EXACT: f64 = (1_u64 << 53) as f64;

/// What a sweep finds.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    /// What became of the configurations that need no judging.
    pub(super) counts: Counts,
    /// Places, by index, that are counted and may be among the first.
    pub(super) first: Vec<usize>,
}

/// Sweeps over the places of a requirement's profile, under these targets and those.
pub(super) struct Sweeper<'r> {
    sizes: Sizes<'r>,
    margin_percent: i32,
    /// Places whose configurations stand or fall by the targets.
    swept: Vec<Swept>,
    /// Places, by index, that have to be judged for what becomes of their configurations.
    pub(super) unknown: Vec<usize>,
    /// What becomes of all others, and of those that do not comply.
    counts: Counts,
}

/// A place that is allowed, with evidence that may back a decision.
#[derive(Clone, Copy)]
struct Swept {
    /// By index.
    at: u32,
    /// Micro-dollars an hour; infinite where the price is unknown.
    cost_per_replica: f64,
}

impl<'r> Sweeper<'r> {
    pub(super) fn new(
        requirement: &'r Requirement,
        index: &'r Index,
        catalog: &Catalog,
        now: Timestamp,
    ) -> Self {
        let policy = &requirement.evidence;
        let mut sweeper = Self {
            sizes: Sizes::new(requirement, index, catalog),
            margin_percent: policy.margin_percent,
            swept: Vec::with_capacity(index.places.len()),
            unknown: Vec::new(),
            counts: Counts::default(),
        };
        let is_usual = is_usual(requirement);
        let latest = ladder::latest(now);
        let allows_unusual_loads = !policy.allowed_loads.is_empty();
        for (at, place) in index.places.iter().enumerate() {
            if place.profile != requirement.profile || place.hardware_count <= 0 {
                continue;
            }
            let kind = place.kind.filter(|_| {
                is_usual
                    && !(allows_unusual_loads && place.has_unusual_load)
                    && place.newest.is_none_or(|it| it <= latest)
            });
            let Some(kind) = kind else {
                sweeper.unknown.push(at);
                continue;
            };
            let counts = &mut sweeper.counts;
            let [all, with_evidence] =
                [place.configurations, place.with_evidence].map(|it| it as usize);
            counts.configurations += all;
            if kind < policy.minimum_kind {
                counts.excluded.by_evidence += all;
                continue;
            }
            counts.excluded.by_evidence += all - with_evidence;
            if sweeper.sizes.is_barred(place) {
                counts.excluded.by_constraints += with_evidence;
                continue;
            }
            counts.rejected += with_evidence;
            sweeper.swept.push(Swept {
                at: at as u32,
                cost_per_replica: sweeper.sizes.cost(place, 1),
            });
        }
        sweeper
    }

    fn bounds(&self, slo: &SloTargets) -> [f64; 3] {
        Bounds::new(slo, self.margin_percent).values()
    }

    fn complying<'s>(
        &'s self,
        swept: Swept,
        bounds: &'s [f64; 3],
    ) -> impl Iterator<Item = Complying<'s>> {
        let place = &self.sizes.index.places[swept.at as usize];
        let indexed = self.sizes.index.of(place).iter();
        let complying = indexed.filter(|indexed| indexed.complies(bounds));
        complying.map(move |indexed| Complying {
            sweeper: self,
            swept,
            place,
            indexed,
            bounds,
        })
    }

    /// Counts, and looks for so many places to show.
    pub(super) fn sweep(&self, slo: &SloTargets, wanted: usize) -> Sweep {
        let bounds = self.bounds(slo);
        let mut best = Best::new(wanted);
        let (mut complying, mut over_limit) = (0, 0);
        for swept in &self.swept {
            for found in self.complying(*swept, &bounds) {
                complying += 1;
                if found.is_in_limits() && found.least_cost() > best.most {
                    continue;
                }
                match found.rank() {
                    None => over_limit += 1,
                    Some(rank) => best.offer(swept.at as usize, rank),
                }
            }
        }
        let mut counts = self.counts;
        counts.rejected -= complying;
        counts.compliant += complying - over_limit;
        counts.excluded.by_limits += over_limit;
        Sweep {
            counts,
            first: best.places(),
        }
    }

    /// Whether something complies under these targets and, where `than` is given, costs less than
    /// that, in micro-dollars an hour; `None` where it has to be judged.
    pub(super) fn admits(&self, slo: &SloTargets, than: Option<Option<Decimal>>) -> Option<bool> {
        let limit = match than {
            None => None,
            // Costs for a capacity are compared as decimals.
            Some(_) if self.sizes.load.rps.is_none() => return None,
            Some(None) => Some(f64::INFINITY),
            Some(Some(cost)) => Some(cost.to_f64().filter(|cost| *cost < LARGEST_EXACT)?),
        };
        let bounds = self.bounds(slo);
        let is_found = self.swept.iter().any(|swept| {
            self.complying(*swept, &bounds).any(|found| match limit {
                None => found.rank().is_some(),
                Some(limit) => {
                    found.least_cost() < limit && found.rank().is_some_and(|it| it.cost < limit)
                }
            })
        });
        (is_found || self.unknown.is_empty()).then_some(is_found)
    }
}

/// A configuration that shows a capacity within the bounds.
struct Complying<'s> {
    sweeper: &'s Sweeper<'s>,
    swept: Swept,
    place: &'s IndexedPlace,
    indexed: &'s IndexedConfiguration,
    bounds: &'s [f64; 3],
}

impl Complying<'_> {
    /// What it costs where it shows the most that it may, in the units of a rank, or less.
    fn least_cost(&self) -> f64 {
        let each = self.swept.cost_per_replica * (1.0 - DOUBT);
        each * self.sweeper.sizes.least_replicas(self.indexed.most_rps)
    }

    /// Whether it breaks no limit, whatever capacity it shows.
    fn is_in_limits(&self) -> bool {
        self.sweeper.sizes.are_in_limits(self.indexed.least_rps)
    }

    /// `None` where its size breaks a limit.
    fn rank(&self) -> Option<Rank> {
        let sizes = &self.sweeper.sizes;
        let capacity = sizes.index.capacity_rps(self.indexed, self.bounds);
        sizes.rank(self.place, capacity)
    }
}

/// Whether the index's rules are the requirement's, and ranks can be compared here.
pub(super) fn is_usual(requirement: &Requirement) -> bool {
    let policy = &requirement.evidence;
    policy.minimum_served_percent == USUAL_SERVED_PERCENT
        && policy.max_age_days.is_none()
        && requirement.objective == Objective::Cost
}

/// The beginning of a rank by cost (R9).
#[derive(Clone, Copy, Debug)]
struct Rank {
    /// Micro-dollars an hour, or those per capacity; infinite where the price is unknown.
    cost: f64,
    gpus: i64,
    spare: f64,
    /// What the spare capacity may be wrong by.
    doubt: f64,
}

impl Rank {
    /// As far as floats tell.
    fn seems_after(&self, other: &Self) -> Ordering {
        let costs = self.cost.total_cmp(&other.cost);
        costs
            .then(self.gpus.cmp(&other.gpus))
            .then_with(|| other.spare.total_cmp(&self.spare))
    }

    fn surely_follows(&self, other: &Self) -> bool {
        if self.cost != other.cost {
            return self.cost > other.cost * (1.0 + DOUBT);
        }
        match self.gpus.cmp(&other.gpus) {
            Ordering::Equal => self.spare + self.doubt < other.spare - other.doubt,
            gpus => gpus.is_gt(),
        }
    }
}

/// Places that may be among the first.
struct Best {
    wanted: usize,
    /// As many places as are wanted, each with a rank that it has at least: whatever surely follows
    /// all of them is not among the first. They are those that seem best.
    sure: Vec<(usize, Rank)>,
    /// Whatever costs more surely follows all of them.
    most: f64,
    /// Every place that did not when it was offered.
    offered: Vec<(usize, Rank)>,
}

impl Best {
    fn new(wanted: usize) -> Self {
        Self {
            wanted,
            sure: Vec::with_capacity(wanted + 1),
            most: f64::INFINITY,
            offered: Vec::with_capacity(64),
        }
    }

    #[inline]
    fn is_out(&self, rank: &Rank) -> bool {
        rank.cost > self.most
            || (self.sure.len() == self.wanted
                && self.sure.iter().all(|(_, sure)| rank.surely_follows(sure)))
    }

    #[inline]
    fn offer(&mut self, place: usize, rank: Rank) {
        if !self.is_out(&rank) {
            self.take(place, rank);
        }
    }

    fn take(&mut self, place: usize, rank: Rank) {
        self.offered.push((place, rank));
        match self.sure.iter_mut().find(|(it, _)| *it == place) {
            Some((_, known)) if known.seems_after(&rank).is_gt() => *known = rank,
            Some(_) => return,
            None => self.sure.push((place, rank)),
        }
        self.sure.sort_by(|(_, a), (_, b)| a.seems_after(b));
        self.sure.truncate(self.wanted);
        if self.sure.len() == self.wanted {
            let costs = self.sure.iter().map(|(_, rank)| rank.cost);
            self.most = costs.fold(0.0, f64::max) * (1.0 + DOUBT);
        }
    }

    fn places(self) -> Vec<usize> {
        let offered = self.offered.iter().filter(|(_, rank)| !self.is_out(rank));
        let mut places: Vec<_> = offered.map(|(place, _)| *place).collect();
        places.dedup();
        places
    }
}

/// What the requirement and the catalog say of each model and GPU.
struct Sizes<'r> {
    requirement: &'r Requirement,
    load: Load,
    load_rps: f64,
    is_limited: bool,
    index: &'r Index,
    /// By model; empty where no constraint speaks of models.
    barred_models: Vec<bool>,
    /// By GPU: whether it is left out, and micro-dollars an hour.
    hardware: Vec<(bool, Option<i128>)>,
}

impl<'r> Sizes<'r> {
    fn new(requirement: &'r Requirement, index: &'r Index, catalog: &Catalog) -> Self {
        let constraints = &requirement.constraints;
        let is_barred = |model: &ModelName| {
            let quality = constraints
                .minimum_quality
                .and_then(|_| sizing::quality(catalog, model, requirement.use_case));
            constraints.bars_model(model, quality)
        };
        let hardware = |name: &HardwareName| {
            let price = cost::per_hour(catalog.hardware(name), 1);
            (constraints.bars_hardware(name), price.map(|price| price.0))
        };
        let load = Load::of(requirement);
        Self {
            requirement,
            load_rps: load.rps.and_then(|rps| rps.to_f64()).unwrap_or_default(),
            load,
            is_limited: constraints.limit_size(),
            index,
            barred_models: if constraints.speak_of_models() {
                index.models.iter().map(is_barred).collect()
            } else {
                Vec::new()
            },
            hardware: index.hardware.iter().map(hardware).collect(),
        }
    }

    fn is_barred(&self, place: &IndexedPlace) -> bool {
        let model = self.barred_models.get(place.model as usize);
        model == Some(&true) || self.hardware[place.hardware as usize].0
    }

    /// Micro-dollars an hour; infinite where the price is unknown.
    #[inline]
    fn cost(&self, place: &IndexedPlace, replicas: i32) -> f64 {
        let gpus = i64::from(replicas) * i64::from(place.hardware_count);
        let (_, price) = self.hardware[place.hardware as usize];
        price.map_or(f64::INFINITY, |price| price as i64 as f64 * gpus as f64)
    }

    /// Replicas that a capacity needs, or fewer; without a demand, those for each request per second.
    #[inline]
    fn least_replicas(&self, capacity: f64) -> f64 {
        if self.load.rps.is_none() {
            return 1.0 / capacity;
        }
        let needed = self.load_rps / capacity * (1.0 - DOUBT);
        // Beyond its range, a float becomes the largest integer.
        let whole = needed as i32;
        let up = i32::from(needed > f64::from(whole));
        let needed = whole.saturating_add(up).max(1);
        f64::from(needed.saturating_add(self.load.spare_replicas))
    }

    /// Whether replicas of this capacity, or more, break no limit.
    #[inline]
    fn are_in_limits(&self, capacity: f64) -> bool {
        let most = f64::from(MAX_REPLICAS - 1 - self.load.spare_replicas);
        !self.is_limited && self.load_rps <= capacity * most
    }

    /// Where a capacity ranks; `None` where its size breaks a limit.
    #[inline]
    fn rank(&self, place: &IndexedPlace, capacity: f64) -> Option<Rank> {
        let replicas = self.replicas(capacity);
        if replicas > MAX_REPLICAS {
            return None;
        }
        let gpus = i64::from(replicas) * i64::from(place.hardware_count);
        let (_, price) = self.hardware[place.hardware as usize];
        if self.is_limited {
            let cost = price.map(|price| cost::MicroDollars(price * i128::from(gpus)));
            let constraints = &self.requirement.constraints;
            let at = (
                &self.index.models[place.model as usize],
                &self.index.hardware[place.hardware as usize],
                place.hardware_count,
            );
            if constraints.broken_by_size(at, replicas, cost) != Broken::default() {
                return None;
            }
        }
        let cost = self.cost(place, replicas);
        let total = capacity * f64::from(replicas);
        Some(match self.load.rps {
            Some(_) => Rank {
                cost,
                gpus,
                spare: total - self.load_rps,
                doubt: DOUBT * total,
            },
            None => Rank {
                cost: cost / capacity,
                gpus,
                spare: 0.0,
                doubt: 0.0,
            },
        })
    }

    /// Exactly as many as the load needs (R6).
    #[inline]
    fn replicas(&self, capacity: f64) -> i32 {
        let Some(load) = self.load.rps else { return 1 };
        let needed = self.load_rps / capacity;
        let is_doubtful = (needed - needed.round()).abs() <= DOUBT * needed;
        let needed = if is_doubtful {
            exact_rate(capacity).map_or(i32::MAX, |capacity| replicas_for(load, capacity))
        } else {
            // Beyond its range, a float becomes the largest integer.
            needed.ceil().max(1.0) as i32
        };
        needed.saturating_add(self.load.spare_replicas)
    }
}
