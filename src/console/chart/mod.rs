//! Charts as SVG, made here: every colour and width is the style sheet's.

pub(super) mod curve;
mod scale;
pub(super) mod tradeoff;

use maud::{Markup, html};

use crate::benchmark::EvidenceKind;
use scale::Scale;

/// Room around a plot for its labels.
const LEFT: f64 = 56.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 42.0;

/// The area of a plot with its scales.
struct Plot {
    width: f64,
    height: f64,
    x: Scale,
    y: Scale,
}

impl Plot {
    fn new(width: f64, height: f64, most_x: f64, most_y: f64) -> Self {
        Self {
            width,
            height,
            x: Scale::new(most_x, LEFT, width - RIGHT),
            y: Scale::new(most_y, height - BOTTOM, TOP),
        }
    }

    /// The plot with its axes, the marks drawn over them. Hidden from screen readers: the text
    /// beside a chart and the tables say what it shows.
    fn svg(&self, x_title: &str, y_title: &str, marks: &Markup) -> Markup {
        let (bottom, left) = (self.height - BOTTOM, LEFT);
        let right = self.width - RIGHT;
        html! {
            svg.chart viewBox={ "0 0 " (self.width) " " (self.height) } aria-hidden="true" {
                @for (value, label) in self.y.ticks() {
                    @let y = px(self.y.at(value));
                    line.grid x1=(left) x2=(right) y1=(y) y2=(y) {}
                    text.tick x=(left - 8.0) y=(y) dy="0.32em" text-anchor="end" { (label) }
                }
                @for (value, label) in self.x.ticks() {
                    @let x = px(self.x.at(value));
                    line.tick x1=(x) x2=(x) y1=(bottom) y2=(bottom + 4.0) {}
                    text.tick x=(x) y=(bottom + 17.0) text-anchor="middle" { (label) }
                }
                line.axis x1=(left) x2=(right) y1=(bottom) y2=(bottom) {}
                text.title x=(right) y=(self.height - 6.0) text-anchor="end" { (x_title) }
                text.title x=(left - 8.0) y="9" text-anchor="start" { (y_title) }
                (marks)
            }
        }
    }
}

/// A coordinate with as many decimals as a screen can show.
fn px(value: f64) -> String {
    format!("{value:.1}")
}

/// A point: its shape says the kind of evidence, also without colour.
fn dot(x: f64, y: f64, kind: EvidenceKind, class: &str) -> Markup {
    let class = format!("dot {kind} {class}");
    let (left, top) = (px(x - 4.0), px(y - 4.0));
    html! {
        @match kind {
            EvidenceKind::Measured => circle class=(class) cx=(px(x)) cy=(px(y)) r="5" {},
            EvidenceKind::Simulated => rect class=(class) x=(left) y=(top) width="8" height="8" {},
            EvidenceKind::Estimated => {
                path class=(class) d=(format!("M{} {}l5.5 5.5-5.5 5.5-5.5-5.5z", px(x), px(y - 5.5))) {}
            }
        }
    }
}

/// What the shapes stand for.
fn legend(kinds: &[EvidenceKind]) -> Markup {
    html! {
        @for kind in EvidenceKind::ALL.iter().rev().filter(|kind| kinds.contains(kind)) {
            span.key {
                svg viewBox="0 0 14 14" width="14" height="14" aria-hidden="true" { (dot(7.0, 7.0, *kind, "")) }
                (kind)
            }
        }
    }
}
