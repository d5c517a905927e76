//! From a file to lines for the staging table: read, checked and identified on a thread of its own,
//! and sent in pieces of bounded size.

use std::fmt::Display;
use std::io::Read;
use std::ops::ControlFlow;

use tokio::sync::mpsc::Sender;

use super::report::FileReport;
use super::{LoadFile, LoadOptions, source_name};
use crate::benchmark::formats::{self, Fault, FormatError, Head, Rules, Sink};
use crate::benchmark::{BenchmarkRow, DeclaredEvidence, ExportedSummary};
use crate::catalog::Catalog;
use crate::knowledge_base::copy::CopyLine;
use crate::knowledge_base::identity::Identities;

/// Bytes collected before they are sent.
const PIECE: usize = 1 << 20;

/// The columns of benchmark_evidence that a load sends, in order.
pub(super) fn evidence_columns() -> Vec<&'static str> {
    let declared = DeclaredEvidence::COLUMNS
        .iter()
        .filter(|column| **column != "kind");
    let mut columns = vec!["kind", "source", "content_digest", "date_known"];
    columns.extend(declared);
    columns
}

/// The columns of the staging table, in the order of a line.
pub(super) fn staged_columns() -> String {
    let mut columns = ExportedSummary::COLUMNS.to_vec();
    columns.extend(evidence_columns());
    columns.extend(["is_derived", "file", "row"]);
    columns.join(", ")
}

/// Reads a file and sends its lines to `pieces`. Says how it went; a refused file has sent lines
/// that must not stay.
pub(super) fn read(
    mut file: LoadFile,
    number: i32,
    options: &LoadOptions,
    catalog: &Catalog,
    pieces: Sender<String>,
) -> FileReport {
    let mut stage = Stage {
        report: FileReport {
            file: file.name.clone(),
            format: None,
            sources: Vec::new(),
            read: 0,
            rejected: 0,
            faults: Default::default(),
            refused: None,
            is_foreign: false,
        },
        default_source: std::mem::take(&mut file.default_source),
        options,
        number,
        last_faulty: 0,
        identities: None,
        pieces,
        buffer: String::with_capacity(PIECE + PIECE / 8),
    };
    let rules = Rules {
        told: &options.told,
        max_error_percent: options.max_error_percent,
        canonical_hardware: &|name| catalog.canonical_hardware(name).as_str().to_owned(),
    };
    let result = match (file.open)() {
        Ok(content) => formats::read(&file.name, content as Box<dyn Read>, &rules, &mut stage),
        Err(error) => Err(FormatError::Unreadable {
            file: file.name.clone(),
            problem: error.to_string(),
        }),
    };
    stage.end(result)
}

struct Stage<'a> {
    report: FileReport,
    default_source: String,
    options: &'a LoadOptions,
    number: i32,
    last_faulty: usize,
    identities: Option<Identities>,
    pieces: Sender<String>,
    buffer: String,
}

impl Stage<'_> {
    fn end(mut self, result: Result<(), FormatError>) -> FileReport {
        match result {
            // Whoever refused or hung up has said why.
            Err(FormatError::Stopped) => {}
            Err(error) => {
                self.report.is_foreign = matches!(error, FormatError::Unrecognised { .. });
                self.report.refused = Some(error.to_string());
            }
            Ok(()) if self.takes_no_more() => {
                self.report.refused = Some(format!(
                    "{}: nothing of it was taken: {}",
                    self.report.file, self.report.faults
                ));
            }
            Ok(()) => {
                // Nobody listens only where the database failed, which is told there.
                let _ = self.send();
            }
        }
        self.report
    }

    /// One fault refuses the whole file: what comes behind it is only checked.
    fn takes_no_more(&self) -> bool {
        !self.options.keep_going && self.report.rejected > 0
    }

    fn send(&mut self) -> ControlFlow<()> {
        let piece = std::mem::replace(&mut self.buffer, String::with_capacity(PIECE + PIECE / 8));
        match self.pieces.blocking_send(piece) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }

    fn write(&mut self, row: &BenchmarkRow) {
        let source = self.report.sources.last().map_or("", String::as_str);
        let identities = self
            .identities
            .get_or_insert_with(|| Identities::of_source(source));
        let identity = identities.of(row);
        let mut line = CopyLine::begin(&mut self.buffer);
        // PostgreSQL's word for the time of the transaction.
        let now: &dyn Display = &"now";
        let ran_at = row.summary.jbenchmark_created_at;
        let ran = ran_at.as_ref().map_or(now, |time| time as &dyn Display);
        row.summary.for_each(|column, value| {
            line.field(match column {
                "id" => Some(&identity.id),
                "jbenchmark_created_at" => Some(ran),
                "created_at" | "updated_at" => value.or(Some(ran)),
                "loaded_at" => value.or(Some(now)),
                _ => value,
            });
        });
        line.field(Some(&row.kind()));
        line.field(Some(&source));
        line.field(Some(&format_args!(
            "\\x{}",
            Hexadecimal(&identity.content_digest)
        )));
        line.field(Some(&ran_at.is_some()));
        row.evidence.for_each(|column, value| {
            if column != "kind" {
                line.field(value);
            }
        });
        line.field(Some(&identity.is_derived));
        line.field(Some(&self.number));
        line.field(Some(&self.report.read));
        line.end();
    }
}

impl Sink for Stage<'_> {
    fn begin(&mut self, head: Head) -> ControlFlow<()> {
        self.report.format = Some(head.format.to_string());
        let source = self.options.source.clone().or(head.source);
        match source_name(source, &self.default_source, &self.report.file) {
            Ok(source) => {
                if self.report.sources.last() != Some(&source) {
                    self.report.sources.push(source);
                    self.identities = None;
                }
                ControlFlow::Continue(())
            }
            Err(error) => {
                self.report.refused = Some(error.to_string());
                ControlFlow::Break(())
            }
        }
    }

    fn row(&mut self, row: BenchmarkRow) -> ControlFlow<()> {
        self.report.read += 1;
        if self.takes_no_more() {
            return ControlFlow::Continue(());
        }
        self.write(&row);
        if self.buffer.len() < PIECE {
            return ControlFlow::Continue(());
        }
        self.send()
    }

    fn fault(&mut self, fault: Fault) -> ControlFlow<()> {
        if fault.row != self.last_faulty {
            self.last_faulty = fault.row;
            self.report.read += 1;
            self.report.rejected += 1;
        }
        if self.options.keep_going {
            (self.options.on_rejected)(&self.report.file, &fault);
        }
        self.report.faults.add(fault);
        ControlFlow::Continue(())
    }
}

struct Hexadecimal<'a>(&'a [u8]);

impl Display for Hexadecimal<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}
