//! The reduction of rows to ladders allocates nothing for a row but the growth of its ladder.

use compass::benchmark::{
    Benchmark, Configuration, EngineSettings, EvidenceKind, HardwareName, Latency, LoadConditions,
    ModelName, Reduction, TrafficProfile,
};
use uuid::Uuid;

const CONFIGURATIONS: usize = 100;
const RATES: usize = 64;

fn row(configuration: usize, rate: usize) -> Benchmark {
    let latency = |ms: f64| Latency {
        mean_ms: Some(ms),
        p95_ms: Some(ms * 1.2),
        p99_ms: Some(ms * 1.3),
    };
    Benchmark {
        id: Uuid::from_u128((rate * CONFIGURATIONS + configuration) as u128),
        configuration: Configuration {
            model: ModelName::new(format!("lab/model-{configuration}")),
            hardware: HardwareName::new("H100"),
            hardware_count: 2,
            form_factor: Some("SXM".to_owned()),
            framework: Some("vllm".to_owned()),
            framework_version: Some("0.24.0".to_owned()),
            engine: EngineSettings {
                weight_dtype: Some("bf16".to_owned()),
                ..EngineSettings::default()
            },
        },
        profile: TrafficProfile {
            prompt_tokens: 512,
            output_tokens: 256,
        },
        conditions: LoadConditions {
            arrival_process: None,
            prompt_tokens_stdev: Some(128),
            prompt_tokens_range: (None, None),
            output_tokens_stdev: Some(64),
            output_tokens_range: (None, None),
            prefix_sharing: None,
            itl_definition: None,
        },
        offered_rps: rate as f64,
        served_rps: Some(rate as f64 * 0.99),
        ttft: latency(20.0 + rate as f64),
        itl: latency(7.0),
        e2e: latency(1800.0),
        requests_completed: Some(1000),
        requests_total: Some(1000),
        kind: EvidenceKind::Simulated,
        source: "lab".to_owned(),
        validation_class: None,
        bounds_only: false,
        measured_at: None,
    }
}

#[test]
fn a_row_of_a_known_ladder_allocates_only_where_the_ladder_grows() {
    let mut reduction = Reduction::default();
    for configuration in 0..CONFIGURATIONS {
        reduction.add(&row(configuration, 0));
    }
    let rows: Vec<_> = (1..RATES)
        .flat_map(|rate| (0..CONFIGURATIONS).map(move |configuration| row(configuration, rate)))
        .collect();
    let counted = allocation_counter::measure(|| {
        for row in &rows {
            reduction.add(row);
        }
    });
    // A ladder's memory doubles with its rows.
    let doublings = u64::from(RATES.ilog2());
    assert!(
        counted.count_total <= CONFIGURATIONS as u64 * doublings,
        "{counted:?} for {} rows",
        rows.len()
    );
    let ladders = reduction.finish();
    let kept: usize = ladders.iter().map(|place| place.rows).sum();
    assert_eq!(kept, RATES * CONFIGURATIONS);
}
