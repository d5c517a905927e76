//! Arguments to one command.

use std::process::ExitCode;

use clap::Parser;
use compass::commands::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    // A `.env` beside the user stands behind the real environment; none is no fault.
    dotenvy::dotenv().ok();
    match Cli::parse().run().await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
