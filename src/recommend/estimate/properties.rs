//! What holds of estimates on any rows: their order changes nothing, and nothing panics.

use proptest::prelude::*;

use super::test_support::{PROFILES, fleet, profile};
use super::*;
use crate::benchmark::{Benchmark, Evidence};
use crate::recommend::Decision;
use crate::recommend::test_support::{at, catalog, requirement};

const NOW: &str = "2026-11-23";

fn ask(rows: &[Benchmark]) -> Decision {
    let requirement = requirement(
        "{useCase: custom, trafficProfile: {promptTokens: 2048, outputTokens: 512}, \
          experienceClass: deferred, evidence: {minimum: estimated}}",
    );
    let rows = SharedBenchmarks::from_iter(rows);
    Grounds::new(&requirement, Evidence::default(), &rows, at(NOW)).decide(
        requirement,
        catalog(),
        at(NOW),
    )
}

fn hostile() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(0.0),
        Just(-1.0),
        Just(f64::MAX),
        Just(f64::MIN_POSITIVE),
        Just(1e-300),
        0.001..1e6_f64,
    ]
}

fn tokens() -> impl Strategy<Value = i32> {
    prop_oneof![
        Just(i32::MIN),
        Just(0),
        Just(1),
        Just(i32::MAX),
        1..20_000_i32
    ]
}

/// A fleet of which some rows were made to say something else.
fn rows() -> impl Strategy<Value = Vec<Benchmark>> {
    let change = (0..420_usize, 0..7_usize, hostile(), tokens());
    prop::collection::vec(change, 0..120).prop_map(|changes| {
        let mut rows = fleet();
        for (index, what, value, tokens) in changes {
            let row = &mut rows[index];
            match what {
                0 => row.ttft.p95_ms = Some(value),
                1 => row.itl.p95_ms = Some(value),
                2 => row.e2e.p95_ms = Some(value),
                3 => row.offered_rps = value,
                4 => row.served_rps = Some(value),
                5 => row.profile.prompt_tokens = tokens,
                _ => row.conditions.output_tokens_stdev = Some(tokens),
            }
        }
        rows
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_order_of_rows_changes_nothing_and_hostile_ones_do_no_harm(rows in rows(), seed in any::<u64>()) {
        let mut shuffled = rows.clone();
        shuffled.sort_by_key(|row| uuid::Uuid::new_v5(&row.id, &seed.to_le_bytes()));
        let bytes = |rows: &[Benchmark]| serde_json::to_string(&ask(rows)).unwrap();
        prop_assert_eq!(bytes(&rows), bytes(&shuffled));
    }

    #[test]
    fn any_five_profiles_give_an_estimate_or_a_reason(
        p95s in prop::collection::vec((hostile(), hostile(), hostile(), hostile()), 20..60),
        lengths in prop::collection::vec((tokens(), tokens()), 5),
        asked in (tokens(), tokens()),
    ) {
        let mut rows = fleet();
        for (i, (rps, ttft, itl, e2e)) in p95s.into_iter().enumerate() {
            let mut row = rows[i].clone();
            row.configuration.hardware_count = 99;
            row.profile = profile(lengths[i % 5]);
            (row.offered_rps, row.served_rps) = (rps, None);
            (row.ttft.p95_ms, row.itl.p95_ms, row.e2e.p95_ms) = (Some(ttft), Some(itl), Some(e2e));
            rows.push(row);
        }
        let rows = SharedBenchmarks::from(rows);
        let estimator = Estimator::new(&rows, &EvidencePolicy::default(), at(NOW));
        for configuration in estimator.configurations() {
            for asked in [profile(asked), profile(PROFILES[0])] {
                match estimator.estimate(configuration, asked) {
                    Ok(estimate) => {
                        for row in rows::rows(&estimate).0 {
                            prop_assert!(row.ttft.p95_ms.is_some_and(f64::is_finite));
                        }
                    }
                    Err(refusal) => prop_assert!(!refusal.to_string().is_empty()),
                }
            }
        }
    }

    #[test]
    fn a_further_row_of_the_fleet_leaves_the_other_laws_alone(rung in 0..5_usize) {
        let rows = fleet();
        let fewer = SharedBenchmarks::from_iter(&rows[..20 + rung]);
        let rows = SharedBenchmarks::from(rows);
        let all = Estimator::new(&rows, &EvidencePolicy::default(), at(NOW));
        let few = Estimator::new(&fewer, &EvidencePolicy::default(), at(NOW));
        let first = few.configurations().next().unwrap();
        let law = |estimator: &Estimator| estimator.fits[first].fitted.as_ref().unwrap().law;
        prop_assert_eq!(law(&all), law(&few));
    }
}
