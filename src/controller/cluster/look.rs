//! One look at what the cluster has room for, as the command line takes it.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod, ResourceQuota};
use kube::api::ListParams;
use kube::runtime::watcher::Event;
use kube::{Api, Client};
use serde::de::DeserializeOwned;

use super::watch::NOT_OVER;
use super::{Asker, Cluster};
use crate::catalog::Catalog;
use crate::controller::error::{ApiError, in_time};
use crate::recommend::Availability;

/// What the cluster has room for; what may not be seen stands in `unchecked`.
///
/// # Errors
/// The API server does not answer.
pub async fn look(
    client: &Client,
    catalog: Arc<Catalog>,
    asker: Asker<'_>,
) -> Result<Availability, ApiError> {
    let everything = ListParams::default();
    let not_over = ListParams::default().fields(NOT_OVER);
    let nodes: Api<Node> = Api::all(client.clone());
    let pods: Api<Pod> = Api::all(client.clone());
    let quotas: Api<ResourceQuota> = Api::namespaced(client.clone(), asker.namespace);
    let mut cluster = Cluster::new(catalog);
    match listed(&nodes, &everything).await? {
        Ok(nodes) => events(nodes).for_each(|event| {
            cluster.node(event);
        }),
        Err(problem) => {
            cluster.nodes.refuse(problem);
        }
    }
    match listed(&pods, &not_over).await? {
        Ok(pods) => events(pods).for_each(|event| {
            cluster.pod(event);
        }),
        Err(problem) => {
            cluster.refuse_pods(problem);
        }
    }
    match listed(&quotas, &everything).await? {
        Ok(quotas) => events(quotas).for_each(|event| {
            cluster.quota(event);
        }),
        Err(problem) => {
            cluster.quotas.refuse(problem);
        }
    }
    Ok(cluster.availability(asker, None))
}

/// All objects, or what the API server says where it refuses.
async fn listed<K: Clone + std::fmt::Debug + DeserializeOwned>(
    api: &Api<K>,
    parameters: &ListParams,
) -> Result<Result<Vec<K>, String>, ApiError> {
    match in_time(api.list(parameters)).await {
        Ok(list) => Ok(Ok(list.items)),
        Err(error) if error.is_refusal() => Ok(Err(error.to_string())),
        Err(error) => Err(error),
    }
}

/// As a watch would tell of them.
fn events<K>(objects: Vec<K>) -> impl Iterator<Item = Event<K>> {
    let objects = objects.into_iter().map(Event::InitApply);
    [Event::Init]
        .into_iter()
        .chain(objects)
        .chain([Event::InitDone])
}
