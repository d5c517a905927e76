//! A decision in the words of the API's status: the same for the operator and the command
//! line's `-o json|yaml`.

use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;

use crate::api::{
    AlternativeStatus, EvidenceStatus, ExcludedStatus, ExplanationStatus, NearMissStatus,
    PredictedStatus, RecommendationStatus, RelaxationStatus, RequirementStatus, SloStatus,
};
use crate::benchmark::{Benchmark, Configuration, shown_ms};
use crate::catalog::SloTargets;
use crate::recommend::{
    ASSUMPTIONS, Candidate, CapacityBound, Decision, Explanation, FailingTarget, NearMiss,
    Relaxation, Requirement, Target,
};

/// Profiles named where the asked one has no benchmarks.
const PROFILES_SHOWN: usize = 20;

/// The parts of a status that a decision fills.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// What was asked, resolved.
    pub requirement: RequirementStatus,
    /// What meets it best.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recommendation: Option<RecommendationStatus>,
    /// The next best.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<AlternativeStatus>,
    /// Why the others were left out.
    pub explanation: ExplanationStatus,
}

/// Puts a decision into the words of the API.
pub fn answer(decision: &Decision) -> Answer {
    Answer {
        requirement: requirement(&decision.requirement),
        recommendation: decision.recommendation.as_ref().map(recommendation),
        alternatives: decision.alternatives.iter().map(alternative).collect(),
        explanation: explanation(&decision.requirement, &decision.explanation),
    }
}

fn requirement(requirement: &Requirement) -> RequirementStatus {
    let SloTargets {
        ttft_p95_ms,
        itl_p95_ms,
        e2e_p95_ms,
    } = requirement.slo;
    RequirementStatus {
        traffic_profile: requirement.profile.to_string(),
        experience_class: requirement.experience_class,
        slo: SloStatus {
            ttft_p95_ms,
            itl_p95_ms,
            e2e_p95_ms,
        },
        requests_per_second: requirement
            .demand
            .as_ref()
            .map(|demand| demand.requests_per_second.to_string()),
    }
}

fn recommendation(candidate: &Candidate) -> RecommendationStatus {
    let configuration = &candidate.configuration;
    RecommendationStatus {
        model: configuration.model.to_string(),
        hardware: configuration.hardware.to_string(),
        gpus_per_replica: configuration.hardware_count,
        accelerators: candidate.configuration.accelerators(),
        replicas: candidate.replicas,
        predicted: predicted(&candidate.operating_row),
        capacity_per_replica: rate(candidate.capacity.rps),
        capacity_is_lower_bound: candidate.capacity.bound == CapacityBound::AtLeast,
        cost_per_hour: candidate.cost_per_hour.map(|cost| cost.to_string()),
        cost_per_month: candidate
            .cost_per_hour
            .map(|cost| cost.per_month().to_string()),
        whole_node_cost_per_hour: candidate
            .whole_node_cost_per_hour
            .map(|cost| cost.to_string()),
        binding_target: candidate.binding_target.to_string(),
        capacity_if_slower_by_ten_percent: candidate.capacity_if_slower.map(rate),
        survives_loss_of_one_replica: candidate.survives_loss_of_one_replica,
        assumptions: ASSUMPTIONS.map(str::to_owned).to_vec(),
        evidence: EvidenceStatus {
            kind: candidate.kind,
            source: candidate.source.clone(),
            strength: candidate.strength.to_string(),
            benchmarked_at: candidate.operating_row.measured_at.map(|at| at.to_string()),
            framework: framework(configuration),
            benchmarks: candidate
                .backing_rows()
                .iter()
                .map(ToString::to_string)
                .collect(),
        },
        warnings: candidate.caveats.iter().map(ToString::to_string).collect(),
        digest: candidate.digest.to_string(),
    }
}

/// Framework and version, e.g. `vllm 0.19.0`, as far as recorded.
pub(crate) fn framework(configuration: &Configuration) -> Option<String> {
    let name = configuration.framework.as_deref()?;
    Some(match &configuration.framework_version {
        Some(version) => format!("{name} {version}"),
        None => name.to_owned(),
    })
}

fn alternative(candidate: &Candidate) -> AlternativeStatus {
    AlternativeStatus {
        model: candidate.configuration.model.to_string(),
        accelerators: candidate.configuration.accelerators(),
        replicas: candidate.replicas,
        predicted: predicted(&candidate.operating_row),
        cost_per_hour: candidate.cost_per_hour.map(|cost| cost.to_string()),
        evidence: candidate.kind,
    }
}

fn explanation(requirement: &Requirement, explanation: &Explanation) -> ExplanationStatus {
    let count = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    ExplanationStatus {
        configurations: count(explanation.configurations),
        compliant: count(explanation.compliant),
        excluded: ExcludedStatus {
            by_evidence: count(explanation.excluded.by_evidence),
            by_constraints: count(explanation.excluded.by_constraints),
            by_limits: count(explanation.excluded.by_limits),
        },
        rejected: count(explanation.rejected),
        nearest_misses: explanation.nearest_misses.iter().map(near_miss).collect(),
        relaxation: explanation
            .relaxation
            .iter()
            .map(|relaxed| relaxation(&requirement.slo, relaxed))
            .collect(),
        profiles_with_benchmarks: explanation
            .profiles
            .iter()
            .take(PROFILES_SHOWN)
            .map(|count| count.profile.to_string())
            .collect(),
    }
}

fn near_miss(miss: &NearMiss) -> NearMissStatus {
    NearMissStatus {
        model: miss.configuration.model.to_string(),
        accelerators: miss.configuration.accelerators(),
        requests_per_second: miss.offered_rps.to_string(),
        failing: miss.failing.iter().map(failing_target).collect(),
    }
}

/// A missed target, e.g. `TTFT p95 172.3 ms, target 150 ms`.
pub(crate) fn failing_target(failing: &FailingTarget) -> String {
    let FailingTarget {
        target,
        p95_ms,
        target_ms,
    } = failing;
    format!(
        "{target} p95 {} ms, target {target_ms} ms",
        shown_ms(*p95_ms)
    )
}

fn relaxation(slo: &SloTargets, relaxation: &Relaxation) -> RelaxationStatus {
    RelaxationStatus {
        change: relaxation_change(slo, relaxation),
        model: relaxation.configuration.model.to_string(),
        accelerators: relaxation.configuration.accelerators(),
        replicas: relaxation.replicas,
        gpus: i32::try_from(relaxation.gpus).unwrap_or(i32::MAX),
        cost_per_hour: relaxation.cost_per_hour.map(|cost| cost.to_string()),
    }
}

/// What to change, e.g. `TTFT p95 150 -> 173 ms`, or all three by their common factor.
pub(crate) fn relaxation_change(slo: &SloTargets, relaxation: &Relaxation) -> String {
    let changes: Vec<_> = Target::ALL
        .into_iter()
        .map(|target| (target, target.of(slo), target.of(&relaxation.slo)))
        .filter(|(_, from, to)| from != to)
        .map(|(target, from, to)| format!("{target} p95 {from} -> {to} ms"))
        .collect();
    let changes = changes.join(", ");
    match relaxation.factor_per_mille {
        None => changes,
        Some(per_mille) => {
            format!(
                "all targets x {}: {changes}",
                Decimal::new(per_mille.into(), 3)
            )
        }
    }
}

fn predicted(row: &Benchmark) -> PredictedStatus {
    let p95 = |target: Target| target.latency(row).shown_p95_ms();
    PredictedStatus {
        ttft_p95_ms: p95(Target::Ttft),
        itl_p95_ms: p95(Target::Itl),
        e2e_p95_ms: p95(Target::E2e),
    }
}

/// A rate rounded down to four decimals, so that a shown capacity is never more than the evidence.
pub(crate) fn rate(rps: Decimal) -> String {
    rps.round_dp_with_strategy(4, RoundingStrategy::ToZero)
        .normalize()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_capacity_is_never_more_than_the_evidence() {
        assert_eq!(rate("3.99999".parse().unwrap()), "3.9999");
        assert_eq!(rate("12.50".parse().unwrap()), "12.5");
    }
}
