//! The objects of one intent in the cluster: applied if they are the intent's, removed if they are,
//! never touched if they are not.

use std::fmt::Debug;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::core::NamespaceResourceScope;
use kube::core::ObjectMeta;
use kube::{Api, Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::context::FIELD_MANAGER;
use super::error::{ApiError, in_time};
use super::outcome::DeliverError;
use crate::api::DeploymentIntent;

/// Label that every object written by Compass carries, and that its watches select by.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by=compass";

/// A namespaced kind that this version of Kubernetes knows.
pub trait Child:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + Serialize
    + DeserializeOwned
{
}

impl<K> Child for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned
{
}

/// An object that may be written: no other has its name.
pub struct Claimed<K>(K);

/// The objects named after one intent.
pub struct Children<'a> {
    client: &'a Client,
    /// Namespace of the intent and its objects.
    pub namespace: &'a str,
    /// Name of the intent and its objects.
    pub name: &'a str,
    owner: Option<OwnerReference>,
}

impl<'a> Children<'a> {
    /// Those of `intent`, as the API server returned it.
    pub fn of(intent: &'a DeploymentIntent, client: &'a Client) -> Self {
        Self {
            client,
            namespace: intent.metadata.namespace.as_deref().unwrap_or_default(),
            name: intent.metadata.name.as_deref().unwrap_or_default(),
            owner: intent.controller_owner_ref(&()),
        }
    }

    /// Makes `object` the intent's, if no other object has its name.
    ///
    /// # Errors
    /// An object of that name that is not the intent's is a conflict, and stays as it is.
    pub async fn claim<K: Child>(&self, mut object: K) -> Result<Claimed<K>, DeliverError> {
        let name = object.name_any();
        // The uid makes the write fail if that object was replaced by another meanwhile.
        let kind = K::kind(&()).into_owned();
        object.meta_mut().uid = match self.existing::<K>(&name).await? {
            Some(existing) if self.is_leaving(&existing) => {
                return Err(DeliverError::Leaving { kind, name });
            }
            Some(existing) if !self.owns(&existing) => {
                return Err(DeliverError::Conflict { kind, name });
            }
            existing => existing.and_then(|existing| existing.uid),
        };
        object.meta_mut().owner_references = self.owner.clone().map(|owner| vec![owner]);
        Ok(Claimed(object))
    }

    /// Server-side apply: the fields of the object are forced to its values, others are left alone.
    pub async fn apply<K: Child>(&self, Claimed(object): Claimed<K>) -> Result<K, DeliverError> {
        let name = object.name_any();
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        in_time(
            self.api::<K>()
                .patch(&name, &parameters, &Patch::Apply(&object)),
        )
        .await
        .map_err(|source| failed::<K>(&name, source))
    }

    /// Removes the object that bears the intent's name, if there is one and it is the intent's.
    pub async fn remove<K: Child>(&self) -> Result<(), DeliverError> {
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
