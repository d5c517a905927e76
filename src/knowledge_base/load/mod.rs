//! Loading: what one source brings replaces what it brought before, in one transaction, and leaves
//! every other source alone.

mod batch;
mod statements;

use std::fmt::Display;
use std::time::Duration;

use serde::Serialize;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::Uuid;

use super::copy::{CopyLine, copy_in};
use super::error::{Failure, KnowledgeBaseError};
use super::migrate::{WRITERS_LOCK, check_applied};
use super::{RESTORED_SOURCE, connection};
use crate::benchmark::{DeclaredEvidence, ExportedSummary, ProfileCount};
use batch::IdentifiedRow;

pub use batch::LoadBatch;

const DEADLINE: Duration = Duration::from_secs(60 * 60);

/// Whether a load is to stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadMode {
    /// Loads.
    Commit,
    /// Does all the work, reports it and takes it back.
    DryRun,
}

/// What a load did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LoadReport {
    /// The source.
    pub source: String,
    /// Rows it brings.
    pub read: i64,
    /// Rows that are new.
    pub inserted: i64,
    /// Rows whose content changed.
    pub replaced: i64,
    /// Rows that were there already.
    pub unchanged: i64,
    /// Rows that it brought before and brings no more.
    pub removed: i64,
    /// Rows of each traffic profile.
    pub profiles: Vec<ProfileCount>,
    /// Rows without a traffic profile, which are evidence for none.
    pub without_profile: i64,
}

/// Loads one source: all of it or, on any error, nothing. Over a direct connection, without
/// statement time-out, within an hour; loads and migrations of one knowledge base take turns.
pub async fn load(
    url: &str,
    batch: &LoadBatch,
    mode: LoadMode,
) -> Result<LoadReport, KnowledgeBaseError> {
    let (options, target) = connection::parse(url)?;
    match tokio::time::timeout(DEADLINE, run(&options, batch, mode)).await {
        Ok(result) => result.map_err(|failure| failure.at(&target)),
        Err(_) => Err(KnowledgeBaseError::Deadline {
            target,
            seconds: DEADLINE.as_secs(),
        }),
    }
}

async fn run(
    options: &PgConnectOptions,
    batch: &LoadBatch,
    mode: LoadMode,
) -> Result<LoadReport, Failure> {
    let mut connection = connection::direct(options).await?;
    check_applied(&mut connection).await?;
    let mut transaction = connection.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(WRITERS_LOCK)
        .execute(&mut *transaction)
        .await?;
    transaction.execute(statements::LOADING).await?;
    stage(&mut transaction, batch).await?;
    let report = apply(&mut transaction, batch).await?;
    match mode {
        LoadMode::Commit => transaction.commit().await?,
        LoadMode::DryRun => transaction.rollback().await?,
    }
    connection.close().await?;
    Ok(report)
}

async fn stage(connection: &mut PgConnection, batch: &LoadBatch) -> Result<(), Failure> {
    connection.execute(statements::STAGE).await?;
    copy_in(
        connection,
        &statements::copy_summaries(),
        batch.rows(),
        |row, line| {
            write_summary(row, line);
        },
    )
    .await?;
    copy_in(
        connection,
        &statements::copy_evidence(),
        batch.rows(),
        |row, line| {
            write_evidence(batch.source(), row, line);
        },
    )
    .await?;
    connection.execute(statements::ANALYZE_STAGE).await?;
    sqlx::query(AssertSqlSafe(statements::classify()))
        .bind(batch.source())
        .bind(RESTORED_SOURCE)
        .execute(connection)
        .await?;
    Ok(())
}

async fn apply(connection: &mut PgConnection, batch: &LoadBatch) -> Result<LoadReport, Failure> {
    refuse_conflicts(connection, batch.source()).await?;
    let (inserted, replaced, unchanged) = sqlx::query_as(statements::COUNT)
        .fetch_one(&mut *connection)
        .await?;
    let removed = sqlx::query(statements::REMOVE)
        .bind(batch.source())
        .bind(RESTORED_SOURCE)
        .execute(&mut *connection)
        .await?
        .rows_affected();
    sqlx::query(statements::REMOVE_EVIDENCE)
        .bind(batch.source())
        .execute(&mut *connection)
        .await?;
    connection
        .execute(AssertSqlSafe(statements::replace()))
        .await?;
    connection
        .execute(AssertSqlSafe(statements::insert()))
        .await?;
    connection.execute(statements::FORGET_EVIDENCE).await?;
    connection
        .execute(AssertSqlSafe(statements::insert_evidence()))
        .await?;

    let mut profiles = batch.profiles();
    let without_profile = profiles.remove(&None).unwrap_or_default();
    Ok(LoadReport {
        source: batch.source().to_owned(),
        read: batch.rows().len() as i64,
        inserted,
        replaced,
        unchanged,
        removed: removed as i64,
        profiles: profiles
            .into_iter()
            .filter_map(|(profile, rows)| {
                Some(ProfileCount {
                    profile: profile?,
                    rows,
                })
            })
            .collect(),
        without_profile,
    })
}

async fn refuse_conflicts(connection: &mut PgConnection, source: &str) -> Result<(), Failure> {
    let conflict: Option<(Uuid, String, i64)> = sqlx::query_as(statements::CONFLICTS)
        .fetch_optional(connection)
        .await?;
    match conflict {
        None => Ok(()),
        Some((id, owner, conflicts)) => Err(Failure::Conflict {
            source_name: source.to_owned(),
            id,
            owner,
            conflicts,
        }),
    }
}

fn write_summary(row: &IdentifiedRow, line: &mut CopyLine) {
    let summary = &row.row.summary;
    // PostgreSQL's word for the time of the transaction.
    let now: &dyn Display = &"now";
    let ran = summary
        .jbenchmark_created_at
        .as_ref()
        .map_or(now, |time| time as &dyn Display);
    for (column, value) in ExportedSummary::COLUMNS.iter().zip(summary.values()) {
        line.field(match *column {
            "id" => Some(&row.id),
            "jbenchmark_created_at" => Some(ran),
            "created_at" | "updated_at" => value.or(Some(ran)),
            "loaded_at" => value.or(Some(now)),
            _ => value,
        });
    }
}

fn write_evidence(source: &str, row: &IdentifiedRow, line: &mut CopyLine) {
    line.field(Some(&row.id));
    line.field(Some(&row.kind));
    line.field(Some(&source));
    line.field(Some(&format_args!("\\x{}", hexadecimal(&row.digest))));
    line.field(Some(&row.row.summary.jbenchmark_created_at.is_some()));
    let evidence = &row.row.evidence;
    for (column, value) in DeclaredEvidence::COLUMNS.iter().zip(evidence.values()) {
        if *column != "kind" {
            line.field(value);
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
