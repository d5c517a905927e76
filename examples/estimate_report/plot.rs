//! docs/estimates.svg: benchmark over estimate of each held-out row, by load.

use anyhow::Result;
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::class::Class;
use crate::held_out::{HeldOut, Row};

const TARGETS: [&str; 3] = ["TTFT p95", "ITL p95", "E2E p95"];
const COLOURS: [(Class, RGBColor); 3] = [
    (Class::Mixture, RGBColor(213, 94, 0)),
    (Class::LinearAttention, RGBColor(0, 158, 115)),
    (Class::Dense, RGBColor(0, 114, 178)),
];
const RATIOS: std::ops::Range<f64> = 0.4..2.0;

/// One panel for each target; the band is the 90 % interval.
pub fn svg(all: &[HeldOut]) -> Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (1080, 400)).into_drawing_area();
        area.fill(&WHITE)?;
        for (target, panel) in area.split_evenly((1, 3)).iter().enumerate() {
            draw(panel, all, target)?;
        }
        area.present()?;
    }
    Ok(svg)
}

fn draw(panel: &DrawingArea<SVGBackend, Shift>, all: &[HeldOut], target: usize) -> Result<()> {
    let mut chart = ChartBuilder::on(panel)
        .caption(TARGETS[target], ("sans-serif", 16))
        .margin(8)
        .x_label_area_size(36)
        .y_label_area_size(44)
        .build_cartesian_2d(0.0..1.02, RATIOS)?;
    // Leaving out one configuration or another makes no difference that could be seen.
    if let Some((low, high)) = all.first().map(|it| it.intervals[target]) {
        chart.draw_series([Rectangle::new(
            [(0.0, low), (1.02, high)],
            RGBColor(0, 0, 0).mix(0.08).filled(),
        )])?;
    }
    chart
        .configure_mesh()
        .x_desc("offered rate / highest steady one")
        .y_desc("benchmark / estimate")
        .y_labels(8)
        .y_label_formatter(&|ratio| format!("{ratio:.1}"))
        .light_line_style(TRANSPARENT)
        .draw()?;
    for (class, colour) in COLOURS {
        let rows = all.iter().filter(|it| it.class == class);
        let points = rows
            .flat_map(|it| &it.rows)
            .filter_map(|row| point(row, target))
            .map(|at| Circle::new(at, 2, colour.mix(0.5).filled()));
        chart
            .draw_series(points)?
            .label(class.name())
            .legend(move |(x, y)| Circle::new((x + 8, y), 4, colour.filled()));
    }
    if target == 0 {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.8))
            .draw()?;
    }
    Ok(())
}

/// What is beyond the panel stands at its edge.
fn point(row: &Row, target: usize) -> Option<(f64, f64)> {
    let ratio = row.ratio(target)?;
    Some((row.load, ratio.clamp(RATIOS.start, RATIOS.end)))
}
