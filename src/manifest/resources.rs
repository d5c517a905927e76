//! What a pod asks of its node.
//!
//! Requests only, but for the GPUs: vLLM reads weights through the page cache and bursts while it
//! compiles, so a limit on memory or CPU would turn slow starts into killed ones.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::model_cache;
use super::plan::Plan;
use crate::catalog::Vendor;

/// For the API server and the engine's scheduler, GiB.
const BASE_MEMORY_GIB: u64 = 4;
/// For one worker: CUDA context, Python and pinned buffers, GiB.
const WORKER_MEMORY_GIB: u64 = 4;
/// /dev/shm for each GPU: what workers of a replica pass each other, GiB.
const SHARED_MEMORY_GIB: u64 = 2;
/// For logs and compiled kernels beside the weights, GiB.
const SCRATCH_DISK_GIB: u64 = 10;

/// Memory: 4 GiB + 6 GiB a GPU, /dev/shm included. CPU: a core for each process that polls, which
/// are the API server, the engine and a worker for each GPU (vLLM asks for 2 + GPUs). Disk: the
/// weights and 10 GiB, unless a volume holds the weights. GPUs: as many as were benchmarked.
pub(super) fn requirements(plan: &Plan<'_>) -> ResourceRequirements {
    let weights_gib = if has_weights(plan) {
        0
    } else {
        plan.weight_bytes.div_ceil(1 << 30)
    };
    let disk = quantity(SCRATCH_DISK_GIB + weights_gib, "Gi");
    let mut resources = without_disk(plan.hardware.vendor, plan.gpus);
    let requests = resources.requests.get_or_insert_default();
    requests.insert("ephemeral-storage".to_owned(), disk);
    resources
}

/// The same without the disk, which depends on the model.
pub(super) fn without_disk(vendor: Vendor, gpus: u32) -> ResourceRequirements {
    let gpus = u64::from(gpus);
    let memory_gib = BASE_MEMORY_GIB + gpus * (WORKER_MEMORY_GIB + SHARED_MEMORY_GIB);
    let gpu_limit = BTreeMap::from([(vendor.resource_name().to_owned(), quantity(gpus, ""))]);
    let mut requests = BTreeMap::from([
        ("cpu".to_owned(), quantity(2 + gpus, "")),
        ("memory".to_owned(), quantity(memory_gib, "Gi")),
    ]);
    requests.extend(gpu_limit.clone());
    ResourceRequirements {
        limits: Some(gpu_limit),
        requests: Some(requests),
        claims: None,
    }
}

/// Size limit of /dev/shm: 2 GiB a GPU. The default of a container, 64 MiB, fails NCCL.
pub(super) fn shared_memory(plan: &Plan<'_>) -> Quantity {
    quantity(SHARED_MEMORY_GIB * u64::from(plan.gpus), "Gi")
}

fn has_weights(plan: &Plan<'_>) -> bool {
    model_cache::claim_name(plan).is_some()
        || plan.runtime.is_some_and(|it| it.model_path.is_some())
}

pub(super) fn quantity(amount: u64, unit: &str) -> Quantity {
    Quantity(format!("{amount}{unit}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::benchmark::HardwareName;
    use crate::manifest::test_support::Example;

    fn resources(example: &Example) -> serde_json::Value {
        serde_json::to_value(requirements(&example.plan())).unwrap()
    }

    #[test]
    fn requests_grow_with_gpus_and_weights() {
        assert_eq!(
            resources(&Example::default()),
            serde_json::json!({
                "limits": {"nvidia.com/gpu": "2"},
                "requests": {
                    "cpu": "4", "ephemeral-storage": "72Gi", "memory": "16Gi", "nvidia.com/gpu": "2",
                },
            })
        );
    }

    #[test]
    fn a_claim_takes_the_weights_off_the_nodes_disk() {
        let mut example = Example::default();
        example.runtime.model_cache_claim = Some("models".into());
        assert_eq!(resources(&example)["requests"]["ephemeral-storage"], "10Gi");
    }

    #[test]
    fn amd_gpus_are_asked_for_by_their_own_name() {
        let mut example = Example::default();
        example.candidate.configuration.hardware = HardwareName::new("MI300X");
        assert_eq!(
            resources(&example)["limits"],
            serde_json::json!({"amd.com/gpu": "2"})
        );
        assert_eq!(resources(&example)["requests"]["amd.com/gpu"], "2");
    }
}
