//! What the watches know of the objects that Compass made. A change reaches many intents at once,
//! and then each call that is not made brings the last one's status forward.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::channel::mpsc::UnboundedSender;
use futures::{FutureExt, StreamExt};
use kube::core::{ApiResource, DynamicObject, ObjectMeta, PartialObjectMeta};
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Resource, ResourceExt};
use tracing::warn;

use super::children::{MANAGED_BY, controller};
use super::context::{Context, FIELD_MANAGER, Watched};
use super::error::{in_time, said_of_watch};
use super::together;
use crate::api::DeploymentIntent;
use crate::manifest::Kind;

/// Annotations that say what runs.
const ANNOTATION_PREFIX: &str = "compass.dev/";

/// How often it is looked whether a kind is served.
const UNTIL_SERVED: Duration = Duration::from_secs(15);

/// An object as the watch shows it.
pub type Seen = PartialObjectMeta<DynamicObject>;

/// The objects as they were last seen, which may be a moment ago.
#[derive(Default)]
pub struct Owned {
    /// Of each kind that is watched.
    shown: Mutex<BTreeMap<Kind, Store<Seen>>>,
    /// The version of each object that Compass wrote and the watch has not yet shown.
    written: Mutex<HashMap<(Kind, ObjectRef<DynamicObject>), u64>>,
}

/// What is known of an object without asking the API server.
#[derive(Debug)]
pub enum Known {
    /// As the watch shows it, and Compass did not write it since.
    Seen(Arc<Seen>),
    /// There is none.
    Absent,
    /// Only the API server can say.
    Unsure,
}

impl Owned {
    /// The object of this name as the watch shows it.
    pub fn seen(&self, kind: Kind, namespace: &str, name: &str) -> Option<Arc<Seen>> {
        let reference = ObjectRef::new_with(name, api_resource(kind)).within(namespace);
        self.shown(kind)?.get(&reference)
    }

    /// What is known of the object of this name without asking the API server. One that nobody knows
    /// of yet makes its intent be looked at when the watch shows it.
    pub fn known(&self, kind: Kind, namespace: &str, name: &str) -> Known {
        let is_complete = self
            .shown(kind)
            .is_some_and(|shown| shown.wait_until_ready().now_or_never().is_some());
        let key = key(kind, namespace, name);
        if !is_complete || self.with(|written| written.contains_key(&key)) {
            return Known::Unsure;
        }
        let seen = self.seen(kind, namespace, name);
        seen.map_or(Known::Absent, Known::Seen)
    }

    /// Compass wrote this, so its showing up in the watch is no news.
    pub fn wrote(&self, kind: Kind, object: &ObjectMeta) {
        let namespace = object.namespace.as_deref().unwrap_or_default();
        let name = object.name.as_deref().unwrap_or_default();
        let seen = self.seen(kind, namespace, name);
        let seen = seen.and_then(|seen| version(&seen.metadata));
        // A write that changed nothing will not show up, and what was shown will not again.
        if let Some(version) = version(object)
            && seen.is_none_or(|seen| seen < version)
        {
            self.with(|written| written.insert(key(kind, namespace, name), version));
        }
    }

    fn is_news(&self, kind: Kind, object: &Seen) -> bool {
        let namespace = object.namespace().unwrap_or_default();
        let key = key(kind, &namespace, &object.name_any());
        let shown = version(&object.metadata);
        self.with(|written| match written.get(&key).copied() {
            // Whatever was under way before the write.
            Some(version) if shown.is_some_and(|shown| shown < version) => true,
            Some(version) => {
                written.remove(&key);
                shown != Some(version)
            }
            None => true,
        })
    }

    fn shown(&self, kind: Kind) -> Option<Store<Seen>> {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.get(&kind).cloned()
    }

    /// Whether the cluster has the kind, as far as known.
    pub fn serves(&self, kind: Kind) -> bool {
        kind.is_built_in() || self.shown(kind).is_some()
    }

    fn no_longer_served(&self, kind: Kind) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.remove(&kind);
    }

    /// Where the watch of a kind puts what it sees.
    fn watched(&self, kind: Kind) -> Writer<Seen> {
        let writer = Writer::new(api_resource(kind));
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.insert(kind, writer.as_reader());
        writer
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&mut HashMap<(Kind, ObjectRef<DynamicObject>), u64>) -> T,
    ) -> T {
        work(&mut self.written.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn key(kind: Kind, namespace: &str, name: &str) -> (Kind, ObjectRef<DynamicObject>) {
    let reference = ObjectRef::new_with(name, api_resource(kind)).within(namespace);
    (kind, reference)
}

/// What the client asks for a kind by.
pub fn api_resource(kind: Kind) -> ApiResource {
    let resource = kind.resource();
    ApiResource {
        group: resource.group.to_owned(),
        version: resource.version.to_owned(),
        api_version: resource.api_version(),
        kind: resource.kind.to_owned(),
        plural: resource.plural.to_owned(),
    }
}

/// Versions are numbers that grow. One that is not a number does not compare.
pub fn version(object: &ObjectMeta) -> Option<u64> {
    object.resource_version.as_ref()?.parse().ok()
}

/// Keeps what is needed of an object that Compass made: the rest makes up most of one.
fn slim(object: &mut Seen) {
    keep_own_annotations(&mut object.metadata);
    object.metadata.labels = None;
}

/// Keeps of the annotations those that Compass wrote last. By server-side apply, a field belongs to
/// whoever set its value: what somebody else changed says nothing of what Compass delivered.
pub fn keep_own_annotations(metadata: &mut ObjectMeta) {
    let managed = metadata.managed_fields.take().unwrap_or_default();
    let applied = managed.iter().filter(|it| {
        let by = (it.manager.as_deref(), it.operation.as_deref());
        by == (Some(FIELD_MANAGER), Some("Apply"))
    });
    let fields = applied.filter_map(|it| Some(&it.fields_v1.as_ref()?.0));
    let own: Vec<_> = fields
        .filter_map(|fields| fields.pointer("/f:metadata/f:annotations"))
        .collect();
    if let Some(annotations) = &mut metadata.annotations {
        annotations.retain(|key, _| {
            let field = format!("f:{key}");
            key.starts_with(ANNOTATION_PREFIX) && own.iter().any(|it| it.get(&field).is_some())
        });
    }
}

/// What the watch of a kind tells of.
#[derive(Clone)]
pub struct Tell {
    /// An intent to whose objects something happened that Compass did not just do itself.
    pub concerned: UnboundedSender<ObjectRef<Watched>>,
    /// A kind is served that was not: every intent may have objects of it now.
    pub served: UnboundedSender<()>,
}

/// Starts to know the objects of the kinds that the cluster serves now.
pub async fn look(context: &Context) -> BTreeMap<Kind, Writer<Seen>> {
    let mut writers = BTreeMap::new();
    for kind in Kind::ALL {
        if is_served(kind, context).await {
            writers.insert(kind, context.owned.watched(kind));
        }
    }
    writers
}

/// Watches the objects of a kind as long as it is served, and waits until it is. `writer` is that of
/// [`look`].
pub async fn follow(kind: Kind, mut writer: Option<Writer<Seen>>, context: &Context, tell: Tell) {
    loop {
        let writer = match writer.take() {
            Some(writer) => writer,
            None => {
                while !is_served(kind, context).await {
                    tokio::time::sleep(UNTIL_SERVED).await;
                }
                let writer = context.owned.watched(kind);
                // Nobody listens only once the operator stops.
                let _ = tell.served.unbounded_send(());
                writer
            }
        };
        watch(kind, writer, context, &tell).await;
        context.owned.no_longer_served(kind);
    }
}

/// Whether the API server has the kind. Where it does not say, it is asked again later.
async fn is_served(kind: Kind, context: &Context) -> bool {
    let resource = kind.resource();
    kind.is_built_in()
        || in_time(
            context
                .watching
                .list_api_group_resources(&resource.api_version()),
        )
        .await
        .is_ok_and(|served| served.resources.iter().any(|it| it.name == resource.plural))
}

/// Until the kind is gone.
async fn watch(kind: Kind, writer: Writer<Seen>, context: &Context, tell: &Tell) {
    let owned = &context.owned;
    let config = watcher::Config::default().labels(MANAGED_BY);
    together::watch(context.everywhere_of(&api_resource(kind)), &config, slim)
        .reflect(writer)
        .touched_objects()
        .take_while(|event| std::future::ready(kind.is_built_in() || !is_gone(event)))
        .for_each(|event| {
            match event {
                Ok(object) if owned.is_news(kind, &object) => {
                    if let Some(intent) = intent_of(&object.metadata) {
                        let _ = tell.concerned.unbounded_send(intent);
                    }
                }
                Ok(_) => {}
                Err(error) => warn!(%kind, %error, "the watch will be tried again"),
            }
            std::future::ready(())
        })
        .await;
}

fn is_gone(event: &Result<Seen, watcher::Error>) -> bool {
    let error = event.as_ref().err();
    error
        .and_then(said_of_watch)
        .is_some_and(|status| status.code == 404)
}

fn intent_of(object: &ObjectMeta) -> Option<ObjectRef<Watched>> {
    let owner = controller(object)?;
    let is_intent = owner.kind == DeploymentIntent::kind(&())
        && owner.api_version == DeploymentIntent::api_version(&());
    is_intent.then(|| {
        ObjectRef::new(&owner.name).within(object.namespace.as_deref().unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config_map(version: &str) -> ObjectMeta {
        ObjectMeta {
            name: Some("chat".to_owned()),
            namespace: Some("assistants".to_owned()),
            resource_version: Some(version.to_owned()),
            ..ObjectMeta::default()
        }
    }

    fn seen(version: &str) -> Seen {
        Seen {
            types: None,
            metadata: config_map(version),
            _phantom: Default::default(),
        }
    }

    #[test]
    fn an_annotation_that_others_changed_is_none_of_compass() {
        let fields = |key: &str| serde_json::json!({"f:metadata": {"f:annotations": {key: {}}}});
        let managed = |manager: &str, operation: &str, key: &str| serde_json::json!({"manager": manager, "operation": operation, "fieldsV1": fields(key)});
        let metadata = serde_json::json!({
            "annotations": {"compass.dev/model": "a/b", "compass.dev/replicas": "7",
                "compass.dev/hardware": "H100", "theirs": "x"},
            "managedFields": [
                managed("compass", "Apply", "f:compass.dev/model"),
                managed("kubectl-annotate", "Update", "f:compass.dev/replicas"),
                managed("compass", "Update", "f:compass.dev/hardware"),
                managed("compass", "Apply", "f:theirs"),
            ],
        });
        let mut metadata: ObjectMeta = serde_json::from_value(metadata).unwrap();
        keep_own_annotations(&mut metadata);
        let kept: Vec<_> = metadata.annotations.unwrap().into_keys().collect();
        assert_eq!(kept, ["compass.dev/model"]);
        assert_eq!(metadata.managed_fields, None);
    }

    #[test]
    fn only_what_others_did_is_news() {
        let owned = Owned::default();
        let knows = || {
            let known = owned.known(Kind::ConfigMap, "assistants", "chat");
            !matches!(known, Known::Absent)
        };
        let is_news = |object: &Seen| owned.is_news(Kind::ConfigMap, object);
        let wrote = |object: &ObjectMeta| owned.wrote(Kind::ConfigMap, object);
        assert!(knows(), "nobody has looked yet");
        let mut writer = owned.watched(Kind::ConfigMap);
        assert!(knows(), "nobody has seen all yet");
        for event in [watcher::Event::Init, watcher::Event::InitDone] {
            writer.apply_watcher_event(&event);
        }
        assert!(is_news(&seen("1")) && !knows());
        wrote(&config_map("2"));
        assert!(knows(), "although the watch does not show it");
        assert!(is_news(&seen("1")), "it was under way before");
        assert!(!is_news(&seen("2")) && !knows());
        assert!(is_news(&seen("2")), "told again after the watch was lost");
        writer.apply_watcher_event(&watcher::Event::Apply(seen("2")));
        assert!(knows());
        wrote(&config_map("2"));
        assert!(is_news(&seen("2")), "that write changed nothing");
        wrote(&config_map("9"));
        assert!(
            is_news(&seen("10")),
            "somebody else's came with or after it"
        );
        assert!(is_news(&seen("9")), "forgotten");
    }
}
