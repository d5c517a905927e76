//! R4: what one replica was shown to serve within the targets.

use std::cmp::Reverse;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;
use uuid::Uuid;

use super::compliance::Bounds;
use super::ladder::{Ladder, Row};
use crate::benchmark::{DOUBT, LadderRow, Step, USUAL_SERVED_PERCENT};

/// Requests per second that one replica was shown to serve within the targets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Capacity {
    /// Served rate of the row, requests per second.
    #[serde(with = "rust_decimal::serde::str")]
    pub rps: Decimal,
    /// The row it was read off.
    pub row: Uuid,
    /// What is known above it.
    pub bound: CapacityBound,
    /// The failing row that cut the ladder, steady or not.
    pub cut_by: Option<Uuid>,
    /// A row above the lowest failing rate complies: noise, or a fault of the benchmark.
    pub non_monotonic: bool,
}

/// What is known above a capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum CapacityBound {
    /// It ends below this steady failing row.
    Known(Uuid),
    /// No steady row failed: it may be larger.
    AtLeast,
}

/// What a ladder shows under some bounds.
#[derive(Clone, Debug)]
pub(super) struct Reading<'a> {
    /// `None` where no row may size a replica.
    pub(super) capacity: Option<Capacity>,
    /// The rows below the lowest failing rate that may back a decision.
    pub(super) backing: Backing<'a>,
}

/// The steady rows of a ladder, below some rate, that meet bounds and may back a decision.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backing<'a> {
    ladder: Ladder<'a>,
    bounds: Bounds,
    /// The first row that is not below the rate.
    end: usize,
}

impl<'a> Backing<'a> {
    /// Those below the lowest of some rates.
    pub(super) fn below(
        ladder: &Ladder<'a>,
        bounds: &Bounds,
        rates_rps: impl IntoIterator<Item = f64>,
    ) -> Self {
        let rows = ladder.bare_rows();
        let below = |rate: f64| rows.iter().take_while(move |row| row.offered_rps < rate);
        let ends = rates_rps.into_iter().map(|rate| below(rate).count());
        Self {
            ladder: *ladder,
            bounds: *bounds,
            end: ends.min().unwrap_or(rows.len()),
        }
    }

    /// By offered rate, then id.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'a>> + use<'a> {
        self.rows_from(0)
    }

    /// Those that may serve so many requests per second: none serves more than it is offered.
    fn rows_that_may_serve(&self, rps: f64) -> impl Iterator<Item = Row<'a>> + use<'a> {
        let rows = &self.ladder.bare_rows()[..self.end];
        self.rows_from(rows.partition_point(|row| row.offered_rps < rps))
    }

    fn rows_from(&self, first: usize) -> impl Iterator<Item = Row<'a>> + use<'a> {
        let Self {
            ladder,
            bounds,
            end,
        } = *self;
        let rows = (first..end).map(move |index| ladder.row(index));
        rows.filter(move |row| row.may_back && complies(row, &bounds))
    }
}

fn complies(row: &Row, bounds: &Bounds) -> bool {
    row.steady && row.p95s().is_some_and(|p95s| bounds.met_by(&p95s))
}

/// Reads a ladder. `floor` is the lowest rate at which better evidence failed (R5): rows from
/// there on are out, and the capacity is known to end there.
///
/// A row fails when a p95 is above its bound, steady or not: a run that is too short flatters, so
/// a target that it misses is missed. A row that is not steady but within the bounds neither
/// complies nor fails.
pub(super) fn read<'a>(
    ladder: &Ladder<'a>,
    bounds: &Bounds,
    floor: Option<&Row<'a>>,
) -> Reading<'a> {
    match (ladder.steps(), floor) {
        (Some(steps), None) => Quick::new(ladder, steps, bounds).read(),
        _ => walk(ladder, bounds, floor),
    }
}

/// The capacity alone.
pub(super) fn capacity(ladder: &Ladder, bounds: &Bounds, floor: Option<&Row>) -> Option<Capacity> {
    match (ladder.steps(), floor) {
        (Some(steps), None) => Quick::new(ladder, steps, bounds).capacity(),
        _ => walk(ladder, bounds, floor).capacity,
    }
}

/// Reads a ladder by what was worked out when its rows arrived: below the first rate whose running
/// maximum is above a bound no row fails.
struct Quick<'l, 'a> {
    ladder: &'l Ladder<'a>,
    steps: &'l [Step],
    bounds: &'l Bounds,
    /// The first step with a failing row.
    failing: usize,
}

impl<'l, 'a> Quick<'l, 'a> {
    fn new(ladder: &'l Ladder<'a>, steps: &'l [Step], bounds: &'l Bounds) -> Self {
        Self {
            ladder,
            steps,
            bounds,
            failing: steps.partition_point(|step| bounds.met_by(&step.worst)),
        }
    }

    /// Where the rows of so many steps end.
    fn end(&self, steps: usize) -> usize {
        let last = steps.min(self.steps.len()).checked_sub(1);
        last.map_or(0, |last| self.steps[last].end())
    }

    fn read(&self) -> Reading<'a> {
        Reading {
            capacity: self.capacity(),
            backing: Backing {
                ladder: *self.ladder,
                bounds: *self.bounds,
                end: self.end(self.failing),
            },
        }
    }

    fn capacity(&self) -> Option<Capacity> {
        let best = self.steps[self.failing.checked_sub(1)?].best()?;
        let best = self.ladder.row(best);
        let rows = self.ladder.bare_rows();
        let mut failing = rows[self.end(self.failing)..]
            .iter()
            .filter(|row| fails(row, self.bounds));
        let cut_by = failing.next();
        let mut of_all = cut_by.into_iter().chain(failing);
        let steady = of_all.find(|row| is_steady(row));
        let mut above = rows[self.end(self.failing + 1)..].iter();
        Some(Capacity {
            rps: best.exactly_served_rps(),
            row: best.id,
            bound: steady.map_or(CapacityBound::AtLeast, |row| CapacityBound::Known(row.id)),
            cut_by: cut_by.map(|row| row.id),
            non_monotonic: above.any(|row| {
                is_steady(row) && row.p95s().is_some_and(|p95s| self.bounds.met_by(&p95s))
            }),
        })
    }
}

/// By the usual rules, by which steps are made.
fn is_steady(row: &LadderRow) -> bool {
    row.is_steady(USUAL_SERVED_PERCENT)
}

/// Reads a ladder row by row.
pub(super) fn walk<'a>(
    ladder: &Ladder<'a>,
    bounds: &Bounds,
    floor: Option<&Row<'a>>,
) -> Reading<'a> {
    let below_floor = |row: &Row| floor.is_none_or(|floor| row.offered_rps < floor.offered_rps);
    let rows = || ladder.rows().filter(below_floor);
    let cut_by = rows().find(|row| fails(row, bounds));
    let limits = [cut_by.as_ref(), floor];
    let limits = limits.into_iter().flatten().map(|row| row.offered_rps);
    let backing = Backing::below(ladder, bounds, limits);
    let capacity = backing.rows().max_by_key(preference).map(|row| Capacity {
        rps: row.exactly_served_rps(),
        row: row.id,
        bound: rows()
            .find(|row| row.steady && fails(row, bounds))
            .or(floor.copied())
            .map_or(CapacityBound::AtLeast, |row| CapacityBound::Known(row.id)),
        cut_by: cut_by.map(|row| row.id),
        non_monotonic: cut_by.is_some_and(|cut_by| {
            rows().any(|row| complies(&row, bounds) && row.offered_rps > cut_by.offered_rps)
        }),
    });
    Reading { capacity, backing }
}

/// Highest served rate; at one rate the newer row, then the lower id.
pub(super) fn preference(row: &Row) -> impl Ord + use<> {
    // The bits of numbers that are not negative are in their order.
    (
        row.served_rps().to_bits(),
        row.measured_at(),
        Reverse(row.id),
    )
}

/// Whether the row shows that a bound is missed at its rate.
pub(super) fn fails(row: &LadderRow, bounds: &Bounds) -> bool {
    row.p95s().is_some_and(|p95s| !bounds.met_by(&p95s))
}

/// How far the row is from its bounds: the largest ratio of p95 to bound.
pub(super) fn nearness(row: &Row, bounds: &Bounds) -> f64 {
    row.p95s()
        .map_or(f64::INFINITY, |p95s| bounds.worst_ratio(&p95s).0)
}

/// The row whose latencies a replica is shown with (R9): the lowest served rate among `backing`
/// that holds `load` over `replicas`; at one rate the newer row, then the lower id.
pub(super) fn operating_row<'a>(
    backing: &Backing<'a>,
    load_rps: Decimal,
    replicas: i32,
) -> Option<Row<'a>> {
    let together = f64::from(replicas);
    let load = load_rps.to_f64().unwrap_or(f64::INFINITY);
    let holds = |row: &Row| {
        let served = row.served_rps() * together;
        if (served - load).abs() > DOUBT * load {
            return served > load;
        }
        row.exactly_served_rps() * Decimal::from(replicas) >= load_rps
    };
    let rows = backing.rows_that_may_serve(load / together * (1.0 - DOUBT));
    rows.filter(holds).min_by_key(|row| {
        (
            row.served_rps().to_bits(),
            Reverse(row.measured_at()),
            row.id,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::benchmark::Benchmark;
    use crate::benchmark::SharedBenchmarks;
    use crate::recommend::requirement::EvidencePolicy;
    use crate::recommend::test_support::{CHAT_SLO, FAILING, MEETING, first_ladder, row};

    fn shown(rows: &[Benchmark]) -> Option<(String, bool, bool)> {
        let rows = SharedBenchmarks::from_iter(rows);
        let policy = EvidencePolicy::default();
        let ladder = first_ladder(&rows, &policy)?;
        let capacity = capacity(&ladder, &Bounds::new(&CHAT_SLO, 0), None)?;
        Some((
            capacity.rps.to_string(),
            capacity.bound == CapacityBound::AtLeast,
            capacity.non_monotonic,
        ))
    }

    fn some(rps: &str, lower_bound: bool, non_monotonic: bool) -> Option<(String, bool, bool)> {
        Some((rps.to_owned(), lower_bound, non_monotonic))
    }

    #[test]
    fn the_highest_compliant_rate_below_the_lowest_failure() {
        assert_eq!(
            shown(&[row(1.0, MEETING), row(2.0, MEETING)]),
            some("2", true, false)
        );
        assert_eq!(
            shown(&[row(1.0, MEETING), row(2.0, MEETING), row(3.0, FAILING)]),
            some("2", false, false)
        );
        assert_eq!(shown(&[row(1.0, FAILING)]), None);
    }

    #[test]
    fn a_compliant_row_above_a_failure_is_reported_and_not_used() {
        assert_eq!(
            shown(&[row(1.0, MEETING), row(2.0, FAILING), row(3.0, MEETING)]),
            some("1", false, true)
        );
    }

    #[test]
    fn at_one_rate_the_failing_row_decides() {
        assert_eq!(
            shown(&[row(1.0, MEETING), row(2.0, MEETING), row(2.0, FAILING)]),
            some("1", false, false)
        );
    }

    #[test]
    fn what_was_served_counts_where_it_is_less() {
        let mut less = row(2.0, MEETING);
        less.served_rps = Some(1.9);
        assert_eq!(shown(&[less.clone()]), some("1.9", true, false));
        less.served_rps = Some(2.1);
        assert_eq!(shown(&[less.clone()]), some("2", true, false));
        less.served_rps = None;
        assert_eq!(shown(&[less]), some("2", true, false));
    }

    #[test]
    fn an_unsteady_row_never_complies_and_fails_where_it_misses() {
        let unsteady = |rate, p95s| {
            let mut row = row(rate, p95s);
            row.served_rps = Some(rate * 0.5);
            row
        };
        assert_eq!(shown(&[unsteady(1.0, MEETING)]), None);
        assert_eq!(
            shown(&[row(1.0, MEETING), unsteady(2.0, MEETING), row(3.0, MEETING)]),
            some("3", true, false)
        );
        assert_eq!(
            shown(&[row(1.0, MEETING), unsteady(2.0, FAILING), row(3.0, MEETING)]),
            some("1", true, true)
        );
    }

    #[test]
    fn a_row_without_latencies_proves_no_bound() {
        assert_eq!(
            shown(&[row(1.0, MEETING), row(2.0, [0.0, 1.0, 1.0])]),
            some("1", true, false)
        );
    }

    #[test]
    fn a_bounding_row_bounds_and_never_backs() {
        let bounding = |p95s| {
            let mut row = row(2.0, p95s);
            row.bounds_only = true;
            row
        };
        assert_eq!(
            shown(&[row(1.0, MEETING), bounding(FAILING)]),
            some("1", false, false)
        );
        assert_eq!(
            shown(&[row(1.0, MEETING), bounding(MEETING)]),
            some("1", true, false)
        );
    }

    #[test]
    fn the_operating_row_is_the_lowest_that_holds_the_load() {
        let rows = [row(1.0, MEETING), row(2.0, MEETING), row(3.0, MEETING)];
        let rows = SharedBenchmarks::from_iter(&rows);
        let policy = EvidencePolicy::default();
        let ladder = first_ladder(&rows, &policy).unwrap();
        let reading = read(&ladder, &Bounds::new(&CHAT_SLO, 0), None);
        let rate = |load: i64, replicas| {
            operating_row(&reading.backing, Decimal::from(load), replicas)
                .map(|row| row.offered_rps)
        };
        assert_eq!(rate(4, 2), Some(2.0));
        assert_eq!(rate(5, 2), Some(3.0));
        assert_eq!(rate(7, 2), None);
    }
}
