//! The Plan page: a question, its answer, what else would do, and the YAML of it.

mod answer;
mod form;
mod left_out;
mod offers;
mod start;
mod yaml;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::Console;
use super::page::{self, Room, notice};
use super::question::{Problems, Question};
use crate::advise::{self, AdviseError, Surveyed};
use crate::api::DeploymentIntent;
use crate::recommend::resolve;
use offers::Sort;

pub(super) use answer::meters;
pub(super) use left_out::why;

/// Tells a script which address the question has.
const REPLACE_URL: HeaderName = HeaderName::from_static("hx-replace-url");

/// Which part of an answer is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum View {
    #[default]
    Answer,
    LeftOut,
    Intent,
    Manifests,
}

impl View {
    const ALL: [Self; 4] = [Self::Answer, Self::LeftOut, Self::Intent, Self::Manifests];

    fn as_str(self) -> &'static str {
        match self {
            Self::Answer => "",
            Self::LeftOut => "left-out",
            Self::Intent => "intent",
            Self::Manifests => "manifests",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Answer => "Answer",
            Self::LeftOut => "Left out",
            Self::Intent => "Intent YAML",
            Self::Manifests => "Manifests",
        }
    }
}

/// How an answer is shown: parameters beside the question's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Shown {
    view: View,
    sort: Sort,
    /// Every row of the table.
    all: bool,
}

impl Shown {
    fn parse(query: &str) -> Self {
        let mut shown = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "view" => {
                    let view = View::ALL.into_iter().find(|view| view.as_str() == value);
                    shown.view = view.unwrap_or_default();
                }
                "sort" => shown.sort = Sort::parse(&value),
                "all" => shown.all = true,
                _ => {}
            }
        }
        shown
    }

    /// The parameters that are not the default.
    fn parameters(self) -> Vec<(&'static str, String)> {
        [
            ("view", self.view.as_str().to_owned()),
            ("sort", self.sort.to_string()),
            ("all", if self.all { "yes" } else { "" }.to_owned()),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect()
    }
}

/// The address of a question, shown so.
fn address(question: &Question, shown: Shown) -> String {
    let mut query = question.query();
    let mut rest = form_urlencoded::Serializer::new(String::new());
    rest.extend_pairs(shown.parameters());
    let rest = rest.finish();
    if !rest.is_empty() {
        query.push('&');
        query.push_str(&rest);
    }
    format!("/?{query}")
}

/// What became of a question.
enum Outcome {
    Answered(Box<(DeploymentIntent, Surveyed)>),
    /// It breaks rules.
    Invalid(Problems),
    /// It has no answer, and why.
    Unanswered(StatusCode, &'static str, String),
}

async fn ask(console: &Console, question: &Question) -> Outcome {
    let intent = match question.intent() {
        Ok(intent) => intent,
        Err(problems) => return Outcome::Invalid(problems),
    };
    let asked = advise::Question {
        name: &question.name(),
        namespace: question.namespace(),
        spec: &intent.spec,
        availability: None,
    };
    let surveyed = advise::survey(
        asked,
        &*console.source,
        &console.catalog,
        &console.settings,
        console.now(),
    );
    match surveyed.await {
        Ok(surveyed) => Outcome::Answered(Box::new((intent, surveyed))),
        Err(AdviseError::Resolve(error)) => Outcome::Unanswered(
            StatusCode::UNPROCESSABLE_ENTITY,
            "Not a whole question",
            error.to_string(),
        ),
        Err(AdviseError::Gather(error)) => unavailable(&error),
    }
}

fn unavailable(error: &advise::SourceError) -> Outcome {
    let (title, problem) = super::trouble(error);
    Outcome::Unanswered(StatusCode::SERVICE_UNAVAILABLE, title, problem)
}

/// `GET /`
pub(super) async fn get(State(console): State<Console>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let question = Question::parse(&query);
    let shown = Shown::parse(&query);
    let frame = console.frame();
    if !question.is_asked() {
        let main = start::start(&console.catalog, &question);
        return page::page(&frame, Room::Plan, "Plan", &main).into_response();
    }
    let outcome = ask(&console, &question).await;
    let (status, answer) = match &outcome {
        Outcome::Answered(answered) => {
            let (intent, surveyed) = &**answered;
            let answered = answer::Answered {
                question: &question,
                shown,
                intent,
                surveyed,
                now: console.now(),
            };
            (StatusCode::OK, answer::answer(&answered))
        }
        Outcome::Invalid(problems) => (StatusCode::UNPROCESSABLE_ENTITY, invalid(problems)),
        Outcome::Unanswered(status, title, problem) => {
            (*status, notice("bad", title, &html! { p { (problem) } }))
        }
    };
    let no_problems = Problems::default();
    let (problems, requirement, accounts) = match &outcome {
        Outcome::Answered(answered) => {
            let (_, surveyed) = &**answered;
            let requirement = surveyed.advice.decision.requirement.clone();
            (&no_problems, Some(requirement), &*surveyed.accounts)
        }
        Outcome::Invalid(problems) => (problems, None, &[][..]),
        Outcome::Unanswered(..) => {
            let intent = question.intent().ok();
            let requirement = intent.and_then(|it| resolve(&it.spec, &console.catalog).ok());
            (&no_problems, requirement, &[][..])
        }
    };
    let form = form::Form {
        question: &question,
        problems,
        requirement: requirement.as_ref(),
        accounts,
        catalog: &console.catalog,
    };
    let main = html! {
        div.plan {
            (form.markup())
            section #answer aria-label="Answer" {
                @for (name, value) in shown.parameters() {
                    input type="hidden" form="question" name=(name) value=(value);
                }
                (answer)
            }
        }
    };
    let title = form.title();
    let page = page::page(&frame, Room::Plan, &title, &main);
    let replace = [(REPLACE_URL, address(&question, shown))];
    (status, replace, page).into_response()
}

fn invalid(problems: &Problems) -> Markup {
    let text = html! {
        ul {
            @for (field, problem) in problems.iter() {
                li {
                    @if field.is_empty() { (problem) } @else {
                        a href={ "#" (form::id(field)) } { (field) } ": " (problem)
                    }
                }
            }
        }
    };
    notice("bad", "This cannot be asked", &text)
}

/// `GET /intent.yaml`
pub(super) async fn intent_yaml(RawQuery(query): RawQuery) -> Response {
    let question = Question::parse(&query.unwrap_or_default());
    match question.intent().map(|intent| yaml::intent(&intent)) {
        Ok(yaml) => download(&question.name(), yaml),
        Err(problems) => {
            let problems: Vec<_> = problems
                .iter()
                .map(|(field, it)| format!("{field}: {it}"))
                .collect();
            (StatusCode::UNPROCESSABLE_ENTITY, problems.join("\n")).into_response()
        }
    }
}

/// `GET /manifests.yaml`: the bytes of `compass render`.
pub(super) async fn manifests_yaml(
    State(console): State<Console>,
    RawQuery(query): RawQuery,
) -> Response {
    let question = Question::parse(&query.unwrap_or_default());
    match ask(&console, &question).await {
        Outcome::Answered(answered) => match answered.1.advice.manifests {
            Some(Ok(manifests)) => {
                let name = format!("{}-manifests", question.name());
                download(&name, manifests.yaml())
            }
            Some(Err(error)) => (StatusCode::CONFLICT, error.to_string()).into_response(),
            None => (StatusCode::CONFLICT, "nothing complies\n").into_response(),
        },
        Outcome::Invalid(problems) => {
            let problems: Vec<_> = problems
                .iter()
                .map(|(field, it)| format!("{field}: {it}"))
                .collect();
            (StatusCode::UNPROCESSABLE_ENTITY, problems.join("\n")).into_response()
        }
        Outcome::Unanswered(status, _, problem) => (status, problem).into_response(),
    }
}

fn download(name: &str, yaml: String) -> Response {
    // The name of an intent that the API takes holds nothing that a header cannot.
    let disposition = format!("attachment; filename=\"{name}.yaml\"");
    let headers = [
        (header::CONTENT_TYPE, "application/yaml".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    (headers, yaml).into_response()
}
