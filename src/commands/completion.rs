//! Shell completion: scripts for the shells, and answers to kubectl, which asks the program
//! `kubectl_complete-compass` for what may come next behind `kubectl compass`.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use clap_complete::engine::complete;

use super::Cli;
use super::invocation::NAME;

/// kubectl's directives behind the candidates, as Cobra defines them.
const SHELL_COMPLETES_FILES: &str = ":0";
const NOTHING_ELSE: &str = ":4";

/// Arguments of `compass completion`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), NAME, &mut script);
    out!("{}", String::from_utf8(script)?);
    Ok(ExitCode::SUCCESS)
}

/// What may come in place of the last of these words, for kubectl: a line each, with its help behind a
/// tab, and a directive.
pub(super) fn answer_kubectl(words: Vec<OsString>) -> anyhow::Result<()> {
    let arguments: Vec<_> = std::iter::once(OsString::from(NAME)).chain(words).collect();
    let last = arguments.len() - 1;
    let folder = std::env::current_dir().ok();
    let candidates = complete(&mut Cli::command(), arguments, last, folder.as_deref())?;
    let mut answer = Vec::new();
    for candidate in &candidates {
        answer.write_all(candidate.get_value().as_encoded_bytes())?;
        if let Some(help) = candidate.get_help() {
            let help = help.to_string();
            write!(answer, "\t{}", help.lines().next().unwrap_or_default())?;
        }
        answer.write_all(b"\n")?;
    }
    let directive = if candidates.is_empty() {
        SHELL_COMPLETES_FILES
    } else {
        NOTHING_ELSE
    };
    outln!("{}{directive}", String::from_utf8_lossy(&answer));
    Ok(())
}
