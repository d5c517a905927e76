//! vLLM's metrics of an intent's pods, in PromQL.

use super::plan::Plan;

/// What vLLM's metrics begin with, where nothing renames them.
const PREFIX: &str = "vllm:";

/// A metric of vLLM, of the intent's pods alone. Found by their names, since `namespace` and `pod`
/// are what every usual way of scraping writes.
pub(super) fn metric(plan: &Plan<'_>, name: &str) -> String {
    format!("{}{{{}}}", full_name(plan, name), pods(plan))
}

/// Requests in flight over all replicas, as the mean of a minute.
pub(super) fn in_flight(plan: &Plan<'_>) -> String {
    format!(
        "sum(avg_over_time({}[1m]) + avg_over_time({}[1m]))",
        metric(plan, "num_requests_running"),
        metric(plan, "num_requests_waiting")
    )
}

fn full_name(plan: &Plan<'_>, name: &str) -> String {
    let prefix = plan
        .runtime
        .and_then(|runtime| runtime.monitoring.as_ref())
        .and_then(|monitoring| monitoring.metrics_prefix.as_deref());
    format!("{}{name}", prefix.unwrap_or(PREFIX))
}

/// A Deployment's pods are called after it, with two parts that hold no hyphen: those of a
/// Deployment whose name begins alike are others.
fn pods(plan: &Plan<'_>) -> String {
    format!(
        r#"namespace="{}",pod=~"{}-[a-z0-9]+-[a-z0-9]+""#,
        plan.namespace.as_str(),
        plan.deployment_name()
    )
}
