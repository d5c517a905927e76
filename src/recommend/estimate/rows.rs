//! Estimates as rows of a ladder, which a decision weighs like any other evidence (R13).

use serde::Serialize;
use uuid::Uuid;

use super::{Estimate, Estimated};
use crate::benchmark::{Benchmark, EvidenceKind, Latency, LoadConditions};
use crate::recommend::compliance::P95s;

/// Rates from the highest that can be estimated down to a twentieth of it.
const RATES: i32 = 20;

/// Estimates are told from all other rows by their ids too.
const IDS: Uuid = Uuid::from_u128(0x6f3d_5d0c_5c5b_4d0a_9a43_6573_7469_6d61);

/// An estimated row's p95s are upper bounds; this is what to expect.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Expected {
    /// The row.
    pub row: Uuid,
    /// Expected p95s of TTFT, ITL and E2E, ms.
    pub p95s: P95s,
}

/// The rows of an estimate, and what to expect at each.
pub(super) fn rows(estimate: &Estimate) -> (Vec<Benchmark>, Vec<Expected>) {
    (1..=RATES)
        .filter_map(|step| {
            let rps = short(estimate.highest_rps * f64::from(step) / f64::from(RATES));
            let row = row(estimate, rps, &estimate.at(rps).ok()?);
            let expected = Expected {
                row: row.id,
                p95s: estimate.at(rps).ok()?.p95s,
            };
            Some((row, expected))
        })
        .unzip()
}

/// The rate cut to four significant digits: no more is known, and people read it.
fn short(rps: f64) -> f64 {
    if !(rps.is_finite() && rps > 0.0) {
        return 0.0;
    }
    let decimals = 3 - rps.log10().floor() as i32;
    let text = if decimals > 0 {
        let shift = 10_f64.powi(decimals);
        format!("{:.*}", decimals as usize, (rps * shift).floor() / shift)
    } else {
        format!("{:.0}", rps.floor())
    };
    text.parse().unwrap_or(0.0)
}

fn row(estimate: &Estimate, rps: f64, estimated: &Estimated) -> Benchmark {
    let latency = |target: usize| Latency {
        mean_ms: None,
        p95_ms: Some(rounded_up(estimated.upper[target])),
        p99_ms: None,
    };
    let mut row = Benchmark {
        id: Uuid::nil(),
        configuration: estimate.configuration.clone(),
        profile: estimate.profile,
        conditions: LoadConditions {
            arrival_process: estimate.regime.arrival_process,
            prompt_tokens_stdev: None,
            prompt_tokens_range: (None, None),
            output_tokens_stdev: Some(estimate.shape.output_stdev.round() as i32),
            output_tokens_range: (None, None),
            prefix_sharing: estimate.regime.prefix_sharing(),
            itl_definition: estimate.regime.itl_definition,
        },
        offered_rps: rps,
        served_rps: Some(rps),
        ttft: latency(0),
        itl: latency(1),
        e2e: latency(2),
        requests_completed: None,
        requests_total: None,
        kind: EvidenceKind::Estimated,
        source: format!("estimate from {} rows", estimate.kind),
        validation_class: estimate.validation_class,
        bounds_only: false,
        measured_at: estimate.oldest,
    };
    // A row holds no numbers that JSON cannot.
    let content = serde_json::to_vec(&row).unwrap_or_default();
    row.id = Uuid::new_v5(&IDS, &content);
    row
}

/// To 0.1 ms: a change of the last digit of some benchmark is no news.
fn rounded_up(ms: f64) -> f64 {
    (ms * 10.0).ceil() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_cut_to_four_digits() {
        for (rps, cut) in [
            (3.123_99, 3.123),
            (0.001_239_99, 0.001_239),
            (31.759, 31.75),
            (98_765.4, 98_765.0),
            (12.0, 12.0),
        ] {
            assert_eq!(short(rps), cut);
        }
        for none in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(short(none), 0.0);
        }
    }

    #[test]
    fn latencies_are_rounded_up() {
        assert_eq!([rounded_up(20.01), rounded_up(20.1)], [20.1, 20.1]);
    }
}
