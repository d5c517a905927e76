//! 1,000 intents, one changed row: how long until each intent that it concerns has its new status.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use compass::api::{DeploymentIntent, parse_intent};
use compass_testbed::postgres::execute;
use compass_testbed::process::{Program, Server};
use compass_testbed::{ControlPlane, Postgres, Scope, port};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Config, ResourceExt};
use sqlx::{Connection, Executor, PgConnection};

use crate::million::PROFILES;
use crate::percentile;
use crate::table::insert;

const INTENTS: usize = 1000;
const ROUNDS: usize = 10;
const PATIENCE: Duration = Duration::from_secs(120);

pub async fn run() -> anyhow::Result<()> {
    let postgres = Postgres::start()?;
    let control_plane = ControlPlane::start(Scope::ApiServer)?;
    let url = postgres.url();
    for arguments in ["migrate", "load data/benchmarks.json.gz"] {
        compass(arguments).env("DATABASE_URL", &url).output()?;
    }
    for profile in PROFILES {
        execute(&url, &insert("bench/model-0", profile, 1000))?;
    }
    install_crd(&control_plane)?;
    let api = Api::default_namespaced(client(&control_plane).await?);
    let mut database = PgConnection::connect(&url).await?;
    println!(
        "{INTENTS} intents over 4 profiles, {ROUNDS} changes each; from the commit to the watched status"
    );
    for mode in ["Recommend", "Render"] {
        create(&api, mode).await?;
        let _operator = start_operator(&control_plane, &url)?;
        let mut seen = std::pin::pin!(models(api.clone()));
        wait(&mut seen, INTENTS, "bench/model-0", Instant::now()).await?;
        for (what, concerned, filter) in [
            ("one row", INTENTS / PROFILES.len(), "prompt_tokens = 512"),
            ("one row a profile", INTENTS, "true"),
        ] {
            let mut latencies = Vec::new();
            for round in 1..=ROUNDS {
                let model = format!("bench/{mode}-{concerned}-{round}");
                let update = format!(
                    "UPDATE exported_summaries SET model_hf_repo = '{model}' WHERE config_id = 'bench' AND {filter}"
                );
                let start = Instant::now();
                database.execute(sqlx::AssertSqlSafe(update)).await?;
                latencies.extend(wait(&mut seen, concerned, &model, start).await?);
                // Events of the last answers are still being told.
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
            let ms = |percent| percentile(&mut latencies.clone(), percent).as_secs_f64() * 1e3;
            println!(
                "  {mode:<10}{what:<18}{concerned:>5} concerned   p50 {:>5.0} ms   p99 {:>5.0} ms   max {:>5.0} ms",
                ms(50),
                ms(99),
                ms(100)
            );
        }
        execute(
            &url,
            "UPDATE exported_summaries SET model_hf_repo = 'bench/model-0' WHERE config_id = 'bench'",
        )?;
        api.delete_collection(&DeleteParams::default(), &ListParams::default())
            .await?;
    }
    Ok(())
}

/// Name and recommended model of each intent, whenever they change.
fn models(
    api: Api<DeploymentIntent>,
) -> impl Stream<Item = Result<(String, String), watcher::Error>> {
    watcher(api, watcher::Config::default())
        .default_backoff()
        .touched_objects()
        .map_ok(|intent| {
            let status = intent.status.as_ref();
            let recommended = status.and_then(|status| status.recommendation.as_ref());
            let model = recommended.map(|it| it.model.clone());
            (intent.name_any(), model.unwrap_or_default())
        })
}

/// How long after `start` each of `count` intents had the model.
async fn wait(
    seen: &mut (impl Stream<Item = Result<(String, String), watcher::Error>> + Unpin),
    count: usize,
    model: &str,
    start: Instant,
) -> anyhow::Result<Vec<Duration>> {
    let mut late = Vec::new();
    let mut done = HashSet::new();
    while done.len() < count {
        let next = tokio::time::timeout(PATIENCE, seen.next()).await;
        let Some(event) =
            next.with_context(|| format!("{} of {count} have {model}", done.len()))?
        else {
            bail!("the watch ended");
        };
        let (name, has) = event?;
        if has == model && done.insert(name) {
            late.push(start.elapsed());
        }
    }
    Ok(late)
}

async fn create(api: &Api<DeploymentIntent>, mode: &str) -> anyhow::Result<()> {
    let intent = |number: usize| {
        let (prompt, output) = PROFILES[number % PROFILES.len()];
        parse_intent(&format!(
            "apiVersion: compass.dev/v1alpha1
kind: DeploymentIntent
metadata: {{name: i-{number}}}
spec:
  useCase: custom
  trafficProfile: {{promptTokens: {prompt}, outputTokens: {output}}}
  slo: {{ttftP95Ms: 2000, itlP95Ms: 100, e2eP95Ms: 100000}}
  demand: {{requestsPerSecond: 10}}
  delivery: {{mode: {mode}}}
"
        ))
    };
    stream::iter(0..INTENTS)
        .map(async |number| anyhow::Ok(api.create(&PostParams::default(), &intent(number)?).await?))
        .buffer_unordered(16)
        .try_for_each(async |_| Ok(()))
        .await
}

fn compass(arguments: &str) -> Program {
    Program::new(env!("CARGO_BIN_EXE_compass"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(arguments.split_whitespace())
}

fn install_crd(control_plane: &ControlPlane) -> anyhow::Result<()> {
    let file = control_plane.directory().join("crd.yaml");
    std::fs::write(&file, compass("crd").output()?)?;
    let file = file.display().to_string();
    control_plane.kubectl(&["apply", "--server-side", "-f", &file])?;
    let wait = "wait --for=condition=Established crd/deploymentintents.compass.dev --timeout=30s";
    control_plane.kubectl(&wait.split(' ').collect::<Vec<_>>())?;
    Ok(())
}

async fn client(control_plane: &ControlPlane) -> anyhow::Result<Client> {
    let kubeconfig = Kubeconfig::read_from(control_plane.kubeconfig())?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

fn start_operator(control_plane: &ControlPlane, url: &str) -> anyhow::Result<Server> {
    let port = port::free()?;
    compass(&format!(
        "controller --listen 127.0.0.1:{port} --resync-seconds 3600 --log-level warn"
    ))
    .env("KUBECONFIG", control_plane.kubeconfig())
    .env("DATABASE_URL", url)
    .start(&control_plane.directory().join("compass.log"))
}
