//! R3: whether a row meets the targets, and how surely it says so. (Whether it is steady:
//! `benchmark::steady`.)

use serde::Serialize;

use crate::benchmark::{Benchmark, Latency};
use crate::catalog::SloTargets;

/// One of the three p95 targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Target {
    /// Time to first token.
    Ttft,
    /// Inter-token latency.
    Itl,
    /// End-to-end latency.
    E2e,
}

impl Target {
    /// In the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Ttft, Self::Itl, Self::E2e];

    /// The target's value.
    pub fn of(self, slo: &SloTargets) -> i32 {
        match self {
            Self::Ttft => slo.ttft_p95_ms,
            Self::Itl => slo.itl_p95_ms,
            Self::E2e => slo.e2e_p95_ms,
        }
    }

    pub(super) fn set(self, slo: &mut SloTargets, value_ms: i32) {
        match self {
            Self::Ttft => slo.ttft_p95_ms = value_ms,
            Self::Itl => slo.itl_p95_ms = value_ms,
            Self::E2e => slo.e2e_p95_ms = value_ms,
        }
    }

    /// The row's latency that is held against the target.
    pub fn latency(self, row: &Benchmark) -> &Latency {
        match self {
            Self::Ttft => &row.ttft,
            Self::Itl => &row.itl,
            Self::E2e => &row.e2e,
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Ttft => "TTFT",
            Self::Itl => "ITL",
            Self::E2e => "E2E",
        })
    }
}

/// How surely a compliant row meets the targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Strength {
    /// The one-sided 95 % confidence bound of every p95 meets its target.
    Proven,
    /// The p95s meet the targets, their confidence bounds do not all.
    Marginal,
    /// The number of requests or a p99 is not recorded.
    Unknown,
}

impl std::fmt::Display for Strength {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Proven => "proven",
            Self::Marginal => "marginal",
            Self::Unknown => "unknown",
        })
    }
}

/// A row's p95s in the order of [`Target::ALL`], all of them finite and above zero.
pub(super) type P95s = [f64; 3];

/// The values that p95s are held against: the targets less the margin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds([f64; 3]);

impl Bounds {
    pub(super) fn new(slo: &SloTargets, margin_percent: i32) -> Self {
        Self(
            Target::ALL
                .map(|target| f64::from(target.of(slo)) * f64::from(100 - margin_percent) / 100.0),
        )
    }

    /// In the order of [`Target::ALL`], ms.
    pub(super) fn values(&self) -> [f64; 3] {
        self.0
    }

    /// The bounds that a row would have to meet if every p95 were `percent` higher.
    pub(super) fn if_slower_by(&self, percent: f64) -> Self {
        Self(self.0.map(|bound| bound * 100.0 / (100.0 + percent)))
    }

    pub(super) fn of(&self, target: Target) -> f64 {
        self.0[target as usize]
    }

    pub(super) fn met_by(&self, p95s: &P95s) -> bool {
        p95s.iter().zip(&self.0).all(|(p95, bound)| p95 <= bound)
    }

    /// The largest ratio of p95 to bound, and its target; the first of equals.
    pub(super) fn worst_ratio(&self, p95s: &P95s) -> (f64, Target) {
        Target::ALL
            .into_iter()
            .map(|target| (p95s[target as usize] / self.of(target), target))
            .reduce(|worst, next| if next.0 > worst.0 { next } else { worst })
            .expect("there are three targets")
    }
}

/// How surely a compliant row meets the bounds. With n requests the one-sided 95 % bound of the
/// p95 is the quantile 0.95 + 1.645 x sqrt(0.95 x 0.05 / n), read off the line between the stored
/// p95 and p99; beyond the p99 (below 81 requests) nothing can be proven. It speaks of the sampling
/// error alone: a simulator's own error is told by its validation class.
pub(super) fn strength(row: &Benchmark, bounds: &Bounds) -> Strength {
    let Some(requests) = row.requests_completed.filter(|n| *n > 0) else {
        return Strength::Unknown;
    };
    let quantile = 0.95 + 1.645 * (0.95 * 0.05 / requests as f64).sqrt();
    let mut proven = quantile <= 0.99;
    for target in Target::ALL {
        let latency = target.latency(row);
        let Some(p95) = latency.p95_ms else {
            return Strength::Unknown;
        };
        // A p99 below its p95, such as the 0 of a tool that did not record one, is none.
        let Some(p99) = latency.p99_ms.filter(|p99| p99.is_finite() && *p99 >= p95) else {
            return Strength::Unknown;
        };
        let upper = p95 + (p99 - p95) * (quantile - 0.95) / 0.04;
        proven &= upper <= bounds.of(target);
    }
    if proven {
        Strength::Proven
    } else {
        Strength::Marginal
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::benchmark::SharedBenchmarks;
    use crate::recommend::test_support::{CHAT_SLO, row};

    fn p95s(row: Benchmark) -> Option<P95s> {
        let rows = SharedBenchmarks::from(vec![row]);
        let ladder = rows.ladders().next()?;
        ladder.rows[0].p95s()
    }

    fn complies(row: Benchmark, margin_percent: i32) -> bool {
        p95s(row).is_some_and(|p95s| Bounds::new(&CHAT_SLO, margin_percent).met_by(&p95s))
    }

    #[test]
    fn a_p95_at_its_target_complies_and_one_above_does_not() {
        assert!(complies(row(1.0, [150.0, 25.0, 7000.0]), 0));
        for miss in [
            [150.1, 25.0, 7000.0],
            [150.0, 25.1, 7000.0],
            [150.0, 25.0, 7000.1],
        ] {
            assert!(!complies(row(1.0, miss), 0), "{miss:?}");
        }
    }

    #[test]
    fn the_margin_tightens_every_target() {
        assert!(complies(row(1.0, [135.0, 22.5, 6300.0]), 10));
        assert!(!complies(row(1.0, [135.1, 22.5, 6300.0]), 10));
    }

    #[test]
    fn a_latency_that_says_nothing_never_complies() {
        for nothing in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(p95s(row(1.0, [nothing, 20.0, 5000.0])), None);
        }
        let mut missing = row(1.0, [100.0, 20.0, 5000.0]);
        missing.itl.p95_ms = None;
        assert_eq!(p95s(missing), None);
    }

    #[test]
    fn strength_follows_the_number_of_requests() {
        let strength = |requests, p99: f64| {
            let mut row = row(1.0, [140.0, 20.0, 5000.0]);
            row.requests_completed = requests;
            row.ttft.p99_ms = Some(p99);
            strength(&row, &Bounds::new(&CHAT_SLO, 0))
        };
        // 1,000 requests: p96.13, so 140 + (p99 - 140) x 0.283 <= 150 up to a p99 of 175.
        assert_eq!(strength(Some(1000), 175.0), Strength::Proven);
        assert_eq!(strength(Some(1000), 176.0), Strength::Marginal);
        assert_eq!(strength(Some(80), 140.0), Strength::Marginal);
        assert_eq!(strength(None, 140.0), Strength::Unknown);
        for none in [f64::NAN, 0.0, -1.0, 139.9] {
            assert_eq!(strength(Some(1000), none), Strength::Unknown);
        }
    }

    #[test]
    fn the_worst_ratio_names_the_binding_target() {
        let (ratio, target) = Bounds::new(&CHAT_SLO, 0).worst_ratio(&[75.0, 24.0, 3500.0]);
        assert_eq!((ratio, target), (0.96, Target::Itl));
    }
}
