//! Every way that meets the requirement, as a table that sorts.

use std::cmp::Ordering;

use maud::{Markup, html};

use super::super::shown;
use super::answer::{Answered, quality};
use super::{Shown, address};
use crate::recommend::{CapacityBound, Offer, Target};

/// Rows shown unless all are asked for.
const SHOWN: usize = 12;

/// What rows are ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sort {
    column: Column,
    is_reversed: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Column {
    #[default]
    Rank,
    Model,
    Gpus,
    Cost,
    Ttft,
    Itl,
    E2e,
    Quality,
}

impl Column {
    const ALL: [Self; 8] = [
        Self::Rank,
        Self::Model,
        Self::Gpus,
        Self::Cost,
        Self::Ttft,
        Self::Itl,
        Self::E2e,
        Self::Quality,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Rank => "",
            Self::Model => "model",
            Self::Gpus => "gpus",
            Self::Cost => "cost",
            Self::Ttft => "ttft",
            Self::Itl => "itl",
            Self::E2e => "e2e",
            Self::Quality => "quality",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Rank => "Rank",
            Self::Model => "Model",
            Self::Gpus => "GPUs",
            Self::Cost => "An hour",
            Self::Ttft => "TTFT p95",
            Self::Itl => "ITL p95",
            Self::E2e => "E2E p95",
            Self::Quality => "Quality",
        }
    }

    /// Best first: what is unknown comes last either way.
    fn compare(self, a: &Offer, b: &Offer, reverse: bool) -> Ordering {
        let turned = |order: Ordering| if reverse { order.reverse() } else { order };
        let p95 = |target: Target| {
            turned(a.p95s_ms[target as usize].total_cmp(&b.p95s_ms[target as usize]))
        };
        match self {
            Self::Rank => Ordering::Equal,
            Self::Model => turned(a.plan.configuration.cmp(&b.plan.configuration)),
            Self::Gpus => turned(a.plan.gpus.cmp(&b.plan.gpus)),
            Self::Cost => known_first(a.plan.cost_per_hour, b.plan.cost_per_hour, turned),
            Self::Ttft => p95(Target::Ttft),
            Self::Itl => p95(Target::Itl),
            Self::E2e => p95(Target::E2e),
            Self::Quality => known_first(a.quality, b.quality, |order| turned(order.reverse())),
        }
    }
}

fn known_first<T: Ord>(
    a: Option<T>,
    b: Option<T>,
    turned: impl Fn(Ordering) -> Ordering,
) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => turned(a.cmp(&b)),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

impl Sort {
    pub(super) fn parse(text: &str) -> Self {
        let (is_reversed, name) = match text.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, text),
        };
        let column = Column::ALL.into_iter().find(|it| it.as_str() == name);
        column.map_or_else(Self::default, |column| Self {
            column,
            is_reversed,
        })
    }
}

impl std::fmt::Display for Sort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.is_reversed { "-" } else { "" };
        write!(f, "{sign}{}", self.column.as_str())
    }
}

/// The offers with their ranks, in the order asked for.
fn sorted(offers: &[Offer], sort: Sort) -> Vec<(usize, &Offer)> {
    let mut ranked: Vec<_> = offers
        .iter()
        .enumerate()
        .map(|(at, it)| (at + 1, it))
        .collect();
    if sort.column == Column::Rank && sort.is_reversed {
        ranked.reverse();
    }
    ranked.sort_by(|(_, a), (_, b)| sort.column.compare(a, b, sort.is_reversed));
    ranked
}

pub(super) fn table(answered: &Answered) -> Markup {
    let offers = &answered.surveyed.offers;
    let sort = answered.shown.sort;
    let ranked = sorted(offers, sort);
    let count = if answered.shown.all {
        ranked.len()
    } else {
        SHOWN
    };
    html! {
        section.block #offers {
            h2 { "What meets the targets" span.count { (offers.len()) } }
            div.scroll tabindex="0" role="region" aria-label="Configurations that meet the targets" {
                table.offers {
                    thead { tr { @for column in Column::ALL { (head(answered, column)) } } }
                    tbody {
                        @for (rank, offer) in ranked.iter().take(count) { (row(answered, *rank, offer)) }
                    }
                }
            }
            @if offers.len() > count {
                p {
                    a href={ (address(answered.question, Shown { all: true, ..answered.shown })) "#offers" } {
                        "All " (offers.len())
                    }
                }
            }
        }
    }
}

fn head(answered: &Answered, column: Column) -> Markup {
    let sort = answered.shown.sort;
    let is_sorted = sort.column == column;
    let next = Sort {
        column,
        is_reversed: is_sorted && !sort.is_reversed,
    };
    let to = address(
        answered.question,
        Shown {
            sort: next,
            ..answered.shown
        },
    );
    let order = match (is_sorted, sort.is_reversed) {
        (false, _) => None,
        (true, false) => Some(if column == Column::Quality {
            "descending"
        } else {
            "ascending"
        }),
        (true, true) => Some(if column == Column::Quality {
            "ascending"
        } else {
            "descending"
        }),
    };
    html! {
        th.number[column != Column::Model] scope="col" aria-sort=[order] {
            a #{ "sort-" (column.title().to_lowercase().replace(' ', "-")) } href=(to)
                hx-get=(to) hx-target="#answer" hx-select="#answer" hx-swap="outerHTML" { (column.title()) }
        }
    }
}

fn row(answered: &Answered, rank: usize, offer: &Offer) -> Markup {
    let plan = &offer.plan;
    let slo = &answered.decision().requirement.slo;
    let bound = match offer.capacity.bound {
        CapacityBound::AtLeast => "at least ",
        CapacityBound::Known(_) => "",
    };
    html! {
        tr.first[rank == 1] {
            td.number { (rank) }
            th scope="row" {
                a href=(answered.page_of(&plan.configuration)) { (plan.configuration.model) }
                span.under {
                    (plan.configuration.accelerators()) " × " (plan.replicas) " " (shown::kind(plan.kind))
                    ", " (bound) (shown::rate(offer.capacity.rps)) " req/s each"
                }
            }
            td.number { (shown::grouped(plan.gpus.into())) }
            td.number { (shown::cost(plan.cost_per_hour)) }
            @for target in Target::ALL {
                @let p95_ms = offer.p95s_ms[target as usize];
                td.number title={ (shown::percent(p95_ms / f64::from(target.of(slo)))) " of the target" } {
                    (shown::latency(p95_ms))
                }
            }
            td.number { (quality(offer.quality)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::benchmark::SharedBenchmarks;
    use crate::benchmark::{Evidence, HardwareName};
    use crate::catalog::Catalog;
    use crate::recommend::survey;
    use crate::recommend::test_support::{at, requirement, row};

    fn ranks(sort: &str) -> Vec<usize> {
        let of = |(hardware, ttft, itl): (&str, f64, f64)| {
            let mut row = row(2.0, [ttft, itl, 5000.0]);
            row.configuration.hardware = HardwareName::new(hardware);
            row
        };
        // L40S is the cheaper one, and nobody knows what an X1 costs.
        let rows = [
            ("H100", 90.0, 12.0),
            ("L40S", 120.0, 20.0),
            ("X1", 60.0, 24.0),
        ]
        .map(of);
        let evidence = Evidence {
            benchmarks: SharedBenchmarks::from(rows.to_vec()),
            profiles: Vec::new(),
        };
        let requirement =
            requirement("{useCase: chatbot_conversational, demand: {requestsPerSecond: 1}}");
        let (offers, _) = survey(
            &requirement,
            &evidence,
            &Catalog::built_in(),
            at("2026-11-23"),
        );
        let sorted = sorted(&offers, Sort::parse(sort));
        sorted.into_iter().map(|(rank, _)| rank).collect()
    }

    #[test]
    fn a_table_sorts_both_ways_and_keeps_the_unknown_last() {
        for (sort, expected) in [
            ("", [1, 2, 3]),
            ("-", [3, 2, 1]),
            ("cost", [1, 2, 3]),
            ("-cost", [2, 1, 3]),
            ("ttft", [3, 2, 1]),
            ("-ttft", [1, 2, 3]),
            ("itl", [2, 1, 3]),
            ("nonsense", [1, 2, 3]),
        ] {
            assert_eq!(ranks(sort), expected, "{sort}");
        }
    }

    #[test]
    fn an_order_is_written_as_it_is_read() {
        for text in ["", "-", "cost", "-e2e", "quality"] {
            assert_eq!(Sort::parse(text).to_string(), text);
        }
    }
}
