//! The decision: which configuration meets a requirement at the least cost, and why not the others.
//!
//! Pure: no I/O, no clock, no environment; `now` is an argument. Equal inputs give equal answers
//! whatever the order of the rows. Each rule lives in one file, with its number (`docs/RULES.md`).

mod account;
mod availability;
mod break_even;
mod capacity;
mod choose;
mod compliance;
mod constraints;
mod cost;
mod curve;
mod decide;
mod decision;
mod digest;
mod estimate;
mod explanation;
mod field;
mod gaps;
mod ladder;
#[cfg(test)]
mod oracle;
mod placement;
mod plausible;
#[cfg(test)]
mod properties;
mod ranking;
mod requirement;
mod running;
mod settlement;
mod sizing;
mod steps;
mod survey;
mod sweep;
#[cfg(test)]
pub(crate) mod test_support;
mod update;

pub use account::{Account, LadderAccount, Role};
pub use availability::{Availability, BySize, Placed, Replicas, Room};
pub use break_even::{BreakEven, Then};
pub use capacity::{Capacity, CapacityBound};
pub use choose::{Choice, choose};
pub use compliance::{Strength, Target};
pub use constraints::{Constraint, Constraints};
pub use cost::MicroDollars;
pub use curve::{Curve, CurveLadder, Point, curve};
pub use decide::{account, decide};
pub use decision::{Candidate, Caveat, Decision, OtherObjective, Plan};
pub use digest::Digest;
pub use estimate::{
    Estimate, Estimated, EstimatedConfiguration, Estimates, Estimator, Expected, Grounds, Refusal,
    RefusedConfiguration,
};
pub use explanation::{Counts, Excluded, Explanation, FailingTarget, NearMiss, Outcome, OverLimit};
pub use gaps::{Gaps, UnknownName};
pub use placement::{Placement, Thresholds};
pub use requirement::{Demand, EvidencePolicy, Requirement, ResolveError, resolve};
pub use running::{Doubt, Running, Verdict, Violation, configuration_digest};
pub use settlement::{REQUESTS_WORTH_RUNNING, Settlement, Worth, WorthRunning};
pub use sizing::ASSUMPTIONS;
pub use steps::{Change, Lifted, Relaxation};
pub use survey::{Offer, survey};
pub use update::{Instead, Proposal, Terms, Update, Waits, asked, update};
