//! From an answer to objects in the cluster. Only this file knows what Recommend, Render and Apply
//! write, and what they take away.

use k8s_openapi::api::apps::v1::Deployment;
use kube::core::DynamicObject;
use serde_json::json;

use super::children::Children;
use super::context::Context;
use super::outcome::{DeliverError, Delivery, Rollout};
use super::rollout::rollout;
use super::strategy::Strategy;
use crate::api::{DeliveryMode, DeploymentIntent, ManifestsStatus};
use crate::manifest::{BuildError, Built, Kind, Manifests, Object};
use crate::recommend::Update;

/// Key of the manifests' YAML in the ConfigMap.
const MANIFESTS_KEY: &str = "manifests.yaml";

/// Delivers as the intent's mode asks, and takes away what an earlier mode left. Without anything
/// to deliver nothing is taken away that the mode wants: what was delivered last stays (R12).
/// `update` is what the answer changes of what runs, in mode Apply.
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
            remove_workload(children).await?;
            Ok(Delivery::StatusOnly)
        }
        DeliveryMode::Render => {
            remove_workload(children).await?;
            match manifests.transpose()? {
                Some(manifests) => {
                    let config_map = children.claim(&config_map(children, &manifests)).await?;
                    children.apply(config_map).await?;
                    Ok(Delivery::Rendered(manifests_status(children, &manifests)))
                }
                None => Ok(Delivery::KeptRendered),
            }
        }
        DeliveryMode::Apply => match manifests.transpose()? {
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
    let workload = children.claim(&workload).await?;
    let mut others = Vec::new();
    for object in manifests.others() {
        others.push(children.claim(object).await?);
    }
    children.apply(config_map).await?;
    for object in others {
        children.apply(object).await?;
    }
    let running = children.apply(workload).await?;
    let running = deployment(running);
    context.settled.applied(&running);
    Ok(Delivery::Applied {
        manifests: manifests_status(children, &manifests),
        delivered: Box::new(manifests.delivered()),
        rollout: rollout(&running, &pods, strategy),
    })
}

/// How far what runs is; `None` where nothing does.
async fn running_rollout(
    children: &Children<'_>,
    context: &Context,
) -> Result<Option<Rollout>, DeliverError> {
    let pods = context.pods.of(children.namespace, children.name);
    let running = children.read(Kind::Deployment).await?;
    Ok(running.map(|running| rollout(&deployment(running), &pods, Strategy::AsRendered)))
}

/// What cannot be read has not been seen to run.
fn deployment(workload: DynamicObject) -> Deployment {
    workload.try_parse().unwrap_or_default()
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

fn manifests_status(children: &Children<'_>, manifests: &Manifests<Built>) -> ManifestsStatus {
    ManifestsStatus {
        config_map: children.name.to_owned(),
        digest: manifests.digest(),
    }
}

async fn remove_workload(children: &Children<'_>) -> Result<(), DeliverError> {
    for kind in Kind::ALL {
        if kind != Kind::ConfigMap {
            children.remove(kind, children.name).await?;
        }
    }
    Ok(())
}
