//! A benchmark row and how far it can be trusted.
//!
//! One [`Benchmark`] is one row of `exported_summaries` with what Compass keeps beside it: a
//! configuration under one traffic profile at one offered rate. Nothing here reads a file or a
//! database; `knowledge_base` and the readers in `formats` make these values.

mod alike;
mod column;
mod engine_args;
mod evidence;
pub mod formats;
mod hardware;
mod index;
mod ladder;
mod model;
pub mod plausibility;
mod rate;
mod reading;
mod reduction;
mod row;
mod rows;
pub mod snapshot;
mod steady;

pub use alike::most_alike;
pub use column::{Column, Flag, Provenance, Text, UtcDateTime};
pub use engine_args::EngineArgs;
pub use evidence::{ArrivalProcess, EvidenceKind, ItlDefinition, ValidationClass};
pub use hardware::HardwareName;
pub use index::{Index, IndexedAccelerators, IndexedConfiguration};
pub use ladder::{ConfigurationLadders, Ladder, LadderRow, Place, SharedPlace};
pub use model::ModelName;
pub use rate::{DOUBT, exact_rate};
pub use reading::Step;
pub use reduction::Reduction;
pub use row::{BenchmarkRow, DeclaredEvidence, ExportedSummary, requests_total};
pub use rows::SharedBenchmarks;
pub use steady::USUAL_SERVED_PERCENT;

use jiff::Timestamp;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Prompt and output tokens of a request: what the workload *is*. Two profiles are the same only
/// when both numbers are (R2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrafficProfile {
    /// Configured tokens of the prompt.
    pub prompt_tokens: i32,
    /// Configured tokens of the output.
    pub output_tokens: i32,
}

impl std::fmt::Display for TrafficProfile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.prompt_tokens, self.output_tokens)
    }
}

impl std::str::FromStr for TrafficProfile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(prompt, output)| {
            Some(Self {
                prompt_tokens: prompt.trim().parse().ok().filter(|tokens| *tokens > 0)?,
                output_tokens: output.trim().parse().ok().filter(|tokens| *tokens > 0)?,
            })
        });
        parsed.ok_or_else(|| "expected prompt and output tokens such as 512/256".to_owned())
    }
}

/// What would be deployed, as far as the row records it. Rows whose engine settings differ belong
/// to different configurations; an unrecorded setting equals only another unrecorded one (R4).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Configuration {
    /// Hugging Face repository; compared without case (R2).
    pub model: ModelName,
    /// Canonical hardware name, e.g. `A100-80`.
    pub hardware: HardwareName,
    /// GPUs of one replica.
    pub hardware_count: i32,
    /// Form factor of the GPU, e.g. `SXM`: evidence for one does not hold for another.
    pub form_factor: Option<String>,
    /// Serving framework, e.g. `vllm`.
    pub framework: Option<String>,
    /// Version of the framework.
    pub framework_version: Option<String>,
    /// Settings of the engine that change what a replica can serve.
    pub engine: EngineSettings,
}

impl Configuration {
    /// Model, hardware and count: what evidence kinds are compared on (R5) and alternatives differ
    /// in (R9), whatever the framework.
    pub fn place(&self) -> (&ModelName, &HardwareName, i32) {
        (&self.model, &self.hardware, self.hardware_count)
    }

    /// GPUs of one replica, e.g. `2xH100`.
    pub fn accelerators(&self) -> String {
        format!("{}x{}", self.hardware_count, self.hardware)
    }
}

/// Engine settings that change capacity while model, GPU and count stay the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct EngineSettings {
    /// Data type of the weights, e.g. `bf16`.
    pub weight_dtype: Option<String>,
    /// Data type of the KV cache.
    pub kv_cache_dtype: Option<String>,
    /// vLLM's `--max-num-seqs`.
    pub max_num_seqs: Option<i32>,
    /// vLLM's `--max-num-batched-tokens`.
    pub max_num_batched_tokens: Option<i32>,
    /// How a replica is spread over its GPUs.
    pub parallelism: Parallelism,
    /// Method of speculative decoding; `none` where it is known to be off.
    pub speculative_decoding: Option<String>,
    /// Digest of the remaining engine arguments, where the source records them.
    pub args_digest: Option<String>,
}

impl EngineSettings {
    /// Whether the engine ran with settings of which a generated deployment knows nothing.
    pub fn has_more_than_is_reproduced(&self) -> bool {
        let Parallelism {
            pipeline,
            data,
            expert,
            ..
        } = self.parallelism;
        let is_set = |setting: &Option<String>| setting.as_deref().is_some_and(|it| it != "none");
        is_set(&self.args_digest)
            || is_set(&self.speculative_decoding)
            || [pipeline, data, expert]
                .into_iter()
                .flatten()
                .any(|degree| degree > 1)
    }
}

/// Over how many GPUs each way of spreading a replica goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Parallelism {
    /// vLLM's `--tensor-parallel-size`.
    pub tensor: Option<i32>,
    /// vLLM's `--pipeline-parallel-size`.
    pub pipeline: Option<i32>,
    /// vLLM's `--data-parallel-size`.
    pub data: Option<i32>,
    /// GPUs over which the experts of a mixture are spread.
    pub expert: Option<i32>,
}

/// How the load was made. Part of what tells one ladder from another (R4).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoadConditions {
    /// How requests arrived.
    pub arrival_process: Option<ArrivalProcess>,
    /// Standard deviation of the configured prompt length, tokens.
    pub prompt_tokens_stdev: Option<i32>,
    /// Least and greatest configured prompt length, tokens.
    pub prompt_tokens_range: (Option<i32>, Option<i32>),
    /// Standard deviation of the configured output length, tokens.
    pub output_tokens_stdev: Option<i32>,
    /// Least and greatest configured output length, tokens.
    pub output_tokens_range: (Option<i32>, Option<i32>),
    /// Share of the prompt that requests have in common, 0 to 1.
    pub prefix_sharing: Option<f64>,
    /// Which quantity the ITL columns hold.
    pub itl_definition: Option<ItlDefinition>,
}

impl LoadConditions {
    /// Whether the load is one that sizes a replica: neither closed-loop nor prefix-shared nor a
    /// throughput run (R4).
    pub fn are_usual(&self) -> bool {
        let arrivals = [ArrivalProcess::ClosedLoop, ArrivalProcess::Throughput];
        !self
            .arrival_process
            .is_some_and(|it| arrivals.contains(&it))
            && !self.shares_prefixes()
    }

    /// Whether requests have part of the prompt in common.
    pub fn shares_prefixes(&self) -> bool {
        self.prefix_sharing.is_some_and(|share| share > 0.0)
    }
}

/// A latency's distribution, milliseconds. A value that is missing, zero, negative or not finite
/// proves nothing (R3); it is kept as stored.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Latency {
    /// Mean.
    pub mean_ms: Option<f64>,
    /// 95th percentile: what an SLO is held against.
    pub p95_ms: Option<f64>,
    /// 99th percentile.
    pub p99_ms: Option<f64>,
}

impl Latency {
    /// The p95 as people see it; `unknown` where there is none.
    pub fn shown_p95_ms(&self) -> String {
        self.p95_ms.map_or_else(|| "unknown".to_owned(), shown_ms)
    }
}

/// Milliseconds rounded up to 0.1, so that a shown latency never looks better than the evidence.
pub fn shown_ms(ms: f64) -> String {
    match ms.to_string().parse::<Decimal>() {
        Ok(ms) => {
            format!(
                "{:.1}",
                ms.round_dp_with_strategy(1, RoundingStrategy::ToPositiveInfinity)
            )
        }
        Err(_) => "unknown".to_owned(),
    }
}

/// One benchmark: what was run, under which load, and what came out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Benchmark {
    /// Identity in the knowledge base.
    pub id: Uuid,
    /// What was run.
    pub configuration: Configuration,
    /// The traffic profile it was run under.
    pub profile: TrafficProfile,
    /// How the load was made.
    pub conditions: LoadConditions,
    /// Offered rate, requests per second.
    pub offered_rps: f64,
    /// Served rate, requests per second. Unknown counts as offered, and is said (R3).
    pub served_rps: Option<f64>,
    /// Time to first token.
    pub ttft: Latency,
    /// Inter-token latency.
    pub itl: Latency,
    /// End-to-end latency.
    pub e2e: Latency,
    /// Requests that completed.
    pub requests_completed: Option<i64>,
    /// Requests of the run in all, whatever became of them.
    pub requests_total: Option<i64>,
    /// How the figures came about.
    pub kind: EvidenceKind,
    /// Who brought the row: the name given when it was loaded.
    pub source: String,
    /// How well the source's figures were checked against measurements.
    pub validation_class: Option<ValidationClass>,
    /// May only show where a capacity ends, never back a recommendation.
    pub bounds_only: bool,
    /// When the benchmark ran; `None` where nobody recorded it.
    pub measured_at: Option<Timestamp>,
}

/// What the knowledge base holds for one traffic profile, read in one snapshot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// Every row of exactly that profile, also those that no decision can use.
    pub benchmarks: SharedBenchmarks,
    /// Every profile that has rows, and how many.
    pub profiles: Vec<ProfileCount>,
}

/// How many rows a traffic profile has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ProfileCount {
    /// The profile.
    pub profile: TrafficProfile,
    /// Its rows.
    pub rows: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_latencies_are_rounded_up() {
        for (ms, shown) in [
            (97.41, "97.5"),
            (1.1, "1.1"),
            (143.100_000_000_000_02, "143.2"),
            (4100.0, "4100.0"),
            (f64::INFINITY, "unknown"),
        ] {
            assert_eq!(shown_ms(ms), shown);
        }
    }
}
