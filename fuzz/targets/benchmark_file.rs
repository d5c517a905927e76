//! Benchmarks of any format, and what is deployed because of them.

use std::ops::ControlFlow;

use compass::benchmark::formats::{Fault, FaultList, FormatError, Head, Rules, Sink, Told, read};
use compass::benchmark::snapshot::Snapshot;
use compass::benchmark::{Benchmark, BenchmarkRow, Evidence};

use super::{CATALOG, is_short, manifests};

/// Rows beyond these are read, but nothing is decided on them.
const DECIDED_ON: usize = 64;

/// Reads a file in whatever format it is, and deploys what its rows recommend.
pub fn benchmark_file(data: &[u8]) {
    let mut taken = match take(data, DECIDED_ON) {
        Ok(taken) => taken,
        Err(error) => return is_short(&error.to_string()),
    };
    is_short(&taken.faults.to_string());
    let Some(profile) = taken.rows.first().map(|row| row.profile) else {
        return;
    };
    taken.rows.retain(|row| row.profile == profile);
    let evidence = Evidence {
        benchmarks: taken.rows.into(),
        profiles: Vec::new(),
    };
    manifests::of_hostile_rows(profile, &evidence);
}

/// Reads a snapshot, which reads back as what it was.
pub fn snapshot(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match Snapshot::parse(text) {
        Ok(snapshot) => assert_eq!(Snapshot::parse(&snapshot.to_json()).as_ref(), Ok(&snapshot)),
        Err(error) => is_short(&error.to_string()),
    }
}

/// What a file holds, of its rows the first ones.
pub(super) fn take(data: &[u8], most_rows: usize) -> Result<Taken, FormatError> {
    let mut taken = Taken {
        rows: Vec::new(),
        most_rows,
        faults: FaultList::default(),
    };
    let told = Told {
        hardware: Some("H100".into()),
        hardware_count: Some(1),
        ..Told::default()
    };
    let rules = Rules {
        told: &told,
        max_error_percent: 1.0,
        canonical_hardware: &|name| CATALOG.canonical_hardware(name).to_string(),
    };
    read("file", data, &rules, &mut taken)?;
    Ok(taken)
}

pub(super) struct Taken {
    pub(super) rows: Vec<Benchmark>,
    most_rows: usize,
    faults: FaultList,
}

impl Sink for Taken {
    fn begin(&mut self, _: Head) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn row(&mut self, mut row: BenchmarkRow) -> ControlFlow<()> {
        row.summary.id.get_or_insert_default();
        if self.rows.len() < self.most_rows {
            let canonical = |name: &str| CATALOG.canonical_hardware(name);
            self.rows.extend(row.benchmark("fuzz", canonical));
        }
        ControlFlow::Continue(())
    }

    fn fault(&mut self, fault: Fault) -> ControlFlow<()> {
        self.faults.add(fault);
        ControlFlow::Continue(())
    }
}
