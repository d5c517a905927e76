//! What people and pipelines do meanwhile: intents come, change and go, benchmarks too, and what is
//! proposed is approved.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use compass::api::{DeploymentIntent, DeploymentIntentStatus, parse_intent};
use compass_testbed::postgres::execute;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::world::{NAMESPACE, World};
use crate::support::{Row, compass, intent_yaml, row};

const MOST_INTENTS: usize = 24;
const USE_CASES: [&str; 4] = [
    "chatbot_conversational",
    "code_completion",
    "translation",
    "document_analysis_rag",
];
const MODES: [&str; 3] = ["Recommend", "Render", "Apply"];
/// How long one person waits before looking again.
const PATIENCE: Duration = Duration::from_millis(200);
/// Benchmarks of one run of the pipeline.
const LOADED: usize = 200;
const MODELS: [&str; 2] = ["Qwen/Qwen3-32B", "Qwen/Qwen3-8B"];

/// What is to run.
#[derive(Debug, PartialEq)]
pub struct Plan {
    pub model: String,
    pub hardware: String,
    pub gpus_per_replica: i32,
    pub replicas: i32,
}

/// People at work; they stop when they are told.
pub struct Users {
    stop: CancellationToken,
    working: JoinHandle<()>,
    approving: JoinHandle<Option<Plan>>,
}

impl Users {
    pub fn start(world: &World, seed: u64, pause: Duration) -> Self {
        let stop = CancellationToken::new();
        let intents: Api<DeploymentIntent> = Api::namespaced(world.client.clone(), NAMESPACE);
        let mut everyday = Everyday {
            random: fastrand::Rng::with_seed(seed),
            intents,
            known: BTreeSet::new(),
            database_url: world.people_url(),
            file: world.control_plane.directory().join("pipeline.json"),
        };
        // While all is well: a file that is never taken would load nothing later, either.
        everyday.load().unwrap();
        let stopped = stop.clone();
        let working = tokio::spawn(async move {
            while !stopped.is_cancelled() {
                everyday.do_something().await;
                tokio::time::sleep(pause).await;
            }
        });
        let approving = tokio::spawn(approve(world.client.clone(), stop.clone()));
        Self {
            stop,
            working,
            approving,
        }
    }

    /// Stops them, and says what was approved last.
    pub async fn stop(self) -> Option<Plan> {
        self.stop.cancel();
        self.working.await.unwrap();
        self.approving.await.unwrap()
    }
}

struct Everyday {
    random: fastrand::Rng,
    intents: Api<DeploymentIntent>,
    known: BTreeSet<String>,
    database_url: String,
    /// What the pipeline loads.
    file: PathBuf,
}

impl Everyday {
    async fn do_something(&mut self) {
        match self.random.u8(0..100) {
            0..35 if self.known.len() < MOST_INTENTS => self.create().await,
            0..60 => {
                let rate = self.random.u32(1..12);
                self.change(json!({"demand": {"requestsPerSecond": rate}}))
                    .await;
            }
            60..75 => {
                let mode = self.random.choice(MODES).unwrap();
                self.change(json!({"delivery": {"mode": mode}})).await;
            }
            75..85 => self.delete().await,
            // Nobody may be able to reach PostgreSQL at this moment.
            85..94 => drop(self.insert()),
            94..96 => drop(self.load()),
            _ => drop(execute(
                &self.database_url,
                "DELETE FROM exported_summaries WHERE framework_version = '0.11.0' AND type = ''",
            )),
        }
    }

    /// The API server may be down, and then nothing was asked.
    async fn create(&mut self) {
        // A name may come again.
        let name = format!("i-{}", self.random.usize(0..2 * MOST_INTENTS));
        let (use_case, mode) = (
            self.random.choice(USE_CASES).unwrap(),
            self.random.choice(MODES).unwrap(),
        );
        let spec = format!(
            "useCase: {use_case}, demand: {{requestsPerSecond: {}}}, delivery: {{mode: {mode}}}",
            self.random.u32(1..12)
        );
        let intent = parse_intent(&intent_yaml(&name, &spec)).unwrap();
        let created = self.intents.create(&PostParams::default(), &intent).await;
        if created.is_ok() {
            self.known.insert(name);
        }
    }

    async fn change(&mut self, spec: Value) {
        let Some(name) = self.any() else { return };
        let patch = Patch::Merge(json!({"spec": spec}));
        let _ = self
            .intents
            .patch(&name, &PatchParams::default(), &patch)
            .await;
    }

    async fn delete(&mut self) {
        let Some(name) = self.any() else { return };
        let deleted = self.intents.delete(&name, &DeleteParams::default()).await;
        if deleted.is_ok() {
            self.known.remove(&name);
        }
    }

    fn any(&mut self) -> Option<String> {
        let any = self.random.choice(&self.known);
        any.cloned()
    }

    fn insert(&mut self) -> anyhow::Result<()> {
        let row = Row {
            model: self.random.choice(MODELS).unwrap(),
            gpus: 1 << self.random.u8(0..2),
            requests_per_second: self.random.i32(1..6),
            ttft_p95_ms: self.random.i32(40..260),
            on: self.random.choice(["2026-10-01", "2026-10-20"]).unwrap(),
            ..Row::default()
        };
        row.try_insert(&self.database_url)
    }

    /// All benchmarks of a pipeline, which replace those of its last run.
    fn load(&mut self) -> anyhow::Result<String> {
        let rows: Vec<_> = (0..LOADED)
            .map(|number| {
                let ttft = self.random.i32(40..260);
                let rate = 1 + number / MODELS.len();
                let mut row = row(MODELS[number % MODELS.len()], rate as f64);
                row["hardware"] = "H200".into();
                for column in ["ttft_mean", "ttft_p90", "ttft_p95", "ttft_p99"] {
                    row[column] = ttft.into();
                }
                row
            })
            .collect();
        std::fs::write(&self.file, json!(rows).to_string())?;
        compass("load --replace --source pipeline")
            .arg(&self.file)
            .env("DATABASE_URL", &self.database_url)
            .output()
    }
}

/// Name of the intent under `updatePolicy: Manual`.
pub const CAREFUL: &str = "careful";

/// One person asks for more and less in turn, and approves what is then proposed.
async fn approve(client: Client, stop: CancellationToken) -> Option<Plan> {
    let intents: Api<DeploymentIntent> = Api::namespaced(client, NAMESPACE);
    let spec = "useCase: summarization_short, demand: {requestsPerSecond: 1}, \
                delivery: {mode: Apply, updatePolicy: Manual}";
    let intent = parse_intent(&intent_yaml(CAREFUL, spec)).unwrap();
    while !stop.is_cancelled() {
        let created = intents.create(&PostParams::default(), &intent).await;
        if created.is_ok_and(|it| it.name_any() == CAREFUL) {
            break;
        }
        tokio::time::sleep(PATIENCE).await;
    }
    let mut approved = None;
    let mut rate = 1;
    while !stop.is_cancelled() {
        rate = 1 + (rate + 6) % 25;
        let ask = json!({"spec": {"demand": {"requestsPerSecond": rate}}});
        let Some(asked) = patched(&intents, ask).await else {
            continue;
        };
        let answers = |status: &DeploymentIntentStatus| {
            status.observed_generation >= asked.metadata.generation
        };
        let Some(proposed) = status(&intents, &stop, answers)
            .await
            .and_then(|it| it.proposed)
        else {
            continue;
        };
        let digest = proposed.digest;
        let approve = json!({"spec": {"delivery": {"approvedDigest": digest}}});
        while !stop.is_cancelled() {
            if patched(&intents, approve.clone()).await.is_none() {
                continue;
            }
            approved = Some(Plan {
                model: proposed.model,
                hardware: proposed.hardware,
                gpus_per_replica: proposed.gpus_per_replica,
                replicas: proposed.replicas,
            });
            // Asking for something else before would make it void.
            let runs = |status: &DeploymentIntentStatus| {
                status
                    .delivered
                    .as_ref()
                    .is_some_and(|it| it.digest == digest)
            };
            status(&intents, &stop, runs).await;
            break;
        }
    }
    approved
}

/// The status once it `holds`; `None` where it did not before the end.
async fn status(
    intents: &Api<DeploymentIntent>,
    stop: &CancellationToken,
    holds: impl Fn(&DeploymentIntentStatus) -> bool,
) -> Option<DeploymentIntentStatus> {
    while !stop.is_cancelled() {
        tokio::time::sleep(PATIENCE).await;
        let read = intents.get(CAREFUL).await.ok();
        if let Some(status) = read.and_then(|it| it.status)
            && holds(&status)
        {
            return Some(status);
        }
    }
    None
}

async fn patched(intents: &Api<DeploymentIntent>, patch: Value) -> Option<DeploymentIntent> {
    let patched = intents
        .patch(CAREFUL, &PatchParams::default(), &Patch::Merge(patch))
        .await;
    match patched {
        Ok(intent) => Some(intent),
        Err(_) => {
            tokio::time::sleep(PATIENCE).await;
            None
        }
    }
}
