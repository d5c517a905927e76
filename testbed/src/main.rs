//! The test bed's command line.

mod commands;

use std::process::ExitCode;

use clap::Parser;
use compass_testbed::interrupt;

fn main() -> ExitCode {
    let cli = commands::Cli::parse();
    match interrupt::install().and_then(|()| cli.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) if interrupt::happened() => {
            eprintln!("\ninterrupted; everything that was started is stopped");
            ExitCode::from(130)
        }
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}
