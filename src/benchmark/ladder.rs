//! R4: which rows form a ladder. Formed once, when rows arrive, and kept in few bytes a row.
//!
//! What a ladder has in common (configuration, kind, source, conditions) is kept once; a row is what
//! differs, and a whole [`Benchmark`] is made again for the few rows that are shown.

use std::cmp::Ordering;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::reading::{self, Step};
use super::steady;
use super::{
    Benchmark, Configuration, EvidenceKind, Latency, LoadConditions, TrafficProfile,
    ValidationClass,
};

/// What one row of a ladder says that the others do not.
#[derive(Clone, Copy, Debug)]
pub struct LadderRow {
    /// Identity in the knowledge base.
    pub id: Uuid,
    /// Offered rate, requests per second.
    pub offered_rps: f64,
    /// NaN also where it is not known.
    served_rps: f64,
    /// TTFT, ITL, E2E; of each mean, p95, p99. NaN is not recorded.
    latencies_ms: [[f64; 3]; 3],
    /// A run of more than four thousand million requests counts as one of so many.
    requests_completed: u32,
    requests_total: u32,
    /// Seconds since 1970.
    measured_at: i64,
    /// Nanoseconds of it.
    measured_at_subsec: i32,
    /// Which of the ladder's spellings of its configuration.
    pub(super) spelling: u16,
    flags: u8,
    /// How well the source's figures were checked against measurements.
    pub validation_class: Option<ValidationClass>,
}

const SERVED_IS_KNOWN: u8 = 1;
const COMPLETED_IS_KNOWN: u8 = 1 << 1;
const TOTAL_IS_KNOWN: u8 = 1 << 2;
const DATE_IS_KNOWN: u8 = 1 << 3;
const BOUNDS_ONLY: u8 = 1 << 4;
const USUALLY_STEADY: u8 = 1 << 5;
const HAS_P95S: u8 = 1 << 6;

impl LadderRow {
    pub(super) fn new(row: &Benchmark, spelling: u16) -> Self {
        let latency = |latency: &Latency| {
            [latency.mean_ms, latency.p95_ms, latency.p99_ms].map(|ms| ms.unwrap_or(f64::NAN))
        };
        let flag = |flag: u8, is_set: bool| if is_set { flag } else { 0 };
        let clamped =
            |requests: Option<i64>| requests.unwrap_or_default().clamp(0, u32::MAX.into()) as u32;
        let measured_at = row.measured_at.unwrap_or(Timestamp::UNIX_EPOCH);
        let mut new = Self {
            id: row.id,
            offered_rps: row.offered_rps,
            served_rps: row.served_rps.unwrap_or(f64::NAN),
            latencies_ms: [latency(&row.ttft), latency(&row.itl), latency(&row.e2e)],
            requests_completed: clamped(row.requests_completed),
            requests_total: clamped(row.requests_total),
            measured_at: measured_at.as_second(),
            measured_at_subsec: measured_at.subsec_nanosecond(),
            spelling,
            flags: flag(SERVED_IS_KNOWN, row.served_rps.is_some())
                | flag(COMPLETED_IS_KNOWN, row.requests_completed.is_some())
                | flag(TOTAL_IS_KNOWN, row.requests_total.is_some())
                | flag(DATE_IS_KNOWN, row.measured_at.is_some())
                | flag(BOUNDS_ONLY, row.bounds_only),
            validation_class: row.validation_class,
        };
        new.flags |= flag(
            HAS_P95S,
            new.every_p95().iter().all(|ms| ms.is_finite() && *ms > 0.0),
        );
        let steady = new.computed_steady(steady::USUAL_SERVED_PERCENT);
        new.flags |= flag(USUALLY_STEADY, steady);
        new
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// TTFT, ITL and E2E: of each the mean, p95 and p99 that are recorded.
    pub fn latencies_ms(&self) -> [[Option<f64>; 3]; 3] {
        let recorded = |ms: f64| (!ms.is_nan()).then_some(ms);
        self.latencies_ms.map(|of_one| of_one.map(recorded))
    }

    fn every_p95(&self) -> [f64; 3] {
        self.latencies_ms.map(|[_, p95, _]| p95)
    }

    /// p95s of TTFT, ITL and E2E, all of them finite and above zero; `None` where one is not, since
    /// such a row neither complies nor proves a bound (R3).
    pub fn p95s(&self) -> Option<[f64; 3]> {
        self.has(HAS_P95S).then(|| self.every_p95())
    }

    /// Whether the run served what it was offered, for long enough (R3).
    pub fn is_steady(&self, minimum_served_percent: i32) -> bool {
        if minimum_served_percent == steady::USUAL_SERVED_PERCENT {
            self.has(USUALLY_STEADY)
        } else {
            self.computed_steady(minimum_served_percent)
        }
    }

    fn computed_steady(&self, minimum_served_percent: i32) -> bool {
        let requests = [
            (TOTAL_IS_KNOWN, self.requests_total),
            (COMPLETED_IS_KNOWN, self.requests_completed),
        ];
        let requests = requests.into_iter().find(|(flag, _)| self.has(*flag));
        let [_, _, [e2e_mean_ms, ..]] = self.latencies_ms;
        steady::served_enough(
            self.offered_rps,
            self.served_or_offered(),
            minimum_served_percent,
        ) && steady::is_long_enough(
            requests.map(|(_, requests)| requests.into()),
            self.offered_rps,
            e2e_mean_ms,
        )
    }

    fn served_or_offered(&self) -> f64 {
        if self.has(SERVED_IS_KNOWN) {
            self.served_rps
        } else {
            self.offered_rps
        }
    }

    /// Whether somebody recorded what was served.
    pub fn served_is_known(&self) -> bool {
        self.has(SERVED_IS_KNOWN)
    }

    /// min(offered, served), requests per second; 0 for what is no rate of a replica.
    pub fn served_rps(&self) -> f64 {
        let (offered, served) = (self.offered_rps, self.served_or_offered());
        if super::rate::RATES.contains(&offered) && super::rate::RATES.contains(&served) {
            offered.min(served)
        } else {
            0.0
        }
    }

    /// When it ran; `None` where nobody recorded it.
    pub fn measured_at(&self) -> Option<Timestamp> {
        self.has(DATE_IS_KNOWN).then(|| {
            Timestamp::new(self.measured_at, self.measured_at_subsec).expect("it was one before")
        })
    }

    /// May only show where a capacity ends, never back a recommendation.
    pub fn bounds_only(&self) -> bool {
        self.has(BOUNDS_ONLY)
    }
}

/// Equal to the bit, also where nothing was recorded.
impl PartialEq for LadderRow {
    fn eq(&self, other: &Self) -> bool {
        let floats = |row: &Self| {
            let [a, b, c] = row.latencies_ms.map(|three| three.map(f64::to_bits));
            (row.offered_rps.to_bits(), row.served_rps.to_bits(), a, b, c)
        };
        let rest = |row: &Self| {
            (
                row.id,
                row.requests_completed,
                row.requests_total,
                (row.measured_at, row.measured_at_subsec),
                row.spelling,
                row.flags,
                row.validation_class,
            )
        };
        floats(self) == floats(other) && rest(self) == rest(other)
    }
}

/// The rows of one configuration under one profile and the same conditions.
#[derive(Debug, PartialEq)]
pub struct Ladder {
    /// The configuration as its rows spell it; more than one where a model's name differs in case.
    pub(super) spellings: Box<[Arc<Configuration>]>,
    /// The traffic profile.
    pub profile: TrafficProfile,
    /// Kind of the evidence.
    pub kind: EvidenceKind,
    /// Who brought it.
    pub source: String,
    /// How the load was made.
    pub conditions: LoadConditions,
    /// By offered rate, then id.
    pub rows: Box<[LadderRow]>,
    /// What it shows with usual rules, by rate.
    pub steps: Box<[Step]>,
    /// When its newest steady row ran that may back a decision, by the usual rules; `None` for no
    /// such row, `Some(None)` for unknown dates.
    pub newest_steady: Option<Option<Timestamp>>,
    /// When its newest row ran.
    pub newest: Option<Timestamp>,
    /// The least id of its rows.
    pub first_id: Uuid,
}

impl Ladder {
    pub(super) fn new(
        spellings: Vec<Arc<Configuration>>,
        like: &Benchmark,
        mut rows: Vec<LadderRow>,
    ) -> Self {
        rows.sort_unstable_by(|a, b| {
            a.offered_rps
                .total_cmp(&b.offered_rps)
                .then(a.id.cmp(&b.id))
        });
        let steady = rows
            .iter()
            .filter(|row| row.has(USUALLY_STEADY) && !row.bounds_only());
        Self {
            spellings: spellings.into(),
            profile: like.profile,
            kind: like.kind,
            source: like.source.clone(),
            conditions: like.conditions.clone(),
            steps: reading::steps(&rows),
            newest_steady: steady.map(LadderRow::measured_at).max(),
            newest: rows.iter().filter_map(LadderRow::measured_at).max(),
            first_id: rows.iter().map(|row| row.id).min().unwrap_or_default(),
            rows: rows.into(),
        }
    }

    /// The order in which ladders decide, each with the date of its newest steady row: the newest
    /// last, also where it fails; of equally new ones the first by source and id (R4).
    pub fn by_age(
        (newest_a, a): (Option<Timestamp>, &Self),
        (newest_b, b): (Option<Timestamp>, &Self),
    ) -> Ordering {
        newest_a
            .cmp(&newest_b)
            .then_with(|| b.source.cmp(&a.source))
            .then_with(|| b.first_id.cmp(&a.first_id))
    }

    /// The configuration as a row spells it.
    pub fn configuration(&self, row: &LadderRow) -> &Configuration {
        &self.spellings[usize::from(row.spelling)]
    }

    /// The whole row again. A latency that was stored as NaN is one that was not recorded.
    pub fn benchmark(&self, row: &LadderRow) -> Benchmark {
        let latency = |[mean_ms, p95_ms, p99_ms]: [Option<f64>; 3]| Latency {
            mean_ms,
            p95_ms,
            p99_ms,
        };
        let [ttft, itl, e2e] = row.latencies_ms().map(latency);
        Benchmark {
            id: row.id,
            configuration: self.configuration(row).clone(),
            profile: self.profile,
            conditions: self.conditions.clone(),
            offered_rps: row.offered_rps,
            served_rps: row.has(SERVED_IS_KNOWN).then_some(row.served_rps),
            ttft,
            itl,
            e2e,
            requests_completed: row
                .has(COMPLETED_IS_KNOWN)
                .then_some(row.requests_completed.into()),
            requests_total: row.has(TOTAL_IS_KNOWN).then_some(row.requests_total.into()),
            kind: self.kind,
            source: self.source.clone(),
            validation_class: row.validation_class,
            bounds_only: row.bounds_only(),
            measured_at: row.measured_at(),
        }
    }
}

/// The ladders of one configuration, in an order that the rows' order does not change.
#[derive(Debug, PartialEq)]
pub struct ConfigurationLadders {
    /// As its row with the least id spells it.
    pub configuration: Arc<Configuration>,
    /// By kind, source and conditions.
    pub ladders: Box<[Ladder]>,
}

/// Every ladder of one model on a number of GPUs under one profile, whatever the framework and its
/// version: where kinds of evidence are compared (R5).
#[derive(Debug, PartialEq)]
pub struct Place {
    /// The profile.
    pub profile: TrafficProfile,
    /// By configuration.
    pub configurations: Box<[ConfigurationLadders]>,
    /// Rows of all of them.
    pub rows: usize,
}

impl Place {
    /// What all of it has in common but the framework.
    pub fn configuration(&self) -> &Configuration {
        &self.configurations[0].configuration
    }

    /// Its ladders.
    pub fn ladders(&self) -> impl Iterator<Item = &Ladder> {
        self.configurations
            .iter()
            .flat_map(|configuration| &configuration.ladders)
    }

    /// Its rows, made again.
    pub fn benchmarks(&self) -> impl Iterator<Item = Benchmark> {
        self.ladders()
            .flat_map(|ladder| ladder.rows.iter().map(|row| ladder.benchmark(row)))
    }
}

/// A place that many readers share.
pub type SharedPlace = Arc<Place>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_takes_few_bytes() {
        assert!(size_of::<LadderRow>() <= 128);
        assert!(size_of::<Step>() <= 40);
    }
}
