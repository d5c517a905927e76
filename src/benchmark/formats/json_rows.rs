//! Rows of `exported_summaries` as JSON, in an array or in one under `benchmarks`. In Compass JSON
//! each also has an object `evidence` that says what makes it safe to use:
//!
//! `{"format": "compass.benchmarks/v1", "source": "...", "benchmarks": [{..., "evidence": {...}}]}`

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Format;
use super::error::{FormatError, shorten};
use super::input::{BEGINNING, Input};
use super::intake::Intake;
use super::json_stream::JsonStream;
use crate::benchmark::column::FieldFault;
use crate::benchmark::{BenchmarkRow, DeclaredEvidence, ExportedSummary};

/// What `format` says in Compass JSON.
pub(super) const FORMAT: &str = "compass.benchmarks/v1";

pub(super) fn read(mut input: Input, intake: &mut Intake) -> Result<(), FormatError> {
    let name = input.name().to_owned();
    let labels = Labels::of(input.beginning()?);
    let mut stream = JsonStream::new(&name, input.bytes());
    if stream.takes(b'[')? {
        intake.begin(None)?;
        rows(&mut stream, Format::JsonRows, intake)?;
    } else {
        envelope(&name, labels, &mut stream, intake)?;
    }
    match stream.peek()? {
        None => Ok(()),
        Some(_) => Err(stream.malformed("something follows the benchmarks")),
    }
}

/// What the outermost object says of its rows.
#[derive(Default, Deserialize)]
struct Labels {
    format: Option<String>,
    source: Option<String>,
}

impl Labels {
    /// Of a file that can be seen whole, wherever they stand in it; `None` of any other.
    fn of(beginning: &[u8]) -> Option<Self> {
        if beginning.len() == BEGINNING {
            return None;
        }
        serde_json::from_slice(beginning).ok()
    }
}

/// The outermost object. In a long file, what it says of its rows stands before them, since they are
/// not held.
fn envelope(
    name: &str,
    seen: Option<Labels>,
    stream: &mut JsonStream,
    intake: &mut Intake,
) -> Result<(), FormatError> {
    let is_seen = seen.is_some();
    let mut labels = seen.unwrap_or_default();
    let mut had_rows = false;
    stream.expect(b'{')?;
    let mut text = Vec::new();
    while !stream.takes(b'}')? {
        let line = stream.value(&mut text)?;
        let key: String = parse(name, line, &text)?;
        stream.expect(b':')?;
        match key.as_str() {
            "format" | "source" if had_rows && !is_seen => {
                return Err(stream.malformed(&format!("`{key}` has to stand before `benchmarks`")));
            }
            "format" | "source" => {
                let line = stream.value(&mut text)?;
                let value: Option<String> = parse(name, line, &text)?;
                match key.as_str() {
                    "format" => labels.format = value,
                    _ => labels.source = value,
                }
            }
            "benchmarks" if !had_rows => {
                let format = match labels.format.as_deref() {
                    None => Format::JsonRows,
                    Some(FORMAT) => Format::CompassJson,
                    Some(other) => {
                        return Err(FormatError::UnknownFormat {
                            file: name.to_owned(),
                            format: shorten(other),
                        });
                    }
                };
                had_rows = true;
                stream.expect(b'[')?;
                intake.begin(labels.source.take())?;
                rows(stream, format, intake)?;
            }
            _ => {
                return Err(stream.malformed(&format!(
                    "`{}` is none of `format`, `source` and `benchmarks`, each once",
                    shorten(&key)
                )));
            }
        }
        if !stream.takes(b',')? {
            stream.expect(b'}')?;
            break;
        }
    }
    if had_rows {
        Ok(())
    } else {
        Err(stream.malformed("there are no `benchmarks`"))
    }
}

pub(super) fn parse<T: serde::de::DeserializeOwned>(
    name: &str,
    line: usize,
    text: &[u8],
) -> Result<T, FormatError> {
    serde_json::from_slice(text).map_err(|error| FormatError::malformed(name, line, error))
}

/// Rows of Compass JSON, up to the end of their array.
pub(super) fn declared_rows(
    stream: &mut JsonStream,
    intake: &mut Intake,
) -> Result<(), FormatError> {
    rows(stream, Format::CompassJson, intake)
}

/// The elements of an array, up to its end.
fn rows(stream: &mut JsonStream, format: Format, intake: &mut Intake) -> Result<(), FormatError> {
    let mut text = Vec::new();
    while !stream.takes(b']')? {
        let line = stream.value(&mut text)?;
        let mut faults = Vec::new();
        let row = object(&text, &mut faults).and_then(|object| match format {
            Format::CompassJson => declared(object, &mut faults),
            _ => plain(object, &mut faults),
        });
        intake.take(line, row, faults)?;
        if !stream.takes(b',')? {
            stream.expect(b']')?;
            break;
        }
    }
    Ok(())
}

fn object(text: &[u8], faults: &mut Vec<FieldFault>) -> Option<Map<String, Value>> {
    match serde_json::from_slice(text) {
        Ok(Value::Object(object)) => return Some(object),
        Ok(_) => faults.push(FieldFault::new("", "a row is an object")),
        Err(error) => faults.push(FieldFault::new("", error.to_string())),
    }
    None
}

fn plain(mut object: Map<String, Value>, faults: &mut Vec<FieldFault>) -> Option<BenchmarkRow> {
    if object.remove("evidence").is_some() {
        faults.push(FieldFault::new(
            "evidence",
            format!("only Compass JSON declares evidence: add \"format\": \"{FORMAT}\" before `benchmarks`"),
        ));
    }
    let summary = ExportedSummary::take(&mut object, faults);
    refuse_others(object, "a column of exported_summaries", faults);
    Some(BenchmarkRow {
        summary: summary?,
        evidence: DeclaredEvidence::default(),
    })
}

fn declared(mut object: Map<String, Value>, faults: &mut Vec<FieldFault>) -> Option<BenchmarkRow> {
    let declared = object.remove("evidence").unwrap_or(Value::Null);
    let summary = ExportedSummary::take(&mut object, faults);
    refuse_others(
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
    refuse_others(object, "a field of evidence", &mut inner);
    faults.extend(inner.into_iter().map(|fault| FieldFault {
        field: format!("evidence.{}", fault.field),
        problem: fault.problem,
    }));
    evidence
}

/// Refuses what is left of an object after its known fields were taken.
fn refuse_others(object: Map<String, Value>, expected: &str, faults: &mut Vec<FieldFault>) {
    faults.extend(
        object
            .into_iter()
            .map(|(field, _)| FieldFault::new(field, format!("not {expected}"))),
    );
}
