//! How the operator ends: asked to, it finishes what is under way; asked again, it does not.

use std::convert::Infallible;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// After a signal, reconciles under way get this long. What they leave undone, the next start does.
const GRACE: Duration = Duration::from_secs(10);

/// What the operator does at once, each with its name.
#[derive(Default)]
pub struct Tasks {
    running: JoinSet<(&'static str, anyhow::Result<()>)>,
    under_way: Vec<&'static str>,
}

impl Tasks {
    /// One more.
    pub fn start(
        &mut self,
        name: &'static str,
        task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.under_way.push(name);
        self.running.spawn(async move { (name, task.await) });
    }

    /// Every task ends after a signal, and none before. Whether nothing is under way any more.
    pub async fn all_end(mut self, shutdown: &CancellationToken) -> anyhow::Result<bool> {
        let all_ended = async {
            while let Some(joined) = self.running.join_next().await {
                let (name, result) = joined.context("a task panicked")?;
                self.under_way.retain(|it| *it != name);
                result.with_context(|| format!("the {name} failed"))?;
                if !shutdown.is_cancelled() {
                    bail!("the {name} ended without being asked to");
                }
            }
            Ok(true)
        };
        let grace_is_over = async {
            shutdown.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            result = all_ended => result,
            () = grace_is_over => {
                let under_way = self.under_way.join(", ");
                warn!(under_way, "stopped with work under way, which the next start takes up again");
                Ok(false)
            }
        }
    }
}

/// The first signal asks to stop, the second to end at once.
pub async fn at_signals(shutdown: &CancellationToken) -> anyhow::Result<Infallible> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut next = async || {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    };
    info!("{}: stopping", next().await);
    shutdown.cancel();
    bail!("{} again: ended at once, with work under way", next().await)
}
