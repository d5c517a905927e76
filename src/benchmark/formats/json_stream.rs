//! Walks through JSON without holding it: one value at a time, as text of bounded length, with the
//! line on which it begins. That a value is well formed is left to who parses it.

use std::io::BufRead;

use super::error::FormatError;
use super::input::LONGEST_ROW;

/// A place in a JSON text.
pub(super) struct JsonStream<'a> {
    file: &'a str,
    bytes: &'a mut dyn BufRead,
    line: usize,
}

impl<'a> JsonStream<'a> {
    pub(super) fn new(file: &'a str, bytes: &'a mut dyn BufRead) -> Self {
        Self {
            file,
            bytes,
            line: 1,
        }
    }

    pub(super) fn malformed(&self, problem: &str) -> FormatError {
        FormatError::malformed(self.file, self.line, problem)
    }

    fn fill(&mut self) -> Result<&[u8], FormatError> {
        self.bytes
            .fill_buf()
            .map_err(|error| FormatError::unreadable(self.file, error))
    }

    /// The next byte that is no white space, which stays to be read; `None` at the end.
    pub(super) fn peek(&mut self) -> Result<Option<u8>, FormatError> {
        loop {
            let buffer = self.fill()?;
            if buffer.is_empty() {
                return Ok(None);
            }
            let blank = buffer
                .iter()
                .position(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
                .unwrap_or(buffer.len());
            let lines = buffer[..blank]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count();
            let found = buffer.get(blank).copied();
            self.bytes.consume(blank);
            self.line += lines;
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    /// Reads `wanted`, if it comes next.
    pub(super) fn takes(&mut self, wanted: u8) -> Result<bool, FormatError> {
        let comes = self.peek()? == Some(wanted);
        if comes {
            self.bytes.consume(1);
        }
        Ok(comes)
    }

    /// Reads `wanted`, which must come next.
    pub(super) fn expect(&mut self, wanted: u8) -> Result<(), FormatError> {
        if self.takes(wanted)? {
            return Ok(());
        }
        let wanted = char::from(wanted);
        Err(match self.peek()? {
            None => self.malformed(&format!(
                "the file ends where `{wanted}` is expected: is it whole?"
            )),
            Some(_) => self.malformed(&format!("expected `{wanted}`")),
        })
    }

    /// Reads the next value into `value`, and returns its line.
    pub(super) fn value(&mut self, value: &mut Vec<u8>) -> Result<usize, FormatError> {
        value.clear();
        self.peek()?;
        let line = self.line;
        let mut scan = Scan::default();
        loop {
            let buffer = self.fill()?;
            if buffer.is_empty() {
                return if scan.depth == 0 && !scan.in_text && !value.is_empty() {
                    Ok(line)
                } else {
                    Err(self.malformed("the file ends within a value: is it whole?"))
                };
            }
            let (length, ended) = scan.advance(buffer);
            let read = &buffer[..length];
            let lines = read.iter().filter(|byte| **byte == b'\n').count();
            value.extend_from_slice(read);
            self.bytes.consume(length);
            self.line += lines;
            if value.len() > LONGEST_ROW {
                return Err(FormatError::malformed(
                    self.file,
                    line,
                    format!("a row is longer than {} KiB", LONGEST_ROW / 1024),
                ));
            }
            if ended {
                return Ok(line);
            }
        }
    }
}

/// How far a value has been read.
#[derive(Default)]
struct Scan {
    depth: usize,
    in_text: bool,
    escaped: bool,
}

impl Scan {
    /// How many of `bytes` belong to the value, and whether it ends with them.
    fn advance(&mut self, bytes: &[u8]) -> (usize, bool) {
        for (index, byte) in bytes.iter().enumerate() {
            if self.in_text {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => {
                        self.in_text = false;
                        if self.depth == 0 {
                            return (index + 1, true);
                        }
                    }
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_text = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' | b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if self.depth == 0 => {
                    return (index, true);
                }
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return (index + 1, true);
                    }
                }
                _ => {}
            }
        }
        (bytes.len(), false)
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// The elements of an array, read through a buffer of a few bytes.
    fn elements(text: &str, buffer: usize) -> Vec<(usize, Value)> {
        let mut bytes = BufReader::with_capacity(buffer, text.as_bytes());
        let mut stream = JsonStream::new("test", &mut bytes);
        stream.expect(b'[').unwrap();
        let mut found = Vec::new();
        let mut value = Vec::new();
        while !stream.takes(b']').unwrap() {
            let line = stream.value(&mut value).unwrap();
            found.push((line, serde_json::from_slice(&value).unwrap()));
            if !stream.takes(b',').unwrap() {
                stream.expect(b']').unwrap();
                break;
            }
        }
        found
    }

    #[test]
    fn values_are_told_apart_with_their_lines() {
        let text = "[ {\"a\": \"}],\\\"\",\n \"b\": [1, {}]},\n\n 12 , \"x\\\\\"\n]";
        for buffer in [1, 2, 7, 100] {
            let lines: Vec<_> = elements(text, buffer)
                .into_iter()
                .map(|(line, _)| line)
                .collect();
            assert_eq!(lines, [1, 4, 4]);
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[ -~\\\\\"\\[\\]{},:é]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::hash_map("[a-z\"\\\\]{1,4}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn elements_are_those_that_a_whole_parser_finds(
            values in proptest::collection::vec(json(), 0..6),
            pretty in any::<bool>(),
            buffer in 1usize..40,
        ) {
            let text = if pretty {
                serde_json::to_string_pretty(&values).unwrap()
            } else {
                serde_json::to_string(&values).unwrap()
            };
            let found: Vec<_> = elements(&text, buffer).into_iter().map(|(_, value)| value).collect();
            prop_assert_eq!(found, values);
        }
    }
}
