//! The new status, from the previous one and what a reconcile found. Pure; written only where it
//! differs.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

mod size;

use super::message;
use super::outcome::{Change, Compliance, DeliverError, Delivery, Outcome, Rollout};
use crate::advise::Answer;
use crate::api::conditions::{self as catalogue, ConditionStatus, Finding};
use crate::api::{DeliveredStatus, DeploymentIntentStatus, RecommendationStatus};
use crate::manifest::{Delivered, Manifests, annotation};
use crate::recommend::OverLimit;

/// A message longer than this would crowd out the rest of the status.
const LONGEST_MESSAGE_BYTES: usize = 1000;

/// The status after `outcome`. Equal to `previous` where nothing is new: times move only with a
/// condition's status.
pub fn next(
    previous: &DeploymentIntentStatus,
    outcome: &Outcome,
    generation: i64,
    now: Timestamp,
) -> DeploymentIntentStatus {
    let mut next = previous.clone();
    match outcome {
        Outcome::Answered {
            answer,
            change,
            delivery,
            ..
        } => {
            next.observed_generation = Some(generation);
            record_answer(&mut next, Some(Answer::clone(answer)));
            next.proposed = change.as_ref().and_then(|change| change.proposed.clone());
            record_delivery(&mut next, delivery);
        }
        Outcome::Undecodable(_) | Outcome::Unresolvable(_) => {
            next.observed_generation = Some(generation);
            record_answer(&mut next, None);
            next.proposed = None;
        }
        // The last answer outlives an outage, and is still that of the generation it says.
        Outcome::Unavailable(_) => {}
    }
    let answered = previous.observed_generation == Some(generation);
    let keeps = |type_: &str| match outcome {
        Outcome::Unavailable(_) => answered || type_ == catalogue::DELIVERED,
        // What was delivered stays what it was.
        Outcome::Answered {
            delivery: Ok(Delivery::KeptRendered | Delivery::KeptApplied { .. }),
            ..
        } => type_ == catalogue::PREDICTION_HOLDS,
        Outcome::Answered { .. } => false,
        _ => [
            catalogue::EVIDENCE_CURRENT,
            catalogue::DELIVERED,
            catalogue::PREDICTION_HOLDS,
        ]
        .contains(&type_),
    };
    next.conditions = conditions(
        &previous.conditions,
        findings(outcome, answered),
        keeps,
        generation,
        now,
    );
    size::bounded(next)
}

/// What one word says of an outcome: the reason of the condition that it sets first.
pub fn reason(outcome: &Outcome) -> &'static str {
    findings(outcome, true)[0].reason
}

fn record_answer(next: &mut DeploymentIntentStatus, answer: Option<Answer>) {
    let Some(Answer {
        requirement,
        recommendation,
        alternatives,
        other_objectives,
        placement,
        explanation,
    }) = answer
    else {
        next.requirement = None;
        next.recommendation = None;
        next.alternatives = Vec::new();
        next.other_objectives = Vec::new();
        next.placement = None;
        next.explanation = None;
        return;
    };
    next.requirement = Some(requirement);
    next.recommendation = recommendation;
    next.alternatives = alternatives;
    next.other_objectives = other_objectives;
    next.placement = placement;
    next.explanation = Some(explanation);
}

fn record_delivery(next: &mut DeploymentIntentStatus, delivery: &Result<Delivery, DeliverError>) {
    match delivery {
        Ok(Delivery::StatusOnly) => {
            next.manifests = None;
            next.delivered = None;
        }
        Ok(Delivery::KeptRendered) => next.delivered = None,
        Ok(Delivery::Rendered(manifests)) => {
            next.manifests = Some(manifests.clone());
            next.delivered = None;
        }
        Ok(Delivery::Applied {
            manifests,
            delivered,
            ..
        }) => {
            next.manifests = Some(manifests.clone());
            next.delivered = Some(delivered_status(delivered));
        }
        Ok(Delivery::Suspended | Delivery::KeptApplied { .. }) | Err(_) => {}
    }
}

/// What runs, from the annotations of what was applied (R12).
fn delivered_status(delivered: &Manifests<Delivered>) -> DeliveredStatus {
    let workload = delivered.workload();
    let annotation = |key| workload.annotation(key).unwrap_or_default().to_owned();
    let number = |text: &str| text.parse().unwrap_or_default();
    DeliveredStatus {
        digest: annotation(annotation::DECISION_DIGEST),
        model: annotation(annotation::MODEL),
        hardware: annotation(annotation::HARDWARE),
        gpus_per_replica: number(&annotation(annotation::GPUS_PER_REPLICA)),
        replicas: number(&annotation(annotation::REPLICAS)),
    }
}

fn findings(outcome: &Outcome, answered: bool) -> Vec<Finding> {
    match outcome {
        Outcome::Answered {
            answer,
            over_limit,
            awaits_room,
            change,
            deviations,
            delivery,
        } => {
            let change = change.as_deref();
            let mut findings = match &answer.recommendation {
                Some(recommendation) => {
                    recommendation_findings(answer, recommendation, change, delivery)
                }
                None => {
                    let over_limit = over_limit.as_deref();
                    missing_answer_findings(answer, over_limit, *awaits_room, delivery)
                }
            };
            findings.push(catalogue::evidence_current());
            findings.extend(change.into_iter().flat_map(change_findings));
            if !deviations.is_empty() {
                findings.push(catalogue::prediction_does_not_hold(message::deviations(
                    deviations,
                )));
            }
            findings
        }
        Outcome::Undecodable(problem) => catalogue::invalid_intent(message::undecodable(problem)),
        Outcome::Unresolvable(error) => catalogue::invalid_intent(error.to_string()),
        Outcome::Unavailable(error) if answered => {
            vec![catalogue::evidence_outdated(error.to_string())]
        }
        Outcome::Unavailable(error) => vec![
            catalogue::unanswered(error.to_string()),
            catalogue::evidence_outdated(error.to_string()),
        ],
    }
}

fn missing_answer_findings(
    answer: &Answer,
    over_limit: Option<&OverLimit>,
    awaits_room: bool,
    delivery: &Result<Delivery, DeliverError>,
) -> Vec<Finding> {
    let why = || message::nothing_complies(answer, over_limit);
    let mut findings = match answer.explanation.configurations {
        0 => catalogue::no_evidence(message::no_evidence(answer)),
        _ if awaits_room => catalogue::insufficient_capacity(why()),
        _ => catalogue::no_compliant_configuration(why()),
    };
    if !matches!(delivery, Ok(Delivery::StatusOnly)) {
        findings.push(catalogue::nothing_to_deliver());
    }
    findings
}

/// What R12 says of what runs.
fn change_findings(change: &Change) -> Vec<Finding> {
    let Some((compliance, verdict)) = &change.verdict else {
        return Vec::new();
    };
    let complies = match (compliance, &change.runs) {
        (Compliance::Complies, _) => {
            catalogue::delivered_complies(ConditionStatus::True, verdict.clone())
        }
        (_, Some(runs)) if !change.keeps => catalogue::replaced(message::replaced(verdict, runs)),
        (Compliance::Violated, _) => {
            catalogue::delivered_complies(ConditionStatus::False, verdict.clone())
        }
        (Compliance::Undecidable, _) => {
            catalogue::delivered_complies(ConditionStatus::Unknown, verdict.clone())
        }
    };
    let proposed = change.proposed.as_ref().map(message::proposed);
    let better = proposed.map(catalogue::better_recommendation_available);
    [complies].into_iter().chain(better).collect()
}

fn recommendation_findings(
    answer: &Answer,
    recommendation: &RecommendationStatus,
    change: Option<&Change>,
    delivery: &Result<Delivery, DeliverError>,
) -> Vec<Finding> {
    let runs = change.and_then(|change| change.runs.as_ref());
    let recommended = match runs {
        Some(runs) => message::recommended(runs),
        None => {
            message::recommended(recommendation) + &message::lack_of_room(answer.placement.as_ref())
        }
    };
    let with = |mut findings: Vec<Finding>, delivered| {
        findings.push(delivered);
        findings
    };
    match delivery {
        Ok(Delivery::StatusOnly | Delivery::KeptRendered) => catalogue::recommended(recommended),
        Ok(Delivery::KeptApplied { rollout }) => match rollout {
            Some(rollout) => rollout_findings(rollout, change, message::keeps_running()),
            None => catalogue::recommended(recommended),
        },
        Ok(Delivery::Suspended) => catalogue::suspended(),
        Ok(Delivery::Rendered(manifests)) => with(
            catalogue::rendered(recommended),
            catalogue::delivered_rendered(message::rendered(manifests)),
        ),
        Ok(Delivery::Applied {
            manifests, rollout, ..
        }) => with(
            rollout_findings(rollout, change, recommended),
            catalogue::delivered_applied(message::applied(manifests)),
        ),
        Err(DeliverError::NotDeployable(error)) => {
            catalogue::not_deployable(format!("{recommended}; {error}"))
        }
        Err(error @ DeliverError::Estimated) => {
            catalogue::estimate_not_applied(format!("{recommended}; {error}"))
        }
        Err(error @ DeliverError::NotServed(_)) => catalogue::delivery_refused(error.to_string()),
        Err(error @ DeliverError::LacksToken) => {
            catalogue::gated_model_needs_token(format!("{recommended}; {error}"))
        }
        Err(error @ DeliverError::Conflict { .. }) => catalogue::conflict(error.to_string()),
        Err(error @ DeliverError::Api { source, .. }) if source.is_refusal() => {
            catalogue::delivery_refused(error.to_string())
        }
        Err(error) => catalogue::delivery_failed(error.to_string()),
    }
}

/// That what runs fails goes before how far it is.
fn rollout_findings(rollout: &Rollout, change: Option<&Change>, runs: String) -> Vec<Finding> {
    if let Some(change) = change.filter(|change| change.keeps_a_violation()) {
        return catalogue::violated(message::violated(change));
    }
    match rollout {
        Rollout::Available => catalogue::available(runs),
        Rollout::Progressing(reason, awaited) => {
            catalogue::workload_progressing(reason, awaited.clone())
        }
        Rollout::Stalled(reason, problem) => catalogue::workload_stalled(reason, problem.clone()),
    }
}

/// Stamps the findings, and keeps what is not Compass's and what `keeps` names.
fn conditions(
    previous: &[Condition],
    findings: Vec<Finding>,
    keeps: impl Fn(&str) -> bool,
    generation: i64,
    now: Timestamp,
) -> Vec<Condition> {
    let found = |type_: &str| findings.iter().any(|finding| finding.type_ == type_);
    let ours = |type_: &str| catalogue::TYPES.contains(&type_);
    let mut conditions: Vec<Condition> = previous
        .iter()
        .filter(|kept| !ours(&kept.type_) || (keeps(&kept.type_) && !found(&kept.type_)))
        .cloned()
        .collect();
    conditions.extend(
        findings
            .iter()
            .map(|finding| stamp(finding, previous, generation, now)),
    );
    let rank = |type_: &str| catalogue::TYPES.iter().position(|ours| *ours == type_);
    conditions.sort_by_key(|condition| rank(&condition.type_).unwrap_or(catalogue::TYPES.len()));
    conditions
}

fn stamp(finding: &Finding, previous: &[Condition], generation: i64, now: Timestamp) -> Condition {
    let status = finding.status.as_str();
    let unchanged_since = previous
        .iter()
        .find(|condition| condition.type_ == finding.type_ && condition.status == status)
        .map(|condition| condition.last_transition_time.clone());
    Condition {
        type_: finding.type_.to_owned(),
        status: status.to_owned(),
        reason: finding.reason.to_owned(),
        message: message::at_most(&finding.message, LONGEST_MESSAGE_BYTES).to_owned(),
        observed_generation: Some(generation),
        last_transition_time: unchanged_since.unwrap_or(Time(now)),
    }
}

#[cfg(test)]
mod tests;
