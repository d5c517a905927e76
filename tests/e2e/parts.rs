//! What stands beside the workload: kinds that come and go, claims that outlive their intent, and
//! replicas that an autoscaler owns.

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::ResourceExt;
use kube::runtime::{WatchStreamExt, watcher};

use crate::support::{CLUSTER, Namespace, apply, eventually, intent_yaml};

/// Three replicas.
const CHAT: &str =
    "useCase: chatbot_conversational, demand: {requestsPerSecond: 1, spareReplicas: 2}";

fn chat(runtime: &str) -> String {
    intent_yaml(
        "chat",
        &format!("{CHAT}, delivery: {{mode: Apply}}, runtime: {{{runtime}}}"),
    )
}

async fn replicas(namespace: &Namespace) -> Option<i32> {
    let deployment = namespace.api::<Deployment>().get("chat").await.unwrap();
    deployment.spec.unwrap().replicas
}

#[tokio::test]
async fn an_autoscaler_that_comes_and_goes_drops_no_replica() {
    let namespace = Namespace::create("autoscaled").await;
    let _operator = namespace.operator();
    namespace.apply(&chat("image: mirror/vllm:v0.19.0"));
    namespace.ready("chat", "Available").await;
    assert_eq!(replicas(&namespace).await, Some(3));
    let every_state = watcher(namespace.api::<Deployment>(), watcher::Config::default())
        .applied_objects()
        .map_ok(|deployment| deployment.spec.unwrap().replicas.unwrap_or(1));
    let seen = tokio::spawn(async move {
        let mut states = std::pin::pin!(every_state);
        let mut fewest = i32::MAX;
        while let Some(Ok(replicas)) = states.next().await {
            fewest = fewest.min(replicas);
            if replicas == 9 {
                break;
            }
        }
        fewest
    });

    let autoscaled = "autoscaling: {kind: HorizontalPodAutoscaler, maxReplicas: 8}";
    namespace.apply(&chat(autoscaled));
    let autoscaler = namespace
        .until::<HorizontalPodAutoscaler>("chat", |_| true)
        .await;
    assert_eq!(autoscaler.spec.unwrap().min_replicas, Some(3));
    namespace.ready("chat", "Available").await;
    // As an autoscaler does.
    namespace.kubectl("scale deployment chat --replicas=5");
    namespace.apply(&chat(&format!("{autoscaled}, image: mirror/vllm:v0.19.1")));
    let is_new = |deployment: &Deployment| {
        let pod = deployment.spec.as_ref().unwrap().template.spec.as_ref();
        let image = pod.unwrap().containers[0].image.as_deref();
        image == Some("mirror/vllm:v0.19.1")
    };
    namespace.until::<Deployment>("chat", is_new).await;
    namespace.ready("chat", "Available").await;
    assert_eq!(replicas(&namespace).await, Some(5));
    let rendered = namespace.kubectl("get configmap chat -o jsonpath={.data.manifests\\.yaml}");
    assert!(
        !rendered.contains("\n  replicas:"),
        "a pipeline would undo what the autoscaler does"
    );

    namespace.apply(&chat("image: mirror/vllm:v0.19.0"));
    namespace
        .until_gone::<HorizontalPodAutoscaler>("chat")
        .await;
    let status = namespace.ready("chat", "Available").await.status.unwrap();
    assert_eq!(replicas(&namespace).await, Some(5));
    assert_eq!(status.delivered.unwrap().replicas, 5);
    assert_eq!(status.proposed.unwrap().changes[0], "replicas 5 -> 3");

    // So that the watch above ends, having seen everything before.
    namespace.kubectl("scale deployment chat --replicas=9");
    assert_eq!(seen.await.unwrap(), 3);
}

const POD_MONITORS: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: podmonitors.monitoring.coreos.com}
spec:
  group: monitoring.coreos.com
  scope: Namespaced
  names: {kind: PodMonitor, plural: podmonitors, singular: podmonitor}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
";

#[tokio::test]
async fn what_the_cluster_has_no_kind_for_is_told_and_follows_once_it_has() {
    let namespace = Namespace::create("optional-kinds").await;
    let _operator = namespace.operator();
    let monitored = chat("monitoring: {podMonitor: true}");
    namespace.apply(&monitored);
    let status = namespace.ready("chat", "Available").await.status.unwrap();
    let notes = status.manifests.unwrap().notes.join("\n");
    assert!(notes.contains("PodMonitor is not applied"), "{notes}");
    namespace
        .until::<PodDisruptionBudget>("chat", |_| true)
        .await;

    apply(&CLUSTER.control_plane, "pod-monitors.yaml", POD_MONITORS);
    let monitors = async |count: usize| {
        eventually("the PodMonitors that are wanted", async || {
            let listed = namespace.kubectl("get podmonitors -o name");
            match listed.lines().count() {
                found if found == count => Ok(()),
                _ => Err(listed),
            }
        })
        .await;
    };
    monitors(1).await;
    namespace
        .until::<compass::api::DeploymentIntent>("chat", |intent| {
            let manifests = intent.status.as_ref().and_then(|it| it.manifests.as_ref());
            manifests.is_some_and(|it| it.notes.iter().all(|note| !note.contains("PodMonitor")))
        })
        .await;
    namespace.apply(&chat("image: mirror/vllm:v0.19.0"));
    monitors(0).await;
}

#[tokio::test]
async fn a_model_cache_outlives_its_intent_unless_it_is_not_to() {
    let namespace = Namespace::create("model-cache").await;
    let _operator = namespace.operator();
    let claims = || namespace.api::<PersistentVolumeClaim>();
    namespace.apply(&chat("modelCache: {size: 100Gi}"));
    let kept = namespace
        .until::<PersistentVolumeClaim>("chat-model-cache", |_| true)
        .await;
    assert_eq!(kept.metadata.owner_references, None);
    namespace.kubectl("delete di chat --wait");
    namespace.until_gone::<Deployment>("chat").await;
    assert_eq!(
        claims().get("chat-model-cache").await.unwrap().uid(),
        kept.uid()
    );

    // The next intent of that name takes it over, and a smaller size or other modes ask for nothing.
    namespace.apply(&chat(
        "modelCache: {size: 50Gi, accessModes: [ReadWriteOnce], retain: false}",
    ));
    let owned = namespace
        .until::<PersistentVolumeClaim>("chat-model-cache", |claim| {
            claim.metadata.owner_references.is_some()
        })
        .await;
    assert_eq!(owned.uid(), kept.uid());
    let spec = owned.spec.unwrap();
    assert_eq!(spec.access_modes.unwrap(), ["ReadWriteMany"]);
    assert_eq!(
        spec.resources.unwrap().requests.unwrap()["storage"].0,
        "100Gi"
    );
    namespace.apply(&chat("image: mirror/vllm:v0.19.0"));
    eventually("the claim is given up", async || {
        match claims().get_opt("chat-model-cache").await.unwrap() {
            None => Ok(()),
            // Its protection ends with the last pod that uses it.
            Some(claim) if claim.metadata.deletion_timestamp.is_some() => Ok(()),
            Some(claim) => Err(claim.metadata),
        }
    })
    .await;
}

#[tokio::test]
async fn somebody_elses_claim_is_a_conflict() {
    let namespace = Namespace::create("foreign-claim").await;
    let _operator = namespace.operator();
    namespace.apply(
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: chat-model-cache}\n\
         spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n",
    );
    namespace.apply(&chat("modelCache: {}"));
    let intent = namespace.stalled("chat", "Conflict").await;
    let ready = &intent.status.unwrap().conditions[0];
    assert!(
        ready
            .message
            .contains("PersistentVolumeClaim chat-model-cache"),
        "{}",
        ready.message
    );
    assert!(
        namespace
            .api::<Deployment>()
            .get_opt("chat")
            .await
            .unwrap()
            .is_none()
    );
}
