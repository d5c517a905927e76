//! What whoever reads the manifests must know of them: where they hold less than was asked.

use std::fmt;

use super::autoscaling;
use super::plan::Plan;

/// Something that the manifests leave out or hold back, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// An autoscaler needs to know how many requests are in flight at the benchmarked rate.
    NoAutoscaler {
        /// The benchmark without a mean E2E latency.
        benchmark: String,
    },
    /// The autoscaler may run no more than the intent's limits allow.
    MaxReplicasLimited {
        /// The field that limits it.
        limit: &'static str,
        /// What was asked, or twice the recommendation's replicas.
        wanted: i32,
        /// What it may run.
        max: i32,
    },
    /// The demand needs more.
    MaxReplicasTooFew {
        /// What was asked.
        wanted: i32,
        /// What the demand needs.
        replicas: i32,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAutoscaler { benchmark } => write!(
                f,
                "no autoscaler: benchmark {benchmark} records no mean E2E latency, so nobody knows how many requests are in flight at its rate; the replicas stay as recommended"
            ),
            Self::MaxReplicasLimited { limit, wanted, max } => write!(
                f,
                "the autoscaler may run {max} replicas, not {wanted}: {limit} allows no more"
            ),
            Self::MaxReplicasTooFew { wanted, replicas } => write!(
                f,
                "the autoscaler runs {replicas} replicas, which the demand needs; runtime.autoscaling.maxReplicas is {wanted}: raise it"
            ),
        }
    }
}

pub(super) fn notes(plan: &Plan<'_>) -> Vec<Note> {
    autoscaling::notes(plan)
}
