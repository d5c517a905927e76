//! An answer with its reasons: in the status, and by `compass explain` of an intent in the cluster.

use compass_testbed::process::Program;

use crate::support::{CLUSTER, Namespace, compass, condition, intent_yaml};

const CHAT: &str =
    "useCase: chatbot_conversational, demand: {requestsPerSecond: 5}, delivery: {mode: Recommend}";

fn explain(arguments: &str) -> Program {
    compass(&format!("explain {arguments}"))
        .env("KUBECONFIG", CLUSTER.control_plane.kubeconfig())
        .env("DATABASE_URL", &CLUSTER.database_url)
}

#[tokio::test]
async fn a_live_intent_is_explained_as_its_status_says() {
    let namespace = Namespace::create("explain").await;
    let _operator = namespace.operator();
    namespace.apply(&intent_yaml("chat", CHAT));
    let status = namespace.ready("chat", "Recommended").await.status.unwrap();
    let recommendation = status.recommendation.unwrap();
    assert!(recommendation.break_even.is_some() && recommendation.headroom_percent.is_some());
    assert_eq!(status.other_objectives.len(), 3);
    let explanation = status.explanation.unwrap();
    assert!(recommendation.settled || explanation.challengers > 0);

    let chat = format!("chat --namespace {}", namespace.name);
    let shown = explain(&chat).output().unwrap();
    for part in [
        &recommendation.model,
        "holds up to",
        "settled",
        "Other objectives than Cost would choose",
        "nearest miss",
        "No benchmarks for 512/256 on",
    ] {
        assert!(shown.contains(part), "`{part}` is missing in\n{shown}");
    }
    let json = explain(&format!("{chat} --all -o json")).output().unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["recommendation"]["digest"], recommendation.digest);
    let accounts = json["configurations"].as_array().unwrap();
    assert_eq!(accounts.len() as i32, explanation.configurations);
    let complies = |account: &&serde_json::Value| account["outcome"] == "Complies";
    let compliant = accounts.iter().filter(complies).count();
    assert_eq!(compliant as i32, explanation.compliant);

    let missing = explain(&format!("other --namespace {}", namespace.name)).output();
    let missing = missing.unwrap_err().to_string();
    assert!(
        missing.contains("there is no DeploymentIntent other"),
        "{missing}"
    );
}

#[tokio::test]
async fn a_name_that_is_nearly_right_is_told() {
    let namespace = Namespace::create("nearly").await;
    let _operator = namespace.operator();
    let spec = format!("{CHAT}, models: {{allow: [Qwen/Qwen-3-32B]}}");
    namespace.apply(&intent_yaml("chat", &spec));
    let intent = namespace.stalled("chat", "NoCompliantConfiguration").await;
    let message = &condition(&intent, "Ready").unwrap().message;
    assert!(
        message.contains("did you mean Qwen/Qwen3-32B?"),
        "{message}"
    );
}
