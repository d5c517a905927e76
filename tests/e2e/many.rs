//! Many intents at once.

use compass::api::DeploymentIntent;
use compass::api::parse_intent;
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams, PostParams};

use crate::support::{Namespace, condition, eventually, intent_yaml};

const INTENTS: usize = 200;

#[tokio::test]
async fn two_hundred_intents_at_once_are_all_delivered_and_all_go() {
    let namespace = Namespace::create("many").await;
    let _operator = namespace.operator();
    let intents = namespace.api::<DeploymentIntent>();
    stream::iter(0..INTENTS)
        .map(|number| {
            let demand = format!("demand: {{requestsPerSecond: {}}}", 1 + number % 7);
            let yaml = intent_yaml(
                &format!("chat-{number}"),
                &format!("useCase: chatbot_conversational, {demand}"),
            );
            Ok::<_, kube::Error>(parse_intent(&yaml).unwrap())
        })
        .try_for_each_concurrent(16, async |intent| {
            intents
                .create(&PostParams::default(), &intent)
                .await
                .map(drop)
        })
        .await
        .unwrap();
    let all = ListParams::default();
    eventually("every intent to be Ready", async || {
        let listed = intents.list(&all).await.unwrap().items;
        let is_ready =
            |it: &&DeploymentIntent| condition(it, "Ready").is_some_and(|it| it.status == "True");
        match listed.iter().filter(is_ready).count() {
            INTENTS => Ok(()),
            ready => Err(ready),
        }
    })
    .await;
    let config_maps = namespace.api::<ConfigMap>();
    let ours = ListParams::default().labels("app.kubernetes.io/managed-by=compass");
    let rendered = config_maps.list(&ours).await.unwrap().items;
    assert_eq!(rendered.len(), INTENTS);
    for config_map in rendered {
        let name = config_map.name_any();
        let yaml = &config_map.data.unwrap()["manifests.yaml"];
        assert!(yaml.contains(&format!("  name: {name}\n")), "{name}");
    }
    intents
        .delete_collection(&DeleteParams::default(), &all)
        .await
        .unwrap();
    eventually(
        "what was made of them to go with them",
        async || match config_maps.list(&ours).await.unwrap().items.len() {
            0 => Ok(()),
            left => Err(left),
        },
    )
    .await;
}
