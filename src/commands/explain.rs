//! `compass explain`: an answer with its reasons, to a file, to flags, or of an intent in the cluster.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use super::answer::Output;
use super::cluster::ClusterArguments;
use super::evidence::EvidenceArguments;
use super::exit::NOTHING_COMPLIES;
use super::intent::QuestionArguments;
use super::{CatalogArguments, accounts, report};
use crate::advise::{Answer, Examined, answer, examine};
use crate::recommend::Account;

/// Arguments of `compass explain`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// A DeploymentIntent in the cluster that kubectl would talk to
    #[arg(
        value_name = "NAME",
        conflicts_with_all = ["file", "use_case", "Wishes"],
        required_unless_present_any = ["file", "use_case"]
    )]
    name: Option<String>,
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
    #[command(flatten)]
    cluster: ClusterArguments,
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
        (None, Some(name)) => arguments.cluster.connect().await?.intent(name).await?,
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
