//! R13 as a whole: what is estimated, what is refused, and what a decision makes of it.

use super::test_support::{PROFILES, fleet, ladders, profile};
use super::*;
use crate::benchmark::{Benchmark, Evidence};
use crate::recommend::test_support::{MEETING, at, catalog, requirement, row};
use crate::recommend::{Candidate, Caveat, Decision};
use uuid::Uuid;

const NOW: &str = "2026-11-23";
const INSIDE: (i32, i32) = (2048, 512);

/// Keeps the rows until the tests end, since an estimator refers to them.
fn estimator(rows: &[Benchmark]) -> Estimator<'static> {
    let rows = Box::leak(Box::new(SharedBenchmarks::from_iter(rows)));
    Estimator::new(rows, &EvidencePolicy::default(), at(NOW))
}

/// The configuration on one GPU.
fn refusal(rows: &[Benchmark], profile: TrafficProfile) -> Refusal {
    let first = estimator(rows);
    let configuration = first.configurations().next().unwrap();
    first.estimate(configuration, profile).unwrap_err()
}

#[test]
fn an_exact_law_is_estimated_exactly() {
    let rows: Vec<_> = (1..=21)
        .flat_map(|count| ladders(count, &PROFILES, |_, _| 1.0))
        .collect();
    let estimator = estimator(&rows);
    for benchmark in ladders(3, &[INSIDE], |_, _| 1.0) {
        let estimate = estimator
            .estimate(&benchmark.configuration, profile(INSIDE))
            .unwrap();
        let found = estimate.at(benchmark.offered_rps * 0.999_999).unwrap();
        for target in Target::ALL {
            let known = target.latency(&benchmark).p95_ms.unwrap();
            let ratio = found.p95s[target as usize] / known;
            assert!((ratio - 1.0).abs() < 1e-3, "{target} {ratio}");
            assert!((found.upper[target as usize] / known - 1.0).abs() < 1e-3);
        }
    }
}

#[test]
fn each_reason_against_an_estimate_is_told() {
    let fleet = fleet();
    let on_one: Vec<_> = ladders(1, &PROFILES, |_, _| 1.0);
    assert_eq!(
        refusal(&on_one[..15], profile(INSIDE)),
        Refusal::TooFewProfiles { profiles: 3 }
    );
    let too_few_rates: Vec<_> = on_one
        .iter()
        .enumerate()
        .filter(|(i, _)| i % 5 < 3 || *i > 5)
        .map(|(_, row)| row.clone())
        .collect();
    assert_eq!(
        refusal(&too_few_rates, profile(INSIDE)),
        Refusal::TooFewProfiles { profiles: 3 }
    );
    assert_eq!(
        refusal(&fleet, profile((256, 128))),
        Refusal::OutsideProfiles {
            profiles: PROFILES.map(profile).to_vec()
        }
    );
    let lawless = ladders(1, &PROFILES, |profile, _| [1.0, 9.0, 2.0, 0.2][profile]);
    assert!(matches!(
        refusal(&lawless, profile(INSIDE)),
        Refusal::LawDoesNotHold { .. }
    ));
    assert_eq!(
        refusal(&on_one, profile(INSIDE)),
        Refusal::TooFewConfigurations {
            configurations: 0,
            needed: 19
        }
    );
    let mut idle = on_one.clone();
    for row in &mut idle {
        let tokens = f64::from(row.profile.prompt_tokens);
        (row.ttft.p95_ms, row.itl.p95_ms) = (Some(tokens), Some(10.0));
        row.e2e.p95_ms = Some(tokens + f64::from(row.profile.output_tokens) * 10.0);
    }
    assert_eq!(refusal(&idle, profile(INSIDE)), Refusal::LoadUnseen);
    let all = estimator(&fleet);
    let configuration = all.configurations().next().unwrap();
    let estimate = all.estimate(configuration, profile(INSIDE)).unwrap();
    let highest_rps = estimate.highest_rps;
    assert!(estimate.at(highest_rps).is_ok());
    for beyond in [highest_rps * 1.01, f64::NAN, f64::INFINITY] {
        assert_eq!(
            estimate.at(beyond),
            Err(Refusal::LoadTooHigh { highest_rps })
        );
    }
}

#[test]
fn more_load_never_promises_less_latency() {
    let fleet = fleet();
    let all = estimator(&fleet);
    for configuration in all.configurations() {
        let estimate = all.estimate(configuration, profile(INSIDE)).unwrap();
        let (rows, expected) = rows::rows(&estimate);
        assert_eq!(rows.len(), 20);
        for pair in rows.windows(2) {
            assert!(pair[0].offered_rps < pair[1].offered_rps);
            for target in Target::ALL {
                let p95 = |row| target.latency(row).p95_ms.unwrap();
                assert!(p95(&pair[0]) <= p95(&pair[1]));
            }
        }
        for (row, expected) in rows.iter().zip(expected) {
            assert_eq!(row.id, expected.row);
            for target in Target::ALL {
                let upper = target.latency(row).p95_ms.unwrap();
                assert!(expected.p95s[target as usize] < upper);
            }
        }
    }
}

const CUSTOM: &str = "useCase: custom, trafficProfile: {promptTokens: 2048, outputTokens: 512}, \
                      experienceClass: deferred, demand: {requestsPerSecond: 5}";

fn ask(fields: &str, exact: Vec<Benchmark>, others: &[Benchmark]) -> Decision {
    let evidence = Evidence {
        benchmarks: SharedBenchmarks::from(exact),
        profiles: Vec::new(),
    };
    let requirement = requirement(&format!("{{{CUSTOM}{fields}}}"));
    let others = SharedBenchmarks::from_iter(others);
    Grounds::new(&requirement, evidence, &others, at(NOW)).decide(requirement, catalog(), at(NOW))
}

fn everything(decision: &Decision) -> Vec<&Candidate> {
    let first = decision.recommendation.iter();
    first.chain(&decision.alternatives).collect()
}

const ESTIMATED: &str = ", evidence: {minimum: estimated}";

#[test]
fn an_intent_that_does_not_allow_estimates_gets_none() {
    for fields in ["", ", evidence: {minimum: simulated}"] {
        let decision = ask(fields, Vec::new(), &fleet());
        assert_eq!(decision.recommendation, None);
        assert_eq!(decision.explanation.counts.configurations, 0);
        assert_eq!(decision.explanation.estimates, Estimates::default());
    }
}

#[test]
fn an_intent_that_allows_them_gets_candidates_that_say_so() {
    let decision = ask(ESTIMATED, Vec::new(), &fleet());
    let estimates = &decision.explanation.estimates;
    assert_eq!((estimates.made.len(), estimates.refused.len()), (21, 0));
    assert_eq!(estimates.summary(), ["21 estimated from other profiles"]);
    let best = decision.recommendation.as_ref().unwrap();
    assert_eq!(best.kind, EvidenceKind::Estimated);
    assert_eq!(best.source, "estimate from simulated rows");
    let said = [Caveat::SimulatedEvidence, Caveat::EstimatedEvidence];
    assert_eq!(best.caveats[..2], said);
    assert!(!best.caveats.contains(&Caveat::StrengthUnknown));
    let row = &best.operating_row;
    let expected = estimates.expected(row.id).unwrap();
    for target in Target::ALL {
        let upper = target.latency(row).p95_ms.unwrap();
        assert!(upper <= f64::from(target.of(&decision.requirement.slo)));
        assert!(expected[target as usize] < upper);
    }
    assert_eq!(estimates.expected(Uuid::nil()), None);
}

#[test]
fn where_the_profile_was_benchmarked_nothing_is_estimated() {
    let exact = ladders(4, &[INSIDE], |_, _| 1.0);
    let configuration = exact[0].configuration.clone();
    let decision = ask(ESTIMATED, exact.clone(), &fleet());
    let estimates = &decision.explanation.estimates;
    assert_eq!(estimates.made.len(), 20);
    assert!(
        estimates
            .made
            .iter()
            .all(|it| it.configuration != configuration)
    );
    for candidate in everything(&decision) {
        let is_exact = candidate.configuration == configuration;
        assert_eq!(candidate.kind == EvidenceKind::Simulated, is_exact);
    }
    // Not even where all that was benchmarked misses a target.
    let slow = exact.into_iter().map(|mut row| {
        row.ttft.p95_ms = Some(1e6);
        row
    });
    let decision = ask(ESTIMATED, slow.collect(), &fleet());
    let found = everything(&decision);
    assert!(found.iter().all(|it| it.configuration != configuration));
}

#[test]
fn refusals_are_counted_by_reason() {
    let mut rows = fleet();
    rows.extend(ladders(30, &PROFILES[..2], |_, _| 1.0));
    rows.extend(ladders(31, &PROFILES[..3], |_, _| 1.0));
    rows.extend(ladders(32, &PROFILES, |i, _| [1.0, 9.0, 2.0, 0.2][i]));
    let decision = ask(ESTIMATED, Vec::new(), &rows);
    let estimates = &decision.explanation.estimates;
    assert_eq!(
        estimates.summary(),
        [
            "21 estimated from other profiles",
            "2 not estimated: fewer than four other profiles with four steady rates each",
            "1 not estimated: the law misses the configuration's own benchmarks by more than 15 %",
        ]
    );
    assert!(estimates.refused[0].refusal.to_string().starts_with(
        "2 other profiles have 4 steady rates or more of one kind; an estimate takes 4"
    ));
}

#[test]
fn under_an_age_limit_old_rows_are_not_fitted() {
    let fields = ", evidence: {minimum: estimated, maxAgeDays: 30}";
    let old = ask(fields, Vec::new(), &fleet());
    assert_eq!(old.explanation.estimates.made, []);
    let mut young = fleet();
    for row in &mut young {
        row.measured_at = Some(at("2026-11-20"));
    }
    let young = ask(fields, Vec::new(), &young);
    assert_eq!(
        young.recommendation.unwrap().operating_row.measured_at,
        Some(at("2026-11-20"))
    );
}

#[test]
fn the_exact_profiles_rows_are_never_fitted() {
    let mut rows = fleet();
    let without = ask(ESTIMATED, Vec::new(), &rows);
    rows.extend((1..9).map(|rate| {
        let mut row = row(f64::from(rate), MEETING);
        row.profile = profile(INSIDE);
        row
    }));
    assert_eq!(ask(ESTIMATED, Vec::new(), &rows), without);
}
