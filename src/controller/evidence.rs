//! The knowledge base as the operator asks it: each read is timed, and what it holds is counted now
//! and then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::metrics::{Metrics, Operation};
use crate::advise::EvidenceSource;
use crate::benchmark::{Evidence, SharedBenchmarks, TrafficProfile};
use crate::knowledge_base::{KnowledgeBase, KnowledgeBaseError};

/// Counting reads every row: not more often than this,
const BETWEEN_COUNTS: Duration = Duration::from_secs(60);
/// and after so long also where no change was told.
const LONGEST_WITHOUT: Duration = Duration::from_secs(600);
const AFTER_FAILURE: Duration = Duration::from_secs(10);

/// The knowledge base, watched.
pub struct Timed<'a> {
    /// What is asked.
    pub knowledge_base: &'a KnowledgeBase,
    /// Where it is counted.
    pub metrics: &'a Metrics,
}

impl EvidenceSource for Timed<'_> {
    type Error = KnowledgeBaseError;

    async fn gather(
        &self,
        profile: TrafficProfile,
        with_others: bool,
    ) -> Result<(Evidence, Vec<SharedBenchmarks>), KnowledgeBaseError> {
        let reading = self.knowledge_base.gather(profile, with_others);
        timed(self.metrics, Operation::Evidence, reading).await
    }
}

/// Asks the knowledge base something, and counts how that went.
pub async fn timed<T>(
    metrics: &Metrics,
    operation: Operation,
    asking: impl Future<Output = Result<T, KnowledgeBaseError>>,
) -> Result<T, KnowledgeBaseError> {
    let asked = Instant::now();
    let answer = asking.await;
    let failure = answer.as_ref().err().map(KnowledgeBaseError::reason);
    metrics.knowledge_base_asked(operation, asked.elapsed(), failure);
    answer
}

/// Counts what the knowledge base holds until `shutdown`: at the start, and after changes.
pub async fn count(
    knowledge_base: KnowledgeBase,
    metrics: Arc<Metrics>,
    changed: Arc<Notify>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let counting = async {
        loop {
            let kinds = knowledge_base.inventory_of_kinds();
            match timed(&metrics, Operation::Count, kinds).await {
                Ok(kinds) => {
                    metrics.evidence.record(kinds);
                    tokio::time::sleep(BETWEEN_COUNTS).await;
                    // Whether a change was told or not, it is counted again.
                    let told = tokio::time::timeout(LONGEST_WITHOUT, changed.notified());
                    told.await.ok();
                }
                Err(error) => {
                    debug!(%error, "the benchmarks were not counted");
                    metrics.evidence.record(Vec::new());
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
    };
    tokio::select! {
        () = counting => {}
        () = shutdown.cancelled() => {}
    }
    Ok(())
}
