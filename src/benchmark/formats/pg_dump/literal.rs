//! The rows of an INSERT, as `pg_dump --inserts` writes them: literals, and nothing to be computed.

use super::TextRow;

/// What follows the word VALUES.
pub(super) struct Values<'a> {
    rest: &'a [u8],
    has_begun: bool,
    escapes_everywhere: bool,
}

impl<'a> Values<'a> {
    /// `escapes_everywhere`: also in texts without an E.
    pub(super) fn new(values: &'a [u8], escapes_everywhere: bool) -> Self {
        Self {
            rest: values,
            has_begun: false,
            escapes_everywhere,
        }
    }

    /// Reads the next row; false at the end.
    pub(super) fn next(&mut self, row: &mut TextRow) -> Result<bool, String> {
        row.clear();
        if std::mem::replace(&mut self.has_begun, true) && !self.takes(b',') {
            return self.end();
        }
        self.expect(b'(')?;
        loop {
            self.literal(row)?;
            if self.takes(b')') {
                return Ok(true);
            }
            self.expect(b',')?;
        }
    }

    fn end(&mut self) -> Result<bool, String> {
        let rest = String::from_utf8_lossy(self.rest).trim().to_lowercase();
        // As --on-conflict-do-nothing writes it.
        if rest.is_empty() || rest == "on conflict do nothing" {
            Ok(false)
        } else {
            Err("an INSERT goes on behind its rows".to_owned())
        }
    }

    fn takes(&mut self, wanted: u8) -> bool {
        self.rest = self.rest.trim_ascii_start();
        let comes = self.rest.first() == Some(&wanted);
        if comes {
            self.rest = &self.rest[1..];
        }
        comes
    }

    fn expect(&mut self, wanted: u8) -> Result<(), String> {
        if self.takes(wanted) {
            Ok(())
        } else {
            Err(format!(
                "an INSERT has no `{}` where one is expected",
                char::from(wanted)
            ))
        }
    }

    fn literal(&mut self, row: &mut TextRow) -> Result<(), String> {
        self.rest = self.rest.trim_ascii_start();
        let start = row.text.len();
        match self.rest {
            [b'\'', ..] => self.text(self.escapes_everywhere, row)?,
            [b'E' | b'e', b'\'', ..] => {
                self.rest = &self.rest[1..];
                self.text(true, row)?;
            }
            _ => {
                let end = self
                    .rest
                    .iter()
                    .position(|byte| !(byte.is_ascii_alphanumeric() || b"+-._".contains(byte)))
                    .unwrap_or(self.rest.len());
                let (word, rest) = self.rest.split_at(end);
                self.rest = rest;
                if word.eq_ignore_ascii_case(b"null") {
                    row.fields.push(None);
                    return self.cast();
                }
                let is_word =
                    word.eq_ignore_ascii_case(b"true") || word.eq_ignore_ascii_case(b"false");
                if !is_word && !word.iter().any(u8::is_ascii_digit) {
                    return Err("an INSERT holds something that is no literal".to_owned());
                }
                row.text.extend(word.to_ascii_lowercase());
            }
        }
        row.fields.push(Some(start..row.text.len()));
        self.cast()
    }

    fn text(&mut self, escapes: bool, row: &mut TextRow) -> Result<(), String> {
        let mut bytes = self.rest.iter().enumerate().skip(1).peekable();
        while let Some((index, byte)) = bytes.next() {
            match byte {
                b'\'' => {
                    if bytes.peek().is_some_and(|(_, next)| **next == b'\'') {
                        row.text.push(b'\'');
                        bytes.next();
                    } else {
                        self.rest = &self.rest[index + 1..];
                        return Ok(());
                    }
                }
                b'\\' if escapes => {
                    let Some((_, next)) = bytes.next() else { break };
                    row.text.push(match next {
                        b'n' => b'\n',
                        b't' => b'\t',
                        b'r' => b'\r',
                        b'b' => 8,
                        b'f' => 12,
                        b'\\' | b'\'' => *next,
                        _ => {
                            return Err(
                                "an INSERT holds an escape that pg_dump does not write".to_owned()
                            );
                        }
                    });
                }
                _ => row.text.push(*byte),
            }
        }
        Err("an INSERT ends within a text".to_owned())
    }

    /// A type behind a literal, such as `::double precision`.
    fn cast(&mut self) -> Result<(), String> {
        if self.takes(b':') {
            self.expect(b':')?;
            let end = self
                .rest
                .iter()
                .position(|byte| matches!(byte, b',' | b')'))
                .unwrap_or(self.rest.len());
            self.rest = &self.rest[end..];
        }
        Ok(())
    }
}
