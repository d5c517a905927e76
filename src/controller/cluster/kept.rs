//! Objects of one kind, each kept as the few numbers that count. Pure.

use std::collections::HashMap;
use std::hash::Hash;

use kube::runtime::watcher::Event;

/// One kind of object.
pub struct Kept<K, V> {
    what: &'static str,
    pub all: HashMap<K, V>,
    /// While a list comes in.
    listed: HashMap<K, V>,
    /// Why nothing is known of them.
    pub unknown: Option<String>,
}

impl<K: Eq + Hash, V: PartialEq> Kept<K, V> {
    pub fn new(what: &'static str) -> Self {
        Self {
            what,
            all: HashMap::new(),
            listed: HashMap::new(),
            unknown: Some("not listed yet".into()),
        }
    }

    /// Takes in an event about an object that is kept as `kept`, if it matters at all; whether
    /// anything is new.
    pub fn take<O>(
        &mut self,
        event: Event<O>,
        key: impl Fn(&O) -> K,
        kept: impl Fn(&O) -> Option<V>,
    ) -> bool {
        match event {
            Event::Init => {
                self.listed.clear();
                false
            }
            Event::InitApply(object) => {
                if let Some(value) = kept(&object) {
                    self.listed.insert(key(&object), value);
                }
                false
            }
            Event::InitDone => {
                let before = std::mem::replace(&mut self.all, std::mem::take(&mut self.listed));
                self.unknown.take().is_some() || before != self.all
            }
            Event::Apply(object) => match kept(&object) {
                Some(value) => {
                    let key = key(&object);
                    let is_news = self.all.get(&key) != Some(&value);
                    self.all.insert(key, value);
                    is_news
                }
                None => self.all.remove(&key(&object)).is_some(),
            },
            Event::Delete(object) => self.all.remove(&key(&object)).is_some(),
        }
    }

    /// Takes in that they may not be seen; whether that is new.
    pub fn refuse(&mut self, problem: String) -> bool {
        self.all.clear();
        let is_news = self.unknown.as_ref() != Some(&problem);
        self.unknown = Some(problem);
        is_news
    }

    pub fn unchecked(&self) -> Option<String> {
        let problem = self.unknown.as_ref()?;
        Some(format!("{} ({problem})", self.what))
    }
}
