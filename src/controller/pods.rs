//! The pods of the Deployments that Compass made, as the watch shows them, and whom a change of one
//! concerns. Without permission to list pods the operator works on, and conditions say so.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::channel::mpsc::UnboundedSender;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::{self, Event};
use kube::{Api, ResourceExt};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::children::MANAGED_BY;
use super::context::Watched;
use super::error::said_of_watch;
use super::pod::{Replica, replica};
use super::together;

/// Changes of so long are told together: a rollout changes each of its pods some times a second.
const TOGETHER: Duration = Duration::from_millis(200);

/// Intents wait no longer for the first look at the pods.
const FIRST_LOOK: Duration = Duration::from_secs(10);

/// Namespace and name of an intent.
type Key = (String, String);
/// By name.
type Replicas = BTreeMap<String, Replica>;

/// Replicas by intent.
pub struct Pods {
    seen: Mutex<Seen>,
    /// Whether the pods were listed, or that was refused.
    looked: watch::Sender<bool>,
}

struct Seen {
    replicas: HashMap<Key, Replicas>,
    /// While a list comes in.
    listed: HashMap<Key, Replicas>,
    /// Why nothing is known of pods.
    unknown: Option<String>,
}

impl Default for Pods {
    fn default() -> Self {
        Self {
            seen: Mutex::new(Seen {
                replicas: HashMap::new(),
                listed: HashMap::new(),
                unknown: Some("they were not listed yet".to_owned()),
            }),
            looked: watch::Sender::new(false),
        }
    }
}

impl Pods {
    /// The replicas of an intent, by name.
    ///
    /// # Errors
    /// Why they are not known.
    pub fn of(&self, namespace: &str, intent: &str) -> Result<Vec<Replica>, String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(problem) = &seen.unknown {
            return Err(problem.clone());
        }
        let key = (namespace.to_owned(), intent.to_owned());
        let replicas = seen.replicas.get(&key);
        Ok(replicas
            .iter()
            .flat_map(|it| it.values())
            .cloned()
            .collect())
    }

    /// Waits for the first look, but not for long: a condition must not say less after a restart
    /// than before.
    pub async fn looked(&self) {
        let mut looked = self.looked.subscribe();
        timeout(FIRST_LOOK, looked.wait_for(|looked| *looked))
            .await
            .ok();
    }

    /// Takes in an event; the intents that it tells something new about.
    fn take(&self, event: Event<Pod>) -> HashSet<Key> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Init => seen.listed.clear(),
            Event::InitApply(pod) => {
                if let Some((key, replica)) = keyed(&pod) {
                    let replicas = seen.listed.entry(key).or_default();
                    replicas.insert(replica.name.clone(), replica);
                }
            }
            Event::InitDone => {
                let listed = std::mem::take(&mut seen.listed);
                let before = std::mem::replace(&mut seen.replicas, listed);
                let was_unknown = seen.unknown.take().is_some();
                self.looked.send_replace(true);
                let keys = before.keys().chain(seen.replicas.keys());
                let is_news =
                    |key: &&Key| was_unknown || before.get(*key) != seen.replicas.get(*key);
                return keys.filter(is_news).cloned().collect();
            }
            Event::Apply(pod) => {
                if let Some((key, replica)) = keyed(&pod) {
                    let replicas = seen.replicas.entry(key.clone()).or_default();
                    let is_news = replicas.get(&replica.name) != Some(&replica);
                    replicas.insert(replica.name.clone(), replica);
                    return HashSet::from_iter(is_news.then_some(key));
                }
            }
            Event::Delete(pod) => {
                if let Some((key, replica)) = keyed(&pod)
                    && let Some(replicas) = seen.replicas.get_mut(&key)
                {
                    let was_there = replicas.remove(&replica.name).is_some();
                    if replicas.is_empty() {
                        seen.replicas.remove(&key);
                    }
                    return HashSet::from_iter(was_there.then_some(key));
                }
            }
        }
        HashSet::new()
    }

    /// Takes in that pods may not be seen; whether that is news.
    fn refuse(&self, problem: String) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let was_refused = *self.looked.borrow() && seen.unknown.is_some();
        seen.unknown = Some(problem);
        seen.replicas.clear();
        drop(seen);
        self.looked.send_replace(true);
        !was_refused
    }
}

fn keyed(pod: &Pod) -> Option<(Key, Replica)> {
    let (intent, replica) = replica(pod)?;
    Some(((pod.namespace()?, intent.to_owned()), replica))
}

/// Watches pods until `shutdown`, and sends every intent that is to be looked at.
pub async fn run(
    pods: Arc<Pods>,
    apis: Vec<Api<Pod>>,
    intents: UnboundedSender<ObjectRef<Watched>>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let config = watcher::Config::default().labels(MANAGED_BY);
    let mut events = together::watch(apis, &config, |pod: &mut Pod| {
        pod.metadata.managed_fields = None;
    });
    let mut concerned: HashSet<Key> = HashSet::new();
    let mut tell_at = Instant::now();
    loop {
        let is_empty = concerned.is_empty();
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = sleep_until(tell_at), if !is_empty => {
                for (namespace, name) in concerned.drain() {
                    let intent = ObjectRef::new(&name).within(&namespace);
                    // Nobody listens any more only while the process stops.
                    intents.unbounded_send(intent).ok();
                }
            }
            event = events.next() => match event {
                Some(Ok(event)) => {
                    concerned.extend(pods.take(event));
                    if is_empty && !concerned.is_empty() {
                        tell_at = Instant::now() + TOGETHER;
                    }
                }
                Some(Err(error)) => match refusal(&error) {
                    Some(problem) => {
                        if pods.refuse(problem.clone()) {
                            warn!("pods cannot be looked at, so that conditions say less of what keeps a model from serving: {problem}");
                        }
                    }
                    None => info!(%error, "the watch of pods is interrupted"),
                },
                None => anyhow::bail!("the watch of pods ended"),
            },
        }
    }
}

/// What the API server says, where it refuses the watch.
pub fn refusal(error: &watcher::Error) -> Option<String> {
    let status = said_of_watch(error)?;
    matches!(status.code, 401 | 403).then(|| status.message.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, phase: &str) -> Pod {
        serde_json::from_value(serde_json::json!({
            "metadata": {
                "name": name, "namespace": "assistants",
                "labels": {"app.kubernetes.io/instance": "chat", "pod-template-hash": "7d9c"},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "chat-7d9c",
                    "uid": "1", "controller": true}],
            },
            "spec": {"containers": []},
            "status": {"phase": phase},
        }))
        .unwrap()
    }

    fn names(pods: &Pods) -> Vec<String> {
        let of = pods.of("assistants", "chat").unwrap();
        of.into_iter().map(|replica| replica.name).collect()
    }

    #[test]
    fn only_what_a_rollout_cares_for_is_news() {
        let pods = Pods::default();
        assert!(pods.of("assistants", "chat").is_err(), "not listed yet");
        let chat = HashSet::from([("assistants".to_owned(), "chat".to_owned())]);
        let nothing = HashSet::new();
        assert_eq!(pods.take(Event::Init), nothing);
        assert_eq!(pods.take(Event::InitApply(pod("a", "Running"))), nothing);
        assert_eq!(pods.take(Event::InitDone), chat);
        assert_eq!(pods.take(Event::Apply(pod("a", "Running"))), nothing);
        assert_eq!(pods.take(Event::Apply(pod("a", "Failed"))), chat);
        assert_eq!(pods.take(Event::Apply(pod("b", "Pending"))), chat);
        assert_eq!(names(&pods), ["a", "b"]);
        assert_eq!(pods.take(Event::Delete(pod("a", "Failed"))), chat);
        assert_eq!(pods.take(Event::Delete(pod("a", "Failed"))), nothing);
        assert_eq!(names(&pods), ["b"]);
    }

    #[test]
    fn what_went_while_the_watch_was_lost_is_news() {
        let pods = Pods::default();
        for event in [
            Event::Init,
            Event::InitApply(pod("a", "Running")),
            Event::InitDone,
        ] {
            pods.take(event);
        }
        assert!(pods.take(Event::Init).is_empty());
        assert_eq!(names(&pods), ["a"], "until the list is complete");
        assert_eq!(pods.take(Event::InitDone).len(), 1);
        assert!(names(&pods).is_empty());
    }

    #[test]
    fn a_refusal_is_told_once_and_ends() {
        let pods = Pods::default();
        assert!(pods.refuse("pods is forbidden".into()));
        assert!(!pods.refuse("pods is forbidden".into()));
        assert_eq!(
            pods.of("assistants", "chat"),
            Err("pods is forbidden".into())
        );
        for event in [Event::Init, Event::InitDone] {
            pods.take(event);
        }
        assert_eq!(pods.of("assistants", "chat"), Ok(Vec::new()));
        assert!(pods.refuse("pods is forbidden".into()));
    }
}
