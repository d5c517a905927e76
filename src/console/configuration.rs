//! The Configuration page: what the evidence shows of one configuration, rate by rate.

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::Console;
use super::chart::curve;
use super::page::{self, Room, notice};
use super::plan::{meters, why};
use super::question::Question;
use super::shown;
use crate::advise::{self, AdviseError, Inspected, words};
use crate::benchmark::{Configuration, EngineSettings};
use crate::recommend::{
    CapacityBound, Curve, Decision, LadderAccount, Role, Target, configuration_digest,
};

/// Digits of a configuration's digest in an address: enough to tell configurations apart.
const PARAMETER: &str = "configuration";

/// The page of a configuration, under a question.
pub(super) fn address(question: &Question, configuration: &Configuration) -> String {
    let mut parameter = form_urlencoded::Serializer::new(String::new());
    parameter.append_pair(PARAMETER, configuration_digest(configuration).as_str());
    format!("/configuration?{}&{}", question.query(), parameter.finish())
}

/// `GET /configuration`
pub(super) async fn get(State(console): State<Console>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let question = Question::parse(&query);
    let digest = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == PARAMETER);
    let digest = digest
        .map(|(_, digest)| digest.into_owned())
        .unwrap_or_default();
    let (status, title, main) = match question.intent() {
        Err(_) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "Configuration".to_owned(),
            html! {
                h1.visually-hidden { "Configuration" }
                (notice("bad", "This cannot be asked", &html! { p { (back(&question)) } }))
            },
        ),
        Ok(intent) => {
            let asked = advise::Question {
                name: &question.name(),
                namespace: question.namespace(),
                spec: &intent.spec,
                availability: None,
            };
            let inspected = advise::inspect(
                asked,
                &digest,
                &*console.source,
                &console.catalog,
                console.now(),
            );
            shown_as(&question, inspected.await)
        }
    };
    let page = page::page(&console.frame(), Room::Other, &title, &main);
    (status, page).into_response()
}

fn back(question: &Question) -> Markup {
    html! { a href={ "/?" (question.query()) } { "Back to the answer" } }
}

fn shown_as(
    question: &Question,
    inspected: Result<Inspected, AdviseError<advise::SourceError>>,
) -> (StatusCode, String, Markup) {
    let wrong = |status, title: &str, problem: String| {
        let text = html! { p { (problem) } p { (back(question)) } };
        let main = html! { h1.visually-hidden { (title) } (notice("bad", title, &text)) };
        (status, title.to_owned(), main)
    };
    match inspected {
        Ok(Inspected {
            decision,
            curve: Some(curve),
        }) => {
            let title = format!(
                "{} on {}",
                curve.configuration.model,
                curve.configuration.accelerators()
            );
            (
                StatusCode::OK,
                title,
                configuration(question, &decision, &curve),
            )
        }
        Ok(_) => wrong(
            StatusCode::NOT_FOUND,
            "No such configuration",
            "No benchmark of these requests is of this configuration.".to_owned(),
        ),
        Err(AdviseError::Resolve(error)) => wrong(
            StatusCode::UNPROCESSABLE_ENTITY,
            "Not a whole question",
            error.to_string(),
        ),
        Err(AdviseError::Gather(error)) => {
            let (title, problem) = super::trouble(&error);
            wrong(StatusCode::SERVICE_UNAVAILABLE, title, problem)
        }
    }
}

fn configuration(question: &Question, decision: &Decision, curve: &Curve) -> Markup {
    let configuration = &curve.configuration;
    let requirement = &decision.requirement;
    let is_best = decision
        .recommendation
        .as_ref()
        .is_some_and(|best| best.configuration == *configuration);
    html! {
        div.configuration {
            p { (back(question)) }
            header {
                h1 { (configuration.model) }
                p.size {
                    strong { (configuration.accelerators()) }
                    @if let Some(framework) = words::framework(configuration) { ", " (framework) }
                    ", under " (requirement.profile) " tokens"
                }
            }
            @match &curve.candidate {
                Some(candidate) => {
                    article.best {
                        header {
                            div {
                                p.over { @if is_best { "Recommended " } @else { "Meets the targets " } (shown::kind(candidate.kind)) }
                                p.size {
                                    strong { (shown::counted(candidate.replicas.into(), "replica")) } ", "
                                    (shown::counted(candidate.gpus, "GPU")) ", "
                                    strong { (shown::cost(candidate.cost_per_hour)) } " an hour"
                                }
                            }
                        }
                        (meters(decision, candidate))
                        p.hint {
                            "One replica serves "
                            @if candidate.capacity.bound == CapacityBound::AtLeast { "at least " }
                            (shown::rate(candidate.capacity.rps)) " requests/s within the targets (dashed line); the ringed point is the one it would run at, "
                            (candidate.operating_row.offered_rps) " requests/s."
                        }
                        @if !candidate.caveats.is_empty() {
                            details.caveats open {
                                summary { "Before you rely on it" }
                                ul { @for caveat in &candidate.caveats { li { (caveat) } } }
                            }
                        }
                    }
                }
                None => (notice("warn", "It is not offered", &html! { p { (why(&curve.account)) } })),
            }
            h2 { "Latency against request rate" }
            div.curves {
                @for target in Target::ALL {
                    (curve::figure(curve, target, &requirement.slo, &decision.explanation.estimates))
                }
            }
            (ladders(curve))
            (points(curve, decision))
            (engine(&configuration.engine))
        }
    }
}

fn ladders(curve: &Curve) -> Markup {
    html! {
        section.block {
            h2 { "Sources" }
            div.scroll tabindex="0" role="region" aria-label="Sources" {
                table {
                    thead { tr {
                        th scope="col" { "Source" } th scope="col" { "Counts" } th.number scope="col" { "Runs" }
                        th.number scope="col" { "Capacity" } th scope="col" { "Newest" }
                    } }
                    tbody { @for ladder in &curve.account.ladders { (ladder_row(ladder)) } }
                }
            }
        }
    }
}

fn ladder_row(ladder: &LadderAccount) -> Markup {
    let role = match ladder.role {
        Role::Decides => "decides for its kind",
        Role::Shown => "shown: a newer one decides, or none is steady",
        Role::UnusualLoad => "shown: closed-loop, prefix-shared or throughput",
    };
    html! {
        tr {
            th scope="row" { (ladder.source) " " (shown::kind(ladder.kind)) }
            td { (role) }
            td.number { (ladder.rows) }
            td.number {
                @match &ladder.capacity {
                    Some(capacity) => {
                        @if capacity.bound == CapacityBound::AtLeast { "at least " }
                        (shown::rate(capacity.rps)) " req/s"
                    }
                    None => "none",
                }
            }
            td { (shown::day(ladder.newest)) }
        }
    }
}

fn points(curve: &Curve, decision: &Decision) -> Markup {
    let slo = &decision.requirement.slo;
    html! {
        section.block {
            h2 { "Every run" }
            div.scroll tabindex="0" role="region" aria-label="Every run" {
                table {
                    thead { tr {
                        th.number scope="col" { "Offered" } th.number scope="col" { "Served" }
                        @for target in Target::ALL { th.number scope="col" { (target) " p95" } }
                        th scope="col" { "Says" } th scope="col" { "Evidence" }
                    } }
                    tbody {
                        @for ladder in &curve.ladders {
                            @for point in &ladder.points {
                                tr {
                                    td.number { (point.offered_rps) }
                                    td.number { (format!("{:.3}", point.served_rps)) }
                                    @for target in Target::ALL {
                                        @let p95_ms = point.p95s_ms.map(|it| it[target as usize]);
                                        @let misses = p95_ms.is_some_and(|it| it > f64::from(target.of(slo)));
                                        td.number.misses[misses] {
                                            (p95_ms.map_or_else(|| "unknown".to_owned(), shown::latency))
                                        }
                                    }
                                    td {
                                        @match (point.fails, point.steady) {
                                            (true, _) => "misses a target",
                                            (false, true) => "meets the targets",
                                            (false, false) => "nothing: not steady",
                                        }
                                    }
                                    td { (shown::kind(ladder.kind)) " " (shown::day(point.measured_at)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn engine(engine: &EngineSettings) -> Markup {
    let settings = serde_json::to_value(engine).unwrap_or_default();
    let settings: Vec<_> = settings
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_null() && !value.is_object())
        .map(|(name, value)| {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            (name.replace('_', " "), value)
        })
        .collect();
    html! {
        @if !settings.is_empty() {
            section.block {
                h2 { "Engine, as far as recorded" }
                dl.facts {
                    @for (name, value) in &settings { div { dt { (name) } dd { (value) } } }
                }
            }
        }
    }
}
