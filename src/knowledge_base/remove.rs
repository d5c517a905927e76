//! Takes back what a source brought.

use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::PgConnectOptions;

use super::error::{Failure, KnowledgeBaseError};
use super::migrate::{WRITERS_LOCK, check_schema};
use super::{RESTORED_SOURCE, connection};

const DEADLINE: Duration = Duration::from_secs(60 * 60);

const REMOVE: &str = "
    DELETE FROM exported_summaries
    WHERE id IN (SELECT s.id FROM exported_summaries s LEFT JOIN benchmark_evidence e USING (id)
                 WHERE coalesce(e.source, $2) = $1)";

/// Removes the rows of a source, in one transaction that waits its turn among loads, within an hour;
/// returns how many there were.
pub async fn remove(url: &str, source: &str) -> Result<u64, KnowledgeBaseError> {
    let (options, target) = connection::parse(url)?;
    match tokio::time::timeout(DEADLINE, run(&options, source)).await {
        Ok(result) => result.map_err(|failure| failure.at(&target)),
        Err(_) => Err(KnowledgeBaseError::Deadline {
            target,
            seconds: DEADLINE.as_secs(),
        }),
    }
}

async fn run(options: &PgConnectOptions, source: &str) -> Result<u64, Failure> {
    let mut connection = connection::direct(options).await?;
    check_schema(&mut connection).await?;
    let mut transaction = connection.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(WRITERS_LOCK)
        .execute(&mut *transaction)
        .await?;
    let removed = sqlx::query(REMOVE)
        .bind(source)
        .bind(RESTORED_SOURCE)
        .execute(&mut *transaction)
        .await?
        .rows_affected();
    sqlx::query("DELETE FROM benchmark_evidence WHERE source = $1")
        .bind(source)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    connection.close().await?;
    Ok(removed)
}
