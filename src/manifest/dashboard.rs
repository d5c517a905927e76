//! The dashboard: a ConfigMap that Grafana's sidecar loads, with the same targets, prediction and
//! capacity as the recommendation.

use k8s_openapi::api::core::v1::ConfigMap;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::histogram::{self, Watched};
use super::object::{Kind, Object};
use super::plan::Plan;
use super::{monitoring, names, promql};
use crate::benchmark::{Benchmark, Latency};
use crate::recommend::{Digest, Target};

pub(super) const SUFFIX: &str = "dashboard";
/// The label that Grafana's sidecar looks for, as the charts of Grafana and kube-prometheus-stack
/// have it.
const SIDECAR: (&str, &str) = ("grafana_dashboard", "1");
/// Width of a dashboard, in Grafana's own unit.
const WIDTH: usize = 24;
const PANEL_HEIGHT: usize = 8;
/// Of rates and p95s; Grafana's own variable.
const WINDOW: &str = "$__rate_interval";

pub(super) fn dashboard(plan: &Plan<'_>) -> Option<Object> {
    let monitoring = plan.runtime?.monitoring.as_ref()?;
    let mut metadata = names::metadata_of(&plan.name, SUFFIX, &plan.namespace);
    metadata
        .labels
        .get_or_insert_default()
        .insert(SIDECAR.0.to_owned(), SIDECAR.1.to_owned());
    let file = format!("{}-{}.json", plan.namespace.as_str(), plan.name.as_str());
    let json = format!("{:#}\n", content(plan));
    let config_map = ConfigMap {
        metadata,
        data: Some([(file, json)].into()),
        ..Default::default()
    };
    let object = Object::new(Kind::ConfigMap, &config_map);
    monitoring.dashboard.then_some(object)
}

fn content(plan: &Plan<'_>) -> Value {
    let title = format!("{}/{}", plan.namespace.as_str(), plan.name.as_str());
    let digest = Digest::of(title.as_bytes());
    let hash = digest.as_str().trim_start_matches("sha256:");
    json!({
        "uid": format!("compass-{}", &hash[..16]),
        "title": title,
        "tags": ["compass", "vllm"],
        "editable": false,
        "refresh": "30s",
        "schemaVersion": 39,
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [{
            "name": "datasource",
            "label": "Prometheus",
            "type": "datasource",
            "query": "prometheus",
        }]},
        "panels": panels(plan),
    })
}

/// Rows of panels of equal width: latencies, shares above the targets, load.
fn panels(plan: &Plan<'_>) -> Vec<Value> {
    let watched: Vec<_> = Target::ALL
        .into_iter()
        .filter_map(|target| histogram::watched(plan, target))
        .collect();
    let latencies = watched.iter().map(|watched| latency(plan, watched));
    let shares = watched.iter().map(|watched| share(plan, watched));
    let rows = [
        latencies.collect::<Vec<_>>(),
        shares.collect(),
        vec![requests(plan), in_flight(plan), replicas(plan), cache(plan)],
    ];
    let mut panels = Vec::new();
    for (y, row) in rows.into_iter().enumerate() {
        let width = WIDTH / row.len().max(1);
        for (x, mut panel) in row.into_iter().enumerate() {
            panel["id"] = (panels.len() + 1).into();
            panel["gridPos"] = json!({
                "x": x * width, "y": y * PANEL_HEIGHT, "w": width, "h": PANEL_HEIGHT,
            });
            panels.push(panel);
        }
    }
    panels
}

fn latency(plan: &Plan<'_>, watched: &Watched) -> Value {
    let target = watched.target;
    let mut series = vec![
        ("p95".to_owned(), promql::p95(plan, watched, WINDOW)),
        (
            "target".to_owned(),
            seconds(Decimal::from(watched.target_ms)),
        ),
    ];
    let predicted = latency_of(target, &plan.candidate.operating_row).shown_p95_ms();
    if let Ok(predicted_ms) = predicted.parse() {
        series.push(("predicted p95".to_owned(), seconds(predicted_ms)));
    }
    let description = "The p95 is interpolated between the edges of vLLM's histogram; the prediction is the benchmark's.";
    panel(&format!("{target} p95"), description, "s", series)
}

const fn latency_of(target: Target, row: &Benchmark) -> &Latency {
    match target {
        Target::Ttft => &row.ttft,
        Target::Itl => &row.itl,
        Target::E2e => &row.e2e,
    }
}

/// The target is met for sure while the share above the lower edge is within the budget, and
/// violated for sure while the one above the upper edge is not.
fn share(plan: &Plan<'_>, watched: &Watched) -> Value {
    let mut edges: Vec<_> = watched
        .upper_ms
        .into_iter()
        .chain(watched.lower_ms)
        .collect();
    edges.dedup();
    let mut series: Vec<_> = edges
        .into_iter()
        .map(|edge_ms| {
            (
                format!("above {edge_ms} ms"),
                promql::share_above(plan, watched, edge_ms, WINDOW),
            )
        })
        .collect();
    series.push(("budget".to_owned(), constant("0.05")));
    let description = monitoring::note(plan, watched.target).map_or_else(
        || "A p95 target allows 5 %.".to_owned(),
        |note| note.to_string(),
    );
    let title = format!(
        "{}: requests above {} ms",
        watched.target, watched.target_ms
    );
    panel(&title, &description, "percentunit", series)
}

fn requests(plan: &Plan<'_>) -> Value {
    let finished = promql::metric(plan, "request_success_total");
    let capacity = plan.candidate.capacity.rps.normalize();
    let mut series = vec![
        (
            "finished".to_owned(),
            format!("sum(rate({finished}[{WINDOW}]))"),
        ),
        (
            "capacity of the replicas that run".to_owned(),
            format!("{capacity} * {}", running_replicas(plan)),
        ),
    ];
    if let Some(demand) = &plan.requirement.demand {
        let demand = demand.requests_per_second;
        series.push(("planned demand".to_owned(), constant(&demand.to_string())));
    }
    panel(
        "Requests per second",
        "The capacity is what the benchmark shows within the targets.",
        "reqps",
        series,
    )
}

fn in_flight(plan: &Plan<'_>) -> Value {
    let sum = |name| format!("sum({})", promql::metric(plan, name));
    let series = vec![
        ("running".to_owned(), sum("num_requests_running")),
        ("waiting".to_owned(), sum("num_requests_waiting")),
    ];
    panel(
        "Requests in flight",
        "Requests that wait for long mean too few replicas.",
        "short",
        series,
    )
}

fn replicas(plan: &Plan<'_>) -> Value {
    let series = vec![
        ("running".to_owned(), running_replicas(plan)),
        (
            "planned".to_owned(),
            constant(&plan.candidate.replicas.to_string()),
        ),
    ];
    panel(
        "Replicas",
        "Those that Prometheus scrapes.",
        "short",
        series,
    )
}

fn cache(plan: &Plan<'_>) -> Value {
    let usage = promql::metric(plan, "kv_cache_usage_perc");
    let series = vec![
        ("fullest replica".to_owned(), format!("max({usage})")),
        ("mean".to_owned(), format!("avg({usage})")),
    ];
    panel(
        "KV cache",
        "A full cache makes requests wait.",
        "percentunit",
        series,
    )
}

fn running_replicas(plan: &Plan<'_>) -> String {
    let running = promql::metric(plan, "num_requests_running");
    format!("count(count by (pod) ({running}))")
}

fn seconds(ms: Decimal) -> String {
    constant(&(ms / Decimal::ONE_THOUSAND).normalize().to_string())
}

fn constant(value: &str) -> String {
    format!("vector({value})")
}

fn panel(title: &str, description: &str, unit: &str, series: Vec<(String, String)>) -> Value {
    let datasource = json!({"type": "prometheus", "uid": "${datasource}"});
    let targets: Vec<_> = series
        .into_iter()
        .zip('A'..)
        .map(|((legend, expr), id)| {
            json!({
                "refId": id,
                "datasource": datasource,
                "expr": expr,
                "legendFormat": legend,
            })
        })
        .collect();
    json!({
        "type": "timeseries",
        "title": title,
        "description": description,
        "datasource": datasource,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": targets,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::test_support::Example;
    use crate::recommend::test_support::requirement;

    fn content_of(example: &Example) -> Value {
        let object = dashboard(&example.plan()).unwrap();
        let data = object.content["data"].as_object().unwrap();
        let (file, json) = data.iter().next().unwrap();
        assert_eq!(file, "assistants-support-chat.json");
        serde_json::from_str(json.as_str().unwrap()).unwrap()
    }

    fn example() -> Example {
        let mut example = Example::default();
        example.runtime.monitoring = Some(serde_saphyr::from_str("{dashboard: true}").unwrap());
        example.requirement =
            requirement("{useCase: chatbot_conversational, demand: {requestsPerSecond: 5}}");
        example
    }

    fn series(content: &Value, panel: &str) -> Vec<(String, String)> {
        let panels = content["panels"].as_array().unwrap();
        let panel = panels.iter().find(|found| found["title"] == panel).unwrap();
        let targets = panel["targets"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        targets
            .map(|target| (text(&target["legendFormat"]), text(&target["expr"])))
            .collect()
    }

    #[test]
    fn it_shows_the_intents_own_targets_prediction_and_capacity() {
        let content = content_of(&example());
        let ttft = series(&content, "TTFT p95");
        assert_eq!(ttft[1], ("target".to_owned(), "vector(0.15)".to_owned()));
        assert_eq!(
            ttft[2],
            ("predicted p95".to_owned(), "vector(0.102)".to_owned())
        );
        let load = series(&content, "Requests per second");
        assert!(load[1].1.starts_with("6 * count("), "{}", load[1].1);
        assert_eq!(load[2].1, "vector(5)");
        let shares = series(&content, "TTFT: requests above 150 ms");
        let legends: Vec<_> = shares.iter().map(|(legend, _)| legend.as_str()).collect();
        assert_eq!(legends, ["above 250 ms", "above 100 ms", "budget"]);
    }

    #[test]
    fn panels_do_not_overlap_and_fill_the_width() {
        let content = content_of(&example());
        let panels = content["panels"].as_array().unwrap();
        assert_eq!(panels.len(), 10);
        let mut widths = std::collections::BTreeMap::new();
        for panel in panels {
            let position = &panel["gridPos"];
            let number = |key: &str| position[key].as_u64().unwrap();
            let filled = widths.entry(number("y")).or_insert(0);
            assert_eq!(number("x"), *filled);
            *filled += number("w");
        }
        assert!(widths.values().all(|width| *width == 24));
    }
}
