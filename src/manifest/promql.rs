//! vLLM's metrics of an intent's pods, in PromQL.

use super::histogram::{Watched, label};
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

/// Requests per second over all replicas that a histogram counts.
pub(super) fn rate(plan: &Plan<'_>, watched: &Watched, window: &str) -> String {
    let count = format!("{}_count", watched.histogram);
    format!("sum(rate({}[{window}]))", metric(plan, &count))
}

/// Requests per second at or below an edge.
pub(super) fn rate_below(plan: &Plan<'_>, watched: &Watched, edge_ms: u32, window: &str) -> String {
    format!(
        r#"sum(rate({}_bucket{{{},le="{}"}}[{window}]))"#,
        full_name(plan, watched.histogram),
        pods(plan),
        label(edge_ms)
    )
}

/// Share of the requests above an edge.
pub(super) fn share_above(
    plan: &Plan<'_>,
    watched: &Watched,
    edge_ms: u32,
    window: &str,
) -> String {
    format!(
        "1 - {} / {}",
        rate_below(plan, watched, edge_ms, window),
        rate(plan, watched, window)
    )
}

/// The p95, interpolated between two edges: a figure to look at, and never a verdict.
pub(super) fn p95(plan: &Plan<'_>, watched: &Watched, window: &str) -> String {
    let bucket = format!("{}_bucket", watched.histogram);
    format!(
        "histogram_quantile(0.95, sum by (le) (rate({}[{window}])))",
        metric(plan, &bucket)
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
