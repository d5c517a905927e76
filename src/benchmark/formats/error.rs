//! Why a file is not taken.

use std::fmt::Display;

use serde::Serialize;
use thiserror::Error;

/// Faults told one by one; the rest is counted.
const TOLD: usize = 20;
/// Characters of a file's own text in an error.
const QUOTED: usize = 160;

/// Why a file cannot be read on.
#[derive(Debug, Error)]
pub enum FormatError {
    /// The operating system, or a decompressor, did not give its bytes.
    #[error("{file}: cannot be read: {problem}")]
    Unreadable {
        /// The file.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// It is not UTF-8.
    #[error("{file}, line {line}: not UTF-8 text; save the file as UTF-8")]
    NotText {
        /// The file.
        file: String,
        /// Line of the first byte that is none, or of its row.
        line: usize,
    },
    /// It is not what its format says.
    #[error("{file}, line {line}: {problem}")]
    Malformed {
        /// The file.
        file: String,
        /// Line of the fault.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// No format fits its content.
    #[error(
        "{file}: not a file of benchmarks{}; expected Compass JSON ({{\"format\": \"compass.benchmarks/v1\", \"benchmarks\": [...]}}), \
         a snapshot, rows of exported_summaries as JSON, as CSV with a header or as a pg_dump, a result of GuideLLM or vllm bench serve, \
         or a report of llm-d-benchmark", if hint.is_empty() { String::new() } else { format!(" ({hint})") }
    )]
    Unrecognised {
        /// The file.
        file: String,
        /// What it seems to be instead; may be empty.
        hint: String,
    },
    /// It names a format that this version does not read.
    #[error(
        "{file}: unknown format `{format}`; this version reads `compass.benchmarks/v1` and `compass.snapshot/v1`"
    )]
    UnknownFormat {
        /// The file.
        file: String,
        /// What it says.
        format: String,
    },
    /// It does not record something without which its rows are evidence for nothing.
    #[error("{file}: {what}; say it by {flags}")]
    NotRecorded {
        /// The file.
        file: String,
        /// What is missing.
        what: String,
        /// The flags that say it.
        flags: String,
    },
    /// It lacks figures that only the tool that wrote it can give.
    #[error("{file}: {what}: {remedy}")]
    Incomplete {
        /// The file.
        file: String,
        /// What is missing.
        what: String,
        /// What to run instead.
        remedy: String,
    },
    /// The sink asked for no more.
    #[error("stopped")]
    Stopped,
}

/// What is wrong with one field of one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Number of the row, from 1.
    pub row: usize,
    /// Line on which the row begins.
    pub line: usize,
    /// The field; empty for the row as a whole.
    pub field: String,
    /// What is wrong, and what is expected.
    pub problem: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "row {} (line {})", self.row, self.line)?;
        if !self.field.is_empty() {
            write!(f, ", field `{}`", self.field)?;
        }
        write!(f, ": {}", self.problem)
    }
}

impl FormatError {
    pub(super) fn unreadable(file: &str, error: std::io::Error) -> Self {
        Self::Unreadable {
            file: file.to_owned(),
            problem: error.to_string(),
        }
    }

    pub(super) fn malformed(file: &str, line: usize, problem: impl Display) -> Self {
        Self::Malformed {
            file: file.to_owned(),
            line,
            problem: shorten(&problem.to_string()),
        }
    }
}

/// The faults of a file: the first ones, and how many more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FaultList {
    /// The first ones.
    pub faults: Vec<Fault>,
    /// How many more there are.
    pub more: usize,
}

impl FaultList {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// Adds one.
    pub fn add(&mut self, fault: Fault) {
        if self.faults.len() < TOLD {
            self.faults.push(fault);
        } else {
            self.more += 1;
        }
    }
}

impl Display for FaultList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.faults.len() + self.more;
        let noun = if count == 1 { "fault" } else { "faults" };
        write!(f, "{count} {noun}")?;
        for fault in &self.faults {
            write!(f, "\n  {fault}")?;
        }
        if self.more > 0 {
            write!(f, "\n  and {} more", self.more)?;
        }
        Ok(())
    }
}

/// Text of a file as an error may quote it: one short line.
pub(super) fn shorten(text: &str) -> String {
    let mut short: String = text
        .chars()
        .take(QUOTED)
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
