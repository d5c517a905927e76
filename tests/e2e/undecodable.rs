//! An intent that an older version of the CRD let in and this one's types cannot hold.

use std::time::Duration;

use compass::api::DeploymentIntent;
use compass_testbed::ControlPlane;
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::ListParams;
use kube::core::{ApiResource, DynamicObject};

use crate::support::{Namespace, apply, eventually, intent_yaml};

const NAMESPACE: &str = "undecodable";

const OLDER_CRD: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: deploymentintents.compass.dev}
spec:
  group: compass.dev
  names: {kind: DeploymentIntent, plural: deploymentintents, singular: deploymentintent, shortNames: [di]}
  scope: Namespaced
  versions:
  - name: v1alpha1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}
";

const INTENT: &str = "
apiVersion: compass.dev/v1alpha1
kind: DeploymentIntent
metadata: {name: poem, namespace: undecodable}
spec: {useCase: poetry}
";

/// Done once, before this version's CRD is installed.
pub fn store_intent_of_an_older_version(control_plane: &ControlPlane) {
    apply(control_plane, "older-crd.yaml", OLDER_CRD);
    control_plane
        .kubectl(&["create", "namespace", NAMESPACE])
        .unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    let file = control_plane.directory().join("poem.yaml");
    std::fs::write(&file, INTENT).unwrap();
    while let Err(error) = control_plane.kubectl(&["create", "-f", file.to_str().unwrap()]) {
        assert!(std::time::Instant::now() < deadline, "{error}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[tokio::test]
async fn an_undecodable_intent_is_told_and_stops_nobody() {
    let namespace = Namespace::existing(NAMESPACE).await;
    let _operator = namespace.operator();
    namespace.apply(&intent_yaml("translation", "useCase: translation"));
    namespace.ready("translation", "Rendered").await;

    let told = eventually("an event about the poem", async || {
        let events = namespace
            .api::<Event>()
            .list(&ListParams::default())
            .await
            .unwrap();
        let about = |event: &Event| {
            event
                .regarding
                .as_ref()
                .is_some_and(|it| it.name.as_deref() == Some("poem"))
        };
        events.items.into_iter().find(about).ok_or("none")
    })
    .await;
    assert_eq!(told.reason.as_deref(), Some("InvalidIntent"));
    assert!(told.note.unwrap().contains("spec.useCase"));
    let resource = ApiResource::erase::<DeploymentIntent>(&());
    let poems: Api<DynamicObject> =
        Api::namespaced_with(namespace.client.clone(), NAMESPACE, &resource);
    let status = poems.get_status("poem").await.unwrap().data["status"].clone();
    let stalled = status["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .any(|it| it["type"] == "Stalled");
    assert!(stalled, "{status}");

    // Other intents are still looked at, also when they change.
    namespace.apply(&intent_yaml(
        "translation",
        "useCase: translation, delivery: {mode: Recommend}",
    ));
    namespace.ready("translation", "Recommended").await;
}
