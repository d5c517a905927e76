//! Why there is no estimate (R13).

use std::fmt;

use serde::Serialize;

use super::{LARGEST_ERROR_PERCENT, LEAST_PROFILES, LEAST_RATES};
use crate::benchmark::TrafficProfile;
use crate::recommend::Target;

/// Why a configuration is not estimated. The order is that in which the reasons are looked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Refusal {
    /// Too few profiles have enough steady rates of one kind under the same conditions.
    TooFewProfiles {
        /// Those that have.
        profiles: usize,
    },
    /// The profile is not between those that were benchmarked.
    OutsideProfiles {
        /// Those that were.
        profiles: Vec<TrafficProfile>,
    },
    /// The law does not even find the configuration's own benchmarks again.
    LawDoesNotHold {
        /// The target that it misses most.
        target: Target,
        /// Median error with one profile left out at a time, percent; `None` where it is beyond
        /// saturation for most of the rows.
        error_percent: Option<f64>,
    },
    /// All benchmarks ran at so little load that nothing shows where a replica saturates.
    LoadUnseen,
    /// Too few other configurations to learn from how wrong an estimate can be.
    TooFewConfigurations {
        /// Other configurations of that kind for which the law holds.
        configurations: usize,
        /// How many it takes.
        needed: usize,
    },
    /// More load than the benchmarks that the law was fitted on had.
    LoadTooHigh {
        /// The highest rate that can be estimated, requests per second.
        highest_rps: f64,
    },
}

impl Refusal {
    /// What this reason has in common with its like, so that configurations can be counted by it.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooFewProfiles { .. } => {
                "fewer than four other profiles with four steady rates each"
            }
            Self::OutsideProfiles { .. } => "the profile is not between the benchmarked ones",
            Self::LawDoesNotHold { .. } => {
                "the law misses the configuration's own benchmarks by more than 15 %"
            }
            Self::LoadUnseen => "no benchmark shows how latency grows with load",
            Self::TooFewConfigurations { .. } => {
                "too few other configurations to tell how wrong an estimate can be"
            }
            Self::LoadTooHigh { .. } => "more load than was benchmarked",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFewProfiles { profiles } => write!(
                f,
                "{profiles} other profiles have {LEAST_RATES} steady rates or more of one kind; \
                 an estimate takes {LEAST_PROFILES}: benchmark more profiles or rates"
            ),
            Self::OutsideProfiles { profiles } => {
                let names: Vec<_> = profiles.iter().map(ToString::to_string).collect();
                write!(
                    f,
                    "the profile lies outside those that were benchmarked ({}): benchmark one beyond it",
                    names.join(", ")
                )
            }
            Self::LawDoesNotHold {
                target,
                error_percent,
            } => {
                f.write_str("the law misses the configuration's own ")?;
                match error_percent {
                    Some(percent) => write!(f, "{target} by {percent:.0} %")?,
                    None => write!(f, "{target} beyond all measure")?,
                }
                write!(
                    f,
                    " (median, one profile left out at a time; at most {LARGEST_ERROR_PERCENT} % will do): \
                     benchmark the profile itself"
                )
            }
            Self::LoadUnseen => f.write_str(
                "latency does not grow with load in its benchmarks, so nothing shows where a replica \
                 saturates: benchmark higher rates",
            ),
            Self::TooFewConfigurations {
                configurations,
                needed,
            } => write!(
                f,
                "{configurations} other configurations show how wrong the law can be, and {needed} are needed: \
                 benchmark the profile itself"
            ),
            Self::LoadTooHigh { highest_rps } => write!(
                f,
                "its benchmarks had no more load than {highest_rps} requests/s would be: benchmark higher rates"
            ),
        }
    }
}
