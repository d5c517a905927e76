//! `--config FILE`: settings in YAML, whose keys are the names of flags. They take the place of the
//! defaults, so that clap reads and checks them, and a flag or a variable goes before them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::error::ContextKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command};
use serde_json::Value;

use crate::benchmark::most_alike;

const ID: &str = "config";

/// Where settings are, besides flags and environment.
#[derive(Args, Debug)]
pub(super) struct ConfigArguments {
    /// Settings in YAML, named as the flags (`logFormat: json`); flags and environment go before them
    #[arg(id = ID, long = "config", env = "COMPASS_CONFIG", value_name = "FILE")]
    _config: Option<PathBuf>,
}

/// The command with what the file that `matches` names says as its defaults; `None` without a file.
///
/// # Errors
/// The file cannot be read, or says something that is no setting of the command that was called.
pub(super) fn with_file(
    program: &Command,
    matches: &ArgMatches,
) -> anyhow::Result<Option<Command>> {
    let Some((name, matches)) = matches.subcommand() else {
        return Ok(None);
    };
    let file = matches.try_get_one::<PathBuf>(ID).ok().flatten();
    let (Some(file), Some(command)) = (file, program.find_subcommand(name)) else {
        return Ok(None);
    };
    let of_file = || file.display().to_string();
    let settings = settings(file, command).with_context(of_file)?;
    let mut defaults = Vec::new();
    for (setting, values) in settings {
        let is_given = |argument: &&Arg| {
            let source = matches.value_source(argument.get_id().as_str());
            source.is_some_and(|source| source > ValueSource::DefaultValue)
        };
        let rivals = command.get_arg_conflicts_with(setting);
        if !is_given(&setting) && !rivals.iter().any(is_given) {
            check(command, setting, &values).with_context(of_file)?;
            defaults.push((setting.get_id().clone(), values));
        }
    }
    let with_defaults = |command: Command| {
        defaults.into_iter().fold(command, |command, (id, values)| {
            command.mut_arg(id, |argument| argument.default_values(values))
        })
    };
    Ok(Some(program.clone().mut_subcommand(name, with_defaults)))
}

fn settings<'c>(file: &Path, command: &'c Command) -> anyhow::Result<Vec<(&'c Arg, Vec<String>)>> {
    let text = std::fs::read_to_string(file).context("cannot be read")?;
    let settings: Option<BTreeMap<String, Value>> =
        serde_saphyr::from_str(&text).context("not a YAML file of settings")?;
    let flags: BTreeMap<String, &Arg> = command
        .get_arguments()
        .filter(|argument| !["help", ID].contains(&argument.get_id().as_str()))
        .filter_map(|argument| Some((argument.get_long()?.to_owned(), argument)))
        .collect();
    let mut found: Vec<(&Arg, Vec<String>)> = Vec::new();
    for (key, value) in settings.unwrap_or_default() {
        let flag = flags.get(&key).or_else(|| {
            let mut flags = flags.iter();
            flags.find_map(|(flag, argument)| (camel_case(flag) == key).then_some(argument))
        });
        let Some(&argument) = flag else {
            bail!("{}", unknown(&key, flags.keys()));
        };
        if found.iter().any(|(known, _)| *known == argument) {
            bail!("`{key}` is given twice");
        }
        let values = values(argument, value).with_context(|| format!("`{key}`"))?;
        found.push((argument, values));
    }
    if let Some(((one, _), other)) = found.iter().find_map(|setting| {
        let rivals = command.get_arg_conflicts_with(setting.0);
        let rival = found.iter().find(|(other, _)| rivals.contains(other))?;
        Some((setting, rival.0))
    }) {
        bail!(
            "`{}` and `{}` exclude each other",
            key_of(one),
            key_of(other)
        );
    }
    Ok(found)
}

fn unknown<'k>(key: &str, flags: impl Iterator<Item = &'k String>) -> String {
    let keys: Vec<_> = flags.map(|flag| camel_case(flag)).collect();
    let known = keys.iter().map(String::as_str);
    match most_alike(&camel_case(key), known) {
        Some(meant) => format!("there is no setting `{key}`: did you mean `{meant}`?"),
        None => format!("there is no setting `{key}`: there are {}", keys.join(", ")),
    }
}

fn key_of(argument: &Arg) -> String {
    camel_case(argument.get_long().unwrap_or_default())
}

fn camel_case(flag: &str) -> String {
    let mut words = flag.split('-');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let mut letters = word.chars();
        let initial = letters.next().map(|letter| letter.to_ascii_uppercase());
        name + &initial.into_iter().chain(letters).collect::<String>()
    })
}

fn values(argument: &Arg, value: Value) -> anyhow::Result<Vec<String>> {
    let values = match value {
        Value::Array(values) if matches!(argument.get_action(), ArgAction::Append) => values,
        Value::Array(_) => bail!("takes one value, and no list"),
        value => vec![value],
    };
    values.into_iter().map(text).collect()
}

fn text(value: Value) -> anyhow::Result<String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Bool(is_true) => Ok(is_true.to_string()),
        Value::Number(number) if !number.is_f64() => Ok(number.to_string()),
        Value::Number(_) => bail!("would be read as a number, and 0.10 as 0.1: put it in quotes"),
        Value::Null => bail!("has no value"),
        Value::Array(_) | Value::Object(_) => bail!("takes text, a number, true or false"),
    }
}

/// What clap would say of the values if they were given as flags.
fn check(command: &Command, setting: &Arg, values: &[String]) -> anyhow::Result<()> {
    let flag = setting.get_long().unwrap_or_default();
    let flags = values.iter().map(|value| format!("--{flag}={value}"));
    let called = command.clone().no_binary_name(true);
    let Err(error) = called.try_get_matches_from(flags) else {
        return Ok(());
    };
    let problem = match (
        std::error::Error::source(&error),
        error.get(ContextKind::ValidValue),
    ) {
        (Some(problem), _) => problem.to_string(),
        (None, Some(valid)) => format!("it is one of {valid}"),
        (None, None) => "it is no such value".to_owned(),
    };
    bail!("`{}`: {}: {problem}", key_of(setting), values.join(", "));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_flags_in_the_style_of_kubernetes() {
        for (flag, key) in [
            ("listen", "listen"),
            ("log-format", "logFormat"),
            ("default-vllm-version", "defaultVllmVersion"),
        ] {
            assert_eq!(camel_case(flag), key);
            assert_eq!(camel_case(key), key);
        }
    }
}
