//! Starting before anything else is there, and ending.

use std::time::Duration;

use compass_testbed::{ControlPlane, Postgres, Scope, port};

use crate::support::{
    CLUSTER, Namespace, Operator, OperatorOptions, client, compass, eventually, install_crd,
    intent_yaml, load_knowledge_base,
};
use compass::api::DeploymentIntent;
use kube::Api;
use kube::api::PostParams;

#[tokio::test]
async fn an_operator_waits_for_what_is_not_there_yet() {
    let control_plane = ControlPlane::start(Scope::ApiServer).unwrap();
    let mut postgres = Postgres::start().unwrap();
    load_knowledge_base(&postgres.url());
    postgres.stop();
    let url = postgres.url();
    let mut operator = Operator::start(&OperatorOptions::new(&control_plane, &url));
    operator.answers("/healthz", 200, "ok").await;
    let report = operator
        .answers("/readyz", 503, "[-] intents: the CustomResourceDefinition")
        .await;
    assert!(report.contains("compass crd | kubectl apply"), "{report}");

    install_crd(&control_plane);
    operator.answers("/readyz", 503, "[+] intents").await;
    postgres.start_again().unwrap();
    operator.answers("/readyz", 200, "ok").await;

    // It works in all namespaces.
    let intents: Api<DeploymentIntent> = Api::namespaced(client(&control_plane).await, "default");
    let intent = compass::api::parse_intent(&intent_yaml("translation", "useCase: translation"));
    intents
        .create(&PostParams::default(), &intent.unwrap())
        .await
        .unwrap();
    eventually("an answer", async || {
        let status = intents.get("translation").await.unwrap().status;
        status
            .and_then(|status| status.recommendation)
            .ok_or("none")
    })
    .await;
    let took = operator.terminate();
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[tokio::test]
async fn sigterm_ends_an_operator_promptly_also_during_an_outage() {
    let namespace = Namespace::create("sigterm").await;
    let nobody = format!(
        "postgres://compass@127.0.0.1:{}/compass",
        port::free().unwrap()
    );
    let mut operator = namespace.operator_with(&nobody, 1);
    namespace.apply(&intent_yaml("translation", "useCase: translation"));
    namespace
        .reaches(
            "translation",
            "Ready",
            "Unknown",
            "KnowledgeBaseUnavailable",
        )
        .await;
    let took = operator.terminate();
    assert!(took < Duration::from_secs(12), "{took:?}");
}

#[tokio::test]
async fn an_operator_that_is_stopped_while_it_starts_waits_for_nothing() {
    let namespace = Namespace::create("short").await;
    for _ in 0..10 {
        let mut operator = namespace.operator();
        operator.answers("/readyz", 200, "").await;
        operator.terminate();
        let log = operator.log();
        assert!(!log.contains("work under way"), "{log}");
    }
}

/// An operator with reconciles under way: its knowledge base takes connections and says nothing, and
/// the first round of more intents than are looked at together has ended.
async fn busy(namespace: &Namespace, nobody: &std::net::TcpListener) -> Operator {
    let url = format!(
        "postgres://compass@{}/compass",
        nobody.local_addr().unwrap()
    );
    let intents = (0..48).map(|n| intent_yaml(&format!("translation-{n}"), "useCase: translation"));
    namespace.apply(&intents.collect::<Vec<_>>().join("---\n"));
    let operator = namespace.operator_with(&url, 3600);
    operator.answers("/healthz", 200, "ok").await;
    eventually("an end of the first round", async || {
        let ended = operator.metric("compass_reconciles_total", "KnowledgeBaseUnavailable");
        if ended > 0.0 {
            Ok(())
        } else {
            Err(operator.log())
        }
    })
    .await;
    operator
}

#[tokio::test]
async fn what_is_under_way_is_waited_for_but_not_beyond_the_grace_period() {
    let namespace = Namespace::create("grace").await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut operator = busy(&namespace, &nobody).await;
    operator.signal("TERM");
    assert!(operator.ends().await, "{}", operator.log());
}

#[tokio::test]
async fn a_second_signal_ends_an_operator_at_once() {
    let namespace = Namespace::create("second-signal").await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut operator = busy(&namespace, &nobody).await;
    operator.signal("TERM");
    operator.logs("SIGTERM: stopping").await;
    operator.signal("INT");
    assert!(!operator.ends().await);
    operator.logs("SIGINT again: ended at once").await;
}

#[tokio::test]
async fn what_cannot_be_started_with_is_told_and_ends_with_an_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("controller --listen {}", taken.local_addr().unwrap());
    let start = |arguments: &str, database_url: &str| {
        compass(arguments)
            .env("KUBECONFIG", CLUSTER.control_plane.kubeconfig())
            .env("DATABASE_URL", database_url)
            .refusal()
            .unwrap()
    };
    let complaint = start(&listen, "postgres://compass@127.0.0.1/compass");
    assert!(complaint.contains("choose another --listen"), "{complaint}");
    let complaint = start("controller --listen 127.0.0.1:0", "mysql://secret@host");
    assert!(
        complaint.contains("database URL") && !complaint.contains("secret"),
        "{complaint}"
    );
}
