//! Rows in PostgreSQL's COPY text format, sent in pieces of bounded size.

use std::fmt::{Display, Write};

use sqlx::PgConnection;

use super::error::Failure;

/// Bytes collected before they are sent.
const PIECE: usize = 1 << 20;

/// Copies rows into `table`; `write` adds the fields of one row.
pub(super) async fn copy_in<T>(
    connection: &mut PgConnection,
    statement: &str,
    rows: impl IntoIterator<Item = T>,
    write: impl Fn(&T, &mut CopyLine),
) -> Result<(), Failure> {
    let mut copy = connection.copy_in_raw(statement).await?;
    let mut buffer = String::with_capacity(PIECE + PIECE / 8);
    for row in rows {
        write(
            &row,
            &mut CopyLine {
                buffer: &mut buffer,
                first: true,
            },
        );
        buffer.push('\n');
        if buffer.len() >= PIECE {
            copy.send(buffer.as_bytes()).await?;
            buffer.clear();
        }
    }
    copy.send(buffer.as_bytes()).await?;
    copy.finish().await?;
    Ok(())
}

/// One line of the format: fields with tabs between them.
pub(super) struct CopyLine<'a> {
    buffer: &'a mut String,
    first: bool,
}

impl CopyLine<'_> {
    /// Adds a field; `None` is null.
    pub(super) fn field(&mut self, value: Option<&dyn Display>) {
        if !std::mem::take(&mut self.first) {
            self.buffer.push('\t');
        }
        match value {
            None => self.buffer.push_str("\\N"),
            Some(value) => {
                // Writing to a String cannot fail.
                let _ = write!(Escaped(self.buffer), "{value}");
            }
        }
    }
}

struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for character in text.chars() {
            match character {
                '\\' => self.0.push_str("\\\\"),
                '\t' => self.0.push_str("\\t"),
                '\n' => self.0.push_str("\\n"),
                '\r' => self.0.push_str("\\r"),
                other => self.0.push(other),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_escaped_and_null_is_not_a_text() {
        let mut buffer = String::new();
        let mut line = CopyLine {
            buffer: &mut buffer,
            first: true,
        };
        line.field(Some(&"a\tb\\N\n"));
        line.field(None);
        line.field(Some(&1e-7));
        line.field(Some(&""));
        assert_eq!(buffer, "a\\tb\\\\N\\n\t\\N\t0.0000001\t");
    }
}
