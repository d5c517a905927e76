//! R4 under an intent's policy: which rows are steady and may back a decision, and which ladder of a
//! configuration decides. Ladders themselves are formed when rows arrive (`benchmark::reduction`).

use std::ops::Deref;

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::requirement::EvidencePolicy;
use crate::api::UnusualLoad;
use crate::benchmark::{
    self, ArrivalProcess, Benchmark, Configuration, EvidenceKind, LadderRow, LoadConditions, Place,
    SharedBenchmarks, Step, TrafficProfile, USUAL_SERVED_PERCENT, exact_rate,
};

/// Dates without a zone are taken as UTC, so one may seem to lie this far ahead.
const ZONE_DOUBT: SignedDuration = SignedDuration::from_hours(24);

/// A row with what the policy says of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    ladder: &'a benchmark::Ladder,
    row: &'a LadderRow,
    /// A later date is one to come.
    latest: Timestamp,
    pub(super) steady: bool,
    /// Young enough, and not only there to bound a capacity.
    pub(super) may_back: bool,
}

impl Deref for Row<'_> {
    type Target = LadderRow;

    fn deref(&self) -> &LadderRow {
        self.row
    }
}

impl<'a> Row<'a> {
    #[inline]
    fn new(
        ladder: &'a benchmark::Ladder,
        row: &'a LadderRow,
        policy: &EvidencePolicy,
        (now, latest): (Timestamp, Timestamp),
    ) -> Self {
        let mut row = Self {
            ladder,
            row,
            latest,
            steady: row.is_steady(policy.minimum_served_percent),
            may_back: !row.bounds_only(),
        };
        row.may_back &= is_young_enough(&row, policy, now);
        row
    }

    /// When it ran; a date to come is none.
    pub(super) fn measured_at(&self) -> Option<Timestamp> {
        self.row.measured_at().filter(|at| *at <= self.latest)
    }

    /// As the decimal that was written, requests per second (R6).
    pub(super) fn exactly_served_rps(&self) -> Decimal {
        exact_rate(self.served_rps()).unwrap_or_default()
    }

    /// The same of the offered rate; `None` for what is no rate of a replica.
    pub(super) fn exactly_offered_rps(&self) -> Option<Decimal> {
        exact_rate(self.offered_rps)
    }

    pub(super) fn configuration(&self) -> &'a Configuration {
        self.ladder.configuration(self.row)
    }

    pub(super) fn conditions(&self) -> &'a LoadConditions {
        &self.ladder.conditions
    }

    /// All of it.
    pub(super) fn benchmark(&self) -> Benchmark {
        self.ladder.benchmark(self.row)
    }
}

/// A later date is one to come.
pub(super) fn latest(now: Timestamp) -> Timestamp {
    now.saturating_add(ZONE_DOUBT).unwrap_or(Timestamp::MAX)
}

/// A row of unknown age is never young enough (R5).
fn is_young_enough(row: &Row, policy: &EvidencePolicy, now: Timestamp) -> bool {
    let Some(max_age_days) = policy.max_age_days else {
        return true;
    };
    let max_age = SignedDuration::from_hours(24 * i64::from(max_age_days));
    row.measured_at()
        .is_some_and(|at| now.duration_since(at) <= max_age)
}

/// A ladder under a policy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ladder<'a> {
    place: &'a Place,
    shared: &'a benchmark::Ladder,
    policy: &'a EvidencePolicy,
    now: Timestamp,
    /// A later date is one to come.
    latest: Timestamp,
    pub(super) kind: EvidenceKind,
    pub(super) source: &'a str,
    /// A load that is shown but not used for sizing, unless the intent allows it.
    pub(super) sizes: bool,
}

impl<'a> Ladder<'a> {
    pub(super) fn new(
        place: &'a Place,
        shared: &'a benchmark::Ladder,
        policy: &'a EvidencePolicy,
        now: Timestamp,
    ) -> Self {
        Self {
            place,
            shared,
            policy,
            now,
            latest: latest(now),
            kind: shared.kind,
            source: &shared.source,
            sizes: unusual_loads(&shared.conditions)
                .all(|load| policy.allowed_loads.contains(&load)),
        }
    }

    /// By offered rate, then id.
    pub(super) fn rows(
        &self,
    ) -> impl DoubleEndedIterator<Item = Row<'a>> + ExactSizeIterator + use<'a> {
        let ladder = *self;
        let rows = ladder.shared.rows.iter();
        rows.map(move |row| ladder.judged(row))
    }

    /// The row at an index.
    pub(super) fn row(&self, index: usize) -> Row<'a> {
        self.judged(&self.shared.rows[index])
    }

    /// The rows themselves, whatever the policy says of them.
    pub(super) fn bare_rows(&self) -> &'a [LadderRow] {
        &self.shared.rows
    }

    /// Those with one of these ids.
    pub(super) fn rows_with<'i>(
        &self,
        ids: &'i [Uuid],
    ) -> impl Iterator<Item = Row<'a>> + use<'a, 'i> {
        let ladder = *self;
        let rows = ladder.shared.rows.iter();
        rows.filter(move |row| ids.contains(&row.id))
            .map(move |row| ladder.judged(row))
    }

    #[inline]
    fn judged(&self, row: &'a LadderRow) -> Row<'a> {
        Row::new(self.shared, row, self.policy, (self.now, self.latest))
    }

    /// What was worked out when the rows arrived, where the policy is the usual one and no date is
    /// to come.
    pub(super) fn steps(&self) -> Option<&'a [Step]> {
        let is_usual = self.policy.minimum_served_percent == USUAL_SERVED_PERCENT
            && self.policy.max_age_days.is_none()
            && self.shared.newest.is_none_or(|at| at <= self.latest);
        (is_usual && !self.shared.steps.is_empty()).then_some(&*self.shared.steps)
    }

    /// When its newest steady row ran; `None` for no steady row, `Some(None)` for unknown dates.
    /// A row that only bounds a capacity cannot make a ladder the one that decides.
    fn newest_steady(&self) -> Option<Option<Timestamp>> {
        if self.steps().is_some() {
            return self.shared.newest_steady;
        }
        self.rows()
            .filter(|row| row.steady && !row.row.bounds_only())
            .map(|row| row.measured_at())
            .max()
    }

    pub(super) fn conditions(&self) -> &'a LoadConditions {
        &self.shared.conditions
    }

    /// Every ladder of its place, itself among them.
    pub(super) fn beside(&self) -> impl Iterator<Item = Ladder<'a>> + use<'a> {
        let Self {
            place, policy, now, ..
        } = *self;
        let ladders = place.ladders();
        ladders.map(move |shared| Ladder::new(place, shared, policy, now))
    }

    /// Whether both are the same one.
    pub(super) fn is(&self, other: &Self) -> bool {
        std::ptr::eq(self.shared, other.shared)
    }
}

/// Ladders of each configuration with rows of exactly the profile (R2), in an order that the rows'
/// order does not change. A configuration without GPUs is none.
pub(super) fn of_all<'a: 'p, 'p>(
    benchmarks: &'a SharedBenchmarks,
    profile: TrafficProfile,
    policy: &'p EvidencePolicy,
    now: Timestamp,
) -> impl Iterator<Item = (&'a Configuration, Vec<Ladder<'p>>)> {
    let places = benchmarks.places().iter().map(|place| &**place);
    of_places(places, profile, policy, now)
}

/// The same of some places.
pub(super) fn of_places<'a: 'p, 'p>(
    places: impl Iterator<Item = &'a Place>,
    profile: TrafficProfile,
    policy: &'p EvidencePolicy,
    now: Timestamp,
) -> impl Iterator<Item = (&'a Configuration, Vec<Ladder<'p>>)> {
    let places =
        places.filter(move |it| it.profile == profile && it.configuration().hardware_count > 0);
    let configurations =
        places.flat_map(|place| place.configurations.iter().map(move |it| (place, it)));
    configurations.map(move |(place, it)| {
        let ladders = it.ladders.iter();
        let ladders = ladders.map(|shared| Ladder::new(place, shared, policy, now));
        (&*it.configuration, ladders.collect())
    })
}

fn unusual_loads(conditions: &LoadConditions) -> impl Iterator<Item = UnusualLoad> {
    let arrivals = match conditions.arrival_process {
        Some(ArrivalProcess::ClosedLoop) => Some(UnusualLoad::ClosedLoop),
        Some(ArrivalProcess::Throughput) => Some(UnusualLoad::Throughput),
        _ => None,
    };
    let shared = conditions.shares_prefixes();
    arrivals
        .into_iter()
        .chain(shared.then_some(UnusualLoad::PrefixShared))
}

/// The ladder that decides for its kind: the newest with steady rows, also when it fails, never
/// the highest; equally new ones by source and id.
pub(super) fn deciding<'a>(ladders: &[Ladder<'a>], kind: EvidenceKind) -> Option<Ladder<'a>> {
    ladders
        .iter()
        .filter(|ladder| ladder.kind == kind && ladder.sizes)
        .filter_map(|ladder| ladder.newest_steady().map(|newest| (newest, ladder)))
        .max_by(|(newest_a, a), (newest_b, b)| {
            benchmark::Ladder::by_age((*newest_a, a.shared), (*newest_b, b.shared))
        })
        .map(|(_, ladder)| *ladder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::benchmark::ItlDefinition;
    use crate::recommend::test_support::{PROFILE, at, row};

    fn ladders(rows: &[Benchmark], policy: &EvidencePolicy) -> Vec<Vec<usize>> {
        let rows = SharedBenchmarks::from_iter(rows);
        of_all(&rows, PROFILE, policy, at("2026-11-23"))
            .map(|(_, ladders)| ladders.iter().map(|it| it.rows().len()).collect())
            .collect()
    }

    fn first<T>(
        rows: &[Benchmark],
        policy: &EvidencePolicy,
        now: &str,
        of: impl Fn(&[Ladder]) -> T,
    ) -> T {
        let rows = SharedBenchmarks::from_iter(rows);
        let (_, ladders) = of_all(&rows, PROFILE, policy, at(now)).next().unwrap();
        of(&ladders)
    }

    fn changed(change: impl Fn(&mut Benchmark)) -> Benchmark {
        let mut row = row(2.0, [100.0, 20.0, 5000.0]);
        change(&mut row);
        row
    }

    #[test]
    fn conditions_part_ladders_and_dates_do_not() {
        let policy = EvidencePolicy::default();
        let with = |change: fn(&mut Benchmark)| {
            ladders(&[row(1.0, [100.0, 20.0, 5000.0]), changed(change)], &policy)
        };
        assert_eq!(with(|row| row.measured_at = None), [[2]]);
        assert_eq!(with(|row| row.source = "other".into()), [[1, 1]]);
        assert_eq!(with(|row| row.kind = EvidenceKind::Measured), [[1, 1]]);
        assert_eq!(
            with(|row| row.conditions.output_tokens_stdev = None),
            [[1, 1]]
        );
        assert_eq!(
            with(|row| row.conditions.output_tokens_range = (Some(1), Some(512))),
            [[1, 1]]
        );
        assert_eq!(
            with(|row| row.configuration.form_factor = Some("PCIe".into())),
            [[1], [1]]
        );
        assert_eq!(with(|row| row.conditions.prefix_sharing = None), [[1, 1]]);
        assert_eq!(
            with(|row| row.conditions.arrival_process = Some(ArrivalProcess::Constant)),
            [[1, 1]]
        );
        assert_eq!(
            with(|row| row.conditions.itl_definition = Some(ItlDefinition::TokenGap)),
            [[1, 1]]
        );
        assert_eq!(
            with(|row| row.configuration.engine.max_num_seqs = Some(64)),
            [[1], [1]]
        );
        assert_eq!(
            with(|row| row.configuration.framework_version = None),
            [[1], [1]]
        );
    }

    #[test]
    fn the_newest_ladder_with_steady_rows_decides() {
        let old = changed(|row| row.source = "old".into());
        let new = changed(|row| {
            row.source = "new".into();
            row.measured_at = Some(at("2026-10-01"));
        });
        let newest_but_unsteady = changed(|row| {
            row.source = "unsteady".into();
            row.measured_at = Some(at("2026-11-01"));
            row.served_rps = Some(0.1);
        });
        let bounding = changed(|row| {
            row.source = "bounding".into();
            row.measured_at = Some(at("2026-11-02"));
            row.bounds_only = true;
        });
        let to_come = changed(|row| {
            row.source = "to come".into();
            row.measured_at = Some(at("2999-01-01"));
        });
        let undated = changed(|row| {
            row.source = "undated".into();
            row.measured_at = None;
        });
        let rows = [old, new, newest_but_unsteady, bounding, to_come, undated];
        first(&rows, &EvidencePolicy::default(), "2026-11-23", |ladders| {
            let deciding = deciding(ladders, EvidenceKind::Simulated).unwrap();
            assert_eq!(deciding.source, "new");
            assert!(super::deciding(ladders, EvidenceKind::Measured).is_none());
        });
    }

    #[test]
    fn unusual_loads_size_only_when_allowed() {
        let rows = [changed(|row| {
            row.conditions.arrival_process = Some(ArrivalProcess::ClosedLoop);
            row.conditions.prefix_sharing = Some(0.5);
        })];
        let sizes = |allowed_loads: Vec<UnusualLoad>| {
            let policy = EvidencePolicy {
                allowed_loads,
                ..EvidencePolicy::default()
            };
            first(&rows, &policy, "2026-11-23", |ladders| ladders[0].sizes)
        };
        assert!(!sizes(vec![]));
        assert!(!sizes(vec![UnusualLoad::ClosedLoop]));
        assert!(sizes(vec![
            UnusualLoad::ClosedLoop,
            UnusualLoad::PrefixShared
        ]));
    }

    #[test]
    fn age_counts_from_the_benchmark_and_unknown_is_too_old() {
        let policy = EvidencePolicy {
            max_age_days: Some(30),
            ..EvidencePolicy::default()
        };
        let may_back = |measured_at| {
            let rows = [changed(|row| row.measured_at = measured_at)];
            first(&rows, &policy, "2026-11-30", |it| {
                it[0].rows().all(|row| row.may_back)
            })
        };
        assert!(may_back(Some(at("2026-10-31"))));
        assert!(!may_back(Some(at("2026-10-30"))));
        assert!(!may_back(None));
        assert!(!may_back(Some(at("2999-01-01"))));
    }
}
