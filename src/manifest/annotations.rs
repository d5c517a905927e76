//! Annotations that pin a workload to the evidence behind it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Kind;
use super::names::annotation;
use super::plan::Plan;
use crate::benchmark::{HardwareName, ModelName};
use crate::recommend::{Running, configuration_digest};

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
    let newest = candidate.newest_benchmark.map(|at| at.to_string());
    let newest = newest.map(|at| (annotation::NEWEST_BENCHMARK.to_owned(), at));
    let evidence = [
        (
            annotation::DECISION_DIGEST.to_owned(),
            candidate.digest_text(),
        ),
        (annotation::SPEC_DIGEST.to_owned(), plan.asked.to_owned()),
        (
            annotation::CONFIGURATION_DIGEST.to_owned(),
            configuration_digest(&candidate.configuration).to_string(),
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
    ];
    evidence.into_iter().chain(newest).collect()
}

/// What a workload's annotations say of what runs (R12); `None` where they are not Compass's, or
/// somebody changed them to what it cannot read.
pub fn running(annotations: &BTreeMap<String, String>) -> Option<Running> {
    let text = |key: &str| annotations.get(key).cloned();
    let benchmarks = text(annotation::BENCHMARKS)?;
    let benchmarks = benchmarks.split(',').map(str::parse);
    Some(Running {
        decision: text(annotation::DECISION_DIGEST)?,
        asked: text(annotation::SPEC_DIGEST)?,
        configuration: text(annotation::CONFIGURATION_DIGEST)?,
        model: ModelName::new(text(annotation::MODEL)?),
        hardware: HardwareName::new(text(annotation::HARDWARE)?),
        gpus_per_replica: text(annotation::GPUS_PER_REPLICA)?.parse().ok()?,
        replicas: text(annotation::REPLICAS)?.parse().ok()?,
        benchmarks: benchmarks.collect::<Result<_, _>>().ok()?,
        newest_benchmark: text(annotation::NEWEST_BENCHMARK).and_then(|at| at.parse().ok()),
    })
}

/// The same of the workload among these manifests.
pub fn running_of(manifests: &str, workload: Kind) -> Option<Running> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(manifests).ok()?;
    let kind = workload.resource().kind;
    let workload = documents.iter().find(|it| it["kind"] == kind)?;
    running(&serde_json::from_value(workload["metadata"]["annotations"].clone()).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::test_support::Example;

    #[test]
    fn what_runs_is_read_off_manifests_too() {
        let example = Example::default();
        let yaml = example.manifests().yaml();
        let read = running_of(&yaml, Kind::Deployment);
        assert_eq!(read, running(&evidence(&example.plan())));
        assert!(read.is_some());
        assert_eq!(running_of(&yaml, Kind::LLMInferenceService), None);
        assert_eq!(running_of("- none: [", Kind::Deployment), None);
    }

    #[test]
    fn what_runs_is_read_back_as_it_was_written() {
        let example = Example::default();
        let annotations = evidence(&example.plan());
        let candidate = &example.candidate;
        let read = running(&annotations).unwrap();
        assert_eq!(
            read,
            Running {
                decision: candidate.digest_text(),
                asked: example.asked.clone(),
                configuration: configuration_digest(&candidate.configuration).to_string(),
                model: candidate.configuration.model.clone(),
                hardware: candidate.configuration.hardware.clone(),
                gpus_per_replica: 2,
                replicas: 3,
                benchmarks: candidate.backing_rows(),
                newest_benchmark: candidate.newest_benchmark,
            }
        );
        for key in annotations.keys() {
            let mut without = annotations.clone();
            without.remove(key);
            let is_needed = ![
                annotation::NEWEST_BENCHMARK,
                annotation::PREDICTED_P95_MS,
                annotation::EVIDENCE_KIND,
            ]
            .contains(&key.as_str());
            assert_eq!(running(&without).is_none(), is_needed, "{key}");
        }
    }
}
