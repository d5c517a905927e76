//! Intents that are to be looked at and whose turn has not come.
//!
//! kube's controller keeps its queue to itself; what goes into it and what comes out is seen here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use kube::runtime::reflector::ObjectRef;

use super::context::Watched;
use super::metrics::Metrics;

/// Since when each waits. One that is told of again waits no less.
pub struct Waiting {
    since: Mutex<HashMap<String, Instant>>,
    metrics: Arc<Metrics>,
}

impl Waiting {
    /// Nobody waits yet.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            since: Mutex::default(),
            metrics,
        }
    }

    /// The intent is to be looked at.
    pub fn tell(&self, intent: &ObjectRef<Watched>) {
        self.with(|since| {
            since.entry(intent.to_string()).or_insert_with(Instant::now);
        });
    }

    /// Its turn has come. One that comes by itself, after a time, did not wait.
    pub fn begin(&self, intent: &str) {
        if let Some(since) = self.with(|since| since.remove(intent)) {
            self.metrics.waited(since.elapsed());
        }
    }

    /// The intent is gone.
    pub fn forget(&self, intent: &str) {
        self.with(|since| since.remove(intent));
    }

    fn with<T>(&self, work: impl FnOnce(&mut HashMap<String, Instant>) -> T) -> T {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut since);
        self.metrics.queued(since.len());
        result
    }
}
