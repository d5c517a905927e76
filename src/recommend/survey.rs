//! All at once, to look at: every way to meet a requirement, and what became of every configuration.

use jiff::Timestamp;

use super::account::{self, Account};
use super::capacity::Capacity;
use super::compliance::P95s;
use super::decision::Plan;
use super::field::Field;
use super::requirement::Requirement;
use super::sizing::Sized;
use crate::benchmark::Evidence;
use crate::catalog::Catalog;

/// One way to meet a requirement, in few words: enough to compare it with the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// What would be deployed, and what it costs.
    pub plan: Plan,
    /// p95s of its operating row (R9) in the order of `Target::ALL`, ms.
    pub p95s_ms: P95s,
    /// The largest of these over its target.
    pub worst_ratio: f64,
    /// What one replica was shown to serve (R4).
    pub capacity: Capacity,
    /// Catalog score for the use case.
    pub quality: Option<u8>,
    /// When the operating row ran.
    pub measured_at: Option<Timestamp>,
}

impl Offer {
    fn of(sized: &Sized) -> Option<Self> {
        Some(Self {
            plan: Plan::of(sized),
            p95s_ms: sized.operating_row.p95s()?,
            worst_ratio: sized.rank.worst_ratio,
            capacity: sized.capacity.clone(),
            quality: sized.quality,
            measured_at: sized.operating_row.measured_at(),
        })
    }
}

/// Every way that meets the requirement, best first (R9), and the account of every configuration
/// with rows for the profile (R10).
pub fn survey(
    requirement: &Requirement,
    evidence: &Evidence,
    catalog: &Catalog,
    now: Timestamp,
) -> (Vec<Offer>, Vec<Account>) {
    let field = Field::new(requirement, &evidence.benchmarks, catalog, now);
    let standings = field.judge(&requirement.slo);
    let ranked = field.ranked(&standings);
    let offers = ranked.into_iter().filter_map(Offer::of).collect();
    (offers, account::accounts(&field, &standings))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::benchmark::SharedBenchmarks;
    use crate::recommend::test_support::{at, requirement, row};
    use crate::recommend::{Outcome, decide};

    #[test]
    fn offers_are_what_the_decision_ranks() {
        let catalog = Catalog::built_in();
        let requirement =
            requirement("{useCase: chatbot_conversational, demand: {requestsPerSecond: 5}}");
        let rows: Vec<_> = [("H100", 100.0), ("L40S", 120.0), ("A100-80", 900.0)]
            .map(|(hardware, ttft)| {
                let mut row = row(2.0, [ttft, 20.0, 5000.0]);
                row.configuration.hardware = crate::benchmark::HardwareName::new(hardware);
                row
            })
            .to_vec();
        let evidence = Evidence {
            benchmarks: SharedBenchmarks::from(rows),
            profiles: Vec::new(),
        };
        let now = at("2026-11-23");
        let (offers, accounts) = survey(&requirement, &evidence, &catalog, now);
        let decision = decide(requirement, &evidence, &catalog, now);
        let best = decision.recommendation.unwrap();
        assert_eq!(offers[0].plan.configuration, best.configuration);
        assert_eq!(offers[0].plan.replicas, best.replicas);
        assert_eq!(offers[0].worst_ratio, best.worst_ratio);
        assert_eq!(offers.len(), decision.alternatives.len() + 1);
        let rejected = accounts
            .iter()
            .filter(|account| account.outcome == Outcome::Rejected);
        assert_eq!((accounts.len(), rejected.count()), (3, 1));
    }
}
