//! What a load brings: the rows of one source, each with its id.

use std::collections::{BTreeMap, HashMap, hash_map::Entry};

use uuid::Uuid;

use crate::benchmark::{BenchmarkRow, EvidenceKind, TrafficProfile};
use crate::catalog::Catalog;
use crate::knowledge_base::KnowledgeBaseError;
use crate::knowledge_base::identity::{Identities, content_digest};

/// The rows of one source. Loading it replaces what the source brought before.
#[derive(Clone, Debug)]
pub struct LoadBatch {
    source: String,
    rows: Vec<IdentifiedRow>,
    by_id: HashMap<Uuid, usize>,
}

#[derive(Clone, Debug)]
pub(super) struct IdentifiedRow {
    pub(super) id: Uuid,
    pub(super) digest: [u8; 32],
    pub(super) kind: EvidenceKind,
    pub(super) row: BenchmarkRow,
}

impl LoadBatch {
    /// A batch without rows, which would remove all of its source.
    pub fn new(source: impl Into<String>) -> Result<Self, KnowledgeBaseError> {
        let source = source.into();
        let printable = source.trim() == source && !source.chars().any(char::is_control);
        if source.is_empty() || source.len() > 200 || !printable {
            return Err(KnowledgeBaseError::InvalidSource {
                name: source.escape_debug().to_string(),
            });
        }
        Ok(Self {
            source,
            rows: Vec::new(),
            by_id: HashMap::new(),
        })
    }

    /// Adds the rows of one file, with canonical hardware names (R2). A row that was added before
    /// is the same row; another one under its id is refused.
    pub fn add_file(
        &mut self,
        rows: Vec<BenchmarkRow>,
        catalog: &Catalog,
    ) -> Result<(), KnowledgeBaseError> {
        let mut identities = Identities::of_file(&self.source);
        for mut row in rows {
            row.summary.hardware = row
                .summary
                .hardware
                .map(|name| catalog.canonical_hardware(&name).as_str().to_owned());
            let (id, digest, kind) = (identities.id(&row), content_digest(&row), row.kind());
            match self.by_id.entry(id) {
                Entry::Vacant(entry) => {
                    entry.insert(self.rows.len());
                    self.rows.push(IdentifiedRow {
                        id,
                        digest,
                        kind,
                        row,
                    });
                }
                Entry::Occupied(entry) if self.rows[*entry.get()].digest == digest => {}
                Entry::Occupied(_) => {
                    return Err(KnowledgeBaseError::RepeatedId {
                        source_name: self.source.clone(),
                        id,
                    });
                }
            }
        }
        Ok(())
    }

    /// The name of the source.
    pub fn source(&self) -> &str {
        &self.source
    }

    pub(super) fn rows(&self) -> &[IdentifiedRow] {
        &self.rows
    }

    /// Rows of each profile, and of none.
    pub(super) fn profiles(&self) -> BTreeMap<Option<TrafficProfile>, i64> {
        let mut profiles = BTreeMap::new();
        for IdentifiedRow { row, .. } in &self.rows {
            let profile = row
                .summary
                .prompt_tokens
                .zip(row.summary.output_tokens)
                .map(|(prompt_tokens, output_tokens)| TrafficProfile {
                    prompt_tokens,
                    output_tokens,
                });
            *profiles.entry(profile).or_default() += 1;
        }
        profiles
    }
}
