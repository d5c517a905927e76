//! Results of `vllm bench serve --save-result`, and of `--append-result`: one object behind the
//! other. What is given by `--metadata` stands among the results. Latencies are milliseconds; ITL is
//! the gap between tokens.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::client_run::{ClientRun, Labels, Statistics};
use super::error::FormatError;
use super::input::Input;
use super::intake::Intake;
use super::json_document;
use crate::benchmark::{ArrivalProcess, ItlDefinition, UtcDateTime};

const P95_REMEDY: &str = "run vllm bench serve with --percentile-metrics ttft,tpot,itl,e2el --metric-percentiles 90,95,99";

pub(super) fn read(input: Input, intake: &mut Intake) -> Result<(), FormatError> {
    let name = input.name().to_owned();
    intake.begin(None)?;
    json_document::each(input, |number, runs: Runs| {
        let runs = match runs {
            Runs::One(run) => vec![*run],
            Runs::Many(runs) => runs,
        };
        for run in runs {
            let client = run.client_run();
            client.require(&name, intake.told())?;
            if client.completed != Some(0) {
                client.require_p95s(&name, P95_REMEDY)?;
            }
            let mut faults = Vec::new();
            let row = client.into_row(intake.told(), &mut faults);
            intake.take(number, row, faults)?;
        }
        Ok(())
    })
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Runs {
    One(Box<Run>),
    Many(Vec<Run>),
}

/// A run, as far as it is asked. The lists of single requests are not.
#[derive(Deserialize)]
struct Run {
    date: Option<String>,
    model_id: Option<String>,
    request_rate: Option<Value>,
    burstiness: Option<f64>,
    max_concurrency: Option<i64>,
    max_concurrent_requests: Option<i64>,
    duration: Option<f64>,
    completed: Option<i64>,
    failed: Option<i64>,
    num_prompts: Option<i64>,
    total_input_tokens: Option<f64>,
    total_output_tokens: Option<f64>,
    request_throughput: Option<f64>,
    output_throughput: Option<f64>,
    mean_ttft_ms: Option<f64>,
    p90_ttft_ms: Option<f64>,
    p95_ttft_ms: Option<f64>,
    p99_ttft_ms: Option<f64>,
    mean_itl_ms: Option<f64>,
    p90_itl_ms: Option<f64>,
    p95_itl_ms: Option<f64>,
    p99_itl_ms: Option<f64>,
    mean_e2el_ms: Option<f64>,
    p90_e2el_ms: Option<f64>,
    p95_e2el_ms: Option<f64>,
    p99_e2el_ms: Option<f64>,
    #[serde(flatten)]
    metadata: Scalars,
}

/// What else stands in a run, without its lists.
#[derive(Default)]
struct Scalars(Map<String, Value>);

impl<'de> Deserialize<'de> for Scalars {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut all = Map::<String, Value>::deserialize(deserializer)?;
        all.retain(|_, value| value.is_string() || value.is_number());
        Ok(Self(all))
    }
}

impl Run {
    fn client_run(&self) -> ClientRun {
        let completed = self.completed.filter(|completed| *completed > 0);
        let each = |total: Option<f64>| Some(total? / completed? as f64);
        let mut provenance = Map::new();
        for (name, value) in [
            ("burstiness", self.burstiness.map(Value::from)),
            ("max_concurrency", self.max_concurrency.map(Value::from)),
        ] {
            if let Some(value) = value {
                provenance.insert(name.into(), value);
            }
        }
        let failed = self
            .failed
            .or_else(|| Some((self.num_prompts? - self.completed?).max(0)));
        let mut run = ClientRun {
            client: "vllm bench serve",
            started_at: self.date.as_deref().and_then(date),
            duration_s: self.duration,
            model: self.model_id.clone(),
            framework: Some("vllm".to_owned()),
            arrival_process: self.arrival_process(),
            nominal_rps: self.nominal_rps(),
            served_rps: self.request_throughput,
            output_tokens_per_second: self.output_throughput,
            mean_input_tokens: each(self.total_input_tokens),
            mean_output_tokens: each(self.total_output_tokens),
            ttft: Statistics {
                mean_ms: self.mean_ttft_ms,
                p90_ms: self.p90_ttft_ms,
                p95_ms: self.p95_ttft_ms,
                p99_ms: self.p99_ttft_ms,
            },
            itl: Statistics {
                mean_ms: self.mean_itl_ms,
                p90_ms: self.p90_itl_ms,
                p95_ms: self.p95_itl_ms,
                p99_ms: self.p99_itl_ms,
            },
            e2e: Statistics {
                mean_ms: self.mean_e2el_ms,
                p90_ms: self.p90_e2el_ms,
                p95_ms: self.p95_e2el_ms,
                p99_ms: self.p99_e2el_ms,
            },
            itl_definition: Some(ItlDefinition::TokenGap),
            completed: self.completed,
            failed,
            provenance,
            ..ClientRun::default()
        };
        Labels::new(self.metadata.0.clone()).fill(&mut run);
        run
    }

    /// A finite rate; the tool writes "inf" for none.
    fn nominal_rps(&self) -> Option<f64> {
        let rate = match self.request_rate.as_ref()? {
            Value::Number(number) => number.as_f64()?,
            Value::String(text) => text.parse().ok()?,
            _ => return None,
        };
        rate.is_finite().then_some(rate)
    }

    fn arrival_process(&self) -> Option<ArrivalProcess> {
        let is_full = self
            .max_concurrency
            .zip(self.max_concurrent_requests)
            .is_some_and(|(most, seen)| seen >= most);
        match (self.nominal_rps(), self.max_concurrency) {
            (None, None) => Some(ArrivalProcess::Throughput),
            (None, Some(_)) => Some(ArrivalProcess::ClosedLoop),
            // The limit was reached: requests waited for others.
            (Some(_), Some(_)) if is_full => Some(ArrivalProcess::ClosedLoop),
            (Some(_), _) if self.burstiness == Some(1.0) => Some(ArrivalProcess::Poisson),
            _ => None,
        }
    }
}

/// `20261124-091016`, without a zone.
fn date(text: &str) -> Option<UtcDateTime> {
    jiff::civil::DateTime::strptime("%Y%m%d-%H%M%S", text)
        .ok()
        .map(UtcDateTime)
}
