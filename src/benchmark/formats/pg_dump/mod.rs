//! A `pg_dump` of the table, plain or custom, read as data: its rows are taken out, and nothing of its
//! SQL is run. Other tables are passed over.

mod block;
mod copy_text;
mod custom;
mod literal;
mod scanner;
mod script;
mod tokens;

use std::collections::HashMap;

use super::error::FormatError;
use super::input::Input;
use super::intake::Intake;
use super::table::Positions;
use crate::benchmark::column::FieldFault;
use literal::Values;
use script::Script;
use tokens::{Statement, Table, statement};

pub(super) use custom::MAGIC;

/// The table whose rows are taken, in whatever schema.
const TABLE: &str = "exported_summaries";
/// Schemas that are remembered.
const MOST_DEFINITIONS: usize = 100;

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

    /// Whether no field ends within a character: the halves are text only together.
    fn ends_are_whole(&self, text: &str) -> bool {
        let mut fields = self.fields.iter().flatten();
        fields.all(|field| text.is_char_boundary(field.end))
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
    let mut created = Definitions::default();
    let mut has_data = false;
    let mut row = TextRow::default();
    while let Some(line) = script.next_statement()? {
        let malformed = |problem: &str| FormatError::malformed(name, line, problem);
        match statement(script.text()) {
            Statement::Copy {
                table,
                columns,
                has_options,
            } if table.name == TABLE => {
                if has_options {
                    return Err(malformed(
                        "COPY in a format of its own: dump with pg_dump, which writes none",
                    ));
                }
                has_data = true;
                let columns = created.columns(&table, columns).ok_or_else(|| {
                    malformed("COPY names no columns and the dump does not create the table in one way: dump with pg_dump, and not with --data-only")
                })?;
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
            Statement::Insert { table, .. } if table.name == TABLE && script.is_cut() => {
                return Err(malformed(
                    "an INSERT is longer than 16 MiB: dump with fewer --rows-per-insert",
                ));
            }
            Statement::Insert {
                table,
                columns,
                values,
            } if table.name == TABLE => {
                has_data = true;
                let columns = created.columns(&table, columns).ok_or_else(|| {
                    malformed("INSERT names no columns and the dump does not create the table in one way: dump with --column-inserts, or not with --data-only")
                })?;
                let positions = Positions::of(name, columns.iter().map(String::as_str))?;
                let mut values = Values::new(values, script.escapes_everywhere());
                while values
                    .next(&mut row)
                    .map_err(|problem| malformed(&problem))?
                {
                    take(&row, line, columns.len(), &positions, intake)?;
                }
            }
            Statement::InsertOther { table } if table.name == TABLE => {
                return Err(malformed(
                    "INSERT takes its rows from elsewhere, and nothing is run: dump with pg_dump, which writes them out",
                ));
            }
            Statement::CreateTable { table, columns } if table.name == TABLE => {
                created.add(table, columns);
            }
            Statement::ClientEncoding(encoding)
                if !["utf8", "utf-8", "unicode", "sql_ascii"]
                    .contains(&encoding.to_lowercase().as_str()) =>
            {
                return Err(malformed(&format!(
                    "the dump is in {encoding}: dump with --encoding UTF8"
                )));
            }
            Statement::StandardStrings(is_on) => script.set_escapes_everywhere(!is_on),
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

/// The columns with which the dump creates the table, in each schema; none where it does so in
/// different ways under one name.
#[derive(Default)]
struct Definitions(HashMap<Option<String>, Option<Vec<String>>>);

impl Definitions {
    fn add(&mut self, table: Table, columns: Vec<String>) {
        // A dump has few schemas with the table; a hostile one is not remembered whole.
        if self.0.len() == MOST_DEFINITIONS {
            self.0.clear();
        }
        self.0
            .entry(table.schema)
            .and_modify(|known| *known = known.take().filter(|known| *known == columns))
            .or_insert(Some(columns));
    }

    /// The columns that a statement names, or else those of its table.
    fn columns(&self, table: &Table, named: Option<Vec<String>>) -> Option<Vec<String>> {
        named.or_else(|| self.0.get(&table.schema)?.clone())
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
        Ok(text) if !row.ends_are_whole(text) => {
            faults.push(FieldFault::new("", "not UTF-8 text"));
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
