//! What holds of a decision on any data: it is the oracle's, and it is stable.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::capacity;
use super::compliance::Bounds;
use super::field::{Field, Standing};
use super::ladder;
use super::oracle::{NOW, Oracle, Way};
use super::requirement::EvidencePolicy;
use super::sweep::Sweeper;
use super::test_support::{PROFILE, at, catalog, requirement, row};
use super::{
    Availability, BySize, Candidate, CapacityBound, Change, Counts, Decision, MicroDollars, Placed,
    Replicas, Requirement, Room, Then, Worth, choose, decide,
};
use crate::api::Objective;
use crate::benchmark::{
    ArrivalProcess, Benchmark, Evidence, EvidenceKind, HardwareName, ModelName, SharedBenchmarks,
};
use crate::catalog::SloTargets;

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
    let place = (0..4_usize, 0..3_usize, 1..3_i32, 0..2_usize);
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

/// Rows of few configurations at many rates, mostly within the targets: capacities that are not
/// known, with latencies that rise.
fn ladders() -> impl Strategy<Value = Vec<Benchmark>> {
    let rise = prop_oneof![Just(0.0), Just(0.4), Just(1.1), Just(3.0)];
    let ladder = (
        (0..4_usize, 0..3_usize, 1..3_i32, 0..2_usize),
        1..3_usize,
        1..5_i32,
        rise,
        0..8_usize,
    );
    prop::collection::vec(ladder, 1..8).prop_map(|ladders| {
        let mut rows = Vec::new();
        for (place, kind, rates, rise, last) in ladders {
            for rate in 1..=rates {
                let itl = 10.0 + rise * f64::from(rate);
                let ttft = if rate == rates && last < 2 {
                    200.0
                } else {
                    100.0
                };
                let served = if rate == rates && last == 1 { 5 } else { 1 };
                let parts = (
                    place,
                    (kind, 0, 1, 1, 1),
                    (rate, served),
                    (ttft, itl, itl * 260.0),
                );
                rows.push(benchmark(rows.len(), parts));
            }
        }
        rows
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
    row.configuration.model = ModelName::new(
        [
            "Qwen/Qwen3-32B",
            "meta-llama/Llama-3.1-8B-Instruct",
            "qwen/qwen3-32b",
            "b/Unscored",
        ][model],
    );
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

/// Rows as most knowledge bases have them: one kind of evidence.
fn of_one_kind() -> impl Strategy<Value = Vec<Benchmark>> {
    rows().prop_map(|mut rows| {
        for row in &mut rows {
            row.kind = EvidenceKind::Simulated;
        }
        rows
    })
}

/// Steady rows of many places at few rates, some of which serve more than others.
fn of_one_kind_on_many() -> impl Strategy<Value = Vec<Benchmark>> {
    let hardware = prop_oneof![4 => 0..2_usize, 1 => Just(2)];
    let one = (0..4_usize, hardware, 1..3_i32, 1..5_i32, 0..6_usize);
    prop::collection::vec(one, 8..60).prop_map(|rows| {
        let parts = |(model, hardware, count, rate, p95s): (usize, usize, i32, i32, usize)| {
            let slow = [0.5, 0.85, 1.0, 1.1, 1.2, 1.3][p95s];
            let p95s = (150.0 * slow, 25.0 * slow, 7000.0 * slow);
            (
                (model, hardware, count, 0),
                (1, 0, 1, 1, 1),
                (rate, 1),
                p95s,
            )
        };
        let rows = rows.into_iter().enumerate();
        rows.map(|(index, it)| benchmark(index, parts(it)))
            .collect()
    })
}

fn requirements() -> impl Strategy<Value = Requirement> {
    let demand = prop_oneof![Just("0.5"), Just("3.5"), Just("40")];
    let room = prop_oneof![Just((20, 0)), Just((0, 1)), Just((35, 2))];
    let policy = (0..2_i32, 0..3_usize, 0..3_usize);
    (demand, room, policy, 0..5_usize, 0..6_usize, availability()).prop_map(
        |(demand, (headroom, spare), (margin, minimum, age), limit, objective, availability)| {
            let mut requirement = requirement(&format!(
                "{{useCase: chatbot_conversational, demand: {{requestsPerSecond: '{demand}', headroomPercent: {headroom}, spareReplicas: {spare}}}}}"
            ));
            requirement.evidence.margin_percent = margin * 10;
            requirement.evidence.minimum_kind = EvidenceKind::ALL[minimum];
            requirement.evidence.max_age_days = [None, Some(60), Some(3650)][age];
            requirement.objective = *Objective::ALL.get(objective).unwrap_or(&Objective::Cost);
            let constraints = &mut requirement.constraints;
            constraints.max_gpus = [None, Some(4), Some(20), None, None][limit];
            match limit {
                2 => constraints.denied_models = vec![ModelName::new("qwen/Qwen3-32B")],
                3 => constraints.max_cost_per_hour = Some(Decimal::new(225, 1)),
                4 => {
                    constraints.minimum_quality = Some(50);
                    constraints.denied_hardware = vec![HardwareName::new("A100-80")];
                }
                _ => {}
            }
            constraints.available_only = availability.0;
            constraints.availability = availability.1;
            requirement
        },
    )
}

/// Replicas of each size on nodes that have so many GPUs left.
fn by_size(nodes: &[Room]) -> BySize {
    let most = nodes.iter().map(|it| it.free + it.own).max();
    let of_size = |gpus| Replicas {
        beside: nodes.iter().map(|it| it.free / gpus).sum(),
        instead: nodes.iter().map(|it| (it.free + it.own) / gpus).sum(),
    };
    (1..=most.unwrap_or(0)).map(of_size).collect()
}

/// Whether only what can be placed may be chosen, and what can.
fn availability() -> impl Strategy<Value = (bool, Option<Arc<Availability>>)> {
    let room = || (0..9_u64, 0..3_u64).prop_map(|(free, own)| Room { free, own });
    let nodes = || prop::collection::vec(room(), 0..5).prop_map(|nodes| by_size(&nodes));
    let of = |hardware: &str, nodes: BySize| (HardwareName::new(hardware), nodes);
    let placed = prop::option::of((1..3_i32, 1..4_i32));
    let known = (
        prop::option::of((nodes(), nodes())),
        prop::option::of(room()),
        placed,
    );
    let known = known.prop_map(move |(nodes, quota, placed)| {
        Arc::new(Availability {
            nodes: nodes.map(|(h100, a100)| [of("H100", h100), of("A100-80", a100)].into()),
            quotas: quota
                .map(|room| (HardwareName::new("H100"), room))
                .into_iter()
                .collect(),
            placed: placed.map(|(gpus_per_replica, replicas)| Placed {
                model: ModelName::new("Qwen/Qwen3-32B"),
                hardware: HardwareName::new("H100"),
                gpus_per_replica,
                replicas,
            }),
            unchecked: Vec::new(),
        })
    });
    prop_oneof![
        2 => Just((false, None)),
        1 => Just((true, None)),
        2 => (any::<bool>(), known.prop_map(Some)),
    ]
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
    let rows = SharedBenchmarks::from_iter(rows);
    let field = Field::new(requirement, &rows, catalog(), at(NOW));
    let standings = field.judge(&requirement.slo);
    let ways = field.ranked(&standings);
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
                quality: candidate.quality,
                row: candidate.operating_row.id,
            })
            .collect();
        prop_assert_eq!(found.iter().collect::<Vec<_>>(), expected);

        let mut complying: Vec<_> = ways.iter().map(|way| &way.configuration).collect();
        complying.sort();
        complying.dedup();
        let explanation = &decision.explanation;
        prop_assert_eq!(explanation.counts.compliant, complying.len());
        prop_assert_eq!(explanation.counts.configurations, oracle.configurations().len());
        let excluded = explanation.counts.excluded;
        prop_assert_eq!(
            explanation.counts.compliant + explanation.counts.rejected + excluded.by_evidence
                + excluded.by_constraints + excluded.by_limits,
            explanation.counts.configurations
        );
    }

    #[test]
    fn the_narrow_decision_is_the_whole_ones(
        requirement in requirements(),
        rows in prop_oneof![rows(), of_one_kind(), ladders()],
        usual in any::<bool>(),
    ) {
        let mut requirement = requirement;
        if usual {
            requirement.objective = Objective::Cost;
            requirement.evidence.max_age_days = None;
        }
        let benchmarks = SharedBenchmarks::from_iter(&rows);
        for demand in [requirement.demand.clone(), None] {
            requirement.demand = demand;
            let choice = choose(&requirement, &benchmarks, catalog(), at(NOW));
            let mut decision = ask(&requirement, &rows);
            if let Some(recommended) = &mut decision.recommendation {
                recommended.digest = None;
            }
            prop_assert_eq!(
                format!("{:?}", (&choice.recommendation, &choice.alternatives)),
                format!("{:?}", (&decision.recommendation, &decision.alternatives))
            );
            let explanation = &decision.explanation;
            let counts = Counts {
                configurations: explanation.counts.configurations,
                compliant: explanation.counts.compliant,
                excluded: explanation.counts.excluded,
                rejected: explanation.counts.rejected,
            };
            prop_assert_eq!(choice.counts, counts);
        }
    }

    #[test]
    fn what_comes_first_is_among_what_a_sweep_finds(
        requirement in requirements(),
        rows in prop_oneof![1 => of_one_kind(), 3 => of_one_kind_on_many()],
        demand in prop_oneof![1 => Just(1), 4 => Just(40), 1 => Just(200_000)],
        wanted in 1..3_usize,
    ) {
        let mut requirement = requirement;
        requirement.objective = Objective::Cost;
        requirement.evidence.max_age_days = None;
        requirement.evidence.minimum_kind = EvidenceKind::Simulated;
        if let Some(asked) = &mut requirement.demand {
            asked.requests_per_second = Decimal::from(demand);
        }
        let benchmarks = SharedBenchmarks::from_iter(&rows);
        let field = Field::new(&requirement, &benchmarks, catalog(), at(NOW));
        let standings = field.judge(&requirement.slo);
        let mut first = Vec::new();
        for way in field.ranked(&standings) {
            let place = way.configuration.place();
            if !first.contains(&place) {
                first.push(place);
            }
        }
        first.truncate(wanted);
        let sweeper = Sweeper::new(&requirement, benchmarks.index(), catalog(), at(NOW));
        let sweep = sweeper.sweep(&requirement.slo, wanted);
        let found: Vec<_> = [&*sweeper.unknown, &sweep.first]
            .concat()
            .into_iter()
            .map(|place| benchmarks.places()[place].configuration().place())
            .collect();
        prop_assert!(first.iter().all(|place| found.contains(place)), "{first:?} in {found:?}");
        if sweeper.unknown.is_empty() {
            let mut counts = Counts::default();
            standings.iter().for_each(|standing| counts.add(standing.outcome()));
            prop_assert_eq!(sweep.counts, counts);
        }
    }

    #[test]
    fn what_other_targets_admit_is_told_as_if_all_were_judged(
        requirement in requirements(),
        rows in prop_oneof![rows(), of_one_kind(), ladders()],
        targets in (80..200_i32, 10..40_i32, 3000..9000_i32),
        than in prop_oneof![
            Just(None),
            Just(Some(None)),
            (0..200_000_000_i64).prop_map(|cost| Some(Some(Decimal::from(cost)))),
        ],
        has_demand in any::<bool>(),
    ) {
        let mut requirement = requirement;
        requirement.objective = Objective::Cost;
        requirement.evidence.max_age_days = None;
        if !has_demand {
            requirement.demand = None;
        }
        let benchmarks = SharedBenchmarks::from_iter(&rows);
        let (ttft_p95_ms, itl_p95_ms, e2e_p95_ms) = targets;
        let slo = SloTargets { ttft_p95_ms, itl_p95_ms, e2e_p95_ms };
        let field = Field::new(&requirement, &benchmarks, catalog(), at(NOW));
        let standings = field.judge(&slo);
        let costs: Vec<_> = standings
            .iter()
            .flat_map(Standing::compliant)
            .map(|way| way.rank.cost)
            .collect();
        // Of those that comply, one costs exactly as much.
        for than in [than].into_iter().chain(costs.iter().copied().map(Some)) {
            let plainly = costs.iter().any(|cost| match (cost, than) {
                (_, None) | (Some(_), Some(None)) => true,
                (Some(cost), Some(Some(than))) => *cost < than,
                (None, Some(_)) => false,
            });
            prop_assert_eq!(field.is_reached_under(&slo, than), plainly);
        }
    }

    #[test]
    fn the_quick_reading_of_a_ladder_is_the_plain_one(
        rows in of_one_kind(),
        targets in (80..200_i32, 10..40_i32, 3000..9000_i32),
    ) {
        let benchmarks = SharedBenchmarks::from_iter(&rows);
        let (ttft_p95_ms, itl_p95_ms, e2e_p95_ms) = targets;
        let bounds = Bounds::new(&SloTargets { ttft_p95_ms, itl_p95_ms, e2e_p95_ms }, 0);
        let policy = EvidencePolicy::default();
        let formed: Vec<_> =
            ladder::of_all(&benchmarks, PROFILE, &policy, at(NOW)).collect();
        let index = benchmarks.index();
        let bounded = bounds.values();
        let on_each = index.accelerators.iter().flat_map(|on| {
            let complying = index.comply(on, &bounded);
            index.on(on).iter().zip(complying).map(move |(it, complies)| (on, it, complies))
        });
        let mut indexed: Vec<_> = on_each.collect();
        indexed.sort_by_key(|(_, it, _)| it.place);
        prop_assert_eq!(formed.len(), indexed.len());
        for ((on, it, complies), (_, ladders)) in indexed.into_iter().zip(&formed) {
            let plain = EvidenceKind::ALL.iter().find_map(|kind| ladder::deciding(ladders, *kind));
            let plain = plain.and_then(|it| {
                let (quick, plain) =
                    (capacity::read(&it, &bounds, None), capacity::walk(&it, &bounds, None));
                assert_eq!(&quick.capacity, &plain.capacity);
                let ids = |of: capacity::Reading| of.backing.rows().map(|row| row.id).collect::<Vec<_>>();
                assert_eq!(ids(quick), ids(plain.clone()));
                plain.capacity
            });
            let plain = plain.map_or(0.0, |it| it.rps.to_string().parse().unwrap());
            prop_assert_eq!(index.capacity_rps(it, &bounded), plain);
            prop_assert_eq!(complies, plain > 0.0);
            if plain > 0.0 {
                prop_assert!(on.least_rps <= plain);
                prop_assert!(plain <= it.most_rps && it.most_rps <= on.most_rps);
            }
        }
    }

    #[test]
    fn rows_are_the_same_after_their_reduction(rows in rows()) {
        let mut expected: Vec<_> = rows.clone();
        expected.sort_by_key(|row| row.id);
        // What was stored as NaN was not recorded.
        let text = |rows: &[Benchmark]| format!("{rows:?}").replace("Some(NaN)", "None");
        let again = SharedBenchmarks::from_iter(&rows).to_vec();
        prop_assert_eq!(text(&again), text(&expected));
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
    fn rows_of_another_profile_change_nothing(requirement in requirements(), rows in rows(), more in rows()) {
        let mut others = more;
        for (index, row) in others.iter_mut().enumerate() {
            row.id = uuid::Uuid::from_u128(1000 + index as u128);
            row.profile.output_tokens += 1;
        }
        let bytes = |rows: &[Benchmark]| serde_json::to_string(&ask(&requirement, rows)).unwrap();
        prop_assert_eq!(bytes(&rows), bytes(&[&others[..], &rows[..]].concat()));
    }

    #[test]
    fn the_best_here_is_what_would_be_recommended_of_what_can_be_placed(
        requirement in requirements(),
        rows in rows(),
    ) {
        let mut anywhere = requirement;
        anywhere.constraints.available_only = false;
        let mut unseen = anywhere.clone();
        unseen.constraints.availability = None;
        let mut here_only = anywhere.clone();
        here_only.constraints.available_only = true;
        let decision = ask(&anywhere, &rows);
        prop_assert_eq!(&decision.recommendation, &ask(&unseen, &rows).recommendation);
        let Some(placement) = decision.placement else {
            return Ok(());
        };
        let here = ask(&here_only, &rows).recommendation;
        let shown = |best: &Candidate| (best.configuration.clone(), best.kind, best.replicas);
        let best_here = placement.best_here.map(|plan| (plan.configuration, plan.kind, plan.replicas));
        let is_placeable = decision.recommendation.as_ref().is_some_and(|best| {
            placement.room >= Some(i64::from(best.replicas))
        });
        if is_placeable {
            prop_assert_eq!(best_here, None);
            prop_assert_eq!(decision.recommendation.as_ref().map(shown), here.as_ref().map(shown));
        } else {
            prop_assert_eq!(best_here, here.as_ref().map(shown));
        }
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
        let requirement = Requirement { objective: Objective::Cost, ..requirement };
        let mut larger = requirement.clone();
        if let Some(demand) = &mut larger.demand {
            demand.requests_per_second += Decimal::from(more);
        }
        if let (Some(less), Some(more)) = (cost(&requirement), cost(&larger)) {
            prop_assert!(more >= less);
        }
    }

    #[test]
    fn a_relaxation_does_it_and_one_step_less_does_not(requirement in requirements(), rows in rows()) {
        let decision = ask(&requirement, &rows);
        let cost = |decision: &Decision| Some(decision.recommendation.as_ref()?.cost_per_hour);
        // Without a price a cost is above every other.
        let paid = |cost: Option<Option<MicroDollars>>| match cost {
            None => (2, None),
            Some(None) => (1, None),
            Some(cost) => (0, cost),
        };
        let before = paid(cost(&decision));
        for relaxation in decision.explanation.relaxation {
            let mut relaxed = requirement.clone();
            relaxed.slo = relaxation.slo;
            let after = ask(&relaxed, &rows);
            prop_assert!(paid(cost(&after)) < before);
            let best = after.recommendation.unwrap();
            prop_assert_eq!(&best.configuration, &relaxation.plan.configuration);
            prop_assert_eq!(best.replicas, relaxation.plan.replicas);
            prop_assert_eq!(best.cost_per_hour, relaxation.plan.cost_per_hour);
            if let Some(target) = relaxation.target {
                target.set(&mut relaxed.slo, target.of(&relaxation.slo) - 1);
                prop_assert!(paid(cost(&ask(&relaxed, &rows))) >= before);
            }
        }
    }

    #[test]
    fn a_lifted_constraint_does_it_and_one_less_does_not(requirement in requirements(), rows in rows()) {
        let decision = ask(&requirement, &rows);
        let chosen = |decision: &Decision| {
            let best = decision.recommendation.as_ref()?;
            Some((best.configuration.clone(), best.kind, best.replicas))
        };
        for lifted in &decision.explanation.lifted {
            let mut relaxed = requirement.clone();
            let constraints = &mut relaxed.constraints;
            let mut less = None;
            match &lifted.change {
                Change::Model(model) => constraints.denied_models.retain(|it| it != model),
                Change::Hardware(hardware) => constraints.denied_hardware.retain(|it| it != hardware),
                Change::MinimumQuality(_, to) => {
                    constraints.minimum_quality = Some(to + 1);
                    less = Some(relaxed.clone());
                    relaxed.constraints.minimum_quality = Some(*to);
                }
                Change::MaxGpus(_, to) => {
                    constraints.max_gpus = Some(*to as i32 - 1);
                    less = Some(relaxed.clone());
                    relaxed.constraints.max_gpus = Some(*to as i32);
                }
                Change::MaxCostPerHour(_, to) => {
                    constraints.max_cost_per_hour = Some(Decimal::new(to.0 as i64 - 1, 6));
                    less = Some(relaxed.clone());
                    relaxed.constraints.max_cost_per_hour = Some(Decimal::new(to.0 as i64, 6));
                }
                Change::MinimumEvidence(_, to) => relaxed.evidence.minimum_kind = *to,
                Change::AnyAge(_) => relaxed.evidence.max_age_days = None,
                Change::AnyRoom => constraints.available_only = false,
            }
            let plan = &lifted.plan;
            prop_assert_eq!(
                chosen(&ask(&relaxed, &rows)),
                Some((plan.configuration.clone(), plan.kind, plan.replicas)),
                "{:?}", lifted.change
            );
            if let Some(less) = less {
                prop_assert_eq!(chosen(&ask(&less, &rows)), chosen(&decision), "{:?}", lifted.change);
            }
        }
    }

    #[test]
    fn the_challengers_are_the_oracles(requirement in requirements(), rows in ladders()) {
        let requirement = Requirement { objective: Objective::Cost, ..requirement };
        let decision = ask(&requirement, &rows);
        let mut expected = Oracle::new(&requirement, &rows).challengers();
        let mut found: Vec<_> = decision
            .settlement
            .iter()
            .flat_map(|settlement| &settlement.worth_running)
            .filter(|worth| worth.reason == Worth::Challenger)
            .map(|worth| {
                let plan = &worth.plan;
                (plan.configuration.clone(), plan.kind, i64::from(plan.replicas))
            })
            .collect();
        expected.sort();
        found.sort();
        prop_assert_eq!(&found, &expected);
        if let Some(settlement) = decision.settlement {
            let is_estimate = decision.recommendation.unwrap().kind == EvidenceKind::Estimated;
            prop_assert_eq!(settlement.settled, expected.is_empty() && !is_estimate);
            prop_assert_eq!(settlement.challengers, expected.len());
        }
    }

    #[test]
    fn a_benchmark_worth_running_changes_the_answer(requirement in requirements(), rows in ladders()) {
        let requirement = Requirement { objective: Objective::Cost, ..requirement };
        let decision = ask(&requirement, &rows);
        let Some(settlement) = decision.settlement else { return Ok(()) };
        for worth in settlement.worth_running.iter().filter(|worth| worth.reason != Worth::NearTarget) {
            // The best that it could show: every rate meets every target by far.
            let like = rows.iter().find(|row| {
                row.configuration == worth.plan.configuration && row.kind == worth.plan.kind
            });
            let mut row = like.unwrap().clone();
            row.offered_rps = worth.rates_rps[0].to_string().parse().unwrap();
            row.served_rps = Some(row.offered_rps);
            row.bounds_only = false;
            row.conditions.arrival_process = Some(ArrivalProcess::Poisson);
            row.measured_at = Some(at("2026-11-20"));
            row.source = "new".to_owned();
            (row.ttft.p95_ms, row.itl.p95_ms, row.e2e.p95_ms) = (Some(1.0), Some(1.0), Some(1.0));
            row.id = uuid::Uuid::from_u128(u128::MAX);
            let after = ask(&requirement, &[&rows[..], &[row]].concat());
            let cost = after.recommendation.and_then(|best| best.cost_per_hour);
            prop_assert!(cost <= worth.plan.cost_per_hour, "{:?}", worth);
        }
    }

    #[test]
    fn an_answer_holds_up_to_its_break_even_and_not_beyond(requirement in requirements(), rows in rows()) {
        let decision = ask(&requirement, &rows);
        let Some(break_even) = decision.break_even else { return Ok(()) };
        let best = decision.recommendation.unwrap();
        let at_demand = |rps: Decimal| {
            let mut requirement = requirement.clone();
            requirement.demand.as_mut().unwrap().requests_per_second = rps;
            ask(&requirement, &rows).recommendation
        };
        let more = Decimal::new(1, 4);
        let same = at_demand(break_even.same_replicas_up_to_rps).unwrap();
        prop_assert_eq!(same.replicas, best.replicas);
        let last = at_demand(break_even.same_configuration_up_to_rps).unwrap();
        prop_assert_eq!(&last.configuration, &best.configuration);
        let beyond = at_demand(break_even.same_configuration_up_to_rps + more);
        match break_even.then {
            Then::Nothing => prop_assert!(beyond.is_none()),
            Then::Same => prop_assert_eq!(&beyond.unwrap().configuration, &best.configuration),
            Then::Another(plan) => {
                let beyond = beyond.unwrap();
                prop_assert_ne!(&beyond.configuration, &best.configuration);
                prop_assert_eq!(beyond.configuration, plan.configuration);
                prop_assert_eq!(beyond.replicas, plan.replicas);
            }
        }
    }
}
