//! The PrometheusRule: alerts on the rate at which the error budget of each target burns.
//!
//! "p95 at or below the target" allows 5 % of the requests to be slower: that is the error budget.
//! Alerts fire by several windows and burn rates, as in the SRE workbook's chapter on alerting: 14.4
//! times over an hour spends 2 % of a month's budget, 6 times over six hours 5 %, once over three
//! days 10 %; a shorter window ends the alert soon after its cause.

use serde_json::{Value, json};

use super::histogram::{self, Watched};
use super::object::{Kind, Object};
use super::plan::Plan;
use super::{monitoring, promql};
use crate::recommend::Target;

/// Requests in a thousand that may be above a p95 target.
const BUDGET_PER_MILLE: u32 = 50;
/// Among fewer requests than this there is no p95 to speak of: one in twenty is the whole budget.
const FEWEST_REQUESTS: u32 = 20;
/// Windows of the alerts.
const WINDOWS: [&str; 5] = ["5m", "30m", "1h", "6h", "3d"];
/// Share of the requests above the target, by window.
const SHARE: &str = "compass:requests_over_target:ratio_rate";

/// When an alert fires.
struct Burn {
    long: &'static str,
    short: &'static str,
    /// Ten times the burn rate.
    tenfold_rate: u32,
    severity: &'static str,
}

const BURNS: [Burn; 3] = [
    Burn {
        long: "1h",
        short: "5m",
        tenfold_rate: 144,
        severity: "critical",
    },
    Burn {
        long: "6h",
        short: "30m",
        tenfold_rate: 60,
        severity: "critical",
    },
    Burn {
        long: "3d",
        short: "6h",
        tenfold_rate: 10,
        severity: "warning",
    },
];

pub(super) fn prometheus_rule(plan: &Plan<'_>) -> Option<Object> {
    let monitoring = plan.runtime?.monitoring.as_ref()?;
    let groups: Vec<_> = Target::ALL
        .into_iter()
        .filter_map(|target| group(plan, &histogram::watched(plan, target)?))
        .collect();
    let metadata = monitoring::metadata(plan, monitoring);
    let object = Object::custom(Kind::PrometheusRule, &metadata, &json!({"groups": groups}));
    monitoring.prometheus_rule.then_some(object)
}

/// Nothing above the last edge: no request is ever known to be slower.
fn group(plan: &Plan<'_>, watched: &Watched) -> Option<Value> {
    let edge_ms = watched.upper_ms?;
    let slug = monitoring::slug(watched.target);
    let labels = json!({
        "namespace": plan.namespace.as_str(),
        "intent": plan.name.as_str(),
        "slo": slug,
    });
    let mut rules: Vec<_> = WINDOWS
        .iter()
        .map(|window| {
            json!({
                "record": format!("{SHARE}{window}"),
                "expr": promql::share_above(plan, watched, edge_ms, window),
                "labels": labels,
            })
        })
        .collect();
    rules.push(json!({
        "record": "compass:request_latency_p95:seconds_rate5m",
        "expr": promql::p95(plan, watched, "5m"),
        "labels": labels,
    }));
    rules.extend(BURNS.iter().map(|burn| alert(plan, watched, &labels, burn)));
    rules.push(no_edge(plan, watched, &labels, edge_ms));
    Some(json!({
        "name": format!("compass.{}.{}.{slug}", plan.namespace.as_str(), plan.name.as_str()),
        "rules": rules,
    }))
}

fn alert(plan: &Plan<'_>, watched: &Watched, labels: &Value, burn: &Burn) -> Value {
    let target = watched.target;
    let threshold = share(burn.tenfold_rate * BUDGET_PER_MILLE);
    let over = |window| {
        format!(
            r#"{SHARE}{window}{{namespace="{}",intent="{}",slo="{}"}} > {threshold}"#,
            plan.namespace.as_str(),
            plan.name.as_str(),
            monitoring::slug(target)
        )
    };
    let count = promql::metric(plan, &format!("{}_count", watched.histogram));
    let Burn { long, short, .. } = burn;
    let expr = format!(
        "{} and {} and on() sum(increase({count}[{long}])) >= {FEWEST_REQUESTS}",
        over(long),
        over(short)
    );
    let mut alert_labels = labels.clone();
    alert_labels["severity"] = burn.severity.into();
    // Two alerts of one name and the same labels would be one.
    alert_labels["window"] = (*long).into();
    let mut annotations = json!({
        "summary": format!(
            "{target} of {}/{} is above its p95 target of {} ms",
            plan.namespace.as_str(), plan.name.as_str(), watched.target_ms
        ),
        "description": format!(
            "{{{{ $value | humanizePercentage }}}} of the requests of {long} were slower than {} ms; a p95 target allows 5 %.",
            watched.upper_ms.unwrap_or(watched.target_ms)
        ),
    });
    if let Some(note) = monitoring::note(plan, target) {
        annotations["undecidable"] = note.to_string().into();
    }
    json!({
        "alert": format!("Compass{}BudgetBurn", alert_word(target)),
        "expr": expr,
        "labels": alert_labels,
        "annotations": annotations,
    })
}

/// Without the bucket, the alerts above would be silent for ever.
fn no_edge(plan: &Plan<'_>, watched: &Watched, labels: &Value, edge_ms: u32) -> Value {
    let mut alert_labels = labels.clone();
    alert_labels["severity"] = "warning".into();
    json!({
        "alert": format!("Compass{}Unwatched", alert_word(watched.target)),
        "expr": format!(
            "{} > 0 unless {} >= 0",
            promql::rate(plan, watched, "5m"),
            promql::rate_below(plan, watched, edge_ms, "5m")
        ),
        "for": "15m",
        "labels": alert_labels,
        "annotations": {
            "summary": format!(
                "nothing tells of the {} target of {}/{}",
                watched.target, plan.namespace.as_str(), plan.name.as_str()
            ),
            "description": format!(
                "The histogram {} has no bucket le=\"{}\": this vLLM has other buckets than those of 0.10 to 0.32.",
                watched.histogram, histogram::label(edge_ms)
            ),
        },
    })
}

const fn alert_word(target: Target) -> &'static str {
    match target {
        Target::Ttft => "TTFT",
        Target::Itl => "ITL",
        Target::E2e => "E2E",
    }
}

/// Ten-thousandths as a decimal.
fn share(ten_thousandths: u32) -> String {
    format!(
        "{}.{:04}",
        ten_thousandths / 10_000,
        ten_thousandths % 10_000
    )
    .trim_end_matches('0')
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::test_support::Example;

    fn example() -> Example {
        let mut example = Example::default();
        example.runtime.monitoring =
            Some(serde_saphyr::from_str("{prometheusRule: true}").unwrap());
        example
    }

    fn rules(example: &Example, target: &str) -> Vec<Value> {
        let object = prometheus_rule(&example.plan()).unwrap();
        let groups = object.content["spec"]["groups"].as_array().unwrap().clone();
        let group = groups
            .iter()
            .find(|group| group["name"].as_str().unwrap().ends_with(target));
        group.map_or_else(Vec::new, |group| group["rules"].as_array().unwrap().clone())
    }

    #[test]
    fn burn_rates_are_of_a_budget_of_five_percent() {
        let shares: Vec<_> = BURNS
            .iter()
            .map(|burn| share(burn.tenfold_rate * BUDGET_PER_MILLE))
            .collect();
        assert_eq!(shares, ["0.72", "0.3", "0.05"]);
    }

    #[test]
    fn a_target_at_an_edge_is_held_against_it() {
        let rules = rules(&example(), "itl");
        assert_eq!(
            rules[0]["expr"],
            r#"1 - sum(rate(vllm:request_time_per_output_token_seconds_bucket{namespace="assistants",pod=~"support-chat-[a-z0-9]+-[a-z0-9]+",le="0.025"}[5m])) / sum(rate(vllm:request_time_per_output_token_seconds_count{namespace="assistants",pod=~"support-chat-[a-z0-9]+-[a-z0-9]+"}[5m]))"#
        );
        assert!(
            rules
                .iter()
                .all(|rule| rule["annotations"]["undecidable"].is_null())
        );
    }

    #[test]
    fn a_target_between_edges_alerts_only_where_it_is_violated_for_sure_and_says_so() {
        let rules = rules(&example(), "ttft");
        assert!(rules[0]["expr"].as_str().unwrap().contains(r#"le="0.25""#));
        let alerts: Vec<_> = rules
            .iter()
            .filter(|rule| rule["labels"]["severity"] == "critical")
            .collect();
        assert_eq!(alerts.len(), 2);
        for alert in alerts {
            assert_eq!(
                alert["annotations"]["undecidable"],
                "the TTFT target of 150 ms lies between two edges of vLLM's histogram, 100 ms and 250 ms: whether it is met is undecidable where more than 5 % of the requests are above 100 ms and no more than 5 % above 250 ms"
            );
        }
    }

    #[test]
    fn above_the_last_edge_nothing_can_be_told() {
        let mut example = example();
        example.requirement.slo.ttft_p95_ms = 2_560_001;
        assert!(rules(&example, "ttft").is_empty());
        let notes = monitoring::notes(&example.plan());
        assert!(
            notes[0].to_string().contains("above the last edge"),
            "{}",
            notes[0]
        );
    }

    #[test]
    fn a_distributions_own_prefix_is_used_everywhere() {
        let mut example = example();
        example.runtime.monitoring.as_mut().unwrap().metrics_prefix = Some("kserve_vllm:".into());
        let rule = prometheus_rule(&example.plan())
            .unwrap()
            .content
            .to_string();
        assert!(rule.contains("kserve_vllm:time_to_first_token_seconds_count"));
        assert!(!rule.replace("kserve_vllm:", "").contains("vllm:"));
    }
}
