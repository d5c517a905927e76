//! Whether what was read is still so. Triggers record each change of a benchmark in
//! `benchmark_changes`, in the transaction that makes it; whoever keeps rows keeps the [`Token`] of
//! the snapshot they are of, and asks what that snapshot did not see.
//!
//! A token holds for the connection it was read on: another server, or the same one after a crash,
//! may have another history. Behind a pooler one connection may lead to several servers, one after
//! the other; so the token names the server, there also its last recovery, and whether it is a standby.

use sqlx::PgConnection;

use super::connection::Snapshot;
use super::error::Failure;
use crate::benchmark::TrafficProfile;

/// Where changes are announced.
pub(super) const CHANNEL: &str = "compass_benchmarks";

/// A snapshot, and the tables that it is of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Token {
    /// `pg_current_snapshot()`.
    pub(super) snapshot: String,
    /// Whether the server replays what another one writes.
    is_standby: bool,
    /// Differs when the server, a table or a trigger is another one: then the change table does not
    /// tell everything that happened in between.
    identity: String,
    /// Whether all triggers are there. A restore drops them until the next `compass migrate`.
    pub(super) is_recorded: bool,
}

impl Token {
    /// Whether the changes since `self` are all that can differ.
    pub(super) fn continues_in(&self, later: &Self) -> bool {
        self.is_recorded
            && later.is_recorded
            && self.is_standby == later.is_standby
            && self.identity == later.identity
    }

    /// Whether [`snapshot`] can tell that nothing was committed since, in any database of the
    /// server: its text names the transactions that were running and the next to come, so another
    /// one cannot have ended. A standby's leaves out those that were running.
    pub(super) fn tells_all(&self) -> bool {
        !self.is_standby
    }
}

/// Part of the knowledge base that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Anything.
    Everything,
    /// Any configuration of a profile.
    Profile(TrafficProfile),
    /// The rows of one place under a profile.
    Place(TrafficProfile, Place),
}

/// A model on a number of GPUs, as the index of exported_summaries knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Place {
    /// In lower case.
    pub(super) model: String,
    /// As the row spells it, which may be an alias.
    pub(super) hardware: String,
    /// GPUs of one replica.
    pub(super) hardware_count: i32,
}

/// Recorded changes that the snapshot `$1` did not see. A standby's snapshots do not list what was
/// in progress, so there every change since the oldest counts. Bounded from above, the range is
/// estimated small and read by its index.
macro_rules! changes_since {
    () => {
        "benchmark_changes
         WHERE xid >= (SELECT pg_snapshot_xmin($1::pg_snapshot))
           AND xid < (SELECT pg_snapshot_xmax(pg_current_snapshot()))
           AND (pruned OR pg_is_in_recovery() OR NOT pg_visible_in_snapshot(xid, $1::pg_snapshot))"
    };
}

/// One round trip, which the read of a decision makes: it does nothing that is not needed.
/// A trigger that was disabled and enabled again has another xmin, a table that was rewritten has
/// another file. A standby's snapshot is not to be held against one of the primary that it becomes.
macro_rules! state {
    ($server:literal) => {
        concat!(
            "SELECT pg_current_snapshot()::text, pg_is_in_recovery(),
                    concat_ws(' ', pg_postmaster_start_time(),
                              pg_relation_filenode('exported_summaries'::regclass),
                              pg_relation_filenode('benchmark_evidence'::regclass), triggers.made",
            $server,
            "), triggers.are_all,
                    EXISTS (SELECT FROM ",
            changes_since!(),
            ") FROM (SELECT array_agg(xmin) AS made, count(*) = 8 AS are_all FROM pg_trigger
                     WHERE tgfoid = 'compass_record_changes'::regproc
                       AND tgenabled IN ('O', 'A')) AS triggers"
        )
    };
}

/// On a connection of one's own, which does not outlive a crash of its server.
pub(super) const STATE: &str = state!("");

/// Behind a pooler also the server's last recovery, which discards the statistics, and so moves the
/// time since which there are some; before PostgreSQL 15 that would be a slow question.
pub(super) const STATE_OF_ANY_SERVER: &str = state!(
    ", CASE WHEN current_setting('server_version_num')::integer >= 150000
            THEN pg_stat_get_bgwriter_stat_reset_time() END"
);

pub(super) const CHANGES: &str = concat!(
    "SELECT DISTINCT prompt_tokens, output_tokens, model, hardware, hardware_count FROM ",
    changes_since!()
);

/// The snapshot of now, for half of what [`state`] costs.
pub(super) async fn snapshot(connection: &mut PgConnection) -> Result<String, Failure> {
    let snapshot = sqlx::query_scalar("SELECT pg_current_snapshot()::text");
    Ok(snapshot.fetch_one(connection).await?)
}

/// The token of now, and whether something was recorded since `since`.
pub(super) async fn state(
    connection: &mut PgConnection,
    since: Option<&Token>,
) -> Result<(Token, bool), Failure> {
    ask(connection, since, true).await
}

/// [`state`] within a snapshot.
pub(super) async fn state_in(
    snapshot: &mut Snapshot<'_>,
    since: Option<&Token>,
) -> Result<(Token, bool), Failure> {
    let keeps_statements = snapshot.keeps_statements;
    ask(snapshot, since, keeps_statements).await
}

async fn ask(
    connection: &mut PgConnection,
    since: Option<&Token>,
    keeps_statements: bool,
) -> Result<(Token, bool), Failure> {
    let state = match keeps_statements {
        true => STATE,
        false => STATE_OF_ANY_SERVER,
    };
    let (snapshot, is_standby, identity, is_recorded, is_changed) = sqlx::query_as(state)
        .bind(since.map(|token| token.snapshot.as_str()))
        .persistent(keeps_statements)
        .fetch_one(connection)
        .await?;
    let token = Token {
        snapshot,
        is_standby,
        identity,
        is_recorded,
    };
    Ok((token, is_changed))
}

type Row = (
    Option<i32>,
    Option<i32>,
    Option<String>,
    Option<String>,
    Option<i32>,
);

/// What was recorded since `since`.
pub(super) async fn changes(
    snapshot: &mut Snapshot<'_>,
    since: &Token,
) -> Result<Vec<Change>, Failure> {
    let rows: Vec<Row> = sqlx::query_as(CHANGES)
        .bind(&since.snapshot)
        .persistent(snapshot.keeps_statements)
        .fetch_all(&mut **snapshot)
        .await?;
    Ok(rows.into_iter().map(change).collect())
}

fn change((prompt_tokens, output_tokens, model, hardware, hardware_count): Row) -> Change {
    let Some((prompt_tokens, output_tokens)) = prompt_tokens.zip(output_tokens) else {
        return Change::Everything;
    };
    let profile = TrafficProfile {
        prompt_tokens,
        output_tokens,
    };
    match (model, hardware, hardware_count) {
        (Some(model), Some(hardware), Some(hardware_count)) => Change::Place(
            profile,
            Place {
                model,
                hardware,
                hardware_count,
            },
        ),
        _ => Change::Profile(profile),
    }
}
