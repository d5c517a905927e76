//! `compass watch`: a line for each change of an intent's answer or readiness, until it is ready or
//! for ever.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use anyhow::bail;
use clap::Args;
use futures::TryStreamExt;
use jiff::{SignedDuration, Timestamp};
use kube::core::DynamicObject;
use kube::discovery::ApiResource;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt};

use super::cluster::ClusterArguments;
use super::exit::NOTHING_COMPLIES;
use super::output::{show, tell};
use super::readiness::{Readiness, State};
use super::style::{WARNING, styled};
use crate::api::DeploymentIntent;

/// Arguments of `compass watch`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The intent; all of the namespace where it is not given
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// End with 0 once it is ready (all of them, without NAME), and with 3 where one is stalled
    #[arg(long)]
    until_ready: bool,
    /// End with 1 where it is not ready by then, e.g. 90s or 10m
    #[arg(long, value_name = "DURATION", requires = "until_ready")]
    timeout: Option<SignedDuration>,
    #[command(flatten)]
    cluster: ClusterArguments,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let cluster = arguments.cluster.connect().await?;
    if let Some(name) = &arguments.name {
        // Told at once, and not only by silence.
        cluster.exists(name).await?;
    }
    // As data: an intent of another version is followed too.
    let resource = ApiResource::erase::<DeploymentIntent>(&());
    let api: Api<DynamicObject> =
        Api::namespaced_with(cluster.client.clone(), &cluster.namespace, &resource);
    let mut watched = Watched {
        name: arguments.name,
        until_ready: arguments.until_ready,
        seen: BTreeMap::new(),
        is_listed: false,
    };
    let Some(timeout) = arguments.timeout else {
        return follow(api, &mut watched).await;
    };
    let timeout = Duration::try_from(timeout).context("--timeout is negative")?;
    match tokio::time::timeout(timeout, follow(api, &mut watched)).await {
        Ok(ended) => ended,
        Err(_) => bail!("{}", watched.not_ready_within(timeout)),
    }
}

/// What was seen so far.
struct Watched {
    name: Option<String>,
    until_ready: bool,
    seen: BTreeMap<String, Readiness>,
    /// All intents there are were seen.
    is_listed: bool,
}

async fn follow(api: Api<DynamicObject>, watched: &mut Watched) -> anyhow::Result<ExitCode> {
    let config = match &watched.name {
        Some(name) => watcher::Config::default().fields(&format!("metadata.name={name}")),
        None => watcher::Config::default(),
    };
    let events = watcher(api, config).default_backoff();
    futures::pin_mut!(events);
    loop {
        let event = match events.try_next().await {
            Ok(Some(event)) => event,
            Ok(None) => bail!("the API server ended the watch"),
            Err(error) => {
                let warning = styled(WARNING, "warning");
                tell(&format!("{warning}: {error}; trying again\n"));
                continue;
            }
        };
        match event {
            Event::Init => watched.is_listed = false,
            Event::InitApply(object) | Event::Apply(object) => watched.sees(&object),
            Event::InitDone => watched.is_listed = true,
            Event::Delete(object) => {
                let name = object.name_any();
                watched.seen.remove(&name);
                show(&format!("{} {name} deleted\n", time()));
                if watched.name.is_some() {
                    bail!("the intent {name} was deleted");
                }
            }
        }
        if let Some(code) = watched.end() {
            return Ok(code);
        }
    }
}

fn time() -> String {
    Timestamp::now().strftime("%TZ").to_string()
}

impl Watched {
    fn sees(&mut self, intent: &DynamicObject) {
        let name = intent.name_any();
        let now = Readiness::of(intent);
        if self.seen.get(&name) != Some(&now) {
            show(&format!("{} {name} {now}\n", time()));
            self.seen.insert(name, now);
        }
    }

    /// The code to end with, if this is the end.
    fn end(&self) -> Option<ExitCode> {
        if !self.until_ready || !self.is_listed {
            return None;
        }
        let mut states = self.seen.values().map(|readiness| readiness.state);
        if states.clone().any(|state| state == State::Stalled) {
            return Some(ExitCode::from(NOTHING_COMPLIES));
        }
        let are_ready = !self.seen.is_empty() && states.all(|state| state == State::Ready);
        are_ready.then_some(ExitCode::SUCCESS)
    }

    fn not_ready_within(&self, timeout: Duration) -> String {
        let waiting: Vec<_> = self
            .seen
            .iter()
            .filter(|(_, readiness)| readiness.state != State::Ready)
            .map(|(name, _)| name.as_str())
            .collect();
        let waiting = if waiting.is_empty() {
            "no intent".to_owned()
        } else {
            waiting.join(", ")
        };
        format!("not ready within {} s: {waiting}", timeout.as_secs_f64())
    }
}
