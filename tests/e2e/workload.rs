//! The conditions follow what runs: what keeps a model from serving is told with its cause, and a
//! rollout keeps to the replicas that the demand needs as long as there are GPUs.

use std::sync::LazyLock;

use compass::api::DeploymentIntent;
use compass_testbed::control_plane::GpuNodes;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::json;

use crate::support::{Cluster, Namespace, ONE_OF_EACH, condition, eventually, intent_yaml};

/// What the operator needs; without pods, nodes and quotas.
pub const LEAST_RULES: &str = r#"
- {apiGroups: [compass.dev], resources: [deploymentintents], verbs: [get, list, watch]}
- {apiGroups: [compass.dev], resources: [deploymentintents/status], verbs: [update]}
- {apiGroups: [""], resources: [configmaps, services, persistentvolumeclaims], verbs: [get, list, watch, create, patch, delete]}
- {apiGroups: [apps], resources: [deployments], verbs: [get, list, watch, create, patch, delete]}
- {apiGroups: [policy, networking.k8s.io, autoscaling, keda.sh, monitoring.coreos.com, gateway.networking.k8s.io, inference.networking.k8s.io, serving.kserve.io], resources: ["*"], verbs: [get, list, watch, create, patch, delete]}
- {apiGroups: [events.k8s.io], resources: [events], verbs: [create, patch]}"#;

fn chat(name: &str, rest: &str) -> String {
    intent_yaml(
        name,
        &format!(
            "useCase: chatbot_conversational, demand: {{requestsPerSecond: 1}}, delivery: {{mode: Apply}}, {rest}"
        ),
    )
}

fn with_image(name: &str, tag: &str) -> String {
    chat(
        name,
        &format!("runtime: {{image: 'testbed.invalid/vllm:{tag}'}}"),
    )
}

fn message(intent: &DeploymentIntent) -> &str {
    &condition(intent, "Ready").unwrap().message
}

#[tokio::test]
async fn what_keeps_a_model_from_serving_is_told_until_it_is_put_right() {
    let namespace = Namespace::create("troubles").await;
    let _operator = namespace.operator();
    for tag in ["crash-looping", "oom-killed", "missing", "without-secret"] {
        namespace.apply(&with_image(tag, tag));
    }
    let crashing = namespace
        .reaches("crash-looping", "Reconciling", "True", "CrashLooping")
        .await;
    let told = message(&crashing);
    for part in [
        "0 of 1 replicas are available",
        "container vllm ends (exit code 1, Error), restarted at least 3 times: ValueError: no such flag",
    ] {
        assert!(told.contains(part), "{told}");
    }
    let killed = namespace
        .reaches("oom-killed", "Reconciling", "True", "OutOfMemory")
        .await;
    assert!(message(&killed).contains("(exit code 137, OOMKilled)"));
    let missing = namespace.stalled("missing", "ImagePullFailed").await;
    assert!(message(&missing).contains("image testbed.invalid/vllm:missing of container vllm"));
    let without = namespace
        .stalled("without-secret", "ContainerConfigError")
        .await;
    assert!(message(&without).contains("secret \"hugging-face\" not found"));

    for tag in ["crash-looping", "missing"] {
        namespace.apply(&with_image(tag, "v1"));
        namespace.ready(tag, "Available").await;
    }
}

#[tokio::test]
async fn a_quota_is_told_and_lifted() {
    let namespace = Namespace::create("gpu-quota").await;
    let _operator = namespace.operator();
    namespace.kubectl("create quota gpus --hard=requests.nvidia.com/gpu=0");
    namespace.apply(&chat("chat", ""));
    let intent = namespace
        .reaches("chat", "Reconciling", "True", "QuotaExceeded")
        .await;
    assert!(
        message(&intent).contains("its pods cannot be made: exceeded quota: gpus"),
        "{}",
        message(&intent)
    );
    namespace.kubectl("delete quota gpus");
    namespace.ready("chat", "Available").await;
}

#[tokio::test]
async fn an_operator_that_may_not_list_pods_works_and_says_so() {
    let namespace = Namespace::create("no-pods").await;
    let operator = namespace.operator_that_may(LEAST_RULES);
    namespace.apply(&with_image("chat", "crash-looping"));
    eventually("the condition to say what was not looked at", async || {
        let intent = namespace
            .reaches("chat", "Reconciling", "True", "Progressing")
            .await;
        let told = message(&intent);
        match told.contains("its pods could not be looked at (pods is forbidden") {
            true => Ok(()),
            false => Err(told.to_owned()),
        }
    })
    .await;
    namespace.apply(&with_image("chat", "v1"));
    let intent = namespace.ready("chat", "Available").await;
    assert!(!message(&intent).contains("looked at"));
    let log = operator.log();
    assert_eq!(log.matches("pods cannot be looked at").count(), 1, "{log}");
}

/// One node of each kind of GPU.
static SMALL: LazyLock<Cluster> = LazyLock::new(|| Cluster::of(&ONE_OF_EACH));

fn on_h100(rest: &str) -> String {
    intent_yaml(
        "chat",
        &format!(
            "useCase: chatbot_conversational, demand: {{requestsPerSecond: 80}}, hardware: {{allow: [H100]}}, delivery: {{mode: Apply}}, {rest}"
        ),
    )
}

fn surge(deployment: &Deployment) -> Option<&IntOrString> {
    let strategy = deployment.spec.as_ref()?.strategy.as_ref()?;
    strategy.rolling_update.as_ref()?.max_surge.as_ref()
}

/// Takes GPUs of the node, as somebody else's pod.
fn take(namespace: &Namespace, gpus: i32) {
    namespace.apply(&format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: others}}\nspec:\n  nodeName: h100-0\n  \
         tolerations: [{{operator: Exists}}]\n  \
         containers: [{{name: work, image: theirs, resources: {{limits: {{nvidia.com/gpu: {gpus}}}}}}}]\n"
    ));
}

#[tokio::test]
async fn a_rollout_keeps_its_replicas_while_there_are_gpus_and_says_when_there_are_none() {
    let namespace = Namespace::create_on(&SMALL, "rollout").await;
    let _operator = namespace.operator();
    namespace.apply(&on_h100("runtime: {maxModelLen: 2000}"));
    let intent = namespace.ready("chat", "Available").await;
    let delivered = intent.status.unwrap().delivered.unwrap();
    let gpus = delivered.replicas * delivered.gpus_per_replica;
    assert!(delivered.replicas >= 2 && gpus < 8, "{delivered:?}");

    // A GPU is free: all replicas serve throughout.
    namespace.apply(&on_h100("runtime: {maxModelLen: 2001}"));
    let rolled_out = async |length: &str| {
        let rolls_out = |it: &Deployment| {
            let status = it.status.clone().unwrap_or_default();
            assert!(
                status.available_replicas >= Some(delivered.replicas),
                "{status:?}"
            );
            serde_json::to_string(&it.spec).unwrap().contains(length)
                && status.updated_replicas == Some(delivered.replicas)
                && status.replicas == Some(delivered.replicas)
                && status.observed_generation == it.metadata.generation
        };
        namespace.until("chat", rolls_out).await
    };
    let deployment = rolled_out("2001").await;
    assert_eq!(surge(&deployment), Some(&IntOrString::Int(1)));
    namespace.ready("chat", "Available").await;

    // None is: one replica makes place for the next, and that is said.
    take(&namespace, 8 - gpus);
    namespace.apply(&on_h100("runtime: {maxModelLen: 2002}"));
    let intent = namespace
        .reaches("chat", "Reconciling", "True", "ReplacingInPlace")
        .await;
    let told = message(&intent).to_owned();
    let expected = format!(
        "replicas are replaced one at a time, {} of {} serve meanwhile",
        delivered.replicas - 1,
        delivered.replicas
    );
    assert!(told.contains(&expected), "{told}");
    namespace.ready("chat", "Available").await;
    let again = namespace
        .until("chat", |it: &Deployment| {
            surge(it) == Some(&IntOrString::Int(1))
        })
        .await;
    assert!(serde_json::to_string(&again.spec).unwrap().contains("2002"));

    // More replicas find no GPU: those that serve go on.
    namespace.apply(&on_h100("runtime: {maxModelLen: 2002}").replace("Second: 80", "Second: 100"));
    let intent = namespace
        .reaches("chat", "Reconciling", "True", "Unschedulable")
        .await;
    let told = message(&intent);
    assert!(
        told.contains("Insufficient nvidia.com/gpu") && told.contains("cannot be scheduled"),
        "{told}"
    );
    assert_eq!(surge(&again), Some(&IntOrString::Int(1)));
    namespace.kubectl("delete pod others");
    namespace.ready("chat", "Available").await;
}

/// The newest pod that is placed and not over, but for those of `before`.
async fn placed_pod(namespace: &Namespace, before: &[&str]) -> String {
    let api = namespace.api::<Pod>();
    eventually("a pod to be placed", async || {
        let pods = api.list(&ListParams::default()).await.unwrap().items;
        let placed = |pod: &&Pod| pod.spec.as_ref().is_some_and(|it| it.node_name.is_some());
        let is_new = |pod: &&Pod| !before.contains(&&*pod.name_any());
        match pods.iter().filter(placed).find(is_new) {
            Some(pod) => Ok(pod.name_any()),
            None => Err(pods),
        }
    })
    .await
}

/// What a kubelet, or the node's controller in its place, writes of a pod whose container runs.
async fn report(namespace: &Namespace, pod: &str, pod_is_ready: bool, container_is_ready: bool) {
    let is = |holds: bool| if holds { "True" } else { "False" };
    let condition = |type_: &str, holds: bool| json!({"type": type_, "status": is(holds), "lastTransitionTime": "2026-01-02T00:00:00Z"});
    let status = json!({
        "phase": "Running",
        "conditions": [
            condition("PodScheduled", true), condition("Initialized", true),
            condition("ContainersReady", container_is_ready), condition("Ready", pod_is_ready),
        ],
        "containerStatuses": [{
            "name": "vllm", "image": "testbed.invalid/vllm:by-hand", "imageID": "", "restartCount": 0,
            "ready": container_is_ready, "started": true,
            "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
        }],
    });
    patch_status(namespace, pod, status).await;
}

async fn patch_status(namespace: &Namespace, pod: &str, status: serde_json::Value) {
    let patch = Patch::Merge(json!({"status": status}));
    let api = namespace.api::<Pod>();
    api.patch_status(pod, &PatchParams::default(), &patch)
        .await
        .unwrap();
}

/// Two nodes of the GPU that a chatbot gets.
static TWO_NODES: LazyLock<Cluster> = LazyLock::new(|| {
    let [_, l40s] = ONE_OF_EACH;
    Cluster::of(&[GpuNodes { count: 2, ..l40s }])
});

#[tokio::test]
async fn what_becomes_of_a_replica_that_served_is_told() {
    let namespace = Namespace::create_on(&TWO_NODES, "served").await;
    let _operator = namespace.operator();
    let runtime = "runtime: {image: 'testbed.invalid/vllm:by-hand', hfTokenSecret: {name: hugging-face, key: token}}";
    namespace.apply(&chat(
        "chat",
        &format!("hardware: {{allow: [L40S]}}, {runtime}"),
    ));
    let pod = placed_pod(&namespace, &[]).await;
    let told = async |reason: &str, part: &str| {
        let intent = namespace
            .reaches("chat", "Reconciling", "True", reason)
            .await;
        assert!(message(&intent).contains(part), "{}", message(&intent));
        assert_eq!(condition(&intent, "Stalled"), None);
    };
    report(&namespace, &pod, true, true).await;
    namespace.ready("chat", "Available").await;

    // Its probe fails for a while.
    report(&namespace, &pod, false, false).await;
    let lost = format!("pod {pod} on node ");
    told("ReadinessLost", &lost).await;
    told("ReadinessLost", "no longer answers its readiness probe").await;
    report(&namespace, &pod, true, true).await;
    namespace.ready("chat", "Available").await;

    // Its kubelet does not report: the node's controller marks the pod, and not its container.
    report(&namespace, &pod, false, true).await;
    told("NodeLost", ": the node no longer reports").await;
    report(&namespace, &pod, true, true).await;
    namespace.ready("chat", "Available").await;

    // Its kubelet evicts it: that is told until its successor serves.
    let evicted = json!({"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."});
    patch_status(&namespace, &pod, evicted).await;
    let successor = placed_pod(&namespace, &[&pod]).await;
    told(
        "Evicted",
        "was evicted (Evicted: The node was low on resource: memory.)",
    )
    .await;
    report(&namespace, &successor, true, true).await;
    namespace.ready("chat", "Available").await;

    // Its node goes out of service: what ran there runs elsewhere.
    let api = namespace.api::<Pod>();
    let node = api
        .get(&successor)
        .await
        .unwrap()
        .spec
        .unwrap()
        .node_name
        .unwrap();
    namespace.kubectl(&format!(
        "taint node {node} node.kubernetes.io/out-of-service=nodeshutdown:NoExecute"
    ));
    let third = placed_pod(&namespace, &[&pod, &successor]).await;
    report(&namespace, &third, true, true).await;
    namespace.ready("chat", "Available").await;
    namespace.kubectl(&format!(
        "taint node {node} node.kubernetes.io/out-of-service-"
    ));
    let elsewhere = api
        .get(&third)
        .await
        .unwrap()
        .spec
        .unwrap()
        .node_name
        .unwrap();
    assert_ne!(elsewhere, node);
}
