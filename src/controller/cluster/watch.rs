//! Keeps what is known of the cluster current, and has the intents that it concerns looked at. What the
//! operator may not see is logged once and stands in each status.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::channel::mpsc::UnboundedSender;
use futures::stream::{BoxStream, select_all};
use k8s_openapi::api::core::v1::{Node, Pod, ResourceQuota};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::concern::Concerns;
use super::{Asker, Cluster};
use crate::api::RuntimeSpec;
use crate::catalog::Catalog;
use crate::controller::context::Watched;
use crate::controller::pods::refusal;
use crate::controller::together;
use crate::recommend::{Availability, Placed, Placement};

/// Changes of so long are looked at together: a rollout takes and frees GPUs for a while.
const TOGETHER: Duration = Duration::from_secs(1);

/// Intents wait no longer for the first look.
const FIRST_LOOK: Duration = Duration::from_secs(10);

/// Pods that are over hold nothing.
pub const NOT_OVER: &str = "status.phase!=Succeeded,status.phase!=Failed";

/// The cluster, as all who ask share it.
pub struct LiveCluster {
    cluster: Mutex<Cluster>,
    /// Whose answers rest on it.
    concerns: Concerns,
    /// An answer rests on what is no longer so.
    outdated: Notify,
    /// Nodes, pods and quotas that were listed, or refused.
    looked: watch::Sender<[bool; 3]>,
}

impl LiveCluster {
    /// Nothing seen yet.
    pub fn new(catalog: Arc<Catalog>) -> Self {
        Self {
            cluster: Mutex::new(Cluster::new(catalog)),
            concerns: Concerns::default(),
            outdated: Notify::new(),
            looked: watch::Sender::new([false; 3]),
        }
    }

    /// What there is room for now.
    pub fn availability(&self, asker: Asker, placed: Option<Placed>) -> Availability {
        self.cluster().availability(asker, placed)
    }

    /// Waits for the first look, but not for long: an answer must not say less after a restart than
    /// before.
    pub async fn looked(&self) {
        let mut looked = self.looked.subscribe();
        let all = looked.wait_for(|looked| looked.iter().all(|it| *it));
        timeout(FIRST_LOOK, all).await.ok();
    }

    /// The intent of this `runtime` was answered so, on this availability.
    pub fn answered(
        &self,
        intent: ObjectRef<Watched>,
        runtime: Option<&RuntimeSpec>,
        availability: &Availability,
        placement: &Placement,
    ) {
        let cluster = self.cluster();
        if !self
            .concerns
            .answered(intent, runtime, availability, placement, &cluster)
        {
            self.outdated.notify_one();
        }
    }

    /// The intent is gone, or asks for nothing that can be answered.
    pub fn forget(&self, intent: &str) {
        self.concerns.forget(intent);
    }

    fn cluster(&self) -> MutexGuard<'_, Cluster> {
        self.cluster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what was seen; whether it matters.
    fn take(&self, seen: Seen) -> bool {
        let mut cluster = self.cluster();
        let (kind, is_complete, matters) = match seen {
            Seen::Node(event) => (0, matches!(*event, Event::InitDone), cluster.node(*event)),
            Seen::Pod(event) => (1, matches!(*event, Event::InitDone), cluster.pod(*event)),
            Seen::Quota(event) => (2, matches!(*event, Event::InitDone), cluster.quota(*event)),
            Seen::Refused(kind, problem) => {
                let is_news = match kind {
                    0 => cluster.nodes.refuse(problem.clone()),
                    1 => cluster.refuse_pods(problem.clone()),
                    _ => cluster.quotas.refuse(problem.clone()),
                };
                if is_news {
                    warn!("what the cluster has room for is not known in full: {problem}");
                }
                (kind, true, is_news)
            }
        };
        drop(cluster);
        if is_complete {
            self.looked.send_modify(|looked| looked[kind] = true);
        }
        matters
    }
}

enum Seen {
    Node(Box<Event<Node>>),
    Pod(Box<Event<Pod>>),
    Quota(Box<Event<ResourceQuota>>),
    /// Which of them, and why.
    Refused(usize, String),
}

/// Watches until `shutdown`, and sends every intent that is to be looked at.
pub async fn run(
    room: Arc<LiveCluster>,
    client: Client,
    quotas: Vec<Api<ResourceQuota>>,
    intents: UnboundedSender<ObjectRef<Watched>>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let everything = watcher::Config::default();
    let not_over = everything.clone().fields(NOT_OVER);
    let mut seen = select_all([
        seen(
            0,
            together::watch(vec![Api::all(client.clone())], &everything, |_| {}),
            Seen::Node,
        ),
        seen(
            1,
            together::watch(vec![Api::all(client)], &not_over, |_| {}),
            Seen::Pod,
        ),
        seen(2, together::watch(quotas, &everything, |_| {}), Seen::Quota),
    ]);
    let mut look_at: Option<Instant> = None;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = sleep_until(look_at.unwrap_or_else(Instant::now)), if look_at.is_some() => {
                look_at = None;
                let concerned = room.concerns.concerned(&room.cluster());
                for intent in concerned {
                    // Nobody listens any more only while the process stops.
                    intents.unbounded_send(intent).ok();
                }
            }
            () = room.outdated.notified() => {
                look_at.get_or_insert_with(|| Instant::now() + TOGETHER);
            }
            event = seen.next() => match event {
                Some(event) => {
                    if room.take(event) {
                        look_at.get_or_insert_with(|| Instant::now() + TOGETHER);
                    }
                }
                None => anyhow::bail!("the watches of nodes, pods and quotas ended"),
            },
        }
    }
}

fn seen<K: Send + 'static>(
    kind: usize,
    events: impl futures::Stream<Item = watcher::Result<Event<K>>> + Send + 'static,
    seen: fn(Box<Event<K>>) -> Seen,
) -> BoxStream<'static, Seen> {
    events
        .filter_map(move |event| {
            let seen = match event {
                Ok(event) => Some(seen(Box::new(event))),
                Err(error) => {
                    let refused = refusal(&error).map(|problem| Seen::Refused(kind, problem));
                    if refused.is_none() {
                        info!(%error, "a watch of the cluster is interrupted");
                    }
                    refused
                }
            };
            std::future::ready(seen)
        })
        .boxed()
}
