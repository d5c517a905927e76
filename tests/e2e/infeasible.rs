//! Valid intents that nothing meets: an answer with the nearest miss and the remedy, not an error.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;

use crate::support::{Namespace, condition, examples};

#[tokio::test]
async fn an_infeasible_intent_stalls_and_says_why() {
    let namespace = Namespace::create("infeasible").await;
    let operator = namespace.operator();
    let expected = |file: &str| match file {
        // Measured value, target and remedy.
        "impossible-ttft" => (
            "NoCompliantConfiguration",
            &["TTFT p95", "target 5 ms", "would admit"][..],
        ),
        "profile-without-benchmarks" => {
            ("NoEvidence", &["777/33", "512/256", "trafficProfile"][..])
        }
        "over-the-budget" => ("NoCompliantConfiguration", &["maxCostPerHour"][..]),
        other => panic!("say what is expected of examples/infeasible/{other}.yaml"),
    };
    let examples = examples("infeasible");
    for example in &examples {
        namespace.apply(&example.yaml(&namespace.name));
    }
    for example in &examples {
        let (reason, parts) = expected(&example.file);
        let intent = namespace
            .stalled(&example.intent().name_any(), reason)
            .await;
        let message = &condition(&intent, "Ready").unwrap().message;
        for part in parts {
            assert!(
                message.contains(part),
                "{}: `{part}` is missing in: {message}",
                example.file
            );
        }
        let status = intent.status.as_ref().unwrap();
        assert_eq!(status.recommendation, None);
        assert_eq!(status.observed_generation, intent.metadata.generation);
        assert!(condition(&intent, "Reconciling").is_none());
        let rendered = namespace
            .api::<ConfigMap>()
            .get_opt(&intent.name_any())
            .await
            .unwrap();
        assert!(rendered.is_none(), "there is nothing to render");
    }
    assert_eq!(
        operator.metric("compass_reconcile_errors_total", ""),
        0.0,
        "an answer is no error"
    );
}
