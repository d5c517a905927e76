//! `compass console`: the web pages, without a cluster.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::evidence::EvidenceArguments;
use super::output::tell;
use super::{CatalogArguments, VllmArguments};
use crate::console::{self, Options};

/// Arguments of `compass console`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Where to serve the pages
    #[arg(
        short,
        long,
        env = "COMPASS_CONSOLE_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8081"
    )]
    listen: SocketAddr,
    #[command(flatten)]
    hosts: HostArguments,
    #[command(flatten)]
    vllm: VllmArguments,
    #[command(flatten)]
    evidence: EvidenceArguments,
    #[command(flatten)]
    catalog: CatalogArguments,
}

/// Under which names the console is asked.
#[derive(Args, Debug)]
pub(super) struct HostArguments {
    /// A name in the console's address; may be given again. localhost and addresses in numbers
    /// always are
    #[arg(
        long = "console-host",
        env = "COMPASS_CONSOLE_HOST",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub(super) hosts: Vec<String>,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let catalog = Arc::new(arguments.catalog.load()?);
    let evidence = arguments.evidence.open(&catalog)?;
    let listener = listen(arguments.listen, "--listen").await?;
    tell(&format!(
        "console at http://{}/ until Ctrl-C\n",
        listener.local_addr()?
    ));
    let options = Options {
        source: evidence.source,
        catalog,
        settings: arguments.vllm.settings(),
        hosts: arguments.hosts.hosts,
        cluster: None,
    };
    let shutdown = CancellationToken::new();
    let serving = console::serve(listener, options, shutdown.clone());
    tokio::select! {
        served = serving => served?,
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A socket for the pages; `flag` is what to change where there is none.
pub(super) async fn listen(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("cannot listen on {address}: choose another {flag}"))
}
