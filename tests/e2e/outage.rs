//! The knowledge base is down, at the start or later: the operator lives, says so, keeps every
//! answer, and recovers by itself.

use compass_testbed::Postgres;

use crate::support::{Namespace, condition, intent_yaml, load_knowledge_base};

fn translation(rate: u32) -> String {
    intent_yaml(
        "translation",
        &format!("useCase: translation, demand: {{requestsPerSecond: {rate}}}"),
    )
}

#[tokio::test]
async fn answers_outlive_an_outage_and_come_back_after_it() {
    let namespace = Namespace::create("outage").await;
    let mut postgres = Postgres::start().unwrap();
    load_knowledge_base(&postgres.url());
    postgres.stop();

    let operator = namespace.operator_with(&postgres.url(), 1);
    namespace.apply(&translation(1));
    let intent = namespace
        .reaches(
            "translation",
            "Ready",
            "Unknown",
            "KnowledgeBaseUnavailable",
        )
        .await;
    assert_eq!(
        intent.status.as_ref().unwrap().observed_generation,
        Some(-1),
        "nothing was answered"
    );
    assert_eq!(
        condition(&intent, "EvidenceCurrent").unwrap().status,
        "False"
    );
    assert_eq!(operator.get("/healthz").0, 200);
    operator.answers("/readyz", 503, "[-] knowledge base").await;

    postgres.start_again().unwrap();
    let first = namespace.ready("translation", "Rendered").await;
    operator.answers("/readyz", 200, "ok").await;
    let recommendation = first.status.as_ref().unwrap().recommendation.clone();
    assert!(recommendation.is_some());

    postgres.stop();
    let during = namespace
        .reaches(
            "translation",
            "EvidenceCurrent",
            "False",
            "KnowledgeBaseUnavailable",
        )
        .await;
    assert_eq!(condition(&during, "Ready"), condition(&first, "Ready"));
    assert_eq!(during.status.unwrap().recommendation, recommendation);
    operator
        .answers("/readyz?verbose", 200, "[!] knowledge base")
        .await;
    operator
        .answers("/metrics", 200, "compass_knowledge_base_up 0")
        .await;

    namespace.apply(&translation(2));
    let unanswered = namespace
        .reaches(
            "translation",
            "Ready",
            "Unknown",
            "KnowledgeBaseUnavailable",
        )
        .await;
    let status = unanswered.status.as_ref().unwrap();
    assert_eq!(status.recommendation, recommendation, "the last one stays");
    assert_eq!(status.observed_generation, first.metadata.generation);

    postgres.start_again().unwrap();
    let after = namespace.ready("translation", "Rendered").await;
    assert_eq!(condition(&after, "EvidenceCurrent").unwrap().status, "True");
    assert_eq!(
        after.status.unwrap().observed_generation,
        after.metadata.generation
    );
    operator
        .answers("/metrics", 200, "compass_knowledge_base_up 1")
        .await;
}
