//! A GPU's name.

use serde::{Deserialize, Serialize};

/// A hardware name such as `H100` or `A100-80`. Rows hold the catalog's canonical name: aliases
/// are normalised when a row is loaded (R2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HardwareName(String);

impl HardwareName {
    /// Takes a name that is already canonical.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for HardwareName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}
