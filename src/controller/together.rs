//! The watches of several namespaces as one: an operator for some namespaces needs no right to look at
//! all.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;

use futures::StreamExt;
use futures::stream::{BoxStream, iter, select_all};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;

/// What happens to objects of a kind, of all these namespaces; `slim` takes from each object what is not
/// needed. A watch that fails is begun again, later each time.
pub fn watch<K>(
    apis: Vec<Api<K>>,
    config: &watcher::Config,
    slim: fn(&mut K),
) -> BoxStream<'static, watcher::Result<Event<K>>>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let mut together = Together::of(apis.len());
    let watches = apis.into_iter().enumerate().map(|(index, api)| {
        let events = watcher(api, config.clone()).default_backoff().modify(slim);
        events.map(move |event| (index, event)).boxed()
    });
    select_all(watches)
        .flat_map(move |(index, event)| match event {
            Ok(event) => iter(
                together
                    .take(index, event)
                    .into_iter()
                    .map(Ok)
                    .collect::<Vec<_>>(),
            ),
            Err(error) => iter(vec![Err(error)]),
        })
        .boxed()
}

/// Makes of the events of several watches those of one, whose list is complete when all lists are.
struct Together<K> {
    places: Vec<Place<K>>,
    has_begun: bool,
    is_complete: bool,
    /// What happened at a place that is listed while others are not yet.
    later: Vec<Event<K>>,
}

struct Place<K> {
    is_listed: bool,
    /// By name.
    known: HashMap<String, K>,
    /// Names in the list that comes in.
    listing: HashSet<String>,
}

impl<K: Resource + Clone> Together<K> {
    fn of(places: usize) -> Self {
        let place = |_| Place {
            is_listed: false,
            known: HashMap::new(),
            listing: HashSet::new(),
        };
        Self {
            places: (0..places).map(place).collect(),
            has_begun: false,
            is_complete: false,
            later: Vec::new(),
        }
    }

    fn take(&mut self, index: usize, event: Event<K>) -> Vec<Event<K>> {
        if self.places.len() == 1 {
            return vec![event];
        }
        let place = &mut self.places[index];
        let news = match event {
            Event::Init => {
                place.listing.clear();
                let is_first = !std::mem::replace(&mut self.has_begun, true);
                return is_first.then_some(Event::Init).into_iter().collect();
            }
            Event::InitApply(object) => {
                place.listing.insert(object.name_any());
                place.known.insert(object.name_any(), object.clone());
                if !place.is_listed {
                    return vec![Event::InitApply(object)];
                }
                vec![Event::Apply(object)]
            }
            Event::InitDone => {
                let listing = std::mem::take(&mut place.listing);
                let gone = place.known.extract_if(|name, _| !listing.contains(name));
                let gone = gone.map(|(_, object)| Event::Delete(object)).collect();
                place.is_listed = true;
                if !self.is_complete && self.places.iter().all(|place| place.is_listed) {
                    self.is_complete = true;
                    let mut news = vec![Event::InitDone];
                    news.append(&mut self.later);
                    news.extend::<Vec<_>>(gone);
                    return news;
                }
                gone
            }
            Event::Apply(object) => {
                place.known.insert(object.name_any(), object.clone());
                vec![Event::Apply(object)]
            }
            Event::Delete(object) => {
                place.known.remove(&object.name_any());
                vec![Event::Delete(object)]
            }
        };
        if self.is_complete {
            return news;
        }
        self.later.extend(news);
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;

    use super::*;

    fn named(name: &str) -> ConfigMap {
        let mut object = ConfigMap::default();
        object.metadata.name = Some(name.to_owned());
        object
    }

    /// `init`, `+a` listed, `done`, `a` applied, `-a` deleted.
    fn event(word: &str) -> Event<ConfigMap> {
        match (word, word.split_at(1)) {
            ("init", _) => Event::Init,
            ("done", _) => Event::InitDone,
            (_, ("+", name)) => Event::InitApply(named(name)),
            (_, ("-", name)) => Event::Delete(named(name)),
            (name, _) => Event::Apply(named(name)),
        }
    }

    fn word(event: &Event<ConfigMap>) -> String {
        match event {
            Event::Init => "init".to_owned(),
            Event::InitDone => "done".to_owned(),
            Event::InitApply(object) => format!("+{}", object.name_any()),
            Event::Delete(object) => format!("-{}", object.name_any()),
            Event::Apply(object) => object.name_any(),
        }
    }

    /// What comes out when these happen, each at a place.
    fn out_of(places: usize, events: &[(usize, &str)]) -> String {
        let mut together = Together::of(places);
        let events = events
            .iter()
            .flat_map(|(place, word)| together.take(*place, event(word)));
        let words: Vec<_> = events.map(|event| word(&event)).collect();
        words.join(" ")
    }

    #[test]
    fn the_list_is_complete_when_all_lists_are() {
        let out = out_of(
            2,
            &[
                (0, "init"),
                (0, "+a"),
                (1, "init"),
                (0, "done"),
                (0, "-a"),
                (0, "b"),
                (1, "+c"),
                (1, "done"),
                (1, "d"),
            ],
        );
        assert_eq!(out, "init +a +c done -a b d");
    }

    #[test]
    fn what_went_while_a_watch_was_lost_is_told() {
        let begun = [
            (0, "init"),
            (0, "+a"),
            (0, "+b"),
            (0, "done"),
            (1, "init"),
            (1, "done"),
        ];
        let lost = [(0, "init"), (0, "+b"), (0, "+c"), (0, "done")];
        let out = out_of(2, &[&begun[..], &lost].concat());
        assert_eq!(out, "init +a +b done b c -a");
    }

    #[test]
    fn a_list_that_is_begun_again_shows_what_is_there_at_last() {
        let events = [
            (0, "init"),
            (0, "+a"),
            (0, "init"),
            (0, "+b"),
            (0, "done"),
            (0, "-b"),
            (0, "init"),
            (0, "+b"),
            (0, "done"),
            (1, "init"),
            (1, "done"),
        ];
        assert_eq!(out_of(2, &events), "init +a +b done -a -b b");
    }

    #[test]
    fn the_events_of_one_place_are_its_own() {
        let events = ["init", "+a", "done", "init", "+b", "done"].map(|word| (0, word));
        assert_eq!(out_of(1, &events), "init +a done init +b done");
    }
}
