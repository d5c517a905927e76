//! Readers of the files that users hold: one file for each format, recognised by content.
//!
//! A reader takes a file whole or not at all; every fault is told with its row, line and field.

mod check;
mod compass_json;
mod error;
mod exported_rows;
mod json_rows;

pub use error::{Fault, FormatError};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::BenchmarkRow;

/// What a file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct BenchmarkFile {
    /// Who made the rows, where the file says.
    pub source: Option<String>,
    /// The rows, in the file's order.
    pub rows: Vec<BenchmarkRow>,
}

/// Reads the content of a file in any of the formats. `name` stands for the file in errors.
pub fn read(name: &str, content: &[u8]) -> Result<BenchmarkFile, FormatError> {
    let text = std::str::from_utf8(content)
        .map_err(|error| FormatError::not_text(name, content, error.valid_up_to()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let malformed = |error: serde_json::Error| FormatError::malformed(name, &error);
    let unrecognised = || FormatError::Unrecognised {
        file: name.to_owned(),
    };

    if text.trim_start().starts_with('[') {
        let rows = serde_json::from_str(text).map_err(malformed)?;
        return exported_rows::read(name, text, rows);
    }
    if !text.trim_start().starts_with('{') {
        return Err(unrecognised());
    }
    let envelope: Envelope = serde_json::from_str(text).map_err(malformed)?;
    let Some(benchmarks) = envelope.benchmarks else {
        return Err(unrecognised());
    };
    match envelope.format.as_deref() {
        Some(compass_json::FORMAT) => compass_json::read(name, text, envelope.source, benchmarks),
        Some(format) => Err(FormatError::UnknownFormat {
            file: name.to_owned(),
            format: error::shorten(format),
        }),
        None => exported_rows::read(name, text, benchmarks),
    }
}

/// The outermost object of a file. A row stays text until its own turn, so that a fault in it is
/// told with its line and does not hide the others'.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    format: Option<String>,
    source: Option<String>,
    #[serde(borrow)]
    benchmarks: Option<Vec<&'a RawValue>>,
}

#[cfg(test)]
pub(crate) mod tests;
