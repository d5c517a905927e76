//! What is somebody else's stays so; what is ours is put right at once.

use std::sync::LazyLock;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kube::ResourceExt;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;

use crate::support::{Cluster, Namespace, condition, intent_yaml};

fn chat(mode: &str) -> String {
    intent_yaml(
        "chat",
        &format!(
            "useCase: chatbot_conversational, demand: {{requestsPerSecond: 1}}, delivery: {{mode: {mode}}}"
        ),
    )
}

#[tokio::test]
async fn a_foreign_object_is_never_written_to() {
    let namespace = Namespace::create("conflict").await;
    let _operator = namespace.operator();
    let config_maps = namespace.api::<ConfigMap>();
    let foreign = json!({"metadata": {"name": "chat"}, "data": {"theirs": "value"}});
    let foreign: ConfigMap = serde_json::from_value(foreign).unwrap();
    let foreign = config_maps
        .create(&PostParams::default(), &foreign)
        .await
        .unwrap();

    namespace.apply(&chat("Apply"));
    let intent = namespace.stalled("chat", "Conflict").await;
    let delivered = condition(&intent, "Delivered").unwrap();
    assert_eq!(
        (delivered.status.as_str(), delivered.reason.as_str()),
        ("False", "Conflict")
    );
    assert!(
        delivered.message.contains("ConfigMap chat"),
        "{}",
        delivered.message
    );
    assert!(
        intent.status.unwrap().recommendation.is_some(),
        "the answer itself is there"
    );

    // A mode that wants no ConfigMap does not remove one that is not ours.
    namespace.apply(&chat("Recommend"));
    namespace.ready("chat", "Recommended").await;
    namespace.apply(&chat("Apply"));
    namespace.stalled("chat", "Conflict").await;
    assert_eq!(config_maps.get("chat").await.unwrap(), foreign);

    config_maps
        .delete("chat", &Default::default())
        .await
        .unwrap();
    namespace.ready("chat", "Available").await;
}

#[tokio::test]
async fn a_foreign_deployment_stops_a_delivery_too() {
    let namespace = Namespace::create("conflict-deployment").await;
    let _operator = namespace.operator();
    namespace.kubectl("create deployment chat --image=theirs --replicas=0");
    let theirs = namespace
        .until("chat", |it: &Deployment| {
            it.status
                .as_ref()
                .and_then(|status| status.observed_generation)
                .is_some()
        })
        .await;

    namespace.apply(&chat("Apply"));
    let intent = namespace.stalled("chat", "Conflict").await;
    assert!(
        condition(&intent, "Ready")
            .unwrap()
            .message
            .contains("Deployment chat")
    );
    let after = namespace.api::<Deployment>().get("chat").await.unwrap();
    assert_eq!(
        (after.spec, after.metadata.owner_references),
        (theirs.spec, None)
    );
    // All or nothing: a Service alone would send requests to their pods.
    assert!(
        namespace
            .api::<Service>()
            .get_opt("chat")
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        namespace
            .api::<ConfigMap>()
            .get_opt("chat")
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn deleted_and_edited_children_are_put_right_at_once() {
    let namespace = Namespace::create("children").await;
    let _operator = namespace.operator();
    namespace.apply(&chat("Apply"));
    namespace.ready("chat", "Available").await;

    let config_maps = namespace.api::<ConfigMap>();
    let original = config_maps.get("chat").await.unwrap();
    config_maps
        .delete("chat", &Default::default())
        .await
        .unwrap();
    let uid = original.uid();
    let again = namespace
        .until("chat", |it: &ConfigMap| it.uid() != uid)
        .await;
    assert_eq!(again.data, original.data);

    namespace
        .api::<Service>()
        .delete("chat", &Default::default())
        .await
        .unwrap();
    namespace
        .until("chat", |it: &Service| {
            it.metadata.deletion_timestamp.is_none()
        })
        .await;
    let deployments = namespace.api::<Deployment>();
    let uid = deployments.get("chat").await.unwrap().uid();
    deployments
        .delete("chat", &Default::default())
        .await
        .unwrap();
    namespace
        .until("chat", |it: &Deployment| it.uid() != uid)
        .await;
    namespace.ready("chat", "Available").await;

    let edit = json!({
        "metadata": {"annotations": {"theirs": "kept"}, "labels": {"app.kubernetes.io/managed-by": "them"}},
        "spec": {"replicas": 7},
    });
    let edited = deployments
        .patch("chat", &PatchParams::default(), &Patch::Merge(edit))
        .await
        .unwrap();
    assert_eq!(edited.spec.unwrap().replicas, Some(7));
    let righted = namespace
        .until("chat", |it: &Deployment| {
            it.spec.as_ref().unwrap().replicas != Some(7)
                && it.labels()["app.kubernetes.io/managed-by"] == "compass"
        })
        .await;
    assert_eq!(righted.annotations()["theirs"], "kept");

    let edit = json!({"data": {"manifests.yaml": "edited", "theirs": "kept"}});
    config_maps
        .patch("chat", &PatchParams::default(), &Patch::Merge(edit))
        .await
        .unwrap();
    let righted = namespace
        .until("chat", |it: &ConfigMap| {
            it.data.as_ref().unwrap()["manifests.yaml"] != "edited"
        })
        .await;
    assert_eq!(righted.data.as_ref().unwrap()["theirs"], "kept");
    assert_eq!(
        righted.data.unwrap()["manifests.yaml"],
        original.data.unwrap()["manifests.yaml"]
    );
}

#[tokio::test]
async fn an_intent_made_anew_waits_for_the_old_ones_objects_to_go() {
    let namespace = Namespace::create("anew").await;
    let operator = namespace.operator();
    namespace.apply(&chat("Apply"));
    let old = namespace.ready("chat", "Available").await;
    namespace.kubectl("delete di chat");
    namespace.apply(&chat("Apply"));
    let anew = namespace.ready("chat", "Available").await;
    assert_ne!(old.uid(), anew.uid());
    let deployment = namespace.api::<Deployment>().get("chat").await.unwrap();
    assert_eq!(
        Some(&deployment.owner_references()[0].uid),
        anew.uid().as_ref()
    );
    let log = operator.log();
    assert!(!log.contains("does not belong to this intent"), "{log}");
}

/// A garbage collector may have missed that the old intent went; here there is none.
#[tokio::test]
async fn what_a_deleted_intent_of_the_same_name_left_is_removed() {
    static BARE: LazyLock<Cluster> = LazyLock::new(Cluster::without_controllers);
    tokio::task::spawn_blocking(|| LazyLock::force(&BARE))
        .await
        .unwrap();
    let namespace = Namespace::create_on(&BARE, "left").await;
    let config_maps = namespace.api::<ConfigMap>();
    let left_by = |uid: &str| -> ConfigMap {
        let left = json!({"metadata": {
            "name": "chat",
            "labels": {"app.kubernetes.io/managed-by": "compass"},
            "ownerReferences": [{
                "apiVersion": "compass.dev/v1alpha1", "kind": "DeploymentIntent",
                "name": "chat", "uid": uid, "controller": true,
            }],
        }});
        serde_json::from_value(left).unwrap()
    };
    let create = async |config_map| {
        config_maps
            .create(&PostParams::default(), &config_map)
            .await
            .unwrap()
    };
    create(left_by("an-older-one")).await;
    let _operator = namespace.operator();
    namespace.apply(&chat("Render"));
    let intent = namespace.ready("chat", "Rendered").await;
    let made = config_maps.get("chat").await.unwrap();
    assert_eq!(Some(&made.owner_references()[0].uid), intent.uid().as_ref());

    namespace.apply(&chat("Recommend"));
    namespace.ready("chat", "Recommended").await;
    namespace.until_gone::<ConfigMap>("chat").await;
    create(left_by("another-one")).await;
    namespace.until_gone::<ConfigMap>("chat").await;
}
