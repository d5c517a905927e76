//! Benchmark reports of llm-d-benchmark, versions 0.1 and 0.2, as YAML or JSON. Each latency names its
//! unit. A report is of one run.

use std::io::Read;

use serde_json::{Map, Value};

use super::client_run::{ClientRun, Statistics, Tokens, at};
use super::error::FormatError;
use super::input::Input;
use super::intake::Intake;
use crate::benchmark::column::FieldFault;
use crate::benchmark::{ArrivalProcess, EngineArgs, ItlDefinition, Parallelism, UtcDateTime};

/// A report is held whole; real ones have tens of kilobytes.
const LONGEST: u64 = 4 << 20;
const P95_REMEDY: &str = "let the harness report p95s (for vllm bench serve: --percentile-metrics ttft,tpot,itl,e2el --metric-percentiles 90,95,99)";

pub(super) fn read(mut input: Input, intake: &mut Intake) -> Result<(), FormatError> {
    let name = input.name().to_owned();
    let mut text = String::new();
    let read = input.bytes().take(LONGEST + 1).read_to_string(&mut text);
    read.map_err(|error| input.unreadable(error))?;
    if text.len() as u64 > LONGEST {
        return Err(FormatError::malformed(
            &name,
            1,
            format!("a report is longer than {} MiB", LONGEST >> 20),
        ));
    }
    // JSON is YAML, and harnesses write infinite rates into both; they become null.
    let options = serde_saphyr::options! {
        non_finite_float_policy: serde_saphyr::options::NonFiniteFloatPolicy::PassThrough,
    };
    let report = serde_saphyr::from_str_with_options(&text, options).map_err(|error| {
        let line = error.location().map_or(1, |at| at.line() as usize);
        FormatError::malformed(&name, line, error)
    })?;
    let report = Report(report);
    intake.begin(None)?;
    let run = report.client_run();
    run.require(&name, intake.told())?;
    if run.completed != Some(0) {
        run.require_p95s(&name, P95_REMEDY)?;
    }
    let mut faults = report.faults();
    let mut row = run.into_row(intake.told(), &mut faults);
    if let Some(row) = &mut row {
        report.engine(&mut row.evidence);
    }
    intake.take(1, row, faults)
}

struct Report(Value);

impl Report {
    /// What stands at one of the paths, the first that holds something.
    fn at(&self, paths: &[&str]) -> Option<&Value> {
        paths
            .iter()
            .find_map(|path| self.0.pointer(path).filter(|value| !value.is_null()))
    }

    fn text(&self, paths: &[&str]) -> Option<String> {
        let text = self.at(paths)?.as_str()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn number(&self, paths: &[&str]) -> Option<f64> {
        number(self.at(paths)?)
    }

    fn count(&self, paths: &[&str]) -> Option<i64> {
        self.number(paths).map(|number| number as i64)
    }

    fn small(&self, paths: &[&str]) -> Option<i32> {
        self.count(paths)
            .and_then(|count| i32::try_from(count).ok())
    }

    /// The engines of the stack, without routers and the like.
    fn engines(&self) -> Vec<&Value> {
        let stack = self.at(&["/scenario/stack"]).and_then(Value::as_array);
        stack
            .into_iter()
            .flatten()
            .filter(|part| {
                part.pointer("/standardized/kind").and_then(Value::as_str)
                    == Some("inference_engine")
            })
            .collect()
    }

    /// Why the report is not of one replica of one configuration.
    fn faults(&self) -> Vec<FieldFault> {
        let mut faults = Vec::new();
        let engines = self.engines();
        let hosts = self.at(&["/scenario/host/type"]).and_then(Value::as_array);
        let parts = engines.len().max(hosts.map_or(0, Vec::len));
        if parts > 1 {
            faults.push(FieldFault::new(
                "hardware_count",
                format!("{parts} engines served together (prefill apart from decode, or several kinds): Compass takes benchmarks of one replica of one kind"),
            ));
        }
        let replicas = engines
            .first()
            .and_then(|engine| number(engine.pointer("/standardized/replicas")?));
        if let Some(replicas) = replicas.filter(|replicas| *replicas > 1.0) {
            faults.push(FieldFault::new(
                "hardware_count",
                format!("{replicas} replicas served together: Compass takes benchmarks of one"),
            ));
        }
        faults
    }

    fn latency(&self, name: &str) -> Statistics {
        let Some(latency) = self.at(&[
            &format!("/results/request_performance/aggregate/latency/{name}"),
            &format!("/metrics/latency/{name}"),
        ]) else {
            return Statistics::default();
        };
        let units = latency
            .get("units")
            .and_then(Value::as_str)
            .unwrap_or_default();
        // A unit that is not known makes no latency.
        let ms = match units.split('/').next().unwrap_or_default() {
            "s" => 1000.0,
            "ms" => 1.0,
            "us" => 0.001,
            _ => return Statistics::default(),
        };
        let of = |key: &str| Some(number(latency.get(key)?)? * ms);
        Statistics {
            mean_ms: of("mean"),
            p90_ms: of("p90"),
            p95_ms: of("p95"),
            p99_ms: of("p99"),
        }
    }

    fn tool(&self) -> String {
        self.text(&["/scenario/load/standardized/tool", "/scenario/load/name"])
            .unwrap_or_default()
    }

    fn arrival_process(&self, rate: Option<f64>) -> Option<ArrivalProcess> {
        let native = self.text(&[
            "/scenario/load/native/config/spec/profile/kind",
            "/scenario/load/native/config/args/profile",
            "/scenario/load/native/config/load/type",
            "/scenario/load/args/profile",
            "/scenario/load/args/load/type",
        ]);
        let concurrency = self.number(&["/scenario/load/standardized/concurrency"]);
        match native.as_deref() {
            Some("poisson") => return Some(ArrivalProcess::Poisson),
            Some("constant" | "async") => return Some(ArrivalProcess::Constant),
            Some("concurrent" | "synchronous") => return Some(ArrivalProcess::ClosedLoop),
            Some("throughput") => return Some(ArrivalProcess::Throughput),
            _ => {}
        }
        match (rate, concurrency) {
            (None, Some(_)) => Some(ArrivalProcess::ClosedLoop),
            (Some(_), None) if self.tool().contains("vllm") => {
                let burstiness = self.number(&[
                    "/scenario/load/native/args/burstiness",
                    "/scenario/load/args/burstiness",
                ]);
                let limit = self.number(&[
                    "/scenario/load/native/args/max-concurrency",
                    "/scenario/load/args/max_concurrency",
                ]);
                (burstiness.unwrap_or(1.0) == 1.0 && limit.is_none())
                    .then_some(ArrivalProcess::Poisson)
            }
            _ => None,
        }
    }

    fn client_run(&self) -> ClientRun {
        let engine = self.engines().first().copied();
        let of_engine = |path: &str| engine.and_then(|engine| engine.pointer(path));
        let accelerator =
            of_engine("/standardized/accelerator").or(self.at(&["/scenario/host/accelerator/0"]));
        let of_accelerator = |path: &str| accelerator.and_then(|part| part.pointer(path));
        let degree = |name: &str| {
            number(of_accelerator(&format!("/parallelism/{name}"))?).map(|degree| degree as i32)
        };
        let tool = self.tool();
        let rate = self.number(&[
            "/scenario/load/standardized/rate_qps",
            "/scenario/load/args/request_rate",
        ]);
        let rate = rate.filter(|rate| rate.is_finite() && *rate > 0.0);
        let requests = |name: &str| {
            self.count(&[
                &format!("/results/request_performance/aggregate/requests/{name}"),
                &format!("/metrics/requests/{name}"),
            ])
        };
        let tokens = |name: &str, statistic: &str| {
            self.number(&[
                &format!("/results/request_performance/aggregate/requests/{name}/{statistic}"),
                &format!("/metrics/requests/{name}/{statistic}"),
            ])
        };
        let total = requests("total");
        let failed = requests("failures");
        let incomplete = requests("incomplete");
        let mut provenance = Map::new();
        if let Some(concurrency) = self.at(&["/scenario/load/standardized/concurrency"]) {
            provenance.insert("concurrency".to_owned(), concurrency.clone());
        }
        provenance.insert("harness".to_owned(), tool.clone().into());
        let serves_vllm = of_engine("/standardized/tool").and_then(Value::as_str) == Some("vllm");
        ClientRun {
            client: "llm-d-benchmark",
            client_version: self.text(&["/version"]),
            run_id: self.text(&["/run/uid", "/run/eid", "/metadata/eid"]),
            started_at: self
                .text(&["/run/time/start"])
                .and_then(|text| text.parse::<UtcDateTime>().ok())
                .or_else(|| at(self.number(&["/metrics/time/start"])?)),
            duration_s: self
                .text(&["/run/time/duration"])
                .and_then(|text| text.parse::<jiff::SignedDuration>().ok())
                .map(|duration| duration.as_secs_f64())
                .or_else(|| self.number(&["/metrics/time/duration"])),
            model: of_engine("/standardized/model/name")
                .and_then(Value::as_str)
                .map(str::to_owned)
                .or_else(|| {
                    self.text(&[
                        "/scenario/model/name",
                        "/scenario/load/native/config/spec/backend/model",
                    ])
                }),
            hardware: of_accelerator("/model")
                .and_then(Value::as_str)
                .map(str::to_owned),
            hardware_count: of_accelerator("/count")
                .and_then(number)
                .map(|count| count as i32),
            framework: serves_vllm.then(|| "vllm".to_owned()),
            framework_version: of_engine("/standardized/tool_version")
                .and_then(Value::as_str)
                .filter(|_| serves_vllm)
                .map(|image| version(image).to_owned()),
            parallelism: Parallelism {
                tensor: degree("tp"),
                pipeline: degree("pp"),
                data: degree("dp"),
                expert: degree("ep"),
            },
            arrival_process: self.arrival_process(rate),
            nominal_rps: rate,
            served_rps: self.number(&[
                "/results/request_performance/aggregate/throughput/request_rate/mean",
                "/metrics/throughput/requests_per_sec",
            ]),
            output_tokens_per_second: self.number(&[
                "/results/request_performance/aggregate/throughput/output_token_rate/mean",
                "/metrics/throughput/output_tokens_per_sec",
            ]),
            prompt: Tokens {
                configured: self.small(&["/scenario/load/standardized/input_seq_len/value"]),
                stdev: self.small(&["/scenario/load/standardized/input_seq_len/std_dev"]),
                min: self.small(&["/scenario/load/standardized/input_seq_len/min"]),
                max: self.small(&["/scenario/load/standardized/input_seq_len/max"]),
            },
            output: Tokens {
                configured: self.small(&["/scenario/load/standardized/output_seq_len/value"]),
                stdev: self.small(&["/scenario/load/standardized/output_seq_len/std_dev"]),
                min: self.small(&["/scenario/load/standardized/output_seq_len/min"]),
                max: self.small(&["/scenario/load/standardized/output_seq_len/max"]),
            },
            mean_input_tokens: tokens("input_length", "mean"),
            mean_output_tokens: tokens("output_length", "mean"),
            served_output_tokens_stdev: tokens("output_length", "stddev"),
            ttft: self.latency("time_to_first_token"),
            itl: self.latency("inter_token_latency"),
            e2e: self.latency("request_latency"),
            itl_definition: if tool.contains("guidellm") {
                Some(ItlDefinition::RequestMean)
            } else if tool.contains("vllm") {
                Some(ItlDefinition::TokenGap)
            } else {
                None
            },
            completed: total.map(|total| total - failed.unwrap_or(0) - incomplete.unwrap_or(0)),
            failed,
            incomplete,
            provenance,
        }
    }

    /// What the engine was started with, where the report lists it.
    fn engine(&self, evidence: &mut crate::benchmark::DeclaredEvidence) {
        let engines = self.engines();
        let Some(Value::Object(listed)) = engines
            .first()
            .and_then(|engine| engine.pointer("/native/args"))
        else {
            return;
        };
        let mut args = EngineArgs::of(listed.iter().map(|(name, value)| {
            let value = match value {
                Value::String(text) => text.clone(),
                Value::Null => "true".to_owned(),
                other => other.to_string(),
            };
            (name.clone(), value)
        }));
        for name in [
            "tensor-parallel-size",
            "pipeline-parallel-size",
            "data-parallel-size",
        ] {
            args.take(name);
        }
        evidence.max_num_seqs = args.take_count("max-num-seqs");
        evidence.max_num_batched_tokens = args.take_count("max-num-batched-tokens");
        evidence.kv_cache_dtype = args.take("kv-cache-dtype");
        evidence.speculative_decoding = args.take("speculative-config");
        evidence.args_digest = Some(args.digest());
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The tag of an image, or a version as it is, without a `v` before it.
fn version(image: &str) -> &str {
    let tag = image.rsplit_once(':').map_or(image, |(_, tag)| tag);
    tag.strip_prefix('v').unwrap_or(tag)
}
