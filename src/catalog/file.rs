//! Reading one catalog file, with errors that name its line and field.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use thiserror::Error;

/// Why a catalog file is refused.
#[derive(Debug, Error)]
pub enum CatalogError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not JSON of the expected shape.
    #[error("{file}, line {line}, field `{field}`: {problem}")]
    Malformed {
        /// The file.
        file: String,
        /// Line of the fault.
        line: usize,
        /// Path of the field.
        field: String,
        /// What is wrong.
        problem: String,
    },
    /// A value cannot be.
    #[error("{file}, field `{field}`: {problem}")]
    Invalid {
        /// The file.
        file: String,
        /// Path of the field.
        field: String,
        /// What is wrong, and what is expected.
        problem: String,
    },
}

/// A catalog file's name and text.
pub(super) struct CatalogFile {
    name: String,
    text: String,
}

/// The file at `path`, or what is built in under `name`.
pub(super) fn read(
    path: Option<&Path>,
    name: &str,
    built_in: &str,
) -> Result<CatalogFile, CatalogError> {
    match path {
        None => Ok(CatalogFile {
            name: name.to_owned(),
            text: built_in.to_owned(),
        }),
        Some(path) => match std::fs::read_to_string(path) {
            Ok(text) => Ok(CatalogFile {
                name: path.display().to_string(),
                text,
            }),
            Err(source) => Err(CatalogError::Read {
                path: path.to_owned(),
                source,
            }),
        },
    }
}

impl CatalogFile {
    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, CatalogError> {
        let mut deserializer = serde_json::Deserializer::from_str(&self.text);
        let value = serde_path_to_error::deserialize(&mut deserializer)
            .map_err(|error| self.malformed(error.path().to_string(), error.inner()))?;
        deserializer
            .end()
            .map_err(|error| self.malformed(".".into(), &error))?;
        Ok(value)
    }

    fn malformed(&self, field: String, error: &serde_json::Error) -> CatalogError {
        CatalogError::Malformed {
            file: self.name.clone(),
            line: error.line(),
            field,
            problem: error.to_string(),
        }
    }

    pub(super) fn invalid(
        &self,
        field: impl Into<String>,
        problem: impl Into<String>,
    ) -> CatalogError {
        CatalogError::Invalid {
            file: self.name.clone(),
            field: field.into(),
            problem: problem.into(),
        }
    }
}
