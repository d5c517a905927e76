//! `compass load`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};

use super::table::table;
use crate::benchmark::EvidenceKind;
use crate::benchmark::formats::{self, BenchmarkFile};
use crate::catalog::Catalog;
use crate::knowledge_base::{LoadBatch, LoadMode, LoadReport, RESTORED_SOURCE, load};

/// Arguments of `compass load`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Files of benchmarks: Compass JSON, or rows of exported_summaries as JSON
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Whose rows these are; a load replaces the rows of its source only [default: what the file
    /// says, else its base name]
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// How the figures came about, whatever the files say: measured, simulated or estimated
    #[arg(long, value_name = "KIND")]
    evidence: Option<EvidenceKind>,
    /// Report what a load would do, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// How to print the report
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    catalog: super::CatalogArguments,
    #[command(flatten)]
    database: super::DatabaseArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Table,
    Json,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let batches = batches(&arguments, &arguments.catalog.load()?)?;
    let mode = if arguments.dry_run {
        LoadMode::DryRun
    } else {
        LoadMode::Commit
    };
    let url = arguments.database.url()?;
    let mut reports = Vec::with_capacity(batches.len());
    let mut failure = None;
    for batch in &batches {
        match load(url, batch, mode).await {
            Ok(report) => reports.push(report),
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    // A source is loaded whole or not at all: those before the failing one are, and are told.
    if failure.is_none() || !reports.is_empty() {
        match arguments.output {
            Output::Json => println!("{}", serde_json::to_string_pretty(&reports)?),
            Output::Table => print!("{}", text(&reports, mode)),
        }
    }
    failure.map_or(Ok(ExitCode::SUCCESS), |error| Err(error.into()))
}

/// Reads every file before anything is loaded, and joins those of one source.
fn batches(arguments: &Arguments, catalog: &Catalog) -> anyhow::Result<Vec<LoadBatch>> {
    let mut batches: BTreeMap<String, LoadBatch> = BTreeMap::new();
    for path in &arguments.files {
        let BenchmarkFile { source, mut rows } = read(path)?;
        if let Some(kind) = arguments.evidence {
            rows.iter_mut()
                .for_each(|row| row.evidence.kind = Some(kind));
        }
        let source = match arguments.source.clone().or(source) {
            Some(source) => source,
            None => default_source(path)?,
        };
        let batch = match batches.get_mut(&source) {
            Some(batch) => batch,
            None => batches
                .entry(source.clone())
                .or_insert(LoadBatch::new(source)?),
        };
        batch
            .add_file(rows, catalog)
            .with_context(|| path.display().to_string())?;
    }
    Ok(batches.into_values().collect())
}

fn read(path: &Path) -> anyhow::Result<BenchmarkFile> {
    let content = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(formats::read(&path.display().to_string(), &content)?)
}

/// The file's name without the ending of its format: `llama-3.1-8b` of `runs/llama-3.1-8b.json`.
fn base_name(path: &Path) -> String {
    let name = path
        .file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy();
    match name.strip_suffix(".json") {
        Some(stem) if !stem.is_empty() => stem.to_owned(),
        _ => name.into_owned(),
    }
}

/// The source of a file that names none.
fn default_source(path: &Path) -> anyhow::Result<String> {
    let source = base_name(path);
    if source == RESTORED_SOURCE {
        anyhow::bail!(
            "{}: `{RESTORED_SOURCE}` is the source of rows that were restored from a dump, and a load would replace them: name the rows' source by --source",
            path.display()
        );
    }
    Ok(source)
}

fn text(reports: &[LoadReport], mode: LoadMode) -> String {
    let mut loads = table(
        [
            "SOURCE",
            "READ",
            "INSERTED",
            "REPLACED",
            "UNCHANGED",
            "REMOVED",
        ],
        1,
    );
    let mut profiles = table(["SOURCE", "PROMPT TOKENS", "OUTPUT TOKENS", "ROWS"], 1);
    for report in reports {
        let LoadReport {
            source,
            read,
            inserted,
            replaced,
            unchanged,
            removed,
            ..
        } = report;
        let counts = [read, inserted, replaced, unchanged, removed];
        loads.add_row(std::iter::once(source.clone()).chain(counts.map(ToString::to_string)));
        for count in &report.profiles {
            profiles.add_row([
                source.clone(),
                count.profile.prompt_tokens.to_string(),
                count.profile.output_tokens.to_string(),
                count.rows.to_string(),
            ]);
        }
        if report.without_profile > 0 {
            let unknown = || "unknown".to_owned();
            profiles.add_row([
                source.clone(),
                unknown(),
                unknown(),
                report.without_profile.to_string(),
            ]);
        }
    }
    let note = match mode {
        LoadMode::Commit => "",
        LoadMode::DryRun => "Dry run: nothing was changed.\n",
    };
    format!("{loads}\n\n{profiles}\n{note}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_called_as_its_file() {
        assert_eq!(
            base_name(Path::new("runs/llama-3.1-8b.json")),
            "llama-3.1-8b"
        );
        assert_eq!(base_name(Path::new("lab")), "lab");
        assert_eq!(base_name(Path::new(".json")), ".json");
        assert!(default_source(Path::new("exported_summaries.json")).is_err());
    }
}
