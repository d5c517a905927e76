//! `compass render`: the manifests' YAML of an intent, byte for byte what the operator writes.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::intent::intent_of_file;
use super::{
    CatalogArguments, DatabaseArguments, NOTHING_COMPLIES, VllmArguments, bundle_dir, report,
};
use crate::advise::{Question, advise};

/// Arguments of `compass render`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The DeploymentIntent; - reads standard input
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// Namespace, where the intent names none
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// Write a file for each object and a kustomization.yaml into this folder, in place of standard
    /// output
    #[arg(short, long, value_name = "FOLDER")]
    output_dir: Option<PathBuf>,
    #[command(flatten)]
    vllm: VllmArguments,
    #[command(flatten)]
    database: DatabaseArguments,
    #[command(flatten)]
    catalog: CatalogArguments,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let catalog = Arc::new(arguments.catalog.load()?);
    let intent = intent_of_file(&arguments.file)?;
    let Some(name) = intent.metadata.name.as_deref() else {
        anyhow::bail!(
            "{}: metadata.name is missing: objects are named after it",
            arguments.file.display()
        );
    };
    let knowledge_base = arguments.database.knowledge_base(&catalog)?;
    let question = Question {
        name,
        namespace: intent
            .metadata
            .namespace
            .as_deref()
            .unwrap_or(&arguments.namespace),
        spec: &intent.spec,
    };
    let settings = arguments.vllm.settings();
    let advice = advise(
        question,
        &knowledge_base,
        &catalog,
        &settings,
        jiff::Timestamp::now(),
    )
    .await?;
    match advice.manifests {
        Some(manifests) => {
            let manifests = manifests?;
            for note in manifests.notes() {
                eprintln!("note: {note}");
            }
            match &arguments.output_dir {
                None => out!("{}", manifests.yaml()),
                Some(directory) => {
                    let changes = bundle_dir::write(directory, manifests.objects())?;
                    eprintln!("{}: {changes}", directory.display());
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        None => {
            eprint!("{}", report::recommendation(&advice.decision, &catalog));
            Ok(ExitCode::from(NOTHING_COMPLIES))
        }
    }
}
