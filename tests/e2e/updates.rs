//! What new evidence changes of what runs, under each update policy (R12).

use compass::api::{DeploymentIntent, DeploymentIntentStatus};
use k8s_openapi::api::apps::v1::Deployment;

use crate::support::{Namespace, Row, condition, empty_knowledge_base, eventually, intent_yaml};

const ASKED: &str =
    "useCase: chatbot_conversational, demand: {requestsPerSecond: 5, headroomPercent: 0}";

fn chat(policy: &str) -> String {
    let delivery = format!("delivery: {{mode: Apply, {policy}}}");
    intent_yaml("chat", &format!("{ASKED}, {delivery}"))
}

/// Qwen3-32B on 2 x H100: two replicas hold 5 requests/s.
fn h100(requests_per_second: i32) -> Row {
    Row {
        gpus: 2,
        requests_per_second,
        ..Row::default()
    }
}

/// The same model on one H200: one replica holds them, for less.
fn h200() -> Row {
    Row {
        hardware: "H200",
        requests_per_second: 5,
        ..Row::default()
    }
}

/// Another model, for less.
fn another_model() -> Row {
    Row {
        model: "Qwen/Qwen3-8B",
        requests_per_second: 5,
        ..Row::default()
    }
}

fn delivered(status: &DeploymentIntentStatus) -> (String, String, i32) {
    let it = status.delivered.as_ref().unwrap();
    let accelerators = format!("{}x{}", it.gpus_per_replica, it.hardware);
    (it.model.clone(), accelerators, it.replicas)
}

fn plan(model: &str, accelerators: &str, replicas: i32) -> (String, String, i32) {
    (model.to_owned(), accelerators.to_owned(), replicas)
}

/// Waits until a condition has a reason, whichever generation it is of.
async fn told(namespace: &Namespace, type_: &str, reason: &str) -> DeploymentIntent {
    namespace
        .until::<DeploymentIntent>("chat", |intent| {
            condition(intent, type_).is_some_and(|it| it.reason == reason)
        })
        .await
}

/// What was applied, by what a new decision would change; pods restart when the template does.
async fn template(namespace: &Namespace) -> serde_json::Value {
    let deployment = namespace.api::<Deployment>().get("chat").await.unwrap();
    let spec = deployment.spec.unwrap();
    serde_json::json!([deployment.metadata.uid, spec.replicas, spec.template])
}

#[tokio::test]
async fn a_better_decision_is_offered_and_delivered_once_it_is_approved() {
    let namespace = Namespace::create("update-manual").await;
    let postgres = empty_knowledge_base();
    let url = postgres.url();
    let _operator = namespace.operator_with(&url, 3600);
    h100(2).insert(&url);
    h100(3).insert(&url);
    namespace.apply(&chat("updatePolicy: Manual"));
    namespace.ready("chat", "Available").await;
    let before = template(&namespace).await;

    h200().insert(&url);
    let intent = told(&namespace, "BetterRecommendationAvailable", "Proposed").await;
    let status = intent.status.as_ref().unwrap();
    assert_eq!(delivered(status), plan("Qwen/Qwen3-32B", "2xH100", 2));
    let proposed = status.proposed.as_ref().unwrap();
    assert_eq!(
        (proposed.accelerators.as_str(), proposed.replicas),
        ("1xH200", 1)
    );
    assert!(proposed.reason.contains("Manual"), "{}", proposed.reason);
    assert_eq!(
        proposed.changes[..2],
        ["GPUs of a replica 2xH100 -> 1xH200", "replicas 2 -> 1"]
    );
    let saving = proposed.saving_per_month.as_ref().unwrap();
    let message = &condition(&intent, "BetterRecommendationAvailable")
        .unwrap()
        .message;
    assert!(
        message.contains(&format!("saving ${saving} a month")),
        "{message}"
    );
    assert_eq!(
        condition(&intent, "DeliveredComplies").unwrap().status,
        "True"
    );
    assert_eq!(template(&namespace).await, before);

    let digest = proposed.digest.clone();
    namespace.apply(&chat(&format!(
        "updatePolicy: Manual, approvedDigest: '{digest}'"
    )));
    let status = namespace.ready("chat", "Available").await.status.unwrap();
    assert_eq!(delivered(&status), plan("Qwen/Qwen3-32B", "1xH200", 1));
    assert_eq!(
        (status.delivered.unwrap().digest, status.proposed),
        (digest, None)
    );
}

#[tokio::test]
async fn evidence_that_turns_against_what_runs_is_told_and_acts_only_when_it_is_clear() {
    let namespace = Namespace::create("update-violation").await;
    let postgres = empty_knowledge_base();
    let url = postgres.url();
    let _operator = namespace.operator_with(&url, 3600);
    h100(2).insert(&url);
    h100(3).insert(&url);
    another_model().insert(&url);
    let model = "models: {deny: [Qwen/Qwen3-8B]}";
    namespace.apply(&intent_yaml(
        "chat",
        &format!("{ASKED}, {model}, delivery: {{mode: Apply}}"),
    ));
    let since = |intent: &DeploymentIntent| {
        let ready = condition(intent, "Ready").unwrap();
        ready.last_transition_time.clone()
    };
    let ready_since = since(&namespace.ready("chat", "Available").await);
    let before = template(&namespace).await;

    // The target is 150 ms.
    let failing = |ttft_p95_ms, on| Row {
        ttft_p95_ms,
        on,
        ..h100(3)
    };
    failing(160, "2026-10-02").insert(&url);
    let intent = told(&namespace, "DeliveredComplies", "Undecidable").await;
    assert_eq!(
        condition(&intent, "DeliveredComplies").unwrap().status,
        "Unknown"
    );
    let intent = namespace.ready("chat", "Available").await;
    assert_eq!(since(&intent), ready_since, "nothing rolled out");
    let offered = intent.status.unwrap().proposed.unwrap();
    assert_eq!(
        (offered.accelerators.as_str(), offered.replicas),
        ("2xH100", 3)
    );
    assert_eq!(template(&namespace).await, before);

    failing(170, "2026-10-03").insert(&url);
    let intent = namespace
        .until::<DeploymentIntent>("chat", |intent| {
            delivered(intent.status.as_ref().unwrap()) == plan("Qwen/Qwen3-32B", "2xH100", 3)
        })
        .await;
    let status = intent.status.unwrap();
    assert_eq!(status.proposed, None);

    failing(300, "2026-10-04").insert(&url);
    Row {
        ttft_p95_ms: 300,
        on: "2026-10-04",
        ..h100(2)
    }
    .insert(&url);
    let intent = told(&namespace, "Stalled", "NoCompliantConfiguration").await;
    assert_eq!(
        condition(&intent, "DeliveredComplies").unwrap().reason,
        "Violated"
    );
    assert_eq!(
        delivered(&intent.status.unwrap()),
        plan("Qwen/Qwen3-32B", "2xH100", 3)
    );
}

#[tokio::test]
async fn another_model_is_only_offered_unless_the_policy_is_automatic() {
    let namespace = Namespace::create("update-model").await;
    let postgres = empty_knowledge_base();
    let url = postgres.url();
    let _operator = namespace.operator_with(&url, 3600);
    h100(5).insert(&url);
    namespace.apply(&chat("updatePolicy: OnViolation"));
    namespace.ready("chat", "Available").await;
    another_model().insert(&url);
    let intent = told(&namespace, "BetterRecommendationAvailable", "Proposed").await;
    let status = intent.status.unwrap();
    assert_eq!(delivered(&status), plan("Qwen/Qwen3-32B", "2xH100", 1));
    assert!(
        status
            .proposed
            .unwrap()
            .reason
            .contains("never changes the model")
    );

    // A clear failure of the only configuration of its model: what runs stays, and a person is asked.
    Row {
        ttft_p95_ms: 300,
        on: "2026-10-04",
        ..h100(5)
    }
    .insert(&url);
    let intent = told(&namespace, "Stalled", "Violated").await;
    assert_eq!(
        delivered(&intent.status.unwrap()),
        plan("Qwen/Qwen3-32B", "2xH100", 1)
    );

    namespace.apply(&chat("updatePolicy: Automatic"));
    let status = namespace.ready("chat", "Available").await.status.unwrap();
    assert_eq!(delivered(&status), plan("Qwen/Qwen3-8B", "1xH100", 1));
}

#[tokio::test]
async fn what_runs_is_read_from_the_cluster_and_outlives_a_lost_status() {
    let namespace = Namespace::create("update-lost-status").await;
    let postgres = empty_knowledge_base();
    let url = postgres.url();
    let mut operator = namespace.operator_with(&url, 3600);
    h100(5).insert(&url);
    namespace.apply(&chat("updatePolicy: OnViolation"));
    namespace.ready("chat", "Available").await;
    let before = template(&namespace).await;
    operator.kill();
    another_model().insert(&url);
    namespace.kubectl("patch di chat --subresource=status --type=json -p [{\"op\":\"remove\",\"path\":\"/status\"}]");

    let _operator = namespace.operator_with(&url, 3600);
    told(&namespace, "BetterRecommendationAvailable", "Proposed").await;
    assert_eq!(template(&namespace).await, before);
    namespace.kubectl("scale deployment chat --replicas=3");
    eventually("the replicas are put right", async || {
        let deployment = namespace.api::<Deployment>().get("chat").await.unwrap();
        match deployment.spec.unwrap().replicas {
            Some(1) => Ok(()),
            other => Err(other),
        }
    })
    .await;
}

/// Each of them would be taken for what runs: for more replicas, for another question, for nothing.
#[tokio::test]
async fn annotations_that_somebody_edits_are_put_right_and_change_nothing_else() {
    let namespace = Namespace::create("update-edited").await;
    let postgres = empty_knowledge_base();
    let url = postgres.url();
    let operator = namespace.operator_with(&url, 3600);
    h100(2).insert(&url);
    h100(3).insert(&url);
    namespace.apply(&chat("updatePolicy: OnViolation"));
    namespace.ready("chat", "Available").await;
    another_model().insert(&url);
    told(&namespace, "BetterRecommendationAvailable", "Proposed").await;
    let before = namespace.api::<Deployment>().get("chat").await.unwrap();
    let edits = [
        "compass.dev/replicas=7",
        "compass.dev/spec-digest=sha256:0",
        "compass.dev/model=Qwen/Qwen3-8B",
        "compass.dev/decision-digest-",
        "compass.dev/replicas-",
    ];
    let restored = async || {
        namespace
            .until("chat", |it: &Deployment| {
                it.metadata.annotations == before.metadata.annotations
            })
            .await
    };
    for edit in edits {
        namespace.kubectl(&format!("annotate deployment chat --overwrite {edit}"));
        assert_eq!(restored().await.spec, before.spec, "{edit}");
    }
    // Also where nobody watched.
    drop(operator);
    for edit in edits {
        namespace.kubectl(&format!("annotate deployment chat --overwrite {edit}"));
    }
    let _operator = namespace.operator_with(&url, 3600);
    assert_eq!(restored().await.spec, before.spec);
    let status = namespace.ready("chat", "Available").await.status.unwrap();
    assert_eq!(delivered(&status), plan("Qwen/Qwen3-32B", "2xH100", 2));
    assert!(status.proposed.is_some());
}
