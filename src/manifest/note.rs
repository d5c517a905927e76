//! What whoever reads the manifests must know of them: where they hold less than was asked.

use std::fmt;

use super::plan::Plan;
use super::{autoscaling, monitoring};
use crate::recommend::Target;

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
    /// The target is not at an edge of vLLM's histogram.
    Undecidable {
        /// The target.
        target: Target,
        /// Its value, ms.
        target_ms: u32,
        /// The greatest edge below it, ms.
        lower_ms: Option<u32>,
        /// The least edge above it, ms.
        upper_ms: Option<u32>,
    },
    /// That version of vLLM does not count what the benchmark measured.
    NoHistogram {
        /// The target.
        target: Target,
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
            Self::Undecidable {
                target,
                target_ms,
                lower_ms,
                upper_ms: Some(upper),
            } => {
                write!(f, "the {target} target of {target_ms} ms lies ")?;
                match lower_ms {
                    Some(lower) => write!(
                        f,
                        "between two edges of vLLM's histogram, {lower} ms and {upper} ms: whether it is met is undecidable where more than 5 % of the requests are above {lower} ms and no more than 5 % above {upper} ms"
                    ),
                    None => write!(
                        f,
                        "below the first edge of vLLM's histogram, {upper} ms: whether it is met is undecidable where no more than 5 % of the requests are above {upper} ms"
                    ),
                }
            }
            Self::Undecidable {
                target, target_ms, ..
            } => write!(
                f,
                "the {target} target of {target_ms} ms lies above the last edge of vLLM's histogram: nothing shows that it is violated, so no alert watches it"
            ),
            Self::NoHistogram { target } => write!(
                f,
                "this version of vLLM has no histogram of the {target} that was benchmarked, so no alert watches it"
            ),
        }
    }
}

pub(super) fn notes(plan: &Plan<'_>) -> Vec<Note> {
    let mut notes = autoscaling::notes(plan);
    notes.append(&mut monitoring::notes(plan));
    notes
}
