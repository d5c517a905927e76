//! The rows of data/benchmarks.json.gz.

use std::fs::File;
use std::ops::ControlFlow;
use std::path::Path;

use compass::benchmark::formats::{self, Fault, Head, Rules, Sink, Told};
use compass::benchmark::{
    Benchmark, BenchmarkRow, Configuration, EngineSettings, HardwareName, Latency, LoadConditions,
    ModelName, Parallelism,
};

/// Every row that ships.
pub fn shipped() -> anyhow::Result<Vec<Benchmark>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/benchmarks.json.gz");
    let rules = Rules {
        told: &Told::default(),
        max_error_percent: 0.0,
        canonical_hardware: &|name| name.to_owned(),
    };
    let mut rows = Rows(Vec::new());
    formats::read("benchmarks.json.gz", File::open(path)?, &rules, &mut rows)?;
    Ok(rows.0)
}

struct Rows(Vec<Benchmark>);

impl Sink for Rows {
    fn begin(&mut self, _: Head) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn row(&mut self, row: BenchmarkRow) -> ControlFlow<()> {
        self.0.extend(benchmark(row));
        ControlFlow::Continue(())
    }

    fn fault(&mut self, fault: Fault) -> ControlFlow<()> {
        panic!("the shipped data has a fault: {fault:?}");
    }
}

fn benchmark(row: BenchmarkRow) -> Option<Benchmark> {
    let profile = row.profile()?;
    let kind = row.kind();
    let BenchmarkRow { summary, evidence } = row;
    let latency = |mean_ms, p95_ms, p99_ms| Latency {
        mean_ms,
        p95_ms,
        p99_ms,
    };
    let requests = evidence.requests_completed;
    Some(Benchmark {
        id: summary.id.unwrap_or_default(),
        configuration: Configuration {
            model: ModelName::new(summary.model_hf_repo),
            hardware: HardwareName::new(summary.hardware?),
            hardware_count: summary.hardware_count?,
            form_factor: evidence.gpu_form_factor,
            framework: summary.framework,
            framework_version: summary.framework_version,
            engine: EngineSettings {
                weight_dtype: evidence.weight_dtype,
                kv_cache_dtype: evidence.kv_cache_dtype,
                max_num_seqs: evidence.max_num_seqs,
                max_num_batched_tokens: evidence.max_num_batched_tokens,
                parallelism: Parallelism::default(),
                speculative_decoding: evidence.speculative_decoding,
                args_digest: evidence.args_digest,
            },
        },
        profile,
        conditions: LoadConditions {
            arrival_process: evidence.arrival_process,
            prompt_tokens_stdev: summary.prompt_tokens_stdev,
            prompt_tokens_range: (summary.prompt_tokens_min, summary.prompt_tokens_max),
            output_tokens_stdev: summary.output_tokens_stdev,
            output_tokens_range: (summary.output_tokens_min, summary.output_tokens_max),
            prefix_sharing: evidence.prefix_sharing,
            itl_definition: evidence.itl_definition,
        },
        offered_rps: summary.requests_per_second,
        served_rps: summary.responses_per_second,
        ttft: latency(
            Some(summary.ttft_mean),
            Some(summary.ttft_p95),
            Some(summary.ttft_p99),
        ),
        itl: latency(summary.itl_mean, summary.itl_p95, summary.itl_p99),
        e2e: latency(
            Some(summary.e2e_mean),
            Some(summary.e2e_p95),
            Some(summary.e2e_p99),
        ),
        requests_completed: requests,
        requests_total: requests,
        kind,
        source: "compass-simulation".into(),
        validation_class: evidence.validation_class,
        bounds_only: evidence.bounds_only.0,
        measured_at: None,
    })
}
