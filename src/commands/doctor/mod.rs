//! `compass doctor`: looks at cluster, database and data, changes nothing, and says what to do.

mod check;
mod cluster;
mod data;
mod database;
mod rights;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use clap::{Args, ValueEnum};

use super::cluster::ClusterArguments;
use super::output::show;
use super::{CatalogArguments, DatabaseArguments};
use check::{Report, Section};

/// Arguments of `compass doctor`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Look at neither this part nor what needs it; may be given again
    #[arg(long, value_enum, value_name = "PART")]
    skip: Vec<Part>,
    /// The operator's account, e.g. system:serviceaccount:compass-system:compass; its rights are
    /// asked for by impersonation. Without it they are those of whoever asks
    #[arg(long = "as", value_name = "USER")]
    account: Option<String>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    database: DatabaseArguments,
    #[command(flatten)]
    catalog: CatalogArguments,
    #[command(flatten)]
    cluster: ClusterArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// API server, CustomResourceDefinition, rights, admission policy
    Cluster,
    /// PostgreSQL, and the benchmarks in it
    Database,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
    /// For programs
    Yaml,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    if arguments.skip.contains(&Part::Cluster) && arguments.skip.contains(&Part::Database) {
        bail!("with both parts left out nothing is looked at");
    }
    let mut checks = Vec::new();
    if arguments.skip.contains(&Part::Cluster) {
        checks.push(Section::Cluster.skip("API server", "--skip cluster"));
    } else {
        let account = arguments.account.as_deref();
        checks.extend(cluster::checks(&arguments.cluster, account).await);
    }
    if arguments.skip.contains(&Part::Database) {
        checks.push(Section::Database.skip("server", "--skip database"));
    } else if !arguments.database.is_given() {
        let why = "no DATABASE_URL and no --database-url";
        checks.push(Section::Database.skip("server", why));
    } else {
        let catalog = Arc::new(arguments.catalog.load()?);
        let urls = arguments.database.urls()?;
        checks.extend(database::checks(&urls, &catalog).await);
    }
    let report = Report::new(checks);
    match arguments.output {
        Output::Text => show(&report.for_people()),
        Output::Json => outln!("{}", serde_json::to_string_pretty(&report)?),
        Output::Yaml => out!("{}", serde_saphyr::to_string(&report)?),
    }
    Ok(if report.healthy {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
