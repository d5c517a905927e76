//! The PodMonitor, by which the Prometheus operator scrapes the pods.

use serde_json::json;

use super::args::PORT_NAME;
use super::monitoring;
use super::object::{Kind, Object};
use super::plan::Plan;

pub(super) fn pod_monitor(plan: &Plan<'_>) -> Option<Object> {
    let monitoring = plan.runtime?.monitoring.as_ref()?;
    let spec = json!({
        "selector": {"matchLabels": plan.pods()},
        "podMetricsEndpoints": [{"port": PORT_NAME, "path": "/metrics", "interval": "15s"}],
    });
    let metadata = monitoring::metadata(plan, monitoring);
    let object = Object::custom(Kind::PodMonitor, &metadata, &spec);
    monitoring.pod_monitor.then_some(object)
}
