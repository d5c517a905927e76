//! What every reconcile shares.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::core::{ApiResource, DynamicObject, NamespaceResourceScope, PartialObjectMeta};
use kube::{Api, Client, Resource};

use super::changes::Dependencies;
use super::cluster::watch::LiveCluster;
use super::events::Events;
use super::metrics::Metrics;
use super::owned::Owned;
use super::pods::Pods;
use super::shard::Shard;
use super::stored::Written;
use super::strategy::Settled;
use super::waiting::Waiting;
use crate::api::DeploymentIntent;
use crate::catalog::Catalog;
use crate::knowledge_base::KnowledgeBase;
use crate::manifest::Settings;

/// Owner of every field that Compass writes.
pub const FIELD_MANAGER: &str = "compass";

/// What the watch knows of an intent. The rest is read when it is needed, so that an intent that
/// cannot be decoded stops nobody else's.
pub type Watched = PartialObjectMeta<DeploymentIntent>;

/// Clients, settings and counters of the running operator.
pub struct Context {
    /// The API server, asked and written to by reconciles: of several operators only the leader's
    /// writes.
    pub client: Client,
    /// The API server, watched also by an operator that stands by.
    pub watching: Client,
    /// Where evidence is read.
    pub knowledge_base: KnowledgeBase,
    /// Use cases, hardware and models.
    pub catalog: Arc<Catalog>,
    /// How manifests are built.
    pub settings: Settings,
    /// How long an answer stands until it is looked at again although nothing was told to change.
    pub resync: Duration,
    /// Whose intents are looked at.
    pub shard: Shard,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Whose turn has not come.
    pub waiting: Arc<Waiting>,
    /// Where transitions are told.
    pub events: Events,
    /// When a failing intent is tried again.
    pub backoff: Backoff,
    /// What the watches know of the objects that Compass made.
    pub owned: Owned,
    /// What the watch knows of the pods of what Compass made.
    pub pods: Arc<Pods>,
    /// What the cluster has room for.
    pub cluster: Arc<LiveCluster>,
    /// Which Deployments need not be read before they are written.
    pub settled: Settled,
    /// What was written last of each intent.
    pub written: Written,
    /// What each answer was made of.
    pub dependencies: Arc<Dependencies>,
}

impl Context {
    /// The intent is gone, and so is what was known of it.
    pub fn forget(&self, intent: &str) {
        self.dependencies.forget(intent);
        self.cluster.forget(intent);
        self.written.forget(intent);
        self.backoff.forget(intent);
        self.waiting.forget(intent);
    }

    /// All objects of a kind where the operator works.
    pub fn everywhere<K>(&self) -> Vec<Api<K>>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        self.shard.places(|namespace| match namespace {
            Some(namespace) => Api::namespaced(self.watching.clone(), namespace),
            None => Api::all(self.watching.clone()),
        })
    }

    /// What is known of all objects of a kind that is named by a value.
    pub fn everywhere_of(&self, kind: &ApiResource) -> Vec<Api<PartialObjectMeta<DynamicObject>>> {
        self.shard.places(|namespace| match namespace {
            Some(namespace) => Api::namespaced_with(self.watching.clone(), namespace, kind),
            None => Api::all_with(self.watching.clone(), kind),
        })
    }
}

/// How often each object failed in a row. A success forgets it.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: Mutex<HashMap<String, u32>>,
}

impl Backoff {
    const FIRST: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_secs(60);

    /// Counts a failure of the object; the time to its next attempt: twice as long after each
    /// failure, at most a minute.
    pub fn after_failure(&self, object: &str) -> Duration {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(object.to_owned()).or_default();
        let delay = Self::FIRST
            .saturating_mul(1 << (*count).min(16))
            .min(Self::LONGEST);
        *count += 1;
        spread(delay, object)
    }

    /// Whether the last attempt failed.
    pub fn has_failed(&self, object: &str) -> bool {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.contains_key(object)
    }

    /// The object succeeded, or is gone.
    pub fn forget(&self, object: &str) {
        self.failures
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(object);
    }
}

/// Up to a tenth more or less, another for each object, so that they do not all come back at once.
pub fn spread(delay: Duration, object: &str) -> Duration {
    let mut hasher = DefaultHasher::new();
    object.hash(&mut hasher);
    delay.mul_f64(0.9 + 0.2 * (hasher.finish() % 1000) as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest_and_start_again_after_a_success() {
        let backoff = Backoff::default();
        let near = |delay: Duration, seconds: f64| {
            (0.9 * seconds..=1.1 * seconds).contains(&delay.as_secs_f64())
        };
        for seconds in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] {
            let delay = backoff.after_failure("a");
            assert!(near(delay, seconds), "{delay:?} is not about {seconds} s");
        }
        assert!(near(backoff.after_failure("b"), 1.0));
        assert!(backoff.has_failed("a"));
        backoff.forget("a");
        assert!(!backoff.has_failed("a"));
        assert!(near(backoff.after_failure("a"), 1.0));
    }
}
