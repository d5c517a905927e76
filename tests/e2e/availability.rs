//! Feasible here: what the cluster has GPUs and quota for, and what is said where it has not.

use std::sync::LazyLock;

use compass::api::DeploymentIntent;
use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt;

use crate::support::{
    Cluster, Namespace, ONE_OF_EACH, compass, condition, eventually, intent_yaml,
};
use crate::workload::LEAST_RULES;

/// One node of each of two kinds of GPU.
static TWO_KINDS: LazyLock<Cluster> = LazyLock::new(|| Cluster::of(&ONE_OF_EACH));

fn chat(hardware: &str, mode: &str) -> String {
    intent_yaml(
        "chat",
        &format!(
            "useCase: chatbot_conversational, demand: {{requestsPerSecond: 1}}, hardware: {{{hardware}}}, delivery: {{mode: {mode}}}, runtime: {{hfTokenSecret: {{name: hugging-face, key: token}}}}"
        ),
    )
}

fn take(namespace: &Namespace, node: &str, gpus: i32) {
    namespace.apply(&format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: others-{node}}}\nspec:\n  nodeName: {node}\n  \
         tolerations: [{{operator: Exists}}]\n  \
         containers: [{{name: work, image: theirs, resources: {{limits: {{nvidia.com/gpu: {gpus}}}}}}}]\n"
    ));
}

/// Accelerators of the recommendation, whether it can be placed, and those of the best that can.
fn told(intent: &DeploymentIntent) -> (Option<String>, Option<bool>, Option<String>) {
    let status = intent.status.clone().unwrap_or_default();
    let placement = status.placement.as_ref();
    (
        status.recommendation.map(|it| it.accelerators),
        placement.and_then(|it| it.placeable),
        placement.and_then(|it| Some(it.best_here.clone()?.accelerators)),
    )
}

/// Waits until the intent waits for room, which is no failure.
async fn awaits_room(namespace: &Namespace) -> DeploymentIntent {
    let intent = namespace
        .reaches("chat", "Reconciling", "True", "InsufficientCapacity")
        .await;
    assert_eq!(condition(&intent, "Ready").unwrap().status, "False");
    assert_eq!(condition(&intent, "Stalled"), None);
    intent
}

async fn tells(
    namespace: &Namespace,
    recommended: Option<&str>,
    placeable: Option<bool>,
    best_here: Option<&str>,
) -> DeploymentIntent {
    let expected = (
        recommended.map(str::to_owned),
        placeable,
        best_here.map(str::to_owned),
    );
    let observed = |it: &DeploymentIntent| {
        it.status
            .as_ref()
            .and_then(|status| status.observed_generation)
            == it.metadata.generation
    };
    namespace
        .until("chat", |it: &DeploymentIntent| {
            observed(it) && told(it) == expected
        })
        .await
}

#[tokio::test]
async fn what_the_cluster_has_room_for_is_told_and_followed() {
    let namespace = Namespace::create_on(&TWO_KINDS, "feasible").await;
    let operator = namespace.operator();

    // Hardware that no node has.
    namespace.apply(&chat("allow: [H200]", "Recommend"));
    let intent = tells(&namespace, Some("1xH200"), Some(false), None).await;
    let message = &condition(&intent, "Ready").unwrap().message;
    assert!(
        message.ends_with("this cluster has room for 0 replicas of 1xH200, 1 needed, nor for anything else that meets the intent"),
        "{message}"
    );
    namespace.apply(&chat("allow: [H200], availableOnly: true", "Recommend"));
    let intent = awaits_room(&namespace).await;
    let message = &condition(&intent, "Ready").unwrap().message;
    assert!(
        message.contains("this cluster has room for 0 replicas of 1xH200, 1 needed"),
        "{message}"
    );

    // A full node: best if there were GPUs, and best here.
    namespace.apply(&chat("allow: [H100, L40S]", "Recommend"));
    tells(&namespace, Some("2xL40S"), Some(true), None).await;
    take(&namespace, "l40s-0", 8);
    let intent = tells(&namespace, Some("2xL40S"), Some(false), Some("1xH100")).await;
    let message = &condition(&intent, "Ready").unwrap().message;
    assert!(message.contains("; best here: "), "{message}");
    namespace.apply(&chat(
        "allow: [H100, L40S], availableOnly: true",
        "Recommend",
    ));
    let intent = tells(&namespace, Some("1xH100"), Some(true), None).await;
    let explanation = intent.status.unwrap().explanation.unwrap();
    assert!(
        explanation.relaxation.iter().any(|it| {
            (it.change.as_str(), it.accelerators.as_str())
                == ("hardware.availableOnly true -> false", "2xL40S")
        }),
        "{explanation:?}"
    );
    assert!(explanation.excluded.by_limits > 0, "{explanation:?}");
    namespace.kubectl("delete pod others-l40s-0");
    tells(&namespace, Some("2xL40S"), Some(true), None).await;

    // A cordoned node takes no pods.
    namespace.kubectl("cordon l40s-0");
    tells(&namespace, Some("1xH100"), Some(true), None).await;
    let from_flags = compass(
        "recommend --use-case chatbot_conversational --rps 1 --allow-hardware H100 --allow-hardware L40S --available-only -o json",
    );
    let answer = from_flags
        .env("KUBECONFIG", TWO_KINDS.control_plane.kubeconfig())
        .env("DATABASE_URL", &TWO_KINDS.database_url)
        .output()
        .unwrap();
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["recommendation"]["accelerators"], "1xH100");
    namespace.kubectl("uncordon l40s-0");
    tells(&namespace, Some("2xL40S"), Some(true), None).await;

    // A quota lets nothing in.
    for nothing in ["requests.nvidia.com/gpu=0", "requests.cpu=1"] {
        namespace.kubectl(&format!("create quota least --hard={nothing}"));
        awaits_room(&namespace).await;
        namespace.kubectl("delete quota least");
        tells(&namespace, Some("2xL40S"), Some(true), None).await;
    }

    // What runs stays, whoever takes GPUs.
    namespace.apply(&chat("allow: [H100, L40S], availableOnly: true", "Apply"));
    namespace.ready("chat", "Available").await;
    let running = namespace.api::<Deployment>().get("chat").await.unwrap();
    take(&namespace, "l40s-0", 6);
    namespace.kubectl("cordon l40s-0");
    namespace.kubectl("create quota gpus --hard=requests.nvidia.com/gpu=0");
    drop(operator);
    let again = namespace.operator();
    again.answers("/readyz", 200, "ok").await;
    again.reconciles_again(1.0).await;
    tells(&namespace, Some("2xL40S"), Some(true), None).await;
    let still = namespace.api::<Deployment>().get("chat").await.unwrap();
    assert_eq!((still.uid(), still.spec), (running.uid(), running.spec));
}

#[tokio::test]
async fn without_permission_to_look_nothing_is_pretended() {
    let namespace = Namespace::create("unchecked").await;
    let operator = namespace.operator_that_may(LEAST_RULES);
    namespace.apply(&chat("allow: [L40S], availableOnly: true", "Render"));
    let intent = namespace.ready("chat", "Rendered").await;
    let status = intent.status.unwrap();
    let unchecked = status.placement.unwrap().unchecked;
    assert_eq!(unchecked.len(), 3, "{unchecked:?}");
    assert!(
        unchecked[0].starts_with("nodes (nodes is forbidden"),
        "{unchecked:?}"
    );
    let warnings = status.recommendation.unwrap().warnings;
    assert!(
        warnings
            .iter()
            .any(|it| it.starts_with("hardware.availableOnly could not be checked")),
        "{warnings:?}"
    );
    eventually("each refusal to be logged once", async || {
        let log = operator.log();
        match log.matches("is not known in full").count() {
            3 => Ok(()),
            count => Err((count, log)),
        }
    })
    .await;
}

/// Whether Compass says that there is room.
async fn says(namespace: &Namespace, placeable: bool) {
    namespace
        .until("chat", |it: &DeploymentIntent| {
            let status = it.status.clone().unwrap_or_default();
            status.observed_generation == it.metadata.generation
                && status.placement.and_then(|it| it.placeable) == Some(placeable)
        })
        .await;
}

/// Asks first and delivers then: the scheduler has to agree.
async fn scheduler_agrees(namespace: &Namespace, runtime: &str, placeable: bool) {
    let chat = |mode: &str| {
        chat("allow: [H100]", mode).replace("runtime: {", &format!("runtime: {{{runtime}, "))
    };
    namespace.apply(&chat("Recommend"));
    says(namespace, placeable).await;
    namespace.apply(&chat("Apply"));
    if placeable {
        namespace.ready("chat", "Available").await;
    } else {
        namespace
            .reaches("chat", "Reconciling", "True", "Unschedulable")
            .await;
    }
    namespace.kubectl("delete di chat");
    namespace.until_gone::<Deployment>("chat").await;
    eventually("its pods to be gone", async || {
        let pods = namespace.kubectl("get pods --no-headers -l app.kubernetes.io/instance=chat");
        if pods.is_empty() { Ok(()) } else { Err(pods) }
    })
    .await;
}

/// Nodes of a cluster of its own: the others of this file fill theirs.
static ONE_POOL: LazyLock<Cluster> = LazyLock::new(|| Cluster::of(&ONE_OF_EACH));

#[tokio::test]
async fn what_is_said_to_have_room_is_what_the_scheduler_places() {
    let namespace = Namespace::create_on(&ONE_POOL, "scheduled").await;
    let _operator = namespace.operator();
    let agrees = async |runtime: &str, placeable| {
        scheduler_agrees(&namespace, runtime, placeable).await;
    };
    agrees("image: 'testbed.invalid/vllm:v1'", true).await;

    agrees("nodeSelector: {pool: ours}", false).await;
    namespace.kubectl("label node h100-0 pool=ours");
    agrees("nodeSelector: {pool: ours}", true).await;

    let elsewhere = "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: nvidia.com/gpu.product, operator: In, values: [NVIDIA-H100-80GB-HBM3]}, {key: pool, operator: NotIn, values: [ours]}]}]}}}";
    agrees(elsewhere, false).await;
    agrees(&elsewhere.replace("NotIn", "In"), true).await;

    namespace.kubectl("taint node h100-0 team=ours:NoSchedule");
    agrees("nodeSelector: {pool: ours}", false).await;
    agrees("tolerations: [{key: team, value: theirs}]", false).await;
    agrees("tolerations: [{key: team, value: ours}]", true).await;
    namespace.kubectl("taint node h100-0 team-");

    namespace.kubectl("cordon h100-0");
    agrees("nodeSelector: {pool: ours}", false).await;
    namespace.kubectl("uncordon h100-0");

    // Of 192 CPUs and 2 TiB.
    agrees("resources: {requests: {cpu: '193'}}", false).await;
    agrees("resources: {requests: {cpu: '192'}}", true).await;
    agrees("resources: {limits: {memory: 2049Gi}}", false).await;
    namespace.apply(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: others}\nspec:\n  nodeName: h100-0\n  \
         tolerations: [{operator: Exists}]\n  \
         containers: [{name: work, image: theirs, resources: {requests: {cpu: '190'}}}]\n",
    );
    agrees("resources: {requests: {memory: 1Gi}}", false).await;
    agrees("resources: {requests: {cpu: '2'}}", true).await;
}
