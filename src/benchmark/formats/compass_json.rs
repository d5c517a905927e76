//! Compass JSON: rows of `exported_summaries`, each with an object `evidence` that says what makes
//! it safe to use.
//!
//! `{"format": "compass.benchmarks/v1", "source": "...", "benchmarks": [{..., "evidence": {...}}]}`

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::json_rows;
use super::{BenchmarkFile, FormatError};
use crate::benchmark::row::FieldFault;
use crate::benchmark::{BenchmarkRow, DeclaredEvidence, ExportedSummary};

/// What `format` says.
pub(super) const FORMAT: &str = "compass.benchmarks/v1";

pub(super) fn read(
    name: &str,
    text: &str,
    source: Option<String>,
    rows: Vec<&RawValue>,
) -> Result<BenchmarkFile, FormatError> {
    Ok(BenchmarkFile {
        source,
        rows: json_rows::read(name, text, rows, row)?,
    })
}

fn row(mut object: Map<String, Value>, faults: &mut Vec<FieldFault>) -> Option<BenchmarkRow> {
    let declared = object.remove("evidence").unwrap_or(Value::Null);
    let summary = ExportedSummary::take(&mut object, faults);
    json_rows::refuse_others(
        object,
        "a column of exported_summaries, nor `evidence`",
        faults,
    );
    let evidence = evidence(declared, faults);
    Some(BenchmarkRow {
        summary: summary?,
        evidence: evidence?,
    })
}

fn evidence(declared: Value, faults: &mut Vec<FieldFault>) -> Option<DeclaredEvidence> {
    let mut object = match declared {
        Value::Null => return Some(DeclaredEvidence::default()),
        Value::Object(object) => object,
        _ => {
            faults.push(FieldFault::new("evidence", "expected an object"));
            return None;
        }
    };
    let mut inner = Vec::new();
    let evidence = DeclaredEvidence::take(&mut object, &mut inner);
    json_rows::refuse_others(object, "a field of evidence", &mut inner);
    faults.extend(inner.into_iter().map(|fault| FieldFault {
        field: format!("evidence.{}", fault.field),
        problem: fault.problem,
    }));
    evidence
}
