//! The admission policy of `docs/gitops.md`, by the API server itself.

use std::path::Path;

use crate::support::{CLUSTER, Namespace, apply, eventually, intent_yaml};

const CHAT: &str = "useCase: chatbot_conversational, demand: {requestsPerSecond: 5}";

#[tokio::test]
async fn an_intent_is_held_to_rules_of_ones_own() {
    let namespace = Namespace::create("policy").await;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/gitops/policy/limits.yaml");
    let policy = std::fs::read_to_string(file).unwrap();
    apply(&CLUSTER.control_plane, "policy.yaml", &policy);
    namespace.kubectl("label namespace policy compass.dev/limits=enforced");
    let limits = "hardware: {maxCostPerHour: 80}";
    let too_much = intent_yaml(
        "chat",
        &format!("{CHAT}, hardware: {{maxCostPerHour: 101}}"),
    );
    // The API server takes a policy in after a while.
    eventually("the policy to hold", async || {
        namespace.refusal(&too_much).ok_or("taken").map(|_| ())
    })
    .await;
    let refused = |spec: &str| {
        namespace
            .refusal(&intent_yaml("chat", spec))
            .unwrap_or_default()
    };
    for (spec, message) in [
        (
            format!("useCase: translation, {limits}"),
            "give spec.demand",
        ),
        (
            CHAT.to_owned(),
            "give spec.hardware.maxCostPerHour, at most 100",
        ),
        (
            format!("{CHAT}, {limits}, evidence: {{minimum: estimated}}"),
            "estimated is not for this namespace",
        ),
    ] {
        let told = refused(&spec);
        assert!(told.contains(message), "{spec}: {told}");
    }
    namespace.apply(&intent_yaml("chat", &format!("{CHAT}, {limits}")));
}
