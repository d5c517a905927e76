//! `compass controller`: the operator.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

use crate::controller::{self, Options};

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
    /// Work in this namespace only, instead of in all
    #[arg(long, env = "COMPASS_NAMESPACE", value_name = "NAME")]
    namespace: Option<String>,
    /// How long an answer stands until it is looked at again although no change was told
    #[arg(
        long,
        env = "COMPASS_RESYNC_SECONDS",
        value_name = "SECONDS",
        default_value_t = 600
    )]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=86_400))]
    resync_seconds: u64,
    /// Lines for people, or one JSON object each
    #[arg(long, env = "COMPASS_LOG_FORMAT", value_enum, default_value_t = LogFormat::Human)]
    log_format: LogFormat,
    /// Least level that is logged, or filters such as compass=debug,kube=info
    #[arg(long, env = "RUST_LOG", value_name = "LEVEL", default_value = "info")]
    log_level: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    Human,
    Json,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    log(arguments.log_format, &arguments.log_level)?;
    let catalog = Arc::new(arguments.catalog.load()?);
    let knowledge_base = arguments.database.knowledge_base(&catalog)?;
    let options = Options {
        listen: arguments.listen,
        resync: Duration::from_secs(arguments.resync_seconds),
        namespace: arguments.namespace,
        settings: arguments.vllm.settings(),
    };
    controller::run(options, knowledge_base, catalog).await?;
    Ok(ExitCode::SUCCESS)
}

fn log(format: LogFormat, level: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(level)
        .with_context(|| format!("--log-level `{level}` is neither a level nor a filter"))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Human => lines.init(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .init(),
    }
    Ok(())
}
