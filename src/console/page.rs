//! The frame around every page, and the pages that say that something is wrong.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use super::assets;

/// Which page is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Plan,
    KnowledgeBase,
    Intents,
    /// None of those in the navigation.
    Other,
}

impl Room {
    /// Where it is.
    pub(super) fn address(self) -> &'static str {
        match self {
            Self::Plan | Self::Other => "/",
            Self::KnowledgeBase => "/knowledge-base",
            Self::Intents => "/intents",
        }
    }
}

/// htmx keeps to the Content-Security-Policy, keeps no page in the browser's storage, and shows the
/// pages that say what is wrong.
const HTMX: &str = r#"{"includeIndicatorStyles":false,"allowEval":false,"selfRequestsOnly":true,"historyCacheSize":0,"refreshOnHistoryMiss":true,"scrollBehavior":"auto","responseHandling":[{"code":"204","swap":false},{"code":"...","swap":true}]}"#;

/// What a page needs to know of the console that shows it.
#[derive(Clone, Debug, Default)]
pub(super) struct Frame {
    /// What is answered from: a database, or a snapshot of a time.
    pub(super) evidence: String,
    /// Whether there is a cluster with intents.
    pub(super) has_intents: bool,
    /// Who is signed in.
    pub(super) viewer: Option<String>,
}

/// A whole page.
pub(super) fn page(frame: &Frame, room: Room, title: &str, main: &Markup) -> Markup {
    let link = |to: Room, name: &str| {
        html! { a href=(to.address()) aria-current=[(room == to).then_some("page")] { (name) } }
    };
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="htmx-config" content=(HTMX);
                title { (title) " · Compass" }
                link rel="icon" href=(assets::address("compass.svg"));
                link rel="stylesheet" href=(assets::address("console.css"));
                script src=(assets::address("htmx.min.js")) defer {}
                script src=(assets::address("console.js")) defer {}
            }
            body {
                a.skip href="#main" { "Skip to content" }
                header.top {
                    a.brand href="/" {
                        img src=(assets::address("compass.svg")) alt="" width="22" height="22";
                        "Compass"
                    }
                    nav aria-label="Pages" {
                        (link(Room::Plan, "Plan"))
                        (link(Room::KnowledgeBase, "Knowledge base"))
                        @if frame.has_intents { (link(Room::Intents, "Intents")) }
                    }
                    p.source { (frame.evidence) }
                    @if let Some(viewer) = &frame.viewer {
                        form.viewer method="post" action="/sign-out" {
                            span { (viewer) }
                            button.quiet { "Sign out" }
                        }
                    }
                }
                div #unreachable role="alert" hidden {
                    "The console does not answer. What is shown may be out of date."
                }
                main #main tabindex="-1" { (main) }
            }
        }
    }
}

/// A message in the place of an answer.
pub(super) fn notice(class: &str, title: &str, text: &Markup) -> Markup {
    html! {
        div class={ "notice " (class) } {
            h2 { (title) }
            (text)
        }
    }
}

/// A page that only says what is wrong. It holds `#answer`, in which a script shows it too.
pub(super) fn refusal(status: StatusCode, title: &str, problem: &str) -> Response {
    let text = html! { p { (problem) } p { a href="/" { "Back to the start" } } };
    let main = html! {
        h1.visually-hidden { (title) }
        section #answer { (notice("bad", title, &text)) }
    };
    (status, page(&Frame::default(), Room::Other, title, &main)).into_response()
}
