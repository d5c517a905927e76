//! Rows of `exported_summaries` as CSV with a header, as `\copy ... TO ... CSV HEADER` writes it. An
//! empty field is null.

use csv::{ByteRecord, Position, ReaderBuilder};

use super::error::FormatError;
use super::input::{Allowance, Input, LONGEST_ROW};
use super::intake::Intake;
use super::table::Positions;
use crate::benchmark::column::FieldFault;

/// The header column by which a table is recognised.
pub(super) const TELLING_COLUMN: &str = "model_hf_repo";

const BUFFER: usize = 64 * 1024;

pub(super) fn read(mut input: Input, intake: &mut Intake) -> Result<(), FormatError> {
    let name = input.name().to_owned();
    // A buffer is filled ahead of the row that is being read.
    let allowance = Allowance::new(LONGEST_ROW + BUFFER);
    let mut reader = ReaderBuilder::new()
        .buffer_capacity(BUFFER)
        .flexible(true)
        .from_reader(allowance.bound(input.bytes()));
    let header = reader.headers().map_err(|error| refused(&name, &error))?;
    let columns = header.len();
    let positions = Positions::of(&name, header)?;
    intake.begin(None)?;
    let mut record = ByteRecord::new();
    loop {
        allowance.renew();
        let is_row = reader.read_byte_record(&mut record);
        if !is_row.map_err(|error| refused(&name, &error))? {
            return Ok(());
        }
        let line = record.position().map_or(0, Position::line) as usize;
        let mut faults = Vec::new();
        let row = if record.len() == columns {
            match std::str::from_utf8(record.as_slice()) {
                Ok(text) => {
                    let field = |position| {
                        let range = record.range(position)?;
                        text.get(range).filter(|text| !text.is_empty())
                    };
                    positions.row(field, &mut faults)
                }
                Err(_) => {
                    faults.push(FieldFault::new("", "not UTF-8 text"));
                    None
                }
            }
        } else {
            let problem = format!("{} fields where the header has {columns}", record.len());
            faults.push(FieldFault::new("", problem));
            None
        };
        intake.take(line, row, faults)?;
    }
}

/// A fault behind which the next row cannot be told.
fn refused(file: &str, error: &csv::Error) -> FormatError {
    let line = error.position().map_or(1, Position::line) as usize;
    match error.kind() {
        csv::ErrorKind::Io(error) => FormatError::malformed(file, line, error),
        csv::ErrorKind::Utf8 { .. } => FormatError::NotText {
            file: file.to_owned(),
            line,
        },
        _ => FormatError::malformed(file, line, error),
    }
}
