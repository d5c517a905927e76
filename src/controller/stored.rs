//! An intent as the API server has it now: read before a reconcile, its status written after.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{GetParams, PostParams};
use kube::core::ApiResource;
use kube::core::{DynamicObject, ObjectMeta, TypeMeta};
use kube::runtime::reflector::ObjectRef;
use kube::{Api, Resource};
use serde_json::json;
use tracing::{info, instrument};

use super::context::{Context, FIELD_MANAGER, Watched};
use super::error::{Error, in_time};
use super::owned::version;
use crate::api::conditions::{EVIDENCE_CURRENT, READY};
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
    key: String,
}

impl Stored {
    /// The watch may lag behind what was just written, so the API server is asked; it answers from
    /// memory, unless that is older than what was watched or written. `None` where the intent is
    /// gone or going.
    #[instrument(skip_all)]
    pub async fn read(watched: &Watched, context: &Context) -> Result<Option<Self>, Error> {
        let name = watched.metadata.name.as_deref().unwrap_or_default();
        let api = api(context, &watched.metadata);
        let key = ObjectRef::from_obj(watched).to_string();
        let at_least = context.written.newest(&key, &watched.metadata);
        let found = match in_time(api.get_with(name, &at_least)).await {
            Err(error) if error.is_not_found() => None,
            // Its memory is that far behind, or a backup was restored that knows no such version.
            Err(error) if error.is_timeout() => {
                context.written.forget(&key);
                in_time(api.get_opt(name)).await.map_err(Error::Read)?
            }
            found => Some(found.map_err(Error::Read)?),
        };
        Ok(found
            .filter(|object| object.metadata.deletion_timestamp.is_none())
            .map(|object| Self::decode(object, key)))
    }

    /// The status is read apart: one of another version says nothing against the spec.
    fn decode(mut object: DynamicObject, key: String) -> Self {
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
            key,
        }
    }

    /// Writes `next` where it differs, and tells what has changed. Fails where the intent has
    /// changed since it was read: then the answer is to another question.
    #[instrument(name = "status", skip_all)]
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
        context.written.wrote(&self.key, &written.metadata);
        log(&self.status, next);
        let reference = written.object_ref(&api_resource());
        context.events.tell(&self.status, next, &reference);
        Ok(())
    }
}

/// The version of each status that was written last: what is read is never older, though the watch
/// may be.
#[derive(Debug, Default)]
pub struct Written {
    versions: Mutex<HashMap<String, u64>>,
}

impl Written {
    fn wrote(&self, intent: &str, metadata: &ObjectMeta) {
        if let Some(version) = version(metadata) {
            self.with(|versions| versions.insert(intent.to_string(), version));
        }
    }

    /// The intent is gone, or its versions start anew.
    pub fn forget(&self, intent: &str) {
        self.with(|versions| versions.remove(intent));
    }

    /// No older than what was watched, and than what was written.
    fn newest(&self, intent: &str, watched: &ObjectMeta) -> GetParams {
        let written = self.with(|versions| versions.get(intent).copied());
        let newest = version(watched).map(|watched| written.unwrap_or_default().max(watched));
        GetParams {
            resource_version: newest.map(|version| version.to_string()),
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut HashMap<String, u64>) -> T) -> T {
        work(&mut self.versions.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn api_resource() -> ApiResource {
    ApiResource::erase::<DeploymentIntent>(&())
}

fn api(context: &Context, intent: &ObjectMeta) -> Api<DynamicObject> {
    let namespace = intent.namespace.as_deref().unwrap_or_default();
    Api::namespaced_with(context.client.clone(), namespace, &api_resource())
}

/// A line where the outcome is another one; the reconcile's span names the intent.
fn log(previous: &DeploymentIntentStatus, next: &DeploymentIntentStatus) {
    if outcome(previous) == outcome(next) {
        return;
    }
    if let Some(ready) = condition(next, READY) {
        let evidence = condition(next, EVIDENCE_CURRENT);
        info!(
            ready = ready.status,
            reason = ready.reason,
            evidence_current = evidence.map(|evidence| &*evidence.status),
            "{}",
            ready.message
        );
    }
}

/// What a person would call one: each condition with its reason, and what is said of readiness.
fn outcome(status: &DeploymentIntentStatus) -> (Vec<[&str; 3]>, Option<&str>) {
    let conditions = status.conditions.iter();
    (
        conditions
            .map(|it| [&*it.type_, &it.status, &it.reason])
            .collect(),
        condition(status, READY).map(|ready| &*ready.message),
    )
}

fn condition<'a>(status: &'a DeploymentIntentStatus, type_: &str) -> Option<&'a Condition> {
    status
        .conditions
        .iter()
        .find(|condition| condition.type_ == type_)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_no_older_than_what_was_watched_or_written() {
        let at = |version: &str| ObjectMeta {
            resource_version: Some(version.to_owned()),
            ..ObjectMeta::default()
        };
        let chat = "assistants/chat";
        let written = Written::default();
        let read = |watched| written.newest(chat, &at(watched)).resource_version;
        assert_eq!(read("9").as_deref(), Some("9"));
        written.wrote(chat, &at("10"));
        assert_eq!(read("9").as_deref(), Some("10"));
        assert_eq!(read("11").as_deref(), Some("11"));
        assert_eq!(read("eleven"), None, "as new as can be");
        written.forget(chat);
        assert_eq!(read("9").as_deref(), Some("9"));
    }

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
        let stored = Stored::decode(serde_json::from_value(object).unwrap(), String::new());
        assert!(stored.intent.is_ok());
        assert_eq!(stored.status.recommendation, None);
        assert_eq!(stored.status.conditions[0].type_, "theirs/Seen");
    }
}
