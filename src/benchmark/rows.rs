//! Benchmarks that many readers share: cloning them copies no row.

use std::ops::Index;
use std::sync::Arc;

use super::Benchmark;

/// Rows in the order they were given. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SharedBenchmarks(Arc<[Arc<Benchmark>]>);

impl SharedBenchmarks {
    /// The rows.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Benchmark> {
        self.shared().iter().map(|row| &**row)
    }

    /// The rows, each to be shared further.
    pub fn shared(&self) -> &[Arc<Benchmark>] {
        &self.0
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Index<usize> for SharedBenchmarks {
    type Output = Benchmark;

    fn index(&self, index: usize) -> &Benchmark {
        &self.0[index]
    }
}

impl FromIterator<Arc<Benchmark>> for SharedBenchmarks {
    fn from_iter<I: IntoIterator<Item = Arc<Benchmark>>>(rows: I) -> Self {
        Self(rows.into_iter().collect())
    }
}

impl From<Vec<Benchmark>> for SharedBenchmarks {
    fn from(rows: Vec<Benchmark>) -> Self {
        rows.into_iter().map(Arc::new).collect()
    }
}
