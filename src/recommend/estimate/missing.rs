//! Estimates for the configurations that have no row under the profile, and the decision on both
//! (R13).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::{Estimate, Estimator, Expected, Refusal, rows};
use crate::benchmark::{
    Benchmark, Configuration, Evidence, EvidenceKind, SharedBenchmarks, TrafficProfile,
};
use crate::catalog::Catalog;
use crate::recommend::compliance::P95s;
use crate::recommend::{
    Candidate, Caveat, Decision, Requirement, Running, Terms, Update, decide, update,
};

/// What became of the configurations without rows under the profile. Empty unless the intent allows
/// estimates.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Estimates {
    /// Those that are estimated, and so are among the decision's configurations.
    pub made: Vec<EstimatedConfiguration>,
    /// Those that are not.
    pub refused: Vec<RefusedConfiguration>,
}

/// A configuration that is estimated.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EstimatedConfiguration {
    /// The configuration.
    pub configuration: Configuration,
    /// Kind of the rows that its law was fitted on.
    pub fitted_on: EvidenceKind,
    /// The profiles that its law was fitted on.
    pub profiles: Vec<TrafficProfile>,
    /// Median relative error of TTFT, ITL and E2E on these profiles, left out one at a time.
    pub errors: P95s,
    /// What to expect at each estimated row, whose own p95s are upper bounds.
    pub expected: Vec<Expected>,
}

/// A configuration that is not.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RefusedConfiguration {
    /// The configuration.
    pub configuration: Configuration,
    /// Why.
    pub refusal: Refusal,
}

impl Estimates {
    /// What to expect where an estimated row says what is hardly exceeded, ms.
    pub fn expected(&self, row: Uuid) -> Option<P95s> {
        let mut all = self.made.iter().flat_map(|made| &made.expected);
        all.find(|expected| expected.row == row)
            .map(|expected| expected.p95s)
    }

    /// One line for people on each thing that became of configurations: how many are estimated,
    /// and how many are not for each reason, the most frequent first.
    pub fn summary(&self) -> Vec<String> {
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for refused in &self.refused {
            *reasons.entry(refused.refusal.reason()).or_default() += 1;
        }
        let mut reasons: Vec<_> = reasons.into_iter().collect();
        reasons.sort_by_key(|(reason, count)| (std::cmp::Reverse(*count), *reason));
        let made = match self.made.len() {
            0 => None,
            made => Some(format!("{made} estimated from other profiles")),
        };
        let refused = reasons
            .into_iter()
            .map(|(reason, count)| format!("{count} not estimated: {reason}"));
        made.into_iter().chain(refused).collect()
    }
}

/// What a decision is made on: the rows under its profile, and estimates where the intent allows
/// them.
#[derive(Clone, Debug)]
pub struct Grounds {
    /// The rows, estimated ones among them.
    pub evidence: Evidence,
    /// What became of the configurations without rows.
    pub estimates: Estimates,
}

impl Grounds {
    /// `others` are the rows of other profiles; none are looked at where the intent does not allow
    /// estimates.
    pub fn new(
        requirement: &Requirement,
        evidence: Evidence,
        others: &SharedBenchmarks,
        now: Timestamp,
    ) -> Self {
        if !requirement.evidence.allows_estimates() {
            return Self {
                evidence,
                estimates: Estimates::default(),
            };
        }
        let (rows, estimates) = estimate_missing(requirement, &evidence, others, now);
        Self {
            evidence: Evidence {
                benchmarks: evidence.benchmarks.and(&rows),
                profiles: evidence.profiles,
            },
            estimates,
        }
    }

    /// Decides as [`decide`] does, on the rows and the estimates.
    pub fn decide(&self, requirement: Requirement, catalog: &Catalog, now: Timestamp) -> Decision {
        let mut decision = decide(requirement, &self.evidence, catalog, now);
        let candidates = decision.recommendation.iter_mut();
        for candidate in candidates.chain(&mut decision.alternatives) {
            warn_of_simulation(candidate, &self.estimates);
        }
        decision.explanation.estimates = self.estimates.clone();
        decision
    }

    /// What the decision changes of what runs, as [`update`] says.
    pub fn update(
        &self,
        decision: &Decision,
        catalog: &Catalog,
        now: Timestamp,
        running: Option<&Running>,
        terms: &Terms,
    ) -> Update {
        let mut update = update(decision, &self.evidence, catalog, now, running, terms);
        for candidate in update.deliver.iter_mut() {
            warn_of_simulation(candidate, &self.estimates);
        }
        update
    }
}

/// What was computed by a simulator is said of what was estimated from it too.
fn warn_of_simulation(candidate: &mut Candidate, estimates: &Estimates) {
    let is_simulated = estimates.made.iter().any(|made| {
        made.fitted_on == EvidenceKind::Simulated && made.configuration == candidate.configuration
    });
    if candidate.kind == EvidenceKind::Estimated && is_simulated {
        candidate.caveats.insert(0, Caveat::SimulatedEvidence);
    }
}

fn estimate_missing(
    requirement: &Requirement,
    evidence: &Evidence,
    others: &SharedBenchmarks,
    now: Timestamp,
) -> (Vec<Benchmark>, Estimates) {
    let profile = requirement.profile;
    let known: BTreeSet<&Configuration> = evidence.benchmarks.configurations().collect();
    let others = others.places().iter();
    let others = others.filter(|place| place.profile != profile).cloned();
    let others = SharedBenchmarks::of_places(others);
    let estimator = Estimator::new(&others, &requirement.evidence, now);
    let mut all_rows = Vec::new();
    let mut estimates = Estimates::default();
    for configuration in estimator.configurations() {
        if known.contains(configuration) {
            continue;
        }
        match estimator.estimate(configuration, profile) {
            Ok(estimate) => {
                let (rows, expected) = rows::rows(&estimate);
                all_rows.extend(rows);
                estimates.made.push(made(estimate, expected));
            }
            Err(refusal) => estimates.refused.push(RefusedConfiguration {
                configuration: configuration.clone(),
                refusal,
            }),
        }
    }
    (all_rows, estimates)
}

fn made(estimate: Estimate, expected: Vec<Expected>) -> EstimatedConfiguration {
    EstimatedConfiguration {
        configuration: estimate.configuration,
        fitted_on: estimate.kind,
        profiles: estimate.profiles,
        errors: estimate.errors,
        expected,
    }
}
