//! What keeps a pod from serving, as its own status tells. Pure.
//!
//! Messages hold nothing that moves while nothing new happens: restarts are counted coarsely, and of
//! a log only the line that names the error is told.

use k8s_openapi::api::core::v1::{
    ContainerState, ContainerStateTerminated, ContainerStatus, Pod, PodCondition, PodStatus,
};
use kube::ResourceExt;

use super::message::at_most;
use crate::api::conditions::reason;

/// Restarts after which a container that still ends soon after its start needs a person.
const RESTARTS_THAT_MAY_HELP: i32 = 5;

/// The kubelet starts to count anew once a container ran for so long, seconds.
const LOOPS_WITHIN_S: i64 = 600;

/// The longest piece of a log or of the scheduler's words that is told.
const LONGEST_WORDS_BYTES: usize = 300;

/// The end of vLLM's log when its engine failed for a reason further above.
const ENGINE_FAILED: &str = "Engine core initialization failed";

/// Why a pod does not serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// One of the API's reasons.
    pub reason: &'static str,
    /// Pod, node, container and cause.
    pub message: String,
    /// Whether it stays so until a person acts.
    pub needs_a_person: bool,
    /// Whether all it waits for is a node with GPUs to spare.
    pub lacks_gpus: bool,
}

/// Reasons by how much they say: what a person has to see first.
const FIRST_TOLD: [&str; 11] = [
    reason::MODEL_ACCESS_DENIED,
    reason::CONTAINER_CONFIG_ERROR,
    reason::IMAGE_PULL_FAILED,
    reason::OUT_OF_MEMORY,
    reason::CRASH_LOOPING,
    reason::UNSCHEDULABLE,
    reason::NODE_LOST,
    reason::READINESS_LOST,
    reason::POD_FAILED,
    reason::EVICTED,
    reason::PROGRESSING,
];

impl Trouble {
    /// Its place among others.
    pub fn rank(&self) -> (bool, usize) {
        let place = FIRST_TOLD.iter().position(|it| *it == self.reason);
        (!self.needs_a_person, place.unwrap_or(FIRST_TOLD.len()))
    }

    fn new(reason: &'static str, message: String) -> Self {
        Self {
            reason,
            message,
            needs_a_person: false,
            lacks_gpus: false,
        }
    }
}

/// What keeps the pod from serving; nothing where it serves, starts as it should or is being
/// deleted.
pub fn trouble(pod: &Pod) -> Option<Trouble> {
    let status = pod.status.as_ref()?;
    let place = Place::of(pod);
    if status.reason.as_deref() == Some("NodeLost") {
        return Some(node_lost(&place));
    }
    if pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    if status.phase.as_deref() == Some("Failed") {
        return Some(ended(status, &place));
    }
    if let Some(unschedulable) = unschedulable(status, &place) {
        return Some(unschedulable);
    }
    let init = status.init_container_statuses.iter().flatten();
    let main = status.container_statuses.iter().flatten();
    init.chain(main)
        .find_map(|container| container_trouble(container, &place))
        .or_else(|| readiness(status, &place))
}

/// Which pod on which node, in words.
struct Place(String);

impl Place {
    fn of(pod: &Pod) -> Self {
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        let node = node.map(|node| format!(" on node {node}"));
        Self(format!(
            "pod {}{}",
            pod.name_any(),
            node.unwrap_or_default()
        ))
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn condition<'a>(status: &'a PodStatus, type_: &str) -> Option<&'a PodCondition> {
    let mut conditions = status.conditions.iter().flatten();
    conditions.find(|condition| condition.type_ == type_)
}

fn is_false<'a>(status: &'a PodStatus, type_: &str) -> Option<&'a PodCondition> {
    condition(status, type_).filter(|condition| condition.status == "False")
}

fn node_lost(place: &Place) -> Trouble {
    let message = format!("{place}: the node no longer reports");
    Trouble::new(reason::NODE_LOST, message)
}

/// A pod that is over, of which only the object is left.
fn ended(status: &PodStatus, place: &Place) -> Trouble {
    let is_evicted = status.reason.as_deref() == Some("Evicted")
        || condition(status, "DisruptionTarget").is_some_and(|it| it.status == "True");
    let (reason, what) = if is_evicted {
        (reason::EVICTED, "was evicted")
    } else {
        (reason::POD_FAILED, "failed")
    };
    let said = [&status.reason, &status.message].map(|text| text.as_deref());
    let said: Vec<_> = said.into_iter().flatten().map(words).collect();
    let said = if said.is_empty() {
        "no reason given".to_owned()
    } else {
        said.join(": ")
    };
    Trouble::new(reason, format!("{place} {what} ({said})"))
}

fn unschedulable(status: &PodStatus, place: &Place) -> Option<Trouble> {
    let condition = is_false(status, "PodScheduled")?;
    let said = condition.message.as_deref().unwrap_or("no reason given");
    // What the scheduler tried to evict for it is another story.
    let said = said.split(" preemption: ").next().unwrap_or(said);
    let lacks_gpus = said
        .split_whitespace()
        .zip(said.split_whitespace().skip(1))
        .any(|(word, resource)| {
            word == "Insufficient" && resource.trim_end_matches(['.', ',']).ends_with("/gpu")
        });
    Some(Trouble {
        lacks_gpus,
        ..Trouble::new(
            reason::UNSCHEDULABLE,
            format!("{place} cannot be scheduled: {}", words(said)),
        )
    })
}

fn container_trouble(container: &ContainerStatus, place: &Place) -> Option<Trouble> {
    let state = container.state.clone().unwrap_or_default();
    let waiting = state.waiting.as_ref();
    let waits_for = waiting
        .and_then(|waiting| waiting.reason.as_deref())
        .unwrap_or_default();
    let said = waiting.and_then(|waiting| waiting.message.as_deref());
    match waits_for {
        "ErrImagePull"
        | "ImagePullBackOff"
        | "ErrImageNeverPull"
        | "ImageInspectError"
        | "RegistryUnavailable"
        | "SignatureValidationFailed" => {
            return Some(image_pull_failed(container, said, place));
        }
        "InvalidImageName" => {
            return Some(Trouble {
                needs_a_person: true,
                ..image_pull_failed(container, said, place)
            });
        }
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            let said = words(said.unwrap_or(waits_for));
            return Some(Trouble {
                needs_a_person: true,
                ..Trouble::new(
                    reason::CONTAINER_CONFIG_ERROR,
                    format!(
                        "{place}: container {} cannot be made: {said}",
                        container.name
                    ),
                )
            });
        }
        _ => {}
    }
    crash(container, &state, place)
}

fn image_pull_failed(container: &ContainerStatus, said: Option<&str>, place: &Place) -> Trouble {
    let image = &container.image;
    let said = said.unwrap_or("no reason given");
    // `Back-off pulling image "x": ErrImagePull: cause` comes and goes with the bare cause.
    let back_off = format!("Back-off pulling image \"{image}\"");
    let cause = said.strip_prefix(&back_off).unwrap_or(said);
    let cause = cause.trim_start_matches(": ");
    let cause = cause.strip_prefix("ErrImagePull: ").unwrap_or(cause);
    let cause = if cause.is_empty() {
        "no reason given"
    } else {
        cause
    };
    let lower = cause.to_lowercase();
    let needs_a_person = [
        "not found",
        "manifest unknown",
        "unauthorized",
        "denied",
        "forbidden",
        "invalid reference",
    ];
    Trouble {
        needs_a_person: needs_a_person.iter().any(|it| lower.contains(it)),
        ..Trouble::new(
            reason::IMAGE_PULL_FAILED,
            format!(
                "{place}: image {image} of container {} cannot be pulled: {}",
                container.name,
                words(cause)
            ),
        )
    }
}

/// A container that ended, and waits for its next start or is at it. One that was started since is
/// no longer in a loop.
fn crash(container: &ContainerStatus, state: &ContainerState, place: &Place) -> Option<Trouble> {
    if container.ready || container.started == Some(true) {
        return None;
    }
    let last_state = container.last_state.as_ref();
    let ended = state
        .terminated
        .as_ref()
        .or_else(|| last_state.and_then(|state| state.terminated.as_ref()))?;
    // Of an init container this is how it should end.
    if ended.exit_code == 0 && container.restart_count == 0 {
        return None;
    }
    let said = last_words(ended.message.as_deref().unwrap_or_default());
    let cause = Cause::of(ended, &said);
    let ended_soon = ended
        .started_at
        .as_ref()
        .zip(ended.finished_at.as_ref())
        .is_none_or(|(from, to)| to.0.as_second() - from.0.as_second() < LOOPS_WITHIN_S);
    let in_vain = container.restart_count > RESTARTS_THAT_MAY_HELP && ended_soon;
    let exit = match ended.reason.as_deref() {
        Some(reason) => format!("exit code {}, {reason}", ended.exit_code),
        None => format!("exit code {}", ended.exit_code),
    };
    let remedy = cause.remedy();
    let said = if said.is_empty() {
        String::new()
    } else {
        format!(": {said}")
    };
    Some(Trouble {
        needs_a_person: in_vain || cause == Cause::AccessDenied,
        ..Trouble::new(
            cause.reason(),
            format!(
                "{place}: container {} {} ({exit}), {}{said}{remedy}",
                container.name,
                cause.what(),
                restarts(container.restart_count),
            ),
        )
    })
}

/// Why a container ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    Memory,
    GpuMemory,
    AccessDenied,
    Other,
}

impl Cause {
    fn of(ended: &ContainerStateTerminated, said: &str) -> Self {
        let says = |parts: &[&str]| parts.iter().any(|part| said.contains(part));
        if ended.reason.as_deref() == Some("OOMKilled") {
            Self::Memory
        } else if says(&[
            "401 Client Error",
            "403 Client Error",
            "GatedRepoError",
            "gated repo",
        ]) {
            Self::AccessDenied
        } else if says(&[
            "CUDA out of memory",
            "HIP out of memory",
            "OutOfMemoryError",
            "No available memory for the cache blocks",
        ]) {
            Self::GpuMemory
        } else {
            Self::Other
        }
    }

    const fn reason(self) -> &'static str {
        match self {
            Self::Memory | Self::GpuMemory => reason::OUT_OF_MEMORY,
            Self::AccessDenied => reason::MODEL_ACCESS_DENIED,
            Self::Other => reason::CRASH_LOOPING,
        }
    }

    const fn what(self) -> &'static str {
        match self {
            Self::Memory => "was killed for lack of memory",
            Self::GpuMemory => "ran out of GPU memory",
            Self::AccessDenied => "may not read the model",
            Self::Other => "ends",
        }
    }

    const fn remedy(self) -> &'static str {
        match self {
            Self::AccessDenied => {
                "; accept the model's licence, and let runtime.hfTokenSecret name a token that may read it"
            }
            _ => "",
        }
    }
}

/// How often a container was restarted, in steps.
fn restarts(count: i32) -> &'static str {
    match count {
        ..=0 => "not restarted yet",
        1 => "restarted once",
        2 => "restarted twice",
        3..=5 => "restarted at least 3 times",
        6..=10 => "restarted more than 5 times",
        11..=50 => "restarted more than 10 times",
        _ => "restarted more than 50 times",
    }
}

/// The line of a log that names the error, from the error's name on, so that neither times nor
/// process ids stand before it; else the last line.
fn last_words(log: &str) -> String {
    let lines = || {
        log.lines()
            .rev()
            .map(str::trim)
            .filter(|line| !line.is_empty())
    };
    let named = |line: &&str| line.contains("Error: ") && !line.contains(ENGINE_FAILED);
    let Some(line) = lines().find(named).or_else(|| lines().next()) else {
        return String::new();
    };
    let from = line.find("Error: ").map_or(0, |at| {
        line[..at].rfind(char::is_whitespace).map_or(0, |at| {
            at + line[at..].chars().next().map_or(1, char::len_utf8)
        })
    });
    words(&line[from..])
}

/// Others' words on one line, not too many, and without anything that looks like a hub's token.
fn words(text: &str) -> String {
    let words: Vec<_> = text
        .split_whitespace()
        .map(|word| match word.find("hf_") {
            Some(at) => format!("{}hf_...", &word[..at]),
            None => word.to_owned(),
        })
        .collect();
    at_most(&words.join(" "), LONGEST_WORDS_BYTES).to_owned()
}

/// A pod whose containers run, and that is not ready although it was.
fn readiness(status: &PodStatus, place: &Place) -> Option<Trouble> {
    let lost = is_false(status, "Ready")?;
    let containers = status.container_statuses.as_deref().unwrap_or_default();
    if !containers.is_empty() && containers.iter().all(|container| container.ready) {
        // Nobody but the node's controller says so.
        return Some(node_lost(place));
    }
    let since = &lost.last_transition_time.as_ref()?.0;
    let container = containers.iter().find(|container| {
        let running = container.state.as_ref().and_then(|it| it.running.as_ref());
        let started = running.and_then(|running| running.started_at.as_ref());
        !container.ready
            && container.started == Some(true)
            && started.is_some_and(|started| started.0 < *since)
    })?;
    let message = format!(
        "{place}: container {} runs, but no longer answers its readiness probe",
        container.name
    );
    Some(Trouble::new(reason::READINESS_LOST, message))
}

#[cfg(test)]
mod tests;
