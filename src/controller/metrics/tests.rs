//! Every metric, held to the table in `docs/operations.md`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::*;
use crate::api::DeploymentIntentStatus;
use crate::knowledge_base::KindInventory;

const OPERATIONS: &str = include_str!("../../../docs/operations.md");

/// Metrics of which each has a series.
fn everything() -> Metrics {
    let metrics = Metrics::default();
    let took = Duration::from_millis(3);
    drop(metrics.reconciling());
    metrics.reconcile_concurrency(16);
    metrics.reconciled("Rendered", true, took);
    metrics.reconciled("Conflict", false, took);
    metrics.queued(2);
    metrics.waited(took);
    metrics.api_requested("GET", Some(200), took);
    metrics.api_requested("PUT", None, took);
    metrics.knowledge_base_up(true);
    metrics.knowledge_base_asked(Operation::Evidence, took, None);
    metrics.knowledge_base_asked(Operation::Probe, took, Some("Unreachable"));
    metrics.knowledge_base_changed(3);
    metrics.knowledge_base_listener(true);
    metrics.evidence.record(vec![KindInventory {
        kind: "simulated".to_owned(),
        rows: 7,
        newest_unix_seconds: Some(1_760_000_000.0),
        ..KindInventory::default()
    }]);
    metrics.intents.record("assistants/chat", &answered());
    metrics
}

fn answered() -> DeploymentIntentStatus {
    serde_json::from_value(json!({
        "conditions": [{
            "type": "Ready", "status": "True", "reason": "Available", "message": "m",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }],
        "recommendation": {
            "model": "Qwen/Qwen3-32B", "hardware": "H100", "gpusPerReplica": 2, "accelerators": "2xH100",
            "replicas": 3, "capacityPerReplica": "4", "capacityIsLowerBound": false, "settled": true,
            "predicted": {"ttftP95Ms": "50", "itlP95Ms": "12", "e2eP95Ms": "5000"},
            "costPerHour": "21.6", "bindingTarget": "TTFT", "digest": "d",
            "evidence": {"kind": "simulated", "source": "s", "strength": "proven", "benchmarks": []},
        },
        "delivered": {
            "digest": "d", "model": "Qwen/Qwen3-32B", "hardware": "H100", "gpusPerReplica": 2, "replicas": 2,
        },
    }))
    .unwrap()
}

/// (type, labels) of each metric in a text, by the name that queries use.
fn metrics_of(text: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut found = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|it| it.split_once(' '))
        {
            let suffix = match kind {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            };
            current = format!("{name}{suffix}");
            let kind = if kind == "info" { "gauge" } else { kind };
            found.insert(current.clone(), (kind.to_owned(), BTreeSet::new()));
        }
        let labels = line
            .split_once('{')
            .and_then(|(_, rest)| rest.split_once('}'));
        if let Some((labels, _)) = labels.filter(|_| !line.starts_with('#')) {
            let names = labels
                .split("\",")
                .filter_map(|label| label.split_once('='));
            let names = names
                .map(|(name, _)| name.to_owned())
                .filter(|name| name != "le");
            found.get_mut(&current).unwrap().1.extend(names);
        }
    }
    found
}

/// The same, of the table that people read.
fn documented() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let rows = OPERATIONS.lines().filter_map(|line| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let name = cells.first()?.strip_prefix('`')?.strip_suffix('`')?;
        let is_metric = name.starts_with("compass_") || name.starts_with("process_");
        (is_metric && cells.len() == 4).then(|| {
            let labels = cells[2]
                .split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect();
            (name.to_owned(), (cells[1].to_owned(), labels))
        })
    });
    rows.collect()
}

#[test]
fn the_table_of_metrics_is_that_of_the_code() {
    let text = everything().encode().unwrap();
    let (found, documented) = (metrics_of(&text), documented());
    assert!(found.len() > 20, "{text}");
    for (name, (kind, labels)) in &found {
        assert_eq!(
            documented.get(name),
            Some(&(kind.clone(), labels.clone())),
            "docs/operations.md says otherwise of {name}"
        );
    }
    for name in documented.keys() {
        assert!(
            found.contains_key(name),
            "docs/operations.md has {name}, and the code has not"
        );
    }
}

#[test]
fn metrics_read_as_open_metrics() {
    let text = everything().encode().unwrap();
    for line in [
        "compass_reconciles_total{result=\"ok\",reason=\"Rendered\"} 1",
        "compass_reconcile_errors_total{reason=\"Conflict\"} 1",
        "compass_reconcile_duration_seconds_count 2",
        "compass_reconciles_in_progress 0",
        "compass_api_requests_total{method=\"PUT\",code=\"none\"} 1",
        "compass_knowledge_base_query_duration_seconds_count{operation=\"evidence\"} 1",
        "compass_knowledge_base_errors_total{operation=\"probe\",reason=\"Unreachable\"} 1",
        "compass_knowledge_base_change_requeues_total 3",
        "compass_knowledge_base_rows{evidence=\"simulated\"} 7.0",
        "compass_intents{ready=\"True\",reason=\"Available\"} 1.0",
        "compass_intent_conditions{type=\"Ready\",status=\"True\"} 1.0",
        "compass_intent_answers{answer=\"settled\"} 1.0",
        "compass_recommended_gpus{evidence=\"simulated\"} 6.0",
        "compass_recommended_cost_dollars_per_hour{evidence=\"simulated\"} 21.6",
        "compass_recommendations{evidence=\"simulated\",price=\"known\"} 1.0",
        "compass_delivered_gpus 4",
        "# EOF",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line} is missing in\n{text}"
        );
    }
    let build = format!(
        "compass_build_info{{version=\"{}\",revision=\"",
        env!("CARGO_PKG_VERSION")
    );
    assert!(text.contains(&build), "{text}");
}

#[test]
fn a_code_is_one_of_a_finite_set() {
    let codes: BTreeSet<_> = (100..=999).map(status_code).collect();
    assert!(codes.len() < 30, "{codes:?}");
    assert_eq!(status_code(429), "429");
    assert_eq!(status_code(418), "4xx");
}
