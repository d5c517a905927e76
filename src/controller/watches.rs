//! What makes an intent be looked at: its own spec, the objects made of it, and the knowledge base
//! changing or coming back.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use futures::channel::mpsc::{UnboundedReceiver, unbounded};
use futures::future::{join_all, try_join_all};
use futures::stream::select;
use futures::{StreamExt, TryStreamExt};
use kube::Api;
use kube::api::ListParams;
use kube::runtime::controller::{Config, Controller, Error as ControllerError};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::{WatchStreamExt, reflector, watcher};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::context::{Context, Watched};
use super::error::{ApiError, in_time};
use super::generations::Generations;
use super::health::Health;
use super::owned::{Tell, follow, look};
use super::reconcile::{after_error, reconcile};
use super::together;
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

/// Waits until this operator `leads` and then reconciles, until `shutdown`; finishes what is under way.
/// What Compass made is watched before.
pub async fn run(
    context: Arc<Context>,
    health: Arc<Health>,
    triggers: Triggers,
    mut leads: watch::Receiver<bool>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let intents: Vec<Api<Watched>> = context.everywhere();
    let selector = context.shard.selector();
    tokio::select! {
        () = intents_served(&intents, selector, &health) => {}
        () = shutdown.cancelled() => return Ok(()),
    }
    tokio::select! {
        _ = futures::future::join(context.pods.looked(), context.cluster.looked()) => {}
        () = shutdown.cancelled() => return Ok(()),
    }
    let (concerned, owned) = unbounded();
    let (served, newly_served) = unbounded();
    let tell = Tell { concerned, served };
    let mut writers = look(&context).await;
    let follow = |kind| follow(kind, writers.remove(&kind), &context, tell.clone());
    let mut following = std::pin::pin!(join_all(Kind::ALL.map(follow)));
    let mut for_all = select(triggers.recoveries, newly_served);
    let mut for_some = select(triggers.changes, owned);
    // Who begins to lead looks at every intent, whatever was told before.
    let unheard = async { tokio::join!((&mut for_all).count(), (&mut for_some).count()) };
    tokio::select! {
        _ = leads.wait_for(|leads| *leads) => {}
        _ = unheard => bail!("the triggers have ended"),
        _ = &mut following => bail!("the watches of what Compass made have ended"),
        () = shutdown.cancelled() => return Ok(()),
    }
    let (reader, writer) = reflector::store();
    let [one, all, some] = std::array::from_fn(|_| Arc::clone(&context.waiting));
    let (known, first) = (reader.clone(), reader.clone());
    context.metrics.intents.watched(reader.clone());
    context.metrics.reconcile_concurrency(CONCURRENCY);
    let config = watcher::Config {
        label_selector: selector.map(str::to_owned),
        ..watcher::Config::default()
    };
    let mut generations = Generations::default();
    let changed = together::watch(intents, &config, slim)
        .reflect(writer)
        .filter_map(move |event| {
            let news = event.map(|event| generations.news(event)).transpose();
            std::future::ready(news)
        })
        .inspect_ok(move |intent| one.tell(&ObjectRef::from_obj(intent)));
    let for_all = for_all.inspect(move |()| {
        let known = known.state();
        known
            .iter()
            .for_each(|intent| all.tell(&ObjectRef::from_obj(&**intent)));
    });
    let for_some = for_some.inspect(move |intent| some.tell(intent));
    let reconciling = Controller::for_stream(changed, reader)
        .reconcile_all_on(for_all)
        .reconcile_on(for_some)
        .with_config(Config::default().concurrency(CONCURRENCY))
        .graceful_shutdown_on(shutdown.clone().cancelled_owned())
        .run(reconcile, after_error, Arc::clone(&context))
        .for_each(|result| {
            match result {
                // Deleted while it waited for its turn.
                Err(ControllerError::ObjectNotFound(intent)) => {
                    context.forget(&intent.to_string());
                }
                // Told by the reconcile itself.
                Err(ControllerError::ReconcilerFailed(..)) | Ok(_) => {}
                Err(error) => warn!(%error, "the queue of intents"),
            }
            std::future::ready(())
        });
    // The controller waits for its first list although it is to stop, and begins nothing before.
    let stopped_before_the_first_list = async {
        tokio::select! {
            _ = first.wait_until_ready() => std::future::pending().await,
            () = shutdown.cancelled() => {}
        }
    };
    tokio::select! {
        () = reconciling => Ok(()),
        () = stopped_before_the_first_list => Ok(()),
        _ = &mut following => bail!("the watches of what Compass made have ended"),
    }
}

/// Keeps what is needed of an intent: the rest makes up most of one.
fn slim(intent: &mut Watched) {
    intent.metadata.managed_fields = None;
    intent.metadata.labels = None;
    intent.metadata.annotations = None;
}

/// Waits until the API server serves intents: Compass may well start before its CRD is there.
async fn intents_served(intents: &[Api<Watched>], selector: Option<&str>, health: &Health) {
    let one = ListParams {
        label_selector: selector.map(str::to_owned),
        ..ListParams::default().limit(1)
    };
    loop {
        let all = try_join_all(intents.iter().map(|intents| in_time(intents.list(&one))));
        let problem = match all.await {
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
