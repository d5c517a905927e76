//! What conditions tell people: what was found, measured value and target, and the remedy.

use super::outcome::Change;
use crate::advise::Answer;
use crate::advise::words::{self, counted};
use crate::api::{
    BestHereStatus, ManifestsStatus, NearMissStatus, PlacementStatus, ProposedStatus,
    RecommendationStatus, RelaxationStatus,
};
use crate::manifest::{Deviation, Kind};
use crate::recommend::OverLimit;

/// A recommendation in a line.
pub fn recommended(recommendation: &RecommendationStatus) -> String {
    let RecommendationStatus {
        model,
        accelerators,
        replicas,
        predicted,
        evidence,
        ..
    } = recommendation;
    let cost = cost(recommendation.cost_per_hour.as_deref());
    format!(
        "{model} on {accelerators}, {}{cost}: TTFT p95 {} ms, ITL p95 {} ms, E2E p95 {} ms ({} evidence)",
        counted((*replicas).into(), "replica"),
        predicted.ttft_p95_ms,
        predicted.itl_p95_ms,
        predicted.e2e_p95_ms,
        evidence.kind
    )
}

/// That what runs stays as it is, although nothing can be rendered anew.
pub fn keeps_running() -> String {
    "what was delivered before runs; the benchmarks of now cannot back it, and it is left as it is"
        .to_owned()
}

/// What waits, what it saves and how to have it.
pub fn proposed(proposed: &ProposedStatus) -> String {
    let ProposedStatus {
        model,
        accelerators,
        replicas,
        saving_per_month,
        reason,
        changes,
        ..
    } = proposed;
    let cost = cost(proposed.cost_per_hour.as_deref());
    let replicas = counted((*replicas).into(), "replica");
    let saving = match saving_per_month.as_deref() {
        Some(more) if more.starts_with('-') => format!(", ${} a month more", &more[1..]),
        Some(less) => format!(", saving ${less} a month"),
        None => String::new(),
    };
    format!(
        "{model} on {accelerators}, {replicas}{cost}{saving} ({}): {reason}; approve it with `kubectl compass approve`, or by delivery.approvedDigest",
        changes.join(", ")
    )
}

/// That what ran before was shown to fail, and what runs now.
pub fn replaced(verdict: &str, runs: &RecommendationStatus) -> String {
    format!("{verdict}; replaced by {}", recommended(runs))
}

/// That what runs is shown to fail, and what a person can do.
pub fn violated(change: &Change) -> String {
    let verdict = change.verdict.as_ref().map_or("", |(_, verdict)| verdict);
    match &change.proposed {
        Some(waiting) => format!("{verdict}; what would do waits: {}", proposed(waiting)),
        None => format!("{verdict}; nothing else complies, and what runs is left as it is"),
    }
}

/// That an object is not applied, since the cluster does not know its kind.
pub fn not_served(kind: Kind) -> String {
    format!(
        "{kind} is not applied: the cluster does not serve {}; it follows once it does",
        kind.resource().api_version()
    )
}

/// That the recommendation cannot be placed, and what can; nothing where it can be.
pub fn lack_of_room(placement: Option<&PlacementStatus>) -> String {
    let Some(short) = placement.and_then(|placement| placement.message.as_deref()) else {
        return String::new();
    };
    let best_here = placement.and_then(|placement| placement.best_here.as_ref());
    match best_here {
        None => format!("; {short}, nor for anything else that meets the intent"),
        Some(BestHereStatus {
            model,
            accelerators,
            replicas,
            cost_per_hour,
        }) => format!(
            "; {short}; best here: {model} on {accelerators}, {}{}",
            counted((*replicas).into(), "replica"),
            cost(cost_per_hour.as_deref())
        ),
    }
}

/// Where the manifests are.
pub fn rendered(manifests: &ManifestsStatus) -> String {
    format!("ConfigMap {} holds the manifests", manifests.config_map)
}

/// Where the manifests are, and that they run.
pub fn applied(manifests: &ManifestsStatus) -> String {
    format!("{}, and they are applied", rendered(manifests))
}

/// Where the deployment is not what was benchmarked.
pub fn deviations(deviations: &[Deviation]) -> String {
    let deviations: Vec<_> = deviations.iter().map(ToString::to_string).collect();
    format!(
        "the predicted latencies are not those of what spec.runtime makes of the deployment: {}",
        deviations.join("; ")
    )
}

/// Why nothing complies: the nearest miss with measured value and target, and the smallest change
/// that would help; or what is over a limit.
pub fn nothing_complies(answer: &Answer, over_limit: Option<&OverLimit>) -> String {
    let explanation = &answer.explanation;
    let mut sentences = vec![format!(
        "none of {} meets the intent",
        counted(
            explanation.configurations.into(),
            "benchmarked configuration"
        )
    )];
    if let Some(NearMissStatus {
        model,
        accelerators,
        failing,
        ..
    }) = explanation.nearest_misses.first()
    {
        sentences.push(format!(
            "nearest is {model} on {accelerators}: {}",
            failing.join(", ")
        ));
    }
    let excluded = &explanation.excluded;
    let counts = [
        (excluded.by_evidence, "left out by spec.evidence"),
        (
            excluded.by_constraints,
            "left out by spec.models or spec.hardware",
        ),
        (excluded.by_limits, "over a limit"),
    ];
    sentences.extend(
        counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, why)| format!("{count} {why}")),
    );
    sentences.extend(over_limit.map(limit_remedy));
    if let Some(relaxation) = explanation.relaxation.first() {
        sentences.push(remedy(relaxation));
    }
    sentences.extend(explanation.unknown_names.iter().cloned());
    sentences.join("; ")
}

fn remedy(relaxation: &RelaxationStatus) -> String {
    let RelaxationStatus {
        change,
        model,
        accelerators,
        replicas,
        cost_per_hour,
        ..
    } = relaxation;
    let cost = cost(cost_per_hour.as_deref());
    let replicas = counted((*replicas).into(), "replica");
    format!("{change} would admit {model} on {accelerators}, {replicas}{cost}")
}

fn limit_remedy(over_limit: &OverLimit) -> String {
    format!(
        "{} meets the targets, but {}",
        words::plan(&over_limit.plan),
        over_limit.reasons()
    )
}

/// Nothing was benchmarked under this profile: what was.
pub fn no_evidence(answer: &Answer) -> String {
    let profile = &answer.requirement.traffic_profile;
    let known = &answer.explanation.profiles_with_benchmarks;
    if known.is_empty() {
        return "the knowledge base holds no benchmarks: load some with `compass load`".to_owned();
    }
    let mut sentences = vec![format!(
        "nothing was benchmarked under the traffic profile {profile}; there are benchmarks for {}: choose one by trafficProfile, load benchmarks of {profile}, or allow estimates by evidence.minimum: estimated",
        known.join(", ")
    )];
    sentences.extend(answer.explanation.estimates.iter().cloned());
    sentences.join("; ")
}

/// The stored object is no intent.
pub fn undecodable(problem: &str) -> String {
    format!("the stored intent is none of this version's: {problem}; correct it and apply it again")
}

/// `text`, cut at a character where it is longer than `bytes`.
pub fn at_most(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

fn cost(per_hour: Option<&str>) -> String {
    per_hour
        .map(|dollars| format!(" at ${dollars}/hour"))
        .unwrap_or_default()
}
