//! How far a Deployment is, from what it and its pods say themselves. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentCondition, DeploymentStatus};
use kube::ResourceExt;

use super::outcome::Rollout;
use super::pod::Replica;
use super::strategy::Strategy;
use super::trouble::Trouble;
use crate::api::conditions::reason;

/// Kinds of trouble that are told at once.
const TROUBLES_TOLD: usize = 2;

/// How far a rollout is, by the Deployment alone.
pub struct Progress {
    status: DeploymentStatus,
    wanted: i32,
    updated: i32,
    available: i32,
    /// Replicas of earlier revisions.
    pub earlier: i32,
    /// Whether the status is about the current spec.
    pub is_seen: bool,
}

impl Progress {
    /// Of this Deployment, as the API server returned it.
    pub fn of(deployment: &Deployment) -> Self {
        let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas);
        let status = deployment.status.clone().unwrap_or_default();
        let updated = status.updated_replicas.unwrap_or_default();
        Self {
            wanted: wanted.unwrap_or(1),
            updated,
            available: status.available_replicas.unwrap_or_default(),
            earlier: status.replicas.unwrap_or_default() - updated,
            is_seen: status.observed_generation >= deployment.metadata.generation,
            status,
        }
    }

    /// Available, as kstatus reads a Deployment, once its controller has seen the current generation
    /// and every replica is of the current template and available. Its own condition `Available` says
    /// less: with one replica and `maxUnavailable: 1` it is true while no pod runs.
    pub fn is_complete(&self) -> bool {
        self.is_seen
            && self.updated >= self.wanted
            && self.earlier <= 0
            && self.available >= self.wanted
    }

    /// Whether a ResourceQuota keeps pods from being made.
    pub fn exceeds_quota(&self) -> bool {
        let refusal = self.refusal();
        refusal.is_some_and(|refusal| refusal.contains("exceeded quota"))
    }

    /// What the API server said when it refused a pod. The pod's name stands before it, and is
    /// another with each attempt.
    fn refusal(&self) -> Option<&str> {
        let refused = self.condition("ReplicaFailure");
        let refused = refused.filter(|condition| condition.status == "True")?;
        let said = refused.message.as_deref().unwrap_or("no reason given");
        Some(
            said.split_once(" is forbidden: ")
                .map_or(said, |(_, said)| said),
        )
    }

    fn missed_deadline(&self) -> Option<&str> {
        let condition = self.condition("Progressing")?;
        let is_missed = condition.status == "False"
            && condition.reason.as_deref() == Some("ProgressDeadlineExceeded");
        let said = condition.message.as_deref();
        is_missed.then(|| said.unwrap_or("no progress within its deadline"))
    }

    fn condition(&self, type_: &str) -> Option<&DeploymentCondition> {
        let mut conditions = self.status.conditions.iter().flatten();
        conditions.find(|condition| condition.type_ == type_)
    }

    fn count(&self) -> String {
        let Self {
            updated,
            wanted,
            available,
            ..
        } = *self;
        if !self.is_seen || updated < wanted || self.earlier > 0 {
            format!("{updated} of {wanted} replicas are of the current revision")
        } else {
            let available = available.min(wanted);
            format!("{available} of {wanted} replicas are available")
        }
    }
}

/// The pods of the Deployment's current revision, and those of earlier ones; without those that are
/// about to go.
pub fn of_current_revision<'p>(
    deployment: &Deployment,
    pods: &'p [Replica],
) -> (Vec<&'p Replica>, Vec<&'p Replica>) {
    let staying = pods.iter().filter(|replica| !replica.is_leaving);
    let current = current_replica_set(&Progress::of(deployment), pods);
    staying.partition(|replica| Some(&*replica.replica_set) == current)
}

/// The Deployment names its current ReplicaSet where it tells of its progress. Else the newest pod is
/// taken to be of it.
fn current_replica_set<'p>(progress: &Progress, pods: &'p [Replica]) -> Option<&'p str> {
    if progress.updated == 0 {
        return None;
    }
    let said = progress.condition("Progressing");
    let said = said
        .and_then(|condition| condition.message.as_deref())
        .unwrap_or_default();
    let named = |replica: &&Replica| said.contains(&format!("\"{}\"", replica.replica_set));
    let newest = || pods.iter().max_by_key(|replica| replica.created);
    let current = pods.iter().find(named).or_else(newest);
    current.map(|replica| &*replica.replica_set)
}

/// How far the Deployment is, and what keeps it from being available. `pods` are its pods, or why
/// they are not known.
pub fn rollout(
    deployment: &Deployment,
    pods: &Result<Vec<Replica>, String>,
    strategy: Strategy,
) -> Rollout {
    let progress = Progress::of(deployment);
    let missed_deadline = progress.missed_deadline().filter(|_| progress.is_seen);
    if progress.is_complete() && missed_deadline.is_none() {
        return Rollout::Available;
    }
    let known = pods.as_deref().unwrap_or_default();
    let troubles = if progress.is_seen {
        troubles(deployment, known)
    } else {
        Vec::new()
    };
    let refusal = progress.refusal().filter(|_| progress.is_seen);
    let in_place = in_place(strategy, &progress);
    // That a replica waits for the one whose place it takes is how it is meant to be.
    let awaits_its_place = |trouble: &&Told| in_place.is_some() && trouble.first.lacks_gpus;
    let (awaited, troubles): (Vec<_>, Vec<_>) = troubles.iter().partition(awaits_its_place);

    let first = troubles.first().map(|told| told.first);
    let reason = match (first, refusal, &in_place, missed_deadline) {
        (Some(trouble), ..) => trouble.reason,
        (None, _, Some(_), None) => reason::REPLACING_IN_PLACE,
        (None, Some(_), ..) if progress.exceeds_quota() => reason::QUOTA_EXCEEDED,
        (None, Some(_), ..) => reason::PODS_REFUSED,
        (None, None, _, Some(_)) if !awaited.is_empty() => reason::UNSCHEDULABLE,
        (None, None, _, Some(_)) => reason::PROGRESS_DEADLINE_EXCEEDED,
        (None, None, None, None) => reason::PROGRESSING,
    };
    let is_stalled = missed_deadline.is_some()
        || first.is_some_and(|trouble| trouble.needs_a_person)
        || refusal.is_some_and(|said| said.contains("violates PodSecurity"));

    let mut sentences = vec![format!(
        "Deployment {}: {}",
        deployment.name_any(),
        missed_deadline.map_or_else(|| progress.count(), str::to_owned)
    )];
    let shown = if missed_deadline.is_some() && troubles.is_empty() {
        &awaited
    } else {
        &troubles
    };
    sentences.extend(
        shown
            .iter()
            .take(TROUBLES_TOLD)
            .map(|told| told.to_string()),
    );
    sentences.extend(in_place);
    sentences.extend(refusal.map(|said| format!("its pods cannot be made: {said}")));
    if sentences.len() == 1 && progress.is_seen && missed_deadline.is_none() {
        sentences.push("the others are being scheduled, load the model or are not ready".into());
    }
    if let Err(problem) = pods {
        sentences.push(format!("its pods could not be looked at ({problem})"));
    }
    let message = sentences.join("; ");
    if is_stalled {
        Rollout::Stalled(reason, message)
    } else {
        Rollout::Progressing(reason, message)
    }
}

/// What replacing in place means for those who use the model.
fn in_place(strategy: Strategy, progress: &Progress) -> Option<String> {
    let Strategy::InPlace(replicas) = strategy else {
        return None;
    };
    let wanted = progress.wanted;
    let serving = wanted.saturating_sub(replicas).max(0);
    let at_a_time = match replicas {
        1 => "one at a time".to_owned(),
        _ => format!("{replicas} at a time"),
    };
    Some(format!(
        "no spare GPU, or no quota for one: replicas are replaced {at_a_time}, {serving} of {wanted} serve meanwhile"
    ))
}

/// The same trouble of some pods.
struct Told<'p> {
    first: &'p Trouble,
    pods: usize,
}

impl std::fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.first.message)?;
        match self.pods {
            1 => Ok(()),
            2 => f.write_str(" (and 1 pod more)"),
            pods => write!(f, " (and {} pods more)", pods - 1),
        }
    }
}

/// What keeps the pods of the current revision from serving, what a person has to see first in front.
/// Earlier revisions are on their way out.
fn troubles<'p>(deployment: &Deployment, pods: &'p [Replica]) -> Vec<Told<'p>> {
    let current = current_replica_set(&Progress::of(deployment), pods);
    let of_current = |replica: &&Replica| Some(&*replica.replica_set) == current;
    let of_current = pods.iter().filter(of_current);
    // A pod that is over tells why its successors are not ready, and nothing once one of them is.
    let serving = of_current.clone().filter(|it| it.is_ready);
    let newest_serving = serving.filter_map(|replica| replica.created).max();
    let matters = |replica: &&Replica| !replica.is_leaving || replica.created >= newest_serving;
    let mut by_reason: BTreeMap<_, Told> = BTreeMap::new();
    for trouble in of_current
        .filter(matters)
        .filter_map(|it| it.trouble.as_ref())
    {
        by_reason
            .entry((trouble.rank(), trouble.reason))
            .and_modify(|told| told.pods += 1)
            .or_insert(Told {
                first: trouble,
                pods: 1,
            });
    }
    by_reason.into_values().collect()
}

#[cfg(test)]
mod tests;
