//! Transitions, told as events of the intent. An event that is lost is only logged.

use std::collections::VecDeque;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use super::error::in_time;
use super::message;
use crate::api::DeploymentIntentStatus;
use crate::api::conditions::reason::COMPLIES;
use crate::api::conditions::{
    BETTER_RECOMMENDATION_AVAILABLE, DELIVERED_COMPLIES, EVIDENCE_CURRENT, PREDICTION_HOLDS, READY,
    STALLED,
};

/// The API server refuses longer notes.
const LONGEST_NOTE_BYTES: usize = 1024;

/// More wait only while the API server takes none, and then they are old news.
const LONGEST_QUEUE: usize = 10_000;

/// Conditions beside Ready whose changes are told.
const OF_WHAT_RUNS: [&str; 3] = [
    DELIVERED_COMPLIES,
    BETTER_RECOMMENDATION_AVAILABLE,
    PREDICTION_HOLDS,
];

/// Events are published once none came for so long: those of a burst must not compete with its
/// statuses for the API server.
const QUIET: Duration = Duration::from_secs(1);

/// Where others keep coming, the first ones wait no longer, and are published at this pace.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
const PACE: Duration = Duration::from_millis(100);
/// Beyond so many that wait there is no pace to keep.
const MOST_WAITING: usize = 10_000;

/// Takes events, to be published in their time: the next status does not wait for them.
pub struct Events {
    queue: mpsc::Sender<Told>,
}

struct Told {
    event: Event,
    intent: ObjectReference,
    at: Instant,
}

/// Events that are to be published.
pub struct Queue {
    told: mpsc::Receiver<Told>,
    waiting: VecDeque<Told>,
    quiet: Duration,
    longest_wait: Duration,
    /// When the time of the one before came.
    due_before: Instant,
}

impl Events {
    /// An empty queue, and its end.
    pub fn new() -> (Self, Queue) {
        let (queue, told) = mpsc::channel(LONGEST_QUEUE);
        let end = Queue {
            told,
            waiting: VecDeque::new(),
            quiet: QUIET,
            longest_wait: LONGEST_WAIT,
            due_before: Instant::now(),
        };
        (Self { queue }, end)
    }

    /// Tells what differs between two statuses of `intent`.
    pub fn tell(
        &self,
        previous: &DeploymentIntentStatus,
        next: &DeploymentIntentStatus,
        intent: &ObjectReference,
    ) {
        for event in transitions(previous, next) {
            let told = Told {
                event,
                intent: intent.clone(),
                at: Instant::now(),
            };
            if let Err(error) = self.queue.try_send(told) {
                warn!(%error, "an event was lost");
            }
        }
    }
}

impl Queue {
    /// Publishes one event after the other, until nobody can tell any more and all are published.
    pub async fn publish(mut self, client: Client) -> anyhow::Result<()> {
        let reporter = reporter();
        while let Some(Told { event, intent, .. }) = self.next().await {
            // A recorder keeps for minutes what it published, to count repetitions: none is told here.
            let recorder = Recorder::new(client.clone(), reporter.clone());
            if let Err(error) = in_time(recorder.publish(&event, &intent)).await {
                warn!(%error, reason = event.reason, "an event was lost");
            }
        }
        Ok(())
    }

    /// The next event whose time has come; `None` when there will be none.
    async fn next(&mut self) -> Option<Told> {
        while !self.told.is_closed() || !self.told.is_empty() {
            let since = match (self.waiting.front(), self.waiting.back()) {
                (Some(first), Some(last)) => {
                    let keeps_pace = self.waiting.len() < MOST_WAITING;
                    let at_pace = self.due_before + if keeps_pace { PACE } else { Duration::ZERO };
                    (last.at + self.quiet).min(at_pace.max(first.at + self.longest_wait))
                }
                _ => {
                    self.waiting.extend(self.told.recv().await);
                    continue;
                }
            };
            match timeout_at(since, self.told.recv()).await {
                Ok(told) => self.waiting.extend(told),
                Err(_) => break,
            }
        }
        self.due_before = Instant::now();
        self.waiting.pop_front()
    }
}

/// Events are those of `compass`, told by the pod or machine this runs on.
pub fn reporter() -> Reporter {
    let mut reporter = Reporter::from("compass");
    reporter.instance = std::env::var("POD_NAME").ok().or(reporter.instance);
    reporter
}

/// One event where Ready, or what is recommended, has changed; one where the knowledge base went or
/// came back; one for what evidence or overrides say of what runs.
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
    // What runs and complies goes without saying, too.
    let of_what_runs = OF_WHAT_RUNS.into_iter().filter_map(changed).filter(|it| {
        let news = it.reason != COMPLIES || condition(previous, &it.type_).is_some();
        news && ready.is_none_or(|ready| ready.reason != it.reason)
    });
    let of_what_runs: Vec<_> = of_what_runs
        .map(|it| event(it, it.status == "False"))
        .collect();
    let stalled = condition(next, STALLED).is_some();
    let ready = ready.map(|ready| event(ready, stalled || ready.status == "Unknown"));
    let evidence = evidence.map(|evidence| event(evidence, evidence.status == "False"));
    let others = evidence.into_iter().chain(of_what_runs);
    ready.into_iter().chain(others).collect()
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
    use tokio::time::sleep;

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

    fn tell(events: &Events, conditions: &[(&str, &str, &str)]) {
        events.tell(
            &status(&[]),
            &status(conditions),
            &ObjectReference::default(),
        );
    }

    async fn next(queue: &mut Queue) -> Option<String> {
        queue.next().await.map(|told| told.event.reason)
    }

    #[tokio::test(start_paused = true)]
    async fn events_wait_for_a_burst_to_end_but_not_for_ever() {
        let (events, mut queue) = Events::new();
        queue.quiet = Duration::from_millis(100);
        queue.longest_wait = Duration::from_millis(300);
        let start = Instant::now();
        let burst = async {
            for _ in 0..10 {
                tell(&events, &[("Ready", "True", "Rendered")]);
                sleep(Duration::from_millis(50)).await;
            }
        };
        let first = async {
            assert_eq!(next(&mut queue).await.as_deref(), Some("Rendered"));
            start.elapsed()
        };
        let ((), waited) = tokio::join!(burst, first);
        assert!(waited >= Duration::from_millis(300), "{waited:?}");
        assert!(waited < start.elapsed(), "the burst was not over");
        for _ in 1..10 {
            assert!(next(&mut queue).await.is_some());
        }
        let start = Instant::now();
        tell(&events, &[("Ready", "True", "Rendered")]);
        assert!(next(&mut queue).await.is_some());
        assert!(start.elapsed() >= Duration::from_millis(100));
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_burst_is_published_at_a_pace_until_it_is_over() {
        const TOLD: usize = 1000;
        let (events, mut queue) = Events::new();
        let burst = async {
            for _ in 0..TOLD {
                tell(&events, &[("Ready", "True", "Rendered")]);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::pin!(burst);
        let mut published = 0;
        loop {
            tokio::select! {
                () = &mut burst => break,
                _ = queue.next() => published += 1,
            }
        }
        // Ten a second, once the first has waited for five.
        assert!((45..=51).contains(&published), "{published}");
        let over = Instant::now();
        for _ in published..TOLD {
            assert!(queue.next().await.is_some());
        }
        assert!(over.elapsed() < 2 * QUIET);
    }

    #[tokio::test]
    async fn what_was_told_before_the_end_is_published() {
        let (events, mut queue) = Events::new();
        tell(&events, &[("Ready", "True", "Rendered")]);
        tell(&events, &[("Ready", "True", "Recommended")]);
        drop(events);
        assert_eq!(next(&mut queue).await.as_deref(), Some("Rendered"));
        assert_eq!(next(&mut queue).await.as_deref(), Some("Recommended"));
        assert_eq!(next(&mut queue).await, None);
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

    #[test]
    fn what_new_evidence_says_of_what_runs_is_told() {
        let ready = ("Ready", "True", "Available");
        let complies = status(&[ready, ("DeliveredComplies", "True", "Complies")]);
        let proposed = status(&[
            ready,
            ("DeliveredComplies", "True", "Complies"),
            ("BetterRecommendationAvailable", "True", "Proposed"),
        ]);
        let doubtful = status(&[ready, ("DeliveredComplies", "Unknown", "Undecidable")]);
        let overridden = status(&[
            ready,
            ("DeliveredComplies", "True", "Complies"),
            ("PredictionHolds", "False", "OverridesContradictEvidence"),
        ]);
        let violated = status(&[
            ("Ready", "False", "Violated"),
            ("Stalled", "True", "Violated"),
            ("DeliveredComplies", "False", "Violated"),
        ]);
        assert_eq!(told(&status(&[ready]), &complies), [""; 0]);
        assert_eq!(told(&complies, &proposed), ["Normal Proposed"]);
        assert_eq!(told(&complies, &doubtful), ["Normal Undecidable"]);
        assert_eq!(told(&doubtful, &complies), ["Normal Complies"]);
        assert_eq!(
            told(&complies, &overridden),
            ["Warning OverridesContradictEvidence"]
        );
        assert_eq!(
            told(&complies, &violated),
            ["Warning Violated"],
            "one cause is told once"
        );
    }
}
