//! Why a file is not taken.

use thiserror::Error;

use crate::benchmark::row::FieldFault;

/// Faults told one by one; the rest is counted.
const TOLD: usize = 20;
/// Characters of a file's own text in an error.
const QUOTED: usize = 160;

/// Why a file is refused. Nothing of it was taken.
#[derive(Debug, Error)]
pub enum FormatError {
    /// It is not UTF-8.
    #[error("{file}, line {line}: not UTF-8 text; save the file as UTF-8, uncompressed")]
    NotText {
        /// The file.
        file: String,
        /// Line of the first byte that is none.
        line: usize,
    },
    /// It is not JSON, or its outermost object holds something else.
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
        "{file}: not a file of benchmarks; expected Compass JSON ({{\"format\": \"compass.benchmarks/v1\", \"benchmarks\": [...]}}) \
         or rows of exported_summaries as a JSON array"
    )]
    Unrecognised {
        /// The file.
        file: String,
    },
    /// It names a format that this version does not read.
    #[error("{file}: unknown format `{format}`; this version reads `compass.benchmarks/v1`")]
    UnknownFormat {
        /// The file.
        file: String,
        /// What it says.
        format: String,
    },
    /// Rows cannot be taken.
    #[error("{file}: {}", list(faults, *more))]
    Rows {
        /// The file.
        file: String,
        /// The first faults.
        faults: Vec<Fault>,
        /// How many more there are.
        more: usize,
    },
}

/// What is wrong with one field of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
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

fn list(faults: &[Fault], more: usize) -> String {
    let count = faults.len() + more;
    let noun = if count == 1 { "fault" } else { "faults" };
    let mut lines = vec![format!("{count} {noun}; nothing was taken")];
    lines.extend(faults.iter().map(|fault| format!("  {fault}")));
    if more > 0 {
        lines.push(format!("  and {more} more"));
    }
    lines.join("\n")
}

impl FormatError {
    pub(super) fn not_text(file: &str, content: &[u8], offset: usize) -> Self {
        let line = 1 + content[..offset]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        Self::NotText {
            file: file.to_owned(),
            line,
        }
    }

    pub(super) fn malformed(file: &str, error: &serde_json::Error) -> Self {
        Self::Malformed {
            file: file.to_owned(),
            line: error.line(),
            problem: shorten(&error.to_string()),
        }
    }
}

/// The faults of a file: the first ones, and how many more.
#[derive(Default)]
pub(super) struct FaultList {
    faults: Vec<Fault>,
    more: usize,
}

impl FaultList {
    pub(super) fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    pub(super) fn add(&mut self, row: usize, line: usize, of_row: Vec<FieldFault>) {
        for FieldFault { field, problem } in of_row {
            if self.faults.len() == TOLD {
                self.more += 1;
                continue;
            }
            let (field, problem) = (shorten(&field), shorten(&problem));
            self.faults.push(Fault {
                row,
                line,
                field,
                problem,
            });
        }
    }

    pub(super) fn into_error(self, file: &str) -> FormatError {
        FormatError::Rows {
            file: file.to_owned(),
            faults: self.faults,
            more: self.more,
        }
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
