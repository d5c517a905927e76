//! Parts of a decision in words: the same in a status, a condition and on a terminal.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::benchmark::{Configuration, shown_ms};
use crate::catalog::SloTargets;
use crate::recommend::{
    BreakEven, Change, Decision, FailingTarget, MicroDollars, Plan, Relaxation, Target, Then,
    UnknownName, Worth,
};

/// Framework and version, e.g. `vllm 0.19.0`, as far as recorded.
pub(crate) fn framework(configuration: &Configuration) -> Option<String> {
    let name = configuration.framework.as_deref()?;
    Some(match &configuration.framework_version {
        Some(version) => format!("{name} {version}"),
        None => name.to_owned(),
    })
}

/// A missed target, e.g. `TTFT p95 172.3 ms, target 150 ms`.
pub(crate) fn failing_target(failing: &FailingTarget) -> String {
    let FailingTarget {
        target,
        p95_ms,
        target_ms,
    } = failing;
    format!(
        "{target} p95 {} ms, target {target_ms} ms",
        shown_ms(*p95_ms)
    )
}

/// What to change, e.g. `TTFT p95 150 -> 173 ms`, or all three by their common factor.
fn relaxation_change(slo: &SloTargets, relaxation: &Relaxation) -> String {
    let changes: Vec<_> = Target::ALL
        .into_iter()
        .map(|target| (target, target.of(slo), target.of(&relaxation.slo)))
        .filter(|(_, from, to)| from != to)
        .map(|(target, from, to)| format!("{target} p95 {from} -> {to} ms"))
        .collect();
    let changes = changes.join(", ");
    match relaxation.factor_per_mille {
        None => changes,
        Some(per_mille) => {
            format!(
                "all targets x {}: {changes}",
                Decimal::new(per_mille.into(), 3)
            )
        }
    }
}

/// Every change that would help, and what it admits.
pub(crate) fn helpful_changes(decision: &Decision) -> impl Iterator<Item = (String, &Plan)> {
    let explanation = &decision.explanation;
    let slo = &decision.requirement.slo;
    let relaxations = explanation
        .relaxation
        .iter()
        .map(|relaxation| (relaxation_change(slo, relaxation), &relaxation.plan));
    let lifted = explanation
        .lifted
        .iter()
        .map(|lifted| (constraint_change(&lifted.change), &lifted.plan));
    relaxations.chain(lifted)
}

/// Which constraint to change, e.g. `hardware.maxGpus 16 -> 24`.
fn constraint_change(change: &Change) -> String {
    match change {
        Change::Model(model) => format!("allow model {model}"),
        Change::Hardware(hardware) => format!("allow hardware {hardware}"),
        Change::MinimumQuality(from, to) => format!("models.minimumQuality {from} -> {to}"),
        Change::MaxGpus(from, to) => format!("hardware.maxGpus {from} -> {to}"),
        Change::MaxCostPerHour(from, to) => format!("hardware.maxCostPerHour {from} -> {to}"),
        Change::MinimumEvidence(from, to) => format!("evidence.minimum {from} -> {to}"),
        Change::AnyRoom => "hardware.availableOnly true -> false".to_owned(),
        Change::AnyAge(days) => format!("evidence.maxAgeDays {days} -> none"),
    }
}

/// How much more (or, negative, less) a cost is than another, whole percent, rounded toward zero.
pub(crate) fn percent_more(cost: Option<MicroDollars>, than: Option<MicroDollars>) -> Option<i32> {
    let (cost, than) = (cost?.0, than?.0);
    (than > 0)
        .then(|| (cost - than) * 100 / than)
        .and_then(|percent| i32::try_from(percent).ok())
}

/// That the cluster has no room for the recommendation.
pub(crate) fn lack_of_room(decision: &Decision) -> Option<String> {
    let room = decision.placement.as_ref()?.room?;
    let best = decision.recommendation.as_ref()?;
    let plan = Plan {
        configuration: best.configuration.clone(),
        kind: best.kind,
        replicas: best.replicas,
        gpus: best.gpus,
        cost_per_hour: best.cost_per_hour,
    };
    (room < i64::from(best.replicas)).then(|| plan.lacks_room(room))
}

/// Benchmarks worth running that are named.
pub(crate) const WORTH_RUNNING_SHOWN: usize = 5;

/// What a plan costs, e.g. `$27.00 an hour`.
pub(crate) fn cost(plan: &Plan) -> String {
    plan.cost_per_hour.map_or_else(
        || "price unknown".to_owned(),
        |cost| format!("${cost} an hour"),
    )
}

/// A plan in a line, e.g. `Qwen/Qwen3-32B on 2xH100, 3 replicas, 6 GPUs, $27.00 an hour`.
pub(crate) fn plan(plan: &Plan) -> String {
    let cost = cost(plan);
    format!(
        "{} on {}, {}, {}, {cost}",
        plan.configuration.model,
        plan.configuration.accelerators(),
        counted(plan.replicas.into(), "replica"),
        counted(plan.gpus, "GPU"),
    )
}

/// `1 replica`, `2 replicas`.
pub(crate) fn counted(count: i64, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

/// Why a benchmark is worth running.
pub(crate) fn worth(reason: Worth) -> &'static str {
    match reason {
        Worth::Challenger => "could cost less than the recommendation",
        Worth::FewerReplicas => "the recommendation could do with one replica less",
        Worth::Estimated => "the recommendation rests on an estimate",
        Worth::NearTarget => "the recommendation stands within 10 % of a target: repeat it",
    }
}

/// What comes beyond the demands of a break-even.
pub(crate) fn then(break_even: &BreakEven) -> String {
    match &break_even.then {
        Then::Another(next) => plan(next),
        Then::Nothing => "nothing complies within the limits".to_owned(),
        Then::Same => "the same, as far as was looked".to_owned(),
    }
}

/// A name that nobody knows, and the one that may be meant.
pub(crate) fn unknown_name(unknown: &UnknownName) -> String {
    let UnknownName {
        field,
        name,
        did_you_mean,
    } = unknown;
    match did_you_mean {
        Some(known) => format!("{field}: `{name}` is not known; did you mean {known}?"),
        None => format!("{field}: `{name}` is neither in the catalog nor benchmarked"),
    }
}

/// A rate rounded down to four decimals, so that a shown capacity is never more than the evidence.
pub(crate) fn rate(rps: Decimal) -> String {
    rps.round_dp_with_strategy(4, RoundingStrategy::ToZero)
        .normalize()
        .to_string()
}

/// Room between a p95 and its target in whole percent of the target, rounded down.
pub(crate) fn headroom_percent(p95_ms: Option<f64>, target_ms: i32) -> Option<i32> {
    let share = p95_ms? / f64::from(target_ms);
    Some(((1.0 - share) * 100.0).floor() as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_capacity_is_never_more_than_the_evidence() {
        assert_eq!(rate("3.99999".parse().unwrap()), "3.9999");
        assert_eq!(rate("12.50".parse().unwrap()), "12.5");
    }

    #[test]
    fn shown_room_is_never_more_than_there_is() {
        assert_eq!(headroom_percent(Some(100.1), 150), Some(33));
        assert_eq!(headroom_percent(Some(150.0), 150), Some(0));
        assert_eq!(headroom_percent(None, 150), None);
    }

    #[test]
    fn a_saving_is_never_shown_larger_than_it_is() {
        let of = |micro| Some(MicroDollars(micro));
        assert_eq!(percent_more(of(621), of(1000)), Some(-37));
        assert_eq!(percent_more(of(1500), of(1000)), Some(50));
        assert_eq!(percent_more(of(1500), of(0)), None);
        assert_eq!(percent_more(None, of(1000)), None);
    }
}
