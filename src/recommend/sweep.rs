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
    DOUBT, HardwareName, Index, IndexedAccelerators, IndexedConfiguration, ModelName,
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

/// Sweeps over the configurations of a requirement's profile, under these targets and those.
pub(super) struct Sweeper<'r> {
    sizes: Sizes<'r>,
    margin_percent: i32,
    /// Where configurations stand or fall by the targets; those that may cost least come first.
    swept: Vec<Swept<'r>>,
    /// Places, by index, that have to be judged for what becomes of their configurations.
    pub(super) unknown: Vec<usize>,
    /// What becomes of all others, and of those that do not comply.
    counts: Counts,
}

/// Accelerators that are allowed, with evidence that may back a decision.
struct Swept<'r> {
    on: &'r IndexedAccelerators,
    /// Micro-dollars an hour; infinite where the price is unknown.
    cost_per_replica: f64,
    /// What any configuration costs, in the units of a rank, or less.
    least_cost: f64,
    /// Whether none breaks a limit, whatever capacity it shows.
    are_in_limits: bool,
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
            swept: Vec::with_capacity(index.accelerators.len()),
            unknown: Vec::new(),
            counts: Counts::default(),
        };
        let is_usual = is_usual(requirement);
        let latest = ladder::latest(now);
        let allows_unusual_loads = !policy.allowed_loads.is_empty();
        for on in &index.accelerators {
            if on.alike.profile != requirement.profile {
                continue;
            }
            let kind = on.alike.kind.filter(|_| {
                is_usual
                    && !(allows_unusual_loads && on.alike.has_unusual_load)
                    && on.newest.is_none_or(|it| it <= latest)
            });
            match kind {
                None => {
                    let places = index.on(on).iter().map(|it| it.place as usize);
                    sweeper.unknown.extend(places);
                }
                Some(kind) => sweeper.add(on, kind >= policy.minimum_kind),
            }
        }
        sweeper.unknown.dedup();
        let swept = &mut sweeper.swept;
        swept.sort_by(|a, b| a.least_cost.total_cmp(&b.least_cost));
        sweeper
    }

    fn add(&mut self, on: &'r IndexedAccelerators, is_good_enough: bool) {
        let sizes = &self.sizes;
        let all = sizes.index.on(on);
        self.counts.configurations += all.len();
        if !is_good_enough {
            self.counts.excluded.by_evidence += all.len();
            return;
        }
        self.counts.excluded.by_evidence += all.len() - on.with_evidence;
        let barred = sizes.barred_with_evidence(on);
        self.counts.excluded.by_constraints += barred;
        self.counts.rejected += on.with_evidence - barred;
        if barred < on.with_evidence {
            let cost_per_replica = sizes.cost(on, 1);
            self.swept.push(Swept {
                on,
                cost_per_replica,
                least_cost: sizes.least_cost(cost_per_replica, on.most_rps),
                are_in_limits: sizes.are_in_limits(on.least_rps),
            });
        }
    }

    fn bounds(&self, slo: &SloTargets) -> [f64; 3] {
        Bounds::new(slo, self.margin_percent).values()
    }

    fn complying<'s>(
        &'s self,
        swept: &'s Swept,
        bounds: &'s [f64; 3],
    ) -> impl Iterator<Item = &'s IndexedConfiguration> {
        let index = self.sizes.index;
        let all = index.on(swept.on).iter();
        all.zip(index.comply(swept.on, bounds))
            .filter_map(|(configuration, complies)| complies.then_some(configuration))
            .filter(|it| !self.sizes.is_barred(it))
    }

    fn count(&self, swept: &Swept, bounds: &[f64; 3]) -> usize {
        if self.sizes.barred_models.is_empty() {
            let complying = self.sizes.index.comply(swept.on, bounds);
            return complying.map(usize::from).sum();
        }
        self.complying(swept, bounds).count()
    }

    /// What a configuration costs, in the units of a rank, or less.
    fn least_cost(&self, swept: &Swept, of: &IndexedConfiguration) -> f64 {
        self.sizes.least_cost(swept.cost_per_replica, of.most_rps)
    }

    /// Counts, and looks for so many places to show.
    pub(super) fn sweep(&self, slo: &SloTargets, wanted: usize) -> Sweep {
        let bounds = self.bounds(slo);
        let mut best = Best::new(wanted);
        let mut counts = self.counts;
        for swept in &self.swept {
            let complying = self.count(swept, &bounds);
            counts.rejected -= complying;
            counts.compliant += complying;
            if swept.are_in_limits && swept.least_cost > best.most {
                continue;
            }
            for found in self.complying(swept, &bounds) {
                if swept.are_in_limits && self.least_cost(swept, found) > best.most {
                    continue;
                }
                match self.sizes.rank(swept.on, found, &bounds) {
                    Some(rank) => best.offer(found.place as usize, rank),
                    None => {
                        counts.compliant -= 1;
                        counts.excluded.by_limits += 1;
                    }
                }
            }
        }
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
        let is_less = |cost: f64| limit.is_none_or(|limit| cost < limit);
        let bounds = self.bounds(slo);
        let mut worth = self.swept.iter().filter(|swept| is_less(swept.least_cost));
        let is_found = worth.any(|swept| {
            self.complying(swept, &bounds).any(|found| {
                let rank = || self.sizes.rank(swept.on, found, &bounds);
                is_less(self.least_cost(swept, found)) && rank().is_some_and(|it| is_less(it.cost))
            })
        });
        (is_found || self.unknown.is_empty()).then_some(is_found)
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

    /// By its model.
    #[inline]
    fn is_barred(&self, configuration: &IndexedConfiguration) -> bool {
        self.barred_models.get(configuration.model as usize) == Some(&true)
    }

    /// How many with evidence are left out for their hardware or their model.
    fn barred_with_evidence(&self, on: &IndexedAccelerators) -> usize {
        if self.hardware[on.alike.hardware as usize].0 {
            on.with_evidence
        } else if self.barred_models.is_empty() {
            0
        } else {
            let all = self.index.on(on).iter();
            all.filter(|it| it.has_evidence && self.is_barred(it))
                .count()
        }
    }

    /// Micro-dollars an hour; infinite where the price is unknown.
    #[inline]
    fn cost(&self, on: &IndexedAccelerators, replicas: i32) -> f64 {
        let gpus = i64::from(replicas) * i64::from(on.alike.hardware_count);
        let (_, price) = self.hardware[on.alike.hardware as usize];
        price.map_or(f64::INFINITY, |price| price as i64 as f64 * gpus as f64)
    }

    /// What replicas of this capacity cost, in the units of a rank, or less.
    #[inline]
    fn least_cost(&self, cost_per_replica: f64, capacity: f64) -> f64 {
        cost_per_replica * (1.0 - DOUBT) * self.least_replicas(capacity)
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

    /// Where a configuration ranks that complies; `None` where its size breaks a limit.
    #[inline]
    fn rank(
        &self,
        on: &IndexedAccelerators,
        configuration: &IndexedConfiguration,
        bounds: &[f64; 3],
    ) -> Option<Rank> {
        let capacity = self.index.capacity_rps(configuration, bounds);
        let replicas = self.replicas(capacity);
        if replicas > MAX_REPLICAS {
            return None;
        }
        let gpus = i64::from(replicas) * i64::from(on.alike.hardware_count);
        if self.is_limited {
            let (_, price) = self.hardware[on.alike.hardware as usize];
            let cost = price.map(|price| cost::MicroDollars(price * i128::from(gpus)));
            let constraints = &self.requirement.constraints;
            let at = (
                &self.index.models[configuration.model as usize],
                &self.index.hardware[on.alike.hardware as usize],
                on.alike.hardware_count,
            );
            if constraints.broken_by_size(at, replicas, cost) != Broken::default() {
                return None;
            }
        }
        let cost = self.cost(on, replicas);
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
