//! The part of a cluster's intents that one operator, or those that stand by for each other, look at.

use std::fmt;

/// Namespaces and labels. Shards must not overlap: nothing keeps two of them from writing the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shard {
    namespaces: Vec<String>,
    selector: Option<String>,
}

impl Shard {
    /// The intents of these namespaces, or of all where there is none, that have these labels.
    /// `selector` is one of Kubernetes: `team in (a, b)`.
    pub fn new(mut namespaces: Vec<String>, selector: Option<String>) -> Self {
        namespaces.sort();
        namespaces.dedup();
        Self {
            namespaces,
            selector,
        }
    }

    /// Label selector of the intents.
    pub fn selector(&self) -> Option<&str> {
        self.selector.as_deref()
    }

    /// One for each namespace, or one for all, where `None` stands.
    pub fn places<T>(&self, place: impl Fn(Option<&str>) -> T) -> Vec<T> {
        if self.namespaces.is_empty() {
            return vec![place(None)];
        }
        let namespaces = self.namespaces.iter();
        namespaces.map(|namespace| place(Some(namespace))).collect()
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.namespaces.as_slice() {
            [] => f.write_str("all namespaces")?,
            [one] => write!(f, "namespace {one}")?,
            several => write!(f, "namespaces {}", several.join(", "))?,
        }
        match &self.selector {
            Some(selector) => write!(f, ", intents with {selector}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_says_what_it_is() {
        let shard = |namespaces: &[&str], selector: Option<&str>| {
            let namespaces = namespaces.iter().map(|it| (*it).to_owned()).collect();
            Shard::new(namespaces, selector.map(str::to_owned)).to_string()
        };
        assert_eq!(shard(&[], None), "all namespaces");
        assert_eq!(shard(&["b", "a", "b"], None), "namespaces a, b");
        assert_eq!(
            shard(&["a"], Some("team=x")),
            "namespace a, intents with team=x"
        );
    }
}
