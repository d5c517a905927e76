//! Rows in PostgreSQL's COPY text format.

use std::fmt::{Display, Write};

/// One line of the format: fields with tabs between them.
pub(super) struct CopyLine<'a> {
    buffer: &'a mut String,
    first: bool,
}

impl<'a> CopyLine<'a> {
    /// Begins a line at the end of `buffer`.
    pub(super) fn begin(buffer: &'a mut String) -> Self {
        Self {
            buffer,
            first: true,
        }
    }

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

    /// Ends the line.
    pub(super) fn end(self) {
        self.buffer.push('\n');
    }
}

struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(['\\', '\t', '\n', '\r']) {
            self.0.push_str(&rest[..at]);
            self.0.push_str(match rest.as_bytes()[at] {
                b'\t' => "\\t",
                b'\n' => "\\n",
                b'\r' => "\\r",
                _ => "\\\\",
            });
            rest = &rest[at + 1..];
        }
        self.0.push_str(rest);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_escaped_and_null_is_not_a_text() {
        let mut buffer = String::new();
        let mut line = CopyLine::begin(&mut buffer);
        line.field(Some(&"a\tb\\N\n"));
        line.field(None);
        line.field(Some(&1e-7));
        line.field(Some(&""));
        line.end();
        assert_eq!(buffer, "a\\tb\\\\N\\n\t\\N\t0.0000001\t\n");
    }
}
