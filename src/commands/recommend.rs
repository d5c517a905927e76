//! `compass recommend`: the answer to a question from flags or a file, for people or as data.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::answer::Output;
use super::evidence::EvidenceArguments;
use super::exit::NOTHING_COMPLIES;
use super::intent::{NAME, QuestionArguments};
use super::output::tell;
use super::style::{WARNING, styled};
use super::{CatalogArguments, report, warn_of_deviations};
use crate::advise::{Question, advise, answer};
use crate::manifest::Settings;

/// Arguments of `compass recommend`.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("asked").args(["file", "use_case"]).required(true).multiple(true))]
pub(super) struct Arguments {
    #[command(flatten)]
    question: QuestionArguments,
    /// How to print the answer
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    evidence: EvidenceArguments,
    #[command(flatten)]
    catalog: CatalogArguments,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let catalog = Arc::new(arguments.catalog.load()?);
    let Some(intent) = arguments.question.intent()? else {
        anyhow::bail!("give --use-case, or a DeploymentIntent with -f");
    };
    let evidence = arguments.evidence.open(&catalog)?;
    let question = Question {
        name: intent.metadata.name.as_deref().unwrap_or(NAME),
        namespace: intent.metadata.namespace.as_deref().unwrap_or("default"),
        spec: &intent.spec,
    };
    let settings = Settings::default();
    let advice = advise(
        question,
        &evidence.source,
        &catalog,
        &settings,
        evidence.now,
    )
    .await?;
    match &advice.manifests {
        Some(Ok(manifests)) => warn_of_deviations(manifests.deviations()),
        Some(Err(error)) => {
            let warning = styled(WARNING, "warning");
            tell(&format!(
                "{warning}: no manifests can be made of this recommendation: {error}\n"
            ));
        }
        None => {}
    }
    arguments.output.print(
        || report::recommendation(&advice.decision, &catalog),
        || answer(&advice.decision),
    )?;
    Ok(match advice.decision.recommendation {
        Some(_) => ExitCode::SUCCESS,
        None => ExitCode::from(NOTHING_COMPLIES),
    })
}
