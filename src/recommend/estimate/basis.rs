//! Which benchmarks of a configuration its law is fitted on (R13): of each profile one ladder, all
//! of one kind and made under the same conditions.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::LEAST_RATES;
use super::law::{Point, Shape};
use crate::benchmark::{
    ArrivalProcess, Configuration, EvidenceKind, ItlDefinition, LoadConditions, SharedBenchmarks,
    TrafficProfile, ValidationClass,
};
use crate::recommend::ladder::{self, Ladder};
use crate::recommend::requirement::{EvidencePolicy, standard_output_stdev};

/// What a law is fitted on.
#[derive(Debug)]
pub(super) struct Basis<'a> {
    pub(super) configuration: &'a Configuration,
    pub(super) kind: EvidenceKind,
    pub(super) regime: Regime,
    /// By profile, each with enough steady rates; an order that the rows' order does not change.
    pub(super) profiles: BTreeMap<TrafficProfile, Vec<Point>>,
    /// When the oldest benchmark ran, if all are dated.
    pub(super) oldest: Option<Timestamp>,
    /// The worst of all benchmarks.
    pub(super) validation_class: Option<ValidationClass>,
}

/// Conditions that change latency for a reason that no law of lengths and rates knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Regime {
    pub(super) arrival_process: Option<ArrivalProcess>,
    prefix_sharing_bits: Option<u64>,
    pub(super) itl_definition: Option<ItlDefinition>,
}

impl Regime {
    fn of(conditions: &LoadConditions) -> Self {
        Self {
            arrival_process: conditions.arrival_process,
            prefix_sharing_bits: conditions.prefix_sharing.map(f64::to_bits),
            itl_definition: conditions.itl_definition,
        }
    }

    pub(super) fn prefix_sharing(&self) -> Option<f64> {
        self.prefix_sharing_bits.map(f64::from_bits)
    }
}

type Ladders<'a> = BTreeMap<TrafficProfile, Vec<Ladder<'a>>>;

/// What the law of each configuration would be fitted on, in an order that the rows' order does not
/// change. Where there is more than one way: one with enough profiles, the better kind, more
/// profiles.
pub(super) fn of_all<'a>(
    rows: &'a SharedBenchmarks,
    policy: &EvidencePolicy,
    now: Timestamp,
) -> Vec<Basis<'a>> {
    let mut profiles: Vec<_> = rows.places().iter().map(|place| place.profile).collect();
    profiles.dedup();
    let mut configurations: BTreeMap<&'a Configuration, BTreeMap<_, Ladders>> = BTreeMap::new();
    for profile in profiles {
        for (configuration, ladders) in ladder::of_all(rows, profile, policy, now) {
            let ways = configurations.entry(configuration).or_default();
            for ladder in ladders {
                let way = (ladder.kind, Regime::of(ladder.conditions()));
                let profiles = ways.entry(way).or_default();
                profiles.entry(profile).or_default().push(ladder);
            }
        }
    }
    configurations
        .into_iter()
        .filter_map(|(configuration, ways)| {
            ways.into_iter()
                .filter(|((kind, _), _)| *kind > EvidenceKind::Estimated)
                .map(|((kind, regime), ladders)| Basis::new(configuration, kind, regime, &ladders))
                // Of equals the last, in the order of the conditions.
                .max_by_key(|basis| {
                    let profiles = basis.profiles.len();
                    (profiles >= super::LEAST_PROFILES, basis.kind, profiles)
                })
        })
        .collect()
}

impl<'a> Basis<'a> {
    fn new(
        configuration: &'a Configuration,
        kind: EvidenceKind,
        regime: Regime,
        ladders: &Ladders,
    ) -> Self {
        let mut basis = Self {
            configuration,
            kind,
            regime,
            profiles: BTreeMap::new(),
            oldest: Some(Timestamp::MAX),
            validation_class: None,
        };
        for (profile, ladders) in ladders {
            if let Some(ladder) = ladder::deciding(ladders, kind) {
                basis.add(*profile, &ladder);
            }
        }
        basis
    }

    /// Takes a ladder in if it has enough rates.
    fn add(&mut self, profile: TrafficProfile, ladder: &Ladder) {
        let rows = ladder.rows().filter(|row| row.steady && row.may_back);
        let fitted: Vec<_> = rows
            .filter_map(|row| {
                let point = Point {
                    shape: shape(profile, row.conditions().output_tokens_stdev)?,
                    rps: row.offered_rps,
                    p95s: row.p95s()?,
                };
                Some((point, row))
            })
            .collect();
        let mut points: Vec<_> = fitted.iter().map(|(point, _)| *point).collect();
        // Sums depend on their order.
        points.sort_by(|a, b| {
            let key = |point: &Point| [point.rps, point.p95s[0], point.p95s[1], point.p95s[2]];
            let pairs = key(a).into_iter().zip(key(b));
            pairs.fold(std::cmp::Ordering::Equal, |order, (a, b)| {
                order.then(a.total_cmp(&b))
            })
        });
        let mut rates: Vec<_> = points.iter().map(|point| point.rps).collect();
        rates.dedup();
        if rates.len() < LEAST_RATES {
            return;
        }
        for (_, row) in fitted {
            self.oldest = self.oldest.min(row.measured_at());
            self.validation_class = self.validation_class.max(row.validation_class);
        }
        self.profiles.insert(profile, points);
    }

    /// All points, without those of one profile.
    pub(super) fn points_without(&self, left_out: Option<TrafficProfile>) -> Vec<Point> {
        self.profiles
            .iter()
            .filter(|(profile, _)| Some(**profile) != left_out)
            .flat_map(|(_, points)| points)
            .copied()
            .collect()
    }

    /// The profiles.
    pub(super) fn names(&self) -> Vec<TrafficProfile> {
        self.profiles.keys().copied().collect()
    }
}

/// How long requests of a profile are; `None` for a profile without tokens. An unknown spread of the
/// output is that of the standard workload (R1).
pub(super) fn shape(profile: TrafficProfile, output_stdev: Option<i32>) -> Option<Shape> {
    let tokens = |tokens: i32| (tokens > 0).then(|| f64::from(tokens));
    Some(Shape {
        prompt: tokens(profile.prompt_tokens)?,
        output: tokens(profile.output_tokens)?,
        output_stdev: match output_stdev.filter(|stdev| *stdev >= 0) {
            Some(stdev) => f64::from(stdev),
            None => standard_stdev(profile),
        },
    })
}

fn standard_stdev(profile: TrafficProfile) -> f64 {
    use rust_decimal::prelude::ToPrimitive;
    let stdev = standard_output_stdev(profile.output_tokens).to_f64();
    stdev.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::benchmark::Benchmark;
    use crate::recommend::test_support::{MEETING, at, row};

    const NOW: &str = "2026-11-23";

    /// Kept until the tests end, since what is fitted refers to its rows.
    fn bases(rows: &[Benchmark]) -> Vec<Basis<'static>> {
        let rows = Box::leak(Box::new(SharedBenchmarks::from_iter(rows)));
        of_all(rows, &EvidencePolicy::default(), at(NOW))
    }

    fn ladder(prompt: i32, rates: usize, change: impl Fn(&mut Benchmark)) -> Vec<Benchmark> {
        (1..=rates)
            .map(|rate| {
                let mut row = row(rate as f64, MEETING);
                row.profile.prompt_tokens = prompt;
                change(&mut row);
                row.id = uuid::Uuid::new_v5(&row.id, format!("{row:?}").as_bytes());
                row
            })
            .collect()
    }

    fn four(change: impl Fn(&mut Benchmark) + Copy) -> Vec<Benchmark> {
        [512, 1024, 2048, 4096]
            .into_iter()
            .flat_map(|prompt| ladder(prompt, 4, change))
            .collect()
    }

    #[test]
    fn a_profile_counts_with_four_steady_rates() {
        let count = |rows: &[Benchmark]| bases(rows)[0].profiles.len();
        assert_eq!(count(&ladder(512, 4, |_| ())), 1);
        assert_eq!(count(&ladder(512, 3, |_| ())), 0);
        let unsteady = ladder(512, 9, |row| row.served_rps = Some(row.offered_rps / 2.0));
        assert_eq!(count(&unsteady), 0);
        let bounding = ladder(512, 9, |row| row.bounds_only = true);
        assert_eq!(count(&bounding), 0);
        let one_rate = ladder(512, 9, |row| row.offered_rps = 3.0);
        assert_eq!(count(&one_rate), 0);
        let hostile = ladder(512, 9, |row| row.itl.p95_ms = Some(f64::NAN));
        assert_eq!(count(&hostile), 0);
        assert_eq!(count(&ladder(-3, 9, |_| ())), 0);
    }

    #[test]
    fn kinds_and_conditions_are_never_mixed() {
        let measured = |row: &mut Benchmark| row.kind = EvidenceKind::Measured;
        let two_and_two = [
            ladder(512, 4, measured),
            ladder(1024, 4, measured),
            ladder(2048, 4, |_| ()),
            ladder(4096, 4, |_| ()),
        ]
        .concat();
        assert_eq!(bases(&two_and_two)[0].profiles.len(), 2);
        let token_gaps = |row: &mut Benchmark| {
            row.conditions.itl_definition = Some(ItlDefinition::TokenGap);
        };
        let three_and_one = [
            ladder(512, 4, |_| ()),
            ladder(1024, 4, |_| ()),
            ladder(2048, 4, |_| ()),
            ladder(4096, 4, token_gaps),
        ]
        .concat();
        assert_eq!(bases(&three_and_one)[0].profiles.len(), 3);
        assert!(bases(&four(|row| row.kind = EvidenceKind::Estimated)).is_empty());
    }

    #[test]
    fn the_better_kind_is_fitted_where_it_suffices() {
        let measured = |row: &mut Benchmark| row.kind = EvidenceKind::Measured;
        let kind = |rows: &[Benchmark]| bases(rows)[0].kind;
        let simulated = four(|_| ());
        assert_eq!(
            kind(&[simulated.clone(), four(measured)].concat()),
            EvidenceKind::Measured
        );
        assert_eq!(
            kind(&[simulated, ladder(512, 9, measured)].concat()),
            EvidenceKind::Simulated
        );
    }

    #[test]
    fn an_estimate_is_as_old_as_its_oldest_row_and_as_doubtful_as_its_worst() {
        let mut rows = four(|row| row.validation_class = Some(ValidationClass::Anchored));
        let oldest = |rows: &[Benchmark]| bases(rows)[0].oldest;
        rows[7].measured_at = Some(at("2026-01-01"));
        rows[9].validation_class = Some(ValidationClass::None);
        assert_eq!(oldest(&rows), Some(at("2026-01-01")));
        assert_eq!(
            bases(&rows)[0].validation_class,
            Some(ValidationClass::None)
        );
        rows[8].measured_at = None;
        assert_eq!(oldest(&rows), None);
    }
}
