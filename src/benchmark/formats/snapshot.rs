//! A snapshot of a knowledge base, whose rows are Compass JSON, by source. Of what else stands in it,
//! only the format matters here: loading does not need it whole and unchanged, deciding does.

use serde::de::DeserializeOwned;

use super::error::{FormatError, shorten};
use super::input::Input;
use super::intake::Intake;
use super::json_rows;
use super::json_stream::JsonStream;
use crate::benchmark::snapshot::FORMAT;

pub(super) fn read(mut input: Input, intake: &mut Intake) -> Result<(), FormatError> {
    let name = input.name().to_owned();
    let mut stream = JsonStream::new(&name, input.bytes());
    stream.expect(b'{')?;
    let mut text = Vec::new();
    let mut had_sources = false;
    while !stream.takes(b'}')? {
        match key(&name, &mut stream, &mut text)?.as_str() {
            "format" => {
                let format: String = value(&name, &mut stream, &mut text)?;
                if format != FORMAT {
                    return Err(FormatError::UnknownFormat {
                        file: name,
                        format: shorten(&format),
                    });
                }
            }
            "sources" => {
                had_sources = true;
                stream.expect(b'[')?;
                while !stream.takes(b']')? {
                    of_source(&name, &mut stream, &mut text, intake)?;
                    if !stream.takes(b',')? {
                        stream.expect(b']')?;
                        break;
                    }
                }
            }
            _ => {
                stream.value(&mut text)?;
            }
        }
        if !stream.takes(b',')? {
            stream.expect(b'}')?;
            break;
        }
    }
    match (had_sources, stream.peek()?) {
        (true, None) => Ok(()),
        (true, Some(_)) => Err(stream.malformed("something follows the snapshot")),
        (false, _) => Err(stream.malformed("there are no `sources`")),
    }
}

/// One source's name and, behind it, its rows.
fn of_source(
    name: &str,
    stream: &mut JsonStream,
    text: &mut Vec<u8>,
    intake: &mut Intake,
) -> Result<(), FormatError> {
    let malformed = "expected {\"source\": ..., \"benchmarks\": [...]}";
    stream.expect(b'{')?;
    if key(name, stream, text)? != "source" {
        return Err(stream.malformed(malformed));
    }
    let source: String = value(name, stream, text)?;
    stream.expect(b',')?;
    if key(name, stream, text)? != "benchmarks" {
        return Err(stream.malformed(malformed));
    }
    stream.expect(b'[')?;
    intake.begin(Some(source))?;
    json_rows::declared_rows(stream, intake)?;
    stream.expect(b'}')
}

fn key(name: &str, stream: &mut JsonStream, text: &mut Vec<u8>) -> Result<String, FormatError> {
    let key = value(name, stream, text)?;
    stream.expect(b':')?;
    Ok(key)
}

fn value<T: DeserializeOwned>(
    name: &str,
    stream: &mut JsonStream,
    text: &mut Vec<u8>,
) -> Result<T, FormatError> {
    let line = stream.value(text)?;
    json_rows::parse(name, line, text)
}
