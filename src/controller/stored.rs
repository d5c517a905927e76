//! An intent as the API server has it now: read before a reconcile, its status written after.

use kube::api::PostParams;
use kube::core::ApiResource;
use kube::core::{DynamicObject, ObjectMeta, TypeMeta};
use kube::{Api, Resource};
use serde_json::json;
use tracing::info;

use super::context::{Context, FIELD_MANAGER, Watched};
use super::error::{Error, in_time};
use crate::api::conditions::READY;
use crate::api::{DeploymentIntent, DeploymentIntentStatus};

/// An intent that is there and not being deleted.
pub struct Stored {
    /// The intent, or what is wrong with it.
    pub intent: Result<DeploymentIntent, String>,
    /// Its status; of an undecodable intent as far as it can be read.
    pub status: DeploymentIntentStatus,
    /// Generation of its spec.
    pub generation: i64,
    metadata: ObjectMeta,
}

impl Stored {
    /// The watch may lag behind what was just written, so the API server is asked. `None` where
    /// the intent is gone or going.
    pub async fn read(watched: &Watched, context: &Context) -> Result<Option<Self>, Error> {
        let name = watched.metadata.name.as_deref().unwrap_or_default();
        let api = api(context, &watched.metadata);
        let found = in_time(api.get_opt(name)).await.map_err(Error::Read)?;
        Ok(found
            .filter(|object| object.metadata.deletion_timestamp.is_none())
            .map(Self::decode))
    }

    /// The status is read apart: one of another version says nothing against the spec.
    fn decode(mut object: DynamicObject) -> Self {
        let metadata = object.metadata.clone();
        let status = object
            .data
            .as_object_mut()
            .and_then(|fields| fields.remove("status"))
            .unwrap_or_default();
        let intent = serde_json::to_value(object)
            .map_err(|error| error.to_string())
            .and_then(|object| {
                serde_path_to_error::deserialize(object).map_err(|error| error.to_string())
            });
        Self {
            intent,
            status: serde_json::from_value(status.clone()).unwrap_or_else(|_| {
                let conditions = status.get("conditions").cloned().unwrap_or_default();
                DeploymentIntentStatus {
                    conditions: serde_json::from_value(conditions).unwrap_or_default(),
                    ..DeploymentIntentStatus::default()
                }
            }),
            generation: metadata.generation.unwrap_or_default(),
            metadata,
        }
    }

    /// Writes `next` where it differs, and tells what has changed. Fails where the intent has
    /// changed since it was read: then the answer is to another question.
    pub async fn write(
        &self,
        next: &DeploymentIntentStatus,
        context: &Context,
    ) -> Result<(), Error> {
        if *next == self.status {
            return Ok(());
        }
        let name = self.metadata.name.clone().unwrap_or_default();
        let object = DynamicObject {
            types: Some(TypeMeta::resource::<DeploymentIntent>()),
            metadata: ObjectMeta {
                name: Some(name.clone()),
                namespace: self.metadata.namespace.clone(),
                resource_version: self.metadata.resource_version.clone(),
                ..ObjectMeta::default()
            },
            data: json!({"status": next, "spec": {}}),
        };
        let ours = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            dry_run: false,
        };
        let written = in_time(api(context, &self.metadata).replace_status(&name, &ours, &object))
            .await
            .map_err(Error::WriteStatus)?;
        log(next, &self.metadata);
        let mut reference = written.object_ref(&api_resource());
        // Without it the recorder takes a later event of the same reason for a repetition, and
        // keeps the first one's note.
        reference.resource_version = written.metadata.resource_version;
        context.events.tell(&self.status, next, &reference).await;
        Ok(())
    }
}

fn api_resource() -> ApiResource {
    ApiResource::erase::<DeploymentIntent>(&())
}

fn api(context: &Context, intent: &ObjectMeta) -> Api<DynamicObject> {
    let namespace = intent.namespace.as_deref().unwrap_or_default();
    Api::namespaced_with(context.client.clone(), namespace, &api_resource())
}

fn log(status: &DeploymentIntentStatus, intent: &ObjectMeta) {
    let Some(ready) = status
        .conditions
        .iter()
        .find(|condition| condition.type_ == READY)
    else {
        return;
    };
    info!(
        namespace = intent.namespace,
        name = intent.name,
        generation = intent.generation,
        ready = ready.status,
        reason = ready.reason,
        "{}",
        ready.message
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_of_another_version_says_nothing_against_the_spec() {
        let object = json!({
            "apiVersion": "compass.dev/v1alpha1",
            "kind": "DeploymentIntent",
            "metadata": {"name": "chat", "namespace": "assistants", "generation": 3},
            "spec": {"useCase": "translation"},
            "status": {
                "recommendation": {"fieldsOf": "tomorrow"},
                "conditions": [{
                    "type": "theirs/Seen", "status": "True", "reason": "Theirs", "message": "",
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                }],
            },
        });
        let stored = Stored::decode(serde_json::from_value(object).unwrap());
        assert!(stored.intent.is_ok());
        assert_eq!(stored.status.recommendation, None);
        assert_eq!(stored.status.conditions[0].type_, "theirs/Seen");
    }
}
