//! `compass watch`: what it tells, and the codes that scripts go by.

use std::process::{Command, Output};

use crate::support::{CLUSTER, Namespace, intent_yaml};

const CHAT: &str =
    "useCase: chatbot_conversational, demand: {requestsPerSecond: 5}, delivery: {mode: Recommend}";

fn watch(namespace: &Namespace, arguments: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_compass"))
        .arg("watch")
        .args(arguments.split_whitespace())
        .args(["--namespace", &namespace.name, "--kubeconfig"])
        .arg(CLUSTER.control_plane.kubeconfig())
        .env("KUBECONFIG", "/nowhere")
        .output()
        .unwrap()
}

fn ends(output: &Output, code: i32, part: &str) {
    let shown = String::from_utf8_lossy(&output.stdout);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{shown}\n{told}");
    assert!(
        format!("{shown}{told}").contains(part),
        "`{part}` is missing in\n{shown}\n{told}"
    );
}

#[tokio::test]
async fn an_intent_is_followed_until_it_is_ready() {
    let namespace = Namespace::create("watch").await;
    let missing = watch(&namespace, "chat --until-ready");
    ends(
        &missing,
        1,
        "there is no DeploymentIntent chat in namespace watch",
    );
    namespace.apply(&intent_yaml("chat", CHAT));
    let nobody = watch(&namespace, "chat --until-ready --timeout 1s");
    ends(&nobody, 1, "chat Pending: not looked at yet");
    ends(&nobody, 1, "not ready within 1 s: chat");

    let _operator = namespace.operator();
    let ready = watch(&namespace, "chat --until-ready --timeout 60s");
    let recommendation = namespace.ready("chat", "Recommended").await;
    let recommendation = recommendation.status.unwrap().recommendation.unwrap();
    let line = format!(
        "chat Ready (Recommended): {} on {}",
        recommendation.model, recommendation.accelerators
    );
    ends(&ready, 0, &line);

    let spec = format!("{CHAT}, slo: {{ttftP95Ms: 1}}");
    namespace.apply(&intent_yaml("impossible", &spec));
    let stalled = watch(&namespace, "impossible --until-ready --timeout 60s");
    ends(&stalled, 3, "impossible Stalled (NoCompliantConfiguration)");
    ends(&watch(&namespace, "--until-ready"), 3, "chat Ready");
    namespace.kubectl("delete di impossible");
    ends(
        &watch(&namespace, "--until-ready --timeout 60s"),
        0,
        "chat Ready",
    );
}
