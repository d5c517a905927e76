//! `compass init`: asks the few questions and writes an intent.

mod questions;
mod text;

use std::fs::OpenOptions;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::CatalogArguments;
use super::intent::Wishes;
use super::output::tell;
use super::style::{WARNING, styled};
use crate::advise::{unknown_names, words};
use crate::api::{DeliveryMode, DeploymentIntent, parse_intent};
use crate::catalog::UseCase;
use questions::Questions;

/// Arguments of `compass init`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Where to write the intent; - writes to standard output [default: NAME.yaml]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Name of the intent [default: made of the use case]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Its namespace; without one, kubectl's applies
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,
    /// What the model is for
    #[arg(long, value_enum)]
    use_case: Option<UseCase>,
    #[command(flatten)]
    wishes: Wishes,
    /// What to do with the answer
    #[arg(long, value_enum)]
    mode: Option<Mode>,
    /// Ask nothing: what has no flag takes its default
    #[arg(short, long)]
    yes: bool,
    /// Overwrite the file
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    catalog: CatalogArguments,
}

/// The delivery modes, on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// The recommendation stands in the status
    Recommend,
    /// Also a ConfigMap with the manifests' YAML
    Render,
    /// Also the Deployment and the Service themselves
    Apply,
}

impl From<Mode> for DeliveryMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Recommend => Self::Recommend,
            Mode::Render => Self::Render,
            Mode::Apply => Self::Apply,
        }
    }
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let catalog = arguments.catalog.load()?;
    let to_stdout = arguments.file.as_deref() == Some(Path::new("-"));
    let is_asked =
        !arguments.yes && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let (file, is_forced) = (arguments.file.clone(), arguments.force);
    if let Some(file) = &file
        && !to_stdout
        && !is_forced
        && file.exists()
    {
        return Err(is_there(file));
    }
    let questions = Questions {
        catalog: &catalog,
        is_asked,
    };
    let intent = questions.intent(arguments)?;
    let name = intent.metadata.name.clone().unwrap_or_default();
    let text = text::commented(&intent, &catalog)?;
    // The API server would say the same, later.
    let understood = parse_intent(&text).context("these answers make no valid intent")?;
    for unknown in unknown_names(&understood.spec, &catalog, Timestamp::now())? {
        let warning = styled(WARNING, "warning");
        tell(&format!("{warning}: {}\n", words::unknown_name(&unknown)));
    }
    if to_stdout {
        out!("{text}");
        return Ok(ExitCode::SUCCESS);
    }
    let file = file.unwrap_or_else(|| PathBuf::from(format!("{name}.yaml")));
    write(&file, &text, is_forced)?;
    let shown = file.display();
    tell(&format!(
        "{shown} is written. What it gives: compass explain -f {shown}; to declare it: kubectl apply --server-side -f {shown}\n"
    ));
    Ok(ExitCode::SUCCESS)
}

fn write(file: &Path, text: &str, is_forced: bool) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true);
    if is_forced {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let written = options
        .open(file)
        .and_then(|mut it| it.write_all(text.as_bytes()));
    match written {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(is_there(file)),
        written => written.with_context(|| format!("cannot write {}", file.display())),
    }
}

fn is_there(file: &Path) -> anyhow::Error {
    anyhow::anyhow!("{} is there already: --force overwrites it", file.display())
}

/// The name of an intent for a use case, where nobody gives one.
fn default_name(use_case: UseCase) -> String {
    use_case.as_str().replace('_', "-")
}

/// An intent with this name, and the namespace where there is one.
fn named(
    name: &str,
    namespace: Option<String>,
    spec: crate::api::DeploymentIntentSpec,
) -> DeploymentIntent {
    let mut intent = DeploymentIntent::new(name, spec);
    intent.metadata.namespace = namespace;
    intent
}
