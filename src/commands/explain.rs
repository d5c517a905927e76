//! `compass explain`: an answer with its reasons, to a file, to flags, or of an intent in the cluster.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use kube::{Api, Client};
use serde::Serialize;

use super::answer::Output;
use super::evidence::EvidenceArguments;
use super::exit::NOTHING_COMPLIES;
use super::intent::QuestionArguments;
use super::{CatalogArguments, accounts, report};
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
    #[command(flatten)]
    question: QuestionArguments,
    /// Also what became of every configuration, and its ladders
    #[arg(long)]
    all: bool,
    /// How to print it; json and yaml hold every configuration's account with --all
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    evidence: EvidenceArguments,
    #[command(flatten)]
    catalog: CatalogArguments,
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
    let intent = match (arguments.question.intent()?, &arguments.name) {
        (Some(intent), _) => intent,
        (None, Some(name)) => live_intent(name, arguments.namespace.as_deref()).await?,
        (None, None) => {
            anyhow::bail!("give an intent's NAME, a DeploymentIntent with -f, or --use-case")
        }
    };
    let evidence = arguments.evidence.open(&catalog)?;
    let Examined { decision, accounts } = examine(
        &intent.spec,
        arguments.all,
        &evidence.source,
        &catalog,
        evidence.now,
    )
    .await?;
    let table = || {
        let mut shown = report::explanation(&decision, &catalog);
        shown.extend(accounts.as_deref().map(accounts::table));
        shown
    };
    let document = || Document {
        answer: answer(&decision),
        configurations: accounts.clone(),
    };
    arguments.output.print(table, document)?;
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
