//! What a check or a load came to.

use maud::{Markup, html};

use super::super::shown;
use super::submission::CHECKED;
use crate::benchmark::formats::Fault;
use crate::knowledge_base::{FileReport, LoadMode, LoadReport, SourceReport};

/// Something went wrong before there was anything to report.
pub(super) fn wrong(title: &str, problem: &str) -> Markup {
    headed("bad", title, &html! { p { (problem) } })
}

/// A notice that is read out when it comes.
fn headed(class: &str, title: &str, text: &Markup) -> Markup {
    html! {
        div class={ "notice " (class) } {
            h3 tabindex="-1" autofocus { (title) }
            (text)
        }
    }
}

/// `is_other` says that something else was checked before.
pub(super) fn report(report: &LoadReport, mode: LoadMode, digest: &str, is_other: bool) -> Markup {
    let sum = |rows: fn(&SourceReport) -> i64| -> i64 { report.sources.iter().map(rows).sum() };
    let [inserted, replaced, unchanged] = [
        sum(|it| it.inserted),
        sum(|it| it.replaced),
        sum(|it| it.unchanged),
    ];
    let counts = format!(
        "{} new, {} replaced, {} there already",
        shown::grouped(inserted.into()),
        shown::grouped(replaced.into()),
        shown::grouped(unchanged.into())
    );
    let is_refused = report.refused().next().is_some();
    let changes = inserted + replaced;
    let (class, title) = match mode {
        _ if is_refused => ("bad", "Nothing of it is taken".to_owned()),
        LoadMode::Commit => ("good", format!("Loaded: {counts}")),
        LoadMode::DryRun if changes == 0 => ("good", "All of it is there already".to_owned()),
        LoadMode::DryRun => ("warn", format!("Would be loaded: {counts}")),
    };
    let text = html! {
        @if is_other { p { strong { "This is not what was checked before." } " Nothing was loaded: look at it again." } }
        @for file in &report.files { (of_file(file)) }
        @for source in &report.sources { (of_source(source)) }
        @if mode == LoadMode::DryRun { p { "Nothing was changed." } }
        @if mode == LoadMode::DryRun && !is_refused && changes > 0 {
            p.unscripted { "Choose the same file once more to load it." }
            p.act { button name=(CHECKED) value=(digest) { "Load " (shown::counted(changes, "row")) } }
        }
    };
    headed(class, &title, &text)
}

fn of_file(file: &FileReport) -> Markup {
    html! {
        p {
            (file.file)
            @if let Some(format) = &file.format { ", " (format) }
            ": " (shown::counted(file.read, "row")) " read"
            @if file.rejected > 0 { ", " strong { (shown::grouped(file.rejected.into())) " faulty" } }
            "."
        }
        @if file.faults.is_empty() {
            @if let Some(refused) = &file.refused { p { (refused) } }
        } @else {
            (faults(&file.faults.faults, file.faults.more))
        }
    }
}

fn faults(faults: &[Fault], more: usize) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="Faults" {
            table {
                thead { tr {
                    th.number scope="col" { "Row" } th.number scope="col" { "Line" }
                    th scope="col" { "Field" } th scope="col" { "What is wrong" }
                } }
                tbody {
                    @for fault in faults {
                        tr {
                            td.number { (fault.row) }
                            td.number { @if fault.line > 0 { (fault.line) } }
                            td { (fault.field) }
                            td { (fault.problem) }
                        }
                    }
                }
            }
        }
        @if more > 0 { p.hint { "and " (shown::grouped(more as i128)) " more" } }
    }
}

fn of_source(source: &SourceReport) -> Markup {
    let profiles = &source.profiles;
    html! {
        p {
            "Source " strong { (source.source) } ": "
            (shown::grouped(source.inserted.into())) " new, "
            (shown::grouped(source.replaced.into())) " replaced, "
            (shown::grouped(source.unchanged.into())) " there already"
        }
        @if !profiles.is_empty() {
            ul { @for count in profiles { li { (count.profile) " tokens: " (shown::counted(count.rows, "row")) } } }
        }
        @for (rows, what) in [(source.without_profile, "traffic profile"), (source.without_hardware, "GPU or its count")] {
            @if rows > 0 { p { (shown::counted(rows, "row")) " without " (what) ": evidence for nothing." } }
        }
    }
}
