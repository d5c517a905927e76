//! Where nothing is asked yet: what a model can be for.

use maud::{Markup, html};

use super::super::question::Question;
use super::super::shown;
use super::{Shown, address};
use crate::catalog::{Catalog, ExperienceClass, UseCase};
use crate::recommend::Target;

/// The first page.
pub(super) fn start(catalog: &Catalog, question: &Question) -> Markup {
    html! {
        div.start {
            h1 { "What is the model for?" }
            p.lead {
                "Compass finds the model, GPU and number of replicas whose benchmarked p95 latencies meet "
                "your targets at the least cost, and shows the evidence."
            }
            (use_cases(catalog, question))
        }
    }
}

fn class(class: ExperienceClass) -> &'static str {
    match class {
        ExperienceClass::Instant => "Instant",
        ExperienceClass::Conversational => "Conversational",
        ExperienceClass::Interactive => "Interactive",
        ExperienceClass::Deferred => "Deferred",
        ExperienceClass::Batch => "Batch",
    }
}

/// A card for each use case, and one for a workload of one's own.
pub(super) fn use_cases(catalog: &Catalog, question: &Question) -> Markup {
    let chosen = question.get("useCase");
    let link = |use_case: UseCase| address(&question.of_use_case(use_case), Shown::default());
    let current = |use_case: UseCase| (chosen == use_case.as_str()).then_some("true");
    html! {
        ul.cards {
            @for (use_case, template) in catalog.use_cases() {
                li {
                    a.card href=(link(use_case)) aria-current=[current(use_case)] {
                        strong { (template.use_case) }
                        span.what { (template.description) }
                        span.facts {
                            (class(template.experience_class)) ", " (template.traffic_profile) " tokens" br;
                            @for (at, target) in Target::ALL.into_iter().enumerate() {
                                @if at > 0 { " · " }
                                (target) " " (shown::target(target.of(&template.slo_targets)))
                            }
                        }
                    }
                }
            }
            li {
                a.card href={ (link(UseCase::Custom)) "&trafficProfile.promptTokens=1024&trafficProfile.outputTokens=1024&experienceClass=interactive" }
                    aria-current=[current(UseCase::Custom)] {
                    strong { "Custom" }
                    span.what { "A workload of your own: you say how long its requests are and how fast answers must come." }
                    span.facts { "your tokens, your targets" }
                }
            }
        }
    }
}
