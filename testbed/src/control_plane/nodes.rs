//! Nodes with GPUs that are only objects: kwok plays their kubelets, the scheduler counts their
//! GPUs.

use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::ControlPlane;

/// Some equal nodes.
#[derive(Clone, Copy, Debug)]
pub struct GpuNodes {
    /// The nodes are called `<name>-0`, `<name>-1`, ...
    pub name: &'static str,
    /// The label `nvidia.com/gpu.product`, as GPU feature discovery sets it.
    pub product: &'static str,
    /// GPUs of each node.
    pub gpus: u32,
    /// How many nodes.
    pub count: u32,
}

/// The nodes of the demo.
pub const FLEET: [GpuNodes; 5] = [
    GpuNodes {
        name: "h100",
        product: "NVIDIA-H100-80GB-HBM3",
        gpus: 8,
        count: 4,
    },
    GpuNodes {
        name: "h200",
        product: "NVIDIA-H200",
        gpus: 8,
        count: 2,
    },
    GpuNodes {
        name: "b200",
        product: "NVIDIA-B200",
        gpus: 8,
        count: 2,
    },
    GpuNodes {
        name: "a100",
        product: "NVIDIA-A100-SXM4-80GB",
        gpus: 8,
        count: 4,
    },
    GpuNodes {
        name: "l40s",
        product: "NVIDIA-L40S",
        gpus: 8,
        count: 4,
    },
];

impl ControlPlane {
    /// Adds nodes and waits until all nodes are Ready. Needs [`super::Scope::Workloads`].
    pub fn add_gpu_nodes(&self, fleet: &[GpuNodes]) -> Result<()> {
        let nodes: Vec<Value> = fleet
            .iter()
            .flat_map(|nodes| (0..nodes.count).map(|index| node(nodes, index)))
            .collect();
        let file = self.directory().join("nodes.json");
        fs::write(
            &file,
            json!({"apiVersion": "v1", "kind": "List", "items": nodes}).to_string(),
        )
        .context("cannot write the nodes")?;
        self.kubectl(&["create", "--filename", &file.to_string_lossy()])?;
        self.kubectl(&[
            "wait",
            "node",
            "--all",
            "--for=condition=Ready",
            "--timeout=60s",
        ])?;
        Ok(())
    }
}

fn node(nodes: &GpuNodes, index: u32) -> Value {
    let name = format!("{}-{index}", nodes.name);
    let gpus = nodes.gpus.to_string();
    let resources = json!({"cpu": "192", "memory": "2Ti", "ephemeral-storage": "4Ti", "pods": "110", "nvidia.com/gpu": gpus});
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "nvidia.com/gpu.present": "true",
                "nvidia.com/gpu.product": nodes.product,
                "nvidia.com/gpu.count": gpus,
            },
            "annotations": {"kwok.x-k8s.io/node": "fake"},
        },
        "spec": {"taints": [{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}]},
        "status": {"capacity": resources, "allocatable": resources},
    })
}
