//! R4: which rows form a ladder, and which ladder of a configuration decides.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use super::compliance::{P95s, is_steady, p95s};
use super::requirement::EvidencePolicy;
use crate::api::UnusualLoad;
use crate::benchmark::{
    ArrivalProcess, Benchmark, Configuration, EvidenceKind, ItlDefinition, LoadConditions,
};

/// Dates without a zone are taken as UTC, so one may seem to lie this far ahead.
const ZONE_DOUBT: SignedDuration = SignedDuration::from_hours(24);

/// A row with what the targets do not change.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) benchmark: &'a Benchmark,
    /// `None` proves nothing.
    pub(super) p95s: Option<P95s>,
    pub(super) steady: bool,
    /// As a decimal, requests per second; `None` for what is no rate of a replica.
    pub(super) offered_rps: Option<Decimal>,
    /// min(offered, served), requests per second.
    pub(super) served_rps: Decimal,
    /// When it ran; a date to come is none.
    pub(super) measured_at: Option<Timestamp>,
    /// Young enough, and not only there to bound a capacity.
    pub(super) may_back: bool,
}

impl<'a> Row<'a> {
    fn new(benchmark: &'a Benchmark, policy: &EvidencePolicy, now: Timestamp) -> Self {
        let offered_rps = exact(benchmark.offered_rps);
        let served_rps = benchmark.served_rps.map_or(offered_rps, exact);
        let rates = offered_rps.zip(served_rps);
        let measured_at = benchmark
            .measured_at
            .filter(|at| at.duration_since(now) <= ZONE_DOUBT);
        Self {
            benchmark,
            p95s: p95s(benchmark),
            steady: rates.is_some_and(|(offered, served)| {
                is_steady(benchmark, offered, served, policy.minimum_served_percent)
            }),
            offered_rps,
            served_rps: rates.map_or(Decimal::ZERO, |(offered, served)| offered.min(served)),
            measured_at,
            may_back: !benchmark.bounds_only && is_young_enough(measured_at, policy, now),
        }
    }
}

/// The shortest decimal that reads back as `rate`: what a person would have written (R6). `None`
/// for what is no rate of a replica: less than one request in eleven days, or a thousand million
/// a second.
fn exact(rate: f64) -> Option<Decimal> {
    (1e-6..1e9)
        .contains(&rate)
        .then(|| rate.to_string().parse().ok())
        .flatten()
}

/// A row of unknown age is never young enough (R5).
fn is_young_enough(
    measured_at: Option<Timestamp>,
    policy: &EvidencePolicy,
    now: Timestamp,
) -> bool {
    let Some(max_age_days) = policy.max_age_days else {
        return true;
    };
    let max_age = SignedDuration::from_hours(24 * i64::from(max_age_days));
    measured_at.is_some_and(|at| now.duration_since(at) <= max_age)
}

/// The rows of one configuration under the same conditions, by offered rate, then id.
#[derive(Debug)]
pub(super) struct Ladder<'a> {
    pub(super) kind: EvidenceKind,
    pub(super) source: &'a str,
    pub(super) rows: Vec<Row<'a>>,
    /// A load that is shown but not used for sizing, unless the intent allows it.
    pub(super) sizes: bool,
}

impl Ladder<'_> {
    /// When its newest steady row ran; `None` for no steady row, `Some(None)` for unknown dates.
    /// A row that only bounds a capacity cannot make a ladder the one that decides.
    fn newest_steady(&self) -> Option<Option<Timestamp>> {
        self.rows
            .iter()
            .filter(|row| row.steady && !row.benchmark.bounds_only)
            .map(|row| row.measured_at)
            .max()
    }
}

/// What parts the rows of one configuration into ladders; neither dates nor `config_id` do.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct LadderKey<'a> {
    kind: EvidenceKind,
    source: &'a str,
    prompt_tokens_stdev: Option<i32>,
    prompt_tokens_range: (Option<i32>, Option<i32>),
    output_tokens_stdev: Option<i32>,
    output_tokens_range: (Option<i32>, Option<i32>),
    arrival_process: Option<ArrivalProcess>,
    prefix_sharing_bits: Option<u64>,
    itl_definition: Option<ItlDefinition>,
}

impl<'a> LadderKey<'a> {
    fn of(row: &'a Benchmark) -> Self {
        let LoadConditions {
            arrival_process,
            prompt_tokens_stdev,
            prompt_tokens_range,
            output_tokens_stdev,
            output_tokens_range,
            prefix_sharing,
            itl_definition,
        } = row.conditions;
        Self {
            kind: row.kind,
            source: &row.source,
            prompt_tokens_stdev,
            prompt_tokens_range,
            output_tokens_stdev,
            output_tokens_range,
            arrival_process,
            prefix_sharing_bits: prefix_sharing.map(f64::to_bits),
            itl_definition,
        }
    }
}

/// Ladders of each configuration, in an order that the rows' order does not change.
pub(super) fn form<'a>(
    benchmarks: impl IntoIterator<Item = &'a Benchmark>,
    policy: &EvidencePolicy,
    now: Timestamp,
) -> Vec<(&'a Configuration, Vec<Ladder<'a>>)> {
    let mut configurations: BTreeMap<&Configuration, BTreeMap<LadderKey, Vec<&Benchmark>>> =
        BTreeMap::new();
    for benchmark in benchmarks {
        configurations
            .entry(&benchmark.configuration)
            .or_default()
            .entry(LadderKey::of(benchmark))
            .or_default()
            .push(benchmark);
    }
    configurations
        .into_iter()
        .map(|(configuration, ladders)| {
            let ladders = ladders
                .into_iter()
                .map(|(key, mut rows)| {
                    rows.sort_by(|a, b| {
                        a.offered_rps
                            .total_cmp(&b.offered_rps)
                            .then(a.id.cmp(&b.id))
                    });
                    Ladder {
                        kind: key.kind,
                        source: key.source,
                        sizes: unusual_loads(&rows[0].conditions)
                            .all(|load| policy.allowed_loads.contains(&load)),
                        rows: rows
                            .into_iter()
                            .map(|row| Row::new(row, policy, now))
                            .collect(),
                    }
                })
                .collect();
            (configuration, ladders)
        })
        .collect()
}

fn unusual_loads(conditions: &LoadConditions) -> impl Iterator<Item = UnusualLoad> {
    let arrivals = match conditions.arrival_process {
        Some(ArrivalProcess::ClosedLoop) => Some(UnusualLoad::ClosedLoop),
        Some(ArrivalProcess::Throughput) => Some(UnusualLoad::Throughput),
        _ => None,
    };
    let shared = conditions.prefix_sharing.is_some_and(|share| share > 0.0);
    arrivals
        .into_iter()
        .chain(shared.then_some(UnusualLoad::PrefixShared))
}

/// The ladder that decides for its kind: the newest with steady rows, also when it fails, never
/// the highest; equally new ones by source and id.
pub(super) fn deciding<'l, 'a>(
    ladders: &'l [Ladder<'a>],
    kind: EvidenceKind,
) -> Option<&'l Ladder<'a>> {
    ladders
        .iter()
        .filter(|ladder| ladder.kind == kind && ladder.sizes)
        .filter_map(|ladder| ladder.newest_steady().map(|newest| (newest, ladder)))
        .max_by(|(newest_a, a), (newest_b, b)| {
            newest_a
                .cmp(newest_b)
                .then_with(|| b.source.cmp(a.source))
                .then_with(|| first_id(b).cmp(&first_id(a)))
        })
        .map(|(_, ladder)| ladder)
}

fn first_id(ladder: &Ladder) -> Option<uuid::Uuid> {
    ladder.rows.iter().map(|row| row.benchmark.id).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recommend::test_support::{at, row};

    fn ladders(rows: &[Benchmark], policy: &EvidencePolicy) -> Vec<Vec<usize>> {
        form(rows, policy, at("2026-11-23"))
            .iter()
            .map(|(_, ladders)| ladders.iter().map(|ladder| ladder.rows.len()).collect())
            .collect()
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
        let formed = form(&rows, &EvidencePolicy::default(), at("2026-11-23"));
        let deciding = deciding(&formed[0].1, EvidenceKind::Simulated).unwrap();
        assert_eq!(deciding.source, "new");
        assert!(super::deciding(&formed[0].1, EvidenceKind::Measured).is_none());
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
            form(&rows, &policy, at("2026-11-23"))[0].1[0].sizes
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
            form(&rows, &policy, at("2026-11-30"))[0].1[0].rows[0].may_back
        };
        assert!(may_back(Some(at("2026-10-31"))));
        assert!(!may_back(Some(at("2026-10-30"))));
        assert!(!may_back(None));
        assert!(!may_back(Some(at("2999-01-01"))));
    }

    #[test]
    fn rates_are_the_decimals_that_were_written() {
        assert_eq!(exact(0.6).unwrap().to_string(), "0.6");
        assert_eq!(exact(1e-6).unwrap().to_string(), "0.000001");
        for refused in [0.0, 1e-7, -1.0, f64::NAN, f64::INFINITY, 1e300, 1e-300] {
            assert_eq!(exact(refused), None, "{refused}");
        }
    }
}
