//! Loading a file of benchmarks from the Knowledge base page: first a check, which is the load itself
//! taken back, then the load of what was checked. The file comes both times, so that it is kept
//! nowhere between, and a digest of all that was sent says whether it is the same.

mod form;
mod report;
mod submission;

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Multipart;
use axum::http::{HeaderMap, StatusCode};
use maud::{Markup, html};
use tracing::info;

use super::sign_in::TO_LOAD;
use super::writer::{Standing, Writer, Writes};
use super::{Console, writer};
use crate::advise::AnySource;
use crate::catalog::Catalog;
use crate::knowledge_base::{
    LoadFile, LoadMode, LoadOptions, LoadReport, SourceReport, default_source, load,
};
use form::Problem;
use submission::Submission;

/// A load that takes longer is for `compass load`.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// From the first byte of a file to the answer.
pub(super) const DEADLINE: Duration = Duration::from_secs(2 * 5 * 60);

/// The part of the page, and whoever looks at it.
pub(super) struct Part {
    pub(super) status: StatusCode,
    pub(super) markup: Markup,
    pub(super) viewer: Option<String>,
}

/// What stands in place of the form, or the empty form.
pub(super) async fn offered(console: &Console, headers: &HeaderMap) -> Part {
    match admitted(console, headers).await {
        Err(part) => Part {
            status: StatusCode::OK,
            ..part
        },
        Ok((_, writer)) => Part {
            status: StatusCode::OK,
            markup: form::form(&writer, &Submission::default(), &[], None),
            viewer: Some(writer.name),
        },
    }
}

/// What became of a file that was sent.
pub(super) async fn taken(console: &Console, headers: &HeaderMap, sent: Multipart) -> Part {
    let (writes, writer) = match admitted(console, headers).await {
        Err(part) => return part,
        Ok(admitted) => admitted,
    };
    let said = |status, submission: &Submission, problems: &[Problem], said: Markup| Part {
        status,
        markup: form::form(&writer, submission, problems, Some(&said)),
        viewer: Some(writer.name.clone()),
    };
    let Ok(_turn) = writes.turns.try_acquire() else {
        let busy = report::wrong(
            "Another file is being taken in",
            "Send this one again in a moment.",
        );
        return said(
            StatusCode::SERVICE_UNAVAILABLE,
            &Submission::default(),
            &[],
            busy,
        );
    };
    let mut submission = match submission::read(sent, &writer).await {
        Ok(submission) => submission,
        Err(error) => {
            let nothing = Submission::default();
            return said(
                error.status(),
                &nothing,
                &[],
                report::wrong(error.title(), &error.to_string()),
            );
        }
    };
    let options = match form::options(&submission) {
        Ok(options) => options,
        Err(problems) => {
            let wrong = report::wrong("This cannot be loaded", "See the fields above.");
            return said(
                StatusCode::UNPROCESSABLE_ENTITY,
                &submission,
                &problems,
                wrong,
            );
        }
    };
    let digest = submission.digest();
    let mode = match submission.checked() {
        Some(checked) if checked == digest => LoadMode::Commit,
        _ => LoadMode::DryRun,
    };
    let options = LoadOptions { mode, ..options };
    let file = file(&mut submission);
    let name = file.name.clone();
    let loaded = within_patience(writes, file, &options, &console.catalog).await;
    match loaded {
        Ok(loaded) => {
            if mode == LoadMode::Commit {
                log(&writer, &name, &digest, &loaded);
            }
            let is_other = mode == LoadMode::DryRun && submission.checked().is_some();
            let shown = report::report(&loaded, mode, &digest, is_other);
            said(StatusCode::OK, &submission, &[], shown)
        }
        Err(problem) => {
            let wrong = report::wrong("The knowledge base did not take it", &problem);
            said(StatusCode::SERVICE_UNAVAILABLE, &submission, &[], wrong)
        }
    }
}

/// Whoever may load, or what is said to those who may not.
async fn admitted<'a>(
    console: &'a Console,
    headers: &HeaderMap,
) -> Result<(&'a Writes, Writer), Part> {
    let refused = |status, viewer, text: Markup| Part {
        status,
        markup: form::closed(&text),
        viewer,
    };
    if matches!(&*console.source, AnySource::Snapshot(..)) {
        let text = html! { p.hint { "This is a snapshot: nothing can be loaded into it." } };
        return Err(refused(StatusCode::FORBIDDEN, None, text));
    }
    let Some(writes) = &console.writes else {
        let text = html! {
            p.hint {
                code { "compass load FILE" } " puts benchmarks into it. This console changes nothing: "
                "whoever runs it can allow loads here (" code { "COMPASS_CONSOLE_ALLOW_WRITES" } ")."
            }
        };
        return Err(refused(StatusCode::FORBIDDEN, None, text));
    };
    match writes.standing(headers).await {
        Standing::Writer(writer) => Ok((writes, writer)),
        Standing::Stranger(problem) => {
            let text = html! {
                @if let Some(problem) = problem { p.problem { (problem) } }
                p { a href=(TO_LOAD) { "Sign in" } " to load a file of benchmarks." }
            };
            Err(refused(StatusCode::UNAUTHORIZED, None, text))
        }
        Standing::Reader(name, problem) => {
            let right = writer::right();
            let text = html! {
                @match problem {
                    Some(problem) => p.problem { "The API server cannot be asked what you may do: " (problem) },
                    None => p.hint {
                        "You may not load benchmarks: it takes the right to "
                        code { (right.verb.unwrap_or_default()) } " "
                        code { (right.resource.unwrap_or_default()) "." (right.group.unwrap_or_default()) }
                        " in the whole cluster."
                    },
                }
            };
            Err(refused(StatusCode::FORBIDDEN, Some(name), text))
        }
    }
}

fn file(submission: &mut Submission) -> LoadFile {
    let content = Cursor::new(std::mem::take(&mut submission.content));
    LoadFile {
        name: submission.file_name.clone(),
        default_source: default_source(Path::new(&submission.file_name)),
        open: Box::new(move || Ok(Box::new(content))),
    }
}

/// As `compass load` loads.
async fn within_patience(
    writes: &Writes,
    file: LoadFile,
    options: &LoadOptions,
    catalog: &Arc<Catalog>,
) -> Result<LoadReport, String> {
    let loading = load(&writes.database_url, vec![file], options, catalog);
    match tokio::time::timeout(PATIENCE, loading).await {
        Ok(loaded) => loaded.map_err(|error| error.to_string()),
        Err(_) => Err(format!(
            "It took more than {} minutes. All of the file is there, or nothing: check it again to see. \
             `compass load` takes its time.",
            PATIENCE.as_secs() / 60
        )),
    }
}

/// Who loaded what stands in the console's log. Names are quoted, since others chose them.
fn log(writer: &Writer, file: &str, digest: &str, loaded: &LoadReport) {
    let sum = |rows: fn(&SourceReport) -> i64| -> i64 { loaded.sources.iter().map(rows).sum() };
    let sources: Vec<_> = loaded.sources.iter().map(|it| &it.source).collect();
    info!(
        viewer = ?writer.name,
        file = ?file,
        sources = ?sources,
        inserted = sum(|it| it.inserted),
        replaced = sum(|it| it.replaced),
        digest,
        "benchmarks loaded in the console"
    );
}
