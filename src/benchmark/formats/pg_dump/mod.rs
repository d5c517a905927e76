//! A `pg_dump` of the table, plain or custom, read as data: its rows are taken out, and nothing of its
//! SQL is run. Other tables are passed over.

mod copy_text;
mod custom;
mod literal;
mod script;
mod tokens;

use super::error::FormatError;
use super::input::Input;
use super::intake::Intake;
use super::table::Positions;
use crate::benchmark::column::FieldFault;
use literal::Values;
use script::Script;
use tokens::{Statement, statement};

pub(super) use custom::MAGIC;

/// The table whose rows are taken, in whatever schema.
const TABLE: &str = "exported_summaries";

/// A row as text: fields within one buffer, `None` is null.
#[derive(Default)]
struct TextRow {
    text: Vec<u8>,
    fields: Vec<Option<std::ops::Range<usize>>>,
}

impl TextRow {
    fn clear(&mut self) {
        self.text.clear();
        self.fields.clear();
    }
}

pub(super) fn read(mut input: Input, intake: &mut Intake) -> Result<(), FormatError> {
    let name = input.name().to_owned();
    let is_custom = input.beginning()?.starts_with(MAGIC);
    if is_custom {
        let mut data = custom::table_data(&name, input.bytes())?;
        read_script(&name, Script::new(&name, &mut data), intake)
    } else {
        read_script(&name, Script::new(&name, input.bytes()), intake)
    }
}

fn read_script(name: &str, mut script: Script, intake: &mut Intake) -> Result<(), FormatError> {
    intake.begin(None)?;
    let mut created: Option<Vec<String>> = None;
    let mut has_data = false;
    let mut row = TextRow::default();
    while let Some(line) = script.next_statement()? {
        let malformed = |problem: &str| FormatError::malformed(name, line, problem);
        match statement(script.text()) {
            Statement::Copy { table, columns } if table == TABLE => {
                has_data = true;
                script.end_line()?;
                let positions = Positions::of(name, columns.iter().map(String::as_str))?;
                while script.next_copy_line(&mut row)? {
                    take(&row, script.line(), columns.len(), &positions, intake)?;
                }
            }
            Statement::Copy { .. } => {
                script.end_line()?;
                script.skip_copy()?;
            }
            Statement::Insert {
                table,
                columns,
                values,
            } if table == TABLE => {
                if script.is_cut() {
                    return Err(malformed(
                        "an INSERT is longer than 16 MiB: dump with fewer --rows-per-insert",
                    ));
                }
                has_data = true;
                let columns = columns.or_else(|| created.clone()).ok_or_else(|| {
                    malformed("INSERT names no columns and the dump creates no table: dump with --column-inserts, or not with --data-only")
                })?;
                let positions = Positions::of(name, columns.iter().map(String::as_str))?;
                let mut values = Values::new(values);
                while values
                    .next(&mut row)
                    .map_err(|problem| malformed(&problem))?
                {
                    take(&row, line, columns.len(), &positions, intake)?;
                }
            }
            Statement::CreateTable { table, columns } if table == TABLE => created = Some(columns),
            Statement::ClientEncoding(encoding)
                if !["utf8", "utf-8", "unicode", "sql_ascii"]
                    .contains(&encoding.to_lowercase().as_str()) =>
            {
                return Err(malformed(&format!(
                    "the dump is in {encoding}: dump with --encoding UTF8"
                )));
            }
            _ => {}
        }
    }
    if has_data {
        Ok(())
    } else {
        Err(FormatError::malformed(
            name,
            1,
            "the dump holds no rows of exported_summaries: dump that table, and not with --schema-only",
        ))
    }
}

fn take(
    row: &TextRow,
    line: usize,
    columns: usize,
    positions: &Positions,
    intake: &mut Intake,
) -> Result<(), FormatError> {
    let mut faults = Vec::new();
    let taken = match std::str::from_utf8(&row.text) {
        Err(_) => {
            faults.push(FieldFault::new("", "not UTF-8 text"));
            None
        }
        Ok(_) if row.fields.len() != columns => {
            let problem = format!("{} fields for {columns} columns", row.fields.len());
            faults.push(FieldFault::new("", problem));
            None
        }
        Ok(text) => {
            let field = |position: usize| text.get(row.fields.get(position)?.clone()?);
            positions.row(field, &mut faults)
        }
    };
    intake.take(line, taken, faults)
}

#[cfg(test)]
mod tests;
