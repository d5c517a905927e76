//! How far a standby has come of what its primary has written. Asked by simple queries, which need no
//! session.

use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::error::Failure;

/// How far a replica is behind its primary.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lag {
    /// Of the write-ahead log, not replayed yet.
    pub bytes: i64,
    /// Since the last transaction that it has replayed was committed: 0 where nothing is left to
    /// replay, `None` where it has replayed none since it was started.
    pub seconds: Option<f64>,
}

/// A place in the write-ahead log, as its primary said.
#[derive(Clone, Debug)]
pub(super) struct Position(String);

/// The end of what the primary has written: whatever is committed now lies before it.
pub(super) async fn position(primary: &mut PgConnection) -> Result<Position, Failure> {
    let query = sqlx::raw_sql(
        "SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_insert_lsn()::text END",
    );
    let position: Option<String> = query.fetch_one(primary).await?.try_get(0)?;
    position.map(Position).ok_or(Failure::Standby)
}

/// How far a standby, or the primary itself, is from a position.
pub(super) async fn lag(
    standby: &mut PgConnection,
    Position(position): &Position,
) -> Result<Lag, Failure> {
    let query = sqlx::raw_sql(AssertSqlSafe(format!(
        "SELECT bytes, CASE WHEN bytes = 0 THEN 0
                       ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END::float8
         FROM (SELECT greatest(0, '{position}'::pg_lsn
                   - CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                          ELSE pg_current_wal_insert_lsn() END)::bigint AS bytes) AS behind"
    )));
    let row = query.fetch_one(standby).await?;
    Ok(Lag {
        bytes: row.try_get(0)?,
        seconds: row.try_get(1)?,
    })
}
