//! By which name the program was called: itself, a plugin of kubectl, or kubectl's question for
//! completions.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Error, FromArgMatches};

use super::{Cli, completion, config};

/// The program.
pub(super) const NAME: &str = "compass";
/// The file that kubectl runs for `kubectl compass`.
const PLUGIN: &str = "kubectl-compass";
/// The file that kubectl runs to complete it.
const COMPLETER: &str = "kubectl_complete-compass";

/// Runs what the arguments say, the first of which is the program's own name. Ends the process where
/// they cannot be understood, as clap does.
///
/// # Errors
/// The command failed.
pub async fn run(arguments: Vec<OsString>) -> anyhow::Result<ExitCode> {
    let called = arguments.first().map(Path::new).and_then(Path::file_stem);
    let mut command = Cli::command();
    if called.is_some_and(|called| called == COMPLETER) {
        completion::answer_kubectl(arguments.into_iter().skip(1).collect())?;
        return Ok(ExitCode::SUCCESS);
    }
    if called.is_some_and(|called| called == PLUGIN) {
        command = command.bin_name(format!("kubectl {NAME}"));
    }
    // What clap has parsed with once is not to be changed any more.
    let as_declared = command.clone();
    let mut matches = command.try_get_matches_from_mut(&arguments);
    if let Ok(given) = &matches
        && let Some(with_file) = config::with_file(&as_declared, given)?
    {
        command = with_file;
        matches = command.try_get_matches_from_mut(&arguments);
    }
    let cli = matches.and_then(|matches| Cli::from_arg_matches(&matches));
    match cli {
        Ok(cli) => cli.run().await,
        Err(error) => without_passwords(error).format(&mut command).exit(),
    }
}

/// A URL at the wrong place is an argument that clap would show in full.
fn without_passwords(mut error: Error) -> Error {
    let kinds = [
        ContextKind::InvalidArg,
        ContextKind::InvalidSubcommand,
        ContextKind::InvalidValue,
    ];
    for kind in kinds {
        if let Some(ContextValue::String(shown)) = error.get(kind)
            && let Some((scheme, _)) = shown.split_once("://")
        {
            let shown = format!("{scheme}://...");
            error.insert(kind, ContextValue::String(shown));
        }
    }
    error
}
