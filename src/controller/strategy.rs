//! How a rollout replaces replicas: beside the running ones, or in their place where no GPU is free
//! for one more.
//!
//! The manifests ask for the first, so that no rollout goes below the replicas that the demand needs.
//! Where the next replica waits for GPUs that only the earlier ones hold, waiting brings nothing: the
//! operator then has them replaced in place, until that rollout is complete. [`choose`] is pure, and
//! decides from the live Deployment and its pods, so that a restart changes nothing.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use k8s_openapi::api::apps::v1::{Deployment, RollingUpdateDeployment};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use super::error::{ApiError, in_time};
use super::pod::{Replica, gpus};
use super::rollout::{Progress, of_current_revision};
use crate::manifest::Object;

/// How the replicas of a Deployment are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// As the manifests say.
    AsRendered,
    /// So many at a time end before their successors start.
    InPlace(i32),
}

impl Strategy {
    /// Makes a Deployment, as it is about to be applied, roll out so.
    pub fn set(self, deployment: &mut Value) {
        if let Self::InPlace(replicas) = self {
            deployment["spec"]["strategy"] = json!({
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": 0, "maxUnavailable": replicas},
            });
        }
    }
}

/// Deployments whose rollout was complete when they were last applied, and their specs: those need not
/// be read before the next write.
#[derive(Default)]
pub struct Settled(Mutex<HashMap<(String, String), u64>>);

impl Settled {
    /// How `wanted` is to be rolled out; reads the live Deployment unless it is settled.
    pub async fn strategy(
        &self,
        client: &Client,
        wanted: &Object,
        pods: &[Replica],
    ) -> Result<Strategy, ApiError> {
        let Ok(wanted) = serde_json::from_value::<Deployment>(wanted.content.clone()) else {
            return Ok(Strategy::AsRendered);
        };
        let (namespace, name) = key(&wanted);
        if self.with(|settled| settled.contains_key(&key(&wanted))) {
            return Ok(Strategy::AsRendered);
        }
        let api: Api<Deployment> = Api::namespaced(client.clone(), &namespace);
        let live = in_time(api.get_opt(&name)).await?;
        Ok(live.map_or(Strategy::AsRendered, |live| choose(&wanted, &live, pods)))
    }

    /// The Deployment was applied, and this is what it is now. A changed annotation makes a generation
    /// that its controller has not seen yet, although nothing rolls out: where the spec is still the
    /// one that was complete, its status counts as seen.
    pub fn applied(&self, live: &mut Deployment) {
        let key = key(live);
        let spec = spec_hash(live);
        let is_unchanged = self.with(|settled| settled.get(&key) == Some(&spec));
        if let Some(status) = live.status.as_mut().filter(|_| is_unchanged) {
            status.observed_generation = live.metadata.generation;
        }
        if Progress::of(live).is_complete() {
            self.with(|settled| settled.insert(key, spec));
        } else {
            self.with(|settled| settled.remove(&key));
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut HashMap<(String, String), u64>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn spec_hash(deployment: &Deployment) -> u64 {
    let mut hasher = DefaultHasher::new();
    let spec = serde_json::to_string(&deployment.spec);
    spec.unwrap_or_default().hash(&mut hasher);
    hasher.finish()
}

fn key(deployment: &Deployment) -> (String, String) {
    (
        deployment.namespace().unwrap_or_default(),
        deployment.name_any(),
    )
}

/// How `wanted` is to be rolled out, given the Deployment as it is and its pods as far as known.
///
/// In place while a rollout is under way that was so before, or whose next replica waits for GPUs or
/// a quota that only replicas of an earlier revision on the same nodes can free. Where the next
/// replica wants other nodes, ending those that serve would help nobody.
pub fn choose(wanted: &Deployment, live: &Deployment, pods: &[Replica]) -> Strategy {
    let progress = Progress::of(live);
    if !surges(wanted) || progress.is_complete() {
        return Strategy::AsRendered;
    }
    if !surges(live) {
        return Strategy::InPlace(unavailable(live).max(1));
    }
    if !progress.is_seen || progress.earlier <= 0 {
        return Strategy::AsRendered;
    }
    let needed = if progress.exceeds_quota() {
        in_place_for_quota(live, pods)
    } else {
        in_place_for_gpus(live, pods)
    };
    match needed {
        // So many may be unavailable anyway.
        Some(replicas) if replicas > unavailable(wanted) => Strategy::InPlace(replicas),
        _ => Strategy::AsRendered,
    }
}

/// Replicas to end at a time so that one that waits for GPUs finds some.
fn in_place_for_gpus(live: &Deployment, pods: &[Replica]) -> Option<i32> {
    let (current, earlier): (Vec<_>, Vec<_>) = of_current_revision(live, pods);
    let waiting = current.iter().find(|replica| lacks_gpus(replica))?;
    let serving = earlier
        .iter()
        .find(|replica| replica.is_placed && replica.nodes == waiting.nodes)?;
    Some(replicas_for(waiting.gpus, serving.gpus))
}

fn lacks_gpus(replica: &Replica) -> bool {
    let trouble = replica.trouble.as_ref();
    trouble.is_some_and(|trouble| trouble.lacks_gpus)
}

/// Replicas to end at a time so that one that a quota refuses finds room.
fn in_place_for_quota(live: &Deployment, pods: &[Replica]) -> Option<i32> {
    let spec = live.spec.as_ref()?.template.spec.as_ref()?;
    let (_, earlier) = of_current_revision(live, pods);
    let serving = earlier.first().map_or(0, |replica| replica.gpus);
    Some(replicas_for(gpus(spec), serving))
}

/// As many as hold so many GPUs together, at least one.
fn replicas_for(gpus: u64, gpus_of_one: u64) -> i32 {
    let replicas = gpus
        .checked_div(gpus_of_one)
        .map_or(1, |_| gpus.div_ceil(gpus_of_one));
    i32::try_from(replicas.max(1)).unwrap_or(i32::MAX)
}

fn rolling_update(deployment: &Deployment) -> Option<&RollingUpdateDeployment> {
    let strategy = deployment.spec.as_ref()?.strategy.as_ref()?;
    strategy.rolling_update.as_ref()
}

/// Whether a rollout starts replicas before it ends others.
fn surges(deployment: &Deployment) -> bool {
    match rolling_update(deployment).and_then(|it| it.max_surge.as_ref()) {
        Some(IntOrString::Int(most)) => *most > 0,
        Some(IntOrString::String(share)) => share != "0%",
        None => false,
    }
}

fn unavailable(deployment: &Deployment) -> i32 {
    match rolling_update(deployment).and_then(|it| it.max_unavailable.as_ref()) {
        Some(IntOrString::Int(most)) => *most,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::trouble::Trouble;

    /// Generation 2 of two replicas: one pod of it exists beside two earlier ones.
    fn live(surge: i32, unavailable: i32) -> Deployment {
        serde_json::from_value(serde_json::json!({
            "metadata": {"name": "chat", "generation": 2},
            "spec": {
                "replicas": 2, "selector": {},
                "template": {"spec": {"containers": [
                    {"name": "vllm", "resources": {"limits": {"nvidia.com/gpu": "2"}}}]}},
                "strategy": {"type": "RollingUpdate",
                    "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}},
            },
            "status": {
                "observedGeneration": 2, "replicas": 3, "updatedReplicas": 1, "availableReplicas": 2,
                "conditions": [{"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated",
                    "message": "ReplicaSet \"chat-new\" is progressing."}],
            },
        }))
        .unwrap()
    }

    #[test]
    fn a_generation_of_which_only_the_annotations_are_new_rolls_nothing_out() {
        let mut live = live(1, 0);
        let status = live.status.as_mut().unwrap();
        status.replicas = Some(2);
        status.updated_replicas = Some(2);
        let settled = Settled::default();
        settled.applied(&mut live.clone());
        let applied = |live: &Deployment, generation| {
            let mut live = live.clone();
            live.metadata.generation = Some(generation);
            settled.applied(&mut live);
            Progress::of(&live).is_complete()
        };
        assert!(applied(&live, 3));
        live.spec.as_mut().unwrap().min_ready_seconds = Some(1);
        assert!(!applied(&live, 4));
        assert!(!applied(&live, 5), "it was not seen to be complete");
    }

    fn pod(name: &str, revision: &str, nodes: u64, waits: bool) -> Replica {
        Replica {
            name: name.into(),
            replica_set: format!("chat-{revision}"),
            created: None,
            is_placed: !waits,
            is_leaving: false,
            is_ready: false,
            gpus: 2,
            nodes,
            trouble: waits.then(|| Trouble {
                reason: "Unschedulable",
                message: "4 Insufficient nvidia.com/gpu".into(),
                needs_a_person: false,
                lacks_gpus: true,
            }),
        }
    }

    fn pods(new_nodes: u64) -> Vec<Replica> {
        vec![
            pod("a", "old", 1, false),
            pod("b", "old", 1, false),
            pod("c", "new", new_nodes, true),
        ]
    }

    #[test]
    fn a_rollout_that_waits_for_the_gpus_of_its_predecessors_goes_on_in_place() {
        let wanted = live(1, 0);
        assert_eq!(choose(&wanted, &live(1, 0), &pods(1)), Strategy::InPlace(1));
        let placed = pods(1).into_iter().map(|pod| Replica {
            trouble: None,
            ..pod
        });
        let placed: Vec<_> = placed.collect();
        assert_eq!(choose(&wanted, &live(1, 0), &placed), Strategy::AsRendered);
        assert_eq!(choose(&wanted, &live(1, 0), &[]), Strategy::AsRendered);
    }

    #[test]
    fn nobody_ends_for_a_replica_that_wants_other_nodes() {
        assert_eq!(
            choose(&live(1, 0), &live(1, 0), &pods(2)),
            Strategy::AsRendered
        );
    }

    #[test]
    fn larger_replicas_take_the_place_of_more() {
        let mut pods = pods(1);
        pods[2].gpus = 4;
        assert_eq!(
            choose(&live(1, 0), &live(1, 0), &pods),
            Strategy::InPlace(2)
        );
        assert_eq!(
            choose(&live(1, 2), &live(1, 2), &pods),
            Strategy::AsRendered,
            "two spare replicas may end anyway"
        );
    }

    #[test]
    fn in_place_stays_until_the_rollout_is_complete() {
        let wanted = live(1, 0);
        let mut live = live(0, 1);
        assert_eq!(
            choose(&wanted, &live, &[]),
            Strategy::InPlace(1),
            "whatever the pods say"
        );
        let status = live.status.as_mut().unwrap();
        (status.replicas, status.updated_replicas) = (Some(2), Some(2));
        assert_eq!(choose(&wanted, &live, &[]), Strategy::AsRendered);
        live.metadata.generation = Some(3);
        assert_eq!(
            choose(&wanted, &live, &[]),
            Strategy::InPlace(1),
            "a new one has begun"
        );
    }

    #[test]
    fn a_first_delivery_and_more_replicas_wait_for_gpus() {
        let mut scaled = live(1, 0);
        scaled.status.as_mut().unwrap().updated_replicas = Some(3);
        assert_eq!(choose(&live(1, 0), &scaled, &pods(1)), Strategy::AsRendered);
    }

    #[test]
    fn a_quota_without_room_is_like_a_cluster_without_gpus() {
        let mut live = live(1, 0);
        let status = live.status.as_mut().unwrap();
        status.conditions.as_mut().unwrap().push(
            serde_json::from_value(serde_json::json!({
                "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
                "message": "pods \"chat-new-1\" is forbidden: exceeded quota: gpus",
            }))
            .unwrap(),
        );
        let wanted = self::live(1, 0);
        assert_eq!(choose(&wanted, &live, &[]), Strategy::InPlace(1));
        assert_eq!(choose(&wanted, &live, &pods(1)[..2]), Strategy::InPlace(1));
    }

    #[test]
    fn what_an_intent_overrides_stands() {
        let overridden = live(0, 2);
        assert_eq!(
            choose(&overridden, &live(1, 0), &pods(1)),
            Strategy::AsRendered
        );
    }

    #[test]
    fn only_the_strategy_changes() {
        let mut deployment = serde_json::to_value(live(1, 0)).unwrap();
        Strategy::AsRendered.set(&mut deployment);
        assert_eq!(deployment, serde_json::to_value(live(1, 0)).unwrap());
        Strategy::InPlace(1).set(&mut deployment);
        assert_eq!(deployment, serde_json::to_value(live(0, 1)).unwrap());
    }
}
