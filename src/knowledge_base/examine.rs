//! What `compass doctor` wants to know of a server, on one connection of its own.

use sqlx::Row;
use sqlx::postgres::PgSslMode;

use super::connection::{ConnectionSettings, Sessions, parse};
use super::error::{Failure, KnowledgeBaseError, Target};

/// A server, as one URL reaches it.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where.
    pub target: Target,
    /// Of PostgreSQL: 15.4.
    pub version: String,
    /// A pooler stands between, which lends a session for a transaction.
    pub is_pooled: bool,
    /// It follows another server, and cannot be written to.
    pub is_standby: bool,
    /// The way to it, or to the pooler.
    pub encryption: Encryption,
    /// The role may do anything.
    pub is_superuser: bool,
    /// Tables that are there, which the role may not read.
    pub unreadable: Vec<String>,
    /// The role may change benchmarks.
    pub may_write: bool,
    /// Whether each change of a benchmark is recorded; `None` where the tables are not there.
    pub is_recorded: Option<bool>,
    /// The same for a primary and its replicas, and for no other two.
    pub system: String,
}

/// What protects the way to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// It does not leave the machine.
    Local,
    /// The server's certificate and name are verified.
    Verified,
    /// Whoever stands between could be the server: `sslmode` is below verify-full.
    Unverified,
    /// None at all.
    Plain,
}

/// Tables that a decision reads.
const TABLES: [&str; 4] = [
    "_sqlx_migrations",
    "exported_summaries",
    "benchmark_evidence",
    "benchmark_changes",
];

const EXAMINE: &str = "
    SELECT current_setting('server_version') AS version,
           pg_is_in_recovery() AS is_standby,
           (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS is_superuser,
           coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS is_encrypted,
           (SELECT coalesce(array_agg(name), '{}') FROM unnest($1::text[]) AS name
            WHERE NOT has_table_privilege(to_regclass(name), 'SELECT')) AS unreadable,
           coalesce(has_table_privilege(to_regclass('exported_summaries'), 'INSERT, UPDATE, DELETE'), false) AS may_write,
           CASE WHEN to_regclass('exported_summaries') IS NOT NULL
                THEN (SELECT count(*) = 8 FROM pg_trigger
                      WHERE tgfoid = to_regproc('compass_record_changes') AND tgenabled IN ('O', 'A'))
           END AS is_recorded,
           (SELECT system_identifier::text FROM pg_control_system()) AS system";

/// Looks at the server of a URL.
pub async fn examine(
    url: &str,
    settings: &ConnectionSettings,
) -> Result<Server, KnowledgeBaseError> {
    let (options, target) = parse(url)?;
    let mode = options.get_ssl_mode();
    let sessions = Sessions::new(options, settings);
    let look = look(&sessions, mode, target.clone());
    match tokio::time::timeout(settings.deadline(), look).await {
        Ok(server) => server.map_err(|failure| failure.at(&target)),
        Err(_) => Err(KnowledgeBaseError::Deadline {
            target,
            seconds: settings.deadline().as_secs(),
        }),
    }
}

async fn look(sessions: &Sessions, mode: PgSslMode, target: Target) -> Result<Server, Failure> {
    let mut connection = sessions.acquire().await?;
    let mut snapshot = sessions.snapshot(&mut connection).await?;
    let row = sqlx::query(EXAMINE)
        .bind(TABLES.as_slice())
        .persistent(false)
        .fetch_one(&mut *snapshot)
        .await?;
    snapshot.end().await?;
    let encryption = match mode {
        _ if target.is_local() => Encryption::Local,
        PgSslMode::VerifyFull => Encryption::Verified,
        PgSslMode::Require | PgSslMode::VerifyCa => Encryption::Unverified,
        // Behind a pooler it is not the server's session that tells.
        _ if row.try_get("is_encrypted")? && !sessions.is_pooled() => Encryption::Unverified,
        _ => Encryption::Plain,
    };
    Ok(Server {
        target,
        version: row.try_get("version")?,
        is_pooled: sessions.is_pooled(),
        is_standby: row.try_get("is_standby")?,
        encryption,
        is_superuser: row.try_get("is_superuser")?,
        unreadable: row.try_get("unreadable")?,
        may_write: row.try_get("may_write")?,
        is_recorded: row.try_get("is_recorded")?,
        system: row.try_get("system")?,
    })
}
