//! Schemas of Kubernetes' own types inside the intent: whole, so that the API server and
//! `kubectl explain` know every field; without descriptions, which would be most of the CRD; and
//! bounded.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

const LONGEST_STRING: u32 = 4096;
const MOST_ITEMS: u32 = 64;

/// One object.
pub(super) fn object<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = generator.subschema_for::<T>();
    for part in schema.ensure_object().values_mut() {
        bound(part);
    }
    close(schema.ensure_object());
    schema
}

/// A list of objects.
pub(super) fn list<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    object::<Vec<T>>(generator)
}

/// Names and values, as of labels.
pub(super) fn map<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    object::<std::collections::BTreeMap<String, T>>(generator)
}

fn bound(schema: &mut Value) {
    match schema {
        Value::Object(schema) => {
            schema.values_mut().for_each(bound);
            close(schema);
        }
        Value::Array(schemas) => schemas.iter_mut().for_each(bound),
        _ => {}
    }
}

/// Bounds one level. A property may be called `description`: only a text is one.
fn close(schema: &mut serde_json::Map<String, Value>) {
    if schema.get("description").is_some_and(Value::is_string) {
        schema.remove("description");
    }
    let (bound, most) = match schema.get("type").and_then(Value::as_str) {
        Some("string") => ("maxLength", LONGEST_STRING),
        Some("array") => ("maxItems", MOST_ITEMS),
        Some("object") if schema.contains_key("additionalProperties") => {
            ("maxProperties", MOST_ITEMS)
        }
        _ => return,
    };
    schema.entry(bound).or_insert(most.into());
}
