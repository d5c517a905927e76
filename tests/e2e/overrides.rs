//! `spec.runtime` on a real API server: what it takes, what it says of the prediction, and that
//! patches do what `kubectl patch` does.

use compass::api::{DeploymentIntent, parse_intent};
use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{CLUSTER, Namespace, compass, condition, eventually, examples, intent_yaml};

const CHAT: &str = "useCase: chatbot_conversational, demand: {requestsPerSecond: 1}, \
                    models: {deny: [meta-llama/Llama-3.1-8B-Instruct]}, delivery: {mode: Apply}";

fn chat(runtime: &str) -> String {
    intent_yaml("chat", &format!("{CHAT}, runtime: {{{runtime}}}"))
}

fn example(name: &str, namespace: &Namespace) -> String {
    let all = examples("overrides");
    let example = all.iter().find(|example| example.file == name).unwrap();
    example.yaml(&namespace.name)
}

/// What `compass render` makes of an intent: its objects, and its warnings.
fn render(namespace: &Namespace, intent: &str) -> Vec<Value> {
    let file = CLUSTER
        .control_plane
        .directory()
        .join(format!("{}-rendered.yaml", namespace.name));
    std::fs::write(&file, intent).unwrap();
    let rendered = compass("render --namespace")
        .arg(&namespace.name)
        .arg("--file")
        .arg(&file)
        .env("DATABASE_URL", &CLUSTER.database_url)
        .output()
        .unwrap();
    serde_yaml_ng::Deserializer::from_str(&rendered)
        .map(|document| Value::deserialize(document).unwrap())
        .collect()
}

/// Whether every field of `part` is in `whole`, which the API server has filled in.
fn holds(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part
            .iter()
            .all(|(key, part)| whole.get(key).is_some_and(|whole| holds(whole, part))),
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len()
                && whole
                    .iter()
                    .zip(part)
                    .all(|(whole, part)| holds(whole, part))
        }
        _ => whole == part,
    }
}

#[tokio::test]
async fn every_override_is_taken_and_read_back() {
    let namespace = Namespace::create("overrides").await;
    let _operator = namespace.operator();
    let yaml = example("everything", &namespace);
    namespace.apply(&yaml);
    let intent = namespace
        .reaches("everything", "Delivered", "True", "Applied")
        .await;
    let declared = parse_intent(&yaml).unwrap();
    assert_eq!(intent.spec.runtime, declared.spec.runtime, "stored whole");

    let applied: Value = serde_json::from_str(
        &namespace
            .kubectl("get deployment,service -o json --field-selector metadata.name=everything"),
    )
    .unwrap();
    for mut rendered in render(&namespace, &yaml) {
        rendered.as_object_mut().unwrap().remove("apiVersion");
        let kind = &rendered["kind"];
        let mut items = applied["items"].as_array().unwrap().iter();
        let stored = items.find(|item| &item["kind"] == kind).unwrap();
        assert!(holds(stored, &rendered), "{rendered:#}\n{stored:#}");
    }

    let prediction = condition(&intent, "PredictionHolds").unwrap();
    assert_eq!(
        (&*prediction.status, &*prediction.reason),
        ("False", "OverridesContradictEvidence")
    );
    let deviations = intent.status.unwrap().manifests.unwrap().deviations;
    assert_eq!(
        deviations,
        [
            "image: registry.example/mirror/vllm-openai:v0.19.0-company, benchmarked with vLLM 0.14.0",
            "args: --max-num-seqs 128, benchmarked with 256",
        ]
    );
}

#[tokio::test]
async fn a_contradiction_is_told_while_it_lasts() {
    let namespace = Namespace::create("contradiction").await;
    let _operator = namespace.operator();
    let told = |intent: &DeploymentIntent| {
        let deviations = intent.status.clone().unwrap().manifests.unwrap().deviations;
        (
            condition(intent, "PredictionHolds").is_some(),
            !deviations.is_empty(),
        )
    };
    namespace.apply(&chat("maxModelLen: 700"));
    let intent = namespace.ready("chat", "Available").await;
    assert_eq!(told(&intent), (true, true));
    let message = &condition(&intent, "PredictionHolds").unwrap().message;
    assert!(
        message.contains("--max-model-len 700, requests of 512/256 need 768 tokens"),
        "{message}"
    );
    let annotation = |deployment: &Deployment| {
        deployment
            .annotations()
            .get("compass.dev/prediction")
            .cloned()
    };
    let deployment = namespace.api::<Deployment>().get("chat").await.unwrap();
    assert_eq!(annotation(&deployment).as_deref(), Some("overridden"));

    namespace.apply(&chat("maxModelLen: 2000"));
    let intent = namespace.ready("chat", "Available").await;
    assert_eq!(told(&intent), (false, false));
    let deployment = namespace.api::<Deployment>().get("chat").await.unwrap();
    assert_eq!(annotation(&deployment), None);
}

#[tokio::test]
async fn a_gated_model_is_not_applied_without_a_token() {
    let namespace = Namespace::create("gated").await;
    let _operator = namespace.operator();
    let gated = "useCase: chatbot_conversational, demand: {requestsPerSecond: 1}, \
                 models: {allow: [meta-llama/Llama-3.1-8B-Instruct]}";
    namespace.apply(&intent_yaml(
        "chat",
        &format!("{gated}, delivery: {{mode: Apply}}"),
    ));
    let intent = namespace.stalled("chat", "GatedModelNeedsToken").await;
    let message = &condition(&intent, "Ready").unwrap().message;
    assert!(message.contains("runtime.hfTokenSecret"), "{message}");
    let deployments = namespace.api::<Deployment>();
    assert!(deployments.get_opt("chat").await.unwrap().is_none());

    namespace.apply(&intent_yaml("chat", gated));
    namespace.ready("chat", "Rendered").await;

    namespace.apply(&intent_yaml(
        "chat",
        &format!("{gated}, delivery: {{mode: Apply}}, runtime: {{hfTokenSecret: {{name: hf, key: token}}}}"),
    ));
    namespace
        .reaches("chat", "Delivered", "True", "Applied")
        .await;
}

#[tokio::test]
async fn a_patch_does_what_kubectl_patch_does() {
    let namespace = Namespace::create("patches").await;
    let plain = render(&namespace, &chat("")).remove(0);
    let file = CLUSTER.control_plane.directory().join("unpatched.json");
    std::fs::write(&file, plain.to_string()).unwrap();
    let pod = |pod: Value| json!({"spec": {"template": {"spec": pod}}});
    let container = |mut container: Value| {
        container["name"] = json!("vllm");
        pod(json!({"containers": [container]}))
    };
    for (kind, patch) in [
        (
            "strategic",
            json!({"spec": {"revisionHistoryLimit": 1, "strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}),
        ),
        (
            "strategic",
            pod(
                json!({"volumes": [{"name": "model-cache", "$patch": "delete"}, {"name": "new", "emptyDir": {}}]}),
            ),
        ),
        (
            "strategic",
            pod(
                json!({"tolerations": [{"key": "a"}], "affinity": null, "hostAliases": [{"ip": "1.2.3.4", "hostnames": ["a"]}]}),
            ),
        ),
        (
            "strategic",
            pod(
                json!({"initContainers": [{"name": "i", "image": "x"}], "nodeSelector": {"a": "b"}, "imagePullSecrets": [{"name": "s"}]}),
            ),
        ),
        (
            "strategic",
            pod(
                json!({"topologySpreadConstraints": [{"topologyKey": "kubernetes.io/hostname", "maxSkew": 2, "whenUnsatisfiable": "ScheduleAnyway"}]}),
            ),
        ),
        (
            "strategic",
            container(json!({"args": ["a"], "command": null})),
        ),
        (
            "strategic",
            container(
                json!({"env": [{"name": "HF_HOME", "value": "/x"}, {"name": "B", "value": "2"}]}),
            ),
        ),
        (
            "strategic",
            container(
                json!({"ports": [{"containerPort": 8000, "name": "api"}, {"containerPort": 9000}]}),
            ),
        ),
        (
            "strategic",
            container(
                json!({"volumeMounts": [{"mountPath": "/dev/shm", "name": "model-cache"}], "readinessProbe": {"periodSeconds": 1}}),
            ),
        ),
        (
            "strategic",
            container(
                json!({"readinessProbe": {"$patch": "replace", "exec": {"command": ["true"]}}, "lifecycle": {"$patch": "delete"}}),
            ),
        ),
        (
            "strategic",
            container(json!({"resources": {"limits": {"memory": "1Gi"}}})),
        ),
        (
            "json",
            json!([{"op": "add", "path": "/spec/template/spec/tolerations/-", "value": {"key": "a"}}]),
        ),
        (
            "json",
            json!([{"op": "copy", "from": "/spec/replicas", "path": "/spec/revisionHistoryLimit"}, {"op": "remove", "path": "/spec/template/spec/affinity"}]),
        ),
    ] {
        let patch = patch.to_string();
        let program = CLUSTER.control_plane.kubectl_program().unwrap();
        let expected = program
            .args([
                "patch",
                "--local",
                "--output=json",
                "--type",
                kind,
                "--patch",
                &patch,
                "--filename",
            ])
            .arg(&file)
            .output()
            .unwrap();
        let mut expected: Value = serde_json::from_str(&expected).unwrap();
        let mut intent: Value = serde_json::to_value(parse_intent(&chat("")).unwrap()).unwrap();
        intent["spec"]["runtime"]["patches"] =
            json!([{"target": {"kind": "Deployment"}, "patch": patch}]);
        let mut patched = render(&namespace, &intent.to_string()).remove(0);
        for deployment in [&mut expected, &mut patched] {
            let annotations = deployment["metadata"]["annotations"].as_object_mut();
            annotations.unwrap().remove("compass.dev/prediction");
        }
        assert_eq!(patched, expected, "{patch}");
    }
}

#[tokio::test]
async fn pods_are_admitted_by_pod_security() {
    let namespace = Namespace::create("pod-security").await;
    let enforce = |level: &str| {
        namespace.kubectl(&format!(
            "label namespace {} --overwrite pod-security.kubernetes.io/enforce={level}",
            namespace.name
        ))
    };
    let default = pod_of(&render(&namespace, &chat(""))[0], &namespace);
    let restricted = render(&namespace, &example("restricted", &namespace));
    let restricted = pod_of(&restricted[0], &namespace);
    // The controller manager makes it a moment after the namespace.
    eventually("the namespace's service account", async || {
        let account = [
            "get",
            "serviceaccount",
            "default",
            "--namespace",
            &namespace.name,
        ];
        CLUSTER.control_plane.kubectl(&account)
    })
    .await;

    enforce("baseline");
    try_create(&default).unwrap();
    enforce("restricted");
    let complaint = try_create(&default).unwrap_err();
    assert!(
        complaint.contains("runAsNonRoot != true")
            && !complaint.contains("seccompProfile")
            && !complaint.contains("capabilities"),
        "{complaint}"
    );
    try_create(&restricted).unwrap();
}

/// A pod of a workload, as a file.
fn pod_of(deployment: &Value, namespace: &Namespace) -> std::path::PathBuf {
    let template = &deployment["spec"]["template"];
    let name = deployment["metadata"]["name"].as_str().unwrap();
    let mut metadata = template["metadata"].clone();
    metadata["name"] = json!(name);
    metadata["namespace"] = json!(namespace.name);
    let pod =
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]});
    let file = CLUSTER
        .control_plane
        .directory()
        .join(format!("pod-{name}.json"));
    std::fs::write(&file, pod.to_string()).unwrap();
    file
}

fn try_create(pod: &std::path::Path) -> Result<String, String> {
    let program = CLUSTER.control_plane.kubectl_program().unwrap();
    program
        .args(["create", "--dry-run=server", "--filename"])
        .arg(pod)
        .output()
        .map_err(|error| error.to_string())
}
