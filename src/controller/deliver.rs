//! From an answer to objects in the cluster. Only this file knows what Recommend, Render and Apply
//! write, and what they take away.

use k8s_openapi::api::apps::v1::Deployment;
use kube::core::DynamicObject;
use serde_json::json;
use tracing::instrument;

use super::children::{Children, Claimed, replicas};
use super::context::Context;
use super::kserve;
use super::message;
use super::outcome::{DeliverError, Delivery, Rollout};
use super::pod::Replica;
use super::rollout::rollout;
use super::strategy::Strategy;
use crate::api::{DeliveryMode, DeploymentIntent, ManifestsStatus};
use crate::manifest::{BuildError, Built, Kind, MANIFESTS_KEY, Manifests, Object, annotation};
use crate::recommend::Update;

/// Notes of a status.
const NOTES_SHOWN: usize = 10;

/// Deviations listed in the status.
const DEVIATIONS_SHOWN: usize = 10;

/// Delivers as the intent's mode asks, and takes away what an earlier mode left. Without anything
/// to deliver nothing is taken away that the mode wants: what was delivered last stays (R12).
/// `update` is what the answer changes of what runs, in mode Apply.
#[instrument(skip_all)]
pub async fn deliver(
    children: &Children<'_>,
    context: &Context,
    intent: &DeploymentIntent,
    manifests: Option<Result<Manifests<Built>, BuildError>>,
    update: Option<&Update>,
) -> Result<Delivery, DeliverError> {
    let mode = intent.spec.delivery.mode;
    if intent.spec.suspend {
        return Ok(if mode == DeliveryMode::Recommend {
            Delivery::StatusOnly
        } else {
            Delivery::Suspended
        });
    }
    match mode {
        DeliveryMode::Recommend => {
            children.remove(Kind::ConfigMap, children.name).await?;
            prune(children, &[]).await?;
            Ok(Delivery::StatusOnly)
        }
        DeliveryMode::Render => {
            prune(children, &[]).await?;
            match manifests.transpose()? {
                Some(manifests) => {
                    let config_map = children.claim(&config_map(children, &manifests)).await?;
                    children.apply(config_map).await?;
                    let status = manifests_status(children, &manifests, &[]);
                    Ok(Delivery::Rendered(status))
                }
                None => Ok(Delivery::KeptRendered),
            }
        }
        DeliveryMode::Apply => match manifests.transpose()? {
            Some(manifests) if manifests.lacks_token() => Err(DeliverError::LacksToken),
            Some(manifests) => apply(children, context, manifests).await,
            None if update.is_some_and(|update| !update.keeps && update.proposal.is_some()) => {
                Err(DeliverError::Estimated)
            }
            None => Ok(Delivery::KeptApplied {
                rollout: running_rollout(children, context).await?,
            }),
        },
    }
}

/// All objects or, where somebody else has one of the names, none.
async fn apply(
    children: &Children<'_>,
    context: &Context,
    manifests: Manifests<Built>,
) -> Result<Delivery, DeliverError> {
    let config_map = children.claim(&config_map(children, &manifests)).await?;
    let pods = context.pods.of(children.namespace, children.name);
    let known_pods = pods.as_deref().unwrap_or_default();
    let mut workload = manifests.workload().clone();
    let strategy = context
        .settled
        .strategy(&context.client, &workload, known_pods)
        .await
        .map_err(|source| DeliverError::Api {
            kind: workload.kind,
            name: children.name.to_owned(),
            source,
        })?;
    strategy.set(&mut workload.content);
    let workload = claim_workload(children, workload).await?;
    let (served, not_served): (Vec<_>, Vec<_>) = manifests
        .others()
        .iter()
        .partition(|it| children.may_have(it.kind));
    let mut others = Vec::new();
    for object in &served {
        others.push(children.claim(object).await?);
    }
    children.apply(config_map).await?;
    if served.iter().any(|it| Kind::AUTOSCALERS.contains(&it.kind)) {
        // KEDA refuses to scale what another autoscaler does.
        for kind in Kind::AUTOSCALERS {
            if served.iter().all(|it| it.kind != kind) {
                children.remove(kind, children.name).await?;
            }
        }
    }
    for object in others {
        children.apply(object).await?;
    }
    let running = children.apply(workload).await?;
    let wanted: Vec<_> = served.into_iter().chain([manifests.workload()]).collect();
    prune(children, &wanted).await?;
    let rollout = rollout_of(manifests.workload().kind, running, context, &pods, strategy);
    Ok(Delivery::Applied {
        manifests: manifests_status(children, &manifests, &not_served),
        delivered: Box::new(manifests.delivered()),
        rollout,
    })
}

/// Where an autoscaler sets the replicas, the manifests do not: what it made of them stays, and a write
/// that would undo what it does meanwhile fails. A field that is merely left out would become 1.
async fn claim_workload(
    children: &Children<'_>,
    mut workload: Object,
) -> Result<Claimed, DeliverError> {
    let planned = workload.annotation(annotation::REPLICAS);
    let planned: i32 = planned.and_then(|it| it.parse().ok()).unwrap_or(1);
    if !children.may_have(workload.kind) {
        return Err(DeliverError::NotServed(workload.kind));
    }
    if workload.kind != Kind::Deployment || workload.content["spec"].get("replicas").is_some() {
        return children.claim(&workload).await;
    }
    let live = children.read(workload.kind).await?;
    let runs = live.as_ref().map_or(0, replicas);
    workload.content["spec"]["replicas"] = json!(planned.max(runs));
    let claimed = children.claim(&workload).await?;
    Ok(match live {
        Some(live) => claimed.only_if_still(live.metadata.resource_version),
        None => claimed,
    })
}

/// How far what runs is; `None` where nothing does.
async fn running_rollout(
    children: &Children<'_>,
    context: &Context,
) -> Result<Option<Rollout>, DeliverError> {
    let pods = context.pods.of(children.namespace, children.name);
    for kind in Kind::WORKLOADS {
        if children.may_have(kind)
            && let Some(running) = children.read(kind).await?
        {
            let strategy = Strategy::AsRendered;
            return Ok(Some(rollout_of(kind, running, context, &pods, strategy)));
        }
    }
    Ok(None)
}

fn rollout_of(
    kind: Kind,
    running: DynamicObject,
    context: &Context,
    pods: &Result<Vec<Replica>, String>,
    strategy: Strategy,
) -> Rollout {
    if kind == Kind::LLMInferenceService {
        return kserve::rollout(&running);
    }
    // What cannot be read has not been seen to run.
    let mut running: Deployment = running.try_parse().unwrap_or_default();
    context.settled.applied(&mut running);
    rollout(&running, pods, strategy)
}

/// The manifests' YAML, byte for byte, under the intent's name.
fn config_map(children: &Children<'_>, manifests: &Manifests<Built>) -> Object {
    let content = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": children.name,
            "namespace": children.namespace,
            "labels": manifests.workload().content["metadata"]["labels"],
        },
        "data": {MANIFESTS_KEY: manifests.yaml()},
    });
    Object {
        kind: Kind::ConfigMap,
        content,
    }
}

fn manifests_status(
    children: &Children<'_>,
    manifests: &Manifests<Built>,
    not_served: &[&Object],
) -> ManifestsStatus {
    let notes = manifests.notes().iter().map(ToString::to_string);
    let not_served = not_served.iter().map(|it| message::not_served(it.kind));
    ManifestsStatus {
        config_map: children.name.to_owned(),
        digest: manifests.digest(),
        notes: not_served.chain(notes).take(NOTES_SHOWN).collect(),
        deviations: manifests
            .deviations()
            .iter()
            .take(DEVIATIONS_SHOWN)
            .map(ToString::to_string)
            .collect(),
    }
}

/// Takes away what of the intent's objects is not wanted; the manifests' ConfigMap stays.
async fn prune(children: &Children<'_>, wanted: &[&Object]) -> Result<(), DeliverError> {
    for kind in Kind::ALL {
        if wanted.iter().all(|it| it.kind != kind) {
            children.remove(kind, &kind.name(children.name)).await?;
        }
    }
    Ok(())
}
