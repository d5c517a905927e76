//! Which row is which: ids for rows that have none, and digests that tell changed from unchanged.

use std::collections::HashMap;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::benchmark::{BenchmarkRow, ExportedSummary};

/// When a row was written, not what it says.
const BOOKKEEPING: [&str; 4] = ["id", "created_at", "updated_at", "loaded_at"];

/// The columns of `exported_summaries` that are a row's content.
pub(super) fn content_columns() -> impl Iterator<Item = &'static str> {
    ExportedSummary::COLUMNS
        .iter()
        .copied()
        .filter(|column| !BOOKKEEPING.contains(column))
}

/// A digest of what the columns of `exported_summaries` say.
fn summary_digest(row: &BenchmarkRow) -> [u8; 32] {
    let mut digest = Sha256::new();
    for (column, value) in ExportedSummary::COLUMNS.iter().zip(row.summary.values()) {
        if !BOOKKEEPING.contains(column) {
            add(&mut digest, value);
        }
    }
    digest.finalize().into()
}

/// A digest of all that a load stores of a row: also the evidence declared beside it.
pub(super) fn content_digest(row: &BenchmarkRow) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(summary_digest(row));
    add(&mut digest, Some(&row.kind()));
    for value in row.evidence.values() {
        add(&mut digest, value);
    }
    digest.finalize().into()
}

/// Each value with its length, so that no two rows run together to the same bytes.
fn add(digest: &mut Sha256, value: Option<&dyn std::fmt::Display>) {
    match value {
        None => digest.update([0]),
        Some(value) => {
            let text = value.to_string();
            digest.update([1]);
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text);
        }
    }
}

/// Gives ids to the rows of one file. The id of a row without one is UUIDv5 of its source, its
/// content and its place among the file's identical rows: repeats stay distinct, and the same file
/// gets the same ids again.
pub(super) struct Identities {
    namespace: Uuid,
    seen: HashMap<[u8; 32], u64>,
}

impl Identities {
    pub(super) fn of_file(source: &str) -> Self {
        let benchmarks = Uuid::new_v5(&Uuid::NAMESPACE_URL, b"https://compass.dev/benchmarks");
        Self {
            namespace: Uuid::new_v5(&benchmarks, source.as_bytes()),
            seen: HashMap::new(),
        }
    }

    pub(super) fn id(&mut self, row: &BenchmarkRow) -> Uuid {
        if let Some(id) = row.summary.id {
            return id;
        }
        let content = summary_digest(row);
        let ordinal = self.seen.entry(content).or_default();
        let name = [content.as_slice(), &ordinal.to_be_bytes()].concat();
        *ordinal += 1;
        Uuid::new_v5(&self.namespace, &name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::benchmark::formats::tests::rows;
    use serde_json::json;

    fn ids(source: &str, rows: &[BenchmarkRow]) -> Vec<Uuid> {
        let mut identities = Identities::of_file(source);
        rows.iter().map(|row| identities.id(row)).collect()
    }

    #[test]
    fn identical_rows_get_distinct_ids_and_the_same_ones_again() {
        let rows = rows(&[json!({}), json!({}), json!({"ttft_p95": 51.0})]);
        let first = ids("lab", &rows);
        assert_eq!(first, ids("lab", &rows));
        assert_ne!(first[0], first[1]);
        assert_ne!(first[0], first[2]);
        assert_ne!(first, ids("vendor", &rows));
    }

    #[test]
    fn the_evidence_of_a_row_changes_its_digest_and_not_its_id() {
        let rows = rows(&[json!({}), json!({"evidence": {"kind": "measured"}})]);
        assert_ne!(content_digest(&rows[0]), content_digest(&rows[1]));
        assert_eq!(ids("lab", &rows[..1]), ids("lab", &rows[1..]));
    }

    #[test]
    fn bookkeeping_is_no_content() {
        let rows = rows(&[json!({}), json!({"created_at": "2020-01-01T00:00:00"})]);
        assert_eq!(content_digest(&rows[0]), content_digest(&rows[1]));
    }
}
