//! A cluster and a knowledge base of a scenario's own, each behind a network that can be bad.

use std::path::PathBuf;
use std::sync::Arc;

use compass_testbed::control_plane::FLEET;
use compass_testbed::{ControlPlane, Forwarder, Postgres, Scope, port};
use kube::Client;

use super::api_gate::{ApiGate, Write, Writes};
use super::supervisor::Run;
use crate::support::{client, install_crd, load_knowledge_base};

/// Where the intents of a scenario are.
pub const NAMESPACE: &str = "chaos";
const POD_READY_AFTER: std::time::Duration = std::time::Duration::from_millis(100);

pub struct World {
    pub control_plane: ControlPlane,
    /// The primary.
    pub postgres: Postgres,
    /// Between the operator and the primary.
    pub database: Forwarder,
    /// Everybody else's way to the primary: a name that always works.
    name: Forwarder,
    /// Everybody's but the operator's.
    pub client: Client,
    pub writes: Writes,
}

impl World {
    pub async fn create() -> Self {
        let postgres = Postgres::start().unwrap();
        load_knowledge_base(&postgres.url());
        let control_plane = ControlPlane::start(Scope::Workloads {
            pod_ready_after: POD_READY_AFTER,
        })
        .unwrap();
        control_plane.add_gpu_nodes(&FLEET).unwrap();
        install_crd(&control_plane);
        control_plane
            .kubectl(&["create", "namespace", NAMESPACE])
            .unwrap();
        Self {
            client: client(&control_plane).await,
            database: Forwarder::to(postgres.port()).unwrap(),
            name: Forwarder::to(postgres.port()).unwrap(),
            control_plane,
            postgres,
            writes: Arc::default(),
        }
    }

    /// The knowledge base through the bad network.
    pub fn database_url(&self) -> String {
        port::replaced(&self.postgres.url(), self.database.port()).unwrap()
    }

    /// The knowledge base for everybody but the operator.
    pub fn people_url(&self) -> String {
        port::replaced(&self.postgres.url(), self.name.port()).unwrap()
    }

    /// The primary dies, and its standby takes its place.
    pub fn fail_over_to(&mut self, standby: Postgres) {
        self.postgres.kill();
        standby.promote().unwrap();
        for path in [&self.database, &self.name] {
            path.redirect(standby.port());
        }
        self.postgres = standby;
    }

    /// A way to the API server for one operator.
    pub async fn gate(&self, name: &'static str) -> (ApiGate, Forwarder) {
        let gate = ApiGate::before(self.client.clone(), name, &self.writes).await;
        let network = Forwarder::to(gate.port).unwrap();
        (gate, network)
    }

    /// Which gates writes came through, one after another: each as long as no other came between.
    pub fn turns(&self) -> Vec<&'static str> {
        let writes = self.writes.lock().unwrap();
        // Who leads is settled by leases, and told as an event.
        let work = |write: &&Write| {
            !["/leases", "/events"]
                .iter()
                .any(|it| write.path.contains(it))
        };
        let mut turns: Vec<_> = writes.iter().filter(work).map(|write| write.gate).collect();
        turns.dedup();
        turns
    }

    /// An operator that reaches the API server through `port`.
    pub fn run(&self, name: &'static str, port: u16) -> Run {
        self.run_with(name, self.kubeconfig(name, port))
    }

    /// An operator with nothing between it and the API server.
    pub fn direct(&self, name: &'static str) -> Run {
        let kubeconfig = self.control_plane.kubeconfig().display().to_string();
        self.run_with(name, kubeconfig)
    }

    fn run_with(&self, name: &'static str, kubeconfig: String) -> Run {
        Run {
            name,
            arguments: "--resync-seconds 3600".to_owned(),
            environment: vec![
                ("DATABASE_URL".to_owned(), self.database_url()),
                ("KUBECONFIG".to_owned(), kubeconfig),
            ],
            directory: self.control_plane.directory().to_owned(),
        }
    }

    fn kubeconfig(&self, name: &str, port: u16) -> String {
        let file: PathBuf = self
            .control_plane
            .directory()
            .join(format!("{name}.kubeconfig"));
        let kubeconfig = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: gate\n\
             clusters: [{{name: gate, cluster: {{server: 'http://127.0.0.1:{port}'}}}}]\n\
             contexts: [{{name: gate, context: {{cluster: gate, user: nobody}}}}]\n\
             users: [{{name: nobody, user: {{}}}}]\n"
        );
        std::fs::write(&file, kubeconfig).unwrap();
        file.display().to_string()
    }
}
