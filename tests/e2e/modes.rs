//! What each delivery mode writes, and what a change of mode, spec or answer takes away.

use compass::api::DeploymentIntent;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kube::ResourceExt;

use crate::support::{Namespace, condition, intent_yaml};

const CHAT: &str = "useCase: chatbot_conversational, demand: {requestsPerSecond: 1}";

fn chat(rest: &str) -> String {
    intent_yaml("chat", &format!("{CHAT}, {rest}"))
}

#[tokio::test]
async fn a_change_of_mode_adds_and_prunes() {
    let namespace = Namespace::create("modes").await;
    let _operator = namespace.operator();

    namespace.apply(&chat("delivery: {mode: Render}"));
    let intent = namespace.ready("chat", "Rendered").await;
    let config_map = namespace.api::<ConfigMap>().get("chat").await.unwrap();
    assert!(config_map.data.as_ref().unwrap()["manifests.yaml"].contains("kind: Deployment"));
    assert!(!config_map.data.unwrap()["manifests.yaml"].contains("ownerReferences"));
    is_owned_by(&config_map.metadata, &intent);
    assert!(
        namespace
            .api::<Deployment>()
            .get_opt("chat")
            .await
            .unwrap()
            .is_none()
    );

    namespace.apply(&chat("delivery: {mode: Apply}"));
    let intent = namespace.ready("chat", "Available").await;
    let deployment = namespace.api::<Deployment>().get("chat").await.unwrap();
    is_owned_by(&deployment.metadata, &intent);
    let service = namespace.api::<Service>().get("chat").await.unwrap();
    is_owned_by(&service.metadata, &intent);
    let status = intent.status.unwrap();
    let (recommended, delivered) = (status.recommendation.unwrap(), status.delivered.unwrap());
    assert_eq!(
        (
            delivered.model,
            delivered.hardware,
            delivered.gpus_per_replica,
            delivered.replicas
        ),
        (
            recommended.model,
            recommended.hardware,
            recommended.gpus_per_replica,
            recommended.replicas
        )
    );
    assert_eq!(delivered.digest, recommended.digest);
    assert_eq!(Some(delivered.replicas), deployment.spec.unwrap().replicas);
    // With maxUnavailable the Deployment calls itself Available before any pod is.
    assert_eq!(
        Some(delivered.replicas),
        deployment.status.unwrap().available_replicas
    );

    namespace.apply(&chat("delivery: {mode: Render}"));
    let intent = namespace.ready("chat", "Rendered").await;
    namespace.until_gone::<Deployment>("chat").await;
    namespace.until_gone::<Service>("chat").await;
    assert_eq!(intent.status.unwrap().delivered, None);
    namespace.api::<ConfigMap>().get("chat").await.unwrap();

    namespace.apply(&chat("delivery: {mode: Recommend}"));
    let intent = namespace.ready("chat", "Recommended").await;
    namespace.until_gone::<ConfigMap>("chat").await;
    assert_eq!(intent.status.unwrap().manifests, None);
}

fn is_owned_by(
    object: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
    intent: &DeploymentIntent,
) {
    let owners = object.owner_references.as_deref().unwrap();
    assert_eq!(owners.len(), 1);
    assert_eq!(
        (Some(&owners[0].uid), owners[0].controller),
        (intent.metadata.uid.as_ref(), Some(true))
    );
}

#[tokio::test]
async fn a_changed_spec_acts_and_a_missing_answer_takes_nothing_away() {
    let namespace = Namespace::create("no-answer").await;
    let _operator = namespace.operator();
    namespace.apply(&chat("delivery: {mode: Apply}"));
    let before = namespace.ready("chat", "Available").await.status.unwrap();

    namespace.apply(&intent_yaml(
        "chat",
        "useCase: chatbot_conversational, demand: {requestsPerSecond: 1, spareReplicas: 2}, delivery: {mode: Apply}",
    ));
    let more = namespace.ready("chat", "Available").await.status.unwrap();
    assert_eq!(
        more.delivered.as_ref().unwrap().replicas,
        before.delivered.as_ref().unwrap().replicas + 2
    );
    let running = namespace.api::<Deployment>().get("chat").await.unwrap();

    namespace.apply(&chat("slo: {ttftP95Ms: 1}, delivery: {mode: Apply}"));
    let intent = namespace.stalled("chat", "NoCompliantConfiguration").await;
    let status = intent.status.as_ref().unwrap();
    assert_eq!(
        (&status.recommendation, &status.delivered),
        (&None, &more.delivered)
    );
    assert_eq!(condition(&intent, "Delivered").unwrap().reason, "NoAnswer");
    let still = namespace.api::<Deployment>().get("chat").await.unwrap();
    assert_eq!((still.uid(), still.spec), (running.uid(), running.spec));
    namespace.api::<Service>().get("chat").await.unwrap();
    namespace.api::<ConfigMap>().get("chat").await.unwrap();
}

#[tokio::test]
async fn a_suspended_intent_is_answered_and_nothing_is_written() {
    let namespace = Namespace::create("suspended").await;
    let _operator = namespace.operator();
    namespace.apply(&chat("suspend: true"));
    let intent = namespace
        .reaches("chat", "Ready", "False", "Suspended")
        .await;
    assert!(intent.status.unwrap().recommendation.is_some());
    assert!(
        namespace
            .api::<ConfigMap>()
            .get_opt("chat")
            .await
            .unwrap()
            .is_none()
    );

    namespace.apply(&chat("suspend: false"));
    namespace.ready("chat", "Rendered").await;
    let written = namespace.api::<ConfigMap>().get("chat").await.unwrap();

    namespace.apply(&chat("suspend: true, delivery: {mode: Recommend}"));
    namespace.ready("chat", "Recommended").await;
    namespace.apply(&intent_yaml(
        "chat",
        "useCase: chatbot_conversational, demand: {requestsPerSecond: 1, spareReplicas: 3}, suspend: true",
    ));
    namespace
        .reaches("chat", "Delivered", "False", "Suspended")
        .await;
    let after = namespace.api::<ConfigMap>().get("chat").await.unwrap();
    assert_eq!(after.resource_version(), written.resource_version());
}

#[tokio::test]
async fn a_refused_delivery_stalls_until_it_is_let_in() {
    let namespace = Namespace::create("quota").await;
    let _operator = namespace.operator();
    namespace.kubectl("create quota nothing --hard=count/deployments.apps=0");
    namespace.apply(&chat("delivery: {mode: Apply}"));
    let intent = namespace.stalled("chat", "DeliveryRefused").await;
    let message = &condition(&intent, "Ready").unwrap().message;
    assert!(
        message.contains("Deployment chat") && message.contains("quota"),
        "{message}"
    );

    namespace.kubectl("delete quota nothing");
    namespace.ready("chat", "Available").await;
}

#[tokio::test]
async fn a_deleted_intent_takes_its_objects_with_it() {
    let namespace = Namespace::create("deleted").await;
    let _operator = namespace.operator();
    namespace.apply(&chat("delivery: {mode: Apply}"));
    namespace.ready("chat", "Available").await;
    namespace.kubectl("delete di chat");
    namespace.until_gone::<Deployment>("chat").await;
    namespace.until_gone::<Service>("chat").await;
    namespace.until_gone::<ConfigMap>("chat").await;
}

#[tokio::test]
async fn a_recommendation_without_manifests_is_still_shown() {
    let namespace = Namespace::create("not-deployable").await;
    let _operator = namespace.operator();
    let too_long = "runtime: {maxModelLen: 10000000}";
    namespace.apply(&chat(too_long));
    let intent = namespace.stalled("chat", "NotDeployable").await;
    assert!(intent.status.unwrap().recommendation.is_some());

    namespace.apply(&chat(&format!("{too_long}, delivery: {{mode: Recommend}}")));
    namespace.ready("chat", "Recommended").await;
}
