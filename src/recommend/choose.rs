//! The narrow decision: what to run, what else, and how many comply. What a person reads to
//! understand it is `decide`'s, and costs many times as much.

use jiff::Timestamp;
use serde::Serialize;

use super::decide::{self, ALTERNATIVES};
use super::decision::Candidate;
use super::explanation::Counts;
use super::field::Field;
use super::requirement::Requirement;
use super::sweep::Sweeper;
use crate::benchmark::SharedBenchmarks;
use crate::catalog::Catalog;

/// What meets a requirement best, without the reasons.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Choice {
    /// What meets it best; `None` where nothing does.
    pub recommendation: Option<Candidate>,
    /// The next best, at most five, each on another (model, hardware, count) (R9).
    pub alternatives: Vec<Candidate>,
    /// What became of the configurations.
    pub counts: Counts,
}

/// Chooses what `decide` recommends, and nothing more: the same candidates and counts. Nothing is
/// delivered of it, so it has no digest.
pub fn choose(
    requirement: &Requirement,
    benchmarks: &SharedBenchmarks,
    catalog: &Catalog,
    now: Timestamp,
) -> Choice {
    let slo = &requirement.slo;
    let sweeper = Sweeper::new(requirement, benchmarks.index(), catalog, now);
    let sweep = sweeper.sweep(slo, ALTERNATIVES + 1);
    let mut counts = sweep.counts;
    let places = |places: &[usize]| {
        let all = benchmarks.places();
        let places = places.iter().map(|at| &*all[*at]);
        Field::of_places(requirement, places, catalog, now)
    };
    let unknown = places(&sweeper.unknown);
    let first = places(&sweep.first);
    let mut standings = unknown.judge(slo);
    for standing in &standings {
        counts.add(standing.outcome());
    }
    standings.extend(first.judge(slo));
    let field = unknown.and(first);
    let ranked = field.ranked(&standings);
    Choice {
        recommendation: ranked.first().map(|best| decide::unpinned(&field, best)),
        alternatives: decide::alternatives(&field, &ranked),
        counts,
    }
}
