//! How a command prints an object of the API.

use clap::ValueEnum;
use serde::Serialize;

/// How to print an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ObjectOutput {
    /// YAML
    #[default]
    Yaml,
    /// JSON
    Json,
    /// Its kind and name, as `kubectl -o name`
    Name,
}

impl ObjectOutput {
    /// Prints an object; `name` is what `-o name` says, e.g. `deploymentintent.compass.dev/chat`.
    pub(super) fn print(self, object: &impl Serialize, name: &str) -> anyhow::Result<()> {
        match self {
            Self::Yaml => out!("{}", serde_saphyr::to_string(object)?),
            Self::Json => outln!("{}", serde_json::to_string_pretty(object)?),
            Self::Name => outln!("{name}"),
        }
        Ok(())
    }
}
