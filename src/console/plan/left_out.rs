//! What became of every configuration that is not offered, by the first thing that stopped it.

use maud::{Markup, html};

use super::super::shown;
use super::answer::Answered;
use crate::benchmark::EvidenceKind;
use crate::recommend::{Account, Outcome};

/// In the order in which things stop a configuration, from the back.
const STOPS: [(Outcome, &str); 4] = [
    (Outcome::OverLimit, "Over a limit"),
    (Outcome::Rejected, "Miss a target"),
    (Outcome::NotAllowed, "Not allowed"),
    (Outcome::NoEvidence, "No usable evidence"),
];

/// Rows of a group.
const SHOWN: usize = 100;

pub(super) fn left_out(answered: &Answered) -> Markup {
    let decision = answered.decision();
    let accounts = &answered.surveyed.accounts;
    let complying = accounts.iter().filter(|it| it.outcome == Outcome::Complies);
    html! {
        p {
            (shown::counted(accounts.len() as i64, "configuration")) " with benchmarks for "
            (decision.requirement.profile) " tokens; " (complying.count()) " comply."
        }
        @for (outcome, title) in STOPS {
            @let stopped: Vec<_> = accounts.iter().filter(|it| it.outcome == outcome).collect();
            @if !stopped.is_empty() {
                section.block {
                    h2 { (title) span.count { (stopped.len()) } }
                    div.scroll tabindex="0" role="region" aria-label=(title) {
                        table {
                            thead { tr { th scope="col" { "Configuration" } th scope="col" { "Why" } } }
                            tbody {
                                @for account in stopped.iter().take(SHOWN) { (row(answered, account)) }
                            }
                        }
                    }
                    @if stopped.len() > SHOWN { p.hint { "and " (stopped.len() - SHOWN) " more" } }
                }
            }
        }
        @let estimates = decision.explanation.estimates.summary();
        @if !estimates.is_empty() {
            section.block { h2 { "Estimates" } ul { @for line in estimates { li { (line) } } } }
        }
        @let hardware = &decision.explanation.gaps.hardware;
        @if !hardware.is_empty() {
            section.block {
                h2 { "Never benchmarked with these requests" }
                p { @for (at, name) in hardware.iter().enumerate() { @if at > 0 { ", " } (name) } }
            }
        }
    }
}

fn row(answered: &Answered, account: &Account) -> Markup {
    let configuration = &account.configuration;
    let kinds = EvidenceKind::ALL.iter().rev().copied();
    let kinds = kinds.filter(|kind| account.ladders.iter().any(|it| it.kind == *kind));
    html! {
        tr {
            th scope="row" {
                a href=(answered.page_of(configuration)) { (configuration.model) }
                span.under {
                    (configuration.accelerators()) " "
                    @for kind in kinds { (shown::kind(kind)) " " }
                }
            }
            td { (why(account)) }
        }
    }
}

/// Why it is not offered.
pub(in crate::console) fn why(account: &Account) -> Markup {
    html! {
        @match account.outcome {
            Outcome::Complies => "It complies.",
            Outcome::NoEvidence => "No benchmark of a kind, age or load that may back a decision.",
            Outcome::Rejected => {
                @if let Some(miss) = &account.nearest {
                    @for (at, failing) in miss.failing.iter().enumerate() {
                        @if at > 0 { "; " }
                        (failing.target) " p95 " strong { (shown::latency(failing.p95_ms)) } " of "
                        (shown::latency(failing.target_ms))
                    }
                    " at " (miss.offered_rps) " requests/s, its nearest"
                } @else { "No steady run shows that it meets the targets." }
            }
            Outcome::NotAllowed | Outcome::OverLimit => {
                @for (at, constraint) in account.broken.iter().enumerate() {
                    @if at > 0 { "; " } (constraint)
                }
                @if let Some(plan) = &account.plan {
                    " (" (shown::counted(plan.replicas.into(), "replica")) ", " (shown::counted(plan.gpus, "GPU"))
                    ", " (shown::cost(plan.cost_per_hour)) " an hour)"
                }
            }
        }
    }
}
