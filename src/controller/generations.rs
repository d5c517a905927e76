//! Which events of intents are news: status and metadata change without another question being asked.

use std::collections::{HashMap, HashSet};

use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::Event;

use super::context::Watched;

/// The generation of each intent that was seen. One that is gone, or was another shard's meanwhile, is
/// news when it is back.
#[derive(Default)]
pub struct Generations {
    seen: HashMap<ObjectRef<Watched>, Generation>,
    listing: HashSet<ObjectRef<Watched>>,
}

/// The uid too: an intent of the same name may be another one.
type Generation = (Option<String>, Option<i64>);

impl Generations {
    /// The intent, where the event makes a look at it due.
    pub fn news(&mut self, event: Event<Watched>) -> Option<Watched> {
        match event {
            Event::Init => self.listing.clear(),
            Event::InitApply(intent) => {
                self.listing.insert(ObjectRef::from_obj(&intent));
                return self.other(intent);
            }
            Event::InitDone => {
                let listing = std::mem::take(&mut self.listing);
                self.seen.retain(|intent, _| listing.contains(intent));
            }
            Event::Apply(intent) => return self.other(intent),
            Event::Delete(intent) => {
                self.seen.remove(&ObjectRef::from_obj(&intent));
            }
        }
        None
    }

    fn other(&mut self, intent: Watched) -> Option<Watched> {
        let metadata = &intent.metadata;
        let generation = (metadata.uid.clone(), metadata.generation);
        let reference = ObjectRef::from_obj(&intent);
        let before = self.seen.insert(reference, generation.clone());
        (before != Some(generation)).then_some(intent)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn chat(uid: &str, generation: i64) -> Watched {
        let metadata = json!({"name": "chat", "uid": uid, "generation": generation});
        serde_json::from_value(json!({"metadata": metadata})).unwrap()
    }

    #[test]
    fn another_spec_or_another_intent_is_news_and_so_is_one_that_comes_back() {
        let mut generations = Generations::default();
        let mut is_news = |event| generations.news(event).is_some();
        assert!(!is_news(Event::Init));
        assert!(is_news(Event::InitApply(chat("a", 1))));
        assert!(!is_news(Event::InitDone));
        assert!(!is_news(Event::Apply(chat("a", 1))), "its status");
        assert!(is_news(Event::Apply(chat("a", 2))));
        assert!(!is_news(Event::Delete(chat("a", 2))));
        assert!(is_news(Event::Apply(chat("a", 2))), "it left and came back");
        assert!(
            is_news(Event::Apply(chat("b", 2))),
            "another of the same name"
        );
        assert!(!is_news(Event::Init));
        assert!(!is_news(Event::InitApply(chat("b", 2))), "listed again");
        assert!(!is_news(Event::InitDone));
        assert!(!is_news(Event::Init) && !is_news(Event::InitDone));
        assert!(is_news(Event::Apply(chat("b", 2))), "gone unseen");
    }
}
