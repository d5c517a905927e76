//! Asks the knowledge base now and then whether it answers, for readiness, metrics and a quick
//! recovery: reconciles that fail meanwhile back off, and its return wakes them all.

use std::sync::Arc;
use std::time::Duration;

use futures::channel::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::evidence::timed;
use super::health::Health;
use super::metrics::{Metrics, Operation};
use crate::knowledge_base::KnowledgeBase;

const INTERVAL: Duration = Duration::from_secs(5);

/// Probes until `shutdown`; sends on `recovered` when the knowledge base is back.
pub async fn run(
    knowledge_base: KnowledgeBase,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    recovered: UnboundedSender<()>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let probes = async {
        loop {
            let answer = timed(&metrics, Operation::Probe, knowledge_base.ping()).await;
            metrics.knowledge_base_up(answer.is_ok());
            let problem = answer.as_ref().err().map(ToString::to_string);
            if health.knowledge_base(problem.clone().map_or(Ok(()), Err)) {
                match problem {
                    None => info!("the knowledge base answers"),
                    Some(problem) => warn!("the knowledge base does not answer: {problem}"),
                }
                if answer.is_ok() {
                    // Nobody listens any more only while the process stops.
                    recovered.unbounded_send(()).ok();
                }
            }
            // One that does not answer is passed over, which is logged where it is read.
            if let Some(Ok(lag)) = knowledge_base.replica_lag().await
                && let Some(seconds) = lag.seconds
            {
                metrics.knowledge_base_replica(seconds);
            }
            tokio::time::sleep(INTERVAL).await;
        }
    };
    tokio::select! {
        () = probes => {}
        () = shutdown.cancelled() => {}
    }
    Ok(())
}
