//! Benchmarks that follow a queueing law, with errors where a test wants some.

use crate::benchmark::{Benchmark, HardwareName, TrafficProfile};
use crate::recommend::test_support::row;

/// The profiles of the use cases.
pub(crate) const PROFILES: [(i32, i32); 4] = [(512, 256), (1024, 1024), (4096, 512), (10240, 1536)];

pub(crate) fn profile((prompt_tokens, output_tokens): (i32, i32)) -> TrafficProfile {
    TrafficProfile {
        prompt_tokens,
        output_tokens,
    }
}

/// Ladders of five loads under each profile on `count` GPUs. `error` stretches a row's latencies,
/// by profile and rung.
pub(crate) fn ladders(
    count: i32,
    profiles: &[(i32, i32)],
    error: impl Fn(usize, usize) -> f64,
) -> Vec<Benchmark> {
    let mut rows = Vec::new();
    for (i, (prompt, output)) in profiles.iter().enumerate() {
        for (rung, load) in [0.1, 0.3, 0.5, 0.7, 0.85].into_iter().enumerate() {
            let (p, o) = (f64::from(*prompt), f64::from(*output));
            let speed = f64::from(count);
            let busy = (2e-5 * p + 5e-5 * o + 2e-9 * o * (p + o / 2.0)) / speed;
            let rps = load / busy;
            let itl = (8.0 + 3e-4 * (p + o / 2.0)) / speed / (1.0 - load);
            let ttft = 10.0 + 0.02 * p / speed + 1.2 * itl;
            let e2e = ttft + 0.95 * (o + 1.645 * 0.25 * o) * itl;
            let stretched = [ttft, itl, e2e].map(|ms| ms * error(i, rung));
            let mut row = row(rps, stretched);
            row.profile = profile((*prompt, *output));
            row.configuration.hardware = HardwareName::new("H100");
            row.configuration.hardware_count = count;
            row.conditions.output_tokens_stdev = Some(output / 4);
            row.id = uuid::Uuid::new_v5(&row.id, format!("{count} {prompt} {output}").as_bytes());
            rows.push(row);
        }
    }
    rows
}

/// Twenty-one configurations that the law fits within some percent: enough to learn from.
pub(crate) fn fleet() -> Vec<Benchmark> {
    (1..=21)
        .flat_map(|count| {
            ladders(count, &PROFILES, |profile, rung| {
                let noise = (count as usize * 7 + profile * 5 + rung * 3) % 11;
                1.0 + (noise as f64 - 5.0) / 200.0
            })
        })
        .collect()
}
