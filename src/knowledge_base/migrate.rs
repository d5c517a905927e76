//! Creating and upgrading the schema, and asking whether it is current.

use std::time::Duration;

use serde::Serialize;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, Executor, PgConnection, PgPool};

use super::connection;
use super::error::{Failure, KnowledgeBaseError};
use crate::benchmark::ExportedSummary;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");
/// Repeated by every migration: see the file.
const RESTORABLE: &str = include_str!("../../migrations/restorable.sql");
const DEADLINE: Duration = Duration::from_secs(15 * 60);
/// Work that changes tables or reloads a source takes turns under this advisory lock ("compass").
pub(super) const WRITERS_LOCK: i64 = 0x0063_6f6d_7061_7373;

/// What a migration did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MigrationReport {
    /// Numbered migrations that were applied: number and title.
    pub applied: Vec<String>,
    /// Tables, indexes and triggers that were missing, perhaps since a restore, and made.
    pub created: Vec<String>,
}

impl MigrationReport {
    /// Nothing was to do.
    pub fn is_current(&self) -> bool {
        self.applied.is_empty() && self.created.is_empty()
    }
}

/// Brings the schema up to date: over a direct connection, without statement time-out, within 15
/// minutes. Repeating it is safe, also beside another one.
pub async fn migrate(url: &str) -> Result<MigrationReport, KnowledgeBaseError> {
    let (options, target) = connection::parse(url)?;
    match tokio::time::timeout(DEADLINE, run(&options)).await {
        Ok(result) => result.map_err(|failure| failure.at(&target)),
        Err(_) => Err(KnowledgeBaseError::Deadline {
            target,
            seconds: DEADLINE.as_secs(),
        }),
    }
}

async fn run(options: &PgConnectOptions) -> Result<MigrationReport, Failure> {
    let mut connection = connection::direct(options).await?;
    lock_writers(&mut connection).await?;
    let before = applied_versions(&mut connection).await?;
    MIGRATIONS
        .run(&mut connection)
        .await
        .map_err(Failure::Migrate)?;
    let applied = MIGRATIONS
        .iter()
        .filter(|migration| !before.contains(&migration.version))
        .map(|migration| format!("{:04} {}", migration.version, migration.description))
        .collect();
    let created = make_restorable(&mut connection).await?;
    check_columns(&mut connection).await?;
    // Closing the session gives the lock back.
    connection.close().await?;
    Ok(MigrationReport { applied, created })
}

async fn lock_writers(connection: &mut PgConnection) -> Result<(), Failure> {
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(WRITERS_LOCK)
        .execute(connection)
        .await?;
    Ok(())
}

async fn applied_versions(connection: &mut PgConnection) -> Result<Vec<i64>, Failure> {
    let exists: bool = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await?;
    if !exists {
        return Ok(Vec::new());
    }
    Ok(
        sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success")
            .fetch_all(connection)
            .await?,
    )
}

async fn make_restorable(connection: &mut PgConnection) -> Result<Vec<String>, Failure> {
    let before = relations(connection).await?;
    connection.execute(RESTORABLE).await?;
    let mut created = relations(connection).await?;
    created.retain(|relation| !before.contains(relation));
    Ok(created)
}

/// exported_summaries and its indexes, and the triggers that record changes, as far as they exist.
async fn relations(connection: &mut PgConnection) -> Result<Vec<String>, Failure> {
    let relations = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE oid = to_regclass('exported_summaries')
         UNION ALL
         SELECT indexrelid::regclass::text FROM pg_index
         WHERE indrelid = to_regclass('exported_summaries')
         UNION ALL
         SELECT 'triggers of ' || tgrelid::regclass FROM pg_trigger
         WHERE tgfoid = to_regproc('compass_record_changes') AND tgenabled = 'A'
         GROUP BY tgrelid HAVING count(*) = 4
         ORDER BY 1",
    )
    .fetch_all(connection)
    .await?;
    Ok(relations)
}

/// A restored table of the right name need not be the right table.
async fn check_columns(connection: &mut PgConnection) -> Result<(), Failure> {
    let missing: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM unnest($1::text[]) AS expected (name)
         WHERE NOT EXISTS (SELECT FROM pg_attribute
                           WHERE attrelid = to_regclass('exported_summaries')
                             AND attname = name AND NOT attisdropped)",
    )
    .bind(ExportedSummary::COLUMNS)
    .fetch_all(connection)
    .await?;
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::ForeignSchema(format!(
        "its table exported_summaries is not the one that benchmarks are exported in (no column {}); \
         restore the right dump, or use another database",
        missing.join(", ")
    )))
}

/// Fails unless every migration was applied and the tables are there.
pub(super) async fn check_schema(pool: &PgPool) -> Result<(), Failure> {
    check_applied(&mut *pool.acquire().await?).await
}

/// [`check_schema`] on one connection.
pub(super) async fn check_applied(connection: &mut PgConnection) -> Result<(), Failure> {
    let applied: Vec<i64> = sqlx::query_scalar(
        "SELECT version FROM _sqlx_migrations
         WHERE success AND NOT EXISTS (SELECT FROM exported_summaries WHERE false)",
    )
    .fetch_all(connection)
    .await?;
    match MIGRATIONS
        .iter()
        .find(|migration| !applied.contains(&migration.version))
    {
        None => Ok(()),
        Some(missing) => Err(Failure::NotMigrated(format!(
            "migration {:04} ({}) is missing",
            missing.version, missing.description
        ))),
    }
}
