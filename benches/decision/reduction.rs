//! The reduction of rows to ladders alone: one core, no database.

use std::hint::black_box;
use std::time::Instant;

use compass::benchmark::{
    Benchmark, Configuration, EngineSettings, EvidenceKind, HardwareName, Latency, LoadConditions,
    ModelName, Reduction, SharedBenchmarks, TrafficProfile,
};
use uuid::Uuid;

use crate::percentile;

const ROUNDS: usize = 7;
const CONFIGURATIONS: u64 = 5000;
const ROWS: u64 = 250_000;

pub fn run() -> String {
    let rows: Vec<_> = (0..ROWS).map(row).collect();
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let mut reduction = Reduction::default();
        rows.iter().for_each(|row| reduction.add(row));
        times[0].push(start.elapsed());
        let places = reduction.finish();
        times[1].push(start.elapsed());
        let benchmarks = SharedBenchmarks::of_places(places);
        black_box(benchmarks.index());
        times[2].push(start.elapsed());
    }
    let mut told = format!(
        "Reduction of {ROWS} rows of {CONFIGURATIONS} configurations on one core, median of {ROUNDS}\n"
    );
    let names = [
        "each to its ladder",
        "and ladders sorted and read",
        "and put side by side",
    ];
    for (name, times) in names.into_iter().zip(&mut times) {
        let us = percentile(times, 50.0);
        let line = format!("  {name:<28}{:>6.2} million rows/s\n", ROWS as f64 / us);
        told.push_str(&line);
    }
    told
}

/// The `number`th row, in an order in which neighbours belong to different configurations.
fn row(number: u64) -> Benchmark {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (configuration, rate) = (number % CONFIGURATIONS, number / CONFIGURATIONS % 10 + 1);
    let latency = |ms: f64| Latency {
        mean_ms: Some(ms),
        p95_ms: Some(ms * 1.2),
        p99_ms: Some(ms * 1.3),
    };
    let slow = 1.0 + configuration as f64 / 1000.0 + rate as f64 / 20.0;
    Benchmark {
        id: Uuid::from_u128(u128::from(mixed) << 64 | u128::from(number)),
        configuration: Configuration {
            model: ModelName::new(format!("lab/model-{}", configuration % 250)),
            hardware: HardwareName::new(format!("GPU-{}", configuration / 250 % 5)),
            hardware_count: 1 << (configuration / 1250),
            form_factor: None,
            framework: Some("vllm".to_owned()),
            framework_version: Some("0.11.0".to_owned()),
            engine: EngineSettings::default(),
        },
        profile: TrafficProfile {
            prompt_tokens: 512,
            output_tokens: 256,
        },
        conditions: LoadConditions {
            arrival_process: None,
            prompt_tokens_stdev: None,
            prompt_tokens_range: (None, None),
            output_tokens_stdev: None,
            output_tokens_range: (None, None),
            prefix_sharing: None,
            itl_definition: None,
        },
        offered_rps: rate as f64,
        served_rps: Some(rate as f64 * 0.99),
        ttft: latency(20.0 * slow),
        itl: latency(7.0 * slow),
        e2e: latency(1800.0 * slow),
        requests_completed: Some(1000),
        requests_total: Some(1000),
        kind: EvidenceKind::Simulated,
        source: "bench".to_owned(),
        validation_class: None,
        bounds_only: false,
        measured_at: None,
    }
}
