//! The control plane and the knowledge base that all tests share.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use compass_testbed::control_plane::{FLEET, GpuNodes};
use compass_testbed::process::Program;
use compass_testbed::{ControlPlane, Postgres, Scope};
use kube::Client;

use super::shared::client_of;

/// Started by the test that comes first. Its servers end with the process.
pub static CLUSTER: LazyLock<Cluster> = LazyLock::new(Cluster::start);

/// Relative to the root of the package.
const BENCHMARKS: &str = "data/benchmarks.json.gz";
const POD_READY_AFTER: Duration = Duration::from_millis(300);

/// One node of each of two kinds of GPU, for tests that fill a cluster of their own.
pub const ONE_OF_EACH: [GpuNodes; 2] = [
    GpuNodes {
        name: "h100",
        product: "NVIDIA-H100-80GB-HBM3",
        gpus: 8,
        count: 1,
    },
    GpuNodes {
        name: "l40s",
        product: "NVIDIA-L40S",
        gpus: 8,
        count: 1,
    },
];

/// A cluster with the CRD, and a loaded knowledge base.
pub struct Cluster {
    pub control_plane: ControlPlane,
    pub database_url: String,
    _postgres: Option<Postgres>,
}

impl Cluster {
    fn start() -> Self {
        let (postgres, control_plane) = std::thread::scope(|scope| {
            let postgres = scope.spawn(|| {
                let postgres = Postgres::start().unwrap();
                load_knowledge_base(&postgres.url());
                postgres
            });
            let workloads = Scope::Workloads {
                pod_ready_after: POD_READY_AFTER,
            };
            let control_plane = ControlPlane::start(workloads).unwrap();
            (postgres.join().unwrap(), control_plane)
        });
        control_plane.add_gpu_nodes(&FLEET).unwrap();
        let cluster = Self {
            control_plane,
            database_url: postgres.url(),
            _postgres: Some(postgres),
        };
        crate::undecodable::store_intent_of_an_older_version(&cluster.control_plane);
        install_crd(&cluster.control_plane);
        cluster
    }

    /// One with other nodes, on the shared knowledge base, for tests that use up their GPUs. Pods
    /// take longer to become Ready, so that a rollout can be watched.
    pub fn of(fleet: &[GpuNodes]) -> Self {
        let cluster = Self::with(Scope::Workloads {
            pod_ready_after: 5 * POD_READY_AFTER,
        });
        cluster.control_plane.add_gpu_nodes(fleet).unwrap();
        cluster
    }

    /// One whose API server is alone: nothing acts on objects, and no garbage is collected.
    pub fn without_controllers() -> Self {
        Self::with(Scope::ApiServer)
    }

    fn with(scope: Scope) -> Self {
        let control_plane = ControlPlane::start(scope).unwrap();
        install_crd(&control_plane);
        Self {
            control_plane,
            database_url: CLUSTER.database_url.clone(),
            _postgres: None,
        }
    }

    /// A client of the calling test: a client cannot outlive the runtime that made it.
    pub async fn client(&self) -> Client {
        client(&self.control_plane).await
    }
}

pub async fn client(control_plane: &ControlPlane) -> Client {
    client_of(control_plane.kubeconfig()).await
}

/// The program under test with arguments separated by spaces.
pub fn compass(arguments: &str) -> Program {
    Program::new(env!("CARGO_BIN_EXE_compass")).args(arguments.split_whitespace())
}

/// What a person does with it on a cluster: exit code, and what is shown and told.
pub fn person_runs(
    arguments: &str,
    kubeconfig: &Path,
    database_url: &str,
) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_compass"))
        .args(arguments.split_whitespace())
        .env("KUBECONFIG", kubeconfig)
        .env("DATABASE_URL", database_url)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// What an administrator does: migrate, load.
pub fn load_knowledge_base(url: &str) {
    compass("migrate")
        .env("DATABASE_URL", url)
        .output()
        .unwrap();
    compass("load")
        .arg(root().join(BENCHMARKS))
        .env("DATABASE_URL", url)
        .output()
        .unwrap();
}

/// `compass crd | kubectl apply --server-side -f -`, and until it is established.
pub fn install_crd(control_plane: &ControlPlane) {
    let crd = compass("crd").output().unwrap();
    apply(control_plane, "crd.yaml", &crd);
    control_plane
        .wait_until_established("deploymentintents.compass.dev")
        .unwrap();
}

/// `kubectl apply --server-side` of a document, as an administrator who takes over what others own.
pub fn apply(control_plane: &ControlPlane, file: &str, document: &str) {
    let file = control_plane.directory().join(file);
    std::fs::write(&file, document).unwrap();
    let arguments = ["apply", "--server-side", "--force-conflicts", "-f"];
    control_plane
        .kubectl_program()
        .unwrap()
        .args(arguments)
        .arg(file)
        .output()
        .unwrap();
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}
