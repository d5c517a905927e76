//! How an answer is printed: for people, or as the status that the operator would write.

use clap::ValueEnum;
use serde::Serialize;

use super::output::show;

/// How to print an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people
    #[default]
    Table,
    /// The status that the operator would write
    Json,
    /// The same as YAML
    Yaml,
}

impl Output {
    /// Prints `table`, or `document` as JSON or YAML.
    pub(super) fn print<D: Serialize>(
        self,
        table: impl FnOnce() -> String,
        document: impl FnOnce() -> D,
    ) -> anyhow::Result<()> {
        match self {
            Self::Table => show(&table()),
            Self::Json => outln!("{}", serde_json::to_string_pretty(&document())?),
            Self::Yaml => out!("{}", serde_saphyr::to_string(&document())?),
        }
        Ok(())
    }
}
