//! The SQL of a load. What was read is staged in temporary tables, compared with what is stored,
//! and only then applied.

use crate::benchmark::{DeclaredEvidence, ExportedSummary};
use crate::knowledge_base::identity;

/// A load changes the summary of every row whose evidence it changes, so the triggers of
/// benchmark_evidence have nothing to record: see migrations/0003_benchmark_changes.sql.
pub(super) const LOADING: &str = "SET LOCAL compass.loading = 'on'";

/// Tables that hold what was read until the transaction ends.
pub(super) const STAGE: &str = "
    CREATE TEMP TABLE staged_summaries (LIKE exported_summaries) ON COMMIT DROP;
    CREATE TEMP TABLE staged_evidence (LIKE benchmark_evidence INCLUDING DEFAULTS) ON COMMIT DROP;";

/// The columns of benchmark_evidence that a load sends, in order.
fn evidence_columns() -> String {
    let declared = DeclaredEvidence::COLUMNS
        .iter()
        .filter(|column| **column != "kind");
    let mut columns = vec!["id", "kind", "source", "content_digest", "date_known"];
    columns.extend(declared);
    columns.join(", ")
}

fn summary_columns() -> String {
    ExportedSummary::COLUMNS.join(", ")
}

pub(super) fn copy_summaries() -> String {
    format!("COPY staged_summaries ({}) FROM STDIN", summary_columns())
}

pub(super) fn copy_evidence() -> String {
    format!("COPY staged_evidence ({}) FROM STDIN", evidence_columns())
}

/// What becomes of each staged row of source `$1`; `$2` is the source of rows that nobody loaded.
/// A row whose date is unknown has the time of its load, which is no change. A restored row with
/// the same content is taken over: now somebody declares what it is.
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
         SELECT new.id, coalesce(had.source, $2) AS owner,
                CASE WHEN old.id IS NULL THEN 'insert'
                     WHEN same AND had.content_digest = says.content_digest THEN 'keep'
                     WHEN coalesce(had.source, $2) = $1 THEN 'replace'
                     WHEN same AND had.id IS NULL THEN 'replace'
                     ELSE 'conflict' END AS action
         FROM staged_summaries new
         JOIN staged_evidence says ON says.id = new.id
         LEFT JOIN exported_summaries old ON old.id = new.id
         LEFT JOIN benchmark_evidence had ON had.id = new.id
         CROSS JOIN LATERAL (SELECT ({old}) IS NOT DISTINCT FROM ({new})
             AND (old.jbenchmark_created_at = new.jbenchmark_created_at OR NOT says.date_known)) AS compared (same)",
        old = of("old"),
        new = of("new"),
    )
}

pub(super) const ANALYZE_STAGE: &str = "ANALYZE staged_summaries; ANALYZE staged_evidence;";

pub(super) const COUNT: &str = "
    SELECT count(*) FILTER (WHERE action = 'insert'), count(*) FILTER (WHERE action = 'replace'),
           count(*) FILTER (WHERE action = 'keep') FROM changes";

pub(super) const CONFLICTS: &str = "
    SELECT id, owner, count(*) OVER () FROM changes WHERE action = 'conflict' ORDER BY id LIMIT 1";

/// Removes what source `$1` brought before and brings no more.
pub(super) const REMOVE: &str = "
    DELETE FROM exported_summaries s
    WHERE NOT EXISTS (SELECT FROM staged_summaries new WHERE new.id = s.id)
      AND s.id IN (SELECT old.id FROM exported_summaries old LEFT JOIN benchmark_evidence had USING (id)
                   WHERE coalesce(had.source, $2) = $1)";

pub(super) const REMOVE_EVIDENCE: &str = "
    DELETE FROM benchmark_evidence e
    WHERE e.source = $1 AND NOT EXISTS (SELECT FROM staged_evidence new WHERE new.id = e.id)";

/// In place: rows of a dump's other tables may refer to these.
pub(super) fn replace() -> String {
    let new: Vec<_> = ExportedSummary::COLUMNS
        .iter()
        .map(|column| format!("new.{column}"))
        .collect();
    format!(
        "UPDATE exported_summaries s SET ({}) = ROW({})
         FROM staged_summaries new JOIN changes USING (id)
         WHERE s.id = new.id AND action = 'replace'",
        summary_columns(),
        new.join(", ")
    )
}

pub(super) fn insert() -> String {
    let columns = summary_columns();
    format!(
        "INSERT INTO exported_summaries ({columns})
         SELECT {columns} FROM staged_summaries JOIN changes USING (id) WHERE action = 'insert'"
    )
}

/// After the rows themselves; evidence of a row that is no more may still stand under its id.
pub(super) const FORGET_EVIDENCE: &str = "
    DELETE FROM benchmark_evidence e USING changes c
    WHERE c.id = e.id AND c.action IN ('insert', 'replace')";

pub(super) fn insert_evidence() -> String {
    let columns = evidence_columns();
    format!(
        "INSERT INTO benchmark_evidence ({columns})
         SELECT {columns} FROM staged_evidence JOIN changes USING (id)
         WHERE action IN ('insert', 'replace')"
    )
}
