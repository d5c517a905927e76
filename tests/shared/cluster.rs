//! What tests on a control plane share: a client, and waiting.

use std::fmt::Debug;
use std::path::Path;
use std::time::{Duration, Instant};

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// Long, since tests share two cores; nothing waits for it in vain but a failing test.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// A client with the rights of a kubeconfig.
pub async fn client_of(kubeconfig: &Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap();
    Client::try_from(config).unwrap()
}

/// Polls until `attempt` succeeds; panics with its last error where it never does.
pub async fn eventually<T, E: Debug>(
    what: &str,
    mut attempt: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt().await {
            Ok(value) => return value,
            Err(last) if Instant::now() > deadline => {
                panic!(
                    "waited {} s for {what}; last seen: {last:#?}",
                    PATIENCE.as_secs()
                )
            }
            Err(_) => tokio::time::sleep(POLL).await,
        }
    }
}
