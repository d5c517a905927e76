//! How long a start and an end may take: derived, not guessed once for all models.

use super::image::VllmVersion;
use super::plan::Plan;

/// How often the start is probed, seconds.
pub(super) const STARTUP_PERIOD_S: i32 = 10;

/// For starting Python, compiling and capturing CUDA graphs, whatever the model: 10 min.
const ENGINE_START_S: u64 = 600;
/// A slow hub or network volume; faster ones only become ready sooner.
const LOAD_BYTES_PER_S: u64 = 100_000_000;
/// For finding a node, perhaps adding one, and pulling an image of some 10 GB: 10 min.
const SCHEDULE_AND_PULL_S: i32 = 600;

/// For routers to learn that a pod no longer takes requests.
const DEREGISTER_S: i64 = 15;
/// For the process to end after its last request.
const EXIT_S: i64 = 15;
const SHORTEST_DRAIN_S: i64 = 30;
/// No rollout or node drain waits longer than an hour for a pod.
const LONGEST_DRAIN_S: i64 = 3600;
/// The first vLLM that finishes running requests after SIGTERM; earlier ones abort them.
const DRAINS_SINCE: VllmVersion = VllmVersion {
    major: 0,
    minor: 18,
};

/// Probes that a start may fail: 10 min for the engine + the weights at 100 MB/s, in steps of 10 s.
///
/// `/health` answers only once the model is loaded, so this is the whole start but the image's
/// pull.
pub(super) fn startup_failures(weight_bytes: u64) -> i32 {
    let seconds = ENGINE_START_S.saturating_add(weight_bytes.div_ceil(LOAD_BYTES_PER_S));
    i32::try_from(seconds.div_ceil(STARTUP_PERIOD_S as u64)).unwrap_or(i32::MAX / STARTUP_PERIOD_S)
}

/// How long a rollout may go without progress, seconds: the old pod's end (its GPUs are needed),
/// scheduling and pull, and the start.
pub(super) fn progress_deadline_s(plan: &Plan<'_>) -> i32 {
    let end = i32::try_from(shutdown(plan).grace_s).unwrap_or(i32::MAX);
    (startup_failures(plan.weight_bytes) * STARTUP_PERIOD_S)
        .saturating_add(SCHEDULE_AND_PULL_S)
        .saturating_add(end)
}

/// How a pod ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shutdown {
    /// Before SIGTERM, while the pod still serves, seconds.
    pub(super) pre_stop_s: i64,
    /// vLLM's own wait for running requests, seconds; `None` where it has none.
    pub(super) engine_drain_s: Option<i64>,
    /// Until the pod is killed, seconds.
    pub(super) grace_s: i64,
}

/// How long a request may take, seconds: twice the E2E target, since 1 in 20 may take longer than
/// the target; at least 30 s, at most an hour.
pub(super) fn longest_request_s(plan: &Plan<'_>) -> i64 {
    let twice_s = (2 * i64::from(plan.requirement.slo.e2e_p95_ms) + 999) / 1000;
    twice_s.clamp(SHORTEST_DRAIN_S, LONGEST_DRAIN_S)
}

/// Running requests get the time that a request may take. Where vLLM aborts them on SIGTERM, SIGTERM
/// comes after that time.
pub(super) fn shutdown(plan: &Plan<'_>) -> Shutdown {
    let drain_s = longest_request_s(plan);
    let drains = plan
        .image
        .version
        .is_some_and(|version| version >= DRAINS_SINCE);
    Shutdown {
        pre_stop_s: if drains {
            DEREGISTER_S
        } else {
            DEREGISTER_S + drain_s
        },
        engine_drain_s: drains.then_some(drain_s),
        grace_s: DEREGISTER_S + drain_s + EXIT_S,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::test_support::Example;

    #[test]
    fn the_start_is_given_time_for_the_weights() {
        // 600 s + 65.5 GB at 100 MB/s = 1256 s.
        assert_eq!(startup_failures(65_524_246_528), 126);
        // 600 s + 141.1 GB at 100 MB/s = 2012 s.
        assert_eq!(startup_failures(141_107_412_992), 202);
        assert_eq!(startup_failures(u64::MAX), i32::MAX / STARTUP_PERIOD_S);
    }

    #[test]
    fn a_rollout_waits_for_the_old_pods_end_and_the_new_ones_start() {
        let example = Example::default();
        let plan = example.plan();
        assert_eq!(progress_deadline_s(&plan), 1260 + 600 + 60);
    }

    fn with(e2e_p95_ms: i32, version: &str) -> Shutdown {
        let mut example = Example::default();
        example.requirement.slo.e2e_p95_ms = e2e_p95_ms;
        example.candidate.configuration.framework_version = Some(version.into());
        shutdown(&example.plan())
    }

    #[test]
    fn running_requests_get_twice_the_target() {
        let expected = |drain| Shutdown {
            pre_stop_s: 15,
            engine_drain_s: Some(drain),
            grace_s: 30 + drain,
        };
        assert_eq!(with(90_000, "0.18.0"), expected(180));
        assert_eq!(with(7_000, "0.18.0"), expected(30));
        assert_eq!(with(20_001, "0.18.0"), expected(41));
        assert_eq!(with(i32::MAX, "0.18.0"), expected(3600));
    }

    #[test]
    fn an_engine_that_aborts_is_told_to_end_after_its_requests() {
        let drained = Shutdown {
            pre_stop_s: 195,
            engine_drain_s: None,
            grace_s: 210,
        };
        assert_eq!(with(90_000, "0.17.1"), drained);
    }
}
