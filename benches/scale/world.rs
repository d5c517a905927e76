//! A cluster with many intents, and what is seen of them.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::pin::Pin;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use compass::api::{DeploymentIntent, parse_intent};
use compass_testbed::postgres::execute;
use compass_testbed::process::Server;
use compass_testbed::{ControlPlane, Postgres, Scope};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use kube::api::{DeleteParams, DynamicObject, ListParams, PartialObjectMeta, PostParams, TypeMeta};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};

use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use crate::operator::{
    CONCURRENCY, client, compass, dynamic, install_crd, memory_mib, start_operator,
};
use crate::probe::Probe;

const PATIENCE: Duration = Duration::from_secs(300);
const QUIET: Duration = Duration::from_secs(5);
const USE_CASES: [&str; 4] = [
    "chatbot_conversational",
    "code_completion",
    "translation",
    "document_analysis_rag",
];

pub struct World {
    control_plane: ControlPlane,
    postgres: Postgres,
    pub client: Client,
}

impl World {
    /// With the shipped benchmarks.
    pub async fn create() -> anyhow::Result<Self> {
        let postgres = Postgres::start()?;
        for arguments in ["migrate", "load data/benchmarks.json.gz"] {
            compass(arguments)
                .env("DATABASE_URL", postgres.url())
                .output()?;
        }
        let control_plane = ControlPlane::start(Scope::ApiServer)?;
        install_crd(&control_plane)?;
        Ok(Self {
            client: client(&control_plane).await?,
            control_plane,
            postgres,
        })
    }

    /// An operator, and how long it took from its start until it was ready.
    pub async fn start_until_ready(&self) -> anyhow::Result<(Server, Duration)> {
        let start = Instant::now();
        let (operator, port) = start_operator(&self.control_plane, &self.postgres.url())?;
        while !is_ready(port) {
            if start.elapsed() > PATIENCE {
                bail!("the operator is not ready");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok((operator, start.elapsed()))
    }

    pub async fn create_intents(&self, count: usize, mode: &str) -> anyhow::Result<()> {
        let intent = |number: usize| {
            parse_intent(&format!(
                "apiVersion: compass.dev/v1alpha1\nkind: DeploymentIntent\nmetadata: {{name: i-{number}}}\n\
                 spec: {{useCase: {}, demand: {{requestsPerSecond: {}}}, delivery: {{mode: {mode}}}}}\n",
                USE_CASES[number % USE_CASES.len()],
                1 + number / USE_CASES.len() % 50,
            ))
        };
        let api = self.intents();
        stream::iter(0..count)
            .map(async |number| {
                anyhow::Ok(api.create(&PostParams::default(), &intent(number)?).await?)
            })
            .buffer_unordered(CONCURRENCY)
            .try_for_each(async |_| Ok(()))
            .await
    }

    pub async fn delete_intents(&self) -> anyhow::Result<()> {
        let (delete, all) = (DeleteParams::default(), ListParams::default());
        while !self
            .intents()
            .list(&all.clone().limit(1))
            .await?
            .items
            .is_empty()
        {
            // The API server ends a request that takes a minute, with a part of the work done.
            let _ = self.intents().delete_collection(&delete, &all).await;
        }
        Ok(())
    }

    fn intents(&self) -> Api<DeploymentIntent> {
        Api::default_namespaced(self.client.clone())
    }

    /// One row of each profile becomes another model's, which changes every answer's account.
    pub async fn change_evidence(&self) -> anyhow::Result<()> {
        execute(
            &self.postgres.url(),
            "UPDATE exported_summaries SET model_hf_repo = model_hf_repo || '-tuned' WHERE id IN (
                SELECT DISTINCT ON (prompt_tokens, output_tokens) id FROM exported_summaries
                WHERE model_hf_repo NOT LIKE '%-tuned'
                ORDER BY prompt_tokens, output_tokens, id)",
        )
    }

    /// Every status, by its intent's name.
    pub async fn statuses(&self) -> anyhow::Result<HashMap<String, Value>> {
        let listed = dynamic(&self.client).list(&ListParams::default()).await?;
        let statuses = listed.items.into_iter();
        let by_name = statuses.map(|mut object| (object.name_any(), object.data["status"].take()));
        Ok(by_name.collect())
    }

    /// The intents of now with the statuses of those that had their names before, to be written.
    pub async fn bare(
        &self,
        mut statuses: HashMap<String, Value>,
    ) -> anyhow::Result<Vec<DynamicObject>> {
        let listed = dynamic(&self.client).list(&ListParams::default()).await?;
        let bare = listed.items.into_iter().map(|mut object| {
            let status = statuses.remove(&object.name_any());
            object.metadata.managed_fields = None;
            object.types = Some(TypeMeta::resource::<DeploymentIntent>());
            object.data = json!({"status": status, "spec": {}});
            object
        });
        Ok(bare.collect())
    }

    pub fn probe(&self) -> Probe {
        Probe::start(self.client.clone())
    }

    pub fn memory(&self, operator: &Server) -> String {
        let mib = memory_mib(operator.id()).unwrap_or_default();
        format!("memory of the operator {mib} MiB")
    }

    /// What happens to intents from now on.
    pub async fn watch(&self) -> anyhow::Result<Seen> {
        let intents: Api<PartialObjectMeta<DeploymentIntent>> =
            Api::default_namespaced(self.client.clone());
        let changes = watch(intents, watcher::Config::default()).default_backoff();
        let mut seen = Seen {
            events: Box::pin(changes.filter_map(|event| {
                std::future::ready(match event {
                    Ok(Event::Apply(object)) => Some(Ok(Some(object.name_any()))),
                    Ok(Event::InitDone) => Some(Ok(None)),
                    Ok(_) => None,
                    Err(error) => Some(Err(error)),
                })
            })),
        };
        while seen.next().await?.is_some() {}
        Ok(seen)
    }
}

/// Names of intents in the order of their changes.
pub struct Seen {
    events: Pin<Box<dyn Stream<Item = watcher::Result<Option<String>>> + Send>>,
}

impl Seen {
    async fn next(&mut self) -> anyhow::Result<Option<String>> {
        let next = tokio::time::timeout(PATIENCE, self.events.next()).await;
        Ok(next
            .context("nothing was seen for minutes")?
            .context("the watch ended")??)
    }

    /// Waits until so many different intents have changed.
    pub async fn all_change(&mut self, count: usize) -> anyhow::Result<()> {
        let mut changed = HashSet::new();
        while changed.len() < count {
            changed.extend(self.next().await?);
        }
        Ok(())
    }

    /// Waits until nothing has changed for a while.
    pub async fn quiet(&mut self) {
        while tokio::time::timeout(QUIET, self.events.next())
            .await
            .is_ok()
        {}
    }

    /// How often anything changes meanwhile.
    pub async fn changes_within(&mut self, time: Duration) -> anyhow::Result<usize> {
        let end = tokio::time::Instant::now() + time;
        let mut changes = 0;
        while let Ok(event) = tokio::time::timeout_at(end, self.events.next()).await {
            changes += usize::from(event.context("the watch ended")??.is_some());
        }
        Ok(changes)
    }
}

fn is_ready(port: u16) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        write!(connection, "GET /readyz HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| {
        answer.starts_with("HTTP/1.0 200") || answer.starts_with("HTTP/1.1 200")
    })
}
