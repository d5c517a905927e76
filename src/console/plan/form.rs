//! The question as a form. It asks by itself with a plain GET; a script asks while somebody types.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::super::question::{Problems, Question};
use super::super::shown;
use super::start;
use crate::benchmark::{HardwareName, ModelName};
use crate::catalog::{Catalog, ExperienceClass, UseCase, UseCaseTemplate};
use crate::recommend::{Account, Requirement, Target};

/// The question, and what is known of it.
pub(super) struct Form<'a> {
    pub(super) question: &'a Question,
    pub(super) problems: &'a Problems,
    /// What it comes to.
    pub(super) requirement: Option<&'a Requirement>,
    /// The configurations with benchmarks for its profile.
    pub(super) accounts: &'a [Account],
    pub(super) catalog: &'a Catalog,
}

/// The id of a field's input: a selector takes a point for a class.
pub(super) fn id(path: &str) -> String {
    path.replace('.', "-")
}

/// Where a slider begins and ends, ms.
fn range(target: Target) -> (i32, i32) {
    match target {
        Target::Ttft => (20, 10_000),
        Target::Itl => (5, 200),
        Target::E2e => (500, 120_000),
    }
}

fn path(target: Target) -> &'static str {
    match target {
        Target::Ttft => "slo.ttftP95Ms",
        Target::Itl => "slo.itlP95Ms",
        Target::E2e => "slo.e2eP95Ms",
    }
}

fn meaning(target: Target) -> &'static str {
    match target {
        Target::Ttft => "Time to first token: how long until an answer begins",
        Target::Itl => "Inter-token latency: the pace of the words that follow",
        Target::E2e => "End to end: until the answer is whole",
    }
}

impl Form<'_> {
    fn template(&self) -> Option<&UseCaseTemplate> {
        let use_cases = UseCase::SHIPPED.into_iter();
        let mut chosen = use_cases.filter(|it| it.as_str() == self.question.get("useCase"));
        self.catalog.use_case(chosen.next()?)
    }

    /// What the model is for, to people.
    pub(super) fn title(&self) -> String {
        let template = self.template();
        template.map_or_else(
            || "Custom workload".to_owned(),
            |template| template.use_case.clone(),
        )
    }

    pub(super) fn markup(&self) -> Markup {
        html! {
            form #question method="get" action="/" autocomplete="off"
                hx-get="/" hx-trigger="input delay:30ms, submit" hx-sync="this:replace"
                hx-target="#answer" hx-select="#answer" hx-swap="outerHTML"
                hx-select-oob="#resolved-ttft,#resolved-itl,#resolved-e2e,#resolved-demand,#said" {
                input type="hidden" name="useCase" value=(self.question.get("useCase"));
                (self.use_case())
                (self.targets())
                (self.demand())
                (self.objective())
                (self.models())
                (self.hardware())
                (self.evidence())
                (self.naming())
                p.submit { button { "Answer" } a.quiet href="/" { "Start over" } }
            }
            p #said.visually-hidden role="status" { (self.said()) }
        }
    }

    /// What a screen reader says when an answer has come.
    fn said(&self) -> String {
        let comply = self.accounts.iter();
        let comply = comply.filter(|it| it.outcome == crate::recommend::Outcome::Complies);
        match (self.problems.iter().next(), self.requirement) {
            (Some(_), _) => "This cannot be asked: see the answer".to_owned(),
            (None, Some(_)) => format!(
                "{} of {} comply",
                comply.count(),
                shown::counted(self.accounts.len() as i64, "configuration")
            ),
            (None, None) => "No answer".to_owned(),
        }
    }

    fn use_case(&self) -> Markup {
        let profile = self.requirement.map(|requirement| requirement.profile);
        html! {
            section.use-case {
                h1 { (self.title()) }
                @if let Some(template) = self.template() {
                    p { (template.description) }
                    details { summary { "Why these targets" } p { (template.rationale) } }
                }
                details.choose {
                    summary { "Another use case" }
                    (start::use_cases(self.catalog, self.question))
                }
                @if let Some(profile) = profile {
                    p.facts {
                        (shown::grouped(profile.prompt_tokens.into())) " prompt tokens, "
                        (shown::grouped(profile.output_tokens.into())) " output tokens a request"
                    }
                }
                details open[self.template().is_none()] {
                    summary { "Length of requests" }
                    @let of = |tokens: fn(&UseCaseTemplate) -> i32| self.template().map(tokens);
                    (self.number("trafficProfile.promptTokens", "Prompt", "tokens", &placeholder(of(|it| it.traffic_profile.prompt_tokens)), true))
                    (self.number("trafficProfile.outputTokens", "Output", "tokens", &placeholder(of(|it| it.traffic_profile.output_tokens)), true))
                }
            }
        }
    }

    fn targets(&self) -> Markup {
        let template = self.template();
        html! {
            fieldset {
                legend { "p95 targets" }
                @for target in Target::ALL { (self.target(target)) }
                div.field {
                    label for="experienceClass" { "Experience" }
                    select #experienceClass name="experienceClass" {
                        option value="" {
                            @match template {
                                Some(template) => (class_name(template.experience_class)),
                                None => "targets as given",
                            }
                        }
                        @for class in classes().filter(|it| template.is_none_or(|of| of.experience_class != *it)) {
                            @let name = class_word(class);
                            option value=(name) selected[self.question.get("experienceClass") == name] { (class_name(class)) }
                        }
                    }
                    (self.problem("experienceClass"))
                }
            }
        }
    }

    fn target(&self, target: Target) -> Markup {
        let path = path(target);
        let id = id(path);
        let in_force = self.requirement.map(|it| target.of(&it.slo));
        let in_force = in_force.or(self.template().map(|it| target.of(&it.slo_targets)));
        let (least, most) = range(target);
        let name = target.to_string();
        html! {
            div.field.target {
                label for=(id) title=(meaning(target)) { (name) }
                input.scripted type="range" min="0" max="1000" aria-label={ (name) " p95 target, slider" }
                    data-slides=(id) data-least=(least) data-most=(most) data-value=[in_force];
                span.amount {
                    input #(id) name=(path) value=(self.question.get(path)) inputmode="numeric" size="6"
                        placeholder=(placeholder(in_force)) aria-describedby={ "resolved-" (name.to_lowercase()) }
                        aria-invalid=[self.problems.of(path).map(|_| "true")];
                    span.unit { "ms" }
                }
                output #{ "resolved-" (name.to_lowercase()) }.hint for=(id) {
                    @if let Some(in_force) = in_force { "≤ " (shown::target(in_force)) }
                    @if self.question.get(path).is_empty() && self.template().is_some() { ", the use case's" }
                }
                (self.problem(path))
            }
        }
    }

    fn demand(&self) -> Markup {
        let demand = self.requirement.and_then(|it| it.demand.as_ref());
        let workload = self.template().map(|template| template.workload);
        let factor = |of: fn(&crate::catalog::Workload) -> rust_decimal::Decimal| {
            workload
                .as_ref()
                .map_or_else(String::new, |it| of(it).normalize().to_string())
        };
        html! {
            fieldset {
                legend { "Demand" }
                (self.number("demand.requestsPerSecond", "Requests", "a second", "one replica", false))
                (self.number("demand.users", "or users", "people", "", true))
                output #resolved-demand.hint {
                    @if let Some(demand) = demand {
                        (demand.requests_per_second) " requests/s at the busiest minute, and "
                        (demand.headroom_percent) " % room above"
                    } @else { "Without a demand one replica is shown" }
                }
                (self.problem_of_whole("demand"))
                details {
                    summary { "Room and users' habits" }
                    (self.number("demand.headroomPercent", "Headroom", "%", "20", true))
                    (self.number("demand.spareReplicas", "Spare", "replicas", "0", true))
                    (self.number("demand.activeFraction", "Active share", "of users", &factor(|it| it.active_fraction), false))
                    (self.number("demand.requestsPerActiveUserPerMinute", "Each asks", "a minute", &factor(|it| it.requests_per_active_user_per_minute), false))
                    (self.number("demand.peakMultiplier", "Peak", "x mean", &factor(|it| it.peak_multiplier), false))
                }
            }
        }
    }

    fn objective(&self) -> Markup {
        let options = [
            ("", "Cost", "the cheapest that meets the targets"),
            (
                "Latency",
                "Latency",
                "furthest below the targets, within 1.5 x of the cheapest",
            ),
            (
                "Quality",
                "Quality",
                "the model that scores highest, then the cheapest",
            ),
            ("Balanced", "Balanced", "cost, latency and quality weighed"),
        ];
        let asked = match self.question.get("objective") {
            "Cost" => "",
            asked => asked,
        };
        html! {
            fieldset.choice {
                legend { "Prefer" }
                @for (value, name, meaning) in options {
                    label title=(meaning) {
                        input type="radio" name="objective" value=(value) checked[asked == value];
                        span { (name) }
                    }
                }
                (self.problem("objective"))
            }
        }
    }

    fn models(&self) -> Markup {
        let benchmarked: BTreeSet<_> = self
            .accounts
            .iter()
            .map(|it| it.configuration.model.clone())
            .collect();
        let asked = self.question.all("models.allow");
        let mut names: BTreeSet<ModelName> = self.catalog.models().cloned().collect();
        names.extend(benchmarked.iter().cloned());
        names.extend(asked.iter().map(ModelName::new));
        let options = names.into_iter().map(|name| {
            let is_asked = asked.iter().any(|it| ModelName::new(it) == name);
            (name.to_string(), is_asked, benchmarked.contains(&name))
        });
        html! {
            details.names open[self.problems.of("models").is_some()] {
                summary { "Models" span.count { (chosen(asked.len(), "any")) } }
                (self.names("models.allow", options))
                (self.number("models.minimumQuality", "Least quality", "of 100", "none", true))
                (self.text("models.deny", "Never", &self.question.all("models.deny").join(", ")))
            }
        }
    }

    fn hardware(&self) -> Markup {
        let benchmarked: BTreeSet<_> = self
            .accounts
            .iter()
            .map(|it| it.configuration.hardware.clone())
            .collect();
        let asked = self.question.all("hardware.allow");
        let is_asked = |name: &HardwareName| {
            asked
                .iter()
                .any(|it| self.catalog.canonical_hardware(it) == *name)
        };
        let mut names: BTreeSet<HardwareName> = self.catalog.hardware_names().cloned().collect();
        names.extend(benchmarked.iter().cloned());
        names.extend(asked.iter().map(|it| self.catalog.canonical_hardware(it)));
        let options = names.into_iter().map(|name| {
            (
                name.to_string(),
                is_asked(&name),
                benchmarked.contains(&name),
            )
        });
        html! {
            details.names open[self.problems.of("hardware").is_some()] {
                summary { "Hardware" span.count { (chosen(asked.len(), "any")) } }
                (self.names("hardware.allow", options))
                (self.number("hardware.maxGpus", "At most", "GPUs", "any", true))
                (self.number("hardware.maxCostPerHour", "At most", "$ an hour", "any", false))
                (self.text("hardware.deny", "Never", &self.question.all("hardware.deny").join(", ")))
            }
        }
    }

    fn names(&self, path: &str, options: impl Iterator<Item = (String, bool, bool)>) -> Markup {
        html! {
            div.checks role="group" aria-label={ "Only these (" (path) ")" } {
                p.hint { "None ticked: any of them" }
                @for (name, is_asked, is_benchmarked) in options {
                    label class=[(!is_benchmarked).then_some("unbenchmarked")] {
                        input type="checkbox" name=(path) value=(name) checked[is_asked];
                        span { (name) }
                        @if !is_benchmarked { span.hint { "no benchmarks here" } }
                    }
                }
            }
            (self.problem(path))
        }
    }

    fn evidence(&self) -> Markup {
        let minimum = self.question.get("evidence.minimum");
        html! {
            details {
                summary { "Evidence" }
                div.field {
                    label for="evidence-minimum" { "At least" }
                    select #evidence-minimum name="evidence.minimum" {
                        @for (value, name) in [("", "simulated"), ("measured", "measured"), ("estimated", "estimated")] {
                            option value=(value) selected[minimum == value || (minimum == "simulated" && value.is_empty())] { (name) }
                        }
                    }
                    (self.problem("evidence.minimum"))
                }
                (self.number("evidence.maxAgeDays", "At most", "days old", "any", true))
                (self.number("evidence.marginPercent", "Margin", "%", "0", true))
            }
        }
    }

    fn naming(&self) -> Markup {
        html! {
            details open[self.problems.of("name").is_some()] {
                summary { "Name in YAML" }
                (self.text("name", "Name", self.question.get("name")))
                (self.text("namespace", "Namespace", self.question.get("namespace")))
            }
        }
    }

    fn text(&self, path: &str, label: &str, value: &str) -> Markup {
        let id = id(path);
        html! {
            div.field {
                label for=(id) { (label) }
                input #(id) name=(path) value=(value) spellcheck="false"
                    aria-invalid=[self.problems.of(path).map(|_| "true")];
                (self.problem(path))
            }
        }
    }

    /// A field for a number; `is_whole` chooses the keyboard of a phone.
    fn number(
        &self,
        path: &str,
        label: &str,
        unit: &str,
        placeholder: &str,
        is_whole: bool,
    ) -> Markup {
        let id = id(path);
        html! {
            div.field {
                label for=(id) { (label) }
                span.amount {
                    input #(id) name=(path) value=(self.question.get(path)) size="6"
                        inputmode=(if is_whole { "numeric" } else { "decimal" })
                        placeholder=(placeholder) aria-invalid=[self.problems.of(path).map(|_| "true")];
                    span.unit { (unit) }
                }
                (self.problem(path))
            }
        }
    }

    fn problem(&self, path: &str) -> Markup {
        html! {
            @if let Some(problem) = self.problems.of(path) { p.problem { (problem) } }
        }
    }

    /// What is wrong with a part as a whole, and not with a field in it.
    fn problem_of_whole(&self, path: &str) -> Markup {
        let problem = self.problems.iter().find(|(field, _)| *field == path);
        html! {
            @if let Some((_, problem)) = problem { p.problem { (problem) } }
        }
    }
}

fn placeholder(value: Option<i32>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn chosen(count: usize, none: &str) -> String {
    match count {
        0 => none.to_owned(),
        count => format!("{count} allowed"),
    }
}

fn classes() -> impl Iterator<Item = ExperienceClass> {
    use clap::ValueEnum;
    ExperienceClass::value_variants().iter().copied()
}

fn class_word(class: ExperienceClass) -> &'static str {
    match class {
        ExperienceClass::Instant => "instant",
        ExperienceClass::Conversational => "conversational",
        ExperienceClass::Interactive => "interactive",
        ExperienceClass::Deferred => "deferred",
        ExperienceClass::Batch => "batch",
    }
}

fn class_name(class: ExperienceClass) -> &'static str {
    match class {
        ExperienceClass::Instant => "Instant, faster than a thought",
        ExperienceClass::Conversational => "Conversational, the pace of a talk",
        ExperienceClass::Interactive => "Interactive, somebody waits",
        ExperienceClass::Deferred => "Deferred, somebody comes back",
        ExperienceClass::Batch => "Batch, nobody waits",
    }
}
