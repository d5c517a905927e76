//! The command line: one file for each subcommand. No rule of a decision lives here.

#[macro_use]
mod output;

mod accounts;
mod answer;
mod approve;
mod benchmarks;
mod bundle_dir;
mod cluster;
mod completion;
mod config;
mod console;
mod controller;
mod crd;
mod diff;
mod doctor;
mod documents;
mod estimates;
mod evidence;
mod exit;
mod explain;
mod init;
mod intent;
mod invocation;
mod lint;
mod load;
mod migrate;
mod object;
mod readiness;
mod recommend;
mod render;
mod replace;
mod report;
mod snapshot;
mod style;
mod table;
mod telemetry;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};

use crate::catalog::{Catalog, CatalogError, CatalogFiles};
use crate::knowledge_base::{ConnectionSettings, DatabaseUrls, KnowledgeBase};
use crate::manifest::{Deviation, Settings};

pub use invocation::run;
pub use output::tell_error;

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
    /// Say why: what was found, what nearly made it, and what would change the answer
    Explain(explain::Arguments),
    /// Print the manifests' YAML of an intent, byte for byte what the operator writes
    Render(render::Arguments),
    /// Compare live objects with what would be delivered now
    Diff(diff::Arguments),
    /// Let a decision that waits be delivered
    Approve(approve::Arguments),
    /// Follow intents of the cluster until they are ready
    Watch(watch::Arguments),
    /// Ask a few questions, and write an intent
    Init(init::Arguments),
    /// Write the evidence that intents ask about to a file, to answer from without a database
    Snapshot(snapshot::Arguments),
    /// Check intents before they are merged: rules, names, and what evidence says
    Lint(lint::Arguments),
    /// Create or upgrade the knowledge base's schema
    Migrate(migrate::Arguments),
    /// Load benchmarks into the knowledge base
    Load(load::Arguments),
    /// Look through the knowledge base, and find what in it cannot be true
    Benchmarks(benchmarks::Arguments),
    /// Look at cluster, database and data, and say what to do; exits with 1 where something fails
    Doctor(doctor::Arguments),
    /// Print the CustomResourceDefinition
    Crd(crd::Arguments),
    /// Serve the web pages: ask, compare, see why; without a cluster
    Console(console::Arguments),
    /// Run the operator
    Controller(controller::Arguments),
    /// Print the script by which a shell completes these commands
    Completion(completion::Arguments),
}

impl Cli {
    /// Runs the command that the arguments name.
    async fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Recommend(arguments) => recommend::run(arguments).await,
            Command::Explain(arguments) => explain::run(arguments).await,
            Command::Render(arguments) => render::run(arguments).await,
            Command::Diff(arguments) => Ok(diff::run(arguments).await),
            Command::Approve(arguments) => approve::run(arguments).await,
            Command::Watch(arguments) => watch::run(arguments).await,
            Command::Init(arguments) => init::run(arguments),
            Command::Snapshot(arguments) => snapshot::run(arguments).await,
            Command::Lint(arguments) => lint::run(arguments).await,
            Command::Migrate(arguments) => migrate::run(arguments).await,
            Command::Load(arguments) => load::run(arguments).await,
            Command::Benchmarks(arguments) => benchmarks::run(arguments).await,
            Command::Doctor(arguments) => doctor::run(arguments).await,
            Command::Crd(arguments) => crd::run(&arguments),
            Command::Console(arguments) => console::run(arguments).await,
            Command::Controller(arguments) => controller::run(arguments).await,
            Command::Completion(arguments) => completion::run(&arguments),
        }
    }
}

/// What a person must know before relying on the predicted latencies.
fn warn_of_deviations(deviations: &[Deviation]) {
    let warning = style::styled(style::WARNING, "warning");
    for deviation in deviations {
        output::tell(&format!(
            "{warning}: the prediction does not hold: {deviation}\n"
        ));
    }
}

/// Where the knowledge base is.
#[derive(Args, Debug)]
struct DatabaseArguments {
    /// PostgreSQL URL of the knowledge base; also read from .env
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    database_url: Option<String>,
    /// File that holds the URL, such as a mounted Secret
    #[arg(long, env = "DATABASE_URL_FILE", value_name = "FILE")]
    #[arg(conflicts_with = "database_url")]
    database_url_file: Option<PathBuf>,
    /// PostgreSQL itself, where --database-url is a connection pooler: for changing it, and for
    /// hearing of changes
    #[arg(
        long,
        env = "DATABASE_DIRECT_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    database_direct_url: Option<String>,
    /// A replica to read benchmarks from, as soon as it has what the primary has
    #[arg(
        long,
        env = "DATABASE_READ_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    database_read_url: Option<String>,
}

impl DatabaseArguments {
    fn is_given(&self) -> bool {
        self.database_url.is_some() || self.database_url_file.is_some()
    }

    fn url(&self) -> anyhow::Result<String> {
        if let Some(file) = &self.database_url_file {
            let url = std::fs::read_to_string(file)
                .with_context(|| format!("--database-url-file {}", file.display()))?;
            return Ok(url.trim().to_owned());
        }
        self.database_url.clone().context(
            "which knowledge base? set DATABASE_URL, or give --database-url (`make postgres-start` prints a URL)",
        )
    }

    /// Of the server that takes changes.
    fn writer_url(&self) -> anyhow::Result<String> {
        let url = self.url()?;
        Ok(self.database_direct_url.clone().unwrap_or(url))
    }

    fn urls(&self) -> anyhow::Result<DatabaseUrls> {
        Ok(DatabaseUrls {
            direct: self.database_direct_url.clone(),
            read: self.database_read_url.clone(),
            ..DatabaseUrls::from(&self.url()?)
        })
    }

    fn knowledge_base(&self, catalog: &Arc<Catalog>) -> anyhow::Result<KnowledgeBase> {
        let settings = ConnectionSettings::default();
        Ok(KnowledgeBase::connect_lazy(
            self.urls()?,
            &settings,
            Arc::clone(catalog),
        )?)
    }
}

/// Files in place of the built-in catalog.
#[derive(Args, Debug)]
struct CatalogArguments {
    /// Use cases, in the shape of data/slo_templates.json
    #[arg(long, env = "COMPASS_CATALOG_USE_CASES", value_name = "FILE")]
    catalog_use_cases: Option<PathBuf>,
    /// Hardware and prices, in the shape of data/hardware.json
    #[arg(long, env = "COMPASS_CATALOG_HARDWARE", value_name = "FILE")]
    catalog_hardware: Option<PathBuf>,
    /// Models, in the shape of data/models.json
    #[arg(long, env = "COMPASS_CATALOG_MODELS", value_name = "FILE")]
    catalog_models: Option<PathBuf>,
}

impl CatalogArguments {
    fn load(&self) -> Result<Catalog, CatalogError> {
        Catalog::load(&CatalogFiles {
            use_cases: self.catalog_use_cases.as_deref(),
            hardware: self.catalog_hardware.as_deref(),
            models: self.catalog_models.as_deref(),
        })
    }
}

/// Which vLLM the generated manifests run.
#[derive(Args, Debug)]
struct VllmArguments {
    /// Image repository of vLLM; the tag is the version that was benchmarked
    #[arg(long, env = "COMPASS_VLLM_REPOSITORY", default_value_t = Settings::default().vllm_repository)]
    vllm_repository: String,
    /// vLLM version where the benchmark records none
    #[arg(long, env = "COMPASS_DEFAULT_VLLM_VERSION", default_value_t = Settings::default().default_vllm_version)]
    default_vllm_version: String,
}

impl VllmArguments {
    fn settings(&self) -> Settings {
        Settings {
            vllm_repository: self.vllm_repository.clone(),
            default_vllm_version: self.default_vllm_version.clone(),
        }
    }
}
