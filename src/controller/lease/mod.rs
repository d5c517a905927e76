//! Of several operators one writes: the one whose name stands in a Lease.
//!
//! `term` decides, `fence` and `wire` hold back what would be written outside a term, and this file
//! reads and writes the Lease. The lease crates that there are go by the time of day, or let writes
//! that are under way go on when the lease is lost.

mod fence;
#[cfg(test)]
mod simulation;
mod term;
mod wire;

pub use term::Timing;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::PostParams;
use kube::runtime::events::{Event, EventType, Recorder};
use kube::{Api, Client, Config, Resource, ResourceExt};
use tokio::sync::watch;
use tokio::time::{sleep_until, timeout_at};
use tracing::{info, warn};

use self::fence::Fence;
use self::term::{Candidate, Loss, NOBODY_KNOWN, Record, Step};
use super::context::FIELD_MANAGER;
use super::error::{ApiError, in_time};
use super::events;
use super::metrics::Metrics;
use super::shard::Shard;

/// Annotation of a Lease: what its holder looks at.
const SHARD: &str = "compass.dev/shard";

/// Which lease, and its times.
#[derive(Clone, Debug)]
pub struct Options {
    /// Namespace of the Lease; that of the pod, or of the kubeconfig, where there is none.
    pub namespace: Option<String>,
    /// Name of the Lease.
    pub name: String,
    /// How long is waited for what.
    pub timing: Timing,
}

/// One operator's part in the election of the one that writes.
pub struct Election {
    leases: Api<Lease>,
    options: Options,
    /// Namespace and name, for people.
    place: String,
    identity: String,
    /// What those that stand by for each other look at.
    shard: String,
    candidate: Candidate,
    /// The Lease as it was last seen.
    lease: Option<Lease>,
    /// What went wrong last.
    problem: Option<String>,
    fence: Arc<Fence>,
    writer: Client,
    leads: watch::Sender<bool>,
    metrics: Arc<Metrics>,
}

impl Election {
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// The configuration has no usable credentials.
    pub fn new(
        options: Options,
        shard: &Shard,
        config: &Config,
        client: Client,
        metrics: Arc<Metrics>,
    ) -> kube::Result<Self> {
        let namespace = options.namespace.clone();
        let namespace = namespace.unwrap_or_else(|| client.default_namespace().to_owned());
        let host = events::reporter().instance;
        let identity = format!(
            "{}_{:016x}",
            host.as_deref().unwrap_or("compass"),
            RandomState::new().hash_one(std::process::id())
        );
        let fence = Fence::new(options.timing);
        Ok(Self {
            leases: Api::namespaced(client, &namespace),
            place: format!("{namespace}/{}", options.name),
            candidate: Candidate::new(identity.clone(), options.timing),
            identity,
            options,
            shard: shard.to_string(),
            lease: None,
            problem: None,
            writer: wire::client(config, &fence, &metrics)?,
            fence,
            leads: watch::Sender::new(false),
            metrics,
        })
    }

    /// A client that writes only while this operator leads.
    pub fn writer(&self) -> Client {
        self.writer.clone()
    }

    /// Becomes true once this operator leads.
    pub fn leads(&self) -> watch::Receiver<bool> {
        self.leads.subscribe()
    }

    /// Stands by until nobody else leads, leads, and returns once that is over: why.
    pub async fn keep(&mut self) -> anyhow::Error {
        let retry = self.options.timing.retry_period;
        loop {
            let pause = match self.candidate.step(Instant::now()) {
                Step::Lost(loss) => {
                    self.fence.close();
                    self.metrics.leads(false);
                    return self.lost(&loss);
                }
                Step::Look => self.look().await.then_some(Duration::ZERO),
                Step::Lay => self.lay().await.then_some(Duration::ZERO),
                Step::Claim(version) => self.claim(version).await,
                Step::Stand => {
                    self.candidate.doubts();
                    None
                }
            };
            let until = Instant::now() + pause.unwrap_or(retry);
            let until = self
                .candidate
                .term_ends()
                .map_or(until, |ends| ends.min(until));
            sleep_until(until.into()).await;
        }
    }

    /// Ends the term, so that another can begin at once. Nothing may be under way any more.
    pub async fn release(mut self) {
        if !self.candidate.leads(Instant::now()) {
            return;
        }
        self.fence.close();
        if self.fence.in_doubt_until().is_some() {
            info!(
                lease = self.place,
                "left to run out: a write may still be under way"
            );
            return;
        }
        // The last claim may have been cut, and nobody knows whether it was written.
        if self.look().await
            && self.candidate.holder() == Some(&self.identity)
            && let Some(mut lease) = self.lease.take()
        {
            let spec = lease.spec.get_or_insert_default();
            spec.holder_identity = Some(String::new());
            spec.renew_time = Some(MicroTime(Timestamp::now()));
            match self
                .in_time(self.leases.replace(&self.options.name, &ours(), &lease))
                .await
            {
                Ok(_) => info!(lease = self.place, "released"),
                Err(error) => info!(lease = self.place, %error, "left to run out"),
            }
        }
    }

    /// Whether the Lease could be read.
    async fn look(&mut self) -> bool {
        let found = self.in_time(self.leases.get_opt(&self.options.name)).await;
        match found {
            Ok(lease) => {
                let before = self.candidate.holder().map(str::to_owned);
                let is_first = self.lease.is_none();
                self.candidate
                    .saw(lease.as_ref().map(record), Instant::now());
                self.lease = lease;
                self.problem = None;
                if is_first || before.as_deref() != self.candidate.holder() {
                    self.tell();
                }
                true
            }
            Err(error) => {
                self.fails(&error);
                false
            }
        }
    }

    /// Makes the Lease in nobody's name, unless somebody else does; whether there is one now.
    async fn lay(&mut self) -> bool {
        let lease = self.named(NOBODY_KNOWN, None);
        match self.in_time(self.leases.create(&ours(), &lease)).await {
            Err(error) if !error.is_conflict() => {
                self.fails(&error);
                false
            }
            _ => {
                info!(
                    lease = self.place,
                    "made; taken after {} s, in case that one was deleted under a leader",
                    self.options.timing.lease_duration.as_secs()
                );
                self.candidate.doubts();
                true
            }
        }
    }

    /// Writes one's own name; how long to wait then, where it is not the usual time.
    async fn claim(&mut self, version: Option<String>) -> Option<Duration> {
        let is_new = version.is_none();
        let lease = self.named(&self.identity, version);
        let sent = Instant::now();
        let (name, ours) = (&self.options.name, ours());
        let written = if is_new {
            self.in_time(self.leases.create(&ours, &lease)).await
        } else {
            self.in_time(self.leases.replace(name, &ours, &lease)).await
        };
        match written {
            Ok(lease) => {
                self.candidate.claimed(record(&lease), sent, Instant::now());
                self.lease = Some(lease);
                self.problem = None;
                if let Some(ends) = self.candidate.term_ends() {
                    self.fence.open_until(ends);
                    if !self.leads.send_replace(true) {
                        self.begins();
                    }
                }
                None
            }
            // Somebody was faster, or one's own last claim was written after all.
            Err(error) if error.is_conflict() || (!is_new && error.is_not_found()) => {
                self.candidate.doubts();
                Some(Duration::ZERO)
            }
            Err(error) => {
                self.candidate.doubts();
                self.fails(&error);
                None
            }
        }
    }

    /// The Lease with this name in it.
    fn named(&self, holder: &str, version: Option<String>) -> Lease {
        let seen = self.lease.clone().filter(|_| version.is_some());
        let mut lease = seen.unwrap_or_else(|| Lease {
            spec: Some(LeaseSpec::default()),
            ..Lease::default()
        });
        lease.metadata.name = Some(self.options.name.clone());
        lease.metadata.resource_version = version;
        let annotations = lease.metadata.annotations.get_or_insert_default();
        annotations.insert(SHARD.to_owned(), self.shard.clone());
        let now = MicroTime(Timestamp::now());
        let spec = lease.spec.get_or_insert_default();
        if spec.holder_identity.as_deref() != Some(holder) {
            let is_first = spec.lease_transitions.is_none();
            let others = spec.lease_transitions.unwrap_or_default();
            spec.lease_transitions = Some(if is_first {
                0
            } else {
                others.saturating_add(1)
            });
            spec.holder_identity = Some(holder.to_owned());
            spec.acquire_time = Some(now.clone());
        }
        let seconds = self.options.timing.lease_duration.as_secs();
        spec.lease_duration_seconds = Some(i32::try_from(seconds).unwrap_or(i32::MAX));
        spec.renew_time = Some(now);
        lease
    }

    /// A call ends with the term, and while nobody knows whether there is one, soon.
    async fn in_time<T>(&self, call: impl Future<Output = kube::Result<T>>) -> Result<T, ApiError> {
        let end = Instant::now() + self.options.timing.write();
        let end = self.candidate.term_ends().map_or(end, |ends| ends.min(end));
        match timeout_at(end.into(), call).await {
            Ok(result) => Ok(result?),
            Err(_) => Err(ApiError::Deadline),
        }
    }

    fn begins(&self) {
        info!(lease = self.place, identity = self.identity, "leads");
        self.metrics.leads(true);
        let event = Event {
            type_: EventType::Normal,
            reason: "LeaderElection".to_owned(),
            note: Some(format!("{} became leader", self.identity)),
            action: "Lead".to_owned(),
            secondary: None,
        };
        let recorder = Recorder::new(self.writer(), events::reporter());
        let lease = self.lease.as_ref().map(|lease| lease.object_ref(&()));
        tokio::spawn(async move {
            if let Some(lease) = lease
                && let Err(error) = in_time(recorder.publish(&event, &lease)).await
            {
                info!(%error, "that this operator leads is not told as an event");
            }
        });
    }

    fn tell(&self) {
        let lease = &self.place;
        match self.candidate.holder() {
            Some(holder) if holder == self.identity => {}
            Some(holder) if self.others_shard().is_some_and(|it| *it != self.shard) => warn!(
                lease,
                holder,
                "stands by for an operator that looks at {}, and not, as this one, at {}: each shard needs its own --lease-name",
                self.others_shard().map_or("other intents", |it| it),
                self.shard
            ),
            Some(holder) => info!(lease, holder, "stands by"),
            None => info!(lease, "nobody leads"),
        }
    }

    fn others_shard(&self) -> Option<&String> {
        self.lease.as_ref()?.annotations().get(SHARD)
    }

    fn fails(&mut self, error: &ApiError) {
        let problem = error.to_string();
        if self.problem.as_ref() != Some(&problem) {
            warn!(
                lease = self.place,
                "the lease cannot be read or written: {problem}"
            );
            self.problem = Some(problem);
        }
    }

    fn lost(&self, loss: &Loss) -> anyhow::Error {
        let Self { place, .. } = self;
        match loss {
            Loss::NotRenewed => {
                let deadline = self.options.timing.renew_deadline.as_secs();
                let problem = self.problem.as_deref();
                let problem = problem.unwrap_or("this process, or its machine, stood still");
                anyhow!(
                    "the lease {place} was not renewed within {deadline} s ({problem}): ended, since somebody else may lead now"
                )
            }
            Loss::TakenBy(other) => {
                anyhow!("the lease {place} is {other}'s: ended, since only one may write")
            }
        }
    }
}

fn ours() -> PostParams {
    PostParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        dry_run: false,
    }
}

fn record(lease: &Lease) -> Record {
    let spec = lease.spec.clone().unwrap_or_default();
    let seconds = spec.lease_duration_seconds.unwrap_or_default();
    Record {
        holder: spec.holder_identity.filter(|holder| !holder.is_empty()),
        lease_duration: Duration::from_secs(seconds.try_into().unwrap_or_default()),
        version: lease.resource_version().unwrap_or_default(),
    }
}
