//! What a column of a row can hold, and the three forms in which it comes and goes: JSON, text, and
//! the bytes of a digest.

use std::fmt::{Display, Write};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{ArrivalProcess, EvidenceKind, ItlDefinition, ValidationClass};

/// A field of a row that cannot be taken, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FieldFault {
    pub(super) field: String,
    pub(super) problem: String,
}

impl FieldFault {
    pub(super) fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            problem: problem.into(),
        }
    }
}

/// Something that a column can hold; `None` is SQL's null.
pub trait Column: DeserializeOwned {
    /// Takes the column from a table's text; `None` is null.
    fn from_text(text: Option<&str>) -> Result<Self, String>;

    /// As PostgreSQL reads it; `None` is null.
    fn text(&self) -> Option<&dyn Display>;

    /// As JSON. Where JSON has no such value (a number that is not finite), its text.
    fn json(&self) -> Value {
        self.text()
            .map_or(Value::Null, |text| Value::String(text.to_string()))
    }

    /// Adds bytes that no other value of the column adds.
    fn add_bytes(&self, bytes: &mut Vec<u8>) {
        let mut text = String::new();
        match self.text() {
            None => bytes.push(0),
            Some(value) => {
                // Writing to a String cannot fail.
                let _ = write!(text, "{value}");
                add_text(&text, bytes);
            }
        }
    }
}

/// Adds a column's name and value, or nothing where it says nothing.
pub(super) fn add_named(name: &str, value: &impl Column, bytes: &mut Vec<u8>) {
    let before = bytes.len();
    add_text(name, bytes);
    let behind_name = bytes.len();
    value.add_bytes(bytes);
    if bytes[behind_name..] == [0] {
        bytes.truncate(before);
    }
}

/// With its length, so that no two rows run together to the same bytes.
fn add_text(text: &str, bytes: &mut Vec<u8>) {
    bytes.push(1);
    bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

impl<T: Column> Column for Option<T> {
    fn from_text(text: Option<&str>) -> Result<Self, String> {
        text.map(|text| T::from_text(Some(text))).transpose()
    }

    fn text(&self) -> Option<&dyn Display> {
        self.as_ref().and_then(T::text)
    }

    fn json(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::json)
    }

    fn add_bytes(&self, bytes: &mut Vec<u8>) {
        match self {
            None => bytes.push(0),
            Some(value) => value.add_bytes(bytes),
        }
    }
}

/// The text of a column that cannot be null.
fn required(text: Option<&str>) -> Result<&str, String> {
    text.ok_or_else(|| "required and missing".to_owned())
}

macro_rules! numbers {
    ($($type:ty: $expected:literal),+ $(,)?) => {
        $(impl Column for $type {
            fn from_text(text: Option<&str>) -> Result<Self, String> {
                required(text)?.parse().map_err(|_| concat!("not ", $expected).to_owned())
            }

            fn text(&self) -> Option<&dyn Display> {
                Some(self)
            }

            fn json(&self) -> Value {
                Value::from(*self)
            }

            fn add_bytes(&self, bytes: &mut Vec<u8>) {
                bytes.push(1);
                bytes.extend_from_slice(&self.to_le_bytes());
            }
        })+
    };
}

numbers!(i32: "a whole number below 2^31", i64: "a whole number");

impl Column for f64 {
    fn from_text(text: Option<&str>) -> Result<Self, String> {
        required(text)?
            .parse()
            .map_err(|_| "not a number".to_owned())
    }

    fn text(&self) -> Option<&dyn Display> {
        Some(self)
    }

    fn json(&self) -> Value {
        let number = serde_json::Number::from_f64(*self);
        number.map_or_else(|| Value::String(self.to_string()), Value::Number)
    }

    fn add_bytes(&self, bytes: &mut Vec<u8>) {
        bytes.push(1);
        // 0 and -0 are one number.
        bytes.extend_from_slice(&(self + 0.0).to_bits().to_le_bytes());
    }
}

impl Column for String {
    fn from_text(text: Option<&str>) -> Result<Self, String> {
        required(text).map(str::to_owned)
    }

    fn text(&self) -> Option<&dyn Display> {
        Some(self)
    }

    fn add_bytes(&self, bytes: &mut Vec<u8>) {
        add_text(self, bytes);
    }
}

/// Text that is empty where a file leaves it out: the column cannot be null.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(pub String);

impl Column for Text {
    fn from_text(text: Option<&str>) -> Result<Self, String> {
        Ok(Self(text.unwrap_or_default().to_owned()))
    }

    fn text(&self) -> Option<&dyn Display> {
        Some(&self.0)
    }

    fn add_bytes(&self, bytes: &mut Vec<u8>) {
        add_text(&self.0, bytes);
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Option::deserialize(deserializer)?.unwrap_or_default()))
    }
}

/// False where a file leaves it out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flag(pub bool);

impl Column for Flag {
    fn from_text(text: Option<&str>) -> Result<Self, String> {
        match text {
            None | Some("f" | "false") => Ok(Self(false)),
            Some("t" | "true") => Ok(Self(true)),
            Some(_) => Err("neither true nor false".to_owned()),
        }
    }

    fn text(&self) -> Option<&dyn Display> {
        Some(&self.0)
    }

    fn json(&self) -> Value {
        Value::Bool(self.0)
    }

    fn add_bytes(&self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(self.0));
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Option::deserialize(deserializer)?.unwrap_or_default()))
    }
}

/// A time of a column without zone: UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UtcDateTime(pub DateTime);

impl UtcDateTime {
    /// The moment.
    pub fn utc(self) -> Option<Timestamp> {
        let zoned = self.0.to_zoned(TimeZone::UTC).ok()?;
        Some(zoned.timestamp())
    }
}

impl std::str::FromStr for UtcDateTime {
    type Err = String;

    /// A civil time as SQL writes it, or one with a zone, which is converted.
    fn from_str(text: &str) -> Result<Self, String> {
        let zoned = |timestamp: jiff::Timestamp| timestamp.to_zoned(TimeZone::UTC).datetime();
        text.parse()
            .map(zoned)
            .or_else(|_| text.parse::<DateTime>())
            // PostgreSQL keeps no more, and what was loaded must be what is stored.
            .and_then(|time| time.round(Unit::Microsecond))
            .map(Self)
            .map_err(|_| "not a time such as 2026-11-23T14:05:00".to_owned())
    }
}

impl Display for UtcDateTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Column for UtcDateTime {
    fn from_text(text: Option<&str>) -> Result<Self, String> {
        required(text)?.parse()
    }

    fn text(&self) -> Option<&dyn Display> {
        Some(self)
    }
}

impl<'de> Deserialize<'de> for UtcDateTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// A JSON object.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Provenance(pub Map<String, Value>);

impl Display for Provenance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&serde_json::to_string(&self.0).map_err(|_| std::fmt::Error)?)
    }
}

impl Column for Provenance {
    fn from_text(text: Option<&str>) -> Result<Self, String> {
        serde_json::from_str(required(text)?).map_err(|_| "not a JSON object".to_owned())
    }

    fn text(&self) -> Option<&dyn Display> {
        Some(self)
    }

    fn json(&self) -> Value {
        Value::Object(self.0.clone())
    }

    fn add_bytes(&self, bytes: &mut Vec<u8>) {
        bytes.push(1);
        add_object(&self.0, bytes);
    }
}

fn add_object(object: &Map<String, Value>, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&(object.len() as u64).to_le_bytes());
    for (key, value) in object {
        add_text(key, bytes);
        add_json(value, bytes);
    }
}

/// A number by its value: PostgreSQL writes `1e16` with all its digits.
fn add_json(value: &Value, bytes: &mut Vec<u8>) {
    match value {
        Value::Null => bytes.push(0),
        Value::Bool(truth) => bytes.extend_from_slice(&[2, u8::from(*truth)]),
        Value::Number(number) => number.as_f64().unwrap_or_default().add_bytes(bytes),
        Value::String(text) => {
            bytes.push(3);
            add_text(text, bytes);
        }
        Value::Array(values) => {
            bytes.push(4);
            bytes.extend_from_slice(&(values.len() as u64).to_le_bytes());
            values.iter().for_each(|value| add_json(value, bytes));
        }
        Value::Object(object) => {
            bytes.push(5);
            add_object(object, bytes);
        }
    }
}

macro_rules! by_name {
    ($($type:ty),+) => {
        $(impl Column for $type {
            fn from_text(text: Option<&str>) -> Result<Self, String> {
                required(text)?.parse()
            }

            fn text(&self) -> Option<&dyn Display> {
                Some(self)
            }
        })+
    };
}

by_name!(EvidenceKind, ArrivalProcess, ItlDefinition, ValidationClass);

impl Column for Uuid {
    fn from_text(text: Option<&str>) -> Result<Self, String> {
        required(text)?.parse().map_err(|_| "not a UUID".to_owned())
    }

    fn text(&self) -> Option<&dyn Display> {
        Some(self)
    }
}

/// Takes a column out of a JSON object.
pub(super) fn take<T: Column>(
    object: &mut Map<String, Value>,
    field: &str,
    faults: &mut Vec<FieldFault>,
) -> Option<T> {
    let value = object.remove(field).unwrap_or(Value::Null);
    let absent = value.is_null();
    serde_json::from_value(value)
        .map_err(|error| {
            let problem = if absent {
                "required and missing".into()
            } else {
                error.to_string()
            };
            faults.push(FieldFault::new(field, problem));
        })
        .ok()
}
