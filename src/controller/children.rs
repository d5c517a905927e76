//! The objects of one intent in the cluster: applied if they are the intent's, removed if they are,
//! never touched if they are not.

use std::fmt::Debug;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::core::{NamespaceResourceScope, ObjectMeta, PartialObjectMeta};
use kube::runtime::reflector::Store;
use kube::{Api, Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::context::{Context, FIELD_MANAGER};
use super::error::{ApiError, in_time};
use super::outcome::DeliverError;
use super::owned::Owned;
use crate::api::{DeploymentIntent, DeploymentIntentStatus};

/// Label that every object written by Compass carries, and that its watches select by.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by=compass";

/// A namespaced kind that this version of Kubernetes knows.
pub trait Child:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + Serialize
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// Those that the watch shows.
    fn seen(owned: &Owned) -> &Store<PartialObjectMeta<Self>>;

    /// Whether the intent's status says that there is one.
    fn is_told(status: &DeploymentIntentStatus) -> bool;
}

impl Child for ConfigMap {
    fn seen(owned: &Owned) -> &Store<PartialObjectMeta<Self>> {
        &owned.config_maps
    }

    fn is_told(status: &DeploymentIntentStatus) -> bool {
        status.manifests.is_some()
    }
}

impl Child for Service {
    fn seen(owned: &Owned) -> &Store<PartialObjectMeta<Self>> {
        &owned.services
    }

    fn is_told(status: &DeploymentIntentStatus) -> bool {
        status.delivered.is_some()
    }
}

impl Child for Deployment {
    fn seen(owned: &Owned) -> &Store<PartialObjectMeta<Self>> {
        &owned.deployments
    }

    fn is_told(status: &DeploymentIntentStatus) -> bool {
        status.delivered.is_some()
    }
}

/// An object that may be written: no other has its name.
pub struct Claimed<K> {
    object: K,
    /// Whether only the watch was asked, which may lag behind.
    as_watched: bool,
}

/// The objects named after one intent.
pub struct Children<'a> {
    client: &'a Client,
    owned: &'a Owned,
    status: &'a DeploymentIntentStatus,
    /// Namespace of the intent and its objects.
    pub namespace: &'a str,
    /// Name of the intent and its objects.
    pub name: &'a str,
    owner: Option<OwnerReference>,
}

impl<'a> Children<'a> {
    /// Those of `intent` and its `status`, as the API server returned them.
    pub fn of(
        intent: &'a DeploymentIntent,
        status: &'a DeploymentIntentStatus,
        context: &'a Context,
    ) -> Self {
        Self {
            client: &context.client,
            owned: &context.owned,
            status,
            namespace: intent.metadata.namespace.as_deref().unwrap_or_default(),
            name: intent.metadata.name.as_deref().unwrap_or_default(),
            owner: intent.controller_owner_ref(&()),
        }
    }

    /// Makes `object` the intent's, if no other object has its name.
    ///
    /// # Errors
    /// An object of that name that is not the intent's is a conflict, and stays as it is.
    pub async fn claim<K: Child>(&self, object: K) -> Result<Claimed<K>, DeliverError> {
        match self.owned.seen::<K>(self.namespace, &object.name_any()) {
            Some(seen) if self.owns(&seen.metadata) && !self.is_leaving(&seen.metadata) => {
                let is_still_this = (seen.metadata.uid.clone(), seen.resource_version());
                Ok(self.claimed(object, is_still_this, true))
            }
            _ => self.claim_as_stored(object).await,
        }
    }

    async fn claim_as_stored<K: Child>(&self, object: K) -> Result<Claimed<K>, DeliverError> {
        let name = object.name_any();
        let kind = K::kind(&()).into_owned();
        let uid = match self.existing::<K>(&name).await? {
            Some(existing) if self.is_leaving(&existing) => {
                return Err(DeliverError::Leaving { kind, name });
            }
            Some(existing) if !self.owns(&existing) => {
                return Err(DeliverError::Conflict { kind, name });
            }
            existing => existing.and_then(|existing| existing.uid),
        };
        Ok(self.claimed(object, (uid, None), false))
    }

    /// The uid makes the write fail if the object was replaced by another meanwhile, the version
    /// if it was changed at all.
    fn claimed<K: Child>(
        &self,
        mut object: K,
        (uid, resource_version): (Option<String>, Option<String>),
        as_watched: bool,
    ) -> Claimed<K> {
        let metadata = object.meta_mut();
        metadata.uid = uid;
        metadata.resource_version = resource_version;
        metadata.owner_references = self.owner.clone().map(|owner| vec![owner]);
        Claimed { object, as_watched }
    }

    /// Server-side apply: the fields of the object are forced to its values, others are left alone.
    pub async fn apply<K: Child>(&self, claimed: Claimed<K>) -> Result<K, DeliverError> {
        let applied = match self.patch(&claimed.object).await {
            // The watch showed another version of it.
            Err(error) if claimed.as_watched && (error.is_conflict() || error.is_not_found()) => {
                let claimed = self.claim_as_stored(claimed.object).await?;
                let name = claimed.object.name_any();
                let applied = self.patch(&claimed.object).await;
                applied.map_err(|source| failed::<K>(&name, source))?
            }
            applied => applied.map_err(|source| failed::<K>(&claimed.object.name_any(), source))?,
        };
        self.owned.wrote(&applied);
        Ok(applied)
    }

    async fn patch<K: Child>(&self, object: &K) -> Result<K, ApiError> {
        let name = object.name_any();
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        in_time(
            self.api::<K>()
                .patch(&name, &parameters, &Patch::Apply(object)),
        )
        .await
    }

    /// Removes the object that bears the intent's name, if there is one and it is the intent's.
    /// Not asked for where neither the status nor the watch nor Compass itself knows of one.
    pub async fn remove<K: Child>(&self) -> Result<(), DeliverError> {
        if !K::is_told(self.status) && !self.owned.knows::<K>(self.namespace, self.name) {
            return Ok(());
        }
        let Some(existing) = self.existing::<K>(self.name).await? else {
            return Ok(());
        };
        if !self.owns(&existing) || existing.deletion_timestamp.is_some() {
            return Ok(());
        }
        let this_one = DeleteParams::background().preconditions(Preconditions {
            uid: existing.uid,
            resource_version: None,
        });
        match in_time(self.api::<K>().delete(self.name, &this_one)).await {
            Err(ApiError::Kube(kube::Error::Api(status))) if status.is_not_found() => Ok(()),
            result => result
                .map(drop)
                .map_err(|source| failed::<K>(self.name, source)),
        }
    }

    async fn existing<K: Child>(&self, name: &str) -> Result<Option<ObjectMeta>, DeliverError> {
        in_time(self.api::<K>().get_metadata_opt(name))
            .await
            .map(|found| found.map(|found| found.metadata))
            .map_err(|source| failed::<K>(name, source))
    }

    fn owns(&self, object: &ObjectMeta) -> bool {
        self.owner
            .as_ref()
            .zip(controller(object))
            .is_some_and(|(ours, theirs)| ours.uid == theirs.uid)
    }

    /// Whether the object is being deleted, or belongs to a deleted intent of the same name and
    /// waits for the garbage collector.
    fn is_leaving(&self, object: &ObjectMeta) -> bool {
        object.deletion_timestamp.is_some()
            || self
                .owner
                .as_ref()
                .zip(controller(object))
                .is_some_and(|(ours, theirs)| {
                    (&ours.kind, &ours.name) == (&theirs.kind, &theirs.name)
                        && ours.uid != theirs.uid
                })
    }

    fn api<K: Child>(&self) -> Api<K> {
        Api::namespaced(self.client.clone(), self.namespace)
    }
}

fn controller(object: &ObjectMeta) -> Option<&OwnerReference> {
    object
        .owner_references
        .iter()
        .flatten()
        .find(|owner| owner.controller == Some(true))
}

fn failed<K: Child>(name: &str, source: ApiError) -> DeliverError {
    DeliverError::Api {
        kind: K::kind(&()).into_owned(),
        name: name.to_owned(),
        source,
    }
}
