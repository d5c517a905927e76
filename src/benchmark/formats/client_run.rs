//! One run of a load generator as a row, the same for every tool that writes results of its own.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Told;
use super::error::FormatError;
use crate::benchmark::column::FieldFault;
use crate::benchmark::{
    ArrivalProcess, BenchmarkRow, DeclaredEvidence, EvidenceKind, ExportedSummary, ItlDefinition,
    Parallelism, Provenance, Text, UtcDateTime,
};

/// Mean tokens of the requests may be this far from the configured ones: a chat template adds some
/// (seen: 523 for 512), and the outputs' spread moves their mean.
const TOKENS_APART: f64 = 64.0;
/// Or this share of them.
const TOKENS_SHARE: f64 = 0.25;

/// A run that served more than this many times its nominal rate was not run at it (a short Poisson
/// run at 3/s was seen to serve up to 4.1/s).
const MOST_ABOVE_NOMINAL: f64 = 1.5;

/// A latency of a run, milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Statistics {
    pub(super) mean_ms: Option<f64>,
    pub(super) p90_ms: Option<f64>,
    pub(super) p95_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
}

/// Configured tokens of one side of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Tokens {
    pub(super) configured: Option<i32>,
    pub(super) stdev: Option<i32>,
    pub(super) min: Option<i32>,
    pub(super) max: Option<i32>,
}

/// What a tool says of one run; `None` where it does not.
#[derive(Clone, Debug, Default)]
pub(super) struct ClientRun {
    pub(super) client: &'static str,
    pub(super) client_version: Option<String>,
    pub(super) run_id: Option<String>,
    pub(super) started_at: Option<UtcDateTime>,
    pub(super) duration_s: Option<f64>,
    pub(super) model: Option<String>,
    pub(super) hardware: Option<String>,
    pub(super) hardware_count: Option<i32>,
    pub(super) framework: Option<String>,
    pub(super) framework_version: Option<String>,
    pub(super) parallelism: Parallelism,
    pub(super) arrival_process: Option<ArrivalProcess>,
    pub(super) nominal_rps: Option<f64>,
    pub(super) served_rps: Option<f64>,
    pub(super) output_tokens_per_second: Option<f64>,
    pub(super) prompt: Tokens,
    pub(super) output: Tokens,
    pub(super) mean_input_tokens: Option<f64>,
    pub(super) mean_output_tokens: Option<f64>,
    pub(super) served_output_tokens_stdev: Option<f64>,
    pub(super) ttft: Statistics,
    pub(super) itl: Statistics,
    pub(super) e2e: Statistics,
    pub(super) itl_definition: Option<ItlDefinition>,
    pub(super) completed: Option<i64>,
    pub(super) failed: Option<i64>,
    pub(super) incomplete: Option<i64>,
    pub(super) provenance: Map<String, Value>,
}

impl ClientRun {
    /// Refuses a file that leaves out, as the person does, what makes its rows evidence for
    /// anything.
    pub(super) fn require(&self, file: &str, told: &Told) -> Result<(), FormatError> {
        let mut missing = Vec::new();
        let mut flags = Vec::new();
        let mut need = |is_known: bool, what: &'static str, flag: &'static str| {
            if !is_known {
                missing.push(what);
                flags.push(flag);
            }
        };
        let is_named = self.model.as_ref().is_some_and(|model| !model.is_empty());
        need(
            is_named || told.model.is_some(),
            "the model",
            "--model REPOSITORY",
        );
        need(
            self.hardware.is_some() || told.hardware.is_some(),
            "the GPU",
            "--hardware NAME",
        );
        need(
            self.hardware_count.is_some() || told.hardware_count.is_some(),
            "how many GPUs a replica has",
            "--hardware-count N",
        );
        let has_profile = self.prompt.configured.is_some() && self.output.configured.is_some();
        need(
            has_profile || told.profile.is_some(),
            "the configured tokens of prompt and output",
            "--profile PROMPT/OUTPUT",
        );
        if missing.is_empty() {
            return Ok(());
        }
        let mean = self
            .mean_input_tokens
            .zip(self.mean_output_tokens)
            .filter(|_| !has_profile)
            .map(|(input, output)| {
                format!(" (its requests had {input:.0} and {output:.0} tokens on average)")
            });
        Err(FormatError::NotRecorded {
            file: file.to_owned(),
            what: format!(
                "it does not record {}{}",
                missing.join(", "),
                mean.unwrap_or_default()
            ),
            flags: flags.join(" "),
        })
    }

    /// Refuses a file whose successful requests have no p95s.
    pub(super) fn require_p95s(&self, file: &str, remedy: &str) -> Result<(), FormatError> {
        let missing: Vec<_> = [("TTFT", self.ttft), ("ITL", self.itl), ("E2E", self.e2e)]
            .into_iter()
            .filter(|(_, latency)| latency.p95_ms.is_none())
            .map(|(name, _)| name)
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(FormatError::Incomplete {
            file: file.to_owned(),
            what: format!("it has no p95 of {}", missing.join(", ")),
            remedy: remedy.to_owned(),
        })
    }

    /// The row of the run.
    pub(super) fn into_row(
        self,
        told: &Told,
        faults: &mut Vec<FieldFault>,
    ) -> Option<BenchmarkRow> {
        if self.completed == Some(0) {
            faults.push(FieldFault::new(
                "evidence.requests_completed",
                "no request succeeded, so its figures are no latencies",
            ));
            return None;
        }
        let profile = told.profile;
        for (field, mean, configured) in [
            (
                "mean_input_tokens",
                self.mean_input_tokens,
                self.prompt
                    .configured
                    .or(profile.map(|told| told.prompt_tokens)),
            ),
            (
                "mean_output_tokens",
                self.mean_output_tokens,
                self.output
                    .configured
                    .or(profile.map(|told| told.output_tokens)),
            ),
        ] {
            if let Some((mean, configured)) = mean.zip(configured.map(f64::from))
                && (mean - configured).abs() > TOKENS_APART.max(TOKENS_SHARE * configured)
            {
                faults.push(FieldFault::new(
                    field,
                    format!("{mean:.0} on average, while {configured} are configured: another profile than it says"),
                ));
            }
        }
        // GuideLLM from 0.4 on may let its workers send at once what was to be spread.
        if let Some((nominal, served)) = self.nominal_rps.zip(self.served_rps)
            && served > MOST_ABOVE_NOMINAL * nominal
        {
            faults.push(FieldFault::new(
                "requests_per_second",
                format!("{served:.2}/s were served where {nominal}/s were to be offered: the client did not keep its rate"),
            ));
        }
        let mut need = |field: &str, value: Option<f64>| {
            if value.is_none() {
                faults.push(FieldFault::new(field, "required and missing"));
            }
            value.unwrap_or_default()
        };
        // The rate as served stands for an offered one where the load gives way to the server.
        let requests_per_second = need("requests_per_second", self.nominal_rps.or(self.served_rps));
        let means = [
            need("ttft_mean", self.ttft.mean_ms),
            need("ttft_p95", self.ttft.p95_ms),
            need("e2e_mean", self.e2e.mean_ms),
            need("e2e_p95", self.e2e.p95_ms),
            need("tokens_per_second", self.output_tokens_per_second),
            need("mean_input_tokens", self.mean_input_tokens),
            need("mean_output_tokens", self.mean_output_tokens),
        ];
        let [
            ttft_mean,
            ttft_p95,
            e2e_mean,
            e2e_p95,
            tokens_per_second,
            mean_input_tokens,
            mean_output_tokens,
        ] = means;
        // 0 stands for a percentile that was not recorded, where the column cannot be null.
        let or_unrecorded = |percentile: Option<f64>| percentile.unwrap_or_default();
        let summary = ExportedSummary {
            id: None,
            config_id: Text::default(),
            model_hf_repo: self.model.unwrap_or_default(),
            provider: None,
            r#type: Text("benchmark".to_owned()),
            ttft_mean,
            ttft_p90: or_unrecorded(self.ttft.p90_ms),
            ttft_p95,
            ttft_p99: or_unrecorded(self.ttft.p99_ms),
            e2e_mean,
            e2e_p90: or_unrecorded(self.e2e.p90_ms),
            e2e_p95,
            e2e_p99: or_unrecorded(self.e2e.p99_ms),
            itl_mean: self.itl.mean_ms,
            itl_p90: self.itl.p90_ms,
            itl_p95: self.itl.p95_ms,
            itl_p99: self.itl.p99_ms,
            tps_mean: None,
            tps_p90: None,
            tps_p95: None,
            tps_p99: None,
            hardware: self.hardware,
            hardware_count: self.hardware_count,
            framework: self.framework,
            requests_per_second,
            responses_per_second: self.served_rps,
            tokens_per_second,
            mean_input_tokens,
            mean_output_tokens,
            huggingface_prompt_dataset: None,
            jbenchmark_created_at: self.started_at,
            entrypoint: None,
            docker_image: None,
            framework_version: self.framework_version,
            created_at: None,
            updated_at: None,
            loaded_at: None,
            prompt_tokens: self.prompt.configured,
            prompt_tokens_stdev: self.prompt.stdev,
            prompt_tokens_min: self.prompt.min,
            prompt_tokens_max: self.prompt.max,
            output_tokens: self.output.configured,
            output_tokens_min: self.output.min,
            output_tokens_max: self.output.max,
            output_tokens_stdev: self.output.stdev,
            profiler_type: Some(self.client.to_owned()),
            profiler_image: None,
            profiler_tag: self.client_version.clone(),
        };
        let evidence = DeclaredEvidence {
            kind: Some(EvidenceKind::Measured),
            arrival_process: self.arrival_process,
            nominal_rps: self.nominal_rps,
            requests_completed: self.completed,
            requests_failed: self.failed,
            requests_incomplete: self.incomplete,
            duration_s: self.duration_s,
            itl_definition: self.itl_definition,
            served_output_tokens_stdev: self.served_output_tokens_stdev,
            tensor_parallel_size: self.parallelism.tensor,
            pipeline_parallel_size: self.parallelism.pipeline,
            data_parallel_size: self.parallelism.data,
            expert_parallel_size: self.parallelism.expert,
            client: Some(self.client.to_owned()),
            client_version: self.client_version,
            run_id: self.run_id,
            provenance: (!self.provenance.is_empty()).then_some(Provenance(self.provenance)),
            ..DeclaredEvidence::default()
        };
        Some(BenchmarkRow { summary, evidence })
    }
}

/// What people write beside a run, by the names that they use for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Labels(BTreeMap<String, Value>);

impl Labels {
    pub(super) fn new(labels: impl IntoIterator<Item = (String, Value)>) -> Self {
        Self(
            labels
                .into_iter()
                .map(|(name, value)| (name.to_lowercase().replace('-', "_"), value))
                .collect(),
        )
    }

    fn text(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| match self.0.get(*name)? {
            Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
    }

    fn count(&self, names: &[&str]) -> Option<i32> {
        self.text(names)?.parse().ok()
    }

    /// Fills what the run leaves open.
    pub(super) fn fill(&self, run: &mut ClientRun) {
        run.hardware = run
            .hardware
            .take()
            .or_else(|| self.text(&["hardware", "gpu", "accelerator", "gpu_type"]));
        run.parallelism.tensor = run
            .parallelism
            .tensor
            .or_else(|| self.count(&["tensor_parallel_size", "tensor_parallel", "tp", "tp_size"]));
        run.hardware_count = run
            .hardware_count
            .or_else(|| self.count(&["hardware_count", "gpu_count", "num_gpus", "gpus"]))
            .or(run.parallelism.tensor);
        run.framework_version = run.framework_version.take().or_else(|| {
            self.text(&[
                "framework_version",
                "vllm_version",
                "engine_version",
                "version",
            ])
        });
        run.prompt.configured = run.prompt.configured.or_else(|| {
            self.count(&[
                "prompt_tokens",
                "input_len",
                "random_input_len",
                "input_tokens",
            ])
        });
        run.output.configured = run
            .output
            .configured
            .or_else(|| self.count(&["output_tokens", "output_len", "random_output_len"]));
    }
}

/// A time in seconds since 1970, as tools write it.
pub(super) fn at(seconds: f64) -> Option<UtcDateTime> {
    let milliseconds = (seconds * 1000.0).round();
    // 1970 to 9999.
    if !(0.0..253_402_207_200_000.0).contains(&milliseconds) {
        return None;
    }
    let timestamp = jiff::Timestamp::from_millisecond(milliseconds as i64).ok()?;
    Some(UtcDateTime(
        timestamp.to_zoned(jiff::tz::TimeZone::UTC).datetime(),
    ))
}
