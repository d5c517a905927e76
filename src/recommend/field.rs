//! R5 and R8 over all configurations of a profile: what each kind of evidence may say, what is
//! allowed, and which configurations meet given targets.
//!
//! What the targets do not change is worked out once, so that a relaxation can ask again cheaply.

use jiff::Timestamp;

use super::capacity::{self, Capacity, CapacityBound, Reading};
use super::compliance::{Bounds, Target};
use super::cost;
use super::explanation::Limit;
use super::ladder::{self, Ladder, Row};
use super::ranking;
use super::requirement::{Constraints, Requirement};
use super::sizing::{self, Sized};
use crate::benchmark::{Benchmark, Configuration, EvidenceKind};
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
}

struct Entry<'a> {
    configuration: &'a Configuration,
    ladders: Vec<Ladder<'a>>,
    allowed: bool,
}

/// What becomes of one configuration, by the first thing that stops it (R10).
pub(super) enum Verdict<'f, 'a> {
    /// No row of a kind, age or load that may back a decision.
    NoEvidence,
    /// Not allowed.
    NotAllowed,
    /// Misses a target; the row that comes nearest, where a steady one does.
    Rejected {
        configuration: &'a Configuration,
        nearest: Option<&'f Row<'a>>,
    },
    /// Complies, but is over a limit: the cheapest way.
    OverLimit(Box<Sized<'f, 'a>>),
    /// Complies: one way for each kind of evidence that may say so.
    Complies(Vec<Sized<'f, 'a>>),
}

impl<'a> Field<'a> {
    pub(super) fn new(
        requirement: &'a Requirement,
        benchmarks: impl IntoIterator<Item = &'a Benchmark>,
        catalog: &'a Catalog,
        now: Timestamp,
    ) -> Self {
        let entries: Vec<_> = ladder::form(benchmarks, &requirement.evidence, now)
            .into_iter()
            .map(|(configuration, ladders)| Entry {
                configuration,
                ladders,
                allowed: is_allowed(configuration, requirement, catalog),
            })
            .collect();
        Self {
            requirement,
            catalog,
            entries,
        }
    }

    /// The verdict on every configuration under these targets.
    pub(super) fn judge<'f>(&'f self, slo: &SloTargets) -> Vec<Verdict<'f, 'a>> {
        let bounds = Bounds::new(slo, self.requirement.evidence.margin_percent);
        self.groups()
            .flat_map(|group| self.judge_group(group, &bounds))
            .collect()
    }

    /// The ways to comply among these verdicts, best first.
    pub(super) fn ranked<'f>(&self, verdicts: Vec<Verdict<'f, 'a>>) -> Vec<Sized<'f, 'a>> {
        let mut ways: Vec<_> = verdicts
            .into_iter()
            .flat_map(|verdict| match verdict {
                Verdict::Complies(ways) => ways,
                _ => Vec::new(),
            })
            .collect();
        let ranks: Vec<_> = ways.iter().map(|way| way.rank.clone()).collect();
        let order = ranking::order(self.requirement, &ranks);
        ways.sort_by(|a, b| order(&a.rank, &b.rank));
        ways
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

    fn judge_group<'f>(
        &'f self,
        entries: &'f [Entry<'a>],
        bounds: &Bounds,
    ) -> Vec<Verdict<'f, 'a>> {
        let floor = measured_floor(entries, bounds);
        let mut better: Vec<Better<'f, 'a>> = Vec::new();
        let mut said: Vec<Vec<Said<'f, 'a>>> = entries.iter().map(|_| Vec::new()).collect();
        for kind in EvidenceKind::ALL.iter().rev().copied() {
            let mut of_this_kind = Vec::new();
            for (entry, said) in entries.iter().zip(&mut said) {
                let ladders: Vec<_> = entry
                    .ladders
                    .iter()
                    .filter(|l| l.kind == kind && l.sizes)
                    .collect();
                let floor = floor.filter(|_| kind < EvidenceKind::Measured);
                let deciding = ladder::deciding(&entry.ladders, kind)
                    .map(|ladder| (ladder, capacity::read(ladder, bounds, floor)));
                let mut stands = kind >= self.requirement.evidence.minimum_kind;
                if let Some((ladder, reading)) = &deciding {
                    stands &= better.iter().all(|better| better.leaves(ladder));
                    of_this_kind.push(Better::new(ladder, reading));
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
            .map(|(entry, said)| self.verdict(entry, said, bounds))
            .collect()
    }

    fn verdict<'f>(
        &'f self,
        entry: &'f Entry<'a>,
        said: Vec<Said<'f, 'a>>,
        bounds: &Bounds,
    ) -> Verdict<'f, 'a> {
        if !said.iter().any(Said::has_rows_that_may_back) {
            return Verdict::NoEvidence;
        }
        if !entry.allowed {
            return Verdict::NotAllowed;
        }
        let nearest = said
            .iter()
            .flat_map(|said| said.rows())
            .filter(|row| row.steady && row.may_back && capacity::fails(row, bounds))
            .min_by(|a, b| {
                capacity::nearness(a, bounds)
                    .total_cmp(&capacity::nearness(b, bounds))
                    .then(a.benchmark.id.cmp(&b.benchmark.id))
            });
        let ways: Vec<_> = said
            .into_iter()
            .filter_map(|said| said.deciding)
            .filter_map(|(ladder, reading)| {
                sizing::size(self.requirement, self.catalog, ladder, reading, bounds)
            })
            .collect();
        if ways.is_empty() {
            return Verdict::Rejected {
                configuration: entry.configuration,
                nearest,
            };
        }
        let (within, over): (Vec<_>, Vec<_>) = ways
            .into_iter()
            .partition(|way| self.broken_limits(way).is_empty());
        match over.into_iter().min_by(|a, b| a.rank.cmp(&b.rank)) {
            Some(over) if within.is_empty() => Verdict::OverLimit(Box::new(over)),
            _ => Verdict::Complies(within),
        }
    }

    /// What the ladder behind `way` shows under other bounds, with R5 applied under them as well.
    pub(super) fn capacity_under(&self, way: &Sized, bounds: &Bounds) -> Option<Capacity> {
        let place = way.configuration.place();
        let group = self
            .groups()
            .find(|group| group[0].configuration.place() == place)?;
        let floor =
            measured_floor(group, bounds).filter(|_| way.ladder.kind < EvidenceKind::Measured);
        capacity::read(way.ladder, bounds, floor).capacity
    }

    /// The limits of R8 that only the size can break.
    pub(super) fn broken_limits(&self, way: &Sized) -> Vec<Limit> {
        let Constraints {
            max_gpus,
            max_cost_per_hour,
            ..
        } = &self.requirement.constraints;
        let dearest = max_cost_per_hour.map(cost::MicroDollars::of);
        [
            (way.replicas > sizing::MAX_REPLICAS, Limit::Replicas),
            (
                max_gpus.is_some_and(|most| way.gpus > i64::from(most)),
                Limit::Gpus,
            ),
            (
                dearest
                    .zip(way.cost_per_hour)
                    .is_some_and(|(most, cost)| cost > most),
                Limit::Cost,
            ),
            (
                dearest.is_some() && way.cost_per_hour.is_none(),
                Limit::UnknownPrice,
            ),
        ]
        .into_iter()
        .filter_map(|(is_broken, limit)| is_broken.then_some(limit))
        .collect()
    }

    /// Largest p95 of `target` anywhere in the field, ms: no greater target can admit more.
    pub(super) fn largest_p95(&self, target: Target) -> f64 {
        self.rows()
            .filter_map(|row| row.p95s.map(|p95s| p95s[target as usize]))
            .fold(0.0, f64::max)
    }

    /// Every row of the field.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Row<'a>> {
        self.entries
            .iter()
            .flat_map(|entry| &entry.ladders)
            .flat_map(|ladder| &ladder.rows)
    }
}

/// R8 without the limits on GPUs and cost, which depend on the size.
fn is_allowed(configuration: &Configuration, requirement: &Requirement, catalog: &Catalog) -> bool {
    let constraints = &requirement.constraints;
    let model = &configuration.model;
    let hardware = &configuration.hardware;
    (constraints.allowed_models.is_empty() || constraints.allowed_models.contains(model))
        && !constraints.denied_models.contains(model)
        && (constraints.allowed_hardware.is_empty()
            || constraints.allowed_hardware.contains(hardware))
        && !constraints.denied_hardware.contains(hardware)
        && constraints.minimum_quality.is_none_or(|least| {
            sizing::quality(catalog, model, requirement.use_case)
                .is_some_and(|score| i32::from(score) >= least)
        })
}

/// The steady measured row that fails at the lowest rate, in any ladder that sizes: rows of a
/// lower kind from there on are out (R5).
fn measured_floor<'f, 'a>(entries: &'f [Entry<'a>], bounds: &Bounds) -> Option<&'f Row<'a>> {
    entries
        .iter()
        .flat_map(|entry| &entry.ladders)
        .filter(|ladder| ladder.kind == EvidenceKind::Measured && ladder.sizes)
        .flat_map(|ladder| &ladder.rows)
        .filter(|row| row.steady && capacity::fails(row, bounds))
        .min_by(|a, b| {
            a.benchmark
                .offered_rps
                .total_cmp(&b.benchmark.offered_rps)
                .then(a.benchmark.id.cmp(&b.benchmark.id))
        })
}

/// What one kind of evidence says of one configuration.
struct Said<'f, 'a> {
    ladders: Vec<&'f Ladder<'a>>,
    deciding: Option<(&'f Ladder<'a>, Reading<'f, 'a>)>,
    floor: Option<&'f Row<'a>>,
}

impl<'f, 'a> Said<'f, 'a> {
    fn has_rows_that_may_back(&self) -> bool {
        self.ladders
            .iter()
            .flat_map(|ladder| &ladder.rows)
            .any(|row| {
                row.may_back
                    && self
                        .floor
                        .is_none_or(|floor| row.benchmark.offered_rps < floor.benchmark.offered_rps)
            })
    }

    fn rows(&self) -> impl Iterator<Item = &'f Row<'a>> + use<'f, 'a> {
        self.deciding
            .as_ref()
            .map(|(ladder, _)| *ladder)
            .into_iter()
            .flat_map(|l| &l.rows)
    }
}

/// A deciding ladder, as lower kinds of evidence have to reckon with it.
struct Better<'f, 'a> {
    ladder: &'f Ladder<'a>,
    capacity_is_known: bool,
}

impl<'f, 'a> Better<'f, 'a> {
    fn new(ladder: &'f Ladder<'a>, reading: &Reading) -> Self {
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
                && lower.rows.iter().all(|row| {
                    self.ladder
                        .rows
                        .iter()
                        .all(|better| !is_too_optimistic(row, better))
                }))
    }
}

/// Whether a row promises clearly less latency than a better one at the same rate. Two kinds of ITL
/// do not compare.
fn is_too_optimistic(row: &Row, better: &Row) -> bool {
    let (Some(p95s), Some(better_p95s)) = (row.p95s, better.p95s) else {
        return false;
    };
    let definition = |row: &Row| row.benchmark.conditions.itl_definition;
    let compares = |target: Target| {
        target != Target::Itl
            || definition(row)
                .zip(definition(better))
                .is_none_or(|(one, other)| one == other)
    };
    row.steady
        && better.steady
        && row.benchmark.offered_rps == better.benchmark.offered_rps
        && Target::ALL.into_iter().any(|target| {
            let index = target as usize;
            compares(target) && p95s[index] < TRUSTED_SHARE * better_p95s[index]
        })
}
