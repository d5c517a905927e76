//! Decimals of the spec: rates, factors and money.

use std::borrow::Cow;

use rust_decimal::Decimal;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A non-negative decimal with at most seven digits before and four after the point, written as an
/// integer (`5`) or a quoted decimal (`"0.5"`). An unquoted `0.5` is a float, which the API server
/// refuses here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DecimalAmount(pub Decimal);

const EXPECTED: &str = "an integer such as 5 or a quoted decimal such as \"0.5\", with at most 7 digits before the point and 4 after it";

fn parse(text: &str) -> Option<Decimal> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str, most| {
        (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
    };
    (digits(whole, 7) && digits(fraction, 4))
        .then(|| text.parse().ok())
        .flatten()
}

impl std::str::FromStr for DecimalAmount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text)
            .map(Self)
            .ok_or_else(|| format!("`{text}` is not {EXPECTED}"))
    }
}

impl<'de> Deserialize<'de> for DecimalAmount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = DecimalAmount;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(EXPECTED)
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
                self.visit_str(&value.to_string())
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
                self.visit_str(&value.to_string())
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
                value.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Serialize for DecimalAmount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl JsonSchema for DecimalAmount {
    fn schema_name() -> Cow<'static, str> {
        "DecimalAmount".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kubernetes-int-or-string": true,
            "maxLength": 12,
            "x-kubernetes-validations": [{
                "rule": "string(self).matches('^[0-9]{1,7}(\\\\.[0-9]{1,4})?$') && double(string(self)) > 0.0",
                "message": format!("must be more than zero and {EXPECTED}"),
            }],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_and_quoted_decimals_are_taken_others_refused() {
        let read = |json: &str| serde_json::from_str::<DecimalAmount>(json);
        assert_eq!(read("5").unwrap().0, Decimal::from(5));
        assert_eq!(read("\"0.5\"").unwrap().0, Decimal::new(5, 1));
        for refused in [
            "0.5",
            "-1",
            "\"1.23456\"",
            "\"1e3\"",
            "\".5\"",
            "\"5.\"",
            "12345678",
            "\"\"",
            "true",
        ] {
            assert!(read(refused).is_err(), "{refused}");
        }
    }
}
