//! From the text of rows to rows, collecting the faults of all of them.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::check;
use super::error::{FaultList, FormatError};
use crate::benchmark::BenchmarkRow;
use crate::benchmark::row::FieldFault;

/// Reads each row with `read_row`, checks it, and refuses them all if one is faulty.
pub(super) fn read(
    name: &str,
    text: &str,
    rows: Vec<&RawValue>,
    read_row: impl Fn(Map<String, Value>, &mut Vec<FieldFault>) -> Option<BenchmarkRow>,
) -> Result<Vec<BenchmarkRow>, FormatError> {
    let mut lines = Lines::of(text);
    let mut faults = FaultList::default();
    let mut read = Vec::with_capacity(rows.len());
    for (index, raw) in rows.into_iter().enumerate() {
        let mut of_row = Vec::new();
        let row = match serde_json::from_str(raw.get()) {
            Ok(Value::Object(object)) => read_row(object, &mut of_row),
            Ok(_) => {
                of_row.push(FieldFault::new("", "a row is an object"));
                None
            }
            Err(error) => {
                of_row.push(FieldFault::new("", error.to_string()));
                None
            }
        };
        if raw.get().contains("\\u0000") {
            of_row.push(FieldFault::new(
                "",
                "holds the character U+0000, which PostgreSQL cannot store",
            ));
        }
        if let Some(row) = &row {
            check::row(row, &mut of_row);
        }
        if !of_row.is_empty() {
            faults.add(index + 1, lines.line_of(raw.get()), of_row);
        }
        // One fault refuses the file: rows behind it are only checked.
        read.extend(row.filter(|_| faults.is_empty()));
    }
    if faults.is_empty() {
        Ok(read)
    } else {
        Err(faults.into_error(name))
    }
}

/// Refuses what is left of an object after its known fields were taken.
pub(super) fn refuse_others(
    object: Map<String, Value>,
    expected: &str,
    faults: &mut Vec<FieldFault>,
) {
    faults.extend(
        object
            .into_iter()
            .map(|(field, _)| FieldFault::new(field, format!("not {expected}"))),
    );
}

/// Line numbers of parts of a text, asked for in the text's order.
struct Lines<'a> {
    text: &'a str,
    offset: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            text,
            offset: 0,
            line: 1,
        }
    }

    /// The line on which `part`, a slice of the text, begins.
    fn line_of(&mut self, part: &str) -> usize {
        let offset = part.as_ptr().addr().wrapping_sub(self.text.as_ptr().addr());
        if let Some(between) = self.text.as_bytes().get(self.offset..offset) {
            self.line += between.iter().filter(|byte| **byte == b'\n').count();
            self.offset = offset;
        }
        self.line
    }
}
