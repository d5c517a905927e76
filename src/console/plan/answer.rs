//! The answer: the best configuration with its p95s against the targets, what else would do, and
//! what would change it.

use jiff::Timestamp;
use maud::{Markup, html};

use super::super::chart::tradeoff;
use super::super::configuration;
use super::super::page::notice;
use super::super::question::Question;
use super::super::shown;
use super::{Shown, View, address, left_out, offers, yaml};
use crate::advise::{Surveyed, words};
use crate::api::DeploymentIntent;
use crate::benchmark::Configuration;
use crate::recommend::{
    ASSUMPTIONS, Candidate, CapacityBound, Decision, MicroDollars, Plan, REQUESTS_WORTH_RUNNING,
    Settlement, Target,
};

/// A question with all that was found.
pub(super) struct Answered<'a> {
    pub(super) question: &'a Question,
    pub(super) shown: Shown,
    pub(super) intent: &'a DeploymentIntent,
    pub(super) surveyed: &'a Surveyed,
    pub(super) now: Timestamp,
}

impl Answered<'_> {
    pub(super) fn decision(&self) -> &Decision {
        &self.surveyed.advice.decision
    }

    /// The page of a configuration, under this question.
    pub(super) fn page_of(&self, configuration: &Configuration) -> String {
        configuration::address(self.question, configuration)
    }
}

/// The open part of the answer, below links to all of them.
pub(super) fn answer(answered: &Answered) -> Markup {
    html! {
        (tabs(answered))
        @match answered.shown.view {
            View::Answer => {
                @match &answered.decision().recommendation {
                    Some(best) => {
                        (headline(answered, best))
                        (tradeoff::figure(answered.decision(), &answered.surveyed.offers, &|it| answered.page_of(it)))
                        (offers::table(answered))
                    }
                    None => (nothing_complies(answered))
                }
                (changes(answered))
                (benchmarks_worth_running(answered))
            }
            View::LeftOut => (left_out::left_out(answered))
            View::Intent => (intent(answered))
            View::Manifests => (manifests(answered))
        }
    }
}

fn tabs(answered: &Answered) -> Markup {
    let counts = &answered.decision().explanation.counts;
    let left_out = counts.configurations - counts.compliant;
    html! {
        nav.tabs aria-label="Parts of the answer" {
            @for view in View::ALL {
                @let to = address(answered.question, Shown { view, ..answered.shown });
                a href=(to) aria-current=[(view == answered.shown.view).then_some("true")]
                    hx-get=(to) hx-target="#answer" hx-select="#answer" hx-swap="outerHTML" {
                    (view.title())
                    @if view == View::LeftOut { span.count { (left_out) } }
                }
            }
        }
    }
}

fn headline(answered: &Answered, best: &Candidate) -> Markup {
    let decision = answered.decision();
    let configuration = &best.configuration;
    html! {
        article.best {
            header {
                div {
                    p.over { "Recommended " (shown::kind(best.kind)) }
                    h2 {
                        a href=(answered.page_of(configuration)) { (configuration.model) }
                    }
                    p.size {
                        strong { (shown::counted(best.replicas.into(), "replica")) }
                        " of " strong { (configuration.accelerators()) }
                        ", " (shown::counted(best.gpus, "GPU")) " in all"
                    }
                }
                (price(best.cost_per_hour))
            }
            (meters(decision, best))
            (facts(answered, best))
            @if !best.caveats.is_empty() {
                details.caveats {
                    summary { "Before you rely on it: " (shown::counted(best.caveats.len() as i64, "note")) }
                    ul { @for caveat in &best.caveats { li { (caveat) } } }
                }
            }
        }
    }
}

fn price(cost: Option<MicroDollars>) -> Markup {
    html! {
        p.price {
            @match cost {
                Some(cost) => {
                    strong { (shown::dollars(cost)) } span.unit { " an hour" }
                    span.month { (shown::whole_dollars(cost.per_month())) " a month" }
                }
                None => strong { "Price unknown" }
            }
        }
    }
}

/// Each predicted p95 beside its target.
pub(in crate::console) fn meters(decision: &Decision, candidate: &Candidate) -> Markup {
    let requirement = &decision.requirement;
    html! {
        dl.meters {
            @for target in Target::ALL {
                @let target_ms = target.of(&requirement.slo);
                @let p95_ms = target.latency(&candidate.operating_row).p95_ms;
                @let room = words::headroom_percent(p95_ms, target_ms);
                div.binds[target == candidate.binding_target] {
                    dt {
                        (target) " p95"
                        @if target == candidate.binding_target { span.hint { " binds" } }
                    }
                    dd {
                        strong { (p95_ms.map_or_else(|| "unknown".to_owned(), shown::latency)) }
                        span.hint { " of " (shown::target(target_ms)) }
                        (bar(p95_ms, target_ms))
                        @if let Some(room) = room { span.hint { (room) " % room" } }
                    }
                }
            }
        }
    }
}

/// A latency as a share of its target.
fn bar(p95_ms: Option<f64>, target_ms: i32) -> Markup {
    let share = p95_ms
        .map_or(0.0, |ms| ms / f64::from(target_ms))
        .clamp(0.0, 1.0);
    html! {
        svg.bar viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" {
            rect.track width="100" height="4" rx="2" {}
            rect.fill width=(format!("{:.1}", share * 100.0)) height="4" rx="2" {}
        }
    }
}

fn facts(answered: &Answered, best: &Candidate) -> Markup {
    let decision = answered.decision();
    let row = &best.operating_row;
    let bound = match best.capacity.bound {
        CapacityBound::AtLeast => "at least ",
        CapacityBound::Known(_) => "",
    };
    html! {
        dl.facts {
            div {
                dt { "Evidence" }
                dd {
                    (shown::kind(best.kind)) " by " (best.source) ", " (shown::day(row.measured_at))
                    @if let Some(at) = row.measured_at { " (" (shown::age(at, answered.now)) ")" }
                    @if let Some(framework) = words::framework(&best.configuration) { ", " (framework) }
                    "; " (best.strength)
                }
            }
            div {
                dt { "Capacity" }
                dd {
                    (bound) (shown::rate(best.capacity.rps)) " requests/s a replica; "
                    (best.capacity_if_slower.map_or_else(|| "none".to_owned(), shown::rate))
                    " if every p95 were 10 % higher"
                }
            }
            @if let Some(survives) = best.survives_loss_of_one_replica {
                div {
                    dt { "One lost" }
                    dd { @if survives { "the others still meet the demand" } @else { "the others do not meet the demand" } }
                }
            }
            @if let Some(break_even) = &decision.break_even {
                div {
                    dt { "Holds up to" }
                    dd {
                        (shown::rate(break_even.same_replicas_up_to_rps)) " requests/s; beyond "
                        (shown::rate(break_even.same_configuration_up_to_rps)) ": " (words::then(break_even))
                    }
                }
            }
            @if let Some(settlement) = &decision.settlement {
                div { dt { "Settled" } dd { (settled(settlement)) } }
            }
            @if let Some(cost) = best.whole_node_cost_per_hour {
                div { dt { "Whole nodes" } dd { (shown::dollars(cost)) " an hour, if replicas are packed" } }
            }
            div { dt { "Assumes" } dd { (ASSUMPTIONS.join("; ")) } }
        }
    }
}

fn settled(settlement: &Settlement) -> String {
    match (settlement.settled, settlement.challengers) {
        (true, _) => "yes: no plausible capacity makes another one cheaper".to_owned(),
        (false, 0) => "no: it rests on an estimate".to_owned(),
        (false, 1) => {
            "no: another one is not shown cheaper, and a benchmark could show it".to_owned()
        }
        (false, others) => {
            format!("no: {others} others are not shown cheaper, and a benchmark could show it")
        }
    }
}

fn nothing_complies(answered: &Answered) -> Markup {
    let decision = answered.decision();
    let explanation = &decision.explanation;
    let counts = &explanation.counts;
    let profile = decision.requirement.profile;
    if counts.configurations == 0 {
        let text = html! {
            p { "Nothing was benchmarked with " (profile) " tokens, so nothing can be said." }
            @if explanation.profiles.is_empty() {
                p { "The knowledge base is empty: " code { "compass load FILE" } " puts benchmarks into it." }
            } @else {
                p {
                    "There are benchmarks with "
                    @for (at, count) in explanation.profiles.iter().enumerate() {
                        @if at > 0 { ", " } (count.profile)
                    }
                    " tokens. Evidence of kind estimated may be interpolated from them."
                }
            }
        };
        return notice("bad", "No benchmarks for these requests", &text);
    }
    let text = html! {
        p {
            "Of " (shown::counted(counts.configurations as i64, "configuration")) " with benchmarks for "
            (profile) " tokens, " (counts.rejected) " miss a target, " (counts.excluded.by_evidence)
            " lack usable evidence, " (counts.excluded.by_constraints) " are not allowed and "
            (counts.excluded.by_limits) " are over a limit."
        }
        @if !explanation.nearest_misses.is_empty() {
            h3 { "Nearest misses" }
            ul {
                @for miss in &explanation.nearest_misses {
                    li {
                        a href=(answered.page_of(&miss.configuration)) {
                            (miss.configuration.model) " on " (miss.configuration.accelerators())
                        }
                        " at " (miss.offered_rps) " requests/s: "
                        @for (at, failing) in miss.failing.iter().enumerate() {
                            @if at > 0 { "; " }
                            (failing.target) " p95 " (shown::latency(failing.p95_ms)) " of " (shown::latency(failing.target_ms))
                        }
                    }
                }
            }
        }
        @if let Some(over) = &explanation.over_limit {
            p { (plan(&over.plan)) " meets the targets, but " (over.reasons()) "." }
        }
    };
    notice("bad", "Nothing complies", &text)
}

/// A plan in a line.
fn plan(plan: &Plan) -> Markup {
    html! {
        (plan.configuration.model) " on " (plan.configuration.accelerators()) ", "
        (shown::counted(plan.replicas.into(), "replica")) ", " (shown::cost(plan.cost_per_hour))
        " an hour " (shown::kind(plan.kind))
    }
}

/// What a change of the question would buy, and what other objectives would choose.
fn changes(answered: &Answered) -> Markup {
    let decision = answered.decision();
    let now = decision
        .recommendation
        .as_ref()
        .and_then(|it| it.cost_per_hour);
    let helpful: Vec<_> = words::helpful_changes(decision).collect();
    let unknown = &decision.explanation.gaps.unknown_names;
    html! {
        @for name in unknown {
            (notice("warn", "Unknown name", &html! { p { (words::unknown_name(name)) } }))
        }
        @if !helpful.is_empty() {
            section.block {
                h2 { @if now.is_some() { "A small change would buy" } @else { "What would help" } }
                div.scroll tabindex="0" role="region" aria-label="Changes" {
                    table {
                        thead { tr { th scope="col" { "Change" } th scope="col" { "Then" } th.number scope="col" { "An hour" } th.number scope="col" { "Cost" } } }
                        tbody {
                            @for (change, then) in &helpful {
                                tr {
                                    td { (change) }
                                    td {
                                        (then.configuration.model) " on " (then.configuration.accelerators()) " x "
                                        (then.replicas) " " (shown::kind(then.kind))
                                    }
                                    td.number { (shown::cost(then.cost_per_hour)) }
                                    td.number {
                                        @if let Some(percent) = words::percent_more(then.cost_per_hour, now) {
                                            (format!("{percent:+} %"))
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        @if !decision.other_objectives.is_empty() {
            section.block {
                h2 { "Other preferences would choose" }
                div.scroll tabindex="0" role="region" aria-label="Other preferences" {
                    table {
                        thead { tr { th scope="col" { "Prefer" } th scope="col" { "Configuration" } th.number scope="col" { "An hour" } th.number scope="col" { "Worst p95" } th.number scope="col" { "Quality" } } }
                        tbody {
                            @for other in &decision.other_objectives {
                                tr {
                                    td { (format!("{:?}", other.objective)) }
                                    td {
                                        (other.plan.configuration.model) " on " (other.plan.configuration.accelerators())
                                        " x " (other.plan.replicas) " " (shown::kind(other.plan.kind))
                                    }
                                    td.number { (shown::cost(other.plan.cost_per_hour)) }
                                    td.number { (shown::percent(other.worst_ratio)) }
                                    td.number { (other.quality.map_or_else(|| "unknown".to_owned(), |it| it.to_string())) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn benchmarks_worth_running(answered: &Answered) -> Markup {
    let decision = answered.decision();
    let Some(settlement) = &decision.settlement else {
        return html! {};
    };
    if settlement.worth_running.is_empty() {
        return html! {};
    }
    html! {
        section.block {
            h2 { "Benchmarks worth running" }
            p.hint {
                (decision.requirement.profile) " tokens, steady, " (shown::grouped(REQUESTS_WORTH_RUNNING.into()))
                " requests or more at each rate"
            }
            ul {
                @for worth in settlement.worth_running.iter().take(words::WORTH_RUNNING_SHOWN) {
                    @let rates: Vec<_> = worth.rates_rps.iter().map(|it| it.normalize().to_string()).collect();
                    li {
                        (worth.plan.configuration.model) " on " (worth.plan.configuration.accelerators())
                        " at " (rates.join(" and ")) " requests/s: " (words::worth(worth.reason))
                        @if let Some(saving) = worth.saving_per_hour {
                            ", up to " (shown::whole_dollars(saving.per_month())) " a month less"
                        }
                    }
                }
            }
        }
    }
}

fn intent(answered: &Answered) -> Markup {
    let about = html! {
        "To be kept in Git and given to " code { "kubectl apply" } ". What it delivers is said in "
        code { "spec.delivery.mode" } "."
    };
    let to = format!("/intent.yaml?{}", answered.question.query());
    yaml::file(&yaml::intent(answered.intent), &to, &about)
}

fn manifests(answered: &Answered) -> Markup {
    match &answered.surveyed.advice.manifests {
        None => notice(
            "bad",
            "Nothing complies",
            &html! { p { "There is nothing to deploy." } },
        ),
        Some(Err(error)) => notice(
            "bad",
            "No manifests can be made of this recommendation",
            &html! { p { (error) } },
        ),
        Some(Ok(manifests)) => {
            let about = html! {
                "Byte for byte what " code { "compass render" } " prints and the operator writes."
            };
            let to = format!("/manifests.yaml?{}", answered.question.query());
            html! {
                @for deviation in manifests.deviations() {
                    (notice("warn", "The prediction does not hold", &html! { p { (deviation) } }))
                }
                @for note in manifests.notes() { p.hint { "Note: " (note) } }
                (yaml::file(&manifests.yaml(), &to, &about))
            }
        }
    }
}

/// A model's score in a table.
pub(super) fn quality(quality: Option<u8>) -> Markup {
    html! {
        @match quality {
            Some(score) => (score),
            None => span.hint title="No source publishes a score" { "–" }
        }
    }
}
