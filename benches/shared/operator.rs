//! The released operator on a real API server, and the bare client that it is held against.

use std::time::Duration;

use compass::api::DeploymentIntent;
use compass_testbed::process::{Program, Server};
use compass_testbed::{ControlPlane, port};
use futures::{StreamExt, TryStreamExt, stream};
use kube::api::{ApiResource, DynamicObject, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, ResourceExt};

/// Requests under way at once: as many as the operator's.
pub const CONCURRENCY: usize = 16;

pub fn compass(arguments: &str) -> Program {
    Program::new(env!("CARGO_BIN_EXE_compass"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(arguments.split_whitespace())
}

pub fn install_crd(control_plane: &ControlPlane) -> anyhow::Result<()> {
    let file = control_plane.directory().join("crd.yaml");
    std::fs::write(&file, compass("crd").output()?)?;
    let file = file.display().to_string();
    control_plane.kubectl(&["apply", "--server-side", "-f", &file])?;
    control_plane.wait_until_established("deploymentintents.compass.dev")
}

pub async fn client(control_plane: &ControlPlane) -> anyhow::Result<Client> {
    let kubeconfig = Kubeconfig::read_from(control_plane.kubeconfig())?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

/// And the port of its health and metrics.
pub fn start_operator(control_plane: &ControlPlane, url: &str) -> anyhow::Result<(Server, u16)> {
    let port = port::free()?;
    let server = compass(&format!(
        "controller --listen 127.0.0.1:{port} --resync-seconds 3600 --log-level warn"
    ))
    .env("KUBECONFIG", control_plane.kubeconfig())
    .env("DATABASE_URL", url)
    .start(&control_plane.directory().join("compass.log"))?;
    Ok((server, port))
}

pub fn dynamic(client: &Client) -> Api<DynamicObject> {
    let kind = ApiResource::erase::<DeploymentIntent>(&());
    Api::default_namespaced_with(client.clone(), &kind)
}

/// Writes these statuses one after another, as many at once as the operator does.
pub async fn write(client: &Client, statuses: Vec<DynamicObject>) -> anyhow::Result<()> {
    let api = dynamic(client);
    let parameters = PostParams::default();
    stream::iter(&statuses)
        .map(async |status| {
            api.replace_status(&status.name_any(), &parameters, status)
                .await
        })
        .buffer_unordered(CONCURRENCY)
        .try_for_each(async |_| Ok(()))
        .await?;
    Ok(())
}

/// What a process has used so far, in the kernel's ticks of 10 ms.
pub fn cpu_time(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2);
    Duration::from_millis(10)
        * ticks
            .filter_map(|ticks| ticks.parse::<u32>().ok())
            .sum::<u32>()
}

/// Resident memory of a process.
pub fn memory_mib(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? / 1024)
}

/// The value below which `percent` of the values are.
pub fn percentile(values: &mut [Duration], percent: usize) -> Duration {
    values.sort();
    let last = values.len().saturating_sub(1);
    values
        .get(last * percent / 100)
        .copied()
        .unwrap_or_default()
}
