//! Annotations that pin a workload to the evidence behind it.

use std::collections::BTreeMap;

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
        row.ttft.shown_p95_ms(),
        row.itl.shown_p95_ms(),
        row.e2e.shown_p95_ms()
    );
    BTreeMap::from([
        (
            annotation::DECISION_DIGEST.to_owned(),
            candidate.digest_text(),
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
        (
            annotation::REPLICAS.to_owned(),
            candidate.replicas.to_string(),
        ),
        (annotation::PREDICTED_P95_MS.to_owned(), predicted),
        (
            annotation::EVIDENCE_KIND.to_owned(),
            candidate.kind.to_string(),
        ),
    ])
}
