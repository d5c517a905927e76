//! A row as files and the table hold it: the columns of `exported_summaries`, and what Compass
//! keeps beside them.

use std::fmt::Display;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{ArrivalProcess, EvidenceKind, ItlDefinition, ValidationClass};

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
}

/// A field of a row that cannot be taken, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FieldFault {
    pub(super) field: String,
    pub(super) problem: String,
}

impl FieldFault {
    pub(super) fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            problem: problem.into(),
        }
    }
}

/// Something that a column can hold; `None` is SQL's null.
trait ColumnValue {
    fn display(&self) -> Option<&dyn Display>;
}

impl<T: ColumnValue> ColumnValue for Option<T> {
    fn display(&self) -> Option<&dyn Display> {
        self.as_ref().and_then(ColumnValue::display)
    }
}

macro_rules! column_values {
    ($($type:ty),+) => {
        $(impl ColumnValue for $type {
            fn display(&self) -> Option<&dyn Display> {
                Some(self)
            }
        })+
    };
}

column_values!(
    String,
    Text,
    f64,
    i32,
    i64,
    Flag,
    Uuid,
    UtcDateTime,
    Provenance
);
column_values!(EvidenceKind, ArrivalProcess, ItlDefinition, ValidationClass);

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

            /// The columns' values, in the same order.
            pub fn values(&self) -> Vec<Option<&dyn Display>> {
                vec![$(self.$field.display()),+]
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
        /// Digest of the remaining engine arguments.
        args_digest: Option<String>,
        /// SXM, PCIe, ...
        gpu_form_factor: Option<String>,
        /// Tool that made the figures.
        client: Option<String>,
        /// Its version.
        client_version: Option<String>,
        /// How well the source was checked against measurements.
        validation_class: Option<ValidationClass>,
        /// The row may only show where a capacity ends.
        bounds_only: Flag,
        /// Whatever else says where the figures come from: an object.
        provenance: Option<Provenance>,
    }
}

/// Text that is empty where a file leaves it out: the column cannot be null.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(pub String);

/// False where a file leaves it out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flag(pub bool);

/// A time of a column without zone: UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UtcDateTime(pub DateTime);

/// A JSON object.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Provenance(pub Map<String, Value>);

impl Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Display for Flag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Display for UtcDateTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Display for Provenance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&serde_json::to_string(&self.0).map_err(|_| std::fmt::Error)?)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Option::deserialize(deserializer)?.unwrap_or_default()))
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Option::deserialize(deserializer)?.unwrap_or_default()))
    }
}

impl<'de> Deserialize<'de> for UtcDateTime {
    /// A civil time as SQL writes it, or one with a zone, which is converted.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let zoned = |timestamp: jiff::Timestamp| timestamp.to_zoned(TimeZone::UTC).datetime();
        text.parse()
            .map(zoned)
            .or_else(|_| text.parse::<DateTime>())
            .map(Self)
            .map_err(|_| de::Error::custom("not a time such as 2026-11-23T14:05:00"))
    }
}

fn take<T: de::DeserializeOwned>(
    object: &mut Map<String, Value>,
    field: &str,
    faults: &mut Vec<FieldFault>,
) -> Option<T> {
    let value = object.remove(field).unwrap_or(Value::Null);
    let absent = value.is_null();
    serde_json::from_value(value)
        .map_err(|error| {
            let problem = if absent {
                "required and missing".into()
            } else {
                error.to_string()
            };
            faults.push(FieldFault::new(field, problem));
        })
        .ok()
}
