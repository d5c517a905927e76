//! The Intents pages: what the cluster's intents came to, for whoever may see them.

mod one;
mod seen;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;
use maud::{Markup, html};
use rust_decimal::Decimal;

use super::page::{self, Frame, Room, notice};
use super::viewer::{Cluster, Sight, Viewer};
use super::{Console, shown, sign_in};
use crate::api::DeploymentIntent;
use crate::recommend::MicroDollars;
use seen::Seen;

/// Rows shown; the totals are of all.
const SHOWN: usize = 500;

/// The cluster and the viewer, or the page in their place.
async fn seen<'a>(
    console: &'a Console,
    headers: &HeaderMap,
) -> Result<(&'a Cluster, Viewer, Frame), Response> {
    let Some(cluster) = &console.cluster else {
        return Err(super::not_found().await);
    };
    match cluster.sight(headers).await {
        Sight::Nobody => Err(sign_in::refused(console, Room::Intents, None)),
        Sight::Refused(problem) => Err(sign_in::refused(console, Room::Intents, Some(&problem))),
        Sight::Seen(viewer) => {
            let frame = Frame {
                viewer: Some(viewer.name.clone()),
                ..console.frame()
            };
            Ok((cluster, viewer, frame))
        }
    }
}

/// `GET /intents`
pub(super) async fn list(State(console): State<Console>, headers: HeaderMap) -> Response {
    let (cluster, viewer, frame) = match seen(&console, &headers).await {
        Ok(seen) => seen,
        Err(response) => return response,
    };
    let (status, main) = match seen::seen(cluster, &viewer).await {
        Ok(seen) => (StatusCode::OK, list_of(&seen)),
        Err(error) => (status_of(&error), refused(&error)),
    };
    let main = html! { div.stack { h1 { "Intents" } (main) } };
    (status, page::page(&frame, Room::Intents, "Intents", &main)).into_response()
}

/// `GET /intents/{namespace}/{name}`
pub(super) async fn get(
    State(console): State<Console>,
    Path((namespace, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let (_, viewer, frame) = match seen(&console, &headers).await {
        Ok(seen) => seen,
        Err(response) => return response,
    };
    let (status, main) = match one::read(&viewer, &namespace, &name).await {
        Ok(found) => (StatusCode::OK, one::intent(&console, &found).await),
        Err(error) => {
            let main = html! { h1 { (name) } (refused(&error)) };
            (status_of(&error), main)
        }
    };
    let main = html! { div.stack { p { a href="/intents" { "All intents" } } (main) } };
    (status, page::page(&frame, Room::Intents, &name, &main)).into_response()
}

fn status_of(error: &kube::Error) -> StatusCode {
    match error {
        kube::Error::Api(status) => {
            StatusCode::from_u16(status.code).unwrap_or(StatusCode::BAD_GATEWAY)
        }
        _ => StatusCode::BAD_GATEWAY,
    }
}

fn refused(error: &kube::Error) -> Markup {
    let (title, text) = match error {
        kube::Error::Api(status) if status.code == 403 => {
            ("You may not see this", status.message.clone())
        }
        kube::Error::Api(status) if status.code == 404 => {
            ("There is no such intent", status.message.clone())
        }
        error => ("The API server cannot be asked", error.to_string()),
    };
    notice("bad", title, &html! { p { (text) } })
}

/// A condition of the status.
fn condition_of<'a>(intent: &'a DeploymentIntent, kind: &str) -> Option<&'a Condition> {
    let mut conditions = intent.status.as_ref()?.conditions.iter();
    conditions.find(|condition| condition.type_ == kind)
}

/// Dollars as the status writes them.
pub(super) fn dollars(text: Option<&str>) -> Option<MicroDollars> {
    text?.parse::<Decimal>().ok().map(MicroDollars::of)
}

fn list_of(seen: &Seen) -> Markup {
    let unreadable = &seen.unreadable;
    html! {
        (table(&seen.intents))
        @if !unreadable.is_empty() {
            p.hint { "Of an older version, and not readable by this one: " (unreadable.join(", ")) "." }
        }
        @if seen.unasked > 0 {
            p.hint {
                (shown::counted(seen.unasked as i64, "intent")) " more may be yours: there are too many to ask about each. "
                "Who may get all of a namespace sees all of it."
            }
        }
    }
}

fn table(intents: &[DeploymentIntent]) -> Markup {
    if intents.is_empty() {
        let text = html! {
            p { "There is none that you may see. The tab Intent YAML of " a href="/" { "Plan" } " writes one." }
        };
        return notice("warn", "No intents", &text);
    }
    let recommended = || {
        let statuses = intents.iter().filter_map(|it| it.status.as_ref());
        statuses.filter_map(|status| status.recommendation.as_ref())
    };
    let gpus: i64 = recommended()
        .map(|it| i64::from(it.replicas) * i64::from(it.gpus_per_replica))
        .sum();
    let costs = recommended().filter_map(|it| dollars(it.cost_per_hour.as_deref()));
    let cost = MicroDollars(costs.map(|cost| cost.0).sum());
    let ready = intents
        .iter()
        .filter(|it| condition_of(it, "Ready").is_some_and(|it| it.status == "True"));
    html! {
        dl.totals {
            div { dt { "Intents" } dd { (shown::grouped(intents.len() as i128)) } }
            div { dt { "Ready" } dd { (shown::grouped(ready.count() as i128)) } }
            div { dt { "GPUs" } dd { (shown::grouped(gpus.into())) } }
            div { dt { "An hour" } dd { (shown::dollars(cost)) } }
            div { dt { "A month" } dd { (shown::whole_dollars(cost.per_month())) } }
        }
        div.block {
            div.scroll tabindex="0" role="region" aria-label="Intents" {
                table {
                    thead { tr {
                        th scope="col" { "Intent" } th scope="col" { "Ready" } th scope="col" { "Recommended" }
                        th.number scope="col" { "GPUs" } th.number scope="col" { "An hour" }
                    } }
                    tbody { @for intent in intents.iter().take(SHOWN) { (row(intent)) } }
                }
            }
            @if intents.len() > SHOWN { p.hint { "and " (intents.len() - SHOWN) " more" } }
        }
    }
}

fn row(intent: &DeploymentIntent) -> Markup {
    let namespace = intent.namespace().unwrap_or_default();
    let name = intent.name_any();
    let status = intent.status.as_ref();
    let best = status.and_then(|status| status.recommendation.as_ref());
    let waits = status.is_some_and(|status| status.proposed.is_some());
    html! {
        tr {
            th scope="row" {
                a href={ "/intents/" (namespace) "/" (name) } { (name) }
                span.under { (namespace) ", " (intent.spec.use_case) }
            }
            td { (one::readiness(intent)) @if waits { span.under { "a decision waits" } } }
            td {
                @if let Some(best) = best {
                    (best.model)
                    span.under { (best.accelerators) " × " (best.replicas) " " (shown::kind(best.evidence.kind)) }
                } @else { span.hint { "nothing" } }
            }
            td.number {
                @if let Some(best) = best { (shown::grouped((i64::from(best.replicas) * i64::from(best.gpus_per_replica)).into())) }
            }
            td.number { @if let Some(best) = best { (shown::cost(dollars(best.cost_per_hour.as_deref()))) } }
        }
    }
}
