//! On which line of a YAML document a field stands.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

/// The lines of a document's values.
pub(super) struct Lines(Option<Spanned<Node>>);

/// A value, as far as it leads to others; the elements of a list by their number.
#[derive(Default)]
struct Node(BTreeMap<String, Spanned<Node>>);

impl Lines {
    /// Of a text that can be read as YAML.
    pub(super) fn of(text: &str) -> Self {
        Self(serde_saphyr::from_str(text).ok())
    }

    /// The line, from 1, on which a field such as `spec.models.allow.0` stands or, where it is not
    /// there, what it would be part of.
    pub(super) fn line(&self, field: &str) -> usize {
        let Some(root) = &self.0 else { return 1 };
        let mut found = root;
        // An index is written in either way: allow.0 and allow[0].
        let steps = field.split(['.', '[', ']']).filter(|step| !step.is_empty());
        for step in steps {
            match found.value.0.get(step) {
                Some(next) => found = next,
                None => break,
            }
        }
        usize::try_from(found.referenced.line()).unwrap_or(1).max(1)
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut node = Node::default();
        while let Some((key, value)) = map.next_entry::<String, Spanned<Node>>()? {
            node.0.insert(key, value);
        }
        Ok(node)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut node = Node::default();
        while let Some(value) = list.next_element::<Spanned<Node>>()? {
            node.0.insert(node.0.len().to_string(), value);
        }
        Ok(node)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<Node, E> {
        Ok(Node::default())
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::default())
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_has_a_line() {
        let lines = Lines::of(
            "---\nmetadata: {name: x}\nspec:\n  slo:\n    ttftP95Ms: 1\n  models:\n    allow:\n    - a\n    - b\n  empty: ~\n",
        );
        for (field, line) in [
            ("", 2),
            ("metadata.name", 2),
            ("spec.slo.ttftP95Ms", 5),
            ("spec.models.allow.1", 9),
            ("spec.models.allow[0]", 8),
            ("spec.empty", 10),
            ("spec.models.deny", 7),
            ("other", 2),
        ] {
            assert_eq!(lines.line(field), line, "{field}");
        }
    }
}
