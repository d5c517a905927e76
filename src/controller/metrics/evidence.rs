//! What the knowledge base holds, as it was last counted. While it cannot be counted, nothing is
//! said.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::encode_gauges;
use crate::knowledge_base::KindInventory;

/// Rows by kind of evidence.
#[derive(Debug, Default)]
pub struct HeldEvidence {
    kinds: Mutex<Vec<KindInventory>>,
}

impl HeldEvidence {
    /// What was counted; empty where that failed.
    pub fn record(&self, kinds: Vec<KindInventory>) {
        *self.kinds.lock().unwrap_or_else(PoisonError::into_inner) = kinds;
    }
}

impl Collector for HeldEvidence {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let kinds = self
            .kinds
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut rows = BTreeMap::new();
        let mut newest = BTreeMap::new();
        for kind in kinds {
            let labels = vec![("evidence", kind.kind)];
            if let Some(measured_at) = kind.newest_unix_seconds {
                newest.insert(labels.clone(), measured_at);
            }
            rows.insert(labels, kind.rows as f64);
        }
        encode_gauges(
            &mut encoder,
            "knowledge_base_rows",
            "Benchmarks in the knowledge base by kind of evidence",
            &rows,
        )?;
        encode_gauges(
            &mut encoder,
            "knowledge_base_newest_benchmark_timestamp_seconds",
            "When the newest benchmark of a kind of evidence ran, as Unix time",
            &newest,
        )
    }
}
