//! What every row goes through, whatever its format: names made canonical, gaps filled by what was
//! told, checked, handed on.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::{Fault, Format, FormatError, Head, Rules, Sink, Told, check, error};
use crate::benchmark::BenchmarkRow;
use crate::benchmark::column::FieldFault;

/// Different names of hardware that are remembered; a file has few.
const REMEMBERED: usize = 256;

/// Takes the rows of one file.
pub(super) struct Intake<'a> {
    format: Format,
    told: Told,
    rules: &'a Rules<'a>,
    sink: &'a mut dyn Sink,
    hardware: HashMap<String, String>,
    rows: usize,
}

impl<'a> Intake<'a> {
    pub(super) fn new(format: Format, rules: &'a Rules<'a>, sink: &'a mut dyn Sink) -> Self {
        let mut told = rules.told.clone();
        told.hardware = told.hardware.map(|name| (rules.canonical_hardware)(&name));
        Self {
            format,
            told,
            rules,
            sink,
            hardware: HashMap::new(),
            rows: 0,
        }
    }

    /// What a person says of the file.
    pub(super) fn told(&self) -> &Told {
        &self.told
    }

    /// Comes before the first row.
    pub(super) fn begin(&mut self, source: Option<String>) -> Result<(), FormatError> {
        let head = Head {
            format: self.format,
            source,
        };
        goes_on(self.sink.begin(head))
    }

    /// Takes the next row, which stands on `line`; `None` where its faults leave none.
    pub(super) fn take(
        &mut self,
        line: usize,
        row: Option<BenchmarkRow>,
        mut faults: Vec<FieldFault>,
    ) -> Result<(), FormatError> {
        self.rows += 1;
        let row = row.map(|mut row| {
            if let Some(name) = row.summary.hardware.take() {
                row.summary.hardware = Some(self.canonical(name));
            }
            self.told.fill(&mut row, &mut faults);
            check::row(&row, self.rules.max_error_percent, &mut faults);
            row
        });
        match row {
            Some(row) if faults.is_empty() => goes_on(self.sink.row(row)),
            _ => {
                for FieldFault { field, problem } in faults {
                    goes_on(self.sink.fault(Fault {
                        row: self.rows,
                        line,
                        field: error::shorten(&field),
                        problem: error::shorten(&problem),
                    }))?;
                }
                Ok(())
            }
        }
    }

    fn canonical(&mut self, name: String) -> String {
        if let Some(canonical) = self.hardware.get(&name) {
            return canonical.clone();
        }
        let canonical = (self.rules.canonical_hardware)(&name);
        if self.hardware.len() < REMEMBERED {
            self.hardware.insert(name, canonical.clone());
        }
        canonical
    }
}

fn goes_on(flow: ControlFlow<()>) -> Result<(), FormatError> {
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(FormatError::Stopped),
    }
}
