//! `compass controller`: the operator.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::builder::NonEmptyStringValueParser;
use clap::{ArgAction, Args};
use tokio_util::sync::CancellationToken;

use super::console::{HostArguments, listen};
use crate::advise::AnySource;
use crate::console::{self, ClusterOptions, WriteOptions};
use crate::controller::{self, LeaseOptions, Options, Shard, Timing};

/// Arguments of `compass controller`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    _config: super::config::ConfigArguments,
    #[command(flatten)]
    database: super::DatabaseArguments,
    #[command(flatten)]
    catalog: super::CatalogArguments,
    #[command(flatten)]
    vllm: super::VllmArguments,
    /// Address of /healthz, /readyz and /metrics
    #[arg(
        long,
        env = "COMPASS_LISTEN",
        value_name = "ADDRESS",
        default_value = "0.0.0.0:8080"
    )]
    listen: SocketAddr,
    /// Also serve the web console here; without it there is none
    #[arg(long, env = "COMPASS_CONSOLE_LISTEN", value_name = "ADDRESS")]
    console_listen: Option<SocketAddr>,
    #[command(flatten)]
    hosts: HostArguments,
    /// Let people whom the cluster allows to `create` `benchmarks.compass.dev` load benchmarks in the
    /// console
    #[arg(long, env = "COMPASS_CONSOLE_ALLOW_WRITES", value_name = "BOOL", action = ArgAction::Set)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false)]
    console_allow_writes: bool,
    /// Look at the intents of this namespace only, instead of all; may be repeated
    #[arg(
        long,
        env = "COMPASS_NAMESPACE",
        value_name = "NAME",
        value_delimiter = ','
    )]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    namespace: Vec<String>,
    /// Look at the intents with these labels only, as kubectl selects them: `team in (a, b)`
    #[arg(long, env = "COMPASS_SELECTOR", value_name = "LABELS")]
    selector: Option<String>,
    #[command(flatten)]
    election: ElectionArguments,
    /// How long an answer stands until it is looked at again although no change was told
    #[arg(
        long,
        env = "COMPASS_RESYNC_SECONDS",
        value_name = "SECONDS",
        default_value_t = 600
    )]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=86_400))]
    resync_seconds: u64,
    #[command(flatten)]
    telemetry: super::telemetry::TelemetryArguments,
}

/// Of several operators, one writes.
#[derive(Args, Debug)]
struct ElectionArguments {
    /// Write only while a lease names this operator, so that others can stand by
    #[arg(long, env = "COMPASS_LEADER_ELECT", value_name = "BOOL", action = ArgAction::Set)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false)]
    leader_elect: bool,
    /// Namespace of the lease; the pod's own, or the kubeconfig's, where it is not given
    #[arg(long, env = "COMPASS_LEASE_NAMESPACE", value_name = "NAME")]
    lease_namespace: Option<String>,
    /// Name of the lease, the same for all that stand by for each other
    #[arg(
        long,
        env = "COMPASS_LEASE_NAME",
        value_name = "NAME",
        default_value = "compass"
    )]
    lease_name: String,
    /// Others take over once they have seen the lease unchanged for so long
    #[arg(
        long,
        env = "COMPASS_LEASE_DURATION_SECONDS",
        value_name = "SECONDS",
        default_value_t = 15
    )]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3600))]
    lease_duration_seconds: u64,
    /// A leader that could not renew the lease for so long ends
    #[arg(
        long,
        env = "COMPASS_RENEW_DEADLINE_SECONDS",
        value_name = "SECONDS",
        default_value_t = 10
    )]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3600))]
    renew_deadline_seconds: u64,
    /// How often the lease is renewed, or looked at by others
    #[arg(
        long,
        env = "COMPASS_RETRY_PERIOD_SECONDS",
        value_name = "SECONDS",
        default_value_t = 2
    )]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3600))]
    retry_period_seconds: u64,
}

impl ElectionArguments {
    fn options(self) -> anyhow::Result<Option<LeaseOptions>> {
        let timing = Timing {
            lease_duration: Duration::from_secs(self.lease_duration_seconds),
            renew_deadline: Duration::from_secs(self.renew_deadline_seconds),
            retry_period: Duration::from_secs(self.retry_period_seconds),
        };
        timing.check().map_err(anyhow::Error::msg)?;
        Ok(self.leader_elect.then_some(LeaseOptions {
            namespace: self.lease_namespace,
            name: self.lease_name,
            timing,
        }))
    }
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let telemetry = arguments.telemetry.start()?;
    let catalog = Arc::new(arguments.catalog.load()?);
    let knowledge_base = arguments.database.knowledge_base(&catalog)?;
    let serving = match arguments.console_listen {
        None => None,
        Some(address) => {
            let options = console::Options {
                source: AnySource::KnowledgeBase(Box::new(knowledge_base.clone())),
                catalog: Arc::clone(&catalog),
                settings: arguments.vllm.settings(),
                hosts: arguments.hosts.hosts,
                cluster: Some(ClusterOptions {
                    config: kube::Config::infer()
                        .await
                        .context("no API server to talk to")?,
                    namespaces: arguments.namespace.clone(),
                    selector: arguments.selector.clone(),
                }),
                writes: if arguments.console_allow_writes {
                    WriteOptions::ByCluster(arguments.database.writer_url()?)
                } else {
                    WriteOptions::Nobody
                },
            };
            let listener = listen(address, "--console-listen").await?;
            Some(console::serve(listener, options, CancellationToken::new()))
        }
    };
    let options = Options {
        listen: arguments.listen,
        resync: Duration::from_secs(arguments.resync_seconds),
        shard: Shard::new(arguments.namespace, arguments.selector),
        lease: arguments.election.options()?,
        settings: arguments.vllm.settings(),
    };
    let operating = controller::run(options, knowledge_base, catalog);
    let ended = match serving {
        None => operating.await,
        // Whoever reads a page while the operator stops reads it again from the next one.
        Some(serving) => tokio::select! {
            ended = operating => ended,
            ended = serving => ended.context("the console failed"),
        },
    };
    telemetry.end().await;
    ended?;
    Ok(ExitCode::SUCCESS)
}
