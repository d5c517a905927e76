//! Rows of `exported_summaries` out of a table as text, whatever wrote it. A column called
//! `evidence.<field>` says what makes its row safe to use, as in Compass JSON.

use super::error::{FormatError, shorten};
use crate::benchmark::column::FieldFault;
use crate::benchmark::{BenchmarkRow, DeclaredEvidence, ExportedSummary};

const EVIDENCE_PREFIX: &str = "evidence.";

/// Where each column stands in a table.
pub(super) struct Positions {
    summary: Vec<Option<usize>>,
    evidence: Vec<Option<usize>>,
}

impl Positions {
    /// Of a table with these columns.
    pub(super) fn of<'c>(
        file: &str,
        columns: impl IntoIterator<Item = &'c str>,
    ) -> Result<Self, FormatError> {
        let mut positions = Self {
            summary: vec![None; ExportedSummary::COLUMNS.len()],
            evidence: vec![None; DeclaredEvidence::COLUMNS.len()],
        };
        for (position, name) in columns.into_iter().enumerate() {
            let (known, places, column) = match name.strip_prefix(EVIDENCE_PREFIX) {
                Some(field) => (DeclaredEvidence::COLUMNS, &mut positions.evidence, field),
                None => (ExportedSummary::COLUMNS, &mut positions.summary, name),
            };
            let Some(known) = known.iter().position(|known| *known == column) else {
                return Err(FormatError::malformed(
                    file,
                    1,
                    format!("`{}` is no column of exported_summaries", shorten(name)),
                ));
            };
            if places[known].replace(position).is_some() {
                return Err(FormatError::malformed(
                    file,
                    1,
                    format!("the column `{name}` stands twice"),
                ));
            }
        }
        Ok(positions)
    }

    /// The row whose text at a position is `field`; `None` is null.
    pub(super) fn row<'t>(
        &self,
        field: impl Fn(usize) -> Option<&'t str>,
        faults: &mut Vec<FieldFault>,
    ) -> Option<BenchmarkRow> {
        let summary =
            ExportedSummary::from_text(|column| self.summary[column].and_then(&field), faults);
        let before = faults.len();
        let evidence =
            DeclaredEvidence::from_text(|column| self.evidence[column].and_then(&field), faults);
        for fault in &mut faults[before..] {
            fault.field.insert_str(0, EVIDENCE_PREFIX);
        }
        Some(BenchmarkRow {
            summary: summary?,
            evidence: evidence?,
        })
    }
}
