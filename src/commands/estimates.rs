//! What a report says of estimates (R13).

use crate::benchmark::shown_ms;
use crate::recommend::{Candidate, Estimates, Target};

/// What to expect of a candidate that is estimated: its p95s are upper bounds.
pub(super) fn expected(candidate: &Candidate, estimates: &Estimates) -> String {
    let Some(expected) = estimates.expected(candidate.operating_row.id) else {
        return String::new();
    };
    let expected: Vec<_> = Target::ALL
        .into_iter()
        .map(|target| format!("{target} {}", shown_ms(expected[target as usize])))
        .collect();
    format!(
        "  expected p95    {} ms (the estimate; the p95s above are what it hardly exceeds)\n",
        expected.join(", ")
    )
}

/// How many configurations are estimated, and why others are not.
pub(super) fn summary(estimates: &Estimates) -> String {
    let lines = estimates.summary();
    let lines = lines
        .iter()
        .map(|line| format!("  estimates       {line}\n"));
    lines.collect()
}
