//! `compass explain`: an answer with its reasons, to a file, to flags, or of an intent in the cluster.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, ValueEnum};
use kube::{Api, Client};
use serde::Serialize;

use super::intent::{FromFlags, intent_of_file};
use super::{CatalogArguments, DatabaseArguments, NOTHING_COMPLIES, accounts, report};
use crate::advise::{Answer, Examined, answer, examine};
use crate::api::DeploymentIntent;
use crate::recommend::Account;

/// Arguments of `compass explain`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// A DeploymentIntent in the cluster that kubectl would talk to
    #[arg(
        value_name = "NAME",
        conflicts_with_all = ["file", "FromFlags"],
        required_unless_present_any = ["file", "use_case"]
    )]
    name: Option<String>,
    /// Its namespace; the kubeconfig's where it is not given
    #[arg(short, long, requires = "name")]
    namespace: Option<String>,
    /// A DeploymentIntent in a file; - reads standard input
    #[arg(short, long, value_name = "FILE", conflicts_with = "FromFlags")]
    file: Option<PathBuf>,
    #[command(flatten)]
    flags: Option<FromFlags>,
    /// Also what became of every configuration, and its ladders
    #[arg(long)]
    all: bool,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    database: DatabaseArguments,
    #[command(flatten)]
    catalog: CatalogArguments,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    #[default]
    Table,
    /// The status that the operator would write, and every configuration's account with --all
    Json,
    /// The same as YAML
    Yaml,
}

#[derive(Serialize)]
struct Document {
    #[serde(flatten)]
    answer: Answer,
    #[serde(skip_serializing_if = "Option::is_none")]
    configurations: Option<Vec<Account>>,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let catalog = Arc::new(arguments.catalog.load()?);
    let intent = match (&arguments.file, arguments.flags, &arguments.name) {
        (Some(file), _, _) => intent_of_file(file)?,
        (None, Some(flags), _) => flags.intent()?,
        (None, None, Some(name)) => live_intent(name, arguments.namespace.as_deref()).await?,
        (None, None, None) => {
            anyhow::bail!("give an intent's NAME, a DeploymentIntent with -f, or --use-case")
        }
    };
    let knowledge_base = arguments.database.knowledge_base(&catalog)?;
    let Examined { decision, accounts } = examine(
        &intent.spec,
        arguments.all,
        &knowledge_base,
        &catalog,
        jiff::Timestamp::now(),
    )
    .await?;
    let document = || Document {
        answer: answer(&decision),
        configurations: accounts.clone(),
    };
    match arguments.output {
        Output::Table => {
            out!("{}", report::explanation(&decision, &catalog));
            if let Some(accounts) = &accounts {
                out!("{}", accounts::table(accounts));
            }
        }
        Output::Json => outln!("{}", serde_json::to_string_pretty(&document())?),
        Output::Yaml => out!("{}", serde_saphyr::to_string(&document())?),
    }
    Ok(match decision.recommendation {
        Some(_) => ExitCode::SUCCESS,
        None => ExitCode::from(NOTHING_COMPLIES),
    })
}

/// The intent as the API server has it now.
async fn live_intent(name: &str, namespace: Option<&str>) -> anyhow::Result<DeploymentIntent> {
    let client = Client::try_default()
        .await
        .context("cannot find a cluster: is there a kubeconfig?")?;
    let namespace = namespace.unwrap_or(client.default_namespace()).to_owned();
    let api: Api<DeploymentIntent> = Api::namespaced(client, &namespace);
    api.get_opt(name)
        .await
        .with_context(|| format!("cannot read the intent {namespace}/{name}"))?
        .with_context(|| {
            format!("there is no DeploymentIntent {name} in namespace {namespace} (kubectl get di -A lists them)")
        })
}
