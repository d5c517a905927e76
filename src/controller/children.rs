//! The objects of one intent in the cluster: applied if they are the intent's, removed if they are,
//! never touched if they are not.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::core::{DynamicObject, ObjectMeta};
use kube::{Api, Client, Resource, ResourceExt};

use super::context::{Context, FIELD_MANAGER};
use super::error::{ApiError, in_time};
use super::outcome::DeliverError;
use super::owned::{Known, Owned, api_resource, keep_own_annotations};
use super::volume_claim;
use crate::api::{DeploymentIntent, DeploymentIntentStatus};
use crate::manifest::{self, Kind, MANIFESTS_KEY, Object, annotation, label};
use crate::recommend::Running;

/// Label that every object written by Compass carries, and that its watches select by.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by=compass";

/// An object that may be written: no other has its name.
pub struct Claimed {
    kind: Kind,
    object: DynamicObject,
    /// Whether only the watch was asked, which may lag behind.
    as_watched: bool,
}

impl Claimed {
    /// Makes the write fail if the object is no longer this version.
    pub fn only_if_still(mut self, version: Option<String>) -> Self {
        self.object.metadata.resource_version = version;
        self.as_watched = false;
        self
    }
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

    /// Whether the cluster has the kind.
    pub fn may_have(&self, kind: Kind) -> bool {
        self.owned.serves(kind)
    }

    /// What runs, or is about to, as the intent's workload says (R12) or, where somebody changed what
    /// it says, as it was delivered. Where an autoscaler is about to go, what it made of the replicas
    /// is what runs.
    pub async fn running(&self, is_autoscaled: bool) -> Result<Option<Running>, DeliverError> {
        for kind in Kind::WORKLOADS {
            let Some(existing) = self.mine(kind).await? else {
                continue;
            };
            let said = manifest::running(&existing.annotations.unwrap_or_default());
            let said = match said {
                Some(said) => Some(said),
                None => self.delivered(kind).await?,
            };
            let Some(mut running) = said else {
                continue;
            };
            if !is_autoscaled && self.has_autoscaler().await? {
                let live = self.read(kind).await?;
                running.replicas = running.replicas.max(live.as_ref().map_or(0, replicas));
            }
            return Ok(Some(running));
        }
        Ok(None)
    }

    /// What the workload in the manifests that were delivered last says of itself.
    async fn delivered(&self, workload: Kind) -> Result<Option<Running>, DeliverError> {
        let Some(config_map) = self.read(Kind::ConfigMap).await? else {
            return Ok(None);
        };
        let manifests = config_map.data["data"][MANIFESTS_KEY].as_str();
        Ok(manifests.and_then(|yaml| manifest::running_of(yaml, workload)))
    }

    async fn has_autoscaler(&self) -> Result<bool, DeliverError> {
        for kind in Kind::AUTOSCALERS {
            if self.mine(kind).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What is known of the intent's object of its name.
    async fn mine(&self, kind: Kind) -> Result<Option<ObjectMeta>, DeliverError> {
        if !self.owned.serves(kind) {
            return Ok(None);
        }
        let existing = match self.owned.known(kind, self.namespace, self.name) {
            Known::Seen(seen) => Some(seen.metadata.clone()),
            Known::Absent => None,
            Known::Unsure => self.existing(kind, self.name).await?.map(|mut existing| {
                keep_own_annotations(&mut existing);
                existing
            }),
        };
        Ok(existing.filter(|it| self.owns(it) && !self.is_leaving(it)))
    }

    /// The object of the intent's name as it is, if it is the intent's.
    pub async fn read(&self, kind: Kind) -> Result<Option<DynamicObject>, DeliverError> {
        let found = in_time(self.api(kind).get_opt(self.name)).await;
        let found = found.map_err(|source| failed(kind, self.name, source))?;
        Ok(found.filter(|object| self.owns(&object.metadata)))
    }

    /// Makes `object` the intent's, if no other object has its name.
    ///
    /// # Errors
    /// An object of that name that is not the intent's is a conflict, and stays as it is.
    pub async fn claim(&self, object: &Object) -> Result<Claimed, DeliverError> {
        let kind = object.kind;
        if kind == Kind::PersistentVolumeClaim {
            return self.claim_volume(object).await;
        }
        let object = dynamic(object);
        match self.owned.seen(kind, self.namespace, &object.name_any()) {
            Some(seen) if self.owns(&seen.metadata) && !self.is_leaving(&seen.metadata) => {
                let is_still_this = (seen.metadata.uid.clone(), seen.resource_version());
                Ok(self.claimed(kind, object, is_still_this, true))
            }
            _ => self.claim_as_stored(kind, object).await,
        }
    }

    /// A claim that outlives its intent has no owner: it is the intent's by its labels. What is there
    /// keeps what cannot be changed of it, and is never made smaller.
    async fn claim_volume(&self, object: &Object) -> Result<Claimed, DeliverError> {
        let kind = object.kind;
        let name = object.name().to_owned();
        let mut wanted = dynamic(object);
        let live = in_time(self.api(kind).get_opt(&name)).await;
        let live = live.map_err(|source| failed(kind, &name, source))?;
        let uid = match live {
            Some(live) if self.is_leaving(&live.metadata) => {
                return self.see_off(kind, name, live.metadata).await;
            }
            Some(live) if !self.owns(&live.metadata) && !is_kept_for(self.name, &live) => {
                return Err(DeliverError::Conflict { kind, name });
            }
            Some(live) => {
                volume_claim::keep(&mut wanted.data["spec"], &live.data["spec"]);
                live.metadata.uid
            }
            None => None,
        };
        let mut claimed = self.claimed(kind, wanted, (uid, None), false);
        if object.annotation(annotation::RETAIN) == Some("true") {
            claimed.object.metadata.owner_references = None;
        }
        Ok(claimed)
    }

    async fn claim_as_stored(
        &self,
        kind: Kind,
        object: DynamicObject,
    ) -> Result<Claimed, DeliverError> {
        let name = object.name_any();
        let uid = match self.existing(kind, &name).await? {
            Some(existing) if self.is_leaving(&existing) => {
                return self.see_off(kind, name, existing).await;
            }
            Some(existing) if !self.owns(&existing) => {
                return Err(DeliverError::Conflict { kind, name });
            }
            existing => existing.and_then(|existing| existing.uid),
        };
        Ok(self.claimed(kind, object, (uid, None), false))
    }

    /// The uid makes the write fail if the object was replaced by another meanwhile, the version
    /// if it was changed at all.
    fn claimed(
        &self,
        kind: Kind,
        mut object: DynamicObject,
        (uid, resource_version): (Option<String>, Option<String>),
        as_watched: bool,
    ) -> Claimed {
        let metadata = object.meta_mut();
        metadata.uid = uid;
        metadata.resource_version = resource_version;
        metadata.owner_references = self.owner.clone().map(|owner| vec![owner]);
        Claimed {
            kind,
            object,
            as_watched,
        }
    }

    /// Server-side apply: the fields of the object are forced to its values, others are left alone.
    pub async fn apply(&self, claimed: Claimed) -> Result<DynamicObject, DeliverError> {
        let Claimed {
            kind,
            object,
            as_watched,
        } = claimed;
        let name = object.name_any();
        let applied = match self.patch(kind, &object).await {
            // The watch showed another version of it.
            Err(error) if as_watched && (error.is_conflict() || error.is_not_found()) => {
                let claimed = self.claim_as_stored(kind, object).await?;
                self.patch(kind, &claimed.object).await
            }
            applied => applied,
        };
        let applied = applied.map_err(|source| failed(kind, &name, source))?;
        self.owned.wrote(kind, &applied.metadata);
        Ok(applied)
    }

    async fn patch(&self, kind: Kind, object: &DynamicObject) -> Result<DynamicObject, ApiError> {
        let name = object.name_any();
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        in_time(
            self.api(kind)
                .patch(&name, &parameters, &Patch::Apply(object)),
        )
        .await
    }

    /// Removes the object of this name, if there is one and it is the intent's. Not asked for where
    /// neither the status nor the watch nor Compass itself knows of one.
    pub async fn remove(&self, kind: Kind, name: &str) -> Result<(), DeliverError> {
        let known = self.owned.known(kind, self.namespace, name);
        let is_unheard_of = !self.is_told(kind, name) && matches!(known, Known::Absent);
        if is_unheard_of || !self.owned.serves(kind) {
            return Ok(());
        }
        let Some(existing) = self.existing(kind, name).await? else {
            return Ok(());
        };
        if !self.owns(&existing) && !self.is_left_behind(&existing) {
            return Ok(());
        }
        self.delete(kind, name, existing).await
    }

    /// Waits for an object that is leaving to be gone.
    async fn see_off<T>(
        &self,
        kind: Kind,
        name: String,
        existing: ObjectMeta,
    ) -> Result<T, DeliverError> {
        self.delete(kind, &name, existing).await?;
        Err(DeliverError::Leaving { kind, name })
    }

    /// Deletes this very object, if nobody does so already.
    async fn delete(
        &self,
        kind: Kind,
        name: &str,
        existing: ObjectMeta,
    ) -> Result<(), DeliverError> {
        if existing.deletion_timestamp.is_some() {
            return Ok(());
        }
        let this_one = DeleteParams::background().preconditions(Preconditions {
            uid: existing.uid,
            resource_version: None,
        });
        match in_time(self.api(kind).delete(name, &this_one)).await {
            Err(error) if error.is_not_found() => Ok(()),
            result => result
                .map(drop)
                .map_err(|source| failed(kind, name, source)),
        }
    }

    /// Whether the intent's status says that there is one.
    fn is_told(&self, kind: Kind, name: &str) -> bool {
        name == self.name
            && match kind {
                Kind::ConfigMap => self.status.manifests.is_some(),
                Kind::Deployment | Kind::Service => self.status.delivered.is_some(),
                _ => false,
            }
    }

    async fn existing(&self, kind: Kind, name: &str) -> Result<Option<ObjectMeta>, DeliverError> {
        in_time(self.api(kind).get_metadata_opt(name))
            .await
            .map(|found| found.map(|found| found.metadata))
            .map_err(|source| failed(kind, name, source))
    }

    fn owns(&self, object: &ObjectMeta) -> bool {
        self.owner
            .as_ref()
            .zip(controller(object))
            .is_some_and(|(ours, theirs)| ours.uid == theirs.uid)
    }

    /// Whether the object is being deleted, or is about to be.
    fn is_leaving(&self, object: &ObjectMeta) -> bool {
        object.deletion_timestamp.is_some() || self.is_left_behind(object)
    }

    /// Whether the object belongs to a deleted intent of the same name. The garbage collector takes it
    /// away, unless it missed the deletion: to a watch that was interrupted, the intent that was made
    /// anew looks like a change of the old one.
    fn is_left_behind(&self, object: &ObjectMeta) -> bool {
        self.owner
            .as_ref()
            .zip(controller(object))
            .is_some_and(|(ours, theirs)| {
                (group(ours), &ours.kind, &ours.name) == (group(theirs), &theirs.kind, &theirs.name)
                    && ours.uid != theirs.uid
            })
    }

    fn api(&self, kind: Kind) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), self.namespace, &api_resource(kind))
    }
}

/// Whether Compass made an object with these labels.
pub fn is_managed(labels: &BTreeMap<String, String>) -> bool {
    labels.get(label::MANAGED_BY).map(String::as_str) == Some(label::COMPASS)
}

/// Whether an object that nobody owns was made for an intent of this name.
pub fn is_kept_for(intent: &str, object: &DynamicObject) -> bool {
    let labels = object.labels();
    controller(&object.metadata).is_none()
        && is_managed(labels)
        && labels.get(label::INSTANCE).map(String::as_str) == Some(intent)
}

/// The reference to the one that controls an object.
pub fn controller(object: &ObjectMeta) -> Option<&OwnerReference> {
    object
        .owner_references
        .iter()
        .flatten()
        .find(|owner| owner.controller == Some(true))
}

fn group(reference: &OwnerReference) -> Option<&str> {
    reference.api_version.split('/').next()
}

/// `spec.replicas` of a workload.
pub fn replicas(workload: &DynamicObject) -> i32 {
    let replicas = workload.data["spec"]["replicas"].as_i64();
    replicas.map_or(0, |replicas| i32::try_from(replicas).unwrap_or(i32::MAX))
}

/// As the client writes it.
pub fn dynamic(object: &Object) -> DynamicObject {
    serde_json::from_value(object.content.clone())
        .expect("what Compass builds is a Kubernetes object")
}

fn failed(kind: Kind, name: &str, source: ApiError) -> DeliverError {
    DeliverError::Api {
        kind,
        name: name.to_owned(),
        source,
    }
}
