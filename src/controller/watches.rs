//! What makes an intent be looked at: its own spec, the objects made of it, and the knowledge base
//! changing or coming back.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use futures::channel::mpsc::{UnboundedReceiver, unbounded};
use futures::future::join_all;
use futures::stream::select;
use futures::{StreamExt, TryStreamExt};
use kube::Api;
use kube::api::ListParams;
use kube::runtime::controller::{Config, Controller, Error as ControllerError};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::{WatchStreamExt, predicates, reflector, watcher};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::context::{Context, Watched};
use super::error::{ApiError, in_time};
use super::health::Health;
use super::owned::{Tell, follow, look, slim};
use super::reconcile::{after_error, reconcile};
use crate::manifest::Kind;

/// Intents looked at together: most of their time they wait for the API server.
const CONCURRENCY: u16 = 16;
const CRD_POLL: Duration = Duration::from_secs(2);

/// What else makes intents be looked at.
pub struct Triggers {
    /// The knowledge base is back: everything is to be looked at.
    pub recoveries: UnboundedReceiver<()>,
    /// An intent's answer may have become another.
    pub changes: UnboundedReceiver<ObjectRef<Watched>>,
}

/// Reconciles until `shutdown`, then finishes what is under way.
pub async fn run(
    context: Arc<Context>,
    health: Arc<Health>,
    triggers: Triggers,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let intents: Api<Watched> = context.everywhere();
    tokio::select! {
        () = intents_served(&intents, &health) => {}
        () = shutdown.cancelled() => return Ok(()),
    }
    tokio::select! {
        _ = futures::future::join(context.pods.looked(), context.cluster.looked()) => {}
        () = shutdown.cancelled() => return Ok(()),
    }
    let (reader, writer) = reflector::store();
    let [one, all, some] = std::array::from_fn(|_| Arc::clone(&context.waiting));
    let known = reader.clone();
    context.metrics.intents.watched(reader.clone());
    // Only on intents: on what they own a filter by generation would hide deletions.
    let changed = watcher(intents, watcher::Config::default())
        .default_backoff()
        .modify(slim)
        .reflect(writer)
        .applied_objects()
        .predicate_filter(predicates::generation, Default::default())
        .inspect_ok(move |intent| one.tell(&ObjectRef::from_obj(intent)));
    let (concerned, owned) = unbounded();
    let (served, newly_served) = unbounded();
    let tell = Tell { concerned, served };
    context.metrics.reconcile_concurrency(CONCURRENCY);
    let mut writers = look(&context).await;
    let follow = |kind| follow(kind, writers.remove(&kind), &context, tell.clone());
    let following = join_all(Kind::ALL.map(follow));
    let for_all = select(triggers.recoveries, newly_served).inspect(move |()| {
        let known = known.state();
        known
            .iter()
            .for_each(|intent| all.tell(&ObjectRef::from_obj(&**intent)));
    });
    let for_some = select(triggers.changes, owned).inspect(move |intent| some.tell(intent));
    let reconciling = Controller::for_stream(changed, reader)
        .reconcile_all_on(for_all)
        .reconcile_on(for_some)
        .with_config(Config::default().concurrency(CONCURRENCY))
        .graceful_shutdown_on(shutdown.cancelled_owned())
        .run(reconcile, after_error, Arc::clone(&context))
        .for_each(|result| {
            match result {
                // Deleted while it waited for its turn.
                Err(ControllerError::ObjectNotFound(intent)) => {
                    context.forget(&intent.to_string());
                }
                Err(error) => warn!(%error, "will be tried again"),
                Ok(_) => {}
            }
            std::future::ready(())
        });
    tokio::select! {
        () = reconciling => Ok(()),
        _ = following => bail!("the watches of what Compass made have ended"),
    }
}

/// Waits until the API server serves intents: Compass may well start before its CRD is there.
async fn intents_served(intents: &Api<Watched>, health: &Health) {
    loop {
        let problem = match in_time(intents.list(&ListParams::default().limit(1))).await {
            Ok(_) => {
                health.intents(Ok(()));
                return;
            }
            // Without the kind the path itself is unknown, which is told in plain text and not by
            // a reason.
            Err(ApiError::Kube(kube::Error::Api(status))) if status.code == 404 => {
                "the CustomResourceDefinition deploymentintents.compass.dev is not installed: \
                 compass crd | kubectl apply --server-side -f -"
                    .to_owned()
            }
            Err(error) => error.to_string(),
        };
        if health.intents(Err(problem.clone())) {
            info!("waiting for the API server to serve intents: {problem}");
        }
        tokio::time::sleep(CRD_POLL).await;
    }
}
