//! What was benchmarked: how many rows of each kind, by configuration and traffic profile.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{AnySource, SourceError};
use crate::benchmark::{EvidenceKind, HardwareName, ModelName, TrafficProfile};
use crate::catalog::Catalog;

/// Benchmarks of one kind, of one model on a number of GPUs under one profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Hugging Face repository.
    pub model: ModelName,
    /// Canonical hardware name.
    pub hardware: HardwareName,
    /// GPUs of one replica.
    pub hardware_count: i32,
    /// The traffic profile.
    pub profile: TrafficProfile,
    /// Kind of the evidence.
    pub kind: EvidenceKind,
    /// How many there are.
    pub rows: u64,
    /// When the newest ran; `None` where that is not known of any.
    pub newest: Option<Timestamp>,
}

type Key = (ModelName, HardwareName, i32, TrafficProfile, EvidenceKind);

/// Everything that a source of evidence holds, counted; what is evidence for nothing is left out.
///
/// # Errors
/// The knowledge base cannot say.
pub async fn coverage(source: &AnySource, catalog: &Catalog) -> Result<Vec<Cell>, SourceError> {
    let mut counted: BTreeMap<Key, (u64, Option<Timestamp>)> = BTreeMap::new();
    let mut count = |key: Key, rows: u64, newest: Option<Timestamp>| {
        let cell = counted.entry(key).or_default();
        *cell = (cell.0 + rows, cell.1.max(newest));
    };
    match source {
        AnySource::KnowledgeBase(base) => {
            for cell in base.inventory_of_cells().await? {
                let profile = TrafficProfile {
                    prompt_tokens: cell.prompt_tokens,
                    output_tokens: cell.output_tokens,
                };
                let Ok(kind) = cell.kind.parse() else {
                    continue;
                };
                let hardware = catalog.canonical_hardware(&cell.hardware);
                let key = (
                    ModelName::new(cell.model),
                    hardware,
                    cell.hardware_count,
                    profile,
                    kind,
                );
                let newest = cell.newest_second.map(Timestamp::from_second);
                count(key, cell.rows.unsigned_abs(), newest.and_then(Result::ok));
            }
        }
        AnySource::Snapshot(_, evidence) => {
            for place in evidence.rows().flat_map(|rows| rows.places()) {
                let configuration = place.configuration();
                for ladder in place.ladders() {
                    let key = (
                        configuration.model.clone(),
                        configuration.hardware.clone(),
                        configuration.hardware_count,
                        place.profile,
                        ladder.kind,
                    );
                    count(key, ladder.rows.len() as u64, ladder.newest);
                }
            }
        }
    }
    let cell = |((model, hardware, hardware_count, profile, kind), (rows, newest))| Cell {
        model,
        hardware,
        hardware_count,
        profile,
        kind,
        rows,
        newest,
    };
    Ok(counted.into_iter().map(cell).collect())
}
