//! Whose answer depends on what the cluster has room for, and on how much.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use kube::runtime::reflector::ObjectRef;

use super::{Asker, Cluster};
use crate::api::RuntimeSpec;
use crate::controller::context::Watched;
use crate::manifest;
use crate::recommend::{Availability, Placed, Placement, Thresholds};

/// What the answer of each intent was made of. An intent that is not here is about to get its first.
#[derive(Default)]
pub struct Concerns(Mutex<HashMap<String, Concern>>);

struct Concern {
    intent: ObjectRef<Watched>,
    /// Where it says something of nodes or resources.
    runtime: Option<Box<RuntimeSpec>>,
    placed: Option<Placed>,
    thresholds: Thresholds,
    unchecked: Vec<String>,
}

impl Concern {
    fn is_current(&self, cluster: &Cluster) -> bool {
        let asker = Asker {
            namespace: self.intent.namespace.as_deref().unwrap_or_default(),
            intent: &self.intent.name,
            runtime: self.runtime.as_deref(),
        };
        let now = cluster.availability(asker, self.placed.clone());
        self.thresholds.hold(&now) && now.unchecked == self.unchecked
    }
}

impl Concerns {
    /// The intent of this `runtime` was answered so, on this availability; whether it still is so.
    pub fn answered(
        &self,
        intent: ObjectRef<Watched>,
        runtime: Option<&RuntimeSpec>,
        availability: &Availability,
        placement: &Placement,
        cluster: &Cluster,
    ) -> bool {
        let placing = runtime.filter(|it| !manifest::places_as_built(Some(it)));
        let concern = Concern {
            placed: availability.placed.clone(),
            thresholds: placement.thresholds.clone(),
            unchecked: availability.unchecked.clone(),
            intent,
            runtime: placing.cloned().map(Box::new),
        };
        let is_current = concern.is_current(cluster);
        self.with(|all| all.insert(concern.intent.to_string(), concern));
        is_current
    }

    /// The intent is gone, or its answer depends on no cluster.
    pub fn forget(&self, intent: &str) {
        self.with(|all| all.remove(intent));
    }

    /// The intents whose answer may have become another.
    pub fn concerned(&self, cluster: &Cluster) -> Vec<ObjectRef<Watched>> {
        self.with(|all| {
            let concerned = all.values().filter(|concern| !concern.is_current(cluster));
            concerned.map(|it| it.intent.clone()).collect()
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut HashMap<String, Concern>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
