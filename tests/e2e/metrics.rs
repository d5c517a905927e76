//! What an on-call engineer is shown: metrics of real operators, scraped by a real Prometheus.

use std::collections::BTreeSet;

use compass::api::DeploymentIntent;
use kube::api::DeleteParams;
use serde_json::Value;

use crate::support::{Namespace, Prometheus, eventually, intent_yaml};

const DASHBOARD: &str = include_str!("../../charts/compass/files/dashboard.json");
const ALERTS: &str = include_str!("../../charts/compass/files/alerts.yaml");

fn translation() -> String {
    intent_yaml("translation", "useCase: translation")
}

fn infeasible() -> String {
    intent_yaml("infeasible", "useCase: translation, slo: {ttftP95Ms: 1}")
}

#[tokio::test]
async fn metrics_follow_what_becomes_of_intents() {
    let namespace = Namespace::create("metrics").await;
    let operator = namespace.operator();
    let shows = async |line: &str| operator.answers("/metrics", 200, line).await;
    namespace.apply(&translation());
    namespace.apply(&infeasible());
    namespace.ready("translation", "Rendered").await;
    shows("compass_intents{ready=\"True\",reason=\"Rendered\"} 1.0\n").await;
    shows("compass_intents{ready=\"False\",reason=\"NoCompliantConfiguration\"} 1.0\n").await;
    shows("compass_intent_answers{answer=\"no_compliant_configuration\"} 1.0\n").await;
    shows("compass_intent_conditions{type=\"Stalled\",status=\"True\"} 1.0\n").await;
    shows("compass_recommendations{evidence=\"simulated\",price=\"known\"} 1.0\n").await;
    shows("compass_knowledge_base_rows{evidence=\"simulated\"} ").await;
    shows("compass_queue_depth 0\n").await;
    shows("compass_reconciles_in_progress 0\n").await;
    let gpus = operator.metric("compass_recommended_gpus", "simulated");
    assert!(gpus >= 1.0, "{gpus}");
    let requests = operator.metric("compass_api_requests_total", "code=\"200\"");
    assert!(requests > 1.0, "{requests}");
    let waited = operator.metric("compass_queue_wait_seconds_count", "");
    assert!(waited >= 2.0, "{waited}");
    let intents = namespace.api::<DeploymentIntent>();
    let ours = DeleteParams::default();
    intents.delete("infeasible", &ours).await.unwrap();
    eventually("what is gone not to be counted", async || {
        let (_, metrics) = operator.get("/metrics");
        match metrics.contains("NoCompliantConfiguration\"} 1.0") {
            true => Err(metrics),
            false => Ok(()),
        }
    })
    .await;
}

#[tokio::test]
async fn every_query_of_dashboard_and_alerts_finds_series() {
    let namespace = Namespace::create("watched").await;
    let operator = namespace.operator();
    namespace.apply(&translation());
    namespace.apply(&infeasible());
    let cut_off = Namespace::create("cut-off").await;
    let without_database = cut_off.operator_with("postgres://nobody@127.0.0.1:1/none", 1);
    cut_off.apply(&translation());
    let prometheus = Prometheus::start(&[&operator, &without_database]);
    let finds = async |query: &str| {
        eventually(&format!("series for {query}"), async || {
            match prometheus.query(query).is_empty() {
                true => Err("none"),
                false => Ok(()),
            }
        })
        .await;
    };
    let queries = dashboard_queries();
    assert!(queries.len() > 20, "{queries:#?}");
    for query in &queries {
        finds(query).await;
    }
    let alerts: Value = serde_yaml_ng::from_str(ALERTS).unwrap();
    for rule in alerts["groups"][0]["rules"].as_array().unwrap() {
        let expression = rule["expr"].as_str().unwrap();
        let mut selectors = BTreeSet::new();
        selectors_of(&prometheus.parse(expression), &mut selectors);
        assert!(!selectors.is_empty(), "{expression}");
        for selector in selectors {
            finds(&selector).await;
        }
    }
    finds("ALERTS{alertname=\"CompassIntentsStalled\",alertstate=\"pending\"}").await;
    let down = "ALERTS{alertname=\"CompassDown\"}";
    assert_eq!(prometheus.query(down), [Value::Null; 0]);
}

/// As Grafana sends them where everything is selected.
fn dashboard_queries() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array());
    targets
        .flatten()
        .map(|target| {
            let query = target["expr"].as_str().unwrap();
            ["$namespace", "$job"].iter().fold(
                query.replace("$__rate_interval", "1m"),
                |query, variable| query.replace(variable, ".*"),
            )
        })
        .collect()
}

/// What an expression looks at: each metric with the labels it is asked by, whatever their values,
/// since what an alert waits for is not there while all is well.
fn selectors_of(expression: &Value, found: &mut BTreeSet<String>) {
    if let Some(matchers) = expression["matchers"].as_array() {
        let name = expression["name"].as_str().unwrap();
        let labels = matchers
            .iter()
            .map(|matcher| matcher["name"].as_str().unwrap());
        let asked = labels.filter(|label| *label != "__name__");
        let asked: Vec<_> = asked.map(|label| format!("{label}!=\"\"")).collect();
        found.insert(format!("{name}{{{}}}", asked.join(",")));
    }
    match expression {
        Value::Object(fields) => fields.values().for_each(|value| selectors_of(value, found)),
        Value::Array(values) => values.iter().for_each(|value| selectors_of(value, found)),
        _ => {}
    }
}
