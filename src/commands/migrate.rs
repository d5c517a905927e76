//! `compass migrate`.

use std::process::ExitCode;

use clap::Args;

/// Arguments of `compass migrate`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    database: super::DatabaseArguments,
}

pub(super) async fn run(_arguments: Arguments) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not there yet")
}
