//! `compass load`.

use std::process::ExitCode;

use clap::Args;

/// Arguments of `compass load`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    database: super::DatabaseArguments,
}

pub(super) async fn run(_arguments: Arguments) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not there yet")
}
