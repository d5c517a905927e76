//! Plain rows of `exported_summaries`: a JSON array of objects, or such an array under
//! `benchmarks`. Nothing in them declares evidence.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::json_rows;
use super::{BenchmarkFile, FormatError};
use crate::benchmark::row::FieldFault;
use crate::benchmark::{BenchmarkRow, DeclaredEvidence, ExportedSummary};

pub(super) fn read(
    name: &str,
    text: &str,
    rows: Vec<&RawValue>,
) -> Result<BenchmarkFile, FormatError> {
    Ok(BenchmarkFile {
        source: None,
        rows: json_rows::read(name, text, rows, row)?,
    })
}

fn row(mut object: Map<String, Value>, faults: &mut Vec<FieldFault>) -> Option<BenchmarkRow> {
    if object.remove("evidence").is_some() {
        faults.push(FieldFault::new(
            "evidence",
            format!(
                "only Compass JSON declares evidence: add \"format\": \"{}\" beside `benchmarks`",
                super::compass_json::FORMAT
            ),
        ));
    }
    let summary = ExportedSummary::take(&mut object, faults);
    json_rows::refuse_others(object, "a column of exported_summaries", faults);
    Some(BenchmarkRow {
        summary: summary?,
        evidence: DeclaredEvidence::default(),
    })
}
