//! `compass console`: the web pages, without a cluster.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, ensure};
use clap::{ArgAction, Args};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::evidence::EvidenceArguments;
use super::output::tell;
use super::{CatalogArguments, VllmArguments};
use crate::console::{self, Options, WriteOptions};

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
    /// Let who signs in with the token that is printed at the start load benchmarks; takes a loopback
    /// address
    #[arg(long, env = "COMPASS_CONSOLE_ALLOW_WRITES", value_name = "BOOL", action = ArgAction::Set)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false)]
    allow_writes: bool,
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
    let writes = writes(&arguments)?;
    let evidence = arguments.evidence.open(&catalog)?;
    let listener = listen(arguments.listen, "--listen").await?;
    tell(&format!(
        "console at http://{}/ until Ctrl-C\n",
        listener.local_addr()?
    ));
    if let WriteOptions::ByToken { token, .. } = &writes {
        tell(&format!(
            "benchmarks can be loaded by who signs in with {token}\n"
        ));
    }
    let options = Options {
        source: evidence.source,
        catalog,
        settings: arguments.vllm.settings(),
        hosts: arguments.hosts.hosts,
        cluster: None,
        writes,
    };
    let shutdown = CancellationToken::new();
    let serving = console::serve(listener, options, shutdown.clone());
    tokio::select! {
        served = serving => served?,
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Without a cluster nobody says who a person is but a token that only whoever starts the console is
/// told: a machine's other users reach its loopback address, too. The token goes over it in plain text,
/// and so over nothing else.
fn writes(arguments: &Arguments) -> anyhow::Result<WriteOptions> {
    if !arguments.allow_writes {
        return Ok(WriteOptions::Nobody);
    }
    ensure!(
        arguments.listen.ip().is_loopback(),
        "--allow-writes takes a loopback --listen, and not {}: for others serve the console by `compass controller`, where the cluster says who may load",
        arguments.listen
    );
    Ok(WriteOptions::ByToken {
        database_url: arguments.evidence.writer_url()?,
        token: Uuid::new_v4().simple().to_string(),
    })
}

/// A socket for the pages; `flag` is what to change where there is none.
pub(super) async fn listen(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("cannot listen on {address}: choose another {flag}"))
}
