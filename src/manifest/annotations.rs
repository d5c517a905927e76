//! Annotations that pin a workload to the evidence behind it.

use std::collections::BTreeMap;

use rust_decimal::{Decimal, RoundingStrategy};

use super::names::annotation;
use super::plan::Plan;

/// What runs, how fast it should be, and which benchmarks say so. They stand on the Deployment and
/// never on its pods: fresh evidence for the same configuration must not restart a model.
pub(super) fn evidence(plan: &Plan<'_>) -> BTreeMap<String, String> {
    let candidate = plan.candidate;
    let row = &candidate.operating_row;
    let benchmarks: Vec<_> = candidate
        .backing_rows()
        .iter()
        .map(ToString::to_string)
        .collect();
    let predicted = format!(
        "ttft={},itl={},e2e={}",
        shown_ms(row.ttft.p95_ms),
        shown_ms(row.itl.p95_ms),
        shown_ms(row.e2e.p95_ms)
    );
    BTreeMap::from([
        (
            annotation::DECISION_DIGEST.to_owned(),
            candidate.digest.to_string(),
        ),
        (annotation::BENCHMARKS.to_owned(), benchmarks.join(",")),
        (annotation::MODEL.to_owned(), plan.model().to_owned()),
        (
            annotation::HARDWARE.to_owned(),
            candidate.configuration.hardware.to_string(),
        ),
        (
            annotation::GPUS_PER_REPLICA.to_owned(),
            plan.gpus.to_string(),
        ),
        (annotation::PREDICTED_P95_MS.to_owned(), predicted),
        (
            annotation::EVIDENCE_KIND.to_owned(),
            candidate.kind.to_string(),
        ),
    ])
}

/// Rounded up to 0.1 ms, so that a shown figure never looks better than the evidence.
fn shown_ms(p95_ms: Option<f64>) -> String {
    let exact: Option<Decimal> = p95_ms.and_then(|ms| ms.to_string().parse().ok());
    exact.map_or_else(
        || "unknown".to_owned(),
        |ms| {
            format!(
                "{:.1}",
                ms.round_dp_with_strategy(1, RoundingStrategy::ToPositiveInfinity)
            )
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_rounded_up() {
        assert_eq!(shown_ms(Some(97.41)), "97.5");
        assert_eq!(shown_ms(Some(1.1)), "1.1");
        assert_eq!(shown_ms(Some(143.100_000_000_000_02)), "143.2");
        assert_eq!(shown_ms(Some(4100.0)), "4100.0");
        assert_eq!(shown_ms(Some(f64::INFINITY)), "unknown");
        assert_eq!(shown_ms(None), "unknown");
    }
}
