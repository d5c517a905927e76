//! An intent as the API server has it now: read before a reconcile, its status written after.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Resource;
use kube::api::{GetParams, PostParams};
use kube::core::{ObjectMeta, PartialObjectMetaExt, Request};
use kube::runtime::reflector::ObjectRef;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tracing::{info, instrument};

use super::context::{Context, FIELD_MANAGER, Watched};
use super::error::{ApiError, Error, in_time};
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
        let key = ObjectRef::from_obj(watched).to_string();
        let at_least = context.written.newest(&key, &watched.metadata);
        let found = match get(watched, &at_least, context).await {
            // Its memory is that far behind, or a backup was restored that knows no such version.
            Err(error) if error.is_timeout() => {
                context.written.forget(&key);
                get(watched, &GetParams::default(), context).await
            }
            found => found,
        };
        let found = match found {
            Err(error) if error.is_not_found() => None,
            found => Some(found.map_err(Error::Read)?),
        };
        Ok(found
            .filter(|parts| parts.metadata.deletion_timestamp.is_none())
            .map(|parts| Self::decode(parts, key)))
    }

    fn decode(parts: Parts, key: String) -> Self {
        let generation = parts.metadata.generation.unwrap_or_default();
        Self {
            intent: parts.intent(),
            status: parts.status(),
            generation,
            metadata: parts.metadata,
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
        let name = self.metadata.name.as_deref().unwrap_or_default();
        let body = Body {
            api_version: DeploymentIntent::api_version(&()),
            kind: DeploymentIntent::kind(&()),
            metadata: ObjectMeta {
                name: self.metadata.name.clone(),
                namespace: self.metadata.namespace.clone(),
                resource_version: self.metadata.resource_version.clone(),
                ..ObjectMeta::default()
            },
            spec: NoSpec {},
            status: next,
        };
        let ours = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            dry_run: false,
        };
        let body = serde_json::to_vec(&body).map_err(kube::Error::SerdeError);
        let written = in_time(async {
            let request = requests(&self.metadata)
                .replace_subresource("status", name, &ours, body?)
                .map_err(kube::Error::BuildRequest)?;
            context.client.request::<Answer>(request).await
        });
        let written = written.await.map_err(Error::WriteStatus)?;
        context.written.wrote(&self.key, &written.metadata);
        log(&self.status, next);
        let written: Watched = written.metadata.into_response_partial();
        context
            .events
            .tell(&self.status, next, &written.object_ref(&()));
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

async fn get(
    watched: &Watched,
    at_least: &GetParams,
    context: &Context,
) -> Result<Parts, ApiError> {
    let name = watched.metadata.name.as_deref().unwrap_or_default();
    in_time(async {
        let request = requests(&watched.metadata).get(name, at_least);
        let request = request.map_err(kube::Error::BuildRequest)?;
        context.client.request(request).await
    })
    .await
}

fn requests(intent: &ObjectMeta) -> Request {
    let namespace = intent.namespace.as_deref();
    Request::new(DeploymentIntent::url_path(&(), namespace))
}

/// An intent whose parts are decoded each for itself: a status of another version says nothing
/// against the spec.
#[derive(Deserialize)]
struct Parts {
    metadata: ObjectMeta,
    spec: Option<Box<RawValue>>,
    status: Option<Box<RawValue>>,
}

impl Parts {
    fn intent(&self) -> Result<DeploymentIntent, String> {
        let spec = self.spec.as_deref().ok_or("missing field `spec`")?;
        let spec = serde_json::from_str(spec.get()).or_else(|_| {
            // Again, for a message with a path and without a line.
            let spec: serde_json::Value =
                serde_json::from_str(spec.get()).map_err(|error| error.to_string())?;
            serde_path_to_error::deserialize(spec).map_err(|error| match error.path() {
                path if path.iter().next().is_none() => format!("spec: {}", error.inner()),
                path => format!("spec.{path}: {}", error.inner()),
            })
        })?;
        Ok(DeploymentIntent {
            metadata: self.metadata.clone(),
            spec,
            status: None,
        })
    }

    fn status(&self) -> DeploymentIntentStatus {
        /// What every version has.
        #[derive(Default, Deserialize)]
        struct Conditions {
            #[serde(default)]
            conditions: Vec<Condition>,
        }
        let Some(status) = self.status.as_deref() else {
            return DeploymentIntentStatus::default();
        };
        serde_json::from_str(status.get()).unwrap_or_else(|_| {
            let Conditions { conditions } = serde_json::from_str(status.get()).unwrap_or_default();
            DeploymentIntentStatus {
                conditions,
                ..DeploymentIntentStatus::default()
            }
        })
    }
}

/// What a status is written with.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    api_version: Cow<'a, str>,
    kind: Cow<'a, str>,
    metadata: ObjectMeta,
    spec: NoSpec,
    status: &'a DeploymentIntentStatus,
}

/// The API server wants one and leaves it as it is.
#[derive(Serialize)]
struct NoSpec {}

/// What is needed of its answer.
#[derive(Deserialize)]
struct Answer {
    metadata: ObjectMeta,
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
    use serde_json::json;

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
        let parts = serde_json::from_str(&object.to_string()).unwrap();
        let stored = Stored::decode(parts, String::new());
        assert!(stored.intent.is_ok());
        assert_eq!(stored.status.recommendation, None);
        assert_eq!(stored.status.conditions[0].type_, "theirs/Seen");
    }

    #[test]
    fn what_cannot_be_decoded_is_named_by_its_path() {
        let problem = |object: serde_json::Value| {
            let parts: Parts = serde_json::from_str(&object.to_string()).unwrap();
            parts.intent().unwrap_err()
        };
        let metadata = json!({"name": "chat"});
        let poetry = problem(json!({"metadata": metadata, "spec": {"useCase": "poetry"}}));
        assert!(
            poetry.starts_with("spec.useCase: unknown variant `poetry`, expected one of"),
            "{poetry}"
        );
        assert_eq!(
            problem(json!({"metadata": metadata, "spec": {}})),
            "spec: missing field `useCase`"
        );
        assert_eq!(
            problem(json!({"metadata": metadata})),
            "missing field `spec`"
        );
    }
}
