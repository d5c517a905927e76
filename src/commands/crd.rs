//! `compass crd`: the CustomResourceDefinition, as `crds/` holds it.

use std::process::ExitCode;

use clap::Args;
use kube::ResourceExt;

use super::object::ObjectOutput;
use crate::api;

/// Arguments of `compass crd`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    output: ObjectOutput,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let crd = api::crd();
    let name = format!(
        "customresourcedefinition.apiextensions.k8s.io/{}",
        crd.name_any()
    );
    arguments.output.print(&crd, &name)?;
    Ok(ExitCode::SUCCESS)
}
