//! R4 worked out as far as targets do not matter: what a ladder shows up to each of its rates.
//!
//! A row fails when one of its p95s is above its bound, so the lowest failing rate is the first one
//! at which a running maximum is; and below it no row fails, so there the best steady row does not
//! depend on the targets. This holds for the usual rules: 90 % served, any age, and no dates to come.

use std::cmp::Reverse;

use super::LadderRow;
use super::steady::USUAL_SERVED_PERCENT;

/// One offered rate of a ladder, and what the rows up to it say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Largest p95s of TTFT, ITL and E2E of any row up to here.
    pub worst: [f64; 3],
    /// The served rate of the best row up to here that may back a decision, requests per second; 0
    /// where there is none.
    pub served_rps: f64,
    /// That row.
    best: u32,
    /// The first row beyond this rate.
    end: u32,
}

impl Step {
    /// The best row up to here that may back a decision.
    pub fn best(&self) -> Option<usize> {
        (self.served_rps > 0.0).then_some(self.best as usize)
    }

    /// The first row beyond this rate.
    pub fn end(&self) -> usize {
        self.end as usize
    }
}

/// Of rows in the order of their rates; empty where a rate is not even a number, which is below no
/// other.
pub(super) fn steps(rows: &[LadderRow]) -> Box<[Step]> {
    if rows.iter().any(|row| row.offered_rps.is_nan()) {
        return Box::default();
    }
    let rates = rows.chunk_by(|a, b| a.offered_rps == b.offered_rps);
    let mut steps = Vec::with_capacity(rates.clone().count());
    let mut step = Step {
        worst: [0.0; 3],
        served_rps: 0.0,
        best: 0,
        end: 0,
    };
    for rate in rates {
        for row in rate {
            let index = step.end;
            step.end += 1;
            let Some(p95s) = row.p95s() else { continue };
            step.worst = larger(step.worst, p95s);
            if !row.is_steady(USUAL_SERVED_PERCENT) {
                continue;
            }
            let is_better = || {
                let best = &rows[step.best as usize];
                step.served_rps == 0.0 || preference(row) > preference(best)
            };
            if !row.bounds_only() && row.served_rps() >= step.served_rps && is_better() {
                (step.served_rps, step.best) = (row.served_rps(), index);
            }
        }
        steps.push(step);
    }
    steps.into()
}

/// Highest served rate; at one rate the newer row, then the lower id.
fn preference(row: &LadderRow) -> impl Ord + use<> {
    // The bits of numbers that are not negative are in their order.
    (
        row.served_rps().to_bits(),
        row.measured_at(),
        Reverse(row.id),
    )
}

fn larger(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[0].max(b[0]), a[1].max(b[1]), a[2].max(b[2])]
}
