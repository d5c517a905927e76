//! Reading one catalog file, with errors that name its line and field.

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use thiserror::Error;

/// Why a catalog file is refused.
#[derive(Debug, Error)]
pub enum CatalogError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
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
    #[error("{file}, line {line}, field `{field}`: {problem}")]
    Invalid {
        /// The file.
        file: String,
        /// Line of the field, or of what it is missing in.
        line: usize,
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
    /// The file's object, by key.
    pub(super) fn parse_map<K, V>(&self) -> Result<BTreeMap<K, V>, CatalogError>
    where
        K: DeserializeOwned + Ord + Display + Clone,
        V: DeserializeOwned,
    {
        let mut json = serde_json::Deserializer::from_str(&self.text);
        let mut track = serde_path_to_error::Track::new();
        let map = unique(serde_path_to_error::Deserializer::new(
            &mut json, &mut track,
        ))
        .map_err(|error| self.malformed(track.path().to_string(), &error))?;
        json.end()
            .map_err(|error| self.malformed(".".into(), &error))?;
        Ok(map)
    }

    fn malformed(&self, field: String, error: &serde_json::Error) -> CatalogError {
        CatalogError::Malformed {
            file: self.name.clone(),
            line: error.line(),
            field,
            problem: error.to_string(),
        }
    }

    /// An error at the field that `path` leads to.
    pub(super) fn invalid(&self, path: &[&str], problem: impl Into<String>) -> CatalogError {
        CatalogError::Invalid {
            file: self.name.clone(),
            line: self.line_of(path),
            field: path.join("."),
            problem: problem.into(),
        }
    }

    /// The line on which the last key of `path` that is there stands.
    fn line_of(&self, path: &[&str]) -> usize {
        let mut from = 0;
        for key in path {
            let Some(found) = self.text[from..].find(&format!("\"{key}\"")) else {
                break;
            };
            from += found + 1;
        }
        1 + self.text[..from].matches('\n').count()
    }
}

/// Reads a JSON object whose keys all differ: of two equal ones, one would be lost.
pub(super) fn unique<'de, D, K, V>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
where
    D: Deserializer<'de>,
    K: Deserialize<'de> + Ord + Display + Clone,
    V: Deserialize<'de>,
{
    struct Unique<K, V>(PhantomData<(K, V)>);

    impl<'de, K, V> Visitor<'de> for Unique<K, V>
    where
        K: Deserialize<'de> + Ord + Display + Clone,
        V: Deserialize<'de>,
    {
        type Value = BTreeMap<K, V>;

        fn expecting(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
            let mut map = BTreeMap::new();
            while let Some((key, value)) = entries.next_entry::<K, V>()? {
                if map.insert(key.clone(), value).is_some() {
                    return Err(A::Error::custom(format!("`{key}` stands twice")));
                }
            }
            Ok(map)
        }
    }

    deserializer.deserialize_map(Unique(PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> CatalogFile {
        CatalogFile {
            name: "mine.json".to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn errors_name_line_and_field() {
        let file = file("{\n  \"H100\": {\n    \"price\": 0\n  }\n}");
        assert_eq!(
            file.invalid(&["H100", "price"], "is 0").to_string(),
            "mine.json, line 3, field `H100.price`: is 0"
        );
        assert_eq!(
            file.invalid(&["H100", "memory_gib"], "is missing")
                .to_string(),
            "mine.json, line 2, field `H100.memory_gib`: is missing"
        );
    }

    #[test]
    fn a_key_that_stands_twice_is_refused() {
        let error = file("{\n \"a\": 1,\n \"a\": 2}")
            .parse_map::<String, i32>()
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "mine.json, line 3, field `.`: `a` stands twice at line 3 column 8"
        );
    }
}
