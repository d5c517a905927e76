//! A row as files and the table hold it: the columns of `exported_summaries`, and what Compass
//! keeps beside them.

use std::fmt::Display;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::column::{Column, FieldFault, Flag, Provenance, Text, UtcDateTime, add_named, take};
use super::{
    ArrivalProcess, Benchmark, Configuration, EngineSettings, EvidenceKind, HardwareName,
    ItlDefinition, Latency, LoadConditions, ModelName, Parallelism, TrafficProfile,
    ValidationClass,
};

/// One benchmark to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct BenchmarkRow {
    /// The columns of `exported_summaries`.
    pub summary: ExportedSummary,
    /// What makes the row safe to use.
    pub evidence: DeclaredEvidence,
}

impl BenchmarkRow {
    /// The kind that the row declares; without one, `simulated` unless a profiler made it.
    pub fn kind(&self) -> EvidenceKind {
        self.evidence
            .kind
            .unwrap_or(match self.summary.profiler_type {
                Some(_) => EvidenceKind::Measured,
                None => EvidenceKind::Simulated,
            })
    }

    /// Takes a row out of texts as PostgreSQL writes them: those of [`ExportedSummary::COLUMNS`], then
    /// those of [`DeclaredEvidence::COLUMNS`]; `None` is null.
    ///
    /// # Errors
    /// Names the columns that cannot be read.
    pub fn from_texts<'t>(text: impl Fn(usize) -> Option<&'t str>) -> Result<Self, String> {
        let mut faults = Vec::new();
        let summary = ExportedSummary::from_text(&text, &mut faults);
        let first = ExportedSummary::COLUMNS.len();
        let evidence = DeclaredEvidence::from_text(|index| text(first + index), &mut faults);
        summary
            .zip(evidence)
            .map(|(summary, evidence)| Self { summary, evidence })
            .ok_or_else(|| {
                let told = |fault: &FieldFault| format!("{}: {}", fault.field, fault.problem);
                faults.iter().map(told).collect::<Vec<_>>().join("; ")
            })
    }

    /// The row as Compass JSON writes it, with its evidence. A number that is not finite, which
    /// JSON does not know, is text.
    pub fn to_json(&self) -> Map<String, Value> {
        let (mut row, mut evidence) = (Map::new(), Map::new());
        self.summary.put(&mut row);
        self.evidence.put(&mut evidence);
        row.insert("evidence".to_owned(), Value::Object(evidence));
        row
    }

    /// The row as decisions see it; `None` where it names no profile, hardware or id, and so is
    /// evidence for nothing (R2). `hardware` gives a GPU's canonical name.
    pub fn benchmark(
        &self,
        source: &str,
        hardware: impl Fn(&str) -> HardwareName,
    ) -> Option<Benchmark> {
        let (summary, evidence) = (&self.summary, &self.evidence);
        let latency = |mean_ms, p95_ms, p99_ms| Latency {
            mean_ms,
            p95_ms,
            p99_ms,
        };
        Some(Benchmark {
            id: summary.id?,
            configuration: Configuration {
                model: ModelName::new(summary.model_hf_repo.as_str()),
                hardware: hardware(summary.hardware.as_deref()?),
                hardware_count: summary.hardware_count.filter(|count| *count > 0)?,
                form_factor: evidence.gpu_form_factor.clone(),
                framework: summary.framework.clone(),
                framework_version: summary.framework_version.clone(),
                engine: EngineSettings {
                    weight_dtype: evidence.weight_dtype.clone(),
                    kv_cache_dtype: evidence.kv_cache_dtype.clone(),
                    max_num_seqs: evidence.max_num_seqs,
                    max_num_batched_tokens: evidence.max_num_batched_tokens,
                    parallelism: Parallelism {
                        tensor: evidence.tensor_parallel_size,
                        pipeline: evidence.pipeline_parallel_size,
                        data: evidence.data_parallel_size,
                        expert: evidence.expert_parallel_size,
                    },
                    speculative_decoding: evidence.speculative_decoding.clone(),
                    args_digest: evidence.args_digest.clone(),
                },
            },
            profile: self.profile()?,
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
            requests_completed: evidence.requests_completed,
            requests_total: requests_total([
                evidence.requests_completed,
                evidence.requests_failed,
                evidence.requests_incomplete,
            ]),
            kind: self.kind(),
            source: source.to_owned(),
            validation_class: evidence.validation_class,
            bounds_only: evidence.bounds_only.0,
            measured_at: summary.jbenchmark_created_at.and_then(|time| time.utc()),
        })
    }

    /// The traffic profile, where the row has one.
    pub fn profile(&self) -> Option<TrafficProfile> {
        let (prompt_tokens, output_tokens) =
            self.summary.prompt_tokens.zip(self.summary.output_tokens)?;
        Some(TrafficProfile {
            prompt_tokens,
            output_tokens,
        })
    }
}

/// Completed, failed and incomplete requests together; `None` where one is unknown. Counts that no
/// run can reach stop at the largest number.
pub fn requests_total(counts: [Option<i64>; 3]) -> Option<i64> {
    counts
        .into_iter()
        .try_fold(0_i64, |sum, count| Some(sum.saturating_add(count?)))
}

/// The name of the column that a field stands for: `type` for `r#type`.
const fn column(field: &'static str) -> &'static str {
    match field.as_bytes() {
        [b'r', b'#', ..] => field.split_at(2).1,
        _ => field,
    }
}

/// A struct whose fields are columns of the same name and order.
macro_rules! columns {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $field:ident: $type:ty,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name { $($(#[$doc])* pub $field: $type,)+ }

        impl $name {
            /// The columns, in order.
            pub const COLUMNS: &[&str] = &[$(column(stringify!($field))),+];

            /// Calls `each` with every column's name and value as PostgreSQL reads it, in order;
            /// `None` is null.
            pub fn for_each(&self, mut each: impl FnMut(&'static str, Option<&dyn Display>)) {
                $(each(column(stringify!($field)), Column::text(&self.$field));)+
            }

            /// Puts the columns that are not null into an object, by name.
            pub(super) fn put(&self, object: &mut Map<String, Value>) {
                $(match Column::json(&self.$field) {
                    Value::Null => {}
                    value => {
                        object.insert(column(stringify!($field)).to_owned(), value);
                    }
                })+
            }

            /// Adds bytes of the columns for which `counts`: no two contents add the same. A column
            /// that says nothing adds nothing, so that a later version may have more of them.
            pub(crate) fn add_bytes(&self, bytes: &mut Vec<u8>, counts: impl Fn(&str) -> bool) {
                $(if counts(column(stringify!($field))) {
                    add_named(column(stringify!($field)), &self.$field, bytes);
                })+
            }

            /// Takes the columns out of an object by name. What cannot be taken goes to `faults`,
            /// and then there is no row.
            pub(super) fn take(
                object: &mut Map<String, Value>,
                faults: &mut Vec<FieldFault>,
            ) -> Option<Self> {
                $(let $field = take::<$type>(object, column(stringify!($field)), faults);)+
                Some(Self { $($field: $field?,)+ })
            }

            /// Takes the columns out of a table's text: `field` gives the text of the n-th column
            /// of [`Self::COLUMNS`], `None` for null. Faults as above.
            pub(super) fn from_text<'t>(
                field: impl Fn(usize) -> Option<&'t str>,
                faults: &mut Vec<FieldFault>,
            ) -> Option<Self> {
                let mut number = 0;
                $(
                    let $field = <$type>::from_text(field(number))
                        .map_err(|problem| {
                            faults.push(FieldFault::new(column(stringify!($field)), problem));
                        })
                        .ok();
                    number += 1;
                )+
                debug_assert_eq!(number, Self::COLUMNS.len());
                Some(Self { $($field: $field?,)+ })
            }
        }
    };
}

columns! {
    /// The columns of the table `exported_summaries`. Latencies are milliseconds.
    ExportedSummary {
        /// Identity; made from the content where a file brings none.
        id: Option<Uuid>,
        /// The source's own name of the configuration; empty where it has none.
        config_id: Text,
        /// Hugging Face repository of the model.
        model_hf_repo: String,
        /// Who ran it.
        provider: Option<String>,
        /// The source's own word for the kind of run; empty where it has none.
        r#type: Text,
        /// Time to first token, mean.
        ttft_mean: f64,
        /// Time to first token, 90th percentile.
        ttft_p90: f64,
        /// Time to first token, 95th percentile.
        ttft_p95: f64,
        /// Time to first token, 99th percentile.
        ttft_p99: f64,
        /// End-to-end latency, mean.
        e2e_mean: f64,
        /// End-to-end latency, 90th percentile.
        e2e_p90: f64,
        /// End-to-end latency, 95th percentile.
        e2e_p95: f64,
        /// End-to-end latency, 99th percentile.
        e2e_p99: f64,
        /// Inter-token latency, mean.
        itl_mean: Option<f64>,
        /// Inter-token latency, 90th percentile.
        itl_p90: Option<f64>,
        /// Inter-token latency, 95th percentile.
        itl_p95: Option<f64>,
        /// Inter-token latency, 99th percentile.
        itl_p99: Option<f64>,
        /// Output tokens per second of a request, mean.
        tps_mean: Option<f64>,
        /// Output tokens per second of a request, 90th percentile.
        tps_p90: Option<f64>,
        /// Output tokens per second of a request, 95th percentile.
        tps_p95: Option<f64>,
        /// Output tokens per second of a request, 99th percentile.
        tps_p99: Option<f64>,
        /// GPU.
        hardware: Option<String>,
        /// GPUs of one replica.
        hardware_count: Option<i32>,
        /// Serving framework.
        framework: Option<String>,
        /// Offered rate.
        requests_per_second: f64,
        /// Served rate.
        responses_per_second: Option<f64>,
        /// Output tokens per second.
        tokens_per_second: f64,
        /// Mean length of the prompts as run.
        mean_input_tokens: f64,
        /// Mean length of the outputs as run.
        mean_output_tokens: f64,
        /// Data set of the prompts.
        huggingface_prompt_dataset: Option<String>,
        /// When the benchmark ran, UTC.
        jbenchmark_created_at: Option<UtcDateTime>,
        /// Entry point of the container.
        entrypoint: Option<String>,
        /// Image of the container.
        docker_image: Option<String>,
        /// Version of the framework.
        framework_version: Option<String>,
        /// When the row was made, UTC.
        created_at: Option<UtcDateTime>,
        /// When the row was last changed, UTC.
        updated_at: Option<UtcDateTime>,
        /// When the row was loaded, UTC.
        loaded_at: Option<UtcDateTime>,
        /// Configured tokens of the prompt.
        prompt_tokens: Option<i32>,
        /// Their standard deviation.
        prompt_tokens_stdev: Option<i32>,
        /// Their minimum.
        prompt_tokens_min: Option<i32>,
        /// Their maximum.
        prompt_tokens_max: Option<i32>,
        /// Configured tokens of the output.
        output_tokens: Option<i32>,
        /// Their minimum.
        output_tokens_min: Option<i32>,
        /// Their maximum.
        output_tokens_max: Option<i32>,
        /// Their standard deviation.
        output_tokens_stdev: Option<i32>,
        /// Tool that measured.
        profiler_type: Option<String>,
        /// Its image.
        profiler_image: Option<String>,
        /// Its tag.
        profiler_tag: Option<String>,
    }
}

columns! {
    /// What a source declares beside the row, as the table `benchmark_evidence` keeps it. `None`:
    /// the source does not say.
    #[derive(Default)]
    DeclaredEvidence {
        /// How the figures came about.
        kind: Option<EvidenceKind>,
        /// How requests arrived.
        arrival_process: Option<ArrivalProcess>,
        /// Rate that the client was told to offer, requests per second: a short run offers a
        /// little more or less.
        nominal_rps: Option<f64>,
        /// Requests that completed.
        requests_completed: Option<i64>,
        /// Requests that failed.
        requests_failed: Option<i64>,
        /// Requests that were cut off by the end of the run.
        requests_incomplete: Option<i64>,
        /// Length of the run, seconds.
        duration_s: Option<f64>,
        /// Which quantity the ITL columns hold.
        itl_definition: Option<ItlDefinition>,
        /// Standard deviation of the outputs as served, tokens.
        served_output_tokens_stdev: Option<f64>,
        /// Data type of the weights.
        weight_dtype: Option<String>,
        /// Data type of the KV cache.
        kv_cache_dtype: Option<String>,
        /// Share of the prompt that requests have in common, 0 to 1.
        prefix_sharing: Option<f64>,
        /// vLLM's `--max-num-seqs`.
        max_num_seqs: Option<i32>,
        /// vLLM's `--max-num-batched-tokens`.
        max_num_batched_tokens: Option<i32>,
        /// vLLM's `--tensor-parallel-size`.
        tensor_parallel_size: Option<i32>,
        /// vLLM's `--pipeline-parallel-size`.
        pipeline_parallel_size: Option<i32>,
        /// vLLM's `--data-parallel-size`.
        data_parallel_size: Option<i32>,
        /// GPUs over which the experts of a mixture are spread.
        expert_parallel_size: Option<i32>,
        /// Method of speculative decoding, `none` where it is known to be off.
        speculative_decoding: Option<String>,
        /// Digest of the remaining engine arguments.
        args_digest: Option<String>,
        /// Digest of the container's image.
        image_digest: Option<String>,
        /// SXM, PCIe, ...
        gpu_form_factor: Option<String>,
        /// Tool that made the figures.
        client: Option<String>,
        /// Its version.
        client_version: Option<String>,
        /// The client's own name of the run.
        run_id: Option<String>,
        /// How well the source was checked against measurements.
        validation_class: Option<ValidationClass>,
        /// The row may only show where a capacity ends.
        bounds_only: Flag,
        /// Whatever else says where the figures come from: an object.
        provenance: Option<Provenance>,
    }
}
