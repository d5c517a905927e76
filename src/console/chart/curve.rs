//! Latency against request rate of one configuration, for one target.

use maud::{Markup, html};

use super::super::shown;
use super::{Plot, dot, legend, px};
use crate::benchmark::EvidenceKind;
use crate::catalog::SloTargets;
use crate::recommend::{Curve, CurveLadder, Estimates, Role, Target};

/// Latencies above this many times the target are not drawn: they only squeeze the rest together.
const MOST_OF_TARGET: f64 = 2.5;

/// The chart of one target.
pub(in crate::console) fn figure(
    curve: &Curve,
    target: Target,
    slo: &SloTargets,
    estimates: &Estimates,
) -> Markup {
    let index = target as usize;
    let target_ms = f64::from(target.of(slo));
    let points = || curve.ladders.iter().flat_map(|ladder| &ladder.points);
    let most_rps = points()
        .map(|it| it.offered_rps)
        .filter(|it| it.is_finite())
        .fold(0.0, f64::max);
    let most_ms = points()
        .filter_map(|it| Some(it.p95s_ms?[index]))
        .fold(target_ms * 1.2, f64::max)
        .min(target_ms * MOST_OF_TARGET);
    let (unit, scale) = if most_ms >= 2000.0 {
        ("s", 1000.0)
    } else {
        ("ms", 1.0)
    };
    let plot = Plot::new(520.0, 250.0, most_rps, most_ms / scale);
    let y = |ms: f64| plot.y.at(ms / scale);
    let chosen = curve.candidate.as_ref().map(|it| it.operating_row.id);
    let capacity = curve.candidate.as_ref().and_then(|it| {
        use rust_decimal::prelude::ToPrimitive;
        it.capacity.rps.to_f64()
    });
    let mut kinds: Vec<EvidenceKind> = curve.ladders.iter().map(|it| it.kind).collect();
    kinds.dedup();
    let line_y = px(y(target_ms));
    let marks = html! {
        @if let Some(capacity) = capacity {
            @let x = px(plot.x.at(capacity));
            line.capacity x1=(x) x2=(x) y1=(px(plot.y.at(0.0))) y2=(super::TOP) {}
        }
        line.slo x1=(super::LEFT) x2=(plot.width - super::RIGHT) y1=(line_y) y2=(line_y) {}
        text.slo x=(plot.width - super::RIGHT) y=(line_y) dy="-5" text-anchor="end" {
            "target " (shown::target(target.of(slo)))
        }
        @for ladder in &curve.ladders {
            @if ladder.kind == EvidenceKind::Estimated { (band(ladder, index, &plot, &y, estimates)) }
            (line(ladder, index, &plot, &y))
        }
        @for ladder in &curve.ladders {
            @for point in &ladder.points {
                @if let Some(p95s) = point.p95s_ms {
                    @let (x, at) = (plot.x.at(point.offered_rps), y(p95s[index]));
                    @let is_chosen = Some(point.id) == chosen;
                    @let class = match (is_chosen, ladder.role, point.steady) {
                        (true, ..) => "best",
                        (_, Role::Decides, true) => "",
                        _ => "aside",
                    };
                    g {
                        title {
                            (target) " p95 " (shown::latency(p95s[index])) " at " (point.offered_rps)
                            " requests/s, " (ladder.kind) " by " (ladder.source) ", " (shown::day(point.measured_at))
                            @if !point.steady { ", not steady" }
                        }
                        @if is_chosen { circle.halo cx=(px(x)) cy=(px(at)) r="10" {} }
                        (dot(x, at, ladder.kind, class))
                    }
                }
            }
        }
    };
    html! {
        figure.block.curve {
            h3 { (target) " p95" }
            (plot.svg("requests/s of one replica", unit, &marks))
            figcaption { (legend(&kinds)) }
        }
    }
}

fn path(points: impl Iterator<Item = (f64, f64)>) -> String {
    points
        .enumerate()
        .map(|(at, (x, y))| format!("{}{} {}", if at == 0 { "M" } else { "L" }, px(x), px(y)))
        .collect()
}

fn line(ladder: &CurveLadder, index: usize, plot: &Plot, y: &impl Fn(f64) -> f64) -> Markup {
    let points = ladder.points.iter();
    let points = points.filter_map(|it| Some((plot.x.at(it.offered_rps), y(it.p95s_ms?[index]))));
    let aside = if ladder.role == Role::Decides {
        ""
    } else {
        " aside"
    };
    html! { path class={ "line " (ladder.kind) (aside) } d=(path(points)) {} }
}

/// From what is expected to what is hardly exceeded.
fn band(
    ladder: &CurveLadder,
    index: usize,
    plot: &Plot,
    y: &impl Fn(f64) -> f64,
    estimates: &Estimates,
) -> Markup {
    let upper = ladder.points.iter();
    let upper = upper.filter_map(|it| Some((plot.x.at(it.offered_rps), y(it.p95s_ms?[index]))));
    let expected = ladder.points.iter().rev();
    let expected = expected.filter_map(|it| {
        Some((
            plot.x.at(it.offered_rps),
            y(estimates.expected(it.id)?[index]),
        ))
    });
    html! { path.band d={ (path(upper.chain(expected))) "Z" } {} }
}
