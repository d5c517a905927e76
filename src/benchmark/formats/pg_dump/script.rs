//! Walks through a dump's script statement by statement, and through the lines behind `COPY`. What a
//! text, a comment or a function's body says is never taken for a statement, and psql's backslash
//! commands are passed over.

use std::io::BufRead;

use super::TextRow;
use super::copy_text;
use crate::benchmark::formats::error::FormatError;
use crate::benchmark::formats::input::LONGEST_ROW;

/// Bytes of a statement that are kept; a longer one is cut.
const LONGEST_STATEMENT: usize = 16 << 20;
/// Longest tag of a dollar quote: PostgreSQL's names end there.
const LONGEST_TAG: usize = 64;

pub(super) struct Script<'a> {
    file: &'a str,
    bytes: &'a mut dyn BufRead,
    line: usize,
    text: Vec<u8>,
    is_cut: bool,
    copied: Vec<u8>,
}

/// What a byte stands in.
enum Within {
    Statement,
    /// Whether backslashes escape, and whether the last byte was one that does.
    Text {
        escapes: bool,
        escaped: bool,
    },
    Name,
    /// `$tag$ ... $tag$`: the closing tag, and how much of it has come.
    Dollar {
        tag: Vec<u8>,
        come: Vec<u8>,
    },
    LineComment,
    /// How deep; they nest.
    Comment(usize),
    Command,
}

impl<'a> Script<'a> {
    pub(super) fn new(file: &'a str, bytes: &'a mut dyn BufRead) -> Self {
        Self {
            file,
            bytes,
            line: 1,
            text: Vec::new(),
            is_cut: false,
            copied: Vec::new(),
        }
    }

    /// The statement read last, without comments and its semicolon.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Whether it was too long to be kept whole.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The line copied last.
    pub(super) fn line(&self) -> usize {
        self.line - 1
    }

    fn malformed(&self, problem: impl std::fmt::Display) -> FormatError {
        FormatError::malformed(self.file, self.line, problem)
    }

    fn fill(&mut self) -> Result<&[u8], FormatError> {
        self.bytes
            .fill_buf()
            .map_err(|error| FormatError::unreadable(self.file, error))
    }

    fn next_byte(&mut self) -> Result<Option<u8>, FormatError> {
        let byte = self.fill()?.first().copied();
        if byte.is_some() {
            self.bytes.consume(1);
        }
        self.line += usize::from(byte == Some(b'\n'));
        Ok(byte)
    }

    /// Reads the next statement and returns the line on which it begins; `None` at the end.
    pub(super) fn next_statement(&mut self) -> Result<Option<usize>, FormatError> {
        self.text.clear();
        self.is_cut = false;
        let mut begins = None;
        let mut within = Within::Statement;
        // The last two bytes of the statement itself, behind a comment none.
        let mut before = [0, 0];
        while let Some(byte) = self.next_byte()? {
            let mut closes_comment = false;
            within = match within {
                Within::Statement => match byte {
                    b';' if begins.is_none() => Within::Statement,
                    b';' => return Ok(begins),
                    b'\\' if begins.is_none() => Within::Command,
                    b'\'' => Within::Text {
                        escapes: matches!(before, [left, b'e' | b'E'] if !is_of_name(left)),
                        escaped: false,
                    },
                    b'"' => Within::Name,
                    b'-' if before[1] == b'-' => {
                        self.take_back(&mut begins);
                        Within::LineComment
                    }
                    b'*' if before[1] == b'/' => {
                        self.take_back(&mut begins);
                        Within::Comment(1)
                    }
                    b'$' => match self.dollar_tag(before)? {
                        Some(tag) => Within::Dollar {
                            tag,
                            come: Vec::new(),
                        },
                        None => Within::Statement,
                    },
                    _ => Within::Statement,
                },
                Within::Text { escapes, escaped } => match byte {
                    _ if escaped => Within::Text {
                        escapes,
                        escaped: false,
                    },
                    b'\\' if escapes => Within::Text {
                        escapes,
                        escaped: true,
                    },
                    // A doubled quote ends one text and begins another: here that is the same.
                    b'\'' => Within::Statement,
                    _ => Within::Text {
                        escapes,
                        escaped: false,
                    },
                },
                Within::Name if byte == b'"' => Within::Statement,
                Within::Dollar { tag, mut come } => {
                    if byte == b'$' && !come.is_empty() {
                        come.push(byte);
                        if come == tag {
                            Within::Statement
                        } else {
                            Within::Dollar {
                                tag,
                                come: vec![b'$'],
                            }
                        }
                    } else {
                        if byte == b'$' || !come.is_empty() && come.len() < tag.len() {
                            come.push(byte);
                        } else {
                            come.clear();
                        }
                        Within::Dollar { tag, come }
                    }
                }
                Within::LineComment | Within::Command if byte == b'\n' => {
                    closes_comment = true;
                    Within::Statement
                }
                Within::Comment(depth) => match (before[1], byte) {
                    (b'*', b'/') => {
                        before = [0, 0];
                        closes_comment = true;
                        if depth == 1 {
                            Within::Statement
                        } else {
                            Within::Comment(depth - 1)
                        }
                    }
                    (b'/', b'*') => Within::Comment(depth + 1),
                    _ => Within::Comment(depth),
                },
                other => other,
            };
            let is_comment = closes_comment
                || matches!(
                    within,
                    Within::LineComment | Within::Comment(_) | Within::Command
                );
            before = if closes_comment {
                [0, b' ']
            } else {
                [before[1], byte]
            };
            let byte = if is_comment { b' ' } else { byte };
            if begins.is_none() && (byte.is_ascii_whitespace() || byte == b';') {
                continue;
            }
            begins.get_or_insert(self.line);
            if is_comment && self.text.last() == Some(&b' ') {
                continue;
            }
            if self.text.len() < LONGEST_STATEMENT {
                self.text.push(byte);
            } else {
                self.is_cut = true;
            }
        }
        match within {
            Within::Statement | Within::LineComment | Within::Command
                if self.text.iter().all(u8::is_ascii_whitespace) =>
            {
                Ok(None)
            }
            _ => Err(self.malformed("the dump ends within a statement: is the file whole?")),
        }
    }

    /// The first byte of a comment was kept before it was known as one.
    fn take_back(&mut self, begins: &mut Option<usize>) {
        self.text.pop();
        if self.text.is_empty() {
            *begins = None;
        }
    }

    /// The tag of a dollar quote whose first dollar was just read, if it is one. Its bytes are read
    /// and kept.
    fn dollar_tag(&mut self, before: [u8; 2]) -> Result<Option<Vec<u8>>, FormatError> {
        if is_of_name(before[1]) {
            return Ok(None);
        }
        let mut tag = vec![b'$'];
        loop {
            let Some(byte) = self.fill()?.first().copied() else {
                return Ok(None);
            };
            let continues = byte == b'$' || is_of_name(byte) && tag.len() < LONGEST_TAG;
            if !continues {
                // A parameter, which no dump has; what was read of it belongs to the statement.
                self.text.extend_from_slice(&tag[1..]);
                return Ok(None);
            }
            self.bytes.consume(1);
            tag.push(byte);
            if byte == b'$' {
                return Ok(Some(tag));
            }
        }
    }

    /// The next line behind a COPY, as a row; false at their end.
    pub(super) fn next_copy_line(&mut self, row: &mut TextRow) -> Result<bool, FormatError> {
        let mut line = std::mem::take(&mut self.copied);
        let is_row = self.copy_line(&mut line)?;
        if is_row {
            copy_text::split(&line, row);
        }
        self.copied = line;
        Ok(is_row)
    }

    /// Passes over the lines behind a COPY.
    pub(super) fn skip_copy(&mut self) -> Result<(), FormatError> {
        let mut line = std::mem::take(&mut self.copied);
        while self.copy_line(&mut line)? {}
        self.copied = line;
        Ok(())
    }

    /// Reads a line without its end; false for the `\.` behind the last.
    fn copy_line(&mut self, line: &mut Vec<u8>) -> Result<bool, FormatError> {
        line.clear();
        loop {
            let buffer = self.fill()?;
            if buffer.is_empty() {
                return Err(
                    self.malformed("the dump ends within the rows of a table: is the file whole?")
                );
            }
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let length = end.unwrap_or(buffer.len());
            line.extend_from_slice(&buffer[..length]);
            self.bytes.consume(length + usize::from(end.is_some()));
            if line.len() > LONGEST_ROW {
                return Err(self.malformed(format_args!(
                    "a row is longer than {} KiB",
                    LONGEST_ROW / 1024
                )));
            }
            if end.is_some() {
                break;
            }
        }
        self.line += 1;
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(line != b"\\.")
    }

    /// Reads on to the end of the line on which a COPY statement ends: its rows begin behind it.
    pub(super) fn end_line(&mut self) -> Result<(), FormatError> {
        while self.next_byte()?.is_some_and(|byte| byte != b'\n') {}
        Ok(())
    }
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}
