//! A JSON document that a benchmark tool wrote: read by its shape, so that what is not asked for
//! (samples of single requests, say) is passed over and not held.

use std::io::{self, Read};

use serde::de::{DeserializeOwned, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, de};

use super::error::FormatError;
use super::input::Input;

/// Longest text within a document: a sampled prompt of a million tokens fits.
const LONGEST_TEXT: usize = 16 << 20;
/// Runs in one document at most.
const MOST_RUNS: usize = 10_000;

/// The documents of a file, one behind the other, each with its number from 1: its line, where each has
/// one of its own.
pub(super) fn each<T: DeserializeOwned>(
    mut input: Input,
    mut take: impl FnMut(usize, T) -> Result<(), FormatError>,
) -> Result<(), FormatError> {
    let name = input.name().to_owned();
    let bytes = BoundedTexts {
        bytes: input.bytes(),
        length: 0,
        in_text: false,
        escaped: false,
    };
    let documents =
        serde_json::Deserializer::from_reader(io::BufReader::new(bytes)).into_iter::<T>();
    for (index, document) in documents.enumerate() {
        let document = document.map_err(|error| match error.classify() {
            serde_json::error::Category::Io => FormatError::unreadable(&name, error.into()),
            _ => FormatError::malformed(&name, error.line(), error),
        })?;
        take(index + 1, document)?;
    }
    Ok(())
}

/// Fails on a text that is too long to be held.
struct BoundedTexts<R> {
    bytes: R,
    length: usize,
    in_text: bool,
    escaped: bool,
}

impl<R: Read> Read for BoundedTexts<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        for byte in &buffer[..read] {
            if !self.in_text {
                self.in_text = *byte == b'"';
                self.length = 0;
                continue;
            }
            self.length += 1;
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_text = false,
                _ => {}
            }
        }
        if self.in_text && self.length > LONGEST_TEXT {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("a text is longer than {} MiB", LONGEST_TEXT >> 20),
            ));
        }
        Ok(read)
    }
}

/// A list of runs, not too long to be held.
pub(super) fn runs<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    struct Runs<T>(std::marker::PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Runs<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
            f.write_str("a list of runs")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut runs = Vec::new();
            while let Some(run) = list.next_element()? {
                if runs.len() == MOST_RUNS {
                    return Err(de::Error::custom(format!("more than {MOST_RUNS} runs")));
                }
                runs.push(run);
            }
            Ok(runs)
        }
    }
    deserializer.deserialize_seq(Runs(std::marker::PhantomData))
}
