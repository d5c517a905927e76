//! What the watches know of the objects that Compass made. A change reaches many intents at once,
//! and then each call that is not made brings the last one's status forward.

use std::collections::HashMap;
use std::future::ready;
use std::sync::{Arc, Mutex, PoisonError};

use futures::{FutureExt, Stream, TryStreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kube::core::{ObjectMeta, PartialObjectMeta};
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::{WatchStreamExt, reflector, watcher};
use kube::{Api, ResourceExt};

use super::children::{Child, MANAGED_BY};

/// The objects as they were last seen, which may be a moment ago.
pub struct Owned {
    /// ConfigMaps.
    pub config_maps: Store<PartialObjectMeta<ConfigMap>>,
    /// Services.
    pub services: Store<PartialObjectMeta<Service>>,
    /// Deployments.
    pub deployments: Store<PartialObjectMeta<Deployment>>,
    /// The version of each object that Compass wrote and the watch has not yet shown.
    written: Mutex<HashMap<String, u64>>,
}

/// Where the watches put what they see.
pub struct Writers {
    /// ConfigMaps.
    pub config_maps: Writer<PartialObjectMeta<ConfigMap>>,
    /// Services.
    pub services: Writer<PartialObjectMeta<Service>>,
    /// Deployments.
    pub deployments: Writer<PartialObjectMeta<Deployment>>,
}

impl Owned {
    /// Nothing seen yet.
    pub fn new() -> (Self, Writers) {
        let config_maps = reflector::store();
        let services = reflector::store();
        let deployments = reflector::store();
        let owned = Self {
            config_maps: config_maps.0,
            services: services.0,
            deployments: deployments.0,
            written: Mutex::default(),
        };
        let writers = Writers {
            config_maps: config_maps.1,
            services: services.1,
            deployments: deployments.1,
        };
        (owned, writers)
    }

    /// The object of this name as the watch shows it.
    pub fn seen<K: Child>(&self, namespace: &str, name: &str) -> Option<Arc<PartialObjectMeta<K>>> {
        K::seen(self).get(&ObjectRef::new(name).within(namespace))
    }

    /// Whether there may be an object of this name. One that nobody knows of yet makes its intent
    /// be looked at when the watch shows it.
    pub fn knows<K: Child>(&self, namespace: &str, name: &str) -> bool {
        let is_complete = K::seen(self).wait_until_ready().now_or_never().is_some();
        let is_written = || self.with(|written| written.contains_key(&key::<K>(namespace, name)));
        !is_complete || self.seen::<K>(namespace, name).is_some() || is_written()
    }

    /// Compass wrote this, so its showing up in the watch is no news.
    pub fn wrote<K: Child>(&self, object: &K) {
        let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
        let seen = self.seen::<K>(&namespace, &name);
        let seen = seen.and_then(|seen| version(&seen.metadata));
        // A write that changed nothing will not show up, and what was shown will not again.
        if let Some(version) = version(object.meta())
            && seen.is_none_or(|seen| seen < version)
        {
            self.with(|written| written.insert(key::<K>(&namespace, &name), version));
        }
    }

    fn is_news<K: Child>(&self, object: &PartialObjectMeta<K>) -> bool {
        let namespace = object.namespace().unwrap_or_default();
        let key = key::<K>(&namespace, &object.name_any());
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

    fn with<T>(&self, work: impl FnOnce(&mut HashMap<String, u64>) -> T) -> T {
        work(&mut self.written.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn key<K: Child>(namespace: &str, name: &str) -> String {
    format!("{}/{namespace}/{name}", K::kind(&()))
}

/// Versions are numbers that grow. One that is not a number does not compare.
pub fn version(object: &ObjectMeta) -> Option<u64> {
    object.resource_version.as_ref()?.parse().ok()
}

/// Keeps what is needed of an object: these make up most of one.
pub fn slim<K>(object: &mut PartialObjectMeta<K>) {
    object.metadata.managed_fields = None;
    object.metadata.annotations = None;
    object.metadata.labels = None;
}

/// What happens to the objects of a kind, without what Compass just did to them itself.
pub fn watch<K: Child>(
    owned: Arc<Owned>,
    api: Api<PartialObjectMeta<K>>,
    writer: Writer<PartialObjectMeta<K>>,
) -> impl Stream<Item = Result<PartialObjectMeta<K>, watcher::Error>> {
    watcher(api, watcher::Config::default().labels(MANAGED_BY))
        .default_backoff()
        .modify(slim)
        .reflect(writer)
        .touched_objects()
        .try_filter(move |object| ready(owned.is_news::<K>(object)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config_map(version: &str) -> ConfigMap {
        ConfigMap {
            metadata: ObjectMeta {
                name: Some("chat".to_owned()),
                namespace: Some("assistants".to_owned()),
                resource_version: Some(version.to_owned()),
                ..ObjectMeta::default()
            },
            ..ConfigMap::default()
        }
    }

    fn seen(version: &str) -> PartialObjectMeta<ConfigMap> {
        PartialObjectMeta {
            metadata: config_map(version).metadata,
            ..PartialObjectMeta::default()
        }
    }

    #[test]
    fn only_what_others_did_is_news() {
        let (owned, mut writers) = Owned::new();
        let knows = || owned.knows::<ConfigMap>("assistants", "chat");
        assert!(knows(), "nobody has looked yet");
        for event in [watcher::Event::Init, watcher::Event::InitDone] {
            writers.config_maps.apply_watcher_event(&event);
        }
        assert!(owned.is_news(&seen("1")) && !knows());
        owned.wrote(&config_map("2"));
        assert!(knows(), "although the watch does not show it");
        assert!(owned.is_news(&seen("1")), "it was under way before");
        assert!(!owned.is_news(&seen("2")) && !knows());
        assert!(
            owned.is_news(&seen("2")),
            "told again after the watch was lost"
        );
        writers
            .config_maps
            .apply_watcher_event(&watcher::Event::Apply(seen("2")));
        assert!(knows());
        owned.wrote(&config_map("2"));
        assert!(owned.is_news(&seen("2")), "that write changed nothing");
        owned.wrote(&config_map("9"));
        assert!(
            owned.is_news(&seen("10")),
            "somebody else's came with or after it"
        );
        assert!(owned.is_news(&seen("9")), "forgotten");
    }
}
