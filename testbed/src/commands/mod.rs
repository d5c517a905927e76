//! One file for each subcommand.

mod demo;
mod postgres;
mod stack;
mod steps;
mod tools;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Real parts for Compass on this machine: PostgreSQL, a Kubernetes control plane, nodes with GPUs.
#[derive(Debug, Parser)]
#[command(name = "compass-testbed", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build or fetch the programs that are missing, and print where all are
    Tools,
    /// A PostgreSQL server for development that stays until it is stopped
    #[command(subcommand)]
    Postgres(postgres::Command),
    /// Show Compass at work, from an empty machine to a running vLLM Deployment, and stop
    /// everything
    Demo(demo::Arguments),
    /// As demo, but stay up until Ctrl-C
    Dev(demo::Arguments),
}

impl Cli {
    /// Runs the command that the arguments name.
    pub fn run(self) -> Result<()> {
        match self.command {
            Command::Tools => tools::run(),
            Command::Postgres(command) => command.run(),
            Command::Demo(arguments) => demo::run(&arguments),
            Command::Dev(arguments) => demo::run_until_interrupted(&arguments),
        }
    }
}
