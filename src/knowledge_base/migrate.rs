//! Creating and upgrading the schema, and asking whether it is current.

use std::time::Duration;

use serde::Serialize;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, Executor, PgConnection};

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

/// How the title of a migration begins after which an older Compass cannot read (docs/upgrades.md).
const CONTRACT: &str = "contract ";

/// Fails unless every migration was applied, none since that this version could not read after, and
/// the tables are there.
pub(super) async fn check_schema(connection: &mut PgConnection) -> Result<(), Failure> {
    let applied: Vec<(i64, String)> = sqlx::query_as(APPLIED)
        .persistent(false)
        .fetch_all(connection)
        .await?;
    let is_applied = |version| applied.iter().any(|(applied, _)| *applied == version);
    let missing = MIGRATIONS.iter().find(|it| !is_applied(it.version));
    if let Some(missing) = missing {
        return Err(Failure::NotMigrated(format!(
            "migration {:04} ({}) is missing",
            missing.version, missing.description
        )));
    }
    let is_known = |version| MIGRATIONS.iter().any(|it| it.version == version);
    let mut later = applied.iter().filter(|(version, _)| !is_known(*version));
    if let Some((version, title)) = later.find(|(_, title)| title.starts_with(CONTRACT)) {
        return Err(Failure::ForeignSchema(format!(
            "after its migration {version:04} ({title}) this version cannot read it; use the newer Compass"
        )));
    }
    Ok(())
}

const APPLIED: &str = "SELECT version, description FROM _sqlx_migrations
         WHERE success AND NOT EXISTS (SELECT FROM exported_summaries WHERE false)
         ORDER BY version";

#[cfg(test)]
mod tests {
    use super::super::{changes, evidence};
    use super::*;

    /// What takes something away from whoever reads or writes with an older Compass.
    const TAKES_AWAY: [&str; 6] = [
        "DROP TABLE",
        "DROP COLUMN",
        "DROP FUNCTION",
        "RENAME",
        "SET NOT NULL",
        " TYPE ",
    ];

    #[test]
    fn a_migration_that_takes_away_says_so_in_its_title() {
        for migration in MIGRATIONS.iter().filter(|it| it.version > 3) {
            let sql = migration.sql.as_str().to_uppercase();
            let taken = TAKES_AWAY.into_iter().find(|words| sql.contains(words));
            let is_contract = migration.description.starts_with(CONTRACT);
            assert!(
                taken.is_none() || is_contract,
                "migration {:04} has {}: an operator of the release before still runs. Add first, take \
                 away a release later in NNNN_contract_TITLE.sql (docs/upgrades.md)",
                migration.version,
                taken.unwrap_or_default(),
            );
        }
    }

    /// The statements of this version's reader, kept for the schema that it was made for: tests hold
    /// every later schema to them.
    #[test]
    fn what_this_version_reads_is_kept_for_later_schemas() {
        let newest = MIGRATIONS.iter().map(|it| it.version).max().unwrap();
        let reads = [
            APPLIED,
            changes::STATE,
            changes::STATE_OF_ANY_SERVER,
            changes::CHANGES,
            evidence::ROWS,
            evidence::ROWS_OF_PLACES,
            evidence::PROFILES,
            evidence::ROWS_OF_PROFILE,
        ];
        let reads = reads
            .map(|statement| format!("{}\n", statement.trim()))
            .join(";\n");
        let file = format!(
            "{}/tests/fixtures/readers/schema-{newest:04}.txt",
            env!("CARGO_MANIFEST_DIR")
        );
        if std::env::var_os("COMPASS_UPDATE_GOLDEN").is_some() {
            std::fs::write(&file, &reads).unwrap();
        }
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            kept == reads,
            "{file} is not what is read now: COMPASS_UPDATE_GOLDEN=1 cargo test --lib kept_for_later"
        );
    }
}
