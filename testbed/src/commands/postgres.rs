//! `compass-testbed postgres`: the development server.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command as Process;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use compass_testbed::postgres::{Binaries, DevelopmentServer, table};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Start the server unless it runs, and print its URL
    Start(Place),
    /// Stop the server; its data stays
    Stop(Place),
    /// Print the URL of the running server
    Url(Place),
    /// Print where the server's programs are
    Programs,
    /// Open psql
    Shell(Place),
    /// Run one query and print its rows
    Query {
        #[command(flatten)]
        place: Place,
        /// The query
        sql: String,
    },
}

#[derive(Args, Debug)]
pub(super) struct Place {
    /// Where the server's data is
    #[arg(
        long,
        env = "COMPASS_POSTGRES_DIR",
        value_name = "FOLDER",
        default_value = ".compass/postgres"
    )]
    directory: PathBuf,
}

impl Place {
    fn server(&self) -> Result<DevelopmentServer> {
        DevelopmentServer::in_folder(&self.directory)
    }
}

impl Command {
    pub(super) fn run(self) -> Result<()> {
        match self {
            Command::Start(place) => println!("{}", place.server()?.start()?),
            Command::Stop(place) => place.server()?.stop()?,
            Command::Url(place) => println!("{}", place.server()?.url()?),
            Command::Programs => println!("{}", Binaries::find()?.program("").display()),
            Command::Shell(place) => open_shell(&place)?,
            Command::Query { place, sql } => print_table(&table(&place.server()?.url()?, &sql)?),
        }
        Ok(())
    }
}

fn open_shell(place: &Place) -> Result<()> {
    let server = place.server()?;
    let psql = server
        .binaries()
        .client("psql")
        .context("install your distribution's package postgresql-client")?;
    let error = Process::new(psql).arg(server.url()?).exec();
    Err(error).context("cannot start psql")
}

fn print_table(rows: &[Vec<String>]) {
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len)).map(width).collect();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        println!("{}", cells.join("  ").trim_end());
    }
}
