//! What is known of each intent, counted when it is asked: a state that no intent is in is gone.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use kube::runtime::reflector::{ObjectRef, Store};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;

use super::encode_gauges;
use crate::api::DeploymentIntentStatus;
use crate::api::conditions::{READY, TYPES};
use crate::benchmark::EvidenceKind;
use crate::controller::context::Watched;

/// The last status of each intent, as far as it is counted.
#[derive(Debug, Default)]
pub struct Intents {
    known: Mutex<HashMap<String, Known>>,
    /// What the watch shows: a deleted intent is looked at no more.
    shown: Mutex<Option<Store<Watched>>>,
}

#[derive(Debug)]
struct Known {
    /// The status of each of [`TYPES`].
    conditions: [Option<&'static str>; TYPES.len()],
    reason: String,
    answer: &'static str,
    recommended: Option<Recommended>,
    delivered_gpus: i64,
}

#[derive(Debug)]
struct Recommended {
    kind: EvidenceKind,
    gpus: i64,
    /// `None` where the price is unknown.
    dollars_per_hour: Option<f64>,
}

impl Intents {
    /// The status of an intent that was written last.
    pub fn record(&self, intent: &str, status: &DeploymentIntentStatus) {
        self.with(|known| known.insert(intent.to_owned(), Known::of(status)));
    }

    /// Counts only what this shows.
    pub fn watched(&self, shown: Store<Watched>) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
    }

    fn forget_the_deleted(&self) {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(shown) = shown.as_ref().map(Store::state) else {
            return;
        };
        let key = |intent: &Arc<Watched>| ObjectRef::from_obj(&**intent).to_string();
        let shown: HashSet<String> = shown.iter().map(key).collect();
        self.with(|known| known.retain(|intent, _| shown.contains(intent)));
    }

    fn with<T>(&self, work: impl FnOnce(&mut HashMap<String, Known>) -> T) -> T {
        work(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Known {
    fn of(status: &DeploymentIntentStatus) -> Self {
        let condition = |type_: &str| status.conditions.iter().find(|it| it.type_ == type_);
        let gpus = |each: i32, replicas: i32| i64::from(each) * i64::from(replicas);
        let recommended = status.recommendation.as_ref();
        Self {
            conditions: TYPES.map(|type_| condition(type_).map(|it| status_of(&it.status))),
            reason: condition(READY).map_or_else(String::new, |ready| ready.reason.clone()),
            answer: answer(status),
            recommended: recommended.map(|it| Recommended {
                kind: it.evidence.kind,
                gpus: gpus(it.gpus_per_replica, it.replicas),
                dollars_per_hour: it.cost_per_hour.as_ref().and_then(|cost| cost.parse().ok()),
            }),
            delivered_gpus: status
                .delivered
                .as_ref()
                .map_or(0, |it| gpus(it.gpus_per_replica, it.replicas)),
        }
    }

    fn ready(&self) -> &'static str {
        let ready = TYPES.iter().position(|type_| *type_ == READY);
        ready
            .and_then(|ready| self.conditions[ready])
            .unwrap_or("Unknown")
    }
}

fn status_of(status: &str) -> &'static str {
    match status {
        "True" => "True",
        "False" => "False",
        _ => "Unknown",
    }
}

fn answer(status: &DeploymentIntentStatus) -> &'static str {
    match (&status.recommendation, &status.explanation) {
        (Some(recommendation), _) if recommendation.settled => "settled",
        (Some(_), _) => "provisional",
        (None, Some(explanation)) if explanation.configurations == 0 => "no_evidence",
        (None, Some(_)) => "no_compliant_configuration",
        (None, None) => "none",
    }
}

impl Collector for Intents {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        self.forget_the_deleted();
        let mut by_readiness = BTreeMap::new();
        let mut by_condition = BTreeMap::new();
        let mut by_answer = BTreeMap::new();
        let mut recommendations = BTreeMap::new();
        let mut gpus = BTreeMap::new();
        let mut cost = BTreeMap::new();
        let mut delivered_gpus = 0;
        self.with(|known| {
            for intent in known.values() {
                let labels = vec![
                    ("ready", intent.ready().to_owned()),
                    ("reason", intent.reason.clone()),
                ];
                add(&mut by_readiness, labels, 1.0);
                for (type_, status) in TYPES.iter().zip(intent.conditions) {
                    if let Some(status) = status {
                        add(
                            &mut by_condition,
                            vec![("type", *type_), ("status", status)],
                            1.0,
                        );
                    }
                }
                add(&mut by_answer, vec![("answer", intent.answer)], 1.0);
                delivered_gpus += intent.delivered_gpus;
                if let Some(recommended) = &intent.recommended {
                    let kind = ("evidence", recommended.kind.as_str());
                    let price = if recommended.dollars_per_hour.is_some() {
                        "known"
                    } else {
                        "unknown"
                    };
                    add(&mut recommendations, vec![kind, ("price", price)], 1.0);
                    add(&mut gpus, vec![kind], recommended.gpus as f64);
                    if let Some(dollars) = recommended.dollars_per_hour {
                        add(&mut cost, vec![kind], dollars);
                    }
                }
            }
        });
        encode_gauges(
            &mut encoder,
            "intents",
            "Intents by the status and reason of their condition Ready",
            &by_readiness,
        )?;
        encode_gauges(
            &mut encoder,
            "intent_conditions",
            "Intents by type and status of their conditions",
            &by_condition,
        )?;
        encode_gauges(
            &mut encoder,
            "intent_answers",
            "Intents by what was answered",
            &by_answer,
        )?;
        encode_gauges(
            &mut encoder,
            "recommendations",
            "Intents with a recommendation by the evidence behind it, and whether its price is known",
            &recommendations,
        )?;
        encode_gauges(
            &mut encoder,
            "recommended_gpus",
            "GPUs of all recommendations together",
            &gpus,
        )?;
        encode_gauges(
            &mut encoder,
            "recommended_cost_dollars_per_hour",
            "US dollars per hour of all recommendations whose price is known",
            &cost,
        )?;
        let delivered = ConstGauge::new(delivered_gpus);
        delivered.encode(encoder.encode_descriptor(
            "delivered_gpus",
            "GPUs of all workloads that mode Apply delivered",
            None,
            delivered.metric_type(),
        )?)
    }
}

fn add<L: Ord>(sums: &mut BTreeMap<L, f64>, labels: L, value: f64) {
    *sums.entry(labels).or_default() += value;
}

#[cfg(test)]
mod tests {
    use kube::runtime::{reflector, watcher};
    use serde_json::json;

    use super::*;
    use crate::controller::metrics::Metrics;

    fn status(ready: &str, reason: &str, rest: serde_json::Value) -> DeploymentIntentStatus {
        let mut status = json!({"conditions": [{
            "type": "Ready", "status": ready, "reason": reason, "message": "m",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }]});
        status
            .as_object_mut()
            .unwrap()
            .extend(rest.as_object().unwrap().clone());
        serde_json::from_value(status).unwrap()
    }

    fn series(metrics: &Metrics) -> Vec<String> {
        let text = metrics.encode().unwrap();
        let ours = |line: &&str| {
            let name = line.split(['{', ' ']).next().unwrap();
            name.starts_with("compass_intent")
                || name.starts_with("compass_reco")
                || name.starts_with("compass_delivered")
        };
        let is_reconcile = |line: &&str| line.starts_with("compass_reconcile");
        text.lines()
            .filter(ours)
            .filter(|line| !is_reconcile(line))
            .map(str::to_owned)
            .collect()
    }

    fn watched(name: &str) -> Watched {
        let object = json!({
            "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
            "metadata": {"name": name, "namespace": "assistants"},
        });
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn a_state_that_no_intent_is_in_any_more_is_gone() {
        let metrics = Metrics::default();
        let (store, mut writer) = reflector::store();
        metrics.intents.watched(store);
        let record = |name, status: DeploymentIntentStatus| {
            let key = ObjectRef::from_obj(&watched(name)).to_string();
            metrics.intents.record(&key, &status);
        };
        for name in ["chat", "other"] {
            writer.apply_watcher_event(&watcher::Event::Apply(watched(name)));
        }
        record("chat", status("False", "NoEvidence", json!({})));
        record("other", status("True", "Rendered", json!({})));
        let has = |line: &str| {
            let found = series(&metrics);
            assert!(found.iter().any(|it| it == line), "{line}: {found:#?}");
            found
        };
        has("compass_intents{ready=\"False\",reason=\"NoEvidence\"} 1.0");
        record("chat", status("True", "Rendered", json!({})));
        let found = has("compass_intents{ready=\"True\",reason=\"Rendered\"} 2.0");
        assert!(
            !found.iter().any(|line| line.contains("NoEvidence")),
            "{found:#?}"
        );
        for name in ["chat", "other"] {
            writer.apply_watcher_event(&watcher::Event::Delete(watched(name)));
        }
        assert_eq!(series(&metrics), ["compass_delivered_gpus 0"]);
        // A reconcile that was under way.
        record("chat", status("True", "Rendered", json!({})));
        assert_eq!(series(&metrics), ["compass_delivered_gpus 0"]);
    }
}
