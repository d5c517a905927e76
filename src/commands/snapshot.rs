//! `compass snapshot`: the evidence that some intents ask about, in a file.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;

use super::documents::intents;
use super::replace::replace;
use super::{CatalogArguments, DatabaseArguments};
use crate::advise::take_snapshot;

/// Arguments of `compass snapshot`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// DeploymentIntents, in files or folders with other objects too; - reads standard input
    #[arg(short, long, value_name = "FILE", required = true, num_args = 1..)]
    file: Vec<PathBuf>,
    /// Where to write it, compressed where the name ends in .gz [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    database: DatabaseArguments,
    #[command(flatten)]
    catalog: CatalogArguments,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let catalog = Arc::new(arguments.catalog.load()?);
    let intents = intents(&arguments.file)?;
    let knowledge_base = arguments.database.knowledge_base(&catalog)?;
    let specs = intents.iter().map(|intent| &intent.spec);
    let snapshot = take_snapshot(specs, &knowledge_base, &catalog, Timestamp::now()).await?;
    let text = snapshot.to_json();
    let Some(path) = &arguments.output else {
        out!("{text}");
        return Ok(ExitCode::SUCCESS);
    };
    let is_compressed = path.extension().is_some_and(|extension| extension == "gz");
    let bytes = if is_compressed {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(text.as_bytes())?;
        gzip.finish()?
    } else {
        text.into_bytes()
    };
    replace(path, &bytes)?;
    Ok(ExitCode::SUCCESS)
}
