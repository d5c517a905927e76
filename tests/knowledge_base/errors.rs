//! Each error says what to do, and none shows the password.

use std::time::{Duration, Instant};

use compass::knowledge_base::{KnowledgeBaseError, migrate};
use compass_testbed::Postgres;
use serde_json::json;
use sqlx::Connection;

use crate::support::{Database, PROFILE, connect};

const PASSWORD: &str = "s3cret-of-nobody";

/// The same URL with another password.
fn with_wrong_password(url: &str) -> String {
    let (_, address) = url.split_once('@').unwrap();
    format!("postgres://compass:{PASSWORD}@{address}")
}

fn assert_says(error: &KnowledgeBaseError, parts: &[&str]) {
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(PASSWORD), "{shown}");
    for part in parts {
        assert!(
            error.to_string().contains(part),
            "{part:?} is not in {error}"
        );
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let url = with_wrong_password(&Database::empty().url);
    for error in [
        connect(&url).ping().await.unwrap_err(),
        connect(&url).evidence(PROFILE).await.unwrap_err(),
        migrate(&url).await.unwrap_err(),
    ] {
        assert!(
            matches!(error, KnowledgeBaseError::Refused { .. }),
            "{error}"
        );
        assert_says(
            &error,
            &["as user `compass`", "check user, password and database"],
        );
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named() {
    let url = Database::empty().url;
    let (server, _) = url.rsplit_once('/').unwrap();
    let error = migrate(&format!("{server}/nowhere")).await.unwrap_err();
    assert_says(&error, &["database `nowhere`", "does not exist"]);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let port = compass_testbed::port::free().unwrap();
    let url = format!("postgres://compass:{PASSWORD}@127.0.0.1:{port}/benchmarks");
    for error in [
        connect(&url).ping().await.unwrap_err(),
        migrate(&url).await.unwrap_err(),
    ] {
        assert!(
            matches!(error, KnowledgeBaseError::Unreachable { .. }),
            "{error}"
        );
        assert_says(
            &error,
            &[
                &format!("127.0.0.1:{port}"),
                "check that PostgreSQL runs there",
            ],
        );
    }
}

#[tokio::test]
async fn a_database_that_nobody_migrated_says_how() {
    let database = Database::empty();
    for error in [
        database.knowledge_base().ping().await.unwrap_err(),
        database
            .knowledge_base()
            .evidence(PROFILE)
            .await
            .unwrap_err(),
        database
            .try_load("lab", &[json!({})], Default::default())
            .await
            .unwrap_err(),
    ] {
        assert!(
            matches!(error, KnowledgeBaseError::NotMigrated { .. }),
            "{error}"
        );
        assert_says(&error, &["run `compass migrate`"]);
    }
}

#[tokio::test]
async fn a_schema_that_lags_or_lost_its_table_says_how() {
    let database = Database::migrated().await;
    database.knowledge_base().ping().await.unwrap();
    for statement in [
        "DELETE FROM _sqlx_migrations",
        "DROP TABLE exported_summaries",
    ] {
        database.execute(statement);
        let error = database.knowledge_base().ping().await.unwrap_err();
        assert_says(&error, &["run `compass migrate`"]);
    }
}

#[tokio::test]
async fn a_newer_schema_is_not_touched_and_still_read() {
    let database = Database::migrated().await;
    database.execute(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'later', true, '', 0)",
    );
    let error = migrate(&database.url).await.unwrap_err();
    assert!(
        matches!(error, KnowledgeBaseError::ForeignSchema { .. }),
        "{error}"
    );
    assert_says(&error, &["migration 9999", "use the newer Compass"]);
    database.knowledge_base().ping().await.unwrap();
}

#[tokio::test]
async fn a_decision_does_not_wait_for_a_lock() {
    let database = Database::migrated().await;
    let mut blocker = sqlx::PgConnection::connect(&database.url).await.unwrap();
    let mut transaction = blocker.begin().await.unwrap();
    sqlx::query("LOCK TABLE exported_summaries")
        .execute(&mut *transaction)
        .await
        .unwrap();
    let start = Instant::now();
    let error = database
        .knowledge_base()
        .evidence(PROFILE)
        .await
        .unwrap_err();
    assert_says(&error, &["lock timeout"]);
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
    transaction.rollback().await.unwrap();
    assert!(database.evidence().await.benchmarks.is_empty());
}

#[tokio::test]
async fn an_outage_is_told_and_ends_by_itself() {
    let mut server = Postgres::start().unwrap();
    let url = server.url();
    migrate(&url).await.unwrap();
    let knowledge_base = connect(&url);
    knowledge_base.evidence(PROFILE).await.unwrap();

    server.stop();
    let error = knowledge_base.evidence(PROFILE).await.unwrap_err();
    assert!(
        matches!(error, KnowledgeBaseError::Unreachable { .. }),
        "{error}"
    );

    server.start_again().unwrap();
    knowledge_base.ping().await.unwrap();
    knowledge_base.evidence(PROFILE).await.unwrap();
}

#[tokio::test]
async fn the_password_is_not_in_what_is_printed_for_debugging() {
    let knowledge_base = connect(&format!("postgres://ada:{PASSWORD}@db/benchmarks"));
    assert!(!format!("{knowledge_base:?}").contains(PASSWORD));
}
