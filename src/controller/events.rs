//! Transitions, told as events of the intent. An event that is lost is only logged.

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tracing::warn;

use super::error::in_time;
use super::message;
use crate::api::DeploymentIntentStatus;
use crate::api::conditions::{EVIDENCE_CURRENT, READY, STALLED};

/// The API server refuses longer notes.
const LONGEST_NOTE_BYTES: usize = 1024;

/// Publishes events.
pub struct Events {
    recorder: Recorder,
}

impl Events {
    /// Events of `compass`, told by the pod or machine this runs on.
    pub fn new(client: Client) -> Self {
        let mut reporter = Reporter::from("compass");
        reporter.instance = std::env::var("POD_NAME").ok().or(reporter.instance);
        Self {
            recorder: Recorder::new(client, reporter),
        }
    }

    /// Tells what differs between two statuses of `intent`.
    pub async fn tell(
        &self,
        previous: &DeploymentIntentStatus,
        next: &DeploymentIntentStatus,
        intent: &ObjectReference,
    ) {
        for event in transitions(previous, next) {
            if let Err(error) = in_time(self.recorder.publish(&event, intent)).await {
                warn!(%error, reason = event.reason, "an event was lost");
            }
        }
    }
}

/// One event where Ready, or what is recommended, has changed; one where the knowledge base went or
/// came back.
fn transitions(previous: &DeploymentIntentStatus, next: &DeploymentIntentStatus) -> Vec<Event> {
    let changed = |type_| {
        let (before, after) = (condition(previous, type_), condition(next, type_));
        after.filter(|after| {
            before.is_none_or(|before| {
                (&before.status, &before.reason) != (&after.status, &after.reason)
            })
        })
    };
    let recommended = |status: &DeploymentIntentStatus| {
        status
            .recommendation
            .as_ref()
            .map(|it| (it.model.clone(), it.accelerators.clone(), it.replicas))
    };
    let ready = changed(READY)
        .or_else(|| condition(next, READY).filter(|_| recommended(previous) != recommended(next)));
    let evidence = changed(EVIDENCE_CURRENT).filter(|evidence| {
        // That it could be read at first goes without saying, and one cause is told once.
        let news = evidence.status == "False" || condition(previous, EVIDENCE_CURRENT).is_some();
        news && ready.is_none_or(|ready| ready.reason != evidence.reason)
    });
    let stalled = condition(next, STALLED).is_some();
    let ready = ready.map(|ready| event(ready, stalled || ready.status == "Unknown"));
    let evidence = evidence.map(|evidence| event(evidence, evidence.status == "False"));
    ready.into_iter().chain(evidence).collect()
}

fn condition<'a>(status: &'a DeploymentIntentStatus, type_: &str) -> Option<&'a Condition> {
    status
        .conditions
        .iter()
        .find(|condition| condition.type_ == type_)
}

fn event(condition: &Condition, bad: bool) -> Event {
    Event {
        type_: if bad {
            EventType::Warning
        } else {
            EventType::Normal
        },
        reason: condition.reason.clone(),
        note: Some(message::at_most(&condition.message, LONGEST_NOTE_BYTES).to_owned()),
        action: "Reconcile".to_owned(),
        secondary: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (type, status, reason) of each condition.
    fn status(conditions: &[(&str, &str, &str)]) -> DeploymentIntentStatus {
        let conditions: Vec<_> = conditions
            .iter()
            .map(|(type_, status, reason)| {
                serde_json::json!({"type": type_, "status": status, "reason": reason,
                    "message": "m", "lastTransitionTime": "2026-01-01T00:00:00Z"})
            })
            .collect();
        serde_json::from_value(serde_json::json!({ "conditions": conditions })).unwrap()
    }

    fn told(before: &DeploymentIntentStatus, after: &DeploymentIntentStatus) -> Vec<String> {
        let line = |event: Event| format!("{:?} {}", event.type_, event.reason);
        transitions(before, after).into_iter().map(line).collect()
    }

    #[test]
    fn a_transition_is_told_once_and_by_its_cause() {
        let new = status(&[]);
        let read = ("EvidenceCurrent", "True", "Read");
        let unread = ("EvidenceCurrent", "False", "KnowledgeBaseUnavailable");
        let ready = status(&[("Ready", "True", "Rendered"), read]);
        let outage = status(&[("Ready", "True", "Rendered"), unread]);
        let open = status(&[("Ready", "Unknown", "KnowledgeBaseUnavailable"), unread]);
        let stalled = status(&[
            ("Ready", "False", "NoEvidence"),
            ("Stalled", "True", "NoEvidence"),
            read,
        ]);
        assert_eq!(told(&new, &ready), ["Normal Rendered"]);
        assert_eq!(told(&ready, &ready), [""; 0]);
        assert_eq!(told(&ready, &stalled), ["Warning NoEvidence"]);
        assert_eq!(told(&stalled, &ready), ["Normal Rendered"]);
        assert_eq!(told(&ready, &outage), ["Warning KnowledgeBaseUnavailable"]);
        assert_eq!(told(&outage, &ready), ["Normal Read"]);
        assert_eq!(told(&new, &open), ["Warning KnowledgeBaseUnavailable"]);
        assert_eq!(told(&open, &ready), ["Normal Rendered", "Normal Read"]);
    }
}
