//! docs/performance.md and its plot: how the cost of a decision grows.

use std::fmt::Write;
use std::path::Path;

use plotters::prelude::*;

use crate::side_by_side::Measured;

const MARKS: [&str; 2] = ["<!-- measured: begin -->", "<!-- measured: end -->"];
const COLOURS: [RGBColor; 5] = [
    RGBColor(90, 90, 90),
    RGBColor(0, 158, 115),
    RGBColor(0, 114, 178),
    RGBColor(204, 121, 167),
    RGBColor(213, 94, 0),
];

/// Puts what was measured into the docs.
pub fn write(all: &[Measured], reduction: &str) -> anyhow::Result<()> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let path = docs.join("performance.md");
    let page = std::fs::read_to_string(&path)?;
    let [(before, rest), (_, after)] = [page.split_once(MARKS[0]), page.split_once(MARKS[1])]
        .map(|split| split.unwrap_or_default());
    anyhow::ensure!(!rest.is_empty(), "docs/performance.md has lost its marks");
    let tables = tables(all, reduction);
    let page = format!("{before}{}\n\n{tables}\n{}{after}", MARKS[0], MARKS[1]);
    std::fs::write(&path, page)?;
    std::fs::write(docs.join("performance.svg"), svg(all)?)?;
    Ok(())
}

fn tables(all: &[Measured], reduction: &str) -> String {
    let mut out = String::from(
        "| rows | under the profile | | p50 | of `SELECT 1` | p99 | of `SELECT 1` |\n|--:|--:|---|--:|--:|--:|--:|\n",
    );
    for measured in all {
        for (name, [p50, p99]) in &measured.times {
            let base = measured.times[0].1;
            let _ = writeln!(
                out,
                "| {} | {} | {} | {p50:.0} µs | {:.2} x | {p99:.0} µs | {:.2} x |",
                measured.rows,
                measured.under_the_profile,
                name.trim(),
                p50 / base[0],
                p99 / base[1]
            );
        }
    }
    out.push('\n');
    for measured in all {
        let _ = writeln!(
            out,
            "- {} rows: the profile is read at first in {:.0} ms.",
            measured.rows, measured.first_ms
        );
    }
    let _ = write!(out, "\n```\n{reduction}```\n");
    out
}

fn svg(all: &[Measured]) -> anyhow::Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (900, 480)).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .margin(10)
            .x_label_area_size(40)
            .y_label_area_size(70)
            .build_cartesian_2d(
                (100.0..400_000.0_f64).log_scale(),
                (10.0..1e7_f64).log_scale(),
            )?;
        chart
            .configure_mesh()
            .x_desc("rows under the profile")
            .y_desc("p50, microseconds")
            .x_label_formatter(&|rows| format!("{rows:.0}"))
            .y_label_formatter(&|us| format!("{us:.0}"))
            .light_line_style(TRANSPARENT)
            .draw()?;
        let names = all.first().map_or(&[][..], |it| &it.times);
        for (at, ((name, _), colour)) in names.iter().zip(COLOURS.iter().cycle()).enumerate() {
            let mut points: Vec<_> = all
                .iter()
                .map(|it| (it.under_the_profile as f64, it.times[at].1[0]))
                .collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            let circles = points.iter().map(|at| Circle::new(*at, 3, colour.filled()));
            chart.draw_series(circles)?;
            chart
                .draw_series([PathElement::new(points.clone(), colour.stroke_width(2))])?
                .label(name.trim())
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.8))
            .draw()?;
        area.present()?;
    }
    Ok(svg)
}
