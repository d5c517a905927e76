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
mod health;
pub(crate) mod message;
mod metrics;
mod outcome;
mod owned;
pub mod permissions;
mod pod;
mod pods;
mod probe;
mod reconcile;
mod rollout;
mod status;
mod stored;
mod strategy;
mod trouble;
mod volume_claim;
mod waiting;
mod watches;

pub use cluster::Asker;
pub use cluster::look::look;
pub use deliver::MANIFESTS_KEY;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::catalog::Catalog;
use crate::knowledge_base::KnowledgeBase;
use crate::manifest::Settings;

/// After a signal, reconciles under way get this long. What they leave undone, the next start does.
const GRACE: Duration = Duration::from_secs(10);

/// How to run.
#[derive(Debug)]
pub struct Options {
    /// Address of health and metrics.
    pub listen: SocketAddr,
    /// How long an answer stands until it is looked at again although nothing was told to change.
    pub resync: Duration,
    /// The only namespace to work in; all where there is none.
    pub namespace: Option<String>,
    /// How manifests are built.
    pub settings: Settings,
}

/// Runs until SIGTERM or SIGINT, then finishes what is under way; a second signal ends it at once.
///
/// # Errors
/// A second signal; no usable kubeconfig, no free port; or a task ended that must not, since a process that lives on
/// without it would only look alive.
pub async fn run(
    options: Options,
    knowledge_base: KnowledgeBase,
    catalog: Arc<Catalog>,
) -> anyhow::Result<()> {
    let metrics = Arc::new(metrics::Metrics::default());
    let no_api_server = "no API server to talk to: set KUBECONFIG, or run inside a cluster";
    let config = kube::Config::infer().await.context(no_api_server)?;
    let client = api_requests::counted(config, &metrics).context(no_api_server)?;
    let listener = TcpListener::bind(options.listen).await.with_context(|| {
        format!(
            "cannot listen on {}: choose another --listen",
            options.listen
        )
    })?;
    info!(version = env!("CARGO_PKG_VERSION"), listen = %listener.local_addr()?, "started");
    let health = Arc::new(health::Health::default());
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
        client: client.clone(),
        knowledge_base: knowledge_base.clone(),
        catalog,
        settings: options.settings,
        resync: options.resync,
        namespace: options.namespace,
        metrics: Arc::clone(&metrics),
        waiting: Arc::new(waiting::Waiting::new(Arc::clone(&metrics))),
        backoff: context::Backoff::default(),
        dependencies: Arc::clone(&dependencies),
    });

    let shutdown = CancellationToken::new();
    let mut tasks = JoinSet::new();
    let mut start = |name: &'static str, task: Task| {
        tasks.spawn(async move { (name, task.await) });
    };
    start(
        "health server",
        Box::pin(health::serve(
            listener,
            health.clone(),
            metrics.clone(),
            shutdown.clone(),
        )),
    );
    start(
        "knowledge base probe",
        Box::pin(probe::run(
            knowledge_base.clone(),
            health.clone(),
            metrics.clone(),
            recovered,
            shutdown.clone(),
        )),
    );
    start(
        "watch of the cluster",
        Box::pin(cluster::watch::run(
            live,
            client.clone(),
            context.everywhere(),
            concerned.clone(),
            shutdown.clone(),
        )),
    );
    start(
        "watch of pods",
        Box::pin(pods::run(
            pods,
            context.everywhere(),
            concerned.clone(),
            shutdown.clone(),
        )),
    );
    let evidence_changed = Arc::new(Notify::new());
    start(
        "count of benchmarks",
        Box::pin(evidence::count(
            knowledge_base.clone(),
            metrics.clone(),
            evidence_changed.clone(),
            shutdown.clone(),
        )),
    );
    start(
        "knowledge base follower",
        Box::pin(changes::run(
            knowledge_base,
            dependencies,
            metrics,
            concerned,
            evidence_changed,
            shutdown.clone(),
        )),
    );
    start("events", Box::pin(queue.publish(client)));
    start(
        "watches",
        Box::pin(watches::run(
            context,
            health,
            watches::Triggers {
                recoveries,
                changes,
            },
            shutdown.clone(),
        )),
    );
    tokio::select! {
        ended = join(tasks, &shutdown) => ended,
        ended = signals(shutdown.clone()) => ended,
    }
}

type Task = std::pin::Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

/// Every task ends after a signal, and none before.
async fn join(
    mut tasks: JoinSet<(&'static str, anyhow::Result<()>)>,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let all_ended = async {
        while let Some(joined) = tasks.join_next().await {
            let (name, result) = joined.context("a task panicked")?;
            result.with_context(|| format!("the {name} failed"))?;
            if !shutdown.is_cancelled() {
                bail!("the {name} ended without being asked to");
            }
        }
        Ok(())
    };
    let grace_is_over = async {
        shutdown.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        result = all_ended => result,
        () = grace_is_over => {
            warn!("stopped with work under way, which the next start takes up again");
            Ok(())
        }
    }
}

/// The first signal asks to stop, the second to end at once.
async fn signals(shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut next = async || {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    };
    info!("{}: stopping", next().await);
    shutdown.cancel();
    bail!("{} again: ended at once, with work under way", next().await)
}
