//! The SQL of a load. What was read is staged in a temporary table, compared with what is stored,
//! and only then applied.

use super::stage::{evidence_columns, staged_columns};
use crate::benchmark::ExportedSummary;
use crate::knowledge_base::identity;

/// A load changes the summary of every row whose evidence it changes, so the triggers of
/// benchmark_evidence have nothing to record: see migrations/0003_benchmark_changes.sql.
pub(super) const LOADING: &str = "SET LOCAL compass.loading = 'on'";

/// The table that holds what was read until the transaction ends: the columns of both tables, whether
/// the id was made from the content, and where the row stood. Sorts and hashes of a large load stay
/// in memory.
pub(super) fn stage() -> String {
    let evidence: Vec<_> = evidence_columns()
        .into_iter()
        .map(|column| format!("e.{column}"))
        .collect();
    format!(
        "SET temp_buffers = '64MB'; SET LOCAL work_mem = '128MB';
         CREATE TEMP TABLE staged ON COMMIT DROP AS
         SELECT s.*, {}, false AS is_derived, 0 AS file, 0::bigint AS row
         FROM exported_summaries s, benchmark_evidence e WHERE false",
        evidence.join(", ")
    )
}

pub(super) fn copy() -> String {
    format!("COPY staged ({}) FROM STDIN", staged_columns())
}

fn summary_columns() -> String {
    ExportedSummary::COLUMNS.join(", ")
}

pub(super) const HAS_REPEATS: &str =
    "SELECT EXISTS (SELECT FROM staged GROUP BY id HAVING count(*) > 1)";

/// Identical rows of one file that got one id from their content, but for the first: where they
/// stand, that id, and the how manieth repeat they are.
pub(super) const DECLARE_REPEATS: &str = "
    DECLARE repeats CURSOR FOR
    SELECT file, row, id, ordinal - 1 FROM (
        SELECT file, row, id, row_number() OVER (PARTITION BY file, id ORDER BY row) AS ordinal
        FROM staged WHERE is_derived) numbered
    WHERE ordinal > 1";

pub(super) const FETCH_REPEATS: &str = "FETCH 10000 FROM repeats";

pub(super) const STAGE_REPEATS: &str =
    "CREATE TEMP TABLE told_apart (file int, row bigint, id uuid) ON COMMIT DROP";

pub(super) const COPY_REPEATS: &str = "COPY told_apart FROM STDIN";

pub(super) const APPLY_REPEATS: &str = "
    CLOSE repeats;
    UPDATE staged SET id = told_apart.id FROM told_apart
    WHERE staged.file = told_apart.file AND staged.row = told_apart.row";

/// Rows under an id that an earlier row has with other content, or for another source.
pub(super) const CONTRADICTIONS: &str = "
    SELECT file, row, id, first_source FROM (
        SELECT file, row, id, first_value(source) OVER same_id AS first_source,
               (content_digest, source) IS DISTINCT FROM
               (first_value(content_digest) OVER same_id, first_value(source) OVER same_id) AS differs
        FROM staged WINDOW same_id AS (PARTITION BY id ORDER BY file, row)) compared
    WHERE differs ORDER BY file, row LIMIT 1000";

/// The same row once more. Only when no file can be refused any longer: the first of them may have
/// stood in one that was.
pub(super) const FORGET_REPEATS: &str = "
    DELETE FROM staged USING (
        SELECT ctid, row_number() OVER (PARTITION BY id ORDER BY file, row) AS number FROM staged) numbered
    WHERE staged.ctid = numbered.ctid AND number > 1";

pub(super) const DISCARD_FILE: &str = "DELETE FROM staged WHERE file = $1";

pub(super) const DISCARD_ROW: &str = "DELETE FROM staged WHERE file = $1 AND row = $2";

/// Whether any id is stored already.
pub(super) const ARE_SOME_KNOWN: &str = "
    SELECT EXISTS (SELECT FROM staged JOIN exported_summaries USING (id))
        OR EXISTS (SELECT FROM staged JOIN benchmark_evidence USING (id))";

/// What becomes of the staged rows where no id is known: there is nothing to compare.
pub(super) const ALL_ARE_NEW: &str = "
    CREATE TEMP VIEW changes AS
    SELECT file, row, id, source, source AS owner, prompt_tokens, output_tokens,
           hardware IS NOT NULL AND hardware_count IS NOT NULL AS has_hardware, 'insert' AS action
    FROM staged";

/// What becomes of each staged row; `$1` is the source of rows that nobody loaded. A row whose date is
/// unknown has the time of its load, which is no change. A restored row with the same content is taken
/// over: now somebody declares what it is.
pub(super) fn classify() -> String {
    let of = |table: &str| {
        identity::content_columns()
            .filter(|column| *column != "jbenchmark_created_at")
            .map(|column| format!("{table}.{column}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    format!(
        "CREATE TEMP TABLE changes ON COMMIT DROP AS
         SELECT new.file, new.row, new.id, new.source, coalesce(had.source, $1) AS owner,
                new.prompt_tokens, new.output_tokens,
                new.hardware IS NOT NULL AND new.hardware_count IS NOT NULL AS has_hardware,
                CASE WHEN old.id IS NULL THEN 'insert'
                     WHEN same AND had.content_digest = new.content_digest THEN 'keep'
                     WHEN coalesce(had.source, $1) = new.source THEN 'replace'
                     WHEN same AND had.id IS NULL THEN 'replace'
                     ELSE 'conflict' END AS action
         FROM staged new
         LEFT JOIN exported_summaries old ON old.id = new.id
         LEFT JOIN benchmark_evidence had ON had.id = new.id
         CROSS JOIN LATERAL (SELECT ({old}) IS NOT DISTINCT FROM ({new})
             AND (old.jbenchmark_created_at = new.jbenchmark_created_at OR NOT new.date_known)) AS compared (same)",
        old = of("old"),
        new = of("new"),
    )
}

/// Rows whose id belongs to another source with other content.
pub(super) const CONFLICTS: &str = "
    SELECT file, row, changes.id, owner FROM changes JOIN staged USING (file, row)
    WHERE action = 'conflict' ORDER BY file, row LIMIT 1000";

/// What becomes of rows that are no longer staged.
pub(super) const FORGET_CHANGES: &str = "
    DELETE FROM changes
    WHERE NOT EXISTS (SELECT FROM staged WHERE (staged.file, staged.row) = (changes.file, changes.row))";

/// Rows by source, profile and what becomes of them.
pub(super) const COUNT: &str = "
    SELECT source, prompt_tokens, output_tokens, action, count(*),
           count(*) FILTER (WHERE NOT has_hardware)
    FROM changes GROUP BY source, prompt_tokens, output_tokens, action
    ORDER BY source, prompt_tokens, output_tokens";

/// Removes what source `$1` brought before and brings no more; `$2` is the source of restored rows.
pub(super) const REMOVE: &str = "
    DELETE FROM exported_summaries s
    WHERE NOT EXISTS (SELECT FROM staged new WHERE new.id = s.id)
      AND s.id IN (SELECT old.id FROM exported_summaries old LEFT JOIN benchmark_evidence had USING (id)
                   WHERE coalesce(had.source, $2) = $1)";

pub(super) const REMOVE_EVIDENCE: &str = "
    DELETE FROM benchmark_evidence e
    WHERE e.source = $1 AND NOT EXISTS (SELECT FROM staged new WHERE new.id = e.id)";

/// In place: rows of a dump's other tables may refer to these.
pub(super) fn replace() -> String {
    let new: Vec<_> = ExportedSummary::COLUMNS
        .iter()
        .map(|column| format!("new.{column}"))
        .collect();
    format!(
        "UPDATE exported_summaries s SET ({}) = ROW({})
         FROM staged new JOIN changes USING (id)
         WHERE s.id = new.id AND action = 'replace'",
        summary_columns(),
        new.join(", ")
    )
}

/// Which staged rows are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    All,
    Changed,
}

impl Written {
    fn condition(self, actions: &str) -> String {
        match self {
            Self::All => String::new(),
            Self::Changed => {
                format!("WHERE id IN (SELECT id FROM changes WHERE action IN ({actions}))")
            }
        }
    }
}

pub(super) fn insert(written: Written) -> String {
    let columns = summary_columns();
    format!(
        "INSERT INTO exported_summaries ({columns}) SELECT {columns} FROM staged {}",
        written.condition("'insert'")
    )
}

/// After the rows themselves; evidence of a row that is no more may still stand under its id.
pub(super) const FORGET_EVIDENCE: &str = "
    DELETE FROM benchmark_evidence e USING changes c
    WHERE c.id = e.id AND c.action IN ('insert', 'replace')";

/// In the order of the ids: that of the content is random, and the index would be written all over.
pub(super) fn insert_evidence(written: Written) -> String {
    let columns = evidence_columns().join(", ");
    format!(
        "INSERT INTO benchmark_evidence (id, {columns}) SELECT id, {columns} FROM staged {} ORDER BY id",
        written.condition("'insert', 'replace'")
    )
}
