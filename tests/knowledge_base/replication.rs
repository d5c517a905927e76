//! A primary that fails over, and rows read from its replica.

use std::time::{Duration, Instant};

use compass::knowledge_base::{
    ConnectionSettings, DatabaseUrls, Follower, KnowledgeBase, KnowledgeBaseError, migrate, remove,
};
use compass_testbed::forwarder::Forwarder;
use compass_testbed::{Postgres, port};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::support::{Database, PROFILE, catalog, connect, id};

async fn rows(knowledge_base: &KnowledgeBase) -> usize {
    let evidence = knowledge_base.evidence(PROFILE).await.unwrap();
    evidence.benchmarks.len()
}

/// A primary with one benchmark, and a standby of it.
async fn pair() -> (Postgres, Postgres, Database) {
    let mut primary = Postgres::start().unwrap();
    let database = Database { url: primary.url() };
    migrate(&database.url).await.unwrap();
    database.insert(json!({"id": id(1)}));
    let replica = primary.replica().unwrap();
    (primary, replica, database)
}

/// One that writes to and follows `primary`, and reads from `read`.
fn reading_from(primary: &str, read: &str) -> KnowledgeBase {
    let urls = DatabaseUrls {
        read: Some(read.to_owned()),
        ..DatabaseUrls::from(primary)
    };
    KnowledgeBase::connect_lazy(urls, &ConnectionSettings::default(), catalog()).unwrap()
}

async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "waited for {what}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Whether a session of Compass is on this server.
fn is_used(server: &Postgres) -> bool {
    let sessions = Database { url: server.url() };
    sessions.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'compass'")
        != "0"
}

async fn follower(knowledge_base: &KnowledgeBase) -> Follower {
    loop {
        if let Ok(follower) = knowledge_base.follow().await {
            return follower;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_name_that_moves_to_the_new_primary_is_followed() {
    let (mut primary, replica, _) = pair().await;
    let name = Forwarder::to(primary.port()).unwrap();
    let url = port::replaced(&primary.url(), name.port()).unwrap();
    let knowledge_base = connect(&url);
    let mut told = knowledge_base.follow().await.unwrap();
    assert_eq!(rows(&knowledge_base).await, 1);
    let standby = Database { url: replica.url() };
    let has_come_as_far = async || standby.value("SELECT count(*) FROM exported_summaries") == "1";
    eventually("the standby to have the row", has_come_as_far).await;

    primary.kill();
    let error = knowledge_base.evidence(PROFILE).await.unwrap_err();
    assert!(
        matches!(error, KnowledgeBaseError::Unreachable { .. }),
        "{error}"
    );
    told.next()
        .await
        .expect_err("the follower's connection is gone");
    replica.promote().unwrap();
    name.redirect(replica.port());

    let promoted = Database { url: replica.url() };
    promoted.insert(json!({"id": id(2)}));
    assert_eq!(rows(&knowledge_base).await, 2);
    let mut told = follower(&knowledge_base).await;
    assert!(told.hears());
    let change = async {
        loop {
            let changed = told.next().await.unwrap();
            if !changed.is_empty() {
                return changed;
            }
        }
    };
    promoted.insert(json!({"id": id(3)}));
    let changed = tokio::time::timeout(Duration::from_secs(60), change)
        .await
        .unwrap();
    assert_eq!(changed.profiles, [PROFILE].into());
    assert_eq!(rows(&knowledge_base).await, 3);
    // Writers follow the name, too.
    migrate(&url).await.unwrap();
}

#[tokio::test]
async fn what_was_read_from_a_standby_does_not_outlive_its_promotion() {
    let (mut primary, replica, database) = pair().await;
    let knowledge_base = connect(&replica.url());
    let caught_up = async || rows(&knowledge_base).await == 1;
    eventually("the standby to have the row", caught_up).await;
    database.insert(json!({"id": id(2)}));
    let caught_up = async || rows(&knowledge_base).await == 2;
    eventually("the standby to have the second row", caught_up).await;

    primary.kill();
    replica.promote().unwrap();
    let promoted = Database { url: replica.url() };
    promoted.execute("DELETE FROM exported_summaries");
    assert_eq!(rows(&knowledge_base).await, 0);
}

/// Between transactions that are older and younger than it, one may end and leave the snapshot of a
/// standby as it was.
#[tokio::test]
async fn a_transaction_that_a_standby_does_not_list_is_seen() {
    let (_primary, replica, database) = pair().await;
    let knowledge_base = connect(&replica.url());
    let mut open = Vec::new();
    for number in 2..4 {
        let mut connection = PgConnection::connect(&database.url).await.unwrap();
        connection.execute("BEGIN").await.unwrap();
        let copy = format!(
            "INSERT INTO exported_summaries SELECT (jsonb_populate_record(s, '{{\"id\": \"{}\"}}')).*
             FROM exported_summaries s LIMIT 1",
            id(number)
        );
        connection.execute(AssertSqlSafe(copy)).await.unwrap();
        open.push(connection);
    }
    database.insert(json!({"id": id(4)}));
    let caught_up = async || rows(&knowledge_base).await == 2;
    eventually("the standby to have the row", caught_up).await;
    for _ in 0..3 {
        assert_eq!(rows(&knowledge_base).await, 2);
    }
    open[1].execute("COMMIT").await.unwrap();
    let standby = Database { url: replica.url() };
    let caught_up = async || standby.value("SELECT count(*) FROM exported_summaries") == "3";
    eventually("the standby to have the late row", caught_up).await;
    assert_eq!(rows(&knowledge_base).await, 3);
}

#[tokio::test]
async fn writers_refuse_a_standby_and_say_whom_to_name() {
    let (_primary, replica, _) = pair().await;
    let standby = Database { url: replica.url() };
    for error in [
        migrate(&standby.url).await.unwrap_err(),
        remove(&standby.url, "lab").await.unwrap_err(),
        standby
            .try_load("lab", &[json!({})], Default::default())
            .await
            .unwrap_err(),
    ] {
        assert!(
            matches!(error, KnowledgeBaseError::Standby { .. }),
            "{error}"
        );
        assert!(error.to_string().contains("name the primary"), "{error}");
    }
    let mut follower = connect(&standby.url).follow().await.unwrap();
    assert!(!follower.hears(), "a standby announces nothing");
    follower.next().await.unwrap();
}

#[tokio::test]
async fn a_replica_answers_nothing_older_than_the_question() {
    let (_primary, replica, database) = pair().await;
    let knowledge_base = reading_from(&database.url, &replica.url());
    for number in 2..30 {
        database.insert(json!({"id": id(number)}));
        assert_eq!(rows(&knowledge_base).await, usize::from(number));
    }
    assert!(is_used(&replica));
}

#[tokio::test]
async fn a_replica_that_lags_or_is_gone_is_passed_over_and_its_lag_told() {
    let (_primary, mut replica, database) = pair().await;
    let knowledge_base = reading_from(&database.url, &replica.url());
    assert_eq!(rows(&knowledge_base).await, 1);
    replica.pause_replay(true).unwrap();
    database.insert(json!({"id": id(2)}));
    let lag = knowledge_base.replica_lag().await.unwrap().unwrap();
    assert!(lag.bytes > 0, "{lag:?}");
    assert_eq!(rows(&knowledge_base).await, 2, "the primary is read");

    replica.pause_replay(false).unwrap();
    let caught_up = async || {
        let lag = knowledge_base.replica_lag().await.unwrap().unwrap();
        lag.bytes == 0 && lag.seconds == Some(0.0)
    };
    eventually("the replica to catch up", caught_up).await;
    replica.kill();
    database.insert(json!({"id": id(3)}));
    assert_eq!(rows(&knowledge_base).await, 3);
    let error = knowledge_base.replica_lag().await.unwrap().unwrap_err();
    let named = format!("127.0.0.1:{}", replica.port());
    assert!(error.to_string().contains(&named), "{error}");
}
