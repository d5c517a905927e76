//! What the API server refuses, and whether a person understands why.

use crate::support::{Namespace, examples};

#[tokio::test]
async fn every_faulty_intent_is_refused_with_an_understandable_message() {
    let namespace = Namespace::create("refused").await;
    for example in examples("refused") {
        let part = match example.file.as_str() {
            "unknown-use-case" => "supported values: \"chatbot_conversational\"",
            "custom-without-profile" => {
                "useCase custom has no template: trafficProfile is required"
            }
            "custom-without-targets" => {
                "useCase custom has no template: give experienceClass, or all of slo.ttftP95Ms"
            }
            "rate-beside-users" => {
                "give either requestsPerSecond or users, not both and not neither"
            }
            "factors-beside-a-rate" => "they mean nothing beside requestsPerSecond",
            "zero-target" => "spec.slo.ttftP95Ms in body should be greater than or equal to 1",
            "absurd-target" => "spec.slo.e2eP95Ms in body should be less than or equal to 86400000",
            "negative-rate" | "zero-rate" => {
                "must be more than zero and an integer such as 5 or a quoted decimal"
            }
            "unquoted-decimal" => "spec.demand.requestsPerSecond",
            "unknown-field" => "latency",
            "misspelt-override" => "operater",
            "model-path-of-any-model" => "models.allow must name exactly that one",
            "empty-list" => "spec.models.allow in body should have at least 1 items",
            "name-too-long" | "name-with-a-dot" => "metadata.name must be at most 40 characters",
            "two-model-caches" => "modelCache makes a claim and modelCacheClaim names one",
            "keda-without-prometheus" => "kind ScaledObject needs prometheusAddress",
            "pool-without-picker" => "endpointPicker is needed with target Deployment",
            "peer-without-labels" => "give namespaceLabels, podLabels or both",
            "unknown-mode" => "supported values: \"Recommend\", \"Render\", \"Apply\"",
            other => panic!("say what is expected of examples/refused/{other}.yaml"),
        };
        namespace.rejects(&example.yaml(&namespace.name), part);
    }
}
