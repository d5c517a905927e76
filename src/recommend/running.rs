//! R12: what the evidence of now says of what runs.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::capacity::{self, Backing, Capacity, CapacityBound, Reading};
use super::compliance::{Bounds, Target};
use super::constraints::Constraint;
use super::digest::Digest;
use super::explanation::{NearMiss, near_miss};
use super::field::{Field, Standing};
use super::ladder::{self, Ladder, Row};
use super::sizing::{self, Load, Sized};
use crate::benchmark::{Configuration, EvidenceKind, HardwareName, ModelName};

/// A p95 this far above its target, percent, is more than the noise of a benchmark.
const CLEARLY_ABOVE_PERCENT: f64 = 10.0;
/// The same from [`MANY_REQUESTS`] on.
const CLEARLY_ABOVE_WITH_MANY_REQUESTS_PERCENT: f64 = 6.0;
const MANY_REQUESTS: i64 = 1000;

/// A delivered decision, as its objects say.
#[derive(Clone, Debug, PartialEq)]
pub struct Running {
    /// Digest of the decision (R11).
    pub decision: String,
    /// Digest of what was asked ([`super::asked`]).
    pub asked: String,
    /// Digest of the configuration ([`configuration_digest`]).
    pub configuration: String,
    /// Hugging Face repository.
    pub model: ModelName,
    /// Canonical hardware name.
    pub hardware: HardwareName,
    /// GPUs of one replica.
    pub gpus_per_replica: i32,
    /// Replicas that run, or are about to.
    pub replicas: i32,
    /// The backing rows, the operating row first.
    pub benchmarks: Vec<Uuid>,
    /// When the newest of those that showed that it complies ran.
    pub newest_benchmark: Option<Timestamp>,
}

impl Running {
    /// Whether a way is what runs, apart from its replicas.
    pub(super) fn is(&self, configuration: &Configuration) -> bool {
        configuration.place() == (&self.model, &self.hardware, self.gpus_per_replica)
            && configuration_digest(configuration).as_str() == self.configuration
    }

    /// GPUs of one replica, e.g. `2xH100`.
    pub fn accelerators(&self) -> String {
        format!("{}x{}", self.gpus_per_replica, self.hardware)
    }
}

/// Tells configurations apart, framework and engine settings included.
pub fn configuration_digest(configuration: &Configuration) -> Digest {
    Digest::of(&serde_json::to_vec(configuration).expect("a configuration is plain data"))
}

/// What the evidence of now says of what runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Verdict {
    /// Current rows back it with the replicas that run.
    Complies,
    /// It is not shown to comply, nor shown to fail: told, and no reason to change what runs.
    Undecidable(Doubt),
    /// It is shown to fail.
    Violated(Violation),
}

/// Why it cannot be told whether what runs complies.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Doubt {
    /// No row of it is left that may back a decision.
    NotBacked,
    /// The rows that do not fail show less capacity than the replicas need.
    TooLittleShown,
    /// A row misses a target by too little, is no newer than those that showed that it complies, is not steady, or
    /// is of other conditions.
    NotClear(Box<NearMiss>),
}

/// What shows that what runs fails.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Violation {
    /// A newer row of the same ladder, or one of a better kind.
    Benchmark(Box<NearMiss>),
    /// It breaks a constraint, since the catalog has changed.
    Constraints(Vec<Constraint>),
}

/// What is said of what runs, and the way that it runs where rows can still back it.
pub(super) fn judge<'a>(
    field: &Field<'a>,
    standings: &[Standing<'a>],
    running: &Running,
) -> (Verdict, Option<Sized<'a>>) {
    let Some(standing) = standings.iter().find(|it| running.is(it.configuration)) else {
        return (Verdict::Undecidable(Doubt::NotBacked), None);
    };
    let holding = standing
        .ways
        .iter()
        .filter_map(|way| as_it_runs(field, way, running));
    if let Some(way) = holding.min_by(|a, b| a.rank.cmp(&b.rank)) {
        let broken: Vec<_> = way.broken.iter().collect();
        return if broken.is_empty() {
            (Verdict::Complies, Some(way))
        } else {
            let violation = Violation::Constraints(broken);
            (Verdict::Violated(violation), Some(way))
        };
    }
    without_noise(field, standing, running)
}

/// The way with the replicas that run, where they hold the load.
fn as_it_runs<'a>(field: &Field<'a>, way: &Sized<'a>, running: &Running) -> Option<Sized<'a>> {
    let load = Load::of(field.requirement);
    let Some(rps) = load.rps else {
        return Some(way.clone());
    };
    let needed = sizing::replicas_for(rps, way.capacity.rps);
    let spare_replicas = running.replicas.checked_sub(needed)?;
    let load = Load {
        spare_replicas,
        ..load
    };
    (spare_replicas >= 0)
        .then(|| field.resized(way, &load))
        .flatten()
}

/// Only what clearly fails counts as a failure.
fn without_noise<'a>(
    field: &Field<'a>,
    standing: &Standing<'a>,
    running: &Running,
) -> (Verdict, Option<Sized<'a>>) {
    let bounds = field.bounds();
    let Some(backing) = backing_ladder(field, running) else {
        return (Verdict::Undecidable(Doubt::NotBacked), None);
    };
    let ladders = field
        .entries()
        .find(|(configuration, _)| *configuration == standing.configuration)
        .map_or(&[][..], |(_, ladders)| ladders);
    let better = ladders
        .iter()
        .filter(|ladder| ladder.kind > backing.kind && ladder.sizes);
    let is_newer =
        |row: &Row| row.measured_at() > running.newest_benchmark.or(Some(Timestamp::MAX));
    let clear = backing
        .rows()
        .filter(is_newer)
        .chain(better.flat_map(Ladder::rows))
        .filter(|row| row.steady && is_clearly_above(row, &bounds))
        .min_by(|a, b| {
            a.offered_rps
                .total_cmp(&b.offered_rps)
                .then(a.id.cmp(&b.id))
        });
    let below = |cut: Option<&Row<'a>>| {
        let reading = read_below(&backing, &bounds, cut);
        let way = field.size(backing, reading, &bounds, &Load::of(field.requirement));
        way.and_then(|way| as_it_runs(field, &way, running))
    };
    let failing = |row: &Row| Box::new(near_miss(row, &bounds));
    match (below(clear.as_ref()), &clear) {
        (Some(way), _) => {
            let noise = backing.rows().find(|row| capacity::fails(row, &bounds));
            let noise = noise.or_else(|| nearest(ladders, &bounds));
            let doubt = noise.map_or(Doubt::TooLittleShown, |row| Doubt::NotClear(failing(&row)));
            (Verdict::Undecidable(doubt), Some(way))
        }
        (None, Some(clear)) if below(None).is_some() => (
            Verdict::Violated(Violation::Benchmark(failing(clear))),
            None,
        ),
        (None, _) => (Verdict::Undecidable(Doubt::TooLittleShown), None),
    }
}

/// The ladder that backed what runs, by its operating row; the one that decides now where that row
/// is gone.
fn backing_ladder<'a>(field: &Field<'a>, running: &Running) -> Option<Ladder<'a>> {
    let (_, ladders) = field
        .entries()
        .find(|(configuration, _)| running.is(configuration))?;
    let operating = running.benchmarks.first();
    let same = ladders
        .iter()
        .find(|ladder| ladder.rows().any(|row| Some(&row.id) == operating));
    same.copied().or_else(|| {
        let mut kinds = EvidenceKind::ALL.iter().rev();
        kinds.find_map(|kind| ladder::deciding(ladders, *kind))
    })
}

fn nearest<'a>(ladders: &[Ladder<'a>], bounds: &Bounds) -> Option<Row<'a>> {
    let rows = ladders.iter().flat_map(Ladder::rows);
    rows.filter(|row| capacity::fails(row, bounds))
        .min_by(|a, b| a.offered_rps.total_cmp(&b.offered_rps))
}

/// R4, where nothing but `cut` fails.
fn read_below<'a>(ladder: &Ladder<'a>, bounds: &Bounds, cut: Option<&Row<'a>>) -> Reading<'a> {
    let backing = Backing::below(ladder, bounds, cut.map(|cut| cut.offered_rps));
    let failing = |row: &Row| capacity::fails(row, bounds);
    let steadily_failing = ladder.rows().find(|row| row.steady && failing(row));
    let best = backing.rows().max_by_key(capacity::preference);
    Reading {
        capacity: best.map(|row| Capacity {
            rps: row.exactly_served_rps(),
            row: row.id,
            bound: steadily_failing
                .map_or(CapacityBound::AtLeast, |row| CapacityBound::Known(row.id)),
            cut_by: ladder.rows().find(failing).map(|row| row.id),
            non_monotonic: ladder
                .rows()
                .any(|failed| failing(&failed) && failed.offered_rps <= row.offered_rps),
        }),
        backing,
    }
}

/// Whether a p95 is further above its target than a benchmark's noise (R12).
fn is_clearly_above(row: &Row, bounds: &Bounds) -> bool {
    let Some(p95s) = row.p95s() else {
        return false;
    };
    let has_many = row
        .benchmark()
        .requests_completed
        .is_some_and(|requests| requests >= MANY_REQUESTS);
    let percent = if has_many {
        CLEARLY_ABOVE_WITH_MANY_REQUESTS_PERCENT
    } else {
        CLEARLY_ABOVE_PERCENT
    };
    Target::ALL
        .into_iter()
        .any(|target| p95s[target as usize] > bounds.of(target) * (100.0 + percent) / 100.0)
}
