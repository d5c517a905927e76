//! Cost against latency: every configuration that meets the targets, and the front of those that
//! none beats in both.

use maud::{Markup, html};

use super::super::shown;
use super::{Plot, dot, legend, px};
use crate::benchmark::{Configuration, EvidenceKind};
use crate::recommend::{Decision, Offer};

/// A point with a price: its cost in dollars an hour, and its worst p95 over the target.
#[derive(Clone, Copy)]
struct Priced<'a> {
    offer: &'a Offer,
    dollars: f64,
}

/// Offers that no other beats in both cost and latency, cheapest first.
fn front<'a>(priced: &[Priced<'a>]) -> Vec<Priced<'a>> {
    let mut sorted = priced.to_vec();
    sorted.sort_by(|a, b| {
        a.dollars
            .total_cmp(&b.dollars)
            .then(a.offer.worst_ratio.total_cmp(&b.offer.worst_ratio))
    });
    let mut lowest = f64::INFINITY;
    sorted.retain(|it| {
        let is_lower = it.offer.worst_ratio < lowest;
        lowest = lowest.min(it.offer.worst_ratio);
        is_lower
    });
    sorted
}

/// The chart with what it says in words.
pub(in crate::console) fn figure(
    decision: &Decision,
    offers: &[Offer],
    page_of: &dyn Fn(&Configuration) -> String,
) -> Markup {
    let priced: Vec<_> = offers
        .iter()
        .filter_map(|offer| {
            let cost = offer.plan.cost_per_hour?;
            Some(Priced {
                offer,
                dollars: cost.0 as f64 / 1e6,
            })
        })
        .collect();
    if priced.len() < 2 {
        return html! {};
    }
    let front = front(&priced);
    let cheapest = front[0].dollars;
    // What costs many times as much only squeezes the rest together.
    let dearest = priced.iter().map(|it| it.dollars).fold(0.0, f64::max);
    let last = front[front.len() - 1].dollars;
    let most = dearest.min((cheapest * 6.0).max(last * 1.1));
    let (shown, beyond): (Vec<&Priced>, Vec<&Priced>) =
        priced.iter().partition(|it| it.dollars <= most);
    let plot = Plot::new(720.0, 300.0, most, 100.0);
    let at = |it: &Priced| {
        (
            plot.x.at(it.dollars),
            plot.y.at(it.offer.worst_ratio * 100.0),
        )
    };
    let best = decision.recommendation.as_ref();
    let is_best = |it: &Priced| {
        best.is_some_and(|best| {
            best.configuration == it.offer.plan.configuration && best.kind == it.offer.plan.kind
        })
    };
    let on_front = |it: &Priced| {
        front
            .iter()
            .any(|other| std::ptr::eq(other.offer, it.offer))
    };
    let steps: String = front
        .iter()
        .enumerate()
        .map(|(index, it)| {
            let (x, y) = at(it);
            if index == 0 {
                format!("M{} {}", px(x), px(y))
            } else {
                format!("H{}V{}", px(x), px(y))
            }
        })
        .collect();
    let mut kinds: Vec<EvidenceKind> = shown.iter().map(|it| it.offer.plan.kind).collect();
    kinds.dedup();
    let marks = html! {
        path.front d=(steps) {}
        @for it in &shown {
            @let (x, y) = at(it);
            @let class = if is_best(it) { "best" } else if on_front(it) { "front" } else { "" };
            a href=(page_of(&it.offer.plan.configuration)) tabindex="-1" {
                title { (label(it)) }
                @if is_best(it) { circle.halo cx=(px(x)) cy=(px(y)) r="10" {} }
                (dot(x, y, it.offer.plan.kind, class))
            }
        }
        @if let Some(best) = shown.iter().find(|it| is_best(it)) {
            @let (x, y) = at(best);
            @let is_right = x > 460.0;
            text.label x=(px(if is_right { x - 14.0 } else { x + 14.0 })) y=(px(y)) dy="0.32em"
                text-anchor=(if is_right { "end" } else { "start" }) {
                "recommended"
            }
        }
    };
    html! {
        figure.block {
            h2 { "Cost against latency" }
            (plot.svg("dollars an hour", "worst p95, % of its target", &marks))
            figcaption {
                (legend(&kinds))
                span.key { svg viewBox="0 0 22 14" width="22" height="14" aria-hidden="true" { path.front d="M1 7H21" {} } "Pareto front" }
                span {
                    "Lower is faster, further left is cheaper. "
                    (shown::counted(front.len() as i64, "configuration")) " of " (priced.len())
                    " are beaten by none in both."
                    @if !beyond.is_empty() {
                        " " (beyond.len()) " that cost more than " (shown::grouped(most as i128)) " dollars an hour are not drawn."
                    }
                }
            }
        }
    }
}

fn label(it: &Priced) -> String {
    let plan = &it.offer.plan;
    format!(
        "{} on {}, {}: {} an hour, worst p95 {} of its target ({})",
        plan.configuration.model,
        plan.configuration.accelerators(),
        shown::counted(plan.replicas.into(), "replica"),
        shown::cost(plan.cost_per_hour),
        shown::percent(it.offer.worst_ratio),
        plan.kind,
    )
}
