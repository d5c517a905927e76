//! What nodes have and pods ask for, of the resources that a replica competes for. Pure.

use std::collections::BTreeMap;
use std::ops::{AddAssign, SubAssign};

use k8s_openapi::api::core::v1::{Container, PodSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::controller::quantity::{milli, whole};

/// Amounts of what the scheduler counts, but disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// GPUs of any vendor.
    pub gpus: u64,
    /// CPUs, thousandths.
    milli_cpus: u64,
    /// Memory, bytes.
    memory: u64,
    pods: u64,
}

impl Amounts {
    /// Of a node's allocatable resources, or of what one container asks for.
    pub fn of(resources: &BTreeMap<String, Quantity>) -> Self {
        let amount = |resource: &str| resources.get(resource).and_then(milli).unwrap_or(0);
        let gpus = resources.iter().filter(|(name, _)| is_gpu(name));
        Self {
            gpus: gpus.filter_map(|(_, amount)| whole(amount)).sum(),
            milli_cpus: amount("cpu"),
            memory: amount("memory").div_ceil(1000),
            pods: amount("pods") / 1000,
        }
    }

    /// Limits: what is not among them has none.
    pub fn at_most(resources: &BTreeMap<String, Quantity>) -> Self {
        let given = Self::of(resources);
        let limit = |resource: &str, given| {
            if resources.contains_key(resource) {
                given
            } else {
                u64::MAX
            }
        };
        Self {
            gpus: u64::MAX,
            milli_cpus: limit("cpu", given.milli_cpus),
            memory: limit("memory", given.memory),
            pods: limit("pods", given.pods),
        }
    }

    /// Whether one of these limits is one.
    pub fn is_limited(self) -> bool {
        [self.milli_cpus, self.memory, self.pods]
            .iter()
            .any(|limit| *limit < u64::MAX)
    }

    /// What a pod takes of its node, as the scheduler sees it: its containers together or, where that
    /// is more, the init container that asks for most beside the sidecars started before it.
    pub fn of_pod(pod: &PodSpec) -> Self {
        let mut running = Self::default();
        let mut starting = Self::default();
        for container in pod.init_containers.iter().flatten() {
            let mut beside = running;
            beside += Self::of_container(container);
            starting = starting.most(beside);
            if container.restart_policy.as_deref() == Some("Always") {
                running = beside;
            }
        }
        for container in &pod.containers {
            running += Self::of_container(container);
        }
        let mut all = running.most(starting);
        let of_all = pod.resources.as_ref().and_then(|it| it.requests.as_ref());
        all = all.overridden_by(of_all);
        all += pod.overhead.as_ref().map(Self::of).unwrap_or_default();
        Self { pods: 1, ..all }
    }

    fn of_container(container: &Container) -> Self {
        let resources = container.resources.as_ref();
        // Where there is no request, the API server made the limit one.
        let requests = resources.and_then(|it| it.requests.as_ref());
        requests.map(Self::of).unwrap_or_default()
    }

    /// CPUs and memory that a pod asks for as a whole go before those of its containers.
    fn overridden_by(self, of_pod: Option<&BTreeMap<String, Quantity>>) -> Self {
        let Some(of_pod) = of_pod else {
            return self;
        };
        let given = Self::of(of_pod);
        let pick = |resource: &str, of_pod_, of_containers| {
            if of_pod.contains_key(resource) {
                of_pod_
            } else {
                of_containers
            }
        };
        Self {
            milli_cpus: pick("cpu", given.milli_cpus, self.milli_cpus),
            memory: pick("memory", given.memory, self.memory),
            ..self
        }
    }

    /// Of each the larger.
    fn most(self, other: Self) -> Self {
        Self {
            gpus: self.gpus.max(other.gpus),
            milli_cpus: self.milli_cpus.max(other.milli_cpus),
            memory: self.memory.max(other.memory),
            pods: self.pods.max(other.pods),
        }
    }

    /// What is left of these; nothing where more is taken than there is.
    pub fn less(mut self, taken: Self) -> Self {
        self -= taken;
        self
    }

    /// These and others.
    pub fn and(mut self, others: Self) -> Self {
        self += others;
        self
    }

    /// How many pods that ask for so much there is room for.
    pub fn times(self, asked: Self) -> u64 {
        let amounts = [
            (self.gpus, asked.gpus),
            (self.milli_cpus, asked.milli_cpus),
            (self.memory, asked.memory),
            (self.pods, 1),
        ];
        let times = amounts.map(|(there, asked)| there.checked_div(asked).unwrap_or(u64::MAX));
        times.into_iter().min().unwrap_or(0)
    }
}

impl AddAssign for Amounts {
    fn add_assign(&mut self, other: Self) {
        self.gpus = self.gpus.saturating_add(other.gpus);
        self.milli_cpus = self.milli_cpus.saturating_add(other.milli_cpus);
        self.memory = self.memory.saturating_add(other.memory);
        self.pods = self.pods.saturating_add(other.pods);
    }
}

impl SubAssign for Amounts {
    fn sub_assign(&mut self, other: Self) {
        self.gpus = self.gpus.saturating_sub(other.gpus);
        self.milli_cpus = self.milli_cpus.saturating_sub(other.milli_cpus);
        self.memory = self.memory.saturating_sub(other.memory);
        self.pods = self.pods.saturating_sub(other.pods);
    }
}

fn is_gpu(resource: &str) -> bool {
    resource.ends_with("/gpu")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(spec: serde_json::Value) -> Amounts {
        Amounts::of_pod(&serde_json::from_value(spec).unwrap())
    }

    fn container(cpu: &str, rest: serde_json::Value) -> serde_json::Value {
        let mut container = json!({"name": "c", "resources": {"requests": {"cpu": cpu}}});
        container
            .as_object_mut()
            .unwrap()
            .extend(rest.as_object().unwrap().clone());
        container
    }

    #[test]
    fn a_pod_asks_for_what_the_scheduler_counts() {
        let plain = || json!({});
        let sidecar = || json!({"restartPolicy": "Always"});
        let cpus = |spec| pod(spec).milli_cpus;
        let containers = json!([container("1", plain()), container("500m", plain())]);
        assert_eq!(cpus(json!({"containers": containers})), 1500);
        let init = json!([container("4", plain())]);
        assert_eq!(
            cpus(json!({"containers": containers, "initContainers": init})),
            4000
        );
        let init = json!([container("1", sidecar()), container("4", plain())]);
        assert_eq!(
            cpus(json!({"containers": containers, "initContainers": init})),
            5000
        );
        let init = json!([container("1", sidecar())]);
        let overhead = json!({"cpu": "250m"});
        assert_eq!(
            cpus(json!({"containers": containers, "initContainers": init, "overhead": overhead})),
            2750
        );
        let whole = json!({"containers": containers, "resources": {"requests": {"cpu": "3"}}});
        assert_eq!(cpus(whole), 3000);
    }

    #[test]
    fn what_is_least_decides_how_many_fit() {
        let amounts =
            |given: serde_json::Value| Amounts::of(&serde_json::from_value(given).unwrap());
        let node =
            amounts(json!({"nvidia.com/gpu": "8", "cpu": "16", "memory": "64Gi", "pods": "110"}));
        let asks = |gpus: u64, cpu: &str, memory: &str| {
            amounts(json!({"nvidia.com/gpu": gpus.to_string(), "cpu": cpu, "memory": memory}))
        };
        assert_eq!(node.times(asks(2, "1", "1Gi")), 4);
        assert_eq!(node.times(asks(2, "6", "1Gi")), 2);
        assert_eq!(node.times(asks(2, "1", "64Gi")), 1);
        assert_eq!(node.times(asks(2, "1", "64.1Gi")), 0);
        assert_eq!(node.times(Amounts::default()), 110);
        assert_eq!(asks(1, "1", "1Gi").less(node), Amounts::default());
    }
}
