//! Benchmarks that many readers share, as ladders: cloning them copies no row.

use std::sync::{Arc, OnceLock};

use super::index::Index;
use super::ladder::{Ladder, SharedPlace};
use super::reduction::Reduction;
use super::{Benchmark, Configuration};

/// Rows by place and ladder. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct SharedBenchmarks {
    places: Arc<[SharedPlace]>,
    rows: usize,
    /// Made when it is first asked for.
    index: Arc<OnceLock<Index>>,
}

impl PartialEq for SharedBenchmarks {
    fn eq(&self, other: &Self) -> bool {
        self.places == other.places
    }
}

impl SharedBenchmarks {
    /// Places in their order, none of them twice.
    pub fn of_places(places: impl IntoIterator<Item = SharedPlace>) -> Self {
        let places: Arc<[_]> = places.into_iter().collect();
        Self {
            rows: places.iter().map(|place| place.rows).sum(),
            places,
            index: Arc::default(),
        }
    }

    /// Places in any order, which may be there more than once: their ladders are put together.
    pub fn merge(places: impl IntoIterator<Item = SharedPlace>) -> Self {
        let mut places: Vec<_> = places.into_iter().collect();
        places.sort_by(|a, b| key(a).cmp(&key(b)));
        let merged = places.chunk_by(|a, b| key(a) == key(b)).map(|same| {
            let [one] = same else {
                let mut again = Reduction::default();
                let rows = same.iter().flat_map(|place| place.benchmarks());
                rows.for_each(|row| again.add(&row));
                return again.finish().remove(0);
            };
            Arc::clone(one)
        });
        Self::of_places(merged)
    }

    /// These and others.
    pub fn and(&self, more: &[Benchmark]) -> Self {
        let more = Self::from_iter(more);
        Self::merge(self.places.iter().chain(&*more.places).cloned())
    }

    /// By profile and place.
    pub fn places(&self) -> &[SharedPlace] {
        &self.places
    }

    /// What its places show by the usual rules.
    pub fn index(&self) -> &Index {
        self.index.get_or_init(|| Index::new(&self.places))
    }

    /// Every ladder, by configuration.
    pub fn ladders(&self) -> impl Iterator<Item = &Ladder> {
        self.places.iter().flat_map(|place| place.ladders())
    }

    /// The configurations that have rows, in order.
    pub fn configurations(&self) -> impl Iterator<Item = &Configuration> {
        let places = self.places.iter();
        places
            .flat_map(|place| &place.configurations)
            .map(|it| &*it.configuration)
    }

    /// All rows by id, made again.
    pub fn to_vec(&self) -> Vec<Benchmark> {
        let mut rows: Vec<_> = self
            .places
            .iter()
            .flat_map(|place| place.benchmarks())
            .collect();
        rows.sort_by_key(|row| row.id);
        rows
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }
}

fn key(place: &SharedPlace) -> impl Ord + '_ {
    (place.profile, place.configuration().place())
}

impl<'a> FromIterator<&'a Benchmark> for SharedBenchmarks {
    fn from_iter<I: IntoIterator<Item = &'a Benchmark>>(rows: I) -> Self {
        let mut reduction = Reduction::default();
        rows.into_iter().for_each(|row| reduction.add(row));
        Self::of_places(reduction.finish())
    }
}

impl From<Vec<Benchmark>> for SharedBenchmarks {
    fn from(rows: Vec<Benchmark>) -> Self {
        rows.iter().collect()
    }
}
