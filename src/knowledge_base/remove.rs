//! Takes back what a source brought.

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

use super::error::{Failure, KnowledgeBaseError};
use super::migrate::{WRITERS_LOCK, check_applied};
use super::{LoadMode, RESTORED_SOURCE, connection};

const REMOVE: &str = "
    DELETE FROM exported_summaries
    WHERE id IN (SELECT s.id FROM exported_summaries s LEFT JOIN benchmark_evidence e USING (id)
                 WHERE coalesce(e.source, $2) = $1)";

/// Removes the rows of a source, in one transaction that waits its turn among loads, and returns how
/// many there were. [`LoadMode::DryRun`] takes it back.
pub async fn remove(url: &str, source: &str, mode: LoadMode) -> Result<u64, KnowledgeBaseError> {
    let (options, target) = connection::parse(url)?;
    run(&options, source, mode)
        .await
        .map_err(|failure| failure.at(&target))
}

async fn run(options: &PgConnectOptions, source: &str, mode: LoadMode) -> Result<u64, Failure> {
    let mut connection: PgConnection = connection::direct(options).await?;
    check_applied(&mut connection).await?;
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
    match mode {
        LoadMode::Commit => transaction.commit().await?,
        LoadMode::DryRun => transaction.rollback().await?,
    }
    connection.close().await?;
    Ok(removed)
}
