//! Which format a file has, by its first bytes. Names and endings say nothing.

use std::collections::BTreeSet;

use super::error::FormatError;
use super::{Format, csv, pg_dump};

/// The format of a decompressed file that begins with `beginning`.
pub(super) fn format(file: &str, beginning: &[u8]) -> Result<Format, FormatError> {
    let unrecognised = |hint: &str| FormatError::Unrecognised {
        file: file.to_owned(),
        hint: hint.to_owned(),
    };
    if beginning.starts_with(&[0x1f, 0x8b]) || beginning.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return Err(unrecognised("compressed twice: decompress it once"));
    }
    if beginning.get(257..262) == Some(b"ustar") {
        return Err(unrecognised("a tar archive: unpack it and load the folder"));
    }
    if beginning.starts_with(pg_dump::MAGIC) {
        return Ok(Format::PgDump);
    }
    let text = valid_part(file, beginning)?;
    let start = text.trim_start();
    if start.is_empty() {
        return Err(unrecognised("it is empty"));
    }
    match start.as_bytes()[0] {
        b'[' => {
            let keys = Keys::of(&start[1..]);
            Ok(if keys.is_vllm() {
                Format::VllmBench
            } else {
                Format::JsonRows
            })
        }
        b'{' => {
            let keys = Keys::of(start);
            if keys.has("format") && keys.has("takenAt") {
                Ok(Format::Snapshot)
            } else if keys.has("format") {
                Ok(Format::CompassJson)
            } else if keys.is_vllm() {
                Ok(Format::VllmBench)
            } else if keys.has("scenario") && (keys.has("results") || keys.has("metrics")) {
                Ok(Format::LlmD)
            } else if keys.is_guidellm() {
                Ok(Format::GuideLlm)
            } else if keys.has("benchmarks") {
                Ok(Format::JsonRows)
            } else {
                Err(unrecognised("JSON of another kind"))
            }
        }
        _ => {
            let first_line = start.lines().next().unwrap_or_default();
            let is_sql = [
                "--", "/*", "\\", "SET ", "COPY ", "INSERT ", "CREATE ", "BEGIN",
            ]
            .iter()
            .any(|word| start.starts_with(word));
            let has_key = |key: &str| start.lines().any(|line| line.starts_with(key));
            if first_line
                .split(',')
                .any(|name| name.trim_matches('"') == csv::TELLING_COLUMN)
            {
                Ok(Format::Csv)
            } else if is_sql {
                Ok(Format::PgDump)
            } else if has_key("scenario:") || has_key("version: '0.") || has_key("version: \"0.") {
                Ok(Format::LlmD)
            } else if first_line.contains(',') {
                Err(unrecognised(
                    "if this is CSV, its first line has to name the columns of exported_summaries",
                ))
            } else {
                Err(unrecognised(""))
            }
        }
    }
}

/// The text of the beginning, which may end within a character.
fn valid_part<'t>(file: &str, beginning: &'t [u8]) -> Result<&'t str, FormatError> {
    std::str::from_utf8(beginning).or_else(|error| {
        let (valid, rest) = beginning.split_at(error.valid_up_to());
        match error.error_len() {
            None if rest.len() < 4 => Ok(std::str::from_utf8(valid).unwrap_or_default()),
            _ => Err(FormatError::NotText {
                file: file.to_owned(),
                line: 1 + valid.iter().filter(|byte| **byte == b'\n').count(),
            }),
        }
    })
}

/// The keys of a JSON object, and of the first object under its `benchmarks`, as far as they were
/// looked at.
struct Keys {
    outer: BTreeSet<String>,
    inner: BTreeSet<String>,
}

impl Keys {
    fn of(text: &str) -> Self {
        let mut keys = Self {
            outer: BTreeSet::new(),
            inner: BTreeSet::new(),
        };
        // Of each open object or array: the key under which it stands.
        let mut open: Vec<Option<&str>> = Vec::new();
        let mut benchmarks_seen = 0;
        let mut last_text: Option<&str> = None;
        let mut key: Option<&str> = None;
        let mut characters = text.char_indices();
        while let Some((index, character)) = characters.next() {
            match character {
                '"' => {
                    let mut escaped = false;
                    let end = characters.find(|(_, character)| {
                        let ends = *character == '"' && !escaped;
                        escaped = *character == '\\' && !escaped;
                        ends
                    });
                    let Some((end, _)) = end else { break };
                    last_text = Some(&text[index + 1..end]);
                }
                ':' => {
                    key = last_text.take();
                    let Some(name) = key else { continue };
                    match open[..] {
                        [_] => {
                            keys.outer.insert(name.to_owned());
                        }
                        [_, Some("benchmarks"), None] if benchmarks_seen == 1 => {
                            keys.inner.insert(name.to_owned());
                        }
                        _ => {}
                    }
                }
                '{' | '[' => {
                    open.push(key.take());
                    if let [_, Some("benchmarks"), None] = open[..] {
                        benchmarks_seen += 1;
                    }
                }
                '}' | ']' => {
                    open.pop();
                    if open.is_empty() {
                        break;
                    }
                }
                ',' => key = None,
                _ => {}
            }
        }
        keys
    }

    fn has(&self, key: &str) -> bool {
        self.outer.contains(key)
    }

    fn is_vllm(&self) -> bool {
        self.has("request_throughput") || (self.has("model_id") && self.has("num_prompts"))
    }

    fn is_guidellm(&self) -> bool {
        let of_run = [
            "metrics",
            "run_stats",
            "scheduler_state",
            "worker",
            "run_id",
        ];
        of_run.iter().any(|key| self.inner.contains(*key))
            || (self.has("metadata") && (self.has("args") || self.has("config")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_also_in_a_text_that_is_cut_off() {
        let text = r#"{"metadata": {"a": 1}, "x\"}": "y:{", "benchmarks": [{"type_": "t", "config": {"id_": 2}, "metrics": {"b"#;
        let keys = Keys::of(text);
        assert_eq!(
            Vec::from_iter(&keys.outer),
            ["benchmarks", "metadata", "x\\\"}"]
        );
        assert_eq!(Vec::from_iter(&keys.inner), ["config", "metrics", "type_"]);
    }

    #[test]
    fn what_is_no_file_of_benchmarks_is_told_what_it_seems_to_be() {
        for (content, hint) in [
            (&b""[..], "empty"),
            (b"{\"a\": 1}", "JSON of another kind"),
            (b"a,b\n1,2\n", "CSV"),
            (b"\x1f\x8b\x08", "compressed twice"),
        ] {
            let problem = format("x", content).unwrap_err().to_string();
            assert!(problem.contains(hint), "{problem}");
        }
        assert!(
            format("x", b"a\n\xff")
                .unwrap_err()
                .to_string()
                .contains("line 2")
        );
    }
}
