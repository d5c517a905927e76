//! Helm, and the cluster that all tests share.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use compass_testbed::control_plane::FLEET;
use compass_testbed::process::Program;
use compass_testbed::tools::program;
use compass_testbed::{ControlPlane, Scope};
use kube::Client;

pub use shared::{client_of, eventually};

#[path = "../shared/cluster.rs"]
mod shared;

/// Started by the test that comes first. Its servers end with the process.
pub static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| {
    let cluster = Cluster::start(Scope::Workloads {
        pod_ready_after: Duration::from_millis(300),
    });
    cluster.control_plane.add_gpu_nodes(&FLEET).unwrap();
    cluster
});

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

pub fn chart() -> PathBuf {
    root().join("charts/compass")
}

/// Files of values for the cases that matter, also for `helm lint`.
pub fn cases() -> Vec<PathBuf> {
    let files = std::fs::read_dir(chart().join("ci")).unwrap();
    let mut files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The values of a case.
pub fn case(name: &str) -> PathBuf {
    chart().join(format!("ci/{name}-values.yaml"))
}

/// Helm without any home but the test's own, with arguments separated by spaces. It talks to no
/// cluster unless KUBECONFIG is set.
pub fn helm(arguments: &str) -> Program {
    static HOME: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
    let home = |part: &str| HOME.path().join(part);
    Program::new(program("helm").unwrap())
        .args(arguments.split_whitespace())
        .env("HELM_CACHE_HOME", home("cache"))
        .env("HELM_CONFIG_HOME", home("config"))
        .env("HELM_DATA_HOME", home("data"))
        .env("KUBECONFIG", "/dev/null")
}

/// `helm template` of the chart, in namespace compass-system.
pub fn rendered(release: &str, values: &Path, more: &str) -> String {
    helm(&format!(
        "template {release} --namespace compass-system {more}"
    ))
    .arg(chart())
    .arg("--values")
    .arg(values)
    .output()
    .unwrap()
}

/// A control plane, and what an administrator does with it.
pub struct Cluster {
    pub control_plane: ControlPlane,
}

impl Cluster {
    pub fn start(scope: Scope) -> Self {
        Self {
            control_plane: ControlPlane::start(scope).unwrap(),
        }
    }

    /// Helm as an administrator.
    pub fn helm(&self, arguments: &str) -> Program {
        helm(arguments).env("KUBECONFIG", self.control_plane.kubeconfig())
    }

    /// `kubectl` as an administrator, with arguments separated by spaces.
    pub fn kubectl(&self, arguments: &str) -> String {
        self.kubectl_program(arguments).output().unwrap()
    }

    pub fn kubectl_program(&self, arguments: &str) -> Program {
        let program = self.control_plane.kubectl_program().unwrap();
        program.args(arguments.split_whitespace())
    }

    /// Writes a file for the cluster's tests.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let folder = self.control_plane.directory().join("tests");
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join(name);
        std::fs::write(&file, content).unwrap();
        file
    }

    /// `kubectl apply --server-side` of a document.
    pub fn apply(&self, name: &str, document: &str) {
        self.kubectl_program("apply --server-side --force-conflicts --filename")
            .arg(self.file(name, document))
            .output()
            .unwrap();
    }

    /// A namespace in which only what meets the restricted standard of pod security may run.
    pub fn restricted_namespace(&self, name: &str) {
        self.apply(
            &format!("{name}.yaml"),
            &format!(
                "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n  labels:\n    \
                 pod-security.kubernetes.io/enforce: restricted\n    \
                 pod-security.kubernetes.io/warn: restricted\n"
            ),
        );
    }

    /// A client of the calling test: a client cannot outlive the runtime that made it.
    pub async fn client(&self) -> Client {
        client_of(self.control_plane.kubeconfig()).await
    }
}
