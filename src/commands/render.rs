//! `compass render`: the manifests' YAML of intents, byte for byte what the operator writes.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;

use super::documents::intents;
use super::evidence::EvidenceArguments;
use super::exit::NOTHING_COMPLIES;
use super::output::tell;
use super::style::{HEADLINE, styled};
use super::{CatalogArguments, VllmArguments, bundle_dir, report, warn_of_deviations};
use crate::advise::{Question, advise};
use crate::manifest::Manifests;

/// Arguments of `compass render`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// DeploymentIntents, in files or folders with other objects too; - reads standard input
    #[arg(short, long, value_name = "FILE", required = true, num_args = 1..)]
    file: Vec<PathBuf>,
    /// Namespace, where an intent names none
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// Write a file for each object and a kustomization.yaml into this folder, in place of standard
    /// output
    #[arg(short, long, value_name = "FOLDER")]
    output_dir: Option<PathBuf>,
    #[command(flatten)]
    vllm: VllmArguments,
    #[command(flatten)]
    evidence: EvidenceArguments,
    #[command(flatten)]
    catalog: CatalogArguments,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let catalog = Arc::new(arguments.catalog.load()?);
    let intents = intents(&arguments.file)?;
    let evidence = arguments.evidence.open(&catalog)?;
    let settings = arguments.vllm.settings();
    let mut rendered = Vec::with_capacity(intents.len());
    let mut is_complete = true;
    for intent in &intents {
        let name = intent
            .metadata
            .name
            .as_deref()
            .context("metadata.name of an intent is missing: objects are named after it")?;
        let question = Question {
            name,
            namespace: intent
                .metadata
                .namespace
                .as_deref()
                .unwrap_or(&arguments.namespace),
            spec: &intent.spec,
            availability: None,
        };
        let advice = advise(
            question,
            &evidence.source,
            &catalog,
            &settings,
            evidence.now,
        )
        .await
        .with_context(|| format!("intent {name}"))?;
        match advice.manifests {
            Some(manifests) => {
                let manifests = manifests?;
                warn_of_deviations(manifests.deviations());
                for note in manifests.notes() {
                    eprintln!("{name}: note: {note}");
                }
                rendered.push(manifests);
            }
            None => {
                is_complete = false;
                let report = report::recommendation(&advice.decision, &catalog);
                tell(&format!("{}: {report}", styled(HEADLINE, name)));
            }
        }
    }
    if !is_complete {
        // A part of what was asked would pass for all of it.
        return Ok(ExitCode::from(NOTHING_COMPLIES));
    }
    match &arguments.output_dir {
        None => {
            let documents: Vec<_> = rendered.iter().map(Manifests::yaml).collect();
            out!("{}", documents.join("---\n"));
        }
        Some(directory) => {
            let objects = rendered.iter().flat_map(Manifests::objects);
            let changes = bundle_dir::write(directory, objects)?;
            eprintln!("{}: {changes}", directory.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}
