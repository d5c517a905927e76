//! What vLLM's histograms can tell of the latency targets.
//!
//! A histogram counts requests up to each of its edges. A target at an edge is decided by it. Of a
//! target between two edges only this is known: above the budget beyond the upper edge, it is
//! violated for sure; within the budget beyond the lower one, it is met for sure; else nobody knows.

use super::image::VllmVersion;
use super::plan::Plan;
use crate::benchmark::ItlDefinition;
use crate::recommend::Target;

// The edges of vLLM 0.10 to 0.32, ms: vllm/v1/metrics/loggers.py, and buckets.py in 0.32.
const TTFT_EDGES_MS: [u32; 22] = [
    1, 5, 10, 20, 40, 60, 80, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10_000, 20_000, 40_000,
    80_000, 160_000, 640_000, 2_560_000,
];
const TOKEN_EDGES_MS: [u32; 19] = [
    10, 25, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1000, 2500, 5000, 7500, 10_000, 20_000,
    40_000, 80_000,
];
const E2E_EDGES_MS: [u32; 21] = [
    300, 500, 800, 1000, 1500, 2000, 2500, 5000, 10_000, 15_000, 20_000, 30_000, 40_000, 50_000,
    60_000, 120_000, 240_000, 480_000, 960_000, 1_920_000, 7_680_000,
];

/// The first vLLM with a histogram of each request's mean time per output token.
const REQUEST_MEAN_SINCE: VllmVersion = VllmVersion {
    major: 0,
    minor: 11,
};

/// A target and the histogram that tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Watched {
    pub(super) target: Target,
    pub(super) target_ms: u32,
    /// Name without its prefix.
    pub(super) histogram: &'static str,
    /// The greatest edge at or below the target; `None` below the first.
    pub(super) lower_ms: Option<u32>,
    /// The least edge at or above the target; `None` above the last.
    pub(super) upper_ms: Option<u32>,
}

impl Watched {
    /// Whether the target is at an edge.
    pub(super) fn is_decidable(&self) -> bool {
        self.lower_ms == self.upper_ms
    }
}

/// What tells of a target; `None` where that version of vLLM has no such histogram.
pub(super) fn watched(plan: &Plan<'_>, target: Target) -> Option<Watched> {
    let (histogram, edges_ms) = match target {
        Target::Ttft => ("time_to_first_token_seconds", &TTFT_EDGES_MS[..]),
        Target::Itl => (itl_histogram(plan)?, &TOKEN_EDGES_MS[..]),
        Target::E2e => ("e2e_request_latency_seconds", &E2E_EDGES_MS[..]),
    };
    let target_ms = target.of(&plan.requirement.slo).unsigned_abs();
    let mut edges = edges_ms.iter().copied();
    Some(Watched {
        target,
        target_ms,
        histogram,
        lower_ms: edges.clone().rfind(|edge| *edge <= target_ms),
        upper_ms: edges.find(|edge| *edge >= target_ms),
    })
}

/// What the benchmark calls ITL: each request's mean, as GuideLLM has it, or every gap.
fn itl_histogram(plan: &Plan<'_>) -> Option<&'static str> {
    let is_older = plan
        .image
        .version
        .is_some_and(|version| version < REQUEST_MEAN_SINCE);
    match plan.candidate.operating_row.conditions.itl_definition {
        Some(ItlDefinition::TokenGap) if is_older => Some("time_per_output_token_seconds"),
        Some(ItlDefinition::TokenGap) => Some("inter_token_latency_seconds"),
        _ if is_older => None,
        _ => Some("request_time_per_output_token_seconds"),
    }
}

/// An edge as vLLM labels it: seconds, with a decimal at least.
pub(super) fn label(edge_ms: u32) -> String {
    format!("{:?}", f64::from(edge_ms) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::test_support::Example;

    fn edges(target: Target, target_ms: i32) -> (Option<u32>, Option<u32>) {
        let mut example = Example::default();
        target_of(&mut example, target, target_ms);
        let watched = watched(&example.plan(), target).unwrap();
        (watched.lower_ms, watched.upper_ms)
    }

    fn target_of(example: &mut Example, target: Target, target_ms: i32) {
        let slo = &mut example.requirement.slo;
        match target {
            Target::Ttft => slo.ttft_p95_ms = target_ms,
            Target::Itl => slo.itl_p95_ms = target_ms,
            Target::E2e => slo.e2e_p95_ms = target_ms,
        }
    }

    #[test]
    fn a_target_is_at_an_edge_or_between_two() {
        assert_eq!(edges(Target::Ttft, 250), (Some(250), Some(250)));
        assert_eq!(edges(Target::Ttft, 150), (Some(100), Some(250)));
        assert_eq!(edges(Target::Itl, 9), (None, Some(10)));
        assert_eq!(edges(Target::Itl, 25), (Some(25), Some(25)));
        assert_eq!(edges(Target::E2e, 7_680_001), (Some(7_680_000), None));
    }

    #[test]
    fn edges_are_labelled_as_vllm_does() {
        assert_eq!(label(1), "0.001");
        assert_eq!(label(250), "0.25");
        assert_eq!(label(1000), "1.0");
        assert_eq!(label(7_680_000), "7680.0");
    }

    #[test]
    fn itl_is_what_the_benchmark_calls_so() {
        let histogram = |definition, version: &str| {
            let mut example = Example::default();
            example.candidate.operating_row.conditions.itl_definition = definition;
            example.candidate.configuration.framework_version = Some(version.into());
            watched(&example.plan(), Target::Itl).map(|watched| watched.histogram)
        };
        let mean = Some(ItlDefinition::RequestMean);
        let gap = Some(ItlDefinition::TokenGap);
        let request_mean = Some("request_time_per_output_token_seconds");
        assert_eq!(histogram(mean, "0.19.0"), request_mean);
        assert_eq!(histogram(None, "0.19.0"), request_mean);
        assert_eq!(
            histogram(gap, "0.19.0"),
            Some("inter_token_latency_seconds")
        );
        assert_eq!(
            histogram(gap, "0.10.1"),
            Some("time_per_output_token_seconds")
        );
        assert_eq!(histogram(mean, "0.10.2"), None);
    }
}
