//! Results of GuideLLM 0.2 to 0.8. The layouts differ in where model, data and strategy stand; the
//! figures of a run always stand under `metrics`. Latencies are milliseconds but for
//! `request_latency`, which is seconds.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::client_run::{ClientRun, Labels, Statistics, Tokens, at};
use super::error::FormatError;
use super::input::Input;
use super::intake::Intake;
use super::json_document;
use crate::benchmark::{ArrivalProcess, ItlDefinition};

const MS_PER_S: f64 = 1000.0;
const P95_REMEDY: &str = "benchmark with GuideLLM 0.2 or newer, and save the result as JSON (--output-path benchmarks.json)";

pub(super) fn read(input: Input, intake: &mut Intake) -> Result<(), FormatError> {
    let name = input.name().to_owned();
    intake.begin(None)?;
    json_document::each(input, |_, document: Document| {
        if document.benchmarks.is_empty() {
            return Err(FormatError::malformed(
                &name,
                1,
                "there are no benchmarks in it",
            ));
        }
        for run in &document.benchmarks {
            let has_results = run.metrics.request_totals.or(run.request_totals);
            let mut client = run.client_run(&document);
            let labels = document.labels.iter().chain(run.extras.iter()).flatten();
            Labels::new(labels.map(|(name, value)| (name.clone(), value.clone())))
                .fill(&mut client);
            client.require(&name, intake.told())?;
            if has_results.is_none_or(|totals| totals.successful != 0) {
                client.require_p95s(&name, P95_REMEDY)?;
            }
            let mut faults = Vec::new();
            let row = client.into_row(intake.told(), &mut faults);
            intake.take(1, row, faults)?;
        }
        Ok(())
    })
}

/// A file, as far as it is asked.
#[derive(Deserialize)]
#[serde(from = "RawDocument")]
struct Document {
    version: Option<String>,
    model: Option<String>,
    data: Option<Data>,
    labels: Option<Map<String, Value>>,
    benchmarks: Vec<Run>,
}

#[derive(Deserialize)]
struct RawDocument {
    metadata: Option<Metadata>,
    /// 0.4 to 0.6.
    args: Option<Args>,
    /// From 0.7 on.
    config: Option<Config>,
    #[serde(deserialize_with = "json_document::runs")]
    benchmarks: Vec<Run>,
}

#[derive(Deserialize)]
struct Metadata {
    guidellm_version: Option<String>,
}

#[derive(Deserialize)]
struct Args {
    model: Option<String>,
    /// 0.6 has the model there.
    backend_kwargs: Option<Backend>,
    data: Option<Value>,
}

#[derive(Deserialize)]
struct Config {
    metadata: Option<Labelled>,
    spec: Option<Spec>,
}

#[derive(Deserialize)]
struct Labelled {
    labels: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Spec {
    backend: Option<Backend>,
    data: Option<Value>,
}

#[derive(Deserialize)]
struct Backend {
    model: Option<String>,
}

impl From<RawDocument> for Document {
    fn from(raw: RawDocument) -> Self {
        let (args_model, args_data) = raw.args.map_or((None, None), |args| {
            let of_backend = args.backend_kwargs.and_then(|backend| backend.model);
            (named(args.model).or(named(of_backend)), args.data)
        });
        let (labels, spec) = raw
            .config
            .map_or((None, None), |config| (config.metadata, config.spec));
        let (backend, spec_data) = spec.map_or((None, None), |spec| (spec.backend, spec.data));
        Self {
            version: raw.metadata.and_then(|metadata| metadata.guidellm_version),
            model: args_model.or(named(backend.and_then(|backend| backend.model))),
            data: args_data.or(spec_data).as_ref().and_then(Data::of),
            labels: labels.and_then(|metadata| metadata.labels),
            benchmarks: raw.benchmarks,
        }
    }
}

/// A name that is there: not given is null in some versions and empty in others.
fn named(name: Option<String>) -> Option<String> {
    name.filter(|name| !name.trim().is_empty())
}

#[derive(Deserialize)]
struct Run {
    id_: Option<String>,
    run_id: Option<String>,
    /// From 0.4 on.
    config: Option<RunConfig>,
    /// 0.2 and 0.3.
    args: Option<RunConfig>,
    worker: Option<Worker>,
    request_loader: Option<RequestLoader>,
    request_totals: Option<Totals>,
    run_stats: Option<RunStats>,
    extras: Option<Map<String, Value>>,
    metrics: Metrics,
    start_time: Option<f64>,
    end_time: Option<f64>,
    duration: Option<f64>,
}

#[derive(Deserialize)]
struct RunConfig {
    id_: Option<String>,
    run_id: Option<String>,
    strategy: Option<Strategy>,
    backend: Option<Backend>,
}

#[derive(Deserialize)]
struct Worker {
    backend_model: Option<String>,
}

#[derive(Deserialize)]
struct RequestLoader {
    data: Option<Value>,
}

#[derive(Deserialize)]
struct RunStats {
    start_time: Option<f64>,
}

#[derive(Clone, Copy, Deserialize)]
struct Totals {
    successful: i64,
    #[serde(default)]
    errored: i64,
    #[serde(default)]
    incomplete: i64,
}

#[derive(Deserialize)]
struct Strategy {
    type_: String,
    rate: Option<f64>,
    streams: Option<i64>,
    max_concurrency: Option<i64>,
}

#[derive(Deserialize)]
struct Metrics {
    request_totals: Option<Totals>,
    requests_per_second: Option<Metric>,
    request_latency: Option<Metric>,
    prompt_token_count: Option<Metric>,
    output_token_count: Option<Metric>,
    time_to_first_token_ms: Option<Metric>,
    inter_token_latency_ms: Option<Metric>,
    output_tokens_per_second: Option<Metric>,
}

#[derive(Deserialize)]
struct Metric {
    /// Never `total`, into which the zeros of failed requests are mixed.
    successful: Option<Distribution>,
}

#[derive(Clone, Copy, Deserialize)]
struct Distribution {
    mean: Option<f64>,
    std_dev: Option<f64>,
    count: Option<f64>,
    percentiles: Option<Percentiles>,
}

#[derive(Clone, Copy, Deserialize)]
struct Percentiles {
    p90: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
}

/// The distribution over successful requests; an empty one is written as zeros, and is none.
fn distribution(metric: &Option<Metric>) -> Option<Distribution> {
    metric
        .as_ref()?
        .successful
        .filter(|distribution| distribution.count != Some(0.0))
}

fn statistics(metric: &Option<Metric>, ms: f64) -> Statistics {
    let Some(distribution) = distribution(metric) else {
        return Statistics::default();
    };
    let in_ms = |value: Option<f64>| value.map(|value| value * ms);
    let percentile =
        |of: fn(Percentiles) -> Option<f64>| in_ms(distribution.percentiles.and_then(of));
    Statistics {
        mean_ms: in_ms(distribution.mean),
        p90_ms: percentile(|p| p.p90),
        p95_ms: percentile(|p| p.p95),
        p99_ms: percentile(|p| p.p99),
    }
}

impl Run {
    fn client_run(&self, document: &Document) -> ClientRun {
        let configs = || self.config.iter().chain(&self.args);
        let strategy = configs().find_map(|config| config.strategy.as_ref());
        let own_model = configs()
            .find_map(|config| named(config.backend.as_ref()?.model.clone()))
            .or_else(|| named(self.worker.as_ref()?.backend_model.clone()));
        let own_data = self
            .request_loader
            .as_ref()
            .and_then(|loader| Data::of(loader.data.as_ref()?));
        let data = own_data.or(document.data).unwrap_or_default();
        let totals = self.metrics.request_totals.or(self.request_totals);
        let started = self
            .start_time
            .or(self.run_stats.as_ref().and_then(|stats| stats.start_time));
        let mean = |metric| distribution(metric).and_then(|distribution| distribution.mean);
        ClientRun {
            client: "guidellm",
            client_version: document.version.clone(),
            run_id: configs()
                .find_map(|config| config.id_.clone().or(config.run_id.clone()))
                .or(self.id_.clone())
                .or(self.run_id.clone()),
            started_at: started.and_then(at),
            duration_s: self
                .duration
                .or_else(|| Some(self.end_time? - self.start_time?)),
            model: own_model.or(document.model.clone()),
            arrival_process: strategy.and_then(Strategy::arrival_process),
            nominal_rps: strategy.and_then(Strategy::nominal_rps),
            served_rps: mean(&self.metrics.requests_per_second),
            output_tokens_per_second: mean(&self.metrics.output_tokens_per_second),
            prompt: data.prompt,
            output: data.output,
            mean_input_tokens: mean(&self.metrics.prompt_token_count),
            mean_output_tokens: mean(&self.metrics.output_token_count),
            served_output_tokens_stdev: distribution(&self.metrics.output_token_count)
                .and_then(|distribution| distribution.std_dev),
            ttft: statistics(&self.metrics.time_to_first_token_ms, 1.0),
            itl: statistics(&self.metrics.inter_token_latency_ms, 1.0),
            e2e: statistics(&self.metrics.request_latency, MS_PER_S),
            itl_definition: Some(ItlDefinition::RequestMean),
            completed: totals.map(|totals| totals.successful),
            failed: totals.map(|totals| totals.errored),
            incomplete: totals.map(|totals| totals.incomplete),
            provenance: strategy.map(Strategy::provenance).unwrap_or_default(),
            ..ClientRun::default()
        }
    }
}

impl Strategy {
    fn arrival_process(&self) -> Option<ArrivalProcess> {
        match self.type_.as_str() {
            "poisson" => Some(ArrivalProcess::Poisson),
            "constant" | "async" => Some(ArrivalProcess::Constant),
            "concurrent" | "synchronous" => Some(ArrivalProcess::ClosedLoop),
            "throughput" => Some(ArrivalProcess::Throughput),
            "replay" | "trace" => Some(ArrivalProcess::Trace),
            _ => None,
        }
    }

    /// Only an open loop offers a rate of its own.
    fn nominal_rps(&self) -> Option<f64> {
        matches!(self.type_.as_str(), "poisson" | "constant" | "async")
            .then_some(self.rate)
            .flatten()
    }

    fn provenance(&self) -> Map<String, Value> {
        let mut provenance = Map::new();
        provenance.insert("strategy".into(), self.type_.clone().into());
        if self.type_ == "poisson" {
            // Seen in its sources, and in runs of 0.7.4 and 0.8.1.
            let doubt =
                "GuideLLM from 0.4 on may repeat each gap once a worker: burstier than Poisson";
            provenance.insert("arrivals".into(), doubt.into());
        }
        for (name, value) in [
            ("streams", self.streams),
            ("max_concurrency", self.max_concurrency),
        ] {
            if let Some(value) = value {
                provenance.insert(name.into(), value.into());
            }
        }
        provenance
    }
}

/// Synthetic data: how long prompts and outputs were to be.
#[derive(Clone, Copy, Default)]
struct Data {
    prompt: Tokens,
    output: Tokens,
}

impl Data {
    /// From `prompt_tokens=512,output_tokens=256`, from the same as JSON, or from an object; a list
    /// holds one of them. Anything else is a data set, which has no configured lengths.
    fn of(data: &Value) -> Option<Self> {
        let object = match data {
            Value::Array(list) => return list.first().and_then(Self::of),
            Value::Object(object) => object.clone(),
            Value::String(text) if text.trim_start().starts_with('{') => {
                serde_json::from_str(text).ok()?
            }
            Value::String(text) if text.trim_start().starts_with('[') => {
                // A Python list of one text.
                let inner = text.trim().trim_matches(['[', ']', '\'', '"']);
                return Self::of(&Value::String(inner.to_owned()));
            }
            Value::String(text) => text
                .split(',')
                .map(|pair| pair.split_once('='))
                .map(|pair| pair.map(|(name, value)| (name.trim().to_owned(), value.trim().into())))
                .collect::<Option<Map<_, _>>>()?,
            _ => return None,
        };
        let tokens = |side: &str| {
            let count = |suffix: &str| match object.get(&format!("{side}_tokens{suffix}"))? {
                Value::Number(number) => i32::try_from(number.as_i64()?).ok(),
                Value::String(text) => text.parse().ok(),
                _ => None,
            };
            Tokens {
                configured: count(""),
                stdev: count("_stdev"),
                min: count("_min"),
                max: count("_max"),
            }
        };
        Some(Self {
            prompt: tokens("prompt"),
            output: tokens("output"),
        })
    }
}
