//! Everything that Compass needs, and Compass itself, started in order.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use compass_testbed::control_plane::FLEET;
use compass_testbed::process::{Program, Server};
use compass_testbed::{ControlPlane, Postgres, Scope, port, tools};

use super::steps::{command, heading, show, step};

const SYNTHETIC_BENCHMARKS: &str = "data/benchmarks.json.gz";
const POD_READY_AFTER: Duration = Duration::from_secs(3);
const OPERATOR_PATIENCE: Duration = Duration::from_secs(60);

/// A running operator with its cluster and knowledge base; dropping it stops all three.
pub(super) struct Stack {
    // The order of the fields is the order in which they are dropped.
    operator: Server,
    pub control_plane: ControlPlane,
    pub postgres: Postgres,
}

impl Stack {
    /// Starts all, with the `compass` program given.
    pub fn start(compass: &Path) -> Result<Stack> {
        heading("A machine with a cluster and a database");
        step("Building what is missing", || {
            tools::programs().try_for_each(|name| tools::program(name).map(drop))
        })?;
        let postgres = step("Starting PostgreSQL", Postgres::start)?;
        let scope = Scope::Workloads {
            pod_ready_after: POD_READY_AFTER,
        };
        let control_plane = step(
            "Starting etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kwok",
            || ControlPlane::start(scope),
        )?;
        let count: u32 = FLEET.iter().map(|nodes| nodes.count).sum();
        step(&format!("Adding {count} simulated GPU nodes"), || {
            control_plane.add_gpu_nodes(&FLEET)
        })?;
        let columns = "get nodes --label-columns=nvidia.com/gpu.product,nvidia.com/gpu.count";
        show(
            &format!("kubectl {columns}"),
            kubectl(&control_plane, columns)?,
        )?;

        heading("Compass");
        let database = |arguments: &str| {
            compass_program(compass, arguments).env("DATABASE_URL", postgres.url())
        };
        command("compass migrate", database("migrate"))?;
        let load = format!("load {SYNTHETIC_BENCHMARKS}");
        show(&format!("compass {load}"), database(&load))?;
        install_crd(compass, &control_plane)?;
        let operator = start_operator(compass, &control_plane, &postgres)?;
        Ok(Stack {
            operator,
            control_plane,
            postgres,
        })
    }

    /// `kubectl` with arguments separated by spaces.
    pub fn kubectl(&self, arguments: &str) -> Result<Program> {
        kubectl(&self.control_plane, arguments)
    }

    /// The operator's process.
    pub fn operator(&mut self) -> &mut Server {
        &mut self.operator
    }

    /// The operator's log.
    pub fn operator_log(&self) -> PathBuf {
        operator_log(&self.control_plane)
    }

    /// The operator's resident memory, MiB, where the system tells it in `/proc`.
    pub fn operator_memory_mib(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.operator.id())).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kib / 1024)
    }
}

fn kubectl(control_plane: &ControlPlane, arguments: &str) -> Result<Program> {
    Ok(control_plane
        .kubectl_program()?
        .args(arguments.split_whitespace()))
}

fn compass_program(compass: &Path, arguments: &str) -> Program {
    Program::new(compass).args(arguments.split_whitespace())
}

fn install_crd(compass: &Path, control_plane: &ControlPlane) -> Result<()> {
    let file = control_plane.directory().join("crd.yaml");
    step("$ compass crd | kubectl apply --server-side -f -", || {
        fs::write(&file, compass_program(compass, "crd").output()?)
            .context("cannot write the CRD")?;
        kubectl(control_plane, "apply --server-side -f")?
            .arg(&file)
            .output()
    })?;
    let crd = "deploymentintents.compass.dev";
    step(
        &format!("$ kubectl wait --for=condition=Established crd/{crd}"),
        || control_plane.wait_until_established(crd),
    )?;
    Ok(())
}

fn start_operator(
    compass: &Path,
    control_plane: &ControlPlane,
    postgres: &Postgres,
) -> Result<Server> {
    let port = port::free()?;
    let arguments = format!("controller --listen 127.0.0.1:{port}");
    let program = compass_program(compass, &arguments)
        .env("KUBECONFIG", control_plane.kubeconfig())
        .env("DATABASE_URL", postgres.url())
        .remove_if_orphaned(control_plane.directory());
    step(
        &format!("$ compass {arguments}   (until /readyz says so)"),
        || {
            let mut operator = program.start(&operator_log(control_plane))?;
            operator.wait_until_ready(OPERATOR_PATIENCE, || {
                Ok(answers_ok(port, "/readyz").unwrap_or(false))
            })?;
            Ok(operator)
        },
    )
}

fn operator_log(control_plane: &ControlPlane) -> PathBuf {
    control_plane.directory().join("compass.log")
}

fn answers_ok(port: u16, path: &str) -> Result<bool> {
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    connection.set_read_timeout(Some(Duration::from_secs(2)))?;
    write!(connection, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer.split_whitespace().nth(1) == Some("200"))
}
