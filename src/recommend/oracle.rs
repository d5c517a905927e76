//! The decision once more, plain and slow, written from the rules' text: what the fast path is
//! held against on random data.

use std::cmp::Ordering;

use jiff::Timestamp;
use proptest::prelude::*;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::test_support::{at, catalog, requirement, row};
use super::{Decision, Requirement, decide};
use crate::benchmark::{
    ArrivalProcess, Benchmark, Configuration, Evidence, EvidenceKind, HardwareName, ModelName,
};
use crate::catalog::{Catalog, SloTargets};

const NOW: &str = "2026-11-23";

/// What the oracle says of one way to comply.
#[derive(Clone, Debug, PartialEq)]
struct Way {
    configuration: Configuration,
    kind: EvidenceKind,
    capacity: Decimal,
    is_known: bool,
    replicas: i64,
    cost: Option<Decimal>,
    ratio: f64,
    row: uuid::Uuid,
}

struct Oracle<'a> {
    requirement: &'a Requirement,
    rows: Vec<&'a Benchmark>,
    catalog: &'a Catalog,
    now: Timestamp,
}

impl<'a> Oracle<'a> {
    fn new(requirement: &'a Requirement, rows: &'a [Benchmark]) -> Self {
        Self { requirement, rows: rows.iter().collect(), catalog: catalog(), now: at(NOW) }
    }

    fn targets(&self) -> [f64; 3] {
        let SloTargets { ttft_p95_ms, itl_p95_ms, e2e_p95_ms } = self.requirement.slo;
        [ttft_p95_ms, itl_p95_ms, e2e_p95_ms].map(|target| {
            f64::from(target) * f64::from(100 - self.requirement.evidence.margin_percent) / 100.0
        })
    }

    fn says_something(&self, row: &Benchmark) -> Option<[f64; 3]> {
        let p95s = [row.ttft.p95_ms?, row.itl.p95_ms?, row.e2e.p95_ms?];
        p95s.iter().all(|p95| p95.is_finite() && *p95 > 0.0).then_some(p95s)
    }

    fn meets(&self, row: &Benchmark) -> bool {
        self.says_something(row)
            .is_some_and(|p95s| (0..3).all(|i| p95s[i] <= self.targets()[i]))
    }

    fn misses(&self, row: &Benchmark) -> bool {
        self.says_something(row).is_some() && !self.meets(row)
    }

    fn ratio(&self, row: &Benchmark) -> f64 {
        let p95s = self.says_something(row).unwrap();
        (0..3).map(|i| p95s[i] / self.targets()[i]).fold(0.0, f64::max)
    }

    fn steady(&self, row: &Benchmark) -> bool {
        let served = row.served_rps.unwrap_or(row.offered_rps);
        row.offered_rps > 0.0
            && served * 100.0
                >= row.offered_rps * f64::from(self.requirement.evidence.minimum_served_percent)
            && row.requests_total.is_none_or(|requests| {
                requests as f64 / row.offered_rps >= 10.0 * row.e2e.mean_ms.unwrap() / 1000.0
            })
    }

    fn may_back(&self, row: &Benchmark) -> bool {
        let is_young = self.requirement.evidence.max_age_days.is_none_or(|days| {
            row.measured_at.is_some_and(|measured_at| {
                (self.now.as_second() - measured_at.as_second()) <= i64::from(days) * 86_400
            })
        });
        is_young && !row.bounds_only
    }

    fn same_ladder(a: &Benchmark, b: &Benchmark) -> bool {
        a.configuration == b.configuration
            && a.kind == b.kind
            && a.source == b.source
            && a.conditions == b.conditions
    }

    fn sizes(row: &Benchmark) -> bool {
        row.conditions.arrival_process != Some(ArrivalProcess::ClosedLoop)
    }

    fn served(row: &Benchmark) -> Decimal {
        let served = row.served_rps.unwrap_or(row.offered_rps).min(row.offered_rps);
        served.to_string().parse().unwrap()
    }

    /// The newest ladder with steady rows; among equally new ones the first source.
    fn deciding(&self, configuration: &Configuration, kind: EvidenceKind) -> Vec<&Benchmark> {
        let mut heads: Vec<_> = self
            .rows
            .iter()
            .filter(|row| &row.configuration == configuration && row.kind == kind)
            .filter(|row| Self::sizes(row) && self.steady(row))
            .collect();
        heads.sort_by(|a, b| {
            b.measured_at.cmp(&a.measured_at).then_with(|| a.source.cmp(&b.source))
        });
        match heads.first() {
            None => Vec::new(),
            Some(head) => {
                self.rows.iter().copied().filter(|row| Self::same_ladder(row, head)).collect()
            }
        }
    }

    fn same_place(a: &Configuration, b: &Configuration) -> bool {
        (&a.model, &a.hardware, a.hardware_count) == (&b.model, &b.hardware, b.hardware_count)
    }

    fn floor(&self, configuration: &Configuration) -> Option<f64> {
        self.rows
            .iter()
            .filter(|row| {
                Self::same_place(&row.configuration, configuration)
                    && row.kind == EvidenceKind::Measured
                    && Self::sizes(row)
                    && self.steady(row)
                    && self.misses(row)
            })
            .map(|row| row.offered_rps)
            .reduce(f64::min)
    }

    /// The capacity that a ladder shows, its row, and whether it is known.
    fn capacity<'r>(
        &self,
        ladder: &[&'r Benchmark],
        floor: Option<f64>,
    ) -> Option<(Vec<&'r Benchmark>, Decimal, bool)> {
        let rows: Vec<_> = ladder
            .iter()
            .copied()
            .filter(|row| floor.is_none_or(|floor| row.offered_rps < floor))
            .collect();
        let usable: Vec<_> = rows
            .iter()
            .copied()
            .filter(|row| {
                self.steady(row)
                    && self.meets(row)
                    && self.may_back(row)
                    && rows
                        .iter()
                        .all(|other| !self.misses(other) || row.offered_rps < other.offered_rps)
            })
            .collect();
        let capacity = usable.iter().map(|row| Self::served(row)).max()?;
        let is_known = floor.is_some()
            || rows.iter().any(|row| self.steady(row) && self.misses(row));
        Some((usable, capacity, is_known))
    }

    fn floor_for(&self, configuration: &Configuration, kind: EvidenceKind) -> Option<f64> {
        self.floor(configuration).filter(|_| kind != EvidenceKind::Measured)
    }

    /// Whether better evidence on the same model, hardware and count leaves this ladder standing.
    fn stands(&self, ladder: &[&Benchmark]) -> bool {
        let head = ladder[0];
        self.configurations()
            .into_iter()
            .filter(|other| Self::same_place(other, &head.configuration))
            .flat_map(|other| {
                EvidenceKind::ALL
                    .iter()
                    .filter(|kind| **kind > head.kind)
                    .map(move |kind| (other, *kind))
            })
            .all(|(other, kind)| {
                let better = self.deciding(other, kind);
                let is_known = self
                    .capacity(&better, self.floor_for(other, kind))
                    .is_some_and(|(_, _, is_known)| is_known);
                !is_known
                    && !ladder.iter().any(|row| {
                        better.iter().any(|measured| {
                            self.steady(measured)
                                && row.offered_rps == measured.offered_rps
                                && match (self.says_something(row), self.says_something(measured)) {
                                    (Some(low), Some(high)) => {
                                        (0..3).any(|i| low[i] < 0.8 * high[i])
                                    }
                                    _ => false,
                                }
                        })
                    })
            })
    }

    fn configurations(&self) -> Vec<&Configuration> {
        let mut all: Vec<_> = self.rows.iter().map(|row| &row.configuration).collect();
        all.sort();
        all.dedup();
        all
    }

    fn ways(&self) -> Vec<Way> {
        let mut ways = Vec::new();
        for configuration in self.configurations() {
            if self.requirement.constraints.denied_models.contains(&configuration.model) {
                continue;
            }
            for kind in EvidenceKind::ALL {
                let ladder = self.deciding(configuration, *kind);
                if ladder.is_empty()
                    || *kind < self.requirement.evidence.minimum_kind
                    || !self.stands(&ladder)
                {
                    continue;
                }
                let floor = self.floor_for(configuration, *kind);
                let Some((usable, capacity, is_known)) = self.capacity(&ladder, floor) else {
                    continue;
                };
                ways.push(self.way(configuration, *kind, &usable, capacity, is_known));
            }
        }
        ways.retain(|way| {
            self.requirement.constraints.max_gpus.is_none_or(|most| {
                way.replicas * i64::from(way.configuration.hardware_count) <= i64::from(most)
            })
        });
        ways.sort_by(|a, b| self.compare(a, b));
        ways
    }

    fn way(
        &self,
        configuration: &Configuration,
        kind: EvidenceKind,
        usable: &[&Benchmark],
        capacity: Decimal,
        is_known: bool,
    ) -> Way {
        let demand = self.requirement.demand.as_ref().unwrap();
        let load = demand.requests_per_second * Decimal::from(100 + demand.headroom_percent)
            / Decimal::from(100);
        let mut replicas = 1;
        while Decimal::from(replicas) * capacity < load {
            replicas += 1;
        }
        let operating = usable
            .iter()
            .filter(|row| Self::served(row) * Decimal::from(replicas) >= load)
            .min_by(|a, b| {
                Self::served(a)
                    .cmp(&Self::served(b))
                    .then_with(|| b.measured_at.cmp(&a.measured_at))
                    .then_with(|| a.id.cmp(&b.id))
            })
            .unwrap();
        let price = self
            .catalog
            .hardware(&configuration.hardware)
            .and_then(|hardware| hardware.price.as_ref());
        Way {
            configuration: configuration.clone(),
            kind,
            capacity,
            is_known,
            replicas,
            cost: price.map(|price| {
                price.usd_per_gpu_hour
                    * Decimal::from(replicas * i64::from(configuration.hardware_count))
            }),
            ratio: self.ratio(operating),
            row: operating.id,
        }
    }

    fn compare(&self, a: &Way, b: &Way) -> Ordering {
        let spare = |way: &Way| way.capacity * Decimal::from(way.replicas);
        let gpus = |way: &Way| way.replicas * i64::from(way.configuration.hardware_count);
        match (a.cost, b.cost) {
            (Some(a), Some(b)) => a.cmp(&b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        }
        .then_with(|| gpus(a).cmp(&gpus(b)))
        .then_with(|| spare(b).cmp(&spare(a)))
        .then_with(|| a.ratio.total_cmp(&b.ratio))
        .then_with(|| a.configuration.cmp(&b.configuration))
        .then_with(|| b.kind.cmp(&a.kind))
    }
}

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
    let place = (0..2_usize, 0..3_usize, 1..3_i32, 0..2_usize);
    let evidence = (0..3_usize, 0..2_usize, 0..3_usize, 0..8_usize, 0..6_usize);
    let load = (1..5_i32, 0..6_usize);
    let one = (place, evidence, load, (p95(150.0), p95(25.0), p95(7000.0)));
    prop::collection::vec(one, 0..40).prop_map(|rows| {
        rows.into_iter().enumerate().map(|(index, parts)| benchmark(index, parts)).collect()
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
    row.configuration.model = ModelName::new(["a/Model", "b/Model"][model]);
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
    row.served_rps =
        [None, Some(rate), Some(rate), Some(rate * 0.95), Some(rate * 1.2), Some(rate * 0.5)]
            [served];
    for latency in [&mut row.ttft, &mut row.itl, &mut row.e2e] {
        latency.mean_ms = Some(1.0);
    }
    row
}

fn requirements() -> impl Strategy<Value = Requirement> {
    let demand = prop_oneof![Just("0.5"), Just("3.5"), Just("40")];
    (demand, 0..2_i32, 0..3_usize, 0..3_usize, 0..3_usize).prop_map(
        |(demand, margin, minimum, age, limit)| {
            let mut requirement = requirement(&format!(
                "{{useCase: chatbot_conversational, demand: {{requestsPerSecond: '{demand}'}}}}"
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
    let evidence = Evidence { benchmarks: rows.to_vec(), profiles: Vec::new() };
    decide(requirement.clone(), &evidence, catalog(), at(NOW))
}

/// (model, hardware, count) of everything that complies, however many there are.
fn places(requirement: &Requirement, rows: &[Benchmark]) -> Vec<(ModelName, HardwareName, i32)> {
    let mut places: Vec<_> = Oracle::new(requirement, rows)
        .ways()
        .into_iter()
        .map(|way| {
            (way.configuration.model, way.configuration.hardware, way.configuration.hardware_count)
        })
        .collect();
    places.sort();
    places.dedup();
    places
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
                is_known: candidate.capacity.bound != super::CapacityBound::AtLeast,
                replicas: candidate.replicas.to_i64().unwrap(),
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
