//! The command line: one file for each subcommand. No rule of a decision lives here.

mod controller;
mod crd;
mod load;
mod migrate;
mod recommend;
mod render;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::catalog::{Catalog, CatalogError, CatalogFiles};

/// From an intent to a vLLM deployment that meets its SLOs, with the evidence that says so.
#[derive(Debug, Parser)]
#[command(name = "compass", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Recommend a model, GPU and replica count for a use case
    Recommend(recommend::Arguments),
    /// Print the manifests' YAML of an intent, byte for byte what the operator writes
    Render(render::Arguments),
    /// Create or upgrade the knowledge base's schema
    Migrate(migrate::Arguments),
    /// Load benchmarks into the knowledge base
    Load(load::Arguments),
    /// Print the CustomResourceDefinition
    Crd(crd::Arguments),
    /// Run the operator
    Controller(controller::Arguments),
}

impl Cli {
    /// Runs the command that the arguments name.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Recommend(arguments) => recommend::run(arguments).await,
            Command::Render(arguments) => render::run(arguments).await,
            Command::Migrate(arguments) => migrate::run(arguments).await,
            Command::Load(arguments) => load::run(arguments).await,
            Command::Crd(arguments) => crd::run(&arguments),
            Command::Controller(arguments) => controller::run(arguments).await,
        }
    }
}

/// Where the knowledge base is.
#[derive(Args, Debug)]
struct DatabaseArguments {
    /// PostgreSQL URL of the knowledge base; also read from .env
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    database_url: String,
}

/// Files in place of the built-in catalog.
#[derive(Args, Debug)]
struct CatalogArguments {
    /// Use cases, in the shape of data/slo_templates.json
    #[arg(long, env = "COMPASS_USE_CASES", value_name = "FILE")]
    use_cases: Option<PathBuf>,
    /// Hardware and prices, in the shape of data/hardware.json
    #[arg(long, env = "COMPASS_HARDWARE", value_name = "FILE")]
    hardware: Option<PathBuf>,
    /// Models, in the shape of data/models.json
    #[arg(long, env = "COMPASS_MODELS", value_name = "FILE")]
    models: Option<PathBuf>,
}

impl CatalogArguments {
    fn load(&self) -> Result<Catalog, CatalogError> {
        Catalog::load(&CatalogFiles {
            use_cases: self.use_cases.as_deref(),
            hardware: self.hardware.as_deref(),
            models: self.models.as_deref(),
        })
    }
}
