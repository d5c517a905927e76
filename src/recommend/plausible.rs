//! R14: what a ladder that nobody tested to its failure may plausibly hold.

use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;

use super::compliance::{Bounds, Target};
use super::ladder::Row;

/// No capacity is taken to be more than this many times the tested one.
const MOST: Decimal = Decimal::TEN;

/// A line through fewer rates says nothing.
const LEAST_RATES: usize = 3;

/// Latencies whose inverse falls about linearly with the rate until saturation; the TTFT's does
/// not, and is not extrapolated.
const EXTRAPOLATED: [Target; 2] = [Target::Itl, Target::E2e];

/// The capacity that a lower bound of `tested_rps` may turn out to be, requests per second: where
/// the line through the inverse ITLs or E2Es of `rows`, whichever is first, crosses its bound; at
/// most ten times what was tested, which is also what too few rates or no slope leave open, and not
/// beyond `failing_rps`, at which a row missed a target. (Simulated sweeps cut at a fifth of
/// saturation gave 0.69 to 1.10 of the true capacity this way: it rather says too little.)
pub(super) fn capacity(
    tested_rps: Decimal,
    rows: &[Row],
    bounds: &Bounds,
    failing_rps: Option<Decimal>,
) -> Decimal {
    let most = failing_rps.map_or(tested_rps * MOST, |failing| failing.min(tested_rps * MOST));
    EXTRAPOLATED
        .into_iter()
        .filter_map(|target| crossing(rows, target, bounds))
        .fold(most, Decimal::min)
        .max(tested_rps)
}

/// The rate at which the line through the inverse latencies meets that of the bound.
fn crossing(rows: &[Row], target: Target, bounds: &Bounds) -> Option<Decimal> {
    let points: Vec<(f64, f64)> = rows
        .iter()
        .filter_map(|row| Some((row.served_rps(), row.p95s()?[target as usize].recip())))
        .collect();
    let mut rates: Vec<_> = points.iter().map(|(rate, _)| rate.to_bits()).collect();
    rates.sort_unstable();
    rates.dedup();
    if rates.len() < LEAST_RATES {
        return None;
    }
    let n = points.len() as f64;
    let (mean_x, mean_y) = (
        points.iter().map(|(x, _)| x).sum::<f64>() / n,
        points.iter().map(|(_, y)| y).sum::<f64>() / n,
    );
    let covariance: f64 = points
        .iter()
        .map(|(x, y)| (x - mean_x) * (y - mean_y))
        .sum();
    let variance: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let slope = covariance / variance;
    if slope >= 0.0 {
        return None;
    }
    Decimal::from_f64(mean_x + (bounds.of(target).recip() - mean_y) / slope)
        .map(|rate| rate.trunc_with_scale(6))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::benchmark::Benchmark;
    use crate::benchmark::SharedBenchmarks;
    use crate::recommend::requirement::EvidencePolicy;
    use crate::recommend::test_support::{CHAT_SLO, first_ladder, row};

    fn plausible(rows: &[Benchmark], failing: Option<i64>) -> String {
        let rows = SharedBenchmarks::from_iter(rows);
        let policy = EvidencePolicy::default();
        let ladder = first_ladder(&rows, &policy).unwrap();
        let ladder: Vec<_> = ladder.rows().collect();
        let tested = ladder.last().unwrap().exactly_served_rps();
        let bounds = Bounds::new(&CHAT_SLO, 0);
        capacity(tested, &ladder, &bounds, failing.map(Decimal::from))
            .normalize()
            .to_string()
    }

    /// The inverse of the ITL falls from 1/10 by 0.005 a request per second: 25 ms at 12.
    fn falling(rate: f64) -> Benchmark {
        row(rate, [100.0, 1.0 / (0.1 - 0.005 * rate), 1000.0])
    }

    #[test]
    fn the_line_through_the_inverse_latencies_meets_the_target() {
        let rows = [falling(2.0), falling(4.0), falling(6.0)];
        let found: f64 = plausible(&rows, None).parse().unwrap();
        assert!((found - 12.0).abs() < 1e-4, "{found}");
        assert_eq!(plausible(&rows, Some(9)), "9");
    }

    #[test]
    fn what_cannot_be_extrapolated_may_be_ten_times_as_much() {
        assert_eq!(plausible(&[falling(2.0), falling(4.0)], None), "40");
        let flat = [1.0, 2.0, 3.0].map(|rate| row(rate, [100.0, 20.0, 5000.0]));
        assert_eq!(plausible(&flat, None), "30");
    }

    #[test]
    fn what_was_tested_is_plausible() {
        // The line meets 25 ms at 2.77: below the 3 that were tested.
        let steep = [(1.0, 10.0), (2.0, 22.0), (3.0, 24.0)];
        let steep = steep.map(|(rate, itl)| row(rate, [100.0, itl, 5000.0]));
        assert_eq!(plausible(&steep, None), "3");
    }
}
