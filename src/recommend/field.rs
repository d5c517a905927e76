//! R5 over all configurations of a profile: what each kind of evidence may say, and which
//! configurations meet given targets.
//!
//! What the targets do not change is worked out once, so that a relaxation can ask again cheaply.

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::capacity::{self, Capacity, CapacityBound, Reading};
use super::compliance::{Bounds, Target};
use super::constraints::Broken;
use super::explanation::Outcome;
use super::ladder::{self, Ladder, Row};
use super::ranking;
use super::requirement::Requirement;
use super::sizing::{self, Load, Sized};
use super::sweep::{self, Sweeper};
use crate::api::Objective;
use crate::benchmark::{Configuration, EvidenceKind, Place, SharedBenchmarks};
use crate::catalog::{Catalog, SloTargets};

/// A lower kind stands beside a lower bound of a better one only if its p95s are at least this
/// share of the better one's at the rates they share (R5).
const TRUSTED_SHARE: f64 = 0.8;

/// Every configuration with rows for the profile.
pub(super) struct Field<'a> {
    pub(super) requirement: &'a Requirement,
    pub(super) catalog: &'a Catalog,
    /// By configuration, so that those of one place stand together.
    entries: Vec<Entry<'a>>,
    whole: Option<Whole<'a>>,
}

/// All benchmarks, where they can be swept over.
struct Whole<'a> {
    benchmarks: &'a SharedBenchmarks,
    now: Timestamp,
    sweeper: Sweeper<'a>,
}

struct Entry<'a> {
    configuration: &'a Configuration,
    ladders: Vec<Ladder<'a>>,
    /// The constraints on models and hardware that it breaks.
    barred: Broken,
}

/// What the evidence says of one configuration under some targets, and what stands in its way.
pub(super) struct Standing<'a> {
    pub(super) configuration: &'a Configuration,
    /// Whether a row of a kind, age and load that may back a decision exists.
    pub(super) has_evidence: bool,
    /// The constraints on models and hardware that it breaks.
    pub(super) barred: Broken,
    /// Where nothing shows a capacity: the row that misses its targets by least, if a steady one does.
    pub(super) nearest: Option<Row<'a>>,
    /// One way to meet the targets for each kind of evidence that may say so.
    pub(super) ways: Vec<Sized<'a>>,
}

impl<'a> Standing<'a> {
    /// What becomes of the configuration, by the first thing that stops it (R10).
    pub(super) fn outcome(&self) -> Outcome {
        if !self.has_evidence {
            Outcome::NoEvidence
        } else if !self.barred.is_empty() {
            Outcome::NotAllowed
        } else if self.ways.is_empty() {
            Outcome::Rejected
        } else if self.compliant().next().is_none() {
            Outcome::OverLimit
        } else {
            Outcome::Complies
        }
    }

    /// The ways that break no constraint.
    pub(super) fn compliant(&self) -> impl Iterator<Item = &Sized<'a>> {
        self.ways.iter().filter(|way| way.broken.is_empty())
    }
}

impl<'a> Field<'a> {
    pub(super) fn new(
        requirement: &'a Requirement,
        benchmarks: &'a SharedBenchmarks,
        catalog: &'a Catalog,
        now: Timestamp,
    ) -> Self {
        let places = benchmarks.places().iter().map(|place| &**place);
        let whole = || Whole {
            benchmarks,
            now,
            sweeper: Sweeper::new(requirement, benchmarks.index(), catalog, now),
        };
        Self {
            whole: sweep::is_usual(requirement).then(whole),
            ..Self::of_places(requirement, places, catalog, now)
        }
    }

    /// The field of some places, in their order.
    pub(super) fn of_places(
        requirement: &'a Requirement,
        places: impl Iterator<Item = &'a Place>,
        catalog: &'a Catalog,
        now: Timestamp,
    ) -> Self {
        let profile = requirement.profile;
        let entries: Vec<_> = ladder::of_places(places, profile, &requirement.evidence, now)
            .map(|(configuration, ladders)| Entry {
                configuration,
                ladders,
                barred: requirement.constraints.broken_by(
                    configuration,
                    sizing::quality(catalog, &configuration.model, requirement.use_case),
                ),
            })
            .collect();
        Self {
            requirement,
            catalog,
            entries,
            whole: None,
        }
    }

    /// Both fields, which have no place in common.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.entries.extend(other.entries);
        self
    }

    /// How every configuration stands under these targets.
    pub(super) fn judge(&self, slo: &SloTargets) -> Vec<Standing<'a>> {
        let bounds = Bounds::new(slo, self.requirement.evidence.margin_percent);
        self.groups()
            .flat_map(|group| self.judge_group(group, &bounds))
            .collect()
    }

    /// The ways that break no constraint, best first.
    pub(super) fn ranked<'s>(&self, standings: &'s [Standing<'a>]) -> Vec<&'s Sized<'a>> {
        let mut ways: Vec<_> = standings.iter().flat_map(Standing::compliant).collect();
        let cheapest = ranking::cheapest(ways.iter().map(|way| &way.rank));
        let order = ranking::order(self.requirement.objective, self.requirement, cheapest);
        ways.sort_by(|a, b| order(&a.rank, &b.rank));
        ways
    }

    /// The first of them by the requirement's objective.
    pub(super) fn best<'s>(&self, standings: &'s [Standing<'a>]) -> Option<&'s Sized<'a>> {
        self.first(self.requirement.objective, standings)
    }

    /// The first that breaks no constraint under other targets, by the requirement's objective;
    /// only those that may be the first are judged, where that can be told.
    pub(super) fn best_under(&self, slo: &SloTargets) -> Option<Sized<'a>> {
        let Some(whole) = &self.whole else {
            return self.best(&self.judge(slo)).cloned();
        };
        let sweeper = &whole.sweeper;
        let mut places = [&*sweeper.unknown, &sweeper.sweep(slo, 1).first].concat();
        places.sort_unstable();
        let all = whole.benchmarks.places();
        let places = places.iter().map(|at| &*all[*at]);
        let field = Self::of_places(self.requirement, places, self.catalog, whole.now);
        field.best(&field.judge(slo)).cloned()
    }

    /// Whether other targets admit anything and, where `than` is given, whether the first of it
    /// costs less than that, in the units of a rank.
    pub(super) fn is_reached_under(&self, slo: &SloTargets, than: Option<Option<Decimal>>) -> bool {
        let told = self.whole.as_ref();
        let told = told.and_then(|whole| whole.sweeper.admits(slo, than));
        told.unwrap_or_else(|| {
            self.best_under(slo)
                .is_some_and(|best| match (best.rank.cost, than) {
                    (_, None) => true,
                    (Some(cost), Some(than)) => than.is_none_or(|than| cost < than),
                    (None, Some(_)) => false,
                })
        })
    }

    /// The first of them by any objective.
    pub(super) fn first<'s>(
        &self,
        objective: Objective,
        standings: &'s [Standing<'a>],
    ) -> Option<&'s Sized<'a>> {
        let ways = || standings.iter().flat_map(Standing::compliant);
        let cheapest = ranking::cheapest(ways().map(|way| &way.rank));
        let order = ranking::order(objective, self.requirement, cheapest);
        ways().min_by(|a, b| order(&a.rank, &b.rank))
    }

    /// The bounds of the requirement's own targets.
    pub(super) fn bounds(&self) -> Bounds {
        Bounds::new(
            &self.requirement.slo,
            self.requirement.evidence.margin_percent,
        )
    }

    /// Entries of one place, whatever the framework or version (R5).
    fn groups(&self) -> impl Iterator<Item = &[Entry<'a>]> {
        self.entries
            .chunk_by(|a, b| a.configuration.place() == b.configuration.place())
    }

    fn judge_group(&self, entries: &[Entry<'a>], bounds: &Bounds) -> Vec<Standing<'a>> {
        let ladders = || entries.iter().flat_map(|it| &it.ladders).copied();
        let has_lower = ladders().any(|it| it.kind < EvidenceKind::Measured);
        let floor = has_lower.then(|| measured_floor(ladders(), bounds));
        let floor = floor.flatten();
        let mut better: Vec<Better<'a>> = Vec::new();
        let mut said: Vec<Vec<Said<'a>>> = entries.iter().map(|_| Vec::new()).collect();
        for kind in EvidenceKind::ALL.iter().rev().copied() {
            let mut of_this_kind = Vec::new();
            for (entry, said) in entries.iter().zip(&mut said) {
                let ladders = entry.ladders.iter().copied();
                let ladders = ladders.filter(|l| l.kind == kind && l.sizes).collect();
                let floor = floor.filter(|_| kind < EvidenceKind::Measured);
                let deciding = ladder::deciding(&entry.ladders, kind)
                    .map(|ladder| (ladder, capacity::read(&ladder, bounds, floor.as_ref())));
                let mut stands = kind >= self.requirement.evidence.minimum_kind;
                if let Some((ladder, reading)) = &deciding {
                    stands &= better.iter().all(|better| better.leaves(ladder));
                    of_this_kind.push(Better::new(*ladder, reading));
                }
                if stands {
                    said.push(Said {
                        ladders,
                        deciding,
                        floor,
                    });
                }
            }
            better.extend(of_this_kind);
        }
        entries
            .iter()
            .zip(said)
            .map(|(entry, said)| self.standing(entry, said, bounds))
            .collect()
    }

    fn standing(&self, entry: &Entry<'a>, said: Vec<Said<'a>>, bounds: &Bounds) -> Standing<'a> {
        let shows_none = !said.iter().any(Said::shows_a_capacity);
        let rows = said.iter().filter(|_| shows_none).flat_map(Said::rows);
        let nearest = rows
            .filter(|row| row.steady && row.may_back && capacity::fails(row, bounds))
            .min_by(|a, b| {
                capacity::nearness(a, bounds)
                    .total_cmp(&capacity::nearness(b, bounds))
                    .then(a.id.cmp(&b.id))
            });
        let has_evidence = said.iter().any(Said::has_rows_that_may_back);
        let load = Load::of(self.requirement);
        let ways = said
            .into_iter()
            .filter_map(|said| said.deciding)
            .filter_map(|(ladder, reading)| self.size(ladder, reading, bounds, &load))
            .map(|way| Sized {
                broken: entry.barred.and(way.broken),
                ..way
            });
        Standing {
            configuration: entry.configuration,
            has_evidence,
            barred: entry.barred,
            nearest,
            ways: ways.collect(),
        }
    }

    /// A way with as many replicas as another load needs.
    pub(super) fn resized(&self, way: &Sized<'a>, load: &Load) -> Option<Sized<'a>> {
        self.size(way.ladder, way.reading.clone(), &self.bounds(), load)
    }

    /// A configuration with as many replicas as the load needs, by what its ladder shows.
    pub(super) fn size(
        &self,
        ladder: Ladder<'a>,
        reading: Reading<'a>,
        bounds: &Bounds,
        load: &Load,
    ) -> Option<Sized<'a>> {
        let way = sizing::size(
            self.requirement,
            self.catalog,
            ladder,
            reading,
            bounds,
            load,
        )?;
        let constraints = &self.requirement.constraints;
        let place = way.configuration.place();
        let broken = constraints.broken_by_size(place, way.replicas, way.cost_per_hour);
        Some(Sized { broken, ..way })
    }

    /// Largest p95 of `target` anywhere in the field, ms: no greater target can admit more.
    pub(super) fn largest_p95(&self, target: Target) -> f64 {
        self.rows()
            .filter_map(|row| row.p95s().map(|p95s| p95s[target as usize]))
            .fold(0.0, f64::max)
    }

    /// What a ladder shows under the requirement's targets, taken by itself.
    pub(super) fn capacity_of(&self, ladder: &Ladder) -> Option<Capacity> {
        capacity::capacity(ladder, &self.bounds(), None)
    }

    /// Every configuration with its ladders.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a Configuration, &[Ladder<'a>])> {
        self.entries
            .iter()
            .map(|entry| (entry.configuration, &*entry.ladders))
    }

    /// Every row of the field.
    fn rows(&self) -> impl Iterator<Item = Row<'a>> {
        self.entries
            .iter()
            .flat_map(|entry| &entry.ladders)
            .flat_map(Ladder::rows)
    }
}

/// What the ladder behind `way` shows under other bounds, with R5 applied under them as well.
pub(super) fn capacity_under(way: &Sized, bounds: &Bounds) -> Option<Capacity> {
    let is_lower = way.ladder.kind < EvidenceKind::Measured;
    let floor = is_lower.then(|| measured_floor(way.ladder.beside(), bounds));
    capacity::capacity(&way.ladder, bounds, floor.flatten().as_ref())
}

/// The steady measured row that fails at the lowest rate, in any ladder that sizes: rows of a
/// lower kind from there on are out (R5).
fn measured_floor<'a>(
    ladders: impl Iterator<Item = Ladder<'a>>,
    bounds: &Bounds,
) -> Option<Row<'a>> {
    ladders
        .filter(|ladder| ladder.kind == EvidenceKind::Measured && ladder.sizes)
        .flat_map(|ladder| ladder.rows())
        .filter(|row| row.steady && capacity::fails(row, bounds))
        .min_by(|a, b| {
            a.offered_rps
                .total_cmp(&b.offered_rps)
                .then(a.id.cmp(&b.id))
        })
}

/// What one kind of evidence says of one configuration.
struct Said<'a> {
    ladders: Vec<Ladder<'a>>,
    deciding: Option<(Ladder<'a>, Reading<'a>)>,
    floor: Option<Row<'a>>,
}

impl<'a> Said<'a> {
    fn has_rows_that_may_back(&self) -> bool {
        self.ladders.iter().flat_map(Ladder::rows).any(|row| {
            row.may_back
                && self
                    .floor
                    .is_none_or(|floor| row.offered_rps < floor.offered_rps)
        })
    }

    fn shows_a_capacity(&self) -> bool {
        let reading = self.deciding.as_ref().map(|(_, reading)| reading);
        reading.is_some_and(|reading| reading.capacity.is_some())
    }

    fn rows(&self) -> impl Iterator<Item = Row<'a>> + use<'a> {
        let deciding = self.deciding.as_ref().map(|(ladder, _)| *ladder);
        deciding.into_iter().flat_map(|ladder| ladder.rows())
    }
}

/// A deciding ladder, as lower kinds of evidence have to reckon with it.
struct Better<'a> {
    ladder: Ladder<'a>,
    capacity_is_known: bool,
}

impl<'a> Better<'a> {
    fn new(ladder: Ladder<'a>, reading: &Reading) -> Self {
        let capacity_is_known = reading
            .capacity
            .as_ref()
            .is_some_and(|capacity| matches!(capacity.bound, CapacityBound::Known(_)));
        Self {
            ladder,
            capacity_is_known,
        }
    }

    /// Whether a ladder of a lower kind may still say something beside this one: not where this
    /// one knows the capacity, and not where the lower one is too optimistic at a shared rate.
    fn leaves(&self, lower: &Ladder) -> bool {
        self.ladder.kind <= lower.kind
            || (!self.capacity_is_known
                && lower.rows().all(|row| {
                    self.ladder
                        .rows()
                        .all(|better| !is_too_optimistic(&row, &better))
                }))
    }
}

/// Whether a row promises clearly less latency than a better one at the same rate. Two kinds of ITL
/// do not compare.
fn is_too_optimistic(row: &Row, better: &Row) -> bool {
    let (Some(p95s), Some(better_p95s)) = (row.p95s(), better.p95s()) else {
        return false;
    };
    let definition = |row: &Row| row.conditions().itl_definition;
    let compares = |target: Target| {
        target != Target::Itl
            || definition(row)
                .zip(definition(better))
                .is_none_or(|(one, other)| one == other)
    };
    row.steady
        && better.steady
        && row.offered_rps == better.offered_rps
        && Target::ALL.into_iter().any(|target| {
            let index = target as usize;
            compares(target) && p95s[index] < TRUSTED_SHARE * better_p95s[index]
        })
}
