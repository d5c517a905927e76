//! The control plane's programs and their flags.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;

use super::Scope;
use super::audit;
use super::credentials::Credentials;
use crate::port;
use crate::process::{Program, Server};
use crate::tools;

const ATTEMPTS: u32 = 5;
const PATIENCE: Duration = Duration::from_secs(120);
const WORKLOAD_PROGRAMS: [&str; 3] = ["kube-controller-manager", "kube-scheduler", "kwok"];

/// Builds what is missing before anything starts.
pub(super) fn build_missing(scope: Scope) -> Result<()> {
    let always = ["etcd", "kube-apiserver", "kubectl"];
    let workloads = if scope == Scope::ApiServer {
        &[][..]
    } else {
        &WORKLOAD_PROGRAMS
    };
    always
        .iter()
        .chain(workloads)
        .try_for_each(|name| tools::program(name).map(drop))
}

/// etcd on a socket in the folder: no port to find, and no other user can reach it.
pub(super) fn start_etcd(directory: &Path) -> Result<Server> {
    let socket = directory.join("etcd.sock");
    let program = member("etcd", directory)?
        .arg("--data-dir")
        .arg(directory.join("etcd"))
        .args([
            "--unsafe-no-fsync",
            "--log-level=warn",
            "--listen-client-urls",
        ])
        .arg(etcd_url(directory))
        // Never used, but etcd wants addresses with ports.
        .args([
            "--advertise-client-urls=http://127.0.0.1:0",
            "--listen-peer-urls=http://127.0.0.1:0",
        ])
        .args([
            "--initial-advertise-peer-urls=http://127.0.0.1:0",
            "--initial-cluster=default=http://127.0.0.1:0",
        ]);
    let mut server = program.start(&directory.join("etcd.log"))?;
    server.wait_until_ready(PATIENCE, || Ok(UnixStream::connect(&socket).is_ok()))?;
    Ok(server)
}

fn etcd_url(directory: &Path) -> String {
    format!("unix://{}", directory.join("etcd.sock").display())
}

/// kube-apiserver on a free port, ready to serve; returns the port and an administrator's
/// kubeconfig too.
pub(super) fn start_api_server(
    directory: &Path,
    credentials: &Credentials,
    scope: Scope,
) -> Result<(Server, u16, PathBuf)> {
    for _ in 0..ATTEMPTS {
        let port = port::free()?;
        let url = format!("https://127.0.0.1:{port}");
        let kubeconfig = credentials.write_kubeconfig(&url, "admin", Some("system:masters"))?;
        match start_api_server_on(directory, credentials, scope, port, &kubeconfig) {
            Ok(server) => return Ok((server, port, kubeconfig)),
            Err(error) if error.to_string().contains("address already in use") => continue,
            Err(error) => return Err(error),
        }
    }
    bail!("kube-apiserver found its port taken {ATTEMPTS} times")
}

/// The same on this port, which may be that of one before it.
pub(super) fn start_api_server_on(
    directory: &Path,
    credentials: &Credentials,
    scope: Scope,
    port: u16,
    kubeconfig: &Path,
) -> Result<Server> {
    let mut server = api_server(directory, credentials, scope, port)?
        .start(&directory.join("kube-apiserver.log"))?;
    // Another server on this port cannot pass for ours: its certificate would be of another authority.
    server.wait_until_ready(PATIENCE, || {
        kubectl(kubeconfig)?
            .args(["get", "--raw", "/readyz"])
            .succeeds()
    })?;
    Ok(server)
}

fn api_server(
    directory: &Path,
    credentials: &Credentials,
    scope: Scope,
    port: u16,
) -> Result<Program> {
    let mut program = member("kube-apiserver", directory)?
        .arg(format!("--etcd-servers={}", etcd_url(directory)))
        .arg(format!("--secure-port={port}"))
        .args([
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--service-cluster-ip-range=10.0.0.0/24",
        ])
        .args([
            "--authorization-mode=RBAC",
            "--allow-privileged=true",
            "--service-account-issuer=https://kubernetes.default.svc",
        ])
        .args(audit::flags(directory)?);
    if scope == Scope::ApiServer {
        // Its Pods would need service accounts, which the controller manager makes.
        program = program.arg("--disable-admission-plugins=ServiceAccount");
    }
    for (flag, file) in [
        ("--client-ca-file", "ca.crt"),
        ("--tls-cert-file", "server.crt"),
        ("--tls-private-key-file", "server.key"),
        ("--service-account-key-file", "service-accounts.pub"),
        ("--service-account-signing-key-file", "service-accounts.key"),
    ] {
        program = program.arg(flag).arg(credentials.file(file));
    }
    Ok(program)
}

/// The programs that turn a Deployment into Pods which become Ready on nodes that are only objects.
pub(super) fn start_workloads(
    directory: &Path,
    kubeconfig: &Path,
    pod_ready_after: Duration,
) -> Result<Vec<Server>> {
    let stages = directory.join("stages.yaml");
    let delay = pod_ready_after.as_millis().to_string();
    fs::write(
        &stages,
        include_str!("stages.yaml").replace("POD_READY_AFTER_MILLISECONDS", &delay),
    )
    .context("cannot write kwok's stages")?;

    let manager = member("kube-controller-manager", directory)?
        .args([
            "--secure-port=0",
            "--leader-elect=false",
            // No kubelet reports for a simulated node, and none is ever lost.
            "--node-monitor-grace-period=87600h",
            "--service-account-private-key-file",
        ])
        .arg(directory.join("service-accounts.key"))
        .arg("--root-ca-file")
        .arg(directory.join("ca.crt"));
    let scheduler =
        member("kube-scheduler", directory)?.args(["--secure-port=0", "--leader-elect=false"]);
    let kwok = member("kwok", directory)?
        .args(["--manage-all-nodes=true", "--config"])
        .arg(stages);

    let mut servers = Vec::new();
    for (name, program) in WORKLOAD_PROGRAMS.iter().zip([manager, scheduler, kwok]) {
        let program = program.arg("--kubeconfig").arg(kubeconfig);
        servers.push(program.start(&directory.join(format!("{name}.log")))?);
    }
    // The API server refuses Pods of a namespace until the controller manager has made its service
    // account.
    let get_account = ["get", "serviceaccount", "default", "--namespace=default"];
    servers[0].wait_until_ready(PATIENCE, || {
        kubectl(kubeconfig)?.args(get_account).succeeds()
    })?;
    Ok(servers)
}

/// `kubectl`, to be completed with arguments and run.
pub(super) fn kubectl(kubeconfig: &Path) -> Result<Program> {
    let cache: PathBuf = kubeconfig.with_extension("cache");
    Ok(Program::new(tools::program("kubectl")?)
        .arg("--cache-dir")
        .arg(cache)
        .arg("--kubeconfig")
        .arg(kubeconfig))
}

/// SIGKILL, since nobody needs the data and an orderly end takes seconds.
fn member(name: &str, directory: &Path) -> Result<Program> {
    Ok(Program::new(tools::program(name)?)
        .stop_signal(Signal::SIGKILL)
        .remove_if_orphaned(directory))
}
