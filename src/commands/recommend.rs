//! `compass recommend`: the answer to a question from flags or a file, for people or as data.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use kube::Client;

use super::answer::Output;
use super::evidence::EvidenceArguments;
use super::exit::NOTHING_COMPLIES;
use super::intent::{NAME, QuestionArguments};
use super::output::tell;
use super::style::{WARNING, styled};
use super::{CatalogArguments, report, warn_of_deviations};
use crate::advise::{Question, advise, answer};
use crate::catalog::Catalog;
use crate::controller::{Asker, look};
use crate::manifest::Settings;
use crate::recommend::Availability;

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
    let namespace = intent.metadata.namespace.as_deref().unwrap_or("default");
    let name = intent.metadata.name.as_deref().unwrap_or(NAME);
    let asks = intent
        .spec
        .hardware
        .as_ref()
        .is_some_and(|it| it.available_only);
    let availability = if asks {
        let asker = Asker {
            namespace,
            intent: name,
            runtime: intent.spec.runtime.as_ref(),
        };
        looked_at(&catalog, asker).await
    } else {
        None
    };
    let question = Question {
        name,
        namespace,
        spec: &intent.spec,
        availability: availability.as_ref(),
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

/// What the cluster that kubectl would talk to has room for; nothing, and a warning, where there is none
/// to look at: the answer says that it was not checked.
async fn looked_at(catalog: &Arc<Catalog>, asker: Asker<'_>) -> Option<Arc<Availability>> {
    match look_at(catalog, asker).await {
        Ok(availability) => Some(Arc::new(availability)),
        Err(error) => {
            let warning = styled(WARNING, "warning");
            tell(&format!(
                "{warning}: what the cluster has room for is not known: {error:#}\n"
            ));
            None
        }
    }
}

async fn look_at(catalog: &Arc<Catalog>, asker: Asker<'_>) -> anyhow::Result<Availability> {
    let client = Client::try_default().await.context("no kubeconfig")?;
    Ok(look(&client, Arc::clone(catalog), asker).await?)
}
