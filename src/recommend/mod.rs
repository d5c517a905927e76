//! The decision: which configuration meets a requirement at the least cost, and why not the others.
//!
//! Pure: no I/O, no clock, no environment; `now` is an argument. Equal inputs give equal answers
//! whatever the order of the rows. Each rule lives in one file, with its number (`docs/RULES.md`).

mod capacity;
mod compliance;
mod cost;
mod decide;
mod decision;
mod digest;
mod explanation;
mod field;
mod ladder;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod properties;
mod ranking;
mod requirement;
mod sizing;
#[cfg(test)]
pub(crate) mod test_support;

pub use capacity::{Capacity, CapacityBound};
pub use compliance::{Strength, Target};
pub use cost::MicroDollars;
pub use decide::decide;
pub use decision::{Candidate, Caveat, Decision};
pub use digest::Digest;
pub use explanation::{
    Excluded, Explanation, FailingTarget, Limit, NearMiss, OverLimit, Relaxation,
};
pub use requirement::{Constraints, Demand, EvidencePolicy, Requirement, ResolveError, resolve};
pub use sizing::ASSUMPTIONS;
