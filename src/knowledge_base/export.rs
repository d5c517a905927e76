//! Whole rows of some profiles, read in one snapshot of the database: what a decision without it needs.

use std::collections::{BTreeMap, BTreeSet};

use futures::TryStreamExt;
use sqlx::{AssertSqlSafe, Row};

use super::connection::{Sessions, Snapshot};
use super::error::Failure;
use super::{RESTORED_SOURCE, evidence};
use crate::benchmark::{
    BenchmarkRow, DeclaredEvidence, ExportedSummary, ProfileCount, TrafficProfile,
};

/// Every row of some profiles, by source and id, and every profile that has rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Export {
    /// The profiles of which every row is here, also where that is none.
    pub holds: BTreeSet<TrafficProfile>,
    /// Every profile that has rows, and how many.
    pub profiles: Vec<ProfileCount>,
    /// The rows of each source, by id.
    pub sources: BTreeMap<String, Vec<BenchmarkRow>>,
}

/// When a row was written is no evidence.
const BOOKKEEPING: [&str; 3] = ["created_at", "updated_at", "loaded_at"];

/// `others` takes the rows of every other profile too.
pub(super) async fn export(
    sessions: &Sessions,
    profiles: &BTreeSet<TrafficProfile>,
    others: bool,
) -> Result<Export, Failure> {
    let mut connection = sessions.acquire().await?;
    let mut snapshot = sessions.snapshot(&mut connection).await?;
    let counts = evidence::profiles(&mut snapshot).await?;
    let mut holds = profiles.clone();
    if others {
        holds.extend(counts.keys());
    }
    let mut export = Export {
        holds,
        profiles: counts
            .into_iter()
            .map(|(profile, rows)| ProfileCount { profile, rows })
            .collect(),
        sources: BTreeMap::new(),
    };
    for profile in &export.holds {
        rows(&mut snapshot, *profile, &mut export.sources).await?;
    }
    for rows in export.sources.values_mut() {
        rows.sort_by_key(|row| row.summary.id);
    }
    Ok(export)
}

async fn rows(
    snapshot: &mut Snapshot<'_>,
    profile: TrafficProfile,
    sources: &mut BTreeMap<String, Vec<BenchmarkRow>>,
) -> Result<(), Failure> {
    let query = query();
    let mut stored = sqlx::query(AssertSqlSafe(query))
        .bind(profile.prompt_tokens)
        .bind(profile.output_tokens)
        .bind(RESTORED_SOURCE)
        .persistent(snapshot.keeps_statements)
        .fetch(&mut **snapshot);
    while let Some(row) = stored.try_next().await? {
        let source: String = row.try_get("row_source")?;
        let count = ExportedSummary::COLUMNS.len() + DeclaredEvidence::COLUMNS.len();
        let texts = (0..count)
            .map(|index| row.try_get::<Option<String>, _>(index))
            .collect::<Result<Vec<_>, _>>()?;
        let mut whole =
            BenchmarkRow::from_texts(|index| texts[index].as_deref()).map_err(|problem| {
                let id = texts[0].as_deref().unwrap_or_default();
                Failure::Unreadable(format!("row {id}: {problem}"))
            })?;
        whole.evidence.kind = Some(whole.kind());
        sources.entry(source).or_default().push(whole);
    }
    Ok(())
}

/// The rows that [`evidence`] reads for a decision, with all of their columns as text.
fn query() -> String {
    let summary = ExportedSummary::COLUMNS.iter().map(|name| match *name {
        "jbenchmark_created_at" => "CASE WHEN coalesce(e.date_known, true)
                 AND s.jbenchmark_created_at BETWEEN '0001-01-01' AND '9999-12-30'
            THEN s.jbenchmark_created_at END::text"
            .to_owned(),
        name if BOOKKEEPING.contains(&name) => "NULL::text".to_owned(),
        name => format!("s.{name}::text"),
    });
    let evidence = DeclaredEvidence::COLUMNS
        .iter()
        .map(|name| format!("e.{name}::text"));
    let columns: Vec<_> = summary.chain(evidence).collect();
    format!(
        "SELECT {}, coalesce(e.source, $3) AS row_source
         FROM exported_summaries s LEFT JOIN benchmark_evidence e ON e.id = s.id
         WHERE s.prompt_tokens = $1 AND s.output_tokens = $2
           AND s.hardware IS NOT NULL AND s.hardware_count > 0
         ORDER BY s.id",
        columns.join(", ")
    )
}
