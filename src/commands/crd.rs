//! `compass crd`: the CustomResourceDefinition, as `crds/` holds it.

use std::process::ExitCode;

use clap::Args;

use crate::api;

/// Arguments of `compass crd`.
#[derive(Args, Debug)]
pub(super) struct Arguments {}

pub(super) fn run(_: &Arguments) -> anyhow::Result<ExitCode> {
    out!("{}", api::crd_yaml());
    Ok(ExitCode::SUCCESS)
}
