//! One intent in full: its answer and why, its conditions and events, what waits, and how to let it.

use k8s_openapi::api::core::v1::{ConfigMap, Event};
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use maud::{Markup, html};
use similar::{ChangeTag, TextDiff};

use super::super::page::notice;
use super::super::question::Question;
use super::super::viewer::Viewer;
use super::super::{Console, shown};
use super::{condition_of, dollars};
use crate::advise::{self, advise};
use crate::api::{DeploymentIntent, ExplanationStatus, ProposedStatus, RecommendationStatus};
use crate::manifest::MANIFESTS_KEY;

/// Lines around a change.
const CONTEXT: usize = 3;
/// Events shown, the newest.
const EVENTS: usize = 30;

/// An intent with what the viewer may see around it; `None` is what they may not.
pub(super) struct Found {
    intent: DeploymentIntent,
    delivered: Option<String>,
    events: Option<Vec<Event>>,
}

/// Reads it as the viewer.
pub(super) async fn read(viewer: &Viewer, namespace: &str, name: &str) -> kube::Result<Found> {
    let client = || viewer.client.clone();
    let intents: Api<DeploymentIntent> = Api::namespaced(client(), namespace);
    let intent = intents.get(name).await?;
    let config_maps: Api<ConfigMap> = Api::namespaced(client(), namespace);
    let delivered = config_maps.get_opt(name).await.ok();
    let delivered =
        delivered.map(|found| found.map_or_else(String::new, |it| manifests(it, &intent)));
    let events: Api<Event> = Api::namespaced(client(), namespace);
    let about = format!("involvedObject.kind=DeploymentIntent,involvedObject.name={name}");
    let events = events.list(&ListParams::default().fields(&about)).await;
    let events = events.ok().map(|list| newest_first(list.items));
    Ok(Found {
        intent,
        delivered,
        events,
    })
}

/// The manifests in the intent's own ConfigMap.
fn manifests(config_map: ConfigMap, intent: &DeploymentIntent) -> String {
    let is_its_own = config_map.owner_references().iter().any(|owner| {
        owner.controller == Some(true) && Some(&owner.uid) == intent.metadata.uid.as_ref()
    });
    let mut data = config_map.data.unwrap_or_default();
    let manifests = data.remove(MANIFESTS_KEY).filter(|_| is_its_own);
    manifests.unwrap_or_default()
}

fn time(event: &Event) -> Option<k8s_openapi::jiff::Timestamp> {
    let last = event.last_timestamp.as_ref().map(|time| time.0);
    last.or(event.event_time.as_ref().map(|time| time.0))
}

fn newest_first(mut events: Vec<Event>) -> Vec<Event> {
    events.sort_by_key(|event| std::cmp::Reverse(time(event)));
    events.truncate(EVENTS);
    events
}

/// Whether it is ready, and why not.
pub(super) fn readiness(intent: &DeploymentIntent) -> Markup {
    let ready = condition_of(intent, "Ready");
    let (class, word) = match ready.map(|ready| &*ready.status) {
        Some("True") => ("yes", "Ready"),
        Some("False") => ("no", "Not ready"),
        _ => ("unknown", "Unknown"),
    };
    html! {
        span class={ "ready " (class) } { (word) }
        @if let Some(ready) = ready { span.under { (ready.reason) } }
    }
}

pub(super) async fn intent(console: &Console, found: &Found) -> Markup {
    let intent = &found.intent;
    let status = intent.status.clone().unwrap_or_default();
    let plan = format!("/?{}", Question::of(intent).query());
    let namespace = intent.namespace().unwrap_or_default();
    html! {
        header {
            h1 { (intent.name_any()) }
            p.size { (namespace) ", " (intent.spec.use_case) ", " (format!("{:?}", intent.spec.delivery.mode)) }
        }
        @if let Some(ready) = condition_of(intent, "Ready") {
            @let class = if ready.status == "True" { "good" } else { "bad" };
            (notice(class, &format!("{}: {}", if ready.status == "True" { "Ready" } else { "Not ready" }, ready.reason), &html! { p { (ready.message) } }))
        }
        @if let Some(proposed) = &status.proposed { (proposal(intent, proposed)) }
        @if let Some(best) = &status.recommendation { (recommendation(best, &plan)) }
        @if let Some(explanation) = &status.explanation { (explained(explanation, &plan)) }
        @if let Some(delivered) = &status.delivered {
            section.block {
                h2 { "What runs" }
                p {
                    (delivered.model) " on " (delivered.gpus_per_replica) "x" (delivered.hardware) ", "
                    (shown::counted(delivered.replicas.into(), "replica"))
                }
            }
        }
        (conditions(intent))
        (events(found.events.as_deref()))
        (difference(console, found).await)
    }
}

fn proposal(intent: &DeploymentIntent, proposed: &ProposedStatus) -> Markup {
    let saving = proposed.saving_per_month.as_deref();
    let namespace = intent.namespace().unwrap_or_default();
    let text = html! {
        p {
            (proposed.model) " on " (proposed.accelerators) ", " (shown::counted(proposed.replicas.into(), "replica")) ", "
            (shown::cost(dollars(proposed.cost_per_hour.as_deref()))) " an hour"
            @if let Some(saving) = dollars(saving) { "; " (shown::saving(saving)) }
        }
        p { (proposed.reason) }
        @if !proposed.changes.is_empty() { ul { @for change in &proposed.changes { li { (change) } } } }
        p { "To let it be delivered:" }
        div.command {
            pre #approve tabindex="0" aria-label="Command" {
                code { "kubectl compass approve " (intent.name_any()) " -n " (namespace) }
            }
            button.scripted.quiet type="button" data-copy="approve" { "Copy" }
        }
    };
    notice("warn", "A decision waits", &text)
}

fn recommendation(best: &RecommendationStatus, plan: &str) -> Markup {
    let p95s = [
        ("TTFT", &best.predicted.ttft_p95_ms),
        ("ITL", &best.predicted.itl_p95_ms),
        ("E2E", &best.predicted.e2e_p95_ms),
    ];
    html! {
        article.best {
            header {
                div {
                    p.over { "Recommended " (shown::kind(best.evidence.kind)) }
                    h2 { (best.model) }
                    p.size { strong { (shown::counted(best.replicas.into(), "replica")) } " of " strong { (best.accelerators) } }
                }
                p.price {
                    strong { (shown::cost(dollars(best.cost_per_hour.as_deref()))) } span.unit { " an hour" }
                    @if let Some(month) = dollars(best.cost_per_month.as_deref()) {
                        span.month { (shown::whole_dollars(month)) " a month" }
                    }
                }
            }
            dl.meters {
                @for (target, p95_ms) in p95s {
                    div { dt { (target) " p95" } dd { strong { (p95_ms.parse().map_or_else(|_| p95_ms.clone(), shown::latency)) } } }
                }
            }
            dl.facts {
                div { dt { "Evidence" } dd { (shown::kind(best.evidence.kind)) " by " (best.evidence.source) "; " (best.evidence.strength) } }
                div { dt { "Settled" } dd { @if best.settled { "yes" } @else { "no: a benchmark could show another one cheaper" } } }
                div { dt { "Digest" } dd.digest { code { (best.digest) } } }
            }
            @if !best.warnings.is_empty() {
                details.caveats {
                    summary { "Before you rely on it: " (shown::counted(best.warnings.len() as i64, "note")) }
                    ul { @for warning in &best.warnings { li { (warning) } } }
                }
            }
            p { a href=(plan) { "The same question in Plan" } ", with every alternative" }
        }
    }
}

fn explained(explanation: &ExplanationStatus, plan: &str) -> Markup {
    let excluded = &explanation.excluded;
    html! {
        section.block {
            h2 { "Why" }
            p {
                "Of " (shown::counted(explanation.configurations.into(), "configuration")) " with evidence "
                (explanation.compliant) " comply, " (explanation.rejected) " miss a target, " (excluded.by_evidence)
                " lack usable evidence, " (excluded.by_constraints) " are not allowed, " (excluded.by_limits) " are over a limit ("
                a href={ (plan) "&view=left-out" } { "each of them" } ")."
            }
            @if !explanation.nearest_misses.is_empty() {
                h3 { "Nearest misses" }
                ul {
                    @for miss in &explanation.nearest_misses {
                        li { (miss.model) " on " (miss.accelerators) " at " (miss.requests_per_second) " requests/s: " (miss.failing.join("; ")) }
                    }
                }
            }
            @if !explanation.relaxation.is_empty() {
                h3 { "What a change would buy" }
                ul {
                    @for change in &explanation.relaxation {
                        li {
                            (change.change) ": " (change.model) " on " (change.accelerators) ", "
                            (shown::counted(change.replicas.into(), "replica")) ", "
                            (shown::cost(dollars(change.cost_per_hour.as_deref()))) " an hour"
                        }
                    }
                }
            }
        }
    }
}

fn conditions(intent: &DeploymentIntent) -> Markup {
    let conditions = intent.status.as_ref().map(|status| &*status.conditions);
    html! {
        section.block {
            h2 { "Conditions" }
            div.scroll tabindex="0" role="region" aria-label="Conditions" {
                table {
                    thead { tr { th scope="col" { "Type" } th scope="col" { "Status" } th scope="col" { "Reason" } th scope="col" { "Message" } th scope="col" { "Since" } } }
                    tbody {
                        @for condition in conditions.unwrap_or_default() {
                            tr {
                                th scope="row" { (condition.type_) }
                                td { (condition.status) }
                                td { (condition.reason) }
                                td { (condition.message) }
                                td.number { time { (condition.last_transition_time.0.strftime("%F %H:%M")) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn events(events: Option<&[Event]>) -> Markup {
    html! {
        section.block {
            h2 { "Events" }
            @match events {
                None => p.hint { "You may not list events in this namespace." },
                Some([]) => p.hint { "None, or none any more: the cluster keeps them for an hour." },
                Some(events) => {
                    ul.events {
                        @for event in events {
                            li {
                                @if let Some(at) = time(event) { time.hint { (at.strftime("%F %H:%M")) } " " }
                                strong { (event.reason.as_deref().unwrap_or_default()) } " "
                                (event.message.as_deref().unwrap_or_default())
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What is delivered against what evidence says now, as `compass diff` tells it.
async fn difference(console: &Console, found: &Found) -> Markup {
    let title = "Delivered against the evidence of now";
    let said = |text: &str| html! { section.block { h2 { (title) } p.hint { (text) } } };
    let intent = &found.intent;
    let Some(delivered) = &found.delivered else {
        return said("You may not read the ConfigMap with its manifests.");
    };
    let hardware = intent.spec.hardware.as_ref();
    if hardware.is_some_and(|hardware| hardware.available_only) {
        return said(
            "The intent takes only what the cluster has room for: `kubectl compass diff` looks at that too.",
        );
    }
    let name = intent.name_any();
    let namespace = intent.namespace().unwrap_or_default();
    let question = advise::Question {
        name: &name,
        namespace: &namespace,
        spec: &intent.spec,
        availability: None,
    };
    let advice = advise(
        question,
        &*console.source,
        &console.catalog,
        &console.settings,
        console.now(),
    );
    let rendered = match advice.await {
        Err(error) => return said(&error.to_string()),
        Ok(advice) => match advice.manifests {
            None => return said("Nothing complies now, so nothing would be rendered."),
            Some(Err(error)) => return said(&error.to_string()),
            Some(Ok(manifests)) => manifests.yaml(),
        },
    };
    if delivered.is_empty() {
        return said("No manifests are delivered.");
    }
    if *delivered == rendered {
        return said("They are the same.");
    }
    html! {
        section.block {
            h2 { (title) }
            pre.diff tabindex="0" aria-label="Difference" { (lines(delivered, &rendered)) }
        }
    }
}

fn lines(old: &str, new: &str) -> Markup {
    let diff = TextDiff::from_lines(old, new);
    let mut unified = diff.unified_diff();
    let hunks: Vec<_> = unified.context_radius(CONTEXT).iter_hunks().collect();
    html! {
        @for hunk in &hunks {
            span.hunk { (hunk.header()) } "\n"
            @for change in hunk.iter_changes() {
                @match change.tag() {
                    ChangeTag::Delete => del { "-" (change.value()) },
                    ChangeTag::Insert => ins { "+" (change.value()) },
                    ChangeTag::Equal => span { " " (change.value()) },
                }
            }
        }
    }
}
