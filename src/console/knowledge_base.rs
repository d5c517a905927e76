//! The Knowledge base page: what was benchmarked, by which kind of evidence and how long ago, and
//! what was not.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::multipart::MultipartRejection;
use axum::extract::{Multipart, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use maud::{Markup, html};

use super::page::{self, Frame, Room, notice};
use super::upload::{self, Part};
use super::{Console, shown};
use crate::advise::{AnySource, Cell, coverage};
use crate::benchmark::{EvidenceKind, HardwareName, ModelName, TrafficProfile};
use crate::catalog::Catalog;
use crate::knowledge_base::SourceInventory;

/// Benchmarks older than this are shown as old.
const OLD_AFTER_DAYS: i64 = 365;

/// A row of the heat map.
type Place = (ModelName, HardwareName, i32);

/// `GET /knowledge-base`
pub(super) async fn get(State(console): State<Console>, headers: HeaderMap) -> Response {
    let load = upload::offered(&console, &headers).await;
    page(&console, load).await
}

/// `POST /knowledge-base`: a file of benchmarks.
pub(super) async fn post(
    State(console): State<Console>,
    headers: HeaderMap,
    sent: Result<Multipart, MultipartRejection>,
) -> Response {
    match sent {
        Ok(sent) => {
            let load = upload::taken(&console, &headers, sent).await;
            page(&console, load).await
        }
        Err(rejected) => {
            let (status, problem) = (rejected.status(), rejected.body_text());
            page::refusal(status, "This form cannot be read", &problem)
        }
    }
}

async fn page(console: &Console, load: Part) -> Response {
    let (status, known) = match coverage(&console.source, &console.catalog).await {
        Ok(cells) => (load.status, body(console, &cells).await),
        Err(error) => {
            let (title, problem) = super::trouble(&error);
            let text = html! { p { (problem) } };
            (StatusCode::SERVICE_UNAVAILABLE, notice("bad", title, &text))
        }
    };
    let main = html! {
        div.stack {
            h1 { "Knowledge base" }
            div #known.stack { (known) }
            (load.markup)
        }
    };
    let frame = Frame {
        viewer: load.viewer,
        ..console.frame()
    };
    let page = page::page(&frame, Room::KnowledgeBase, "Knowledge base", &main);
    (status, page).into_response()
}

async fn body(console: &Console, cells: &[Cell]) -> Markup {
    if cells.is_empty() {
        let text = html! { p { "There is no benchmark in it." } };
        return notice("warn", "The knowledge base is empty", &text);
    }
    let sources = match &*console.source {
        AnySource::KnowledgeBase(base) => base.inventory_of_sources().await.ok(),
        AnySource::Snapshot(..) => None,
    };
    html! {
        (summary(cells))
        (heat_map(&console.catalog, cells, console.now()))
        @if let Some(sources) = sources { (sources_table(&sources)) }
        (gaps(&console.catalog, cells))
    }
}

fn summary(cells: &[Cell]) -> Markup {
    let rows_of = |kind| -> u64 {
        cells
            .iter()
            .filter(|cell| cell.kind == kind)
            .map(|cell| cell.rows)
            .sum()
    };
    html! {
        p.lead {
            @for (at, kind) in EvidenceKind::ALL.iter().rev().enumerate() {
                @if at > 0 { ", " }
                strong { (shown::grouped(rows_of(*kind).into())) } " " (shown::kind(*kind))
            }
            " benchmarks"
        }
    }
}

fn heat_map(catalog: &Catalog, cells: &[Cell], now: Timestamp) -> Markup {
    let mut profiles: BTreeSet<TrafficProfile> = cells.iter().map(|cell| cell.profile).collect();
    profiles.extend(
        catalog
            .use_cases()
            .map(|(_, template)| template.traffic_profile),
    );
    let mut places: BTreeMap<Place, BTreeMap<TrafficProfile, Vec<&Cell>>> = BTreeMap::new();
    for cell in cells {
        let place = (
            cell.model.clone(),
            cell.hardware.clone(),
            cell.hardware_count,
        );
        let by_profile = places.entry(place).or_default();
        by_profile.entry(cell.profile).or_default().push(cell);
    }
    let use_cases = |profile: TrafficProfile| {
        let of = catalog
            .use_cases()
            .filter(move |(_, it)| it.traffic_profile == profile);
        of.map(|(_, it)| it.use_case.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let mut last: Option<&ModelName> = None;
    html! {
        section.block {
            h2 { "Coverage" }
            p.hint {
                "Each number counts benchmarks of the strongest kind there. "
                @for kind in EvidenceKind::ALL.iter().rev() { (shown::kind(*kind)) " " }
                "Hatched: all older than a year, or of unknown age. Empty: a gap."
            }
            div.scroll tabindex="0" role="region" aria-label="Coverage" {
                table.heat {
                    thead { tr {
                        th scope="col" { "Model" } th scope="col" { "Hardware" }
                        @for profile in &profiles {
                            th.number scope="col" title=(use_cases(*profile)) { (profile) }
                        }
                    } }
                    tbody {
                        @for ((model, hardware, count), by_profile) in &places {
                            tr.group[last != Some(model)] {
                                th scope="row" {
                                    @if last.replace(model) == Some(model) { span.visually-hidden { (model) } } @else { (model) }
                                }
                                td { (count) "x" (hardware) }
                                @for profile in &profiles {
                                    (heat(by_profile.get(profile).map(Vec::as_slice), now))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn heat(cells: Option<&[&Cell]>, now: Timestamp) -> Markup {
    let Some(cell) = cells
        .unwrap_or_default()
        .iter()
        .max_by_key(|cell| cell.kind)
    else {
        return html! { td.number.cell { span.visually-hidden { "none" } } };
    };
    let age_days = cell.newest.map(|at| now.duration_since(at).as_hours() / 24);
    let is_old = age_days.is_none_or(|days| days > OLD_AFTER_DAYS);
    let class = format!(
        "number cell {}{}",
        cell.kind,
        if is_old { " old" } else { "" }
    );
    let title = format!(
        "{} {}, newest {}",
        cell.rows,
        cell.kind,
        shown::day(cell.newest)
    );
    html! {
        td class=(class) title=(title) {
            (shown::grouped(cell.rows.into()))
            span.visually-hidden { " " (cell.kind) @if is_old { ", old" } }
        }
    }
}

fn sources_table(sources: &[SourceInventory]) -> Markup {
    let count = |rows: i64| shown::grouped(rows.into());
    html! {
        section.block {
            h2 { "Sources" }
            div.scroll tabindex="0" role="region" aria-label="Sources" {
                table {
                    thead { tr {
                        th scope="col" { "Source" } th scope="col" { "Loaded, UTC" } th scope="col" { "Validation" }
                        th.number scope="col" { "Measured" } th.number scope="col" { "Simulated" }
                        th.number scope="col" { "Estimated" } th.number scope="col" { "Profiles" }
                    } }
                    tbody {
                        @for source in sources {
                            tr {
                                th scope="row" { (source.source) }
                                td { time { (source.loaded_at.as_deref().unwrap_or("by nobody")) } }
                                td { (source.validation_classes.join(", ")) }
                                td.number { (count(source.rows.measured)) }
                                td.number { (count(source.rows.simulated)) }
                                td.number { (count(source.rows.estimated)) }
                                td.number { (source.profiles) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn gaps(catalog: &Catalog, cells: &[Cell]) -> Markup {
    let hardware: BTreeSet<_> = cells.iter().map(|cell| &cell.hardware).collect();
    let models: BTreeSet<_> = cells.iter().map(|cell| &cell.model).collect();
    let profiles: BTreeSet<_> = cells.iter().map(|cell| cell.profile).collect();
    let lacking = |names: Vec<String>, what: &str| {
        html! {
            @if !names.is_empty() { div { dt { (what) } dd { (names.join(", ")) } } }
        }
    };
    let of_hardware = catalog.hardware_names().filter(|it| !hardware.contains(it));
    let of_models = catalog.models().filter(|it| !models.contains(it));
    let of_use_cases = catalog
        .use_cases()
        .filter(|(_, it)| !profiles.contains(&it.traffic_profile));
    html! {
        section.block {
            h2 { "Gaps" }
            p.hint { "What the catalog knows and nobody benchmarked." }
            dl.facts {
                (lacking(of_hardware.map(ToString::to_string).collect(), "Hardware"))
                (lacking(of_models.map(ToString::to_string).collect(), "Models"))
                (lacking(of_use_cases.map(|(_, it)| it.use_case.clone()).collect(), "Use cases"))
                div {
                    dt { "Only simulated" }
                    dd {
                        @let simulated = only_simulated(cells);
                        (shown::counted(simulated as i64, "configuration")) " under one traffic profile or more"
                    }
                }
            }
        }
    }
}

/// Places that nobody measured at all.
fn only_simulated(cells: &[Cell]) -> usize {
    let place = |cell: &Cell| {
        (
            cell.model.clone(),
            cell.hardware.clone(),
            cell.hardware_count,
        )
    };
    let all: BTreeSet<_> = cells.iter().map(place).collect();
    let measured = cells
        .iter()
        .filter(|cell| cell.kind == EvidenceKind::Measured);
    let measured: BTreeSet<_> = measured.map(place).collect();
    all.difference(&measured).count()
}
