//! A model's name.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

/// A Hugging Face repository such as `Qwen/Qwen3-32B`. Names compare without case (R2) and keep
/// the spelling they came with; a quantised repository is another model.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ModelName(String);

impl ModelName {
    /// Takes the name as it is.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name as it was spelled.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn folded(&self) -> impl Iterator<Item = char> + '_ {
        self.0.chars().flat_map(char::to_lowercase)
    }

    /// Hands on bytes that are the same for every spelling of the name, without making a string of
    /// them for the names that there are.
    pub(super) fn add_folded(&self, mut add: impl FnMut(&[u8])) {
        if self.0.len() <= 64 && self.0.is_ascii() {
            let mut lower = [0; 64];
            let lower = &mut lower[..self.0.len()];
            lower.copy_from_slice(self.0.as_bytes());
            lower.make_ascii_lowercase();
            add(lower);
        } else {
            add(self.folded().collect::<String>().as_bytes());
        }
    }
}

impl std::fmt::Display for ModelName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

impl PartialEq for ModelName {
    fn eq(&self, other: &Self) -> bool {
        // Most are spelled alike.
        self.0 == other.0
            || if self.0.is_ascii() && other.0.is_ascii() {
                self.0.eq_ignore_ascii_case(&other.0)
            } else {
                self.folded().eq(other.folded())
            }
    }
}

impl Eq for ModelName {}

impl PartialOrd for ModelName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ModelName {
    fn cmp(&self, other: &Self) -> Ordering {
        // Most are spelled alike.
        if self.0 == other.0 {
            Ordering::Equal
        } else if self.0.is_ascii() && other.0.is_ascii() {
            let pairs = self.0.bytes().zip(other.0.bytes());
            let mut different = pairs.filter(|(a, b)| a != b);
            let lower = |(a, b): (u8, u8)| (a.to_ascii_lowercase(), b.to_ascii_lowercase());
            let different = different.find_map(|pair| Some(lower(pair)).filter(|(a, b)| a != b));
            different.map_or(self.0.len().cmp(&other.0.len()), |(a, b)| a.cmp(&b))
        } else {
            self.folded().cmp(other.folded())
        }
    }
}

impl Hash for ModelName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded().for_each(|c| c.hash(state));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_without_case_and_keep_their_spelling() {
        let upper = ModelName::new("Qwen/Qwen3-32B");
        assert_eq!(upper, ModelName::new("qwen/qwen3-32b"));
        assert_ne!(upper, ModelName::new("Qwen/Qwen3-32B-FP8"));
        assert_eq!(upper.to_string(), "Qwen/Qwen3-32B");
    }
}
