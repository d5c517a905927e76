//! The decision once more, plain and slow, written from the rules' text: what the fast path is
//! held against on random data (`properties.rs`).

use std::cmp::Ordering;

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::Requirement;
use super::test_support::{at, catalog};
use crate::api::Objective;
use crate::benchmark::{ArrivalProcess, Benchmark, Configuration, EvidenceKind};
use crate::catalog::{Catalog, SloTargets};

/// The day on which the oracle is asked.
pub(super) const NOW: &str = "2026-11-23";

/// What the oracle says of one way to comply.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Way {
    pub(super) configuration: Configuration,
    pub(super) kind: EvidenceKind,
    pub(super) capacity: Decimal,
    pub(super) is_known: bool,
    pub(super) replicas: i64,
    pub(super) cost: Option<Decimal>,
    pub(super) ratio: f64,
    pub(super) quality: Option<u8>,
    pub(super) row: uuid::Uuid,
}

/// The rules over these rows.
pub(super) struct Oracle<'a> {
    requirement: &'a Requirement,
    rows: Vec<&'a Benchmark>,
    catalog: &'a Catalog,
    now: Timestamp,
}

impl<'a> Oracle<'a> {
    pub(super) fn new(requirement: &'a Requirement, rows: &'a [Benchmark]) -> Self {
        Self {
            requirement,
            rows: rows.iter().collect(),
            catalog: catalog(),
            now: at(NOW),
        }
    }

    fn targets(&self) -> [f64; 3] {
        let SloTargets {
            ttft_p95_ms,
            itl_p95_ms,
            e2e_p95_ms,
        } = self.requirement.slo;
        [ttft_p95_ms, itl_p95_ms, e2e_p95_ms].map(|target| {
            f64::from(target) * f64::from(100 - self.requirement.evidence.margin_percent) / 100.0
        })
    }

    fn says_something(&self, row: &Benchmark) -> Option<[f64; 3]> {
        let p95s = [row.ttft.p95_ms?, row.itl.p95_ms?, row.e2e.p95_ms?];
        p95s.iter()
            .all(|p95| p95.is_finite() && *p95 > 0.0)
            .then_some(p95s)
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
        (0..3)
            .map(|i| p95s[i] / self.targets()[i])
            .fold(0.0, f64::max)
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
        let served = row
            .served_rps
            .unwrap_or(row.offered_rps)
            .min(row.offered_rps);
        served.to_string().parse().unwrap()
    }

    /// The newest ladder with steady rows; among equally new ones the first source.
    fn deciding(&self, configuration: &Configuration, kind: EvidenceKind) -> Vec<&Benchmark> {
        let mut heads: Vec<_> = self
            .rows
            .iter()
            .filter(|row| &row.configuration == configuration && row.kind == kind)
            .filter(|row| Self::sizes(row) && self.steady(row) && !row.bounds_only)
            .collect();
        heads.sort_by(|a, b| {
            b.measured_at
                .cmp(&a.measured_at)
                .then_with(|| a.source.cmp(&b.source))
        });
        match heads.first() {
            None => Vec::new(),
            Some(head) => self
                .rows
                .iter()
                .copied()
                .filter(|row| Self::same_ladder(row, head))
                .collect(),
        }
    }

    pub(super) fn same_place(a: &Configuration, b: &Configuration) -> bool {
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
        let is_known =
            floor.is_some() || rows.iter().any(|row| self.steady(row) && self.misses(row));
        Some((usable, capacity, is_known))
    }

    fn floor_for(&self, configuration: &Configuration, kind: EvidenceKind) -> Option<f64> {
        self.floor(configuration)
            .filter(|_| kind != EvidenceKind::Measured)
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
                            self.steady(row)
                                && self.steady(measured)
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

    pub(super) fn configurations(&self) -> Vec<&Configuration> {
        let mut all: Vec<_> = self.rows.iter().map(|row| &row.configuration).collect();
        all.sort();
        all.dedup();
        all
    }

    /// What complies, best first.
    pub(super) fn ways(&self) -> Vec<Way> {
        let mut ways = self.ways_without_limits();
        ways.retain(|way| self.is_within_limits(way, way.replicas));
        let cheapest = ways.iter().filter_map(|way| way.cost).min();
        ways.sort_by(|a, b| self.compare(a, b, cheapest));
        ways
    }

    fn is_within_limits(&self, way: &Way, replicas: i64) -> bool {
        let constraints = &self.requirement.constraints;
        let gpus = replicas * i64::from(way.configuration.hardware_count);
        let cost = way
            .cost
            .map(|cost| cost / Decimal::from(way.replicas) * Decimal::from(replicas));
        constraints
            .max_gpus
            .is_none_or(|most| gpus <= i64::from(most))
            && constraints
                .max_cost_per_hour
                .is_none_or(|most| cost.is_some_and(|cost| cost <= most))
            && (!constraints.available_only || self.has_room(&way.configuration, replicas))
    }

    /// One replica after the other is given its place and its part of the quota.
    fn has_room(&self, configuration: &Configuration, replicas: i64) -> bool {
        let Some(availability) = &self.requirement.constraints.availability else {
            return true;
        };
        let (model, hardware, gpus) = configuration.place();
        let stays = availability.placed.as_ref().filter(|placed| {
            (&placed.model, &placed.hardware, placed.gpus_per_replica) == (model, hardware, gpus)
        });
        let mut places = availability.nodes.as_ref().map(|nodes| {
            let by_size = nodes.get(hardware).map_or(&[][..], |it| it);
            let of_size = by_size.get(gpus as usize - 1).copied().unwrap_or_default();
            if stays.is_some() {
                of_size.beside
            } else {
                of_size.instead
            }
        });
        let quota = availability.quotas.get(hardware);
        let mut quota = quota.map(|it| it.free + if stays.is_some() { 0 } else { it.own });
        for _ in stays.map_or(0, |placed| i64::from(placed.replicas))..replicas {
            for (left, taken) in [(&mut places, 1), (&mut quota, gpus as u64)] {
                let Some(left) = left else {
                    continue;
                };
                let Some(rest) = left.checked_sub(taken) else {
                    return false;
                };
                *left = rest;
            }
        }
        true
    }

    fn ways_without_limits(&self) -> Vec<Way> {
        let mut ways = Vec::new();
        for configuration in self.configurations() {
            let constraints = &self.requirement.constraints;
            let quality = self.quality(configuration);
            if constraints.denied_models.contains(&configuration.model)
                || constraints
                    .denied_hardware
                    .contains(&configuration.hardware)
                || constraints
                    .minimum_quality
                    .is_some_and(|least| quality.is_none_or(|quality| i32::from(quality) < least))
            {
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
        replicas += i64::from(demand.spare_replicas);
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
            quality: self.quality(configuration),
            row: operating.id,
        }
    }

    fn quality(&self, configuration: &Configuration) -> Option<u8> {
        let scores = &self.catalog.model(&configuration.model)?.quality;
        scores.get(&self.requirement.use_case).copied()
    }

    fn compare(&self, a: &Way, b: &Way, cheapest: Option<Decimal>) -> Ordering {
        let constraints = &self.requirement.constraints;
        let unlimited = constraints.max_gpus.is_none() && constraints.max_cost_per_hour.is_none();
        let too_dear = |way: &Way| {
            unlimited
                && cheapest.is_some_and(|cheapest| {
                    way.cost
                        .is_none_or(|cost| cost > cheapest * Decimal::new(15, 1))
                })
        };
        let balance = |way: &Way| {
            let cost: f64 = way.cost.map_or(f64::INFINITY, |cost| {
                cost.to_string().parse::<f64>().unwrap() * 1e6
            });
            cost.ln() + way.ratio.ln() * 0.5 - f64::from(way.quality.unwrap_or(0)) / 50.0
        };
        match self.requirement.objective {
            Objective::Cost => Ordering::Equal,
            Objective::Latency => too_dear(a)
                .cmp(&too_dear(b))
                .then(a.ratio.total_cmp(&b.ratio)),
            Objective::Quality => b.quality.cmp(&a.quality),
            Objective::Balanced if (balance(a) - balance(b)).abs() < 1e-9 => Ordering::Equal,
            Objective::Balanced => balance(a).total_cmp(&balance(b)),
        }
        .then_with(|| self.compare_cost(a, b))
    }

    fn compare_cost(&self, a: &Way, b: &Way) -> Ordering {
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

    /// The candidates that a benchmark could put before the winner, each with the most replicas
    /// with which it would be (R14, objective Cost).
    pub(super) fn challengers(&self) -> Vec<(Configuration, EvidenceKind, i64)> {
        let ways = self.ways();
        let Some(winner) = ways.first() else {
            return Vec::new();
        };
        let Some(cost) = winner.cost else {
            return Vec::new();
        };
        let demand = self.requirement.demand.as_ref().unwrap();
        let spare = i64::from(demand.spare_replicas);
        let mut found = Vec::new();
        for way in self.ways_without_limits() {
            let is_winner = way.configuration == winner.configuration && way.kind == winner.kind;
            let Some(each) = way.cost.map(|cost| cost / Decimal::from(way.replicas)) else {
                continue;
            };
            if is_winner || (way.is_known && way.kind != EvidenceKind::Estimated) {
                continue;
            }
            let plausible = self.plausible(&way);
            let fits = |replicas: &i64| {
                each * Decimal::from(*replicas) < cost
                    && self.is_within_limits(&way, *replicas)
                    && *replicas < way.replicas
                    && *replicas > spare
                    && plausible * Decimal::from(replicas - spare) >= demand.with_headroom()
            };
            if let Some(replicas) = (1..=way.replicas).rev().find(fits) {
                found.push((way.configuration.clone(), way.kind, replicas));
            }
        }
        found
    }

    /// What a lower bound may turn out to be: ten times as much, or less where the inverse of the
    /// ITL or E2E falls on a line, or where a row failed.
    fn plausible(&self, way: &Way) -> Decimal {
        let ladder = self.deciding(&way.configuration, way.kind);
        let floor = self.floor_for(&way.configuration, way.kind);
        let (usable, tested, _) = self.capacity(&ladder, floor).unwrap();
        let mut most = tested * Decimal::TEN;
        for row in &ladder {
            if self.misses(row) && way.kind != EvidenceKind::Estimated {
                most = most.min(row.offered_rps.to_string().parse().unwrap());
            }
        }
        for index in [1, 2] {
            let points: Vec<(f64, f64)> = usable
                .iter()
                .map(|row| {
                    let rate = Self::served(row).to_string().parse().unwrap();
                    (rate, 1.0 / self.says_something(row).unwrap()[index])
                })
                .collect();
            let mut rates: Vec<_> = points.iter().map(|(rate, _)| rate.to_string()).collect();
            rates.sort();
            rates.dedup();
            if rates.len() < 3 {
                continue;
            }
            // Normal equations of y = a + b x.
            let n = points.len() as f64;
            let sum = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>();
            let (x, y) = (sum(&|p| p.0), sum(&|p| p.1));
            let (xx, xy) = (sum(&|p| p.0 * p.0), sum(&|p| p.0 * p.1));
            let b = (n * xy - x * y) / (n * xx - x * x);
            let a = (y - b * x) / n;
            if b < -1e-12 {
                let crossing = (1.0 / self.targets()[index] - a) / b;
                most = most.min(Decimal::try_from(crossing).unwrap_or(most));
            }
        }
        most.max(tested)
    }
}
