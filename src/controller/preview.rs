//! What an intent's manifests would change of the objects that are there. The API server says it
//! itself, by a server-side apply as the operator does it, of which nothing is stored; with the rights
//! of whoever asks.

use std::fmt;

use kube::api::{Patch, PatchParams};
use kube::core::DynamicObject;
use kube::{Api, Client, Resource, ResourceExt};
use serde_json::{Value, json};

use super::children::{controller, dynamic, is_kept_for, replicas};
use super::context::FIELD_MANAGER;
use super::error::{ApiError, in_time};
use super::owned::api_resource;
use super::volume_claim;
use crate::api::DeploymentIntent;
use crate::manifest::{Built, Kind, Manifests, Object, annotation};

/// What would become of an object.
#[derive(Debug)]
pub struct Preview {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// What would change.
    pub change: Result<Change, Unknown>,
}

/// An object as it is and as it would be, without what the API server alone says of it.
#[derive(Debug, PartialEq)]
pub struct Change {
    /// As it is; `None` where there is none.
    pub live: Option<Object>,
    /// As it would be; `None` where it would be removed.
    pub proposed: Option<Object>,
}

/// Why it is not known what would change.
#[derive(Debug)]
pub enum Unknown {
    /// The object is somebody else's.
    Foreign,
    /// It may not be read or tried.
    Refused(ApiError),
    /// The object would go if there is one, and that may not be looked at.
    MayBeLeft,
    /// The cluster has no such kind.
    NotServed,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("it does not belong to this intent"),
            Self::Refused(error) => error.fmt(f),
            Self::MayBeLeft => f.write_str("it is not wanted any more, if there is one"),
            Self::NotServed => f.write_str("the cluster does not serve this kind"),
        }
    }
}

/// What `manifests` would change of the objects of `intent`, each of its kinds in turn.
pub async fn preview(
    client: &Client,
    intent: &DeploymentIntent,
    manifests: &Manifests<Built>,
) -> Vec<Preview> {
    let mut previews = Vec::new();
    for object in manifests.objects() {
        previews.push(Preview {
            kind: object.kind,
            name: object.name().to_owned(),
            change: applied(client, intent, object).await,
        });
    }
    for kind in Kind::ALL {
        if manifests.objects().any(|object| object.kind == kind) {
            continue;
        }
        let name = kind.name(&intent.name_any());
        let change = match in_time(api(client, intent, kind).get(&name)).await {
            Ok(live) if owns(intent, &live) => Ok(Change {
                live: Some(told(kind, live)),
                proposed: None,
            }),
            Ok(_) => continue,
            Err(error) if error.is_not_found() => continue,
            Err(_) => Err(Unknown::MayBeLeft),
        };
        previews.push(Preview { kind, name, change });
    }
    previews
}

async fn applied(
    client: &Client,
    intent: &DeploymentIntent,
    object: &Object,
) -> Result<Change, Unknown> {
    let kind = object.kind;
    let api = api(client, intent, kind);
    let name = object.name();
    let live = match in_time(api.get(name)).await {
        Ok(live) => Some(live),
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(Unknown::Refused(error)),
    };
    let wanted = wanted(intent, object, live.as_ref())?;
    let dry_run = PatchParams::apply(FIELD_MANAGER).force().dry_run();
    let tried = in_time(api.patch(name, &dry_run, &Patch::Apply(&wanted))).await;
    let proposed = tried.map_err(|error| match error {
        error if error.is_not_found() && !kind.is_built_in() => Unknown::NotServed,
        error => Unknown::Refused(error),
    })?;
    Ok(Change {
        live: live.map(|live| told(kind, live)),
        proposed: Some(told(kind, proposed)),
    })
}

/// The object as the operator would write it over `live`: it keeps what cannot be changed of a claim,
/// and the replicas that an autoscaler made.
fn wanted(
    intent: &DeploymentIntent,
    object: &Object,
    live: Option<&DynamicObject>,
) -> Result<DynamicObject, Unknown> {
    let mut wanted = dynamic(object);
    if object.annotation(annotation::RETAIN) != Some("true") {
        let owner = intent.controller_owner_ref(&());
        wanted.metadata.owner_references = owner.map(|owner| vec![owner]);
    }
    let Some(live) = live else {
        return Ok(wanted);
    };
    let is_claim = object.kind == Kind::PersistentVolumeClaim;
    let is_kept = is_claim && is_kept_for(&intent.name_any(), live);
    if !owns(intent, live) && !is_kept {
        return Err(Unknown::Foreign);
    }
    if is_claim {
        volume_claim::keep(&mut wanted.data["spec"], &live.data["spec"]);
    }
    if object.kind == Kind::Deployment && wanted.data["spec"].get("replicas").is_none() {
        let planned = object.annotation(annotation::REPLICAS);
        let planned: i32 = planned.and_then(|it| it.parse().ok()).unwrap_or(1);
        wanted.data["spec"]["replicas"] = json!(planned.max(replicas(live)));
    }
    Ok(wanted)
}

fn owns(intent: &DeploymentIntent, object: &DynamicObject) -> bool {
    controller(&object.metadata).is_some_and(|owner| Some(&owner.uid) == intent.meta().uid.as_ref())
}

/// Without what nobody writes by hand, and changes by itself.
fn told(kind: Kind, object: DynamicObject) -> Object {
    let mut content = serde_json::to_value(object).unwrap_or_default();
    let fields = [
        ("", "status"),
        ("/metadata", "managedFields"),
        ("/metadata", "generation"),
        ("/metadata", "resourceVersion"),
        ("/metadata", "uid"),
        ("/metadata", "creationTimestamp"),
    ];
    for (parent, field) in fields {
        let parent = content.pointer_mut(parent).and_then(Value::as_object_mut);
        parent.map(|parent| parent.remove(field));
    }
    Object { kind, content }
}

fn api(client: &Client, intent: &DeploymentIntent, kind: Kind) -> Api<DynamicObject> {
    let namespace = intent.namespace().unwrap_or_default();
    Api::namespaced_with(client.clone(), &namespace, &api_resource(kind))
}
