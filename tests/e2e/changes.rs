//! A change of the knowledge base, made by plain SQL, reaches the intents it concerns and no others.

use std::collections::BTreeMap;

use compass::api::DeploymentIntent;
use compass_testbed::Postgres;
use compass_testbed::postgres::execute;
use futures::{StreamExt, TryStreamExt, stream};
use kube::ResourceExt;
use kube::api::{ListParams, PostParams};

use crate::support::{
    Namespace, Operator, Row, compass, empty_knowledge_base, eventually, intent_yaml,
};

const PROFILES: i32 = 10;
const INTENTS: i32 = 1000;
const ROWS_AT_FIRST: i32 = 2;

/// A benchmark that meets every target of the intents here.
fn insert(url: &str, prompt_tokens: i32, rate: i32) {
    let row = Row {
        prompt_tokens,
        requests_per_second: rate,
        ..Row::default()
    };
    row.insert(url);
}

fn intent(name: &str, prompt_tokens: i32) -> DeploymentIntent {
    let yaml = intent_yaml(
        name,
        &format!(
            "useCase: custom, trafficProfile: {{promptTokens: {prompt_tokens}, outputTokens: 256}}, \
             slo: {{ttftP95Ms: 100, itlP95Ms: 100, e2eP95Ms: 10000}}, \
             demand: {{requestsPerSecond: 10, headroomPercent: 0}}, delivery: {{mode: Recommend}}"
        ),
    );
    let mut intent = compass::api::parse_intent(&yaml).unwrap();
    let label = ("profile".to_owned(), prompt_tokens.to_string());
    intent.labels_mut().extend([label]);
    intent
}

/// Profile, resourceVersion and recommended replicas of each intent that `selected` selects.
async fn seen(
    namespace: &Namespace,
    selected: &ListParams,
) -> BTreeMap<String, (i32, String, Option<i64>)> {
    let listed = namespace
        .api::<DeploymentIntent>()
        .list(selected)
        .await
        .unwrap();
    let seen = listed.into_iter().map(|intent| {
        let profile = intent.spec.traffic_profile.as_ref().unwrap().prompt_tokens;
        let version = intent.resource_version().unwrap_or_default();
        let status = intent.status.as_ref();
        let replicas = status
            .and_then(|status| status.recommendation.as_ref())
            .map(|it| i64::from(it.replicas));
        (intent.name_any(), (profile, version, replicas))
    });
    seen.collect()
}

/// Waits until every intent of a profile needs so many replicas.
async fn all_need(namespace: &Namespace, profile: i32, replicas: i64) {
    let what = format!("{replicas} replicas under profile {profile}");
    let of_profile = ListParams::default().labels(&format!("profile={profile}"));
    eventually(&what, async || {
        let seen = seen(namespace, &of_profile).await;
        let late = seen.values().filter(|(_, _, need)| *need != Some(replicas));
        match late.count() {
            0 => Ok(()),
            late => Err(late),
        }
    })
    .await;
}

fn requeues(operator: &Operator) -> f64 {
    operator.metric("compass_knowledge_base_change_requeues_total", "")
}

fn reconciles(operator: &Operator) -> f64 {
    operator.metric("compass_reconciles_total", "")
}

#[tokio::test]
async fn a_new_row_reaches_the_intents_of_its_profile_and_no_others() {
    let namespace = Namespace::create("changes").await;
    let mut postgres = empty_knowledge_base();
    let url = postgres.url();
    for profile in 1..=PROFILES {
        insert(&url, profile, ROWS_AT_FIRST);
    }
    let api = namespace.api::<DeploymentIntent>();
    stream::iter(0..INTENTS)
        .map(|number| {
            let (api, intent) = (
                api.clone(),
                intent(&format!("i-{number}"), 1 + number % PROFILES),
            );
            async move { api.create(&PostParams::default(), &intent).await }
        })
        .buffer_unordered(16)
        .try_for_each(async |_| Ok(()))
        .await
        .unwrap();
    api.create(&PostParams::default(), &intent("unseen", 99))
        .await
        .unwrap();

    let operator = namespace.operator_with(&url, 3600);
    for profile in 1..=PROFILES {
        all_need(&namespace, profile, 5).await;
    }
    namespace.stalled("unseen", "NoEvidence").await;
    operator
        .answers(
            "/metrics",
            200,
            "compass_knowledge_base_listener_connected 1",
        )
        .await;

    let before = seen(&namespace, &ListParams::default()).await;
    let counts = (requeues(&operator), reconciles(&operator));
    insert(&url, 3, 10);
    all_need(&namespace, 3, 1).await;
    let after = seen(&namespace, &ListParams::default()).await;
    let changed: Vec<_> = after
        .iter()
        .filter(|(name, now)| before[*name] != **now)
        .collect();
    assert_eq!(changed.len() as i32, INTENTS / PROFILES);
    assert!(changed.iter().all(|(_, (profile, _, _))| *profile == 3));
    let more = f64::from(INTENTS / PROFILES);
    assert_eq!(requeues(&operator) - counts.0, more);
    eventually("the last reconcile to be counted", async || {
        let count = reconciles(&operator) - counts.1;
        if count >= more { Ok(()) } else { Err(count) }
    })
    .await;
    assert_eq!(reconciles(&operator) - counts.1, more);

    // The first row of a profile concerns whoever was told which profiles have rows.
    insert(&url, 99, 5);
    let unseen = namespace.ready("unseen", "Recommended").await;
    assert_eq!(unseen.status.unwrap().recommendation.unwrap().replicas, 2);
    assert_eq!(requeues(&operator) - counts.0, more + 1.0);

    // Whoever listens is sent away, and changes go on.
    execute(
        &url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'compass'",
    )
    .unwrap();
    insert(&url, 4, 5);
    all_need(&namespace, 4, 2).await;

    // As the server goes and comes back.
    postgres.stop();
    postgres.start_again().unwrap();
    insert(&url, 5, 10);
    all_need(&namespace, 5, 1).await;
    operator
        .answers(
            "/metrics",
            200,
            "compass_knowledge_base_listener_connected 1",
        )
        .await;
    insert(&url, 6, 10);
    all_need(&namespace, 6, 1).await;
}

#[tokio::test]
async fn a_change_made_while_nothing_is_recorded_arrives_with_the_next_migration() {
    let namespace = Namespace::create("unrecorded").await;
    let postgres = Postgres::start().unwrap();
    let url = postgres.url();
    let migrate = || {
        compass("migrate")
            .env("DATABASE_URL", &url)
            .output()
            .unwrap()
    };
    migrate();
    insert(&url, 1, 2);
    namespace
        .api::<DeploymentIntent>()
        .create(&PostParams::default(), &intent("chat", 1))
        .await
        .unwrap();
    let _operator = namespace.operator_with(&url, 3600);
    all_need(&namespace, 1, 5).await;
    // As a restore leaves it.
    execute(
        &url,
        "CREATE TABLE restored (LIKE exported_summaries INCLUDING ALL);
         INSERT INTO restored SELECT * FROM exported_summaries;
         DROP TABLE exported_summaries; ALTER TABLE restored RENAME TO exported_summaries",
    )
    .unwrap();
    insert(&url, 1, 5);
    migrate();
    all_need(&namespace, 1, 2).await;
    insert(&url, 1, 10);
    all_need(&namespace, 1, 1).await;
}
