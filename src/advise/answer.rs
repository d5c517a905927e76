//! A decision in the words of the API's status: the same for the operator and the command
//! line's `-o json|yaml`.

use serde::Serialize;

use super::words;
use crate::api::{
    AlternativeStatus, BestHereStatus, BreakEvenStatus, EvidenceStatus, ExcludedStatus,
    ExplanationStatus, HeadroomStatus, NearMissStatus, OtherObjectiveStatus, PlacementStatus,
    PredictedStatus, RecommendationStatus, RelaxationStatus, RequirementStatus, SloStatus,
    WorthRunningStatus,
};
use crate::benchmark::Benchmark;
use crate::catalog::SloTargets;
use crate::recommend::{
    ASSUMPTIONS, BreakEven, Candidate, CapacityBound, Decision, NearMiss, OtherObjective, Plan,
    Requirement, Target, WorthRunning,
};

/// Profiles named where the asked one has no benchmarks.
const PROFILES_SHOWN: usize = 20;

/// Names listed of each kind.
const NAMES_SHOWN: usize = 20;

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
    /// What the other objectives would have chosen.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_objectives: Vec<OtherObjectiveStatus>,
    /// What of it the cluster can place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement: Option<PlacementStatus>,
    /// Why the others were left out.
    pub explanation: ExplanationStatus,
}

/// Puts a decision into the words of the API.
pub fn answer(decision: &Decision) -> Answer {
    Answer {
        requirement: requirement(&decision.requirement),
        recommendation: decision
            .recommendation
            .as_ref()
            .map(|candidate| recommendation(candidate, decision)),
        alternatives: decision.alternatives.iter().map(alternative).collect(),
        other_objectives: decision
            .other_objectives
            .iter()
            .map(other_objective)
            .collect(),
        placement: placement(decision),
        explanation: explanation(decision),
    }
}

fn placement(decision: &Decision) -> Option<PlacementStatus> {
    let placement = decision.placement.as_ref()?;
    let short = words::lack_of_room(decision);
    if decision.recommendation.is_none() && placement.unchecked.is_empty() {
        return None;
    }
    Some(PlacementStatus {
        placeable: decision.recommendation.as_ref().map(|_| short.is_none()),
        message: short,
        best_here: placement.best_here.as_ref().map(|plan| BestHereStatus {
            model: plan.configuration.model.to_string(),
            accelerators: plan.configuration.accelerators(),
            replicas: plan.replicas,
            cost_per_hour: plan.cost_per_hour.map(|cost| cost.to_string()),
        }),
        unchecked: placement.unchecked.clone(),
    })
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

/// A candidate of a decision as its recommendation, or as what runs.
pub fn recommendation(candidate: &Candidate, decision: &Decision) -> RecommendationStatus {
    let configuration = &candidate.configuration;
    RecommendationStatus {
        model: configuration.model.to_string(),
        hardware: configuration.hardware.to_string(),
        gpus_per_replica: configuration.hardware_count,
        accelerators: candidate.configuration.accelerators(),
        replicas: candidate.replicas,
        predicted: predicted(&candidate.operating_row),
        headroom_percent: Some(headroom(candidate, &decision.requirement.slo)),
        capacity_per_replica: words::rate(candidate.capacity.rps),
        capacity_is_lower_bound: candidate.capacity.bound == CapacityBound::AtLeast,
        settled: decision
            .settlement
            .as_ref()
            .is_some_and(|settlement| settlement.settled),
        break_even: decision.break_even.as_ref().map(break_even),
        cost_per_hour: candidate.cost_per_hour.map(|cost| cost.to_string()),
        cost_per_month: candidate
            .cost_per_hour
            .map(|cost| cost.per_month().to_string()),
        whole_node_cost_per_hour: candidate
            .whole_node_cost_per_hour
            .map(|cost| cost.to_string()),
        binding_target: candidate.binding_target.to_string(),
        capacity_if_slower_by_ten_percent: candidate.capacity_if_slower.map(words::rate),
        survives_loss_of_one_replica: candidate.survives_loss_of_one_replica,
        assumptions: ASSUMPTIONS.map(str::to_owned).to_vec(),
        evidence: EvidenceStatus {
            kind: candidate.kind,
            source: candidate.source.clone(),
            strength: candidate.strength.to_string(),
            benchmarked_at: candidate.operating_row.measured_at.map(|at| at.to_string()),
            framework: words::framework(configuration),
            benchmarks: candidate
                .backing_rows()
                .iter()
                .map(ToString::to_string)
                .collect(),
        },
        warnings: candidate.caveats.iter().map(ToString::to_string).collect(),
        digest: candidate.digest_text(),
    }
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

fn explanation(decision: &Decision) -> ExplanationStatus {
    let explanation = &decision.explanation;
    let count = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    let challengers = decision
        .settlement
        .as_ref()
        .map_or(0, |settlement| settlement.challengers);
    ExplanationStatus {
        configurations: count(explanation.counts.configurations),
        compliant: count(explanation.counts.compliant),
        excluded: ExcludedStatus {
            by_evidence: count(explanation.counts.excluded.by_evidence),
            by_constraints: count(explanation.counts.excluded.by_constraints),
            by_limits: count(explanation.counts.excluded.by_limits),
        },
        rejected: count(explanation.counts.rejected),
        nearest_misses: explanation.nearest_misses.iter().map(near_miss).collect(),
        relaxation: words::helpful_changes(decision)
            .map(|(change, plan)| relaxation(change, plan, decision.recommendation.as_ref()))
            .collect(),
        challengers: count(challengers),
        worth_running: decision
            .settlement
            .iter()
            .flat_map(|settlement| &settlement.worth_running)
            .take(words::WORTH_RUNNING_SHOWN)
            .map(worth_running)
            .collect(),
        hardware_without_benchmarks: explanation
            .gaps
            .hardware
            .iter()
            .take(NAMES_SHOWN)
            .map(ToString::to_string)
            .collect(),
        models_without_benchmarks: explanation
            .gaps
            .models
            .iter()
            .take(NAMES_SHOWN)
            .map(ToString::to_string)
            .collect(),
        unknown_names: explanation
            .gaps
            .unknown_names
            .iter()
            .take(NAMES_SHOWN)
            .map(words::unknown_name)
            .collect(),
        profiles_with_benchmarks: explanation
            .profiles
            .iter()
            .take(PROFILES_SHOWN)
            .map(|count| count.profile.to_string())
            .collect(),
        estimates: explanation.estimates.summary(),
    }
}

fn near_miss(miss: &NearMiss) -> NearMissStatus {
    NearMissStatus {
        model: miss.configuration.model.to_string(),
        accelerators: miss.configuration.accelerators(),
        requests_per_second: miss.offered_rps.to_string(),
        failing: miss.failing.iter().map(words::failing_target).collect(),
    }
}

fn relaxation(change: String, plan: &Plan, instead_of: Option<&Candidate>) -> RelaxationStatus {
    RelaxationStatus {
        change,
        model: plan.configuration.model.to_string(),
        accelerators: plan.configuration.accelerators(),
        replicas: plan.replicas,
        gpus: gpus(plan.gpus),
        cost_per_hour: plan.cost_per_hour.map(|cost| cost.to_string()),
        cost_change_percent: instead_of
            .and_then(|now| words::percent_more(plan.cost_per_hour, now.cost_per_hour)),
    }
}

fn worth_running(worth: &WorthRunning) -> WorthRunningStatus {
    let configuration = &worth.plan.configuration;
    WorthRunningStatus {
        reason: words::worth(worth.reason).to_owned(),
        model: configuration.model.to_string(),
        accelerators: configuration.accelerators(),
        framework: words::framework(configuration),
        requests_per_second: worth
            .rates_rps
            .iter()
            .map(|rate| rate.normalize().to_string())
            .collect(),
        replicas: worth.plan.replicas,
        saving_per_month: worth
            .saving_per_hour
            .map(|saving| saving.per_month().to_string()),
    }
}

fn other_objective(other: &OtherObjective) -> OtherObjectiveStatus {
    OtherObjectiveStatus {
        objective: other.objective,
        model: other.plan.configuration.model.to_string(),
        accelerators: other.plan.configuration.accelerators(),
        replicas: other.plan.replicas,
        cost_per_hour: other.plan.cost_per_hour.map(|cost| cost.to_string()),
        quality: other.quality.map(i32::from),
    }
}

fn break_even(break_even: &BreakEven) -> BreakEvenStatus {
    BreakEvenStatus {
        same_replicas_up_to_requests_per_second: words::rate(break_even.same_replicas_up_to_rps),
        same_configuration_up_to_requests_per_second: words::rate(
            break_even.same_configuration_up_to_rps,
        ),
        then: words::then(break_even),
    }
}

fn headroom(candidate: &Candidate, slo: &SloTargets) -> HeadroomStatus {
    let percent = |target: Target| {
        let p95_ms = target.latency(&candidate.operating_row).p95_ms;
        words::headroom_percent(p95_ms, target.of(slo)).unwrap_or(0)
    };
    HeadroomStatus {
        ttft: percent(Target::Ttft),
        itl: percent(Target::Itl),
        e2e: percent(Target::E2e),
    }
}

fn gpus(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn predicted(row: &Benchmark) -> PredictedStatus {
    let p95 = |target: Target| target.latency(row).shown_p95_ms();
    PredictedStatus {
        ttft_p95_ms: p95(Target::Ttft),
        itl_p95_ms: p95(Target::Itl),
        e2e_p95_ms: p95(Target::E2e),
    }
}
