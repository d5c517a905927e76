//! The Intents pages: what the cluster's intents came to, for whoever may see them.

mod one;

use axum::Form;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;
use maud::{Markup, html};
use rust_decimal::Decimal;
use serde::Deserialize;

use super::page::{self, Frame, Room, notice};
use super::viewer::{self, Cluster, Sight, Viewer};
use super::{Console, shown};
use crate::api::DeploymentIntent;
use crate::recommend::MicroDollars;

/// Rows shown; the totals are of all.
const SHOWN: usize = 500;

/// Signed in with a token.
#[derive(Deserialize)]
pub(super) struct SignIn {
    token: String,
}

/// `POST /sign-in`
pub(super) async fn sign_in(
    State(console): State<Console>,
    headers: HeaderMap,
    Form(form): Form<SignIn>,
) -> Response {
    let Some(cluster) = &console.cluster else {
        return super::not_found().await;
    };
    let token = form.token.trim();
    let problem = if !viewer::is_token(token) {
        "This is no token: it has letters, digits and few signs, and at most 3,800 of them."
    } else if cluster.viewer(token).await.is_err() {
        "The API server does not take this token."
    } else {
        let cookie = [(header::SET_COOKIE, viewer::kept(token, &headers))];
        return (cookie, Redirect::to("/intents")).into_response();
    };
    let page = signing_in(&console.frame(), Some(problem));
    (StatusCode::UNAUTHORIZED, page).into_response()
}

/// `POST /sign-out`
pub(super) async fn sign_out(headers: HeaderMap) -> Response {
    let cookie = [(header::SET_COOKIE, viewer::forgotten(&headers))];
    (cookie, Redirect::to("/")).into_response()
}

fn signing_in(frame: &Frame, problem: Option<&str>) -> Markup {
    let main = html! {
        div.stack.narrow {
            h1 { "Sign in" }
            p { "You see the intents that you may see with kubectl. The cluster says who you are, by a token:" }
            pre { code { "kubectl create token NAME -n NAMESPACE" } }
            @if let Some(problem) = problem { p.problem role="alert" { (problem) } }
            form.sign-in method="post" action="/sign-in" {
                label for="token" { "Token" }
                input #token name="token" type="password" autocomplete="off" required maxlength="3800"
                    aria-invalid=[problem.map(|_| "true")];
                button { "Sign in" }
            }
            p.hint { "It is kept in this browser until you sign out or close it, and sent to nobody but the API server." }
        }
    };
    page::page(frame, Room::Intents, "Sign in", &main)
}

/// The cluster and the viewer, or the page in their place.
async fn seen<'a>(
    console: &'a Console,
    headers: &HeaderMap,
) -> Result<(&'a Cluster, Viewer, Frame), Response> {
    let Some(cluster) = &console.cluster else {
        return Err(super::not_found().await);
    };
    let frame = console.frame();
    match cluster.sight(headers).await {
        Sight::Nobody => Err((StatusCode::UNAUTHORIZED, signing_in(&frame, None)).into_response()),
        Sight::Refused(problem) => {
            let page = signing_in(&frame, Some(&problem));
            Err((StatusCode::UNAUTHORIZED, page).into_response())
        }
        Sight::Seen(viewer) => {
            let frame = Frame {
                viewer: Some(viewer.name.clone()),
                ..frame
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
    let (status, main) = match cluster.intents(&viewer).await {
        Ok(intents) => (StatusCode::OK, table(&intents)),
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
        Err(error) => (status_of(&error), refused(&error)),
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
            td { (one::readiness(intent)) @if waits { span.under { "a better decision waits" } } }
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
