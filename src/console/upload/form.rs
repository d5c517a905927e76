//! The form: a file, and what the file does not say. Its fields are called as the flags of
//! `compass load`, which messages name.

use std::fmt::Display;
use std::str::FromStr;

use maud::{Markup, html};

use super::super::writer::Writer;
use super::submission::{FILE, FORM_TOKEN, LARGEST_FILE, Submission};
use crate::benchmark::formats::Told;
use crate::knowledge_base::LoadOptions;

/// What is wrong with a field, by its name.
pub(super) type Problem = (&'static str, String);

const SOURCE: &str = "source";
const KEEP_GOING: &str = "keep-going";

/// Name, label, and an example.
const TOLD: [(&str, &str, &str); 8] = [
    ("model", "Model", "Qwen/Qwen3-32B"),
    ("hardware", "Hardware", "H100"),
    ("hardware-count", "GPUs of one replica", "2"),
    ("framework", "Framework", "vllm"),
    ("framework-version", "Its version", "0.11.0"),
    ("profile", "Prompt/output tokens", "512/256"),
    ("measured-at", "Ran at, UTC", "2026-11-23T14:05:00"),
    ("evidence", "Kind of evidence", "measured"),
];

/// The most fields that the form has, beside the file.
pub(super) const FIELDS: usize = TOLD.len() + 4;

/// What is said in place of the form.
pub(super) fn closed(text: &Markup) -> Markup {
    html! {
        section #load.block { h2 { "Load benchmarks" } (text) }
    }
}

/// The form with what was written into it, and what became of it.
pub(super) fn form(
    writer: &Writer,
    submission: &Submission,
    problems: &[Problem],
    report: Option<&Markup>,
) -> Markup {
    let of = |name: &str| problems.iter().find(|(field, _)| *field == name);
    let field = |name: &'static str, label: &str, example: &str| {
        html! {
            div.field {
                label for={ "load-" (name) } { (label) }
                input id={ "load-" (name) } name=(name) value=(submission.get(name)) placeholder=(example)
                    autocomplete="off" maxlength="200" aria-invalid=[of(name).map(|_| "true")]
                    aria-describedby=[of(name).map(|_| format!("load-{name}-problem"))];
                @if let Some((_, problem)) = of(name) { p.problem id={ "load-" (name) "-problem" } { (problem) } }
            }
        }
    };
    let is_told = TOLD
        .iter()
        .any(|(name, ..)| !submission.get(name).is_empty());
    html! {
        section #load.block {
            h2 { "Load benchmarks" }
            form.upload method="post" action="/knowledge-base" enctype="multipart/form-data"
                hx-post="/knowledge-base" hx-encoding="multipart/form-data" hx-disabled-elt="find button"
                hx-target="#report" hx-select="#report" hx-swap="outerHTML" hx-select-oob="#known" {
                input type="hidden" name=(FORM_TOKEN) value=(writer.form_token);
                div.field {
                    label for="load-file" { "File" }
                    input #load-file type="file" name=(FILE) required aria-describedby="load-formats";
                    p #load-formats.hint {
                        "Rows as JSON or CSV, a pg_dump, a result of GuideLLM or vllm bench serve, or a report of "
                        "llm-d-benchmark; compressed by gzip or zstd or not; at most " (LARGEST_FILE / 1024 / 1024) " MiB."
                    }
                }
                (field(SOURCE, "Source", "what the file says, else its name"))
                details open[is_told] {
                    summary { "What the file does not say" }
                    @for (name, label, example) in TOLD { (field(name, label, example)) }
                }
                p.checks-one {
                    label {
                        input type="checkbox" name=(KEEP_GOING) value="yes" checked[!submission.get(KEEP_GOING).is_empty()];
                        " Take the good rows of a file that also has faulty ones"
                    }
                }
                p.act { button { "Check" } span.hint { "A check changes nothing." } }
                div #report { @if let Some(report) = report { (report) } }
            }
        }
    }
}

/// How to load what was sent.
pub(super) fn options(submission: &Submission) -> Result<LoadOptions, Vec<Problem>> {
    let mut problems = Vec::new();
    let text = |name: &str| Some(submission.get(name).to_owned()).filter(|it| !it.is_empty());
    let told = Told {
        model: text("model"),
        hardware: text("hardware"),
        hardware_count: parsed(submission, "hardware-count", &mut problems),
        framework: text("framework"),
        framework_version: text("framework-version"),
        profile: parsed(submission, "profile", &mut problems),
        measured_at: parsed(submission, "measured-at", &mut problems),
        kind: parsed(submission, "evidence", &mut problems),
        ..Told::default()
    };
    if told
        .hardware_count
        .is_some_and(|count| !(1..=1024).contains(&count))
    {
        problems.push(("hardware-count", "expected 1 to 1,024".to_owned()));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(LoadOptions {
        source: text(SOURCE),
        told,
        keep_going: text(KEEP_GOING).is_some(),
        ..LoadOptions::default()
    })
}

fn parsed<T: FromStr<Err: Display>>(
    submission: &Submission,
    name: &'static str,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let text = Some(submission.get(name)).filter(|it| !it.is_empty())?;
    match text.parse() {
        Ok(value) => Some(value),
        Err(problem) => {
            problems.push((name, problem.to_string()));
            None
        }
    }
}
