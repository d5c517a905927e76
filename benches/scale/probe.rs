//! What others feel of a busy API server: small reads, one after another.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::operator::percentile;

const PAUSE: Duration = Duration::from_millis(20);

/// Reads until it is told to end.
pub struct Probe {
    stop: CancellationToken,
    reading: JoinHandle<kube::Result<Vec<Duration>>>,
}

impl Probe {
    pub fn start(client: Client) -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let reading = tokio::spawn(async move {
            let api: Api<Namespace> = Api::all(client);
            let mut took = Vec::new();
            while !stopped.is_cancelled() {
                let start = Instant::now();
                api.get("default").await?;
                took.push(start.elapsed());
                tokio::time::sleep(PAUSE).await;
            }
            Ok(took)
        });
        Self { stop, reading }
    }

    /// What the reads took.
    pub async fn end(self) -> anyhow::Result<String> {
        self.stop.cancel();
        let mut took = self.reading.await??;
        let mut ms = |percent| percentile(&mut took, percent).as_secs_f64() * 1e3;
        Ok(format!("p50 {:.1} ms, p99 {:.1} ms", ms(50), ms(99)))
    }
}
