//! The operator: watches intents and what it made of them, and brings each intent to its answer.
//!
//! Stands on [`advise`](crate::advise) and holds no rule of a decision. The pipeline of one intent
//! is `reconcile`; `deliver` alone knows what the modes write; `status` alone makes the status.
//!
//! What it needs from the API server stands in [`permissions`].

mod api_requests;
mod changes;
mod children;
mod cluster;
mod context;
mod deliver;
mod error;
mod events;
mod evidence;
mod generations;
mod health;
mod kserve;
mod lease;
pub(crate) mod message;
mod metrics;
mod outcome;
mod owned;
pub mod permissions;
mod pod;
mod pods;
mod preview;
mod probe;
mod quantity;
mod reconcile;
mod rollout;
mod shard;
mod status;
mod stopping;
mod stored;
mod strategy;
mod together;
mod trace;
mod trouble;
mod volume_claim;
mod waiting;
mod watches;

pub use cluster::Asker;
pub use cluster::look::look;
pub use lease::{Options as LeaseOptions, Timing};
pub use preview::{Change, Preview, Unknown, preview};
pub use shard::Shard;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use kube::Config;
use kube::client::ClientBuilder;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::catalog::Catalog;
use crate::knowledge_base::KnowledgeBase;
use crate::manifest::Settings;

/// How to run.
#[derive(Debug)]
pub struct Options {
    /// Address of health and metrics.
    pub listen: SocketAddr,
    /// How long an answer stands until it is looked at again although nothing was told to change.
    pub resync: Duration,
    /// Whose intents are looked at.
    pub shard: Shard,
    /// The lease by which one of several operators writes; without it this one is alone.
    pub lease: Option<LeaseOptions>,
    /// How manifests are built.
    pub settings: Settings,
}

/// Runs until SIGTERM or SIGINT, then finishes what is under way; a second signal ends it at once.
///
/// # Errors
/// A second signal; no usable kubeconfig, no free port; the lease was lost; or a task ended that must
/// not, since a process that lives on without it would only look alive.
pub async fn run(
    options: Options,
    knowledge_base: KnowledgeBase,
    catalog: Arc<Catalog>,
) -> anyhow::Result<()> {
    let metrics = Arc::new(metrics::Metrics::default());
    let no_api_server = "no API server to talk to: set KUBECONFIG, or run inside a cluster";
    let config = Config::infer().await.context(no_api_server)?;
    let counting = api_requests::Counting(Arc::clone(&metrics));
    let client = ClientBuilder::try_from(config.clone()).context(no_api_server)?;
    let client = client.with_layer(&counting).build();
    let listener = TcpListener::bind(options.listen).await.with_context(|| {
        format!(
            "cannot listen on {}: choose another --listen",
            options.listen
        )
    })?;
    info!(version = env!("CARGO_PKG_VERSION"), listen = %listener.local_addr()?, shard = %options.shard, "started");
    let health = Arc::new(health::Health::default());
    let election = options.lease.map(|lease| {
        lease::Election::new(
            lease,
            &options.shard,
            &config,
            client.clone(),
            metrics.clone(),
        )
    });
    let mut election = election.transpose()?;
    metrics.leads(election.is_none());
    let alone = watch::channel(true);
    let leads = election.as_ref().map_or(alone.1, lease::Election::leads);
    let writer = election
        .as_ref()
        .map_or(client.clone(), lease::Election::writer);
    let (recovered, recoveries) = futures::channel::mpsc::unbounded();
    let (concerned, changes) = futures::channel::mpsc::unbounded();
    let (events, queue) = events::Events::new();
    let dependencies = Arc::new(changes::Dependencies::default());
    let pods = Arc::new(pods::Pods::default());
    let live = Arc::new(cluster::watch::LiveCluster::new(Arc::clone(&catalog)));
    let context = Arc::new(context::Context {
        pods: Arc::clone(&pods),
        cluster: Arc::clone(&live),
        settled: strategy::Settled::default(),
        events,
        owned: owned::Owned::default(),
        written: stored::Written::default(),
        client: writer.clone(),
        watching: client.clone(),
        knowledge_base: knowledge_base.clone(),
        catalog,
        settings: options.settings,
        resync: options.resync,
        shard: options.shard,
        metrics: Arc::clone(&metrics),
        waiting: Arc::new(waiting::Waiting::new(Arc::clone(&metrics))),
        backoff: context::Backoff::default(),
        dependencies: Arc::clone(&dependencies),
    });

    let shutdown = CancellationToken::new();
    let mut tasks = stopping::Tasks::default();
    tasks.start(
        "health server",
        health::serve(listener, health.clone(), metrics.clone(), shutdown.clone()),
    );
    tasks.start(
        "knowledge base probe",
        probe::run(
            knowledge_base.clone(),
            health.clone(),
            metrics.clone(),
            recovered,
            shutdown.clone(),
        ),
    );
    tasks.start(
        "watch of the cluster",
        cluster::watch::run(
            live,
            client,
            context.everywhere(),
            concerned.clone(),
            shutdown.clone(),
        ),
    );
    tasks.start(
        "watch of pods",
        pods::run(
            pods,
            context.everywhere(),
            concerned.clone(),
            shutdown.clone(),
        ),
    );
    let evidence_changed = Arc::new(Notify::new());
    tasks.start(
        "count of benchmarks",
        evidence::count(
            knowledge_base.clone(),
            metrics.clone(),
            evidence_changed.clone(),
            shutdown.clone(),
        ),
    );
    tasks.start(
        "knowledge base follower",
        changes::run(
            knowledge_base,
            dependencies,
            metrics,
            concerned,
            evidence_changed,
            shutdown.clone(),
        ),
    );
    tasks.start("events", queue.publish(writer));
    tasks.start(
        "watches",
        watches::run(
            context,
            health,
            watches::Triggers {
                recoveries,
                changes,
            },
            leads,
            shutdown.clone(),
        ),
    );
    let is_done = tokio::select! {
        ended = tasks.all_end(&shutdown) => ended?,
        Err(signal) = stopping::at_signals(&shutdown) => return Err(signal),
        lost = keep(&mut election) => return Err(lost),
    };
    match election {
        Some(election) if is_done => election.release().await,
        Some(_) => info!("the lease is left to run out"),
        None => {}
    }
    Ok(())
}

async fn keep(election: &mut Option<lease::Election>) -> anyhow::Error {
    match election {
        Some(election) => election.keep().await,
        None => std::future::pending().await,
    }
}
