//! What holds of a decision on any data: it is the oracle's, and it is stable.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::field::Field;
use super::oracle::{NOW, Oracle, Way};
use super::test_support::{at, catalog, requirement, row};
use super::{CapacityBound, Decision, Requirement, decide};
use crate::benchmark::{
    ArrivalProcess, Benchmark, Evidence, EvidenceKind, HardwareName, ModelName,
};

fn rows() -> impl Strategy<Value = Vec<Benchmark>> {
    let p95 = |target: f64| {
        prop_oneof![
            6 => Just(target * 0.5),
            3 => Just(target * 0.85),
            2 => Just(target),
            3 => Just(target * 1.1),
            1 => Just(0.0),
            1 => Just(f64::NAN),
        ]
    };
    let place = (0..3_usize, 0..3_usize, 1..3_i32, 0..2_usize);
    let evidence = (0..3_usize, 0..2_usize, 0..3_usize, 0..8_usize, 0..6_usize);
    let load = (1..5_i32, 0..6_usize);
    let one = (place, evidence, load, (p95(150.0), p95(25.0), p95(7000.0)));
    prop::collection::vec(one, 0..40).prop_map(|rows| {
        rows.into_iter()
            .enumerate()
            .map(|(index, parts)| benchmark(index, parts))
            .collect()
    })
}

type Parts = (
    (usize, usize, i32, usize),
    (usize, usize, usize, usize, usize),
    (i32, usize),
    (f64, f64, f64),
);

fn benchmark(index: usize, parts: Parts) -> Benchmark {
    let ((model, hardware, count, version), (kind, source, date, load, use_), (rate, served), p95s) =
        parts;
    let rate = f64::from(rate) * 1.5;
    let mut row = row(rate, [p95s.0, p95s.1, p95s.2]);
    row.id = uuid::Uuid::from_u128(index as u128);
    row.configuration.model = ModelName::new(["a/Model", "b/Model", "A/model"][model]);
    row.configuration.hardware = HardwareName::new(["H100", "A100-80", "GPU-9"][hardware]);
    row.configuration.hardware_count = count;
    row.configuration.framework_version = [None, Some("1".to_owned())][version].clone();
    row.kind = EvidenceKind::ALL[kind];
    row.source = ["x", "y"][source].to_owned();
    row.measured_at = [None, Some(at("2026-01-01")), Some(at("2026-11-01"))][date];
    row.conditions.arrival_process = if load == 0 {
        Some(ArrivalProcess::ClosedLoop)
    } else {
        Some(ArrivalProcess::Poisson)
    };
    row.bounds_only = use_ == 0;
    row.served_rps = [
        None,
        Some(rate),
        Some(rate),
        Some(rate * 0.95),
        Some(rate * 1.2),
        Some(rate * 0.5),
    ][served];
    for latency in [&mut row.ttft, &mut row.itl, &mut row.e2e] {
        latency.mean_ms = Some(1.0);
    }
    row
}

fn requirements() -> impl Strategy<Value = Requirement> {
    let demand = prop_oneof![Just("0.5"), Just("3.5"), Just("40")];
    let room = prop_oneof![Just((20, 0)), Just((0, 1)), Just((35, 2))];
    let policy = (0..2_i32, 0..3_usize, 0..3_usize);
    (demand, room, policy, 0..3_usize).prop_map(
        |(demand, (headroom, spare), (margin, minimum, age), limit)| {
            let mut requirement = requirement(&format!(
                "{{useCase: chatbot_conversational, demand: {{requestsPerSecond: '{demand}', headroomPercent: {headroom}, spareReplicas: {spare}}}}}"
            ));
            requirement.evidence.margin_percent = margin * 10;
            requirement.evidence.minimum_kind = EvidenceKind::ALL[minimum];
            requirement.evidence.max_age_days = [None, Some(60), Some(3650)][age];
            requirement.constraints.max_gpus = [None, Some(4), Some(20)][limit];
            if limit == 2 {
                requirement.constraints.denied_models = vec![ModelName::new("A/MODEL")];
            }
            requirement
        },
    )
}

fn ask(requirement: &Requirement, rows: &[Benchmark]) -> Decision {
    let evidence = Evidence {
        benchmarks: rows.to_vec().into(),
        profiles: Vec::new(),
    };
    decide(requirement.clone(), &evidence, catalog(), at(NOW))
}

/// Model, hardware and count of everything that complies, however many there are.
fn places(
    requirement: &Requirement,
    rows: &[Benchmark],
) -> BTreeSet<(ModelName, HardwareName, i32)> {
    let field = Field::new(requirement, rows, catalog(), at(NOW));
    let ways = field.ranked(field.judge(&requirement.slo));
    ways.iter()
        .map(|way| {
            let (model, hardware, count) = way.configuration.place();
            (model.clone(), hardware.clone(), count)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_decision_is_the_oracles(requirement in requirements(), rows in rows()) {
        let decision = ask(&requirement, &rows);
        let oracle = Oracle::new(&requirement, &rows);
        let ways = oracle.ways();
        let mut expected: Vec<&Way> = Vec::new();
        for way in &ways {
            if !expected.iter().any(|seen| Oracle::same_place(&seen.configuration, &way.configuration)) {
                expected.push(way);
            }
        }
        expected.truncate(6);
        let found: Vec<Way> = decision
            .recommendation
            .iter()
            .chain(&decision.alternatives)
            .map(|candidate| Way {
                configuration: candidate.configuration.clone(),
                kind: candidate.kind,
                capacity: candidate.capacity.rps,
                is_known: candidate.capacity.bound != CapacityBound::AtLeast,
                replicas: i64::from(candidate.replicas),
                cost: candidate.cost_per_hour.map(|cost| Decimal::new(cost.0 as i64, 6)),
                ratio: candidate.worst_ratio,
                row: candidate.operating_row.id,
            })
            .collect();
        prop_assert_eq!(found.iter().collect::<Vec<_>>(), expected);

        let mut complying: Vec<_> = ways.iter().map(|way| &way.configuration).collect();
        complying.sort();
        complying.dedup();
        let explanation = &decision.explanation;
        prop_assert_eq!(explanation.compliant, complying.len());
        prop_assert_eq!(explanation.configurations, oracle.configurations().len());
        let excluded = explanation.excluded;
        prop_assert_eq!(
            explanation.compliant + explanation.rejected + excluded.by_evidence
                + excluded.by_constraints + excluded.by_limits,
            explanation.configurations
        );
    }

    #[test]
    fn the_order_of_rows_changes_nothing(
        requirement in requirements(),
        rows in rows(),
        seed in any::<u64>(),
    ) {
        let mut shuffled = rows.clone();
        shuffled.sort_by_key(|row| uuid::Uuid::new_v5(&row.id, &seed.to_le_bytes()));
        let bytes = |rows: &[Benchmark]| serde_json::to_string(&ask(&requirement, rows)).unwrap();
        prop_assert_eq!(bytes(&rows), bytes(&shuffled));
    }

    #[test]
    fn loosening_a_target_never_removes_a_place(
        requirement in requirements(),
        rows in rows(),
        more in 0..40_i32,
    ) {
        let mut strict = requirement;
        strict.constraints.max_gpus = None;
        let mut loose = strict.clone();
        loose.slo.ttft_p95_ms += more;
        let remaining = places(&loose, &rows);
        for place in places(&strict, &rows) {
            prop_assert!(remaining.contains(&place), "{:?}", place);
        }
    }

    #[test]
    fn more_demand_never_costs_less(requirement in requirements(), rows in rows(), more in 1..50_i64) {
        let cost = |requirement: &Requirement| {
            ask(requirement, &rows).recommendation.and_then(|best| best.cost_per_hour)
        };
        let mut larger = requirement.clone();
        if let Some(demand) = &mut larger.demand {
            demand.requests_per_second += Decimal::from(more);
        }
        if let (Some(less), Some(more)) = (cost(&requirement), cost(&larger)) {
            prop_assert!(more >= less);
        }
    }

    #[test]
    fn a_relaxation_admits_and_one_step_less_does_not(requirement in requirements(), rows in rows()) {
        for relaxation in ask(&requirement, &rows).explanation.relaxation {
            let mut relaxed = requirement.clone();
            relaxed.slo = relaxation.slo;
            let best = ask(&relaxed, &rows).recommendation;
            let best = best.expect("the relaxed targets admit something");
            prop_assert_eq!(&best.configuration, &relaxation.configuration);
            prop_assert_eq!(best.replicas, relaxation.replicas);
            if let Some(target) = relaxation.target {
                target.set(&mut relaxed.slo, target.of(&relaxation.slo) - 1);
                prop_assert!(ask(&relaxed, &rows).recommendation.is_none());
            }
        }
    }
}
