//! Signing in with a token, which a cookie keeps until somebody signs out or closes the browser.

use axum::Form;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::Console;
use super::page::{self, Room};
use super::viewer;

/// Where somebody came from, and goes on to.
#[derive(Deserialize)]
pub(super) struct Way {
    #[serde(default)]
    to: String,
}

impl Way {
    fn room(&self) -> Room {
        match &*self.to {
            "knowledge-base" => Room::KnowledgeBase,
            _ => Room::Intents,
        }
    }
}

/// What the form brings.
#[derive(Deserialize)]
pub(super) struct SignIn {
    token: String,
    #[serde(flatten)]
    way: Way,
}

/// The address of the form, for somebody who goes on to load benchmarks.
pub(super) const TO_LOAD: &str = "/sign-in?to=knowledge-base";

/// `GET /sign-in`
pub(super) async fn get(State(console): State<Console>, Query(way): Query<Way>) -> Response {
    if !console.has_sign_in() {
        return super::not_found().await;
    }
    form(&console, way.room(), None).into_response()
}

/// `POST /sign-in`
pub(super) async fn post(
    State(console): State<Console>,
    headers: HeaderMap,
    Form(form): Form<SignIn>,
) -> Response {
    if !console.has_sign_in() {
        return super::not_found().await;
    }
    let (room, token) = (form.way.room(), form.token.trim());
    let problem = if !viewer::is_token(token) {
        "This is no token: it has letters, digits and few signs, and at most 3,800 of them."
    } else if let Err(problem) = console.takes(token).await {
        problem
    } else {
        let cookie = [(header::SET_COOKIE, viewer::kept(token, &headers))];
        return (cookie, Redirect::to(room.address())).into_response();
    };
    refused(&console, room, Some(problem))
}

/// `POST /sign-out`
pub(super) async fn out(headers: HeaderMap) -> Response {
    let cookie = [(header::SET_COOKIE, viewer::forgotten(&headers))];
    (cookie, Redirect::to("/")).into_response()
}

/// The form in the place of a page that nobody may see without it.
pub(super) fn refused(console: &Console, room: Room, problem: Option<&str>) -> Response {
    (StatusCode::UNAUTHORIZED, form(console, room, problem)).into_response()
}

fn form(console: &Console, room: Room, problem: Option<&str>) -> Markup {
    let main = html! {
        div.stack.narrow {
            h1 { "Sign in" }
            @if console.cluster.is_some() {
                p {
                    "The cluster says who you are, by a token: you see the intents that you may see with kubectl, "
                    "and load benchmarks if its roles let you."
                }
                pre { code { "kubectl create token NAME -n NAMESPACE" } }
            } @else {
                p { "Whoever started this console was told a token: it stands where it was started." }
            }
            @if let Some(problem) = problem { p.problem role="alert" { (problem) } }
            form.sign-in method="post" action="/sign-in" {
                @if room == Room::KnowledgeBase { input type="hidden" name="to" value="knowledge-base"; }
                label for="token" { "Token" }
                input #token name="token" type="password" autocomplete="off" required maxlength="3800"
                    aria-invalid=[problem.map(|_| "true")];
                button { "Sign in" }
            }
            p.hint {
                "It is kept in this browser until you sign out or close it"
                @if console.cluster.is_some() { ", and sent to nobody but the API server" } "."
            }
        }
    };
    page::page(&console.frame(), room, "Sign in", &main)
}
