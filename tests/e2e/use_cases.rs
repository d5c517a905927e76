//! The nine use cases, as the examples declare them.

use std::collections::BTreeSet;

use compass::api::{DeliveryMode, DeploymentIntent};
use compass::catalog::{Catalog, UseCase};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;

use crate::support::{CLUSTER, Namespace, compass, examples};

const LARGEST_STATUS_BYTES: usize = 16 * 1024;

#[tokio::test]
async fn every_use_case_is_answered() {
    let namespace = Namespace::create("use-cases").await;
    let operator = namespace.operator();
    let examples = examples("use-cases");
    for example in &examples {
        namespace.apply(&example.yaml(&namespace.name));
    }

    for example in &examples {
        let declared = example.intent();
        let mode = declared.spec.delivery.mode;
        let reason = match mode {
            DeliveryMode::Recommend => "Recommended",
            DeliveryMode::Render => "Rendered",
            DeliveryMode::Apply => "Available",
        };
        let intent = namespace.ready(&declared.name_any(), reason).await;
        meets_its_targets(&intent);
        let config_map = namespace
            .api::<ConfigMap>()
            .get_opt(&intent.name_any())
            .await
            .unwrap();
        assert_eq!(
            config_map.is_some(),
            mode != DeliveryMode::Recommend,
            "{}",
            example.file
        );
        let deployment = namespace
            .api::<Deployment>()
            .get_opt(&intent.name_any())
            .await
            .unwrap();
        assert_eq!(
            deployment.is_some(),
            mode == DeliveryMode::Apply,
            "{}",
            example.file
        );
    }
    let shown: BTreeSet<UseCase> = examples
        .iter()
        .map(|example| example.intent().spec.use_case)
        .collect();
    let all: BTreeSet<UseCase> = Catalog::built_in()
        .use_cases()
        .map(|(use_case, _)| use_case)
        .collect();
    assert_eq!(shown, all);
    // As a person would: all at once, and they are there.
    namespace.kubectl("wait --for=condition=Ready di --all --timeout=5s");
    let table = namespace.kubectl("get di");
    for shown in ["MODEL", "TTFT P95", "$/HOUR", "legal-analysis", "Rendered"] {
        assert!(table.contains(shown), "{shown} is missing in\n{table}");
    }
    assert_eq!(
        operator.metric("compass_reconcile_errors_total", ""),
        0.0,
        "{}",
        operator.log()
    );
}

fn meets_its_targets(intent: &DeploymentIntent) {
    let name = intent.name_any();
    let status = intent.status.as_ref().unwrap();
    assert_eq!(
        status.observed_generation, intent.metadata.generation,
        "{name}"
    );
    let predicted = &status.recommendation.as_ref().unwrap().predicted;
    let slo = &status.requirement.as_ref().unwrap().slo;
    for (predicted, target) in [
        (&predicted.ttft_p95_ms, slo.ttft_p95_ms),
        (&predicted.itl_p95_ms, slo.itl_p95_ms),
        (&predicted.e2e_p95_ms, slo.e2e_p95_ms),
    ] {
        assert!(
            predicted.parse::<f64>().unwrap() <= f64::from(target),
            "{name}: {predicted}"
        );
    }
    let bytes = serde_json::to_vec(status).unwrap().len();
    assert!(
        bytes <= LARGEST_STATUS_BYTES,
        "the status of {name} has {bytes} bytes"
    );
}

#[tokio::test]
async fn the_command_line_renders_the_same_bytes() {
    let namespace = Namespace::create("bytes").await;
    let _operator = namespace.operator();
    let examples = examples("use-cases");
    let example = examples
        .iter()
        .find(|example| example.intent().spec.delivery.mode == DeliveryMode::Render)
        .unwrap();
    let yaml = example.yaml(&namespace.name);
    namespace.apply(&yaml);
    let intent = namespace
        .ready(&example.intent().name_any(), "Rendered")
        .await;

    let file = CLUSTER
        .control_plane
        .directory()
        .join("rendered-intent.yaml");
    std::fs::write(&file, yaml).unwrap();
    let rendered = compass("render --file")
        .arg(&file)
        .env("DATABASE_URL", &CLUSTER.database_url);
    let config_map = namespace
        .api::<ConfigMap>()
        .get(&intent.name_any())
        .await
        .unwrap();
    assert_eq!(
        rendered.output().unwrap(),
        config_map.data.unwrap()["manifests.yaml"]
    );
    let manifests = intent.status.unwrap().manifests.unwrap();
    assert_eq!(manifests.config_map, intent.metadata.name.unwrap());
}
