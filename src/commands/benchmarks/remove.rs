//! `compass benchmarks remove`.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use serde_json::json;

use super::{Output, print_json};
use crate::benchmark::most_alike;
use crate::knowledge_base::{KnowledgeBase, remove};

/// Arguments of `compass benchmarks remove`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Whose rows to remove
    #[arg(long, value_name = "NAME")]
    source: String,
    /// Say what would be removed, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(
    arguments: &Arguments,
    knowledge_base: &KnowledgeBase,
    url: &str,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let source = &arguments.source;
    let sources = knowledge_base.inventory_of_sources().await?;
    let Some(found) = sources.iter().find(|found| found.source == *source) else {
        let names: Vec<_> = sources.iter().map(|found| found.source.as_str()).collect();
        if names.is_empty() {
            bail!("no source `{source}`: the knowledge base is empty");
        }
        let there_are = names.join(", ");
        match most_alike(source, names) {
            Some(nearest) => {
                bail!("no source `{source}`; did you mean `{nearest}`? There are {there_are}")
            }
            None => bail!("no source `{source}`; there are {there_are}"),
        }
    };
    let rows = found.rows.measured + found.rows.simulated + found.rows.estimated;
    if arguments.dry_run {
        match output {
            Output::Table => {
                outln!("Would remove {rows} rows of `{source}`. Dry run: nothing was changed.")
            }
            Output::Json => print_json(&json!({"source": source, "would_remove": rows}))?,
        }
        return Ok(ExitCode::SUCCESS);
    }
    if !arguments.yes {
        if !std::io::stdin().is_terminal() {
            bail!("this would remove {rows} rows of `{source}`: confirm by --yes");
        }
        eprint!("Remove {rows} rows of `{source}`? [y/N] ");
        std::io::stderr().flush()?;
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer)?;
        if !["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) {
            bail!("nothing was removed");
        }
    }
    let removed = remove(url, source).await?;
    match output {
        Output::Table => outln!("Removed {removed} rows of `{source}`."),
        Output::Json => print_json(&json!({"source": source, "removed": removed}))?,
    }
    Ok(ExitCode::SUCCESS)
}
