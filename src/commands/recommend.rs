//! `compass recommend`: the answer to a question from flags or a file, for people or as data.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::intent::{FromFlags, NAME, intent_of_file};
use super::{CatalogArguments, DatabaseArguments, NOTHING_COMPLIES, report};
use crate::advise::{Question, advise, answer};
use crate::api::DeploymentIntent;
use crate::manifest::Settings;

/// Arguments of `compass recommend`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// A DeploymentIntent to answer, instead of flags; - reads standard input
    #[arg(
        short,
        long,
        value_name = "FILE",
        conflicts_with = "FromFlags",
        required_unless_present = "use_case"
    )]
    file: Option<PathBuf>,
    #[command(flatten)]
    flags: Option<FromFlags>,
    /// How to print the answer
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    database: DatabaseArguments,
    #[command(flatten)]
    catalog: CatalogArguments,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Output {
    /// For people
    #[default]
    Table,
    /// The status that the operator would write
    Json,
    /// The same as YAML
    Yaml,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let catalog = Arc::new(arguments.catalog.load()?);
    let intent: DeploymentIntent = match (&arguments.file, arguments.flags) {
        (Some(file), _) => intent_of_file(file)?,
        (None, Some(flags)) => flags.intent()?,
        (None, None) => anyhow::bail!("give --use-case, or a DeploymentIntent with -f"),
    };
    let knowledge_base = arguments.database.knowledge_base(&catalog)?;
    let question = Question {
        name: intent.metadata.name.as_deref().unwrap_or(NAME),
        namespace: intent.metadata.namespace.as_deref().unwrap_or("default"),
        spec: &intent.spec,
    };
    let advice = advise(
        question,
        &knowledge_base,
        &catalog,
        &Settings::default(),
        jiff::Timestamp::now(),
    )
    .await?;
    if let Some(Err(error)) = &advice.manifests {
        eprintln!("warning: no manifests can be made of this recommendation: {error}");
    }
    match arguments.output {
        Output::Table => out!("{}", report::recommendation(&advice.decision, &catalog)),
        Output::Json => outln!(
            "{}",
            serde_json::to_string_pretty(&answer(&advice.decision))?
        ),
        Output::Yaml => out!("{}", serde_saphyr::to_string(&answer(&advice.decision))?),
    }
    Ok(match advice.decision.recommendation {
        Some(_) => ExitCode::SUCCESS,
        None => ExitCode::from(NOTHING_COMPLIES),
    })
}
