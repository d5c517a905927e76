//! A Kubernetes control plane of real programs that lives as long as its owner.
//!
//! Always etcd and kube-apiserver, with RBAC. For workloads also kube-controller-manager,
//! kube-scheduler, and kwok, which plays the kubelets of nodes that are only objects.

mod audit;
mod credentials;
mod nodes;
mod servers;

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::interrupt;
use crate::process::{Program, Server};
use crate::scratch::Scratch;

use credentials::Credentials;

pub use audit::Write;
pub use nodes::{FLEET, GpuNodes};

const ESTABLISHED_PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// How much of a control plane to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Objects can be written and read; nothing acts on them.
    ApiServer,
    /// Deployments make Pods, which are scheduled on the nodes added, and become Ready this long
    /// after.
    Workloads {
        /// How long a Pod takes from its placement until it is Ready.
        pod_ready_after: Duration,
    },
}

/// A running control plane; dropping it stops it and removes its data.
pub struct ControlPlane {
    // The order of the fields is the order in which they are dropped.
    _workloads: Vec<Server>,
    api_server: Server,
    _etcd: Server,
    credentials: Credentials,
    kubeconfig: PathBuf,
    scope: Scope,
    port: u16,
    url: String,
    scratch: Scratch,
}

impl ControlPlane {
    /// Starts a control plane and waits until it serves.
    pub fn start(scope: Scope) -> Result<ControlPlane> {
        servers::build_missing(scope)?;
        let scratch = Scratch::create()?;
        let credentials = Credentials::create(scratch.path())?;
        let etcd = servers::start_etcd(scratch.path())?;
        let (api_server, port, kubeconfig) =
            servers::start_api_server(scratch.path(), &credentials, scope)?;
        let workloads = match scope {
            Scope::ApiServer => Vec::new(),
            Scope::Workloads { pod_ready_after } => {
                servers::start_workloads(scratch.path(), &kubeconfig, pod_ready_after)?
            }
        };
        Ok(ControlPlane {
            _workloads: workloads,
            api_server,
            _etcd: etcd,
            credentials,
            kubeconfig,
            scope,
            port,
            url: format!("https://127.0.0.1:{port}"),
            scratch,
        })
    }

    /// The kubeconfig of an administrator (group `system:masters`).
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Writes the kubeconfig of a further user, who may do what RBAC grants.
    pub fn kubeconfig_of(&self, user: &str) -> Result<PathBuf> {
        self.credentials.write_kubeconfig(&self.url, user, None)
    }

    /// Writes the kubeconfig of a service account, with a token for a day.
    pub fn kubeconfig_of_service_account(&self, namespace: &str, name: &str) -> Result<PathBuf> {
        let request = ["create", "token", name, "--duration=24h", "--namespace"];
        let program = self.kubectl_program()?.args(request).arg(namespace);
        let token = program.output()?;
        self.credentials.write_kubeconfig_of_service_account(
            &self.url,
            namespace,
            name,
            token.trim(),
        )
    }

    /// The API server's address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Waits until objects of a custom resource can be written. `kubectl wait` fails where it asks
    /// before the API server has written any condition, so it is asked again.
    pub fn wait_until_established(&self, crd: &str) -> Result<()> {
        let crd = format!("crd/{crd}");
        let wait = ["wait", "--for=condition=Established", &crd, "--timeout=5s"];
        let deadline = Instant::now() + ESTABLISHED_PATIENCE;
        while !self.kubectl_program()?.args(wait).succeeds()? {
            if Instant::now() > deadline {
                bail!("{crd} is not established");
            }
            interrupt::check()?;
            sleep(POLL);
        }
        Ok(())
    }

    /// Kills the API server, and starts another on the same port and data.
    pub fn restart_api_server(&mut self) -> Result<()> {
        self.api_server.stop(Duration::ZERO);
        self.api_server = servers::start_api_server_on(
            self.scratch.path(),
            &self.credentials,
            self.scope,
            self.port,
            &self.kubeconfig,
        )?;
        Ok(())
    }

    /// `kubectl` as administrator, to be completed with arguments and run.
    pub fn kubectl_program(&self) -> Result<Program> {
        servers::kubectl(&self.kubeconfig)
    }

    /// Runs `kubectl` as administrator and returns its standard output; a failure is an error with
    /// what it said.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.kubectl_program()?.args(arguments).output()
    }

    /// The folder of the logs, `<program>.log` each.
    pub fn directory(&self) -> &Path {
        self.scratch.path()
    }
}
