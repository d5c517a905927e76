//! Evidence in a file: every row of some traffic profiles, to answer from without a database. The
//! rows are Compass JSON, by source, so that the file can also be loaded.
//!
//! The text of a snapshot depends on nothing but what it holds: the same evidence at the same time
//! gives the same bytes. Its digest covers the content and not the layout, so that a formatter may
//! touch the file, and nobody else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::{BenchmarkRow, DeclaredEvidence, ExportedSummary, ProfileCount, TrafficProfile};

/// What `format` says in a snapshot.
pub const FORMAT: &str = "compass.snapshot/v1";

/// What a knowledge base held at one time for some traffic profiles.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// When it was taken: the `now` of a decision made on it.
    pub taken_at: Timestamp,
    /// Where from, in words without a password.
    pub taken_from: String,
    /// The profiles of which every row is here, also where that is none.
    pub holds: BTreeSet<TrafficProfile>,
    /// Every profile that had rows, and how many.
    pub profiles: Vec<ProfileCount>,
    /// The rows of each source, by id.
    pub sources: BTreeMap<String, Vec<BenchmarkRow>>,
}

/// Why a file is no snapshot to answer from.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SnapshotError {
    /// It is something else.
    #[error("not a snapshot: {0}; `compass snapshot -f intent.yaml -o FILE` takes one")]
    Foreign(String),
    /// It is of another version.
    #[error(
        "a snapshot of format `{0}`, and this version reads `{FORMAT}`: take it with the same Compass that reads it"
    )]
    Version(String),
    /// It is cut off, or has fields that do not belong into it.
    #[error("not readable as a snapshot: {0}; take it again with `compass snapshot`")]
    Malformed(String),
    /// Its content is not what was taken.
    #[error(
        "changed since it was taken: its content does not have the digest that it names; take it again with `compass snapshot`"
    )]
    Changed,
}

impl Snapshot {
    /// The text of the file: a line for each row.
    pub fn to_json(&self) -> String {
        let text = |text: &str| Value::from(text).to_string();
        let mut out = String::new();
        let holds: Vec<_> = self.holds.iter().map(ToString::to_string).collect();
        let profiles: Vec<_> = self.profiles.iter().map(Count::of).collect();
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "{{\n\"format\": {},\n\"takenAt\": {},\n\"takenFrom\": {},\n\"holds\": {},\n\"profiles\": {},\n\"digest\": {},\n\"sources\": [",
            text(FORMAT),
            text(&self.taken_at.to_string()),
            text(&self.taken_from),
            Value::from(holds),
            serde_json::json!(profiles),
            text(&self.digest()),
        );
        let mut between_sources = "\n";
        for (source, rows) in &self.sources {
            let _ = write!(
                out,
                "{between_sources}{{\"source\": {}, \"benchmarks\": [",
                text(source)
            );
            let mut between_rows = "\n";
            for row in rows {
                let _ = write!(out, "{between_rows}{}", Value::Object(row.to_json()));
                between_rows = ",\n";
            }
            out.push_str("\n]}");
            between_sources = ",\n";
        }
        out.push_str("\n]\n}\n");
        out
    }

    /// The snapshot in the text of a file.
    ///
    /// # Errors
    /// Says what the text is instead.
    pub fn parse(text: &str) -> Result<Self, SnapshotError> {
        let head: Head = serde_json::from_str(text).map_err(|error| match error.classify() {
            serde_json::error::Category::Eof if !text.trim().is_empty() => {
                SnapshotError::Malformed(format!("the file ends too early: {error}"))
            }
            _ => SnapshotError::Foreign(error.to_string()),
        })?;
        match head.format.as_deref() {
            Some(FORMAT) => {}
            Some(other) if other.starts_with("compass.snapshot/") => {
                return Err(SnapshotError::Version(other.to_owned()));
            }
            Some(other) => {
                let problem = format!("its format is {}", Value::from(other));
                return Err(SnapshotError::Foreign(problem));
            }
            None => return Err(SnapshotError::Foreign("it names no format".to_owned())),
        }
        let mut json = serde_json::Deserializer::from_str(text);
        let file: File = serde_path_to_error::deserialize(&mut json)
            .map_err(|error| SnapshotError::Malformed(error.to_string()))?;
        let digest = file.digest.clone();
        let snapshot = Self::from(file);
        if snapshot.digest() == digest {
            Ok(snapshot)
        } else {
            Err(SnapshotError::Changed)
        }
    }

    /// SHA-256 of the content.
    fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let mut bytes = Vec::new();
        let mut add = |part: &[u8]| {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        };
        add(FORMAT.as_bytes());
        add(self.taken_at.to_string().as_bytes());
        add(self.taken_from.as_bytes());
        add(&(self.holds.len() as u64).to_le_bytes());
        for profile in &self.holds {
            add(profile.to_string().as_bytes());
        }
        add(&(self.profiles.len() as u64).to_le_bytes());
        for count in &self.profiles {
            add(format!("{} {}", count.profile, count.rows).as_bytes());
        }
        for (source, rows) in &self.sources {
            add(source.as_bytes());
            add(&(rows.len() as u64).to_le_bytes());
            for row in rows {
                bytes.clear();
                row.summary.add_bytes(&mut bytes, |_| true);
                row.evidence.add_bytes(&mut bytes, |_| true);
                add(&bytes);
            }
        }
        let mut text = "sha256:".to_owned();
        for byte in hash.finalize() {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

/// As much as tells what a file is.
#[derive(Deserialize)]
struct Head {
    format: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    #[serde(rename = "format")]
    _format: String,
    taken_at: Timestamp,
    taken_from: String,
    holds: Vec<Written<TrafficProfile>>,
    profiles: Vec<Count>,
    digest: String,
    sources: Vec<Source>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Count {
    profile: Written<TrafficProfile>,
    rows: i64,
}

impl Count {
    fn of(count: &ProfileCount) -> Self {
        Self {
            profile: Written(count.profile),
            rows: count.rows,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    source: String,
    benchmarks: Vec<Row>,
}

impl From<File> for Snapshot {
    fn from(file: File) -> Self {
        let rows = |it: Source| (it.source, it.benchmarks.into_iter().map(|row| row.0));
        let count = |count: Count| ProfileCount {
            profile: count.profile.0,
            rows: count.rows,
        };
        let mut sources = BTreeMap::<_, Vec<_>>::new();
        for (source, rows) in file.sources.into_iter().map(rows) {
            sources.entry(source).or_default().extend(rows);
        }
        Self {
            taken_at: file.taken_at,
            taken_from: file.taken_from,
            holds: file.holds.into_iter().map(|profile| profile.0).collect(),
            profiles: file.profiles.into_iter().map(count).collect(),
            sources,
        }
    }
}

/// Something written as its text.
struct Written<T>(T);

impl<'de, T: std::str::FromStr<Err = String>> Deserialize<'de> for Written<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(de::Error::custom)
    }
}

impl<T: std::fmt::Display> Serialize for Written<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A row, its numbers read from their own digits: exactly what was written.
struct Row(BenchmarkRow);

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut row = Fields::deserialize(deserializer)?;
        let mut evidence = match row.remove("evidence") {
            None => Fields::new(),
            Some(evidence) => {
                serde_json::from_str(evidence.get()).map_err(|error| invalid("evidence", error))?
            }
        };
        let summary = ExportedSummary::COLUMNS.iter();
        let declared = DeclaredEvidence::COLUMNS.iter();
        let texts = summary
            .map(|column| take(&mut row, column))
            .collect::<Vec<_>>()
            .into_iter()
            .chain(declared.map(|column| take(&mut evidence, column)))
            .collect::<Result<Vec<_>, _>>()?;
        if let Some((field, _)) = row.iter().chain(&evidence).next() {
            let problem = format!("unknown field `{field}`");
            return Err(de::Error::custom(problem));
        }
        let row = BenchmarkRow::from_texts(|index| texts[index].as_deref());
        row.map(Self).map_err(de::Error::custom)
    }
}

type Fields = BTreeMap<String, Box<RawValue>>;

/// The text of a field, as a column reads it.
fn take<E: de::Error>(fields: &mut Fields, column: &str) -> Result<Option<String>, E> {
    let Some(value) = fields.remove(column) else {
        return Ok(None);
    };
    let json = value.get();
    match json.as_bytes().first() {
        Some(b'n') => Ok(None),
        Some(b'"') => serde_json::from_str(json).map_err(|error| invalid(column, error)),
        Some(b'{') => serde_json::from_str::<Map<_, _>>(json)
            .map(|object| Some(Value::Object(object).to_string()))
            .map_err(|error| invalid(column, error)),
        _ => Ok(Some(json.to_owned())),
    }
}

fn invalid<E: de::Error>(field: &str, problem: impl std::fmt::Display) -> E {
    E::custom(format!("{field}: {problem}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::benchmark::formats::tests::rows;

    fn snapshot(changes: &[Value]) -> Snapshot {
        let mut rows = rows(changes);
        for (number, row) in rows.iter_mut().enumerate() {
            row.summary.id = Some(uuid::Uuid::from_u128(number as u128));
        }
        let profile = TrafficProfile {
            prompt_tokens: 512,
            output_tokens: 256,
        };
        Snapshot {
            taken_at: "2026-11-24T12:00:00Z".parse().unwrap(),
            taken_from: "database `lab` on db:5432".to_owned(),
            holds: BTreeSet::from([profile]),
            profiles: vec![ProfileCount {
                profile,
                rows: rows.len() as i64,
            }],
            sources: BTreeMap::from([("a \"lab\"\n".to_owned(), rows)]),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let taken = snapshot(&[
            json!({"hardware": "H100", "hardware_count": 2, "framework": "vl\u{1f600}\"m"}),
            json!({"evidence": {"kind": "measured", "bounds_only": true, "provenance": {"a": [1e16, null, "x"]}}}),
        ]);
        let text = taken.to_json();
        assert_eq!(Snapshot::parse(&text).as_ref(), Ok(&taken));
        assert_eq!(text, taken.clone().to_json());
    }

    proptest! {
        #[test]
        fn every_number_is_read_as_it_was(bits in any::<u64>(), count in any::<i64>()) {
            let mut taken = snapshot(&[json!({})]);
            let row = &mut taken.sources.values_mut().next().unwrap()[0];
            // A text knows one NaN.
            let number = |bits| Some(f64::from_bits(bits)).filter(|it| !it.is_nan()).unwrap_or(f64::NAN);
            row.summary.itl_p95 = Some(number(bits));
            row.summary.ttft_p95 = number(bits.rotate_left(7));
            row.evidence.requests_completed = Some(count);
            let again = Snapshot::parse(&taken.to_json());
            let again = again.map_err(|error| TestCaseError::fail(error.to_string()))?;
            let row_again = &again.sources.values().next().unwrap()[0];
            let row = &taken.sources.values().next().unwrap()[0];
            let is_same = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
            prop_assert!(is_same(row.summary.itl_p95.unwrap(), row_again.summary.itl_p95.unwrap()));
            prop_assert!(is_same(row.summary.ttft_p95, row_again.summary.ttft_p95));
            prop_assert_eq!(row_again.evidence.requests_completed, Some(count));
        }

        #[test]
        fn no_part_of_a_snapshot_passes_for_one(share in 0.0..1.0_f64) {
            let text = snapshot(&[json!({}), json!({})]).to_json();
            let end = (text.trim_end().len() as f64 * share) as usize;
            prop_assert!(Snapshot::parse(&text[..end]).is_err());
        }
    }

    #[test]
    fn a_formatter_may_touch_it_and_nobody_else() {
        let text = snapshot(&[json!({})]).to_json();
        let parsed: Value = serde_json::from_str(&text).unwrap();
        let pretty = serde_json::to_string_pretty(&parsed).unwrap();
        assert!(Snapshot::parse(&pretty).is_ok());
        for (from, to) in [
            ("\"ttft_p95\":", "\"ttft_p95\":1"),
            ("a \\\"lab", "a \\\"lob"),
            ("T12:00:00Z", "T12:00:01Z"),
            (
                "\"holds\": [\"512/256\"]",
                "\"holds\": [\"512/256\",\"1024/1024\"]",
            ),
            ("\"rows\":1", "\"rows\":2"),
        ] {
            let edited = text.replacen(from, to, 1);
            assert_ne!(edited, text, "{from}");
            assert_eq!(
                Snapshot::parse(&edited),
                Err(SnapshotError::Changed),
                "{to}"
            );
        }
    }

    #[test]
    fn what_is_no_snapshot_is_told() {
        let text = snapshot(&[json!({})]).to_json();
        for (file, expected) in [
            (String::new(), "not a snapshot"),
            ("<html>".to_owned(), "not a snapshot"),
            ("{\"benchmarks\": []}".to_owned(), "it names no format"),
            (
                text.replace("compass.snapshot/v1", "compass.benchmarks/v1"),
                "its format is \"compass.benchmarks/v1\"",
            ),
            (
                text.replace("compass.snapshot/v1", "compass.snapshot/v9"),
                "`compass.snapshot/v9`, and this version reads `compass.snapshot/v1`",
            ),
            (text[..text.len() / 2].to_owned(), "ends too early"),
            (
                text.replacen("\"takenAt\"", "\"by\": 1, \"takenAt\"", 1),
                "unknown field `by`",
            ),
            (
                text.replacen("\"ttft_p95\"", "\"ttft_p96\"", 1),
                "sources[0].benchmarks[0]: unknown field `ttft_p96`",
            ),
        ] {
            let told = Snapshot::parse(&file).unwrap_err().to_string();
            assert!(told.contains(expected), "{told}");
        }
    }
}
