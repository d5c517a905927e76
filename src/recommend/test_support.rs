//! What the tests of the rules start from: an intent as a user writes it, and rows.

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use uuid::Uuid;

use super::ladder::{self, Ladder};
use super::requirement::EvidencePolicy;
use super::{Requirement, resolve};
use crate::api::DeploymentIntentSpec;
use crate::benchmark::{
    ArrivalProcess, Benchmark, Configuration, EngineSettings, EvidenceKind, HardwareName,
    ItlDefinition, Latency, LoadConditions, ModelName, SharedBenchmarks, TrafficProfile,
};
use crate::catalog::{Catalog, SloTargets};

/// The chatbot's profile.
pub(crate) const PROFILE: TrafficProfile = TrafficProfile {
    prompt_tokens: 512,
    output_tokens: 256,
};
/// The chatbot's targets.
pub(crate) const CHAT_SLO: SloTargets = SloTargets {
    ttft_p95_ms: 150,
    itl_p95_ms: 25,
    e2e_p95_ms: 7000,
};
/// p95s well within [`CHAT_SLO`].
pub(crate) const MEETING: [f64; 3] = [100.0, 20.0, 5000.0];
/// p95s of which the TTFT is above the chatbot's target.
pub(crate) const FAILING: [f64; 3] = [200.0, 20.0, 5000.0];

pub(crate) fn intent(spec: &str) -> DeploymentIntentSpec {
    serde_saphyr::from_str(spec).unwrap()
}

pub(crate) fn requirement(spec: &str) -> Requirement {
    resolve(&intent(spec), catalog()).unwrap()
}

/// The built-in catalog, read once.
pub(crate) fn catalog() -> &'static Catalog {
    static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::built_in);
    &CATALOG
}

pub(crate) fn at(date: &str) -> Timestamp {
    let date: jiff::civil::Date = date.parse().unwrap();
    date.to_zoned(TimeZone::UTC).unwrap().timestamp()
}

/// A steady simulated chat row of one configuration; its id follows from what it says.
pub(crate) fn row(offered_rps: f64, p95s: [f64; 3]) -> Benchmark {
    let latency = |p95: f64| Latency {
        mean_ms: Some(p95 / 2.0),
        p95_ms: Some(p95),
        p99_ms: Some(p95 * 1.05),
    };
    Benchmark {
        id: Uuid::new_v5(
            &Uuid::NAMESPACE_OID,
            format!("{offered_rps} {p95s:?}").as_bytes(),
        ),
        configuration: Configuration {
            model: ModelName::new("Qwen/Qwen3-32B"),
            hardware: HardwareName::new("H100"),
            hardware_count: 2,
            form_factor: None,
            framework: Some("vllm".into()),
            framework_version: Some("0.19.0".into()),
            engine: EngineSettings::default(),
        },
        profile: PROFILE,
        conditions: LoadConditions {
            arrival_process: Some(ArrivalProcess::Poisson),
            prompt_tokens_stdev: Some(128),
            prompt_tokens_range: (None, None),
            output_tokens_stdev: Some(64),
            output_tokens_range: (None, None),
            prefix_sharing: Some(0.0),
            itl_definition: Some(ItlDefinition::RequestMean),
        },
        offered_rps,
        served_rps: Some(offered_rps),
        ttft: latency(p95s[0]),
        itl: latency(p95s[1]),
        e2e: latency(p95s[2]),
        requests_completed: Some(100_000),
        requests_total: Some(100_000),
        kind: EvidenceKind::Simulated,
        source: "test".into(),
        validation_class: None,
        bounds_only: false,
        measured_at: Some(at("2026-06-01")),
    }
}

/// The first ladder of the chatbot's profile.
pub(super) fn first_ladder<'a>(
    rows: &'a SharedBenchmarks,
    policy: &'a EvidencePolicy,
) -> Option<Ladder<'a>> {
    let (_, ladders) = ladder::of_all(rows, PROFILE, policy, at("2026-11-23")).next()?;
    ladders.first().copied()
}
