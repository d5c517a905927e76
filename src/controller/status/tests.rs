use super::*;
use crate::advise;
use crate::api::DeploymentIntentSpec;
use crate::api::conditions::{
    DELIVERED, EVIDENCE_CURRENT, PREDICTION_HOLDS, READY, RECONCILING, STALLED,
};
use crate::catalog::Catalog;
use crate::controller::outcome::Retry;
use crate::knowledge_base::KnowledgeBaseError;
use crate::recommend::{decide, resolve};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// A knowledge base without benchmarks gives no answer.
fn no_answer(delivery: Result<Delivery, DeliverError>) -> Outcome {
    let spec: DeploymentIntentSpec =
        serde_json::from_value(serde_json::json!({"useCase": "translation"})).unwrap();
    let catalog = Catalog::built_in();
    let requirement = resolve(&spec, &catalog).unwrap();
    let decision = decide(requirement, &Default::default(), &catalog, at(0));
    Outcome::Answered {
        answer: Box::new(advise::answer(&decision)),
        over_limit: None,
        awaits_room: false,
        change: None,
        deviations: Vec::new(),
        delivery,
    }
}

/// The same, where what would be delivered is not what was benchmarked.
fn overridden(delivery: Result<Delivery, DeliverError>) -> Outcome {
    let mut outcome = no_answer(delivery);
    if let Outcome::Answered { deviations, .. } = &mut outcome {
        *deviations = crate::manifest::example_deviations();
    }
    outcome
}

fn outage() -> Outcome {
    Outcome::Unavailable(KnowledgeBaseError::InvalidUrl {
        problem: "down".into(),
    })
}

/// An intent whose generation 1 is answered and applied.
fn running() -> DeploymentIntentStatus {
    let condition = |type_, reason| {
        serde_json::json!({"type": type_, "status": "True", "reason": reason, "message": "",
            "observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z"})
    };
    serde_json::from_value(serde_json::json!({
        "observedGeneration": 1,
        "conditions": [
            condition("Ready", "Available"), condition("EvidenceCurrent", "Read"),
            condition("Delivered", "Applied"), condition("theirs/Seen", "Theirs"),
        ],
        "delivered": {"digest": "d", "model": "m", "hardware": "H100", "gpusPerReplica": 1, "replicas": 2},
        "manifests": {"configMap": "chat", "digest": "d"},
    }))
    .unwrap()
}

fn find<'a>(status: &'a DeploymentIntentStatus, type_: &str) -> Option<&'a Condition> {
    status
        .conditions
        .iter()
        .find(|condition| condition.type_ == type_)
}

/// Room appears without a person, so that nobody may take the intent for failed.
#[test]
fn what_awaits_room_is_in_progress() {
    let reasons = |awaits: bool| {
        let mut outcome = no_answer(Ok(Delivery::StatusOnly));
        if let Outcome::Answered {
            awaits_room,
            answer,
            ..
        } = &mut outcome
        {
            *awaits_room = awaits;
            answer.explanation.configurations = 3;
        }
        let status = next(&running(), &outcome, 2, at(0));
        let told = [READY, RECONCILING, STALLED]
            .map(|type_| find(&status, type_).map(|it| (it.status.clone(), it.reason.clone())));
        told.map(|it| it.map(|(status, reason)| format!("{status} {reason}")))
    };
    let waits = "InsufficientCapacity";
    assert_eq!(
        reasons(true),
        [
            Some(format!("False {waits}")),
            Some(format!("True {waits}")),
            None
        ]
    );
    let stalled = "NoCompliantConfiguration";
    assert_eq!(
        reasons(false),
        [
            Some(format!("False {stalled}")),
            None,
            Some(format!("True {stalled}"))
        ]
    );
}

#[test]
fn the_same_outcome_again_changes_nothing() {
    for outcome in [
        no_answer(Ok(Delivery::StatusOnly)),
        no_answer(Ok(Delivery::KeptApplied { rollout: None })),
        outage(),
        Outcome::Undecodable("spec.useCase".into()),
    ] {
        let first = next(&running(), &outcome, 2, at(0));
        assert_eq!(next(&first, &outcome, 2, at(60)), first);
    }
}

#[test]
fn a_time_moves_only_when_the_status_flips() {
    let running = running();
    let since = |status: &DeploymentIntentStatus, type_| {
        find(status, type_).unwrap().last_transition_time.clone()
    };
    let stalled = next(
        &running,
        &no_answer(Ok(Delivery::KeptApplied { rollout: None })),
        2,
        at(0),
    );
    assert_eq!(since(&stalled, READY), Time(at(0)), "True became False");
    assert_eq!(
        since(&stalled, EVIDENCE_CURRENT),
        since(&running, EVIDENCE_CURRENT)
    );
    assert_eq!(
        find(&stalled, EVIDENCE_CURRENT)
            .unwrap()
            .observed_generation,
        Some(2)
    );
    let other_reason = next(&stalled, &Outcome::Undecodable("spec".into()), 3, at(60));
    assert_eq!(find(&other_reason, READY).unwrap().reason, "InvalidIntent");
    assert_eq!(since(&other_reason, READY), Time(at(0)));
}

#[test]
fn the_prediction_is_told_not_to_hold_while_that_is_so() {
    let holds = |status: &DeploymentIntentStatus| {
        find(status, PREDICTION_HOLDS).map(|condition| condition.status.clone())
    };
    let told = next(&running(), &overridden(Ok(Delivery::StatusOnly)), 2, at(0));
    assert_eq!(holds(&told).as_deref(), Some("False"));
    let message = &find(&told, PREDICTION_HOLDS).unwrap().message;
    assert!(message.contains("--tensor-parallel-size 4"), "{message}");

    for kept in [
        outage(),
        no_answer(Ok(Delivery::KeptApplied { rollout: None })),
        Outcome::Undecodable("spec".into()),
    ] {
        let kept = next(&told, &kept, 2, at(60));
        assert_eq!(find(&kept, PREDICTION_HOLDS), find(&told, PREDICTION_HOLDS));
    }
    let gone = next(&told, &no_answer(Ok(Delivery::StatusOnly)), 3, at(60));
    assert_eq!(holds(&gone), None);
}

#[test]
fn conditions_of_others_are_kept() {
    let theirs = find(&running(), "theirs/Seen").cloned();
    for outcome in [no_answer(Ok(Delivery::StatusOnly)), outage()] {
        assert_eq!(
            find(&next(&running(), &outcome, 2, at(0)), "theirs/Seen"),
            theirs.as_ref()
        );
    }
}

#[test]
fn an_outage_leaves_an_answered_generation_as_it_was() {
    let before = running();
    let during = next(&before, &outage(), 1, at(0));
    assert_eq!(find(&during, READY), find(&before, READY));
    assert_eq!(find(&during, DELIVERED), find(&before, DELIVERED));
    assert_eq!(find(&during, EVIDENCE_CURRENT).unwrap().status, "False");
    assert_eq!(
        (during.delivered, during.manifests),
        (before.delivered, before.manifests)
    );
}

#[test]
fn an_outage_leaves_a_new_generation_open() {
    let stalled = next(
        &running(),
        &no_answer(Ok(Delivery::KeptApplied { rollout: None })),
        2,
        at(0),
    );
    assert!(find(&stalled, STALLED).is_some());
    let during = next(&stalled, &outage(), 3, at(60));
    let ready = find(&during, READY).unwrap();
    assert_eq!(
        (ready.status.as_str(), ready.observed_generation),
        ("Unknown", Some(3))
    );
    assert!(
        find(&during, STALLED).is_none(),
        "generation 3 may well have an answer"
    );
    assert_eq!(
        during.observed_generation,
        Some(2),
        "the rest is still that of generation 2"
    );
    assert_eq!(during.explanation, stalled.explanation);
}

#[test]
fn a_missing_answer_takes_away_only_what_the_mode_does_not_want() {
    let after = |delivery| next(&running(), &no_answer(Ok(delivery)), 2, at(0));
    let applied = after(Delivery::KeptApplied { rollout: None });
    assert!(applied.delivered.is_some() && applied.manifests.is_some());
    assert_eq!(find(&applied, DELIVERED).unwrap().reason, "NoAnswer");
    let rendered = after(Delivery::KeptRendered);
    assert!(rendered.delivered.is_none() && rendered.manifests.is_some());
    let recommended = after(Delivery::StatusOnly);
    assert!(recommended.delivered.is_none() && recommended.manifests.is_none());
    assert_eq!(find(&recommended, DELIVERED), None);
}

#[test]
fn long_messages_are_cut_at_a_character() {
    let status = next(
        &running(),
        &Outcome::Undecodable("é".repeat(5000)),
        2,
        at(0),
    );
    let message = &find(&status, READY).unwrap().message;
    assert!(message.len() <= LONGEST_MESSAGE_BYTES);
    assert!(message.ends_with('é'));
}

#[test]
fn an_estimate_waits_for_a_person_in_mode_apply_and_what_runs_stays() {
    let mut outcome = no_answer(Err(DeliverError::Estimated));
    let Outcome::Answered { answer, .. } = &mut outcome else {
        panic!("it is answered");
    };
    answer.recommendation = serde_json::from_value(serde_json::json!({
        "model": "m", "hardware": "H100", "gpusPerReplica": 1, "accelerators": "1xH100",
        "replicas": 2, "capacityPerReplica": "3", "capacityIsLowerBound": true,
        "predicted": {"ttftP95Ms": "90.0", "itlP95Ms": "20.0", "e2eP95Ms": "900.0"},
        "bindingTarget": "TTFT", "digest": "d",
        "evidence": {"kind": "estimated", "source": "estimate from simulated rows",
            "strength": "unknown", "benchmarks": []},
    }))
    .unwrap();
    let before = running();
    let after = next(&before, &outcome, 2, at(0));
    for (type_, status) in [(READY, "False"), (STALLED, "True"), (DELIVERED, "False")] {
        let condition = find(&after, type_).unwrap();
        assert_eq!(condition.status, status, "{type_}");
        assert_eq!(condition.reason, "EstimateNotApplied");
        assert!(
            condition
                .message
                .contains("(estimated evidence); an estimate is not applied")
        );
        assert!(condition.message.contains("delivery.approvedDigest"));
    }
    assert_eq!(after.delivered, before.delivered);
    assert_eq!(outcome.retry(), Retry::Periodically);
}
