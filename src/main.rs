//! Arguments to one command.

use std::process::ExitCode;

use compass::commands;

#[tokio::main]
async fn main() -> ExitCode {
    // A `.env` beside the user stands behind the real environment; none is no fault. The fault of
    // another is not shown, since it would quote the line.
    if dotenvy::dotenv().is_err_and(|error| !error.not_found()) {
        eprintln!(
            "error: the file .env cannot be read: a line is NAME=value, with quotes where the value has blanks"
        );
        return ExitCode::FAILURE;
    }
    match commands::run(std::env::args_os().collect()).await {
        Ok(code) => code,
        Err(error) => {
            commands::tell_error(&error);
            ExitCode::FAILURE
        }
    }
}
