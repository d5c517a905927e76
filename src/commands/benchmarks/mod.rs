//! `compass benchmarks`: what the knowledge base holds, and whether it can be true.

mod list;
mod overview;
mod remove;
mod show;
mod verify;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::{CatalogArguments, DatabaseArguments};
use crate::knowledge_base::{ConnectionSettings, KindCounts, KnowledgeBase};

/// A person waits longer than a decision may.
const PATIENCE: Duration = Duration::from_secs(600);

const EMPTY: &str = "The knowledge base is empty: fill it with `compass load FILE...`.";

/// Arguments of `compass benchmarks`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// How to print
    #[arg(short, long, value_enum, default_value_t, global = true)]
    output: Output,
    #[command(flatten)]
    catalog: CatalogArguments,
    #[command(flatten)]
    database: DatabaseArguments,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Traffic profiles, and what there is under each
    Traffic,
    /// Models and GPUs, and what there is of each
    Models,
    /// Sources, and what each brought
    Sources,
    /// Single benchmarks
    List(list::Arguments),
    /// One benchmark with all that is kept of it
    Show(show::Arguments),
    /// Remove what a source brought
    Remove(remove::Arguments),
    /// Find benchmarks that cannot be true; exits with 4 where there are some
    Verify,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let catalog = Arc::new(arguments.catalog.load()?);
    let settings = ConnectionSettings {
        statement_timeout: PATIENCE,
        ..ConnectionSettings::default()
    };
    let urls = arguments.database.urls()?;
    let knowledge_base = KnowledgeBase::connect_lazy(urls, &settings, Arc::clone(&catalog))?;
    knowledge_base.ping().await?;
    let output = arguments.output;
    match arguments.command {
        Command::Traffic => overview::traffic(&knowledge_base, output).await,
        Command::Models => overview::models(&knowledge_base, output).await,
        Command::Sources => overview::sources(&knowledge_base, output).await,
        Command::List(arguments) => list::run(arguments, &knowledge_base, &catalog, output).await,
        Command::Show(arguments) => show::run(&arguments, &knowledge_base, output).await,
        Command::Remove(given) => {
            let url = arguments.database.writer_url()?;
            remove::run(&given, &knowledge_base, &url, output).await
        }
        Command::Verify => verify::run(&knowledge_base, output).await,
    }
}

fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    outln!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

fn or_unknown<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "unknown".to_owned(), |value| value.to_string())
}

fn profile(prompt_tokens: Option<i32>, output_tokens: Option<i32>) -> String {
    or_unknown(
        prompt_tokens
            .zip(output_tokens)
            .map(|(prompt, output)| format!("{prompt}/{output}")),
    )
}

fn kinds(rows: KindCounts) -> [String; 3] {
    [rows.measured, rows.simulated, rows.estimated].map(|count| count.to_string())
}
