//! What a cluster has room for, from its Nodes, pods and ResourceQuotas: each kept as the few numbers
//! that count. Pure; [`watch`] keeps it current, [`concern`] knows whom a change concerns.

mod amounts;
pub mod concern;
mod kept;
pub mod look;
mod quota;
mod suitable;
pub mod watch;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use k8s_openapi::api::core::v1::{Node, Pod, ResourceQuota, Taint};
use kube::ResourceExt;
use kube::runtime::watcher::Event;

use self::amounts::Amounts;
use self::kept::Kept;
use self::quota::Quota;
use self::suitable::Place;
use super::children::is_managed;
use super::quantity::whole;
use crate::api::RuntimeSpec;
use crate::benchmark::HardwareName;
use crate::catalog::{Catalog, Hardware, Vendor};
use crate::manifest::{self, label};
use crate::recommend::{Availability, BySize, Placed, Replicas, Room};

/// GPUs of the largest replica that is counted: a node may say anything of itself.
const MOST_GPUS: u32 = 256;

/// Whose replicas are to be placed.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// Namespace of the intent.
    pub namespace: &'a str,
    /// Name of the intent, whose pods hold what another decision may have.
    pub intent: &'a str,
    /// What it says of nodes and resources.
    pub runtime: Option<&'a RuntimeSpec>,
}

/// A cluster as it was last seen.
pub struct Cluster {
    catalog: Arc<Catalog>,
    nodes: Kept<String, GpuNode>,
    pods: Kept<(String, String), Holder>,
    quotas: Kept<(String, String), Quota>,
    /// What the pods hold, counted when it is first asked.
    held: OnceLock<Held>,
    /// What fits for intents that say nothing of nodes and resources, which are most.
    fits: OnceLock<BTreeMap<HardwareName, Fit>>,
}

/// A node with GPUs that the catalog knows.
#[derive(PartialEq)]
struct GpuNode {
    /// Under all names that its labels may mean.
    hardware: Vec<HardwareName>,
    allocatable: Amounts,
    place: Place,
    /// Whether its kubelet reports that it takes pods.
    is_ready: bool,
}

/// A pod that holds something of a node, or will hold GPUs.
#[derive(PartialEq, Eq)]
struct Holder {
    node: Option<String>,
    amounts: Amounts,
    intent: Option<String>,
}

/// What pods hold.
#[derive(Default)]
struct Held {
    /// Of each node.
    of_node: HashMap<String, Amounts>,
    /// By namespace and name of the intent whose pods they are.
    of_intent: HashMap<(String, String), Own>,
}

/// What the pods of one intent hold.
#[derive(Default)]
struct Own {
    of_node: HashMap<String, Amounts>,
    /// Also of those that no node has taken yet.
    of_all: Amounts,
}

impl Held {
    fn on(&self, node: &str) -> Amounts {
        self.of_node.get(node).copied().unwrap_or_default()
    }

    fn by(&self, asker: Asker) -> Option<&Own> {
        let key = (asker.namespace.to_owned(), asker.intent.to_owned());
        self.of_intent.get(&key)
    }
}

/// What of some hardware suits pods.
struct Fit {
    /// Allocatable of each suitable node.
    nodes: HashMap<String, Amounts>,
    /// What a replica asks for and how many there is room for beside all pods, by its GPUs.
    sizes: Vec<(Amounts, u64)>,
}

impl Cluster {
    /// Nothing seen yet.
    pub fn new(catalog: Arc<Catalog>) -> Self {
        Self {
            catalog,
            nodes: Kept::new("nodes"),
            pods: Kept::new("pods of all namespaces"),
            quotas: Kept::new("resourcequotas"),
            held: OnceLock::new(),
            fits: OnceLock::new(),
        }
    }

    /// Takes in an event about a node; whether it matters.
    pub fn node(&mut self, event: Event<Node>) -> bool {
        let catalog = &self.catalog;
        let is_news = self
            .nodes
            .take(event, ResourceExt::name_any, |node| gpu_node(node, catalog));
        if is_news {
            self.fits.take();
        }
        is_news
    }

    /// Takes in an event about a pod of any namespace; whether it matters. What holds no GPU matters
    /// beside GPUs only; a node may get its GPUs after its first pods, so that all are kept.
    pub fn pod(&mut self, event: Event<Pod>) -> bool {
        let matters = match &event {
            Event::Apply(pod) | Event::Delete(pod) => pod.spec.as_ref().is_some_and(|spec| {
                let node = spec.node_name.as_ref();
                node.is_some_and(|it| self.nodes.all.contains_key(it))
                    || Amounts::of_pod(spec).gpus > 0
            }),
            _ => true,
        };
        let is_news = self.pods.take(event, key, holder);
        if is_news {
            self.forget_counts();
        }
        is_news && matters
    }

    /// Takes in that pods may not be seen; whether that is new.
    fn refuse_pods(&mut self, problem: String) -> bool {
        self.forget_counts();
        self.pods.refuse(problem)
    }

    fn forget_counts(&mut self) {
        self.held.take();
        self.fits.take();
    }

    /// Takes in an event about a quota; whether it matters.
    pub fn quota(&mut self, event: Event<ResourceQuota>) -> bool {
        self.quotas.take(event, key, quota::quota)
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

    fn room_on_nodes(&self, asker: Asker) -> BTreeMap<HardwareName, BySize> {
        let own_fits;
        let fits = if manifest::places_as_built(asker.runtime) {
            self.fits.get_or_init(|| self.fits(None))
        } else {
            own_fits = self.fits(asker.runtime);
            &own_fits
        };
        let own = self.held().by(asker);
        let quotas: Vec<_> = self.quotas_of(asker.namespace).collect();
        let by_size = |(hardware, fit): (&HardwareName, &Fit)| {
            let replicas = self.with_place_of(own, fit);
            let sizes = fit.sizes.iter().map(|(asked, _)| *asked);
            let within = sizes.zip(replicas).map(|(asked, replicas)| {
                let own = own.map(|own| own.of_all).unwrap_or_default();
                within(&quotas, asked, own, replicas)
            });
            (hardware.clone(), within.collect())
        };
        fits.iter().map(by_size).collect()
    }

    fn quotas_of(&self, namespace: &str) -> impl Iterator<Item = &Quota> {
        let quotas = self.quotas.all.iter();
        quotas
            .filter(move |((of, _), _)| of == namespace)
            .map(|(_, quota)| quota)
    }

    /// The nodes that pods with this runtime may run on, by hardware.
    fn fits(&self, runtime: Option<&RuntimeSpec>) -> BTreeMap<HardwareName, Fit> {
        let mut nodes_of: BTreeMap<&HardwareName, Vec<&GpuNode>> = BTreeMap::new();
        for node in self.nodes.all.values().filter(|node| node.is_ready) {
            for hardware in &node.hardware {
                nodes_of.entry(hardware).or_default().push(node);
            }
        }
        let fits = nodes_of.into_iter().filter_map(|(name, nodes)| {
            let hardware = self.catalog.hardware(name)?;
            Some((name.clone(), self.fit(hardware, &nodes, runtime)))
        });
        fits.collect()
    }

    fn fit(&self, hardware: &Hardware, nodes: &[&GpuNode], runtime: Option<&RuntimeSpec>) -> Fit {
        let pod = manifest::node_constraints(hardware, runtime);
        let most = nodes.iter().map(|node| node.allocatable.gpus).max();
        let most = most.map_or(0, |most| most.min(MOST_GPUS.into()) as u32);
        let asked =
            (1..=most).map(|gpus| Amounts::of(&manifest::requests(hardware.vendor, gpus, runtime)));
        let mut fit = Fit {
            nodes: HashMap::new(),
            sizes: asked.map(|asked| (asked, 0)).collect(),
        };
        for node in nodes.iter().filter(|node| node.place.suits(&pod)) {
            let name = &node.place.name;
            let left = node.allocatable.less(self.held().on(name));
            for (asked, beside) in &mut fit.sizes {
                *beside += left.times(*asked);
            }
            fit.nodes.insert(name.clone(), node.allocatable);
        }
        fit
    }

    /// Replicas of each size, also where what `own` pods hold is free.
    fn with_place_of(&self, own: Option<&Own>, fit: &Fit) -> BySize {
        let freed: Vec<_> = own
            .into_iter()
            .flat_map(|own| &own.of_node)
            .filter_map(|(node, own)| {
                let allocatable = *fit.nodes.get(node)?;
                let held = self.held().on(node);
                Some((allocatable.less(held), allocatable.less(held.less(*own))))
            })
            .collect();
        let replicas = |&(asked, beside): &(Amounts, u64)| {
            let more = freed
                .iter()
                .map(|(left, freed)| freed.times(asked) - left.times(asked));
            Replicas {
                beside,
                instead: beside + more.sum::<u64>(),
            }
        };
        fit.sizes.iter().map(replicas).collect()
    }

    fn held(&self) -> &Held {
        self.held.get_or_init(|| {
            let mut held = Held::default();
            for ((namespace, _), pod) in &self.pods.all {
                if let Some(node) = &pod.node {
                    *held.of_node.entry(node.clone()).or_default() += pod.amounts;
                }
                if let Some(intent) = &pod.intent {
                    let key = (namespace.clone(), intent.clone());
                    let own = held.of_intent.entry(key).or_default();
                    own.of_all += pod.amounts;
                    if let Some(node) = &pod.node {
                        *own.of_node.entry(node.clone()).or_default() += pod.amounts;
                    }
                }
            }
            held
        })
    }

    fn room_in_quotas(&self, asker: Asker) -> BTreeMap<HardwareName, Room> {
        let held = self.held().by(asker).map_or(0, |own| own.of_all.gpus);
        let mut rooms: BTreeMap<HardwareName, Room> = BTreeMap::new();
        for quota in self.quotas_of(asker.namespace) {
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

/// As many of the replicas that nodes have room for as the quotas let in of what each asks beside its
/// GPUs.
fn within(quotas: &[&Quota], asked: Amounts, own: Amounts, mut replicas: Replicas) -> Replicas {
    for quota in quotas {
        replicas.beside = replicas.beside.min(quota.rest.times(asked));
        let freed = quota.rest.and(own);
        replicas.instead = replicas.instead.min(freed.times(asked));
    }
    replicas
}

fn key<K: ResourceExt>(object: &K) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}

fn gpu_node(node: &Node, catalog: &Catalog) -> Option<GpuNode> {
    let allocatable = node.status.as_ref()?.allocatable.as_ref()?;
    let labels = node.labels();
    let vendor = [Vendor::Nvidia, Vendor::Amd].into_iter().find(|vendor| {
        let gpus = allocatable.get(vendor.resource_name());
        gpus.and_then(whole).is_some_and(|gpus| gpus > 0)
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
        allocatable: Amounts::of(allocatable),
        place: Place {
            name: node.name_any(),
            labels: labels.clone(),
            taints: taints(node),
        },
        is_ready: is_ready(node),
    })
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|it| it.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// With that of a cordoned node, which its controller adds a little later.
fn taints(node: &Node) -> Vec<Taint> {
    let spec = node.spec.as_ref();
    let cordoned = spec.and_then(|spec| spec.unschedulable) == Some(true);
    let cordoned = cordoned.then(|| Taint {
        key: "node.kubernetes.io/unschedulable".into(),
        effect: "NoSchedule".into(),
        ..Default::default()
    });
    let given = spec.and_then(|spec| spec.taints.as_ref());
    let given = given.into_iter().flatten().map(|taint| Taint {
        time_added: None,
        ..taint.clone()
    });
    given.chain(cordoned).collect()
}

fn holder(pod: &Pod) -> Option<Holder> {
    let spec = pod.spec.as_ref()?;
    let phase = pod
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    let is_over = matches!(phase, Some("Succeeded" | "Failed"));
    let amounts = Amounts::of_pod(spec);
    let labels = pod.labels();
    let holds = spec.node_name.is_some() || amounts.gpus > 0;
    (holds && !is_over).then(|| Holder {
        node: spec.node_name.clone(),
        amounts,
        intent: labels
            .get(label::INSTANCE)
            .filter(|_| is_managed(labels))
            .cloned(),
    })
}

#[cfg(test)]
mod tests;
