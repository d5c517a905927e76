//! What a cluster has room for, from its Nodes, pods and ResourceQuotas: each kept as the few numbers
//! that count. Pure; [`watch`] keeps it current, [`concern`] knows whom a change concerns.

pub mod concern;
pub mod look;
mod quota;
pub mod watch;

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod, ResourceQuota, Taint};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::ResourceExt;
use kube::runtime::watcher::Event;

use super::children::is_managed;
use super::pod::gpus;
use crate::benchmark::HardwareName;
use crate::catalog::{Catalog, Vendor};
use crate::manifest::label;
use crate::recommend::{Availability, Nodes, Placed, Room};

/// Whose pods hold GPUs that another decision may have.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// Namespace of the intent.
    pub namespace: &'a str,
    /// Name of the intent.
    pub intent: &'a str,
}

/// A cluster as it was last seen.
pub struct Cluster {
    catalog: Arc<Catalog>,
    nodes: Kept<String, GpuNode>,
    pods: Kept<(String, String), GpuPod>,
    quotas: Kept<(String, String), quota::GpuQuota>,
}

/// One kind of object.
struct Kept<K, V> {
    what: &'static str,
    all: HashMap<K, V>,
    /// While a list comes in.
    listed: HashMap<K, V>,
    /// Why nothing is known of them.
    unknown: Option<String>,
}

/// A node with GPUs that the catalog knows.
#[derive(PartialEq, Eq)]
struct GpuNode {
    /// Under all names that its labels may mean.
    hardware: Vec<HardwareName>,
    gpus: u64,
    /// Whether it takes new pods that tolerate no more than its GPUs' taint.
    is_open: bool,
}

/// A pod that holds GPUs, or will.
#[derive(PartialEq, Eq)]
struct GpuPod {
    node: Option<String>,
    gpus: u64,
    intent: Option<String>,
}

impl<K: Eq + Hash, V: PartialEq> Kept<K, V> {
    fn new(what: &'static str) -> Self {
        Self {
            what,
            all: HashMap::new(),
            listed: HashMap::new(),
            unknown: Some("not listed yet".into()),
        }
    }

    /// Takes in an event about an object that is kept as `kept`, if it matters at all; whether
    /// anything is new.
    fn take<O>(
        &mut self,
        event: Event<O>,
        key: impl Fn(&O) -> K,
        kept: impl Fn(&O) -> Option<V>,
    ) -> bool {
        match event {
            Event::Init => {
                self.listed.clear();
                false
            }
            Event::InitApply(object) => {
                if let Some(value) = kept(&object) {
                    self.listed.insert(key(&object), value);
                }
                false
            }
            Event::InitDone => {
                let before = std::mem::replace(&mut self.all, std::mem::take(&mut self.listed));
                self.unknown.take().is_some() || before != self.all
            }
            Event::Apply(object) => match kept(&object) {
                Some(value) => {
                    let key = key(&object);
                    let is_news = self.all.get(&key) != Some(&value);
                    self.all.insert(key, value);
                    is_news
                }
                None => self.all.remove(&key(&object)).is_some(),
            },
            Event::Delete(object) => self.all.remove(&key(&object)).is_some(),
        }
    }

    /// Takes in that they may not be seen; whether that is new.
    fn refuse(&mut self, problem: String) -> bool {
        self.all.clear();
        let is_news = self.unknown.as_ref() != Some(&problem);
        self.unknown = Some(problem);
        is_news
    }

    fn unchecked(&self) -> Option<String> {
        let problem = self.unknown.as_ref()?;
        Some(format!("{} ({problem})", self.what))
    }
}

impl Cluster {
    /// Nothing seen yet.
    pub fn new(catalog: Arc<Catalog>) -> Self {
        Self {
            catalog,
            nodes: Kept::new("nodes"),
            pods: Kept::new("pods of all namespaces"),
            quotas: Kept::new("resourcequotas"),
        }
    }

    /// Takes in an event about a node; whether it matters.
    pub fn node(&mut self, event: Event<Node>) -> bool {
        let catalog = &self.catalog;
        self.nodes
            .take(event, ResourceExt::name_any, |node| gpu_node(node, catalog))
    }

    /// Takes in an event about a pod of any namespace; whether it matters.
    pub fn pod(&mut self, event: Event<Pod>) -> bool {
        self.pods.take(event, key, gpu_pod)
    }

    /// Takes in an event about a quota; whether it matters.
    pub fn quota(&mut self, event: Event<ResourceQuota>) -> bool {
        self.quotas.take(event, key, quota::gpu_quota)
    }

    /// What there is room for, to one who asks.
    pub fn availability(&self, asker: Asker, placed: Option<Placed>) -> Availability {
        let unchecked = [
            self.nodes.unchecked(),
            self.pods.unchecked(),
            self.quotas.unchecked(),
        ];
        Availability {
            nodes: self
                .nodes
                .unknown
                .is_none()
                .then(|| self.room_on_nodes(asker)),
            quotas: self.room_in_quotas(asker),
            placed,
            unchecked: unchecked.into_iter().flatten().collect(),
        }
    }

    fn room_on_nodes(&self, asker: Asker) -> BTreeMap<HardwareName, Nodes> {
        let mut held: HashMap<&str, Room> = HashMap::new();
        for ((namespace, _), pod) in &self.pods.all {
            let Some(node) = pod.node.as_deref() else {
                continue;
            };
            let room = held.entry(node).or_default();
            if asker.is_owner(namespace, pod) {
                room.own += pod.gpus;
            } else {
                room.free += pod.gpus;
            }
        }
        let mut rooms: BTreeMap<HardwareName, Nodes> = BTreeMap::new();
        for (name, node) in self.nodes.all.iter().filter(|(_, node)| node.is_open) {
            let held = held.get(name.as_str()).copied().unwrap_or_default();
            let own = held.own.min(node.gpus);
            let free = (node.gpus - own).saturating_sub(held.free);
            for hardware in &node.hardware {
                let rooms = rooms.entry(hardware.clone()).or_default();
                *rooms.entry(Room { free, own }).or_default() += 1;
            }
        }
        rooms
    }

    fn room_in_quotas(&self, asker: Asker) -> BTreeMap<HardwareName, Room> {
        let own_pods = self
            .pods
            .all
            .iter()
            .filter(|((namespace, _), pod)| asker.is_owner(namespace, pod));
        let held: u64 = own_pods.map(|(_, pod)| pod.gpus).sum();
        let mut rooms: BTreeMap<HardwareName, Room> = BTreeMap::new();
        let quotas = self.quotas.all.iter();
        for (_, quota) in quotas.filter(|((namespace, _), _)| namespace == asker.namespace) {
            for name in self.catalog.hardware_names() {
                let hardware = self.catalog.hardware(name);
                let left = hardware.and_then(|it| quota.left(it.vendor.resource_name()));
                if let Some((left, used)) = left {
                    let room = Room {
                        free: left,
                        own: held.min(used),
                    };
                    rooms
                        .entry(name.clone())
                        .and_modify(|least| *least = (*least).min(room))
                        .or_insert(room);
                }
            }
        }
        rooms
    }
}

impl Asker<'_> {
    fn is_owner(&self, namespace: &str, pod: &GpuPod) -> bool {
        namespace == self.namespace && pod.intent.as_deref() == Some(self.intent)
    }
}

fn key<K: ResourceExt>(object: &K) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}

fn gpu_node(node: &Node, catalog: &Catalog) -> Option<GpuNode> {
    let allocatable = node.status.as_ref()?.allocatable.as_ref()?;
    let labels = node.labels();
    let vendors = [Vendor::Nvidia, Vendor::Amd];
    let (vendor, gpus) = vendors.into_iter().find_map(|vendor| {
        let gpus = whole(allocatable.get(vendor.resource_name())?)?;
        (gpus > 0).then_some((vendor, gpus))
    })?;
    let hardware: Vec<_> = catalog
        .hardware_names()
        .filter(|name| {
            catalog.hardware(name).is_some_and(|hardware| {
                hardware.vendor == vendor
                    && hardware.node_labels.iter().any(|(key, values)| {
                        labels.get(key).is_some_and(|value| values.contains(value))
                    })
            })
        })
        .cloned()
        .collect();
    (!hardware.is_empty()).then(|| GpuNode {
        hardware,
        gpus,
        is_open: is_open(node, vendor),
    })
}

/// Ready, not cordoned, and without a taint that pods of this vendor's GPUs do not tolerate.
fn is_open(node: &Node, vendor: Vendor) -> bool {
    let spec = node.spec.clone().unwrap_or_default();
    let is_tolerated = |taint: &Taint| {
        taint.effect == "PreferNoSchedule"
            || (taint.effect == "NoSchedule" && taint.key == vendor.resource_name())
    };
    let conditions = node.status.as_ref().and_then(|it| it.conditions.as_ref());
    let is_ready = conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True");
    is_ready && spec.unschedulable != Some(true) && spec.taints.iter().flatten().all(is_tolerated)
}

fn gpu_pod(pod: &Pod) -> Option<GpuPod> {
    let spec = pod.spec.as_ref()?;
    let phase = pod
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    let gpus = gpus(spec);
    let is_over = matches!(phase, Some("Succeeded" | "Failed"));
    let labels = pod.labels();
    (gpus > 0 && !is_over).then(|| GpuPod {
        node: spec.node_name.clone(),
        gpus,
        intent: labels
            .get(label::INSTANCE)
            .filter(|_| is_managed(labels))
            .cloned(),
    })
}

/// GPUs are counted in whole numbers; `1k` is one too.
fn whole(Quantity(amount): &Quantity) -> Option<u64> {
    match amount.strip_suffix('k') {
        Some(thousands) => thousands.parse::<u64>().ok()?.checked_mul(1000),
        None => amount.parse().ok(),
    }
}

#[cfg(test)]
mod tests;
