//! Walks through a dump's script: statement by statement, and row by row through the lines behind
//! `COPY`.

use std::io::BufRead;

use memchr::memchr;

use super::TextRow;
use super::copy_text;
use super::scanner::Scanner;
use crate::benchmark::formats::error::FormatError;
use crate::benchmark::formats::input::LONGEST_ROW;

pub(super) struct Script<'a> {
    file: &'a str,
    bytes: &'a mut dyn BufRead,
    scanner: Scanner,
    copied: Vec<u8>,
}

impl<'a> Script<'a> {
    pub(super) fn new(file: &'a str, bytes: &'a mut dyn BufRead) -> Self {
        Self {
            file,
            bytes,
            scanner: Scanner::new(),
            copied: Vec::new(),
        }
    }

    /// The statement read last, without comments and its semicolon.
    pub(super) fn text(&self) -> &[u8] {
        self.scanner.text()
    }

    /// Whether it was too long to be kept whole.
    pub(super) fn is_cut(&self) -> bool {
        self.scanner.is_cut()
    }

    /// The line copied last.
    pub(super) fn line(&self) -> usize {
        self.scanner.line() - 1
    }

    /// Whether backslashes escape in every text from here on, as with `standard_conforming_strings`
    /// off.
    pub(super) fn set_escapes_everywhere(&mut self, escapes: bool) {
        self.scanner.escapes_everywhere = escapes;
    }

    /// See [`Script::set_escapes_everywhere`].
    pub(super) fn escapes_everywhere(&self) -> bool {
        self.scanner.escapes_everywhere
    }

    fn malformed(&self, problem: impl std::fmt::Display) -> FormatError {
        FormatError::malformed(self.file, self.scanner.line(), problem)
    }

    /// Reads the next statement and returns the line on which it begins; `None` at the end.
    pub(super) fn next_statement(&mut self) -> Result<Option<usize>, FormatError> {
        self.scanner.begin();
        loop {
            let bytes = fill(self.file, self.bytes)?;
            if bytes.is_empty() {
                break;
            }
            let (read, begins) = self.scanner.read(bytes);
            self.bytes.consume(read);
            if begins.is_some() {
                return Ok(begins);
            }
        }
        match self.scanner.end() {
            Ok(()) => Ok(None),
            Err(problem) => Err(self.malformed(problem)),
        }
    }

    /// Reads on to the end of the line on which a COPY statement ends: its rows begin behind it.
    pub(super) fn end_line(&mut self) -> Result<(), FormatError> {
        let mut rest = std::mem::take(&mut self.copied);
        self.read_line(&mut rest, 0)?;
        self.copied = rest;
        Ok(())
    }

    /// The next line behind a COPY, as a row; false at their end.
    pub(super) fn next_copy_line(&mut self, row: &mut TextRow) -> Result<bool, FormatError> {
        let bytes = fill(self.file, self.bytes)?;
        let (is_row, length) = if let Some(end) = memchr(b'\n', bytes)
            && end <= LONGEST_ROW
        {
            // As nearly always, the line is in the buffer whole and need not be put together.
            let is_row = take_line(&bytes[..end], row);
            self.bytes.consume(end + 1);
            self.scanner.count_lines(1);
            (is_row, end)
        } else {
            let mut line = std::mem::take(&mut self.copied);
            let length = self.read_line(&mut line, LONGEST_ROW)?;
            let is_row = length > LONGEST_ROW || take_line(&line, row);
            self.copied = line;
            (is_row, length)
        };
        if length > LONGEST_ROW {
            return Err(FormatError::malformed(
                self.file,
                self.line(),
                format_args!("a row is longer than {} KiB", LONGEST_ROW / 1024),
            ));
        }
        Ok(is_row)
    }

    /// Passes over the lines behind a COPY, however long they are.
    pub(super) fn skip_copy(&mut self) -> Result<(), FormatError> {
        let mut line = std::mem::take(&mut self.copied);
        while {
            let length = self.read_line(&mut line, END_OF_ROWS.len() + 1)?;
            length > END_OF_ROWS.len() + 1 || without_return(&line) != END_OF_ROWS
        } {}
        self.copied = line;
        Ok(())
    }

    /// Reads a line without its end, of which `most` bytes are kept, and returns how long it is.
    fn read_line(&mut self, line: &mut Vec<u8>, most: usize) -> Result<usize, FormatError> {
        line.clear();
        let mut length = 0;
        loop {
            let bytes = fill(self.file, self.bytes)?;
            if bytes.is_empty() {
                if line == END_OF_ROWS {
                    return Ok(length);
                }
                return Err(
                    self.malformed("the dump ends within the rows of a table: is the file whole?")
                );
            }
            let end = memchr(b'\n', bytes);
            let part = &bytes[..end.unwrap_or(bytes.len())];
            let free = most - line.len();
            line.extend_from_slice(&part[..part.len().min(free)]);
            length += part.len();
            let read = part.len() + usize::from(end.is_some());
            self.bytes.consume(read);
            if end.is_some() {
                self.scanner.count_lines(1);
                return Ok(length);
            }
            if most == LONGEST_ROW && length > most {
                // Refused already; where it ends is of no interest.
                self.scanner.count_lines(1);
                return Ok(length);
            }
        }
    }
}

/// What stands behind the last row of a COPY.
const END_OF_ROWS: &[u8] = b"\\.";

fn fill<'b>(file: &str, bytes: &'b mut dyn BufRead) -> Result<&'b [u8], FormatError> {
    bytes
        .fill_buf()
        .map_err(|error| FormatError::unreadable(file, error))
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn take_line(line: &[u8], row: &mut TextRow) -> bool {
    let line = without_return(line);
    let is_row = line != END_OF_ROWS;
    if is_row {
        copy_text::split(line, row);
    }
    is_row
}
