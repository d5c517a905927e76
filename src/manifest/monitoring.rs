//! What the objects that watch a model have in common.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::names;
use super::note::Note;
use super::plan::Plan;
use crate::api::MonitoringSpec;
use crate::recommend::Target;

/// With the labels by which Prometheus finds the object. The intent's own labels win: by them
/// Compass finds it.
pub(super) fn metadata(plan: &Plan<'_>, monitoring: &MonitoringSpec) -> ObjectMeta {
    let mut metadata = names::metadata(&plan.name, &plan.namespace);
    let mut labels = monitoring.labels.clone();
    labels.append(&mut names::labels(&plan.name));
    metadata.labels = Some(labels);
    metadata
}

/// A target in labels and names of rules.
pub(super) const fn slug(target: Target) -> &'static str {
    match target {
        Target::Ttft => "ttft",
        Target::Itl => "itl",
        Target::E2e => "e2e",
    }
}

/// The targets of which vLLM's histograms cannot tell.
pub(super) fn notes(plan: &Plan<'_>) -> Vec<Note> {
    let watches = plan
        .runtime
        .and_then(|runtime| runtime.monitoring.as_ref())
        .is_some_and(|monitoring| monitoring.prometheus_rule || monitoring.dashboard);
    if !watches {
        return Vec::new();
    }
    Target::ALL
        .into_iter()
        .filter_map(|target| note(plan, target))
        .collect()
}

pub(super) fn note(plan: &Plan<'_>, target: Target) -> Option<Note> {
    match super::histogram::watched(plan, target) {
        None => Some(Note::NoHistogram { target }),
        Some(watched) if watched.is_decidable() => None,
        Some(watched) => Some(Note::Undecidable {
            target,
            target_ms: watched.target_ms,
            lower_ms: watched.lower_ms,
            upper_ms: watched.upper_ms,
        }),
    }
}
