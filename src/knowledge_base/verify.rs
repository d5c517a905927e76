//! Every stored row, held against the rules of plausibility and against the digest of what was loaded.

use futures::TryStreamExt;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};

use super::connection::Snapshot;
use super::error::Failure;
use super::identity::Identities;
use crate::benchmark::plausibility::{Finding, Rule, findings};
use crate::benchmark::{BenchmarkRow, DeclaredEvidence, ExportedSummary};

/// Reads all rows, one at a time, and tells `each` what is wrong with a row; returns how many rows
/// there are.
pub(super) async fn verify(
    snapshot: &mut Snapshot<'_>,
    mut each: impl FnMut(&str, Finding),
) -> Result<u64, Failure> {
    let summary = ExportedSummary::COLUMNS
        .iter()
        .map(|name| format!("s.{name}::text"));
    let evidence = DeclaredEvidence::COLUMNS
        .iter()
        .map(|name| format!("e.{name}::text"));
    let columns: Vec<_> = summary.chain(evidence).collect();
    let query = format!(
        "SELECT {}, e.content_digest, coalesce(e.source, '') AS loaded_by, coalesce(e.date_known, true) AS date_known
         FROM exported_summaries s LEFT JOIN benchmark_evidence e USING (id) ORDER BY s.id",
        columns.join(", ")
    );
    let query = sqlx::query(AssertSqlSafe(query)).persistent(false);
    let mut rows = query.fetch(&mut **snapshot);
    let mut count = 0;
    while let Some(stored) = rows.try_next().await? {
        count += 1;
        let id: String = stored.try_get(0)?;
        match read(&stored)? {
            Err(problems) => each(&id, Finding::new(Rule::Unreadable, problems)),
            Ok(row) => {
                for finding in findings(&row) {
                    each(&id, finding);
                }
                if let Some(finding) = changed(&stored, row)? {
                    each(&id, finding);
                }
            }
        }
    }
    Ok(count)
}

/// The row, or what of it cannot be read.
fn read(stored: &PgRow) -> Result<Result<BenchmarkRow, String>, Failure> {
    let count = ExportedSummary::COLUMNS.len() + DeclaredEvidence::COLUMNS.len();
    let texts = (0..count)
        .map(|index| stored.try_get::<Option<String>, _>(index))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(BenchmarkRow::from_texts(|index| texts[index].as_deref()))
}

/// Whether the row is no longer what was loaded. Of a row that nobody loaded nothing is known.
fn changed(stored: &PgRow, mut row: BenchmarkRow) -> Result<Option<Finding>, Failure> {
    let Some(digest) = stored.try_get::<Option<Vec<u8>>, _>("content_digest")? else {
        return Ok(None);
    };
    if !stored.try_get::<bool, _>("date_known")? {
        // What stands there is the time of the load.
        row.summary.jbenchmark_created_at = None;
    }
    let source: String = stored.try_get("loaded_by")?;
    let is_same = Identities::of_source(&source).of(&row).content_digest[..] == digest[..];
    Ok((!is_same).then(|| {
        Finding::new(
            Rule::ChangedContent,
            format!("changed since `{source}` was loaded: load it again, or remove it"),
        )
    }))
}
