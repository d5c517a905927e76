//! The rows of data/benchmarks.json.gz.

use std::fs::File;
use std::ops::ControlFlow;
use std::path::Path;

use compass::benchmark::formats::{self, Fault, Head, Rules, Sink, Told};
use compass::benchmark::{Benchmark, BenchmarkRow, HardwareName};

/// Who brings them.
const SOURCE: &str = "compass-simulation";

/// Every row that ships.
pub fn shipped() -> anyhow::Result<Vec<Benchmark>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/benchmarks.json.gz");
    let rules = Rules {
        told: &Told::default(),
        max_error_percent: 0.0,
        canonical_hardware: &|name| name.to_owned(),
    };
    let mut rows = Rows(Vec::new());
    formats::read("benchmarks.json.gz", File::open(path)?, &rules, &mut rows)?;
    Ok(rows.0)
}

struct Rows(Vec<Benchmark>);

impl Sink for Rows {
    fn begin(&mut self, _: Head) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// A row has an id only once it is loaded, and reports are the same whatever its date.
    fn row(&mut self, mut row: BenchmarkRow) -> ControlFlow<()> {
        row.summary.id.get_or_insert_default();
        row.summary.jbenchmark_created_at = None;
        self.0
            .extend(row.benchmark(SOURCE, |name| HardwareName::new(name)));
        ControlFlow::Continue(())
    }

    fn fault(&mut self, fault: Fault) -> ControlFlow<()> {
        panic!("the shipped data has a fault: {fault:?}");
    }
}
