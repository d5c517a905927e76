//! One reconcile: read the intent, advise, deliver, write the status. Steps only: each lives in its
//! own file, and every outcome reaches the status.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use jiff::Timestamp;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use tracing::{Instrument, Span, debug, warn};

use super::children::Children;
use super::cluster::Asker;
use super::context::{Context, Watched, spread};
use super::deliver::deliver;
use super::error::Error;
use super::evidence::Timed;
use super::outcome::{Change, Outcome, Retry};
use super::status;
use super::stored::Stored;
use super::trace;
use crate::advise::{self, AdviseError, Question, Revision};
use crate::api::{DeliveryMode, DeploymentIntent, DeploymentIntentStatus};
use crate::recommend::{self, Placed, Running};

/// When an intent changed while it was looked at.
const AT_ONCE: Duration = Duration::from_millis(100);

/// Brings one intent to its answer, and says when to look at it again.
pub async fn reconcile(watched: Arc<Watched>, context: Arc<Context>) -> Result<Action, Error> {
    let span = trace::of(&watched.metadata);
    look(&watched, &context).instrument(span).await
}

async fn look(watched: &Watched, context: &Context) -> Result<Action, Error> {
    let started = Instant::now();
    let key = key(watched);
    context.waiting.begin(&key);
    let _under_way = context.metrics.reconciling();
    let attempt = AssertUnwindSafe(attempt(watched, context))
        .catch_unwind()
        .await;
    let ended = match attempt.unwrap_or_else(|panic| Err(Error::panic(&*panic))) {
        Err(error) if error.is_outdated() => return Ok(Action::requeue(AT_ONCE)),
        Err(error) => {
            // What goes on is told once.
            if context.backoff.has_failed(&key) {
                debug!(%error, "will be tried again");
            } else {
                warn!(%error, "will be tried again");
            }
            return Err(error);
        }
        Ok(ended) => ended,
    };
    Span::current().record("reason", ended.reason);
    context
        .metrics
        .reconciled(ended.reason, ended.retry != Retry::Soon, started.elapsed());
    if ended.retry != Retry::Soon {
        context.backoff.forget(&key);
    }
    Ok(match ended.retry {
        Retry::Never => Action::await_change(),
        Retry::Periodically => Action::requeue(spread(context.resync, &key)),
        Retry::Soon => Action::requeue(context.backoff.after_failure(&key)),
    })
}

/// What to do where not even a status could be written.
pub fn after_error(watched: Arc<Watched>, error: &Error, context: Arc<Context>) -> Action {
    context.metrics.failed(error.reason());
    Action::requeue(context.backoff.after_failure(&key(&watched)))
}

fn key(watched: &Watched) -> String {
    ObjectRef::from_obj(watched).to_string()
}

/// How a reconcile ended that wrote its status, or had nothing to write.
struct Ended {
    reason: &'static str,
    retry: Retry,
}

async fn attempt(watched: &Watched, context: &Context) -> Result<Ended, Error> {
    let Some(stored) = Stored::read(watched, context).await? else {
        context.forget(&key(watched));
        return Ok(Ended {
            reason: "Gone",
            retry: Retry::Never,
        });
    };
    let now = Timestamp::now();
    let outcome = match &stored.intent {
        Ok(intent) => answer(watched, intent, &stored.status, context, now).await,
        Err(problem) => {
            context.dependencies.forget(&key(watched));
            Outcome::Undecodable(problem.clone())
        }
    };
    let next = status::next(&stored.status, &outcome, stored.generation, now);
    stored.write(&next, context).await?;
    context.metrics.intents.record(&key(watched), &next);
    Ok(Ended {
        reason: status::reason(&outcome),
        retry: outcome.retry(),
    })
}

/// What runs is placed, whoever took GPUs since.
fn placed(running: &Running) -> Placed {
    Placed {
        model: running.model.clone(),
        hardware: running.hardware.clone(),
        gpus_per_replica: running.gpus_per_replica,
        replicas: running.replicas,
    }
}

async fn answer(
    watched: &Watched,
    intent: &DeploymentIntent,
    status: &DeploymentIntentStatus,
    context: &Context,
    now: Timestamp,
) -> Outcome {
    let children = Children::of(intent, status, context);
    let is_applied = intent.spec.delivery.mode == DeliveryMode::Apply;
    let mut failure = None;
    // Where it cannot be told what runs, the question is answered and nothing is written.
    let running = if is_applied {
        let runtime = intent.spec.runtime.as_ref();
        let is_autoscaled = runtime.is_some_and(|runtime| runtime.autoscaling.is_some());
        children
            .running(is_autoscaled)
            .await
            .unwrap_or_else(|error| {
                failure = Some(error);
                None
            })
    } else {
        None
    };
    let placed = running.as_ref().map(placed);
    let asker = Asker {
        namespace: children.namespace,
        intent: children.name,
        runtime: intent.spec.runtime.as_ref(),
    };
    let availability = Arc::new(context.cluster.availability(asker, placed));
    let question = Question {
        name: children.name,
        namespace: children.namespace,
        spec: &intent.spec,
        availability: Some(&availability),
    };
    let Context {
        knowledge_base,
        catalog,
        settings,
        dependencies,
        metrics,
        ..
    } = context;
    let evidence = Timed {
        knowledge_base,
        metrics,
    };
    match recommend::resolve(&intent.spec, catalog) {
        Ok(requirement) => dependencies.asks(ObjectRef::from_obj(watched), &requirement),
        Err(_) => dependencies.forget(&key(watched)),
    }
    let advice = if is_applied {
        let revision = advise::revise(
            question,
            running.as_ref(),
            &evidence,
            catalog,
            settings,
            now,
        );
        revision.await.map(|revision| {
            let Revision {
                decision,
                update,
                manifests,
            } = revision;
            (decision, manifests, Some(update))
        })
    } else {
        advise::advise(question, &evidence, catalog, settings, now)
            .await
            .map(|advice| (advice.decision, advice.manifests, None))
    };
    match advice {
        Ok((decision, manifests, update)) => {
            if let Some(placement) = &decision.placement {
                let watched = ObjectRef::from_obj(watched);
                context
                    .cluster
                    .answered(watched, asker.runtime, &availability, placement);
            }
            if decision.explanation.counts.configurations > 0 {
                dependencies.found_rows(&key(watched));
            }
            let deviations = match &manifests {
                Some(Ok(manifests)) => manifests.deviations().to_vec(),
                _ => Vec::new(),
            };
            let delivery = match failure {
                Some(error) => Err(error),
                None => deliver(&children, context, intent, manifests, update.as_ref()).await,
            };
            let is_answer = decision.recommendation.is_some();
            Outcome::Answered {
                answer: Box::new(advise::answer(&decision)),
                awaits_room: !is_answer && decision.explanation.awaits_room(),
                change: update.map(|update| Box::new(Change::of(&update, &decision))),
                over_limit: decision.explanation.over_limit.map(Box::new),
                deviations,
                delivery,
            }
        }
        Err(AdviseError::Resolve(error)) => Outcome::Unresolvable(error),
        Err(AdviseError::Gather(error)) => Outcome::Unavailable(error),
    }
}
