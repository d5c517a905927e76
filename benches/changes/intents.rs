//! 1,000 intents, one changed row: how long until each intent that it concerns has its new status,
//! and beside it, in the same minute on the same machine, the least that it can take: the same
//! statuses written by a client that has nothing else to do.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use compass::api::{DeploymentIntent, parse_intent};
use compass_testbed::postgres::execute;
use compass_testbed::{ControlPlane, Postgres, Scope};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use kube::api::{DeleteParams, DynamicObject, ListParams, PostParams, TypeMeta};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use serde_json::json;
use sqlx::{Connection, Executor, PgConnection};

use crate::million::PROFILES;
use crate::operator::{
    CONCURRENCY, client, compass, cpu_time, dynamic, install_crd, memory_mib, percentile,
    start_operator, write,
};
use crate::table::insert;

const INTENTS: usize = 1000;
const ROUNDS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(120);

pub async fn run(modes: &[&str]) -> anyhow::Result<()> {
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
    let client = client(&control_plane).await?;
    let api = Api::default_namespaced(client.clone());
    let mut database = PgConnection::connect(&url).await?;
    println!(
        "{INTENTS} intents over 4 profiles, {ROUNDS} changes each; from the commit to the watched status"
    );
    for mode in modes {
        create(&api, mode).await?;
        let (operator, _) = start_operator(&control_plane, &url)?;
        let mut seen = std::pin::pin!(models(api.clone()));
        wait(&mut seen, INTENTS, "bench/model-0", Instant::now()).await?;
        settle(INTENTS).await;
        for (what, concerned, filter) in [
            ("one row", INTENTS / PROFILES.len(), "prompt_tokens = 512"),
            ("one row a profile", INTENTS, "true"),
        ] {
            let (mut ours, mut bare) = (Vec::new(), Vec::new());
            let mut cpu = Duration::ZERO;
            for round in 1..=ROUNDS {
                let model = format!("bench/{mode}-{concerned}-{round}");
                let update = format!(
                    "UPDATE exported_summaries SET model_hf_repo = '{model}' WHERE config_id = 'bench' AND {filter}"
                );
                let (start, cpu_before) = (Instant::now(), cpu_time(operator.id()));
                database.execute(sqlx::AssertSqlSafe(update)).await?;
                ours.extend(wait(&mut seen, concerned, &model, start).await?);
                cpu += cpu_time(operator.id()).saturating_sub(cpu_before);
                settle(concerned).await;
                let by_hand = format!("{model}-by-hand");
                let statuses = prepare(&client, &model, &by_hand).await?;
                let start = Instant::now();
                let (written, waited) = tokio::join!(
                    write(&client, statuses),
                    wait(&mut seen, concerned, &by_hand, start)
                );
                written?;
                bare.extend(waited?);
            }
            println!(
                "  {mode:<10}{what:<18}{concerned:>5} concerned   {}   {:.2} ms of CPU each",
                row(&mut ours),
                cpu.as_secs_f64() * 1e3 / ours.len() as f64
            );
            println!(
                "  {:<44}{}   ours is {:.1} x",
                "the bare status writes",
                row(&mut bare),
                percentile(&mut ours, 99).as_secs_f64() / percentile(&mut bare, 99).as_secs_f64()
            );
        }
        if let Some(mib) = memory_mib(operator.id()) {
            println!("  {mode:<10}memory of the operator {mib} MiB");
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

/// Events are told after the statuses of a burst.
async fn settle(concerned: usize) {
    tokio::time::sleep(Duration::from_secs(2) + Duration::from_millis(4) * concerned as u32).await;
}

fn row(latencies: &mut [Duration]) -> String {
    let mut ms = |percent| percentile(latencies, percent).as_secs_f64() * 1e3;
    format!(
        "p50 {:>5.0} ms   p99 {:>5.0} ms   max {:>5.0} ms",
        ms(50),
        ms(99),
        ms(100)
    )
}

/// The statuses that recommend `model`, with `by_hand` in its place.
async fn prepare(
    client: &Client,
    model: &str,
    by_hand: &str,
) -> anyhow::Result<Vec<DynamicObject>> {
    let listed = dynamic(client).list(&ListParams::default()).await?;
    let recommended =
        |object: &DynamicObject| object.data["status"]["recommendation"]["model"] == model;
    let prepared = listed
        .items
        .into_iter()
        .filter(recommended)
        .map(|mut object| {
            let mut status = object.data["status"].take();
            status["recommendation"]["model"] = by_hand.into();
            object.metadata.managed_fields = None;
            object.types = Some(TypeMeta::resource::<DeploymentIntent>());
            object.data = json!({"status": status, "spec": {}});
            object
        });
    Ok(prepared.collect())
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
        .buffer_unordered(CONCURRENCY)
        .try_for_each(async |_| Ok(()))
        .await
}
