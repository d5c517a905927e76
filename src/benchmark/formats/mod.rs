//! Readers of the files that users hold: one file for each format, recognised by content.
//!
//! A reader streams: it hands each row to a [`Sink`] as it comes and keeps none, so that memory does
//! not grow with the file. A row with a fault is no row; whether the others are taken all the same is
//! the sink's business.

mod check;
mod client_run;
mod csv;
mod error;
mod guidellm;
mod input;
mod intake;
mod json_document;
mod json_rows;
mod json_stream;
mod llm_d;
mod pg_dump;
mod recognise;
mod snapshot;
mod table;
mod told;
mod vllm_bench;

pub use error::{Fault, FaultList, FormatError};
pub use told::Told;

use std::io::Read;
use std::ops::ControlFlow;

use super::BenchmarkRow;
use input::Input;
use intake::Intake;

/// A file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Rows with their evidence, as Compass writes them.
    CompassJson,
    /// Evidence of a knowledge base, as `compass snapshot` writes it.
    Snapshot,
    /// Rows of `exported_summaries` as JSON.
    JsonRows,
    /// Rows of `exported_summaries` as CSV with a header.
    Csv,
    /// `pg_dump` of `exported_summaries`, plain or custom.
    PgDump,
    /// `guidellm benchmark run`.
    GuideLlm,
    /// `vllm bench serve --save-result` or `--append-result`.
    VllmBench,
    /// A benchmark report of llm-d-benchmark.
    LlmD,
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::CompassJson => "Compass JSON",
            Self::Snapshot => "a snapshot",
            Self::JsonRows => "rows of exported_summaries as JSON",
            Self::Csv => "rows of exported_summaries as CSV",
            Self::PgDump => "a pg_dump",
            Self::GuideLlm => "a result of GuideLLM",
            Self::VllmBench => "a result of vllm bench serve",
            Self::LlmD => "a report of llm-d-benchmark",
        })
    }
}

/// What is known of a file before its first row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its format.
    pub format: Format,
    /// Who made the rows, where the file says.
    pub source: Option<String>,
}

/// Where the rows of a file go. A sink that breaks ends the reading.
pub trait Sink {
    /// Comes before everything else; in a snapshot, before the rows of each source.
    fn begin(&mut self, head: Head) -> ControlFlow<()>;
    /// A good row.
    fn row(&mut self, row: BenchmarkRow) -> ControlFlow<()>;
    /// What is wrong with a row; one call for each fault.
    fn fault(&mut self, fault: Fault) -> ControlFlow<()>;
}

/// How to read.
pub struct Rules<'a> {
    /// What a person says of the file because the file does not.
    pub told: &'a Told,
    /// A row of which a greater percentage of the requests failed is faulty.
    pub max_error_percent: f64,
    /// The catalog's name of a GPU: rows hold no aliases (R2).
    pub canonical_hardware: &'a dyn Fn(&str) -> String,
}

/// Reads a file in any of the formats, compressed or not. `name` stands for the file in errors.
///
/// # Errors
/// The file as a whole cannot be read on. Rows that were handed out before are good.
pub fn read(
    name: &str,
    content: impl Read,
    rules: &Rules,
    sink: &mut dyn Sink,
) -> Result<(), FormatError> {
    let mut input = Input::open(name, content)?;
    let format = recognise::format(name, input.beginning()?)?;
    let mut intake = Intake::new(format, rules, sink);
    match format {
        Format::CompassJson | Format::JsonRows => json_rows::read(input, &mut intake),
        Format::Snapshot => snapshot::read(input, &mut intake),
        Format::Csv => csv::read(input, &mut intake),
        Format::PgDump => pg_dump::read(input, &mut intake),
        Format::GuideLlm => guidellm::read(input, &mut intake),
        Format::VllmBench => vllm_bench::read(input, &mut intake),
        Format::LlmD => llm_d::read(input, &mut intake),
    }
}

#[cfg(test)]
pub(crate) mod tests;
