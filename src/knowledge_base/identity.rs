//! Which row is which: ids for rows that have none, and digests that tell changed from unchanged.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::benchmark::{BenchmarkRow, Column, ExportedSummary};

/// When a row was written, not what it says.
const BOOKKEEPING: [&str; 4] = ["id", "created_at", "updated_at", "loaded_at"];

/// The columns of `exported_summaries` that are a row's content.
pub(super) fn content_columns() -> impl Iterator<Item = &'static str> {
    ExportedSummary::COLUMNS
        .iter()
        .copied()
        .filter(|column| is_content(column))
}

fn is_content(column: &str) -> bool {
    !BOOKKEEPING.contains(&column)
}

/// Gives digests and ids to the rows of one source.
pub(super) struct Identities {
    namespace: Uuid,
    bytes: Vec<u8>,
}

/// Who a row is and what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// Its id.
    pub(super) id: Uuid,
    /// The id was made from the content: identical rows of one file have the same, until the later
    /// ones are told apart by [`repeated`].
    pub(super) is_derived: bool,
    /// A digest of all that a load stores of the row, also of the evidence declared beside it.
    pub(super) content_digest: [u8; 32],
}

impl Identities {
    pub(super) fn of_source(source: &str) -> Self {
        let benchmarks = Uuid::new_v5(&Uuid::NAMESPACE_URL, b"https://compass.dev/benchmarks");
        Self {
            namespace: Uuid::new_v5(&benchmarks, source.as_bytes()),
            bytes: Vec::with_capacity(1024),
        }
    }

    /// The identity of a row. Without an id of its own it is UUIDv5 of its source and its content.
    pub(super) fn of(&mut self, row: &BenchmarkRow) -> Identity {
        self.bytes.clear();
        row.summary.add_bytes(&mut self.bytes, is_content);
        let (id, is_derived) = match row.summary.id {
            Some(id) => (id, false),
            None => (Uuid::new_v5(&self.namespace, &self.bytes), true),
        };
        row.kind().add_bytes(&mut self.bytes);
        row.evidence
            .add_bytes(&mut self.bytes, |column| column != "kind");
        Identity {
            id,
            is_derived,
            content_digest: Sha256::digest(&self.bytes).into(),
        }
    }
}

/// The id of the row that is the `ordinal`-th repeat, from 1, of the row `first` in its file: repeats
/// stay distinct, and the same file gets the same ids again.
pub(super) fn repeated(first: Uuid, ordinal: u64) -> Uuid {
    Uuid::new_v5(&first, &ordinal.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::benchmark::formats::tests::rows;
    use serde_json::json;

    fn identities(source: &str, rows: &[BenchmarkRow]) -> Vec<Identity> {
        let mut identities = Identities::of_source(source);
        rows.iter().map(|row| identities.of(row)).collect()
    }

    #[test]
    fn an_id_is_of_the_source_and_the_content() {
        let rows = rows(&[json!({}), json!({}), json!({"ttft_p95": 51.0})]);
        let [first, same, other] = identities("lab", &rows)[..] else {
            panic!("three rows")
        };
        assert!(first.is_derived);
        assert_eq!(first, same);
        assert_ne!(first.id, other.id);
        assert_ne!(first.id, identities("vendor", &rows)[0].id);
        assert_ne!(repeated(first.id, 1), repeated(first.id, 2));
    }

    #[test]
    fn the_evidence_of_a_row_changes_its_digest_and_not_its_id() {
        let rows = rows(&[json!({}), json!({"evidence": {"kind": "measured"}})]);
        let [plain, declared] = identities("lab", &rows)[..] else {
            panic!("two rows")
        };
        assert_eq!(plain.id, declared.id);
        assert_ne!(plain.content_digest, declared.content_digest);
    }

    #[test]
    fn bookkeeping_is_no_content() {
        let rows = rows(&[json!({}), json!({"created_at": "2020-01-01T00:00:00"})]);
        let [one, other] = identities("lab", &rows)[..] else {
            panic!("two rows")
        };
        assert_eq!(one, other);
    }
}
