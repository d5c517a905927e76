//! A decision on one screen.

use std::fmt::Write;

use comfy_table::Table;

use super::estimates;
use super::style::{BAD, GOOD, HEADLINE, WARNING, styled};
use super::table::table;
use crate::advise::words::{self, counted};
use crate::catalog::Catalog;
use crate::recommend::{
    ASSUMPTIONS, Candidate, CapacityBound, Decision, Explanation, Gaps, MicroDollars, Plan,
    REQUESTS_WORTH_RUNNING, Requirement, Settlement, Target,
};

/// The answer: what was asked, what was found, what else would do.
pub(super) fn recommendation(decision: &Decision, catalog: &Catalog) -> String {
    let mut out = answer(decision, catalog);
    counts(&mut out, decision);
    out.push_str(&estimates::summary(&decision.explanation.estimates));
    if decision.recommendation.is_none() {
        nearest_misses(&mut out, &decision.explanation);
        steps(&mut out, decision);
    }
    unknown_names(&mut out, &decision.explanation.gaps);
    out
}

/// The same with its reasons: what others would have chosen, what nearly made it, what would change
/// the answer, and what nobody benchmarked.
pub(super) fn explanation(decision: &Decision, catalog: &Catalog) -> String {
    let mut out = answer(decision, catalog);
    other_objectives(&mut out, decision);
    counts(&mut out, decision);
    out.push_str(&estimates::summary(&decision.explanation.estimates));
    nearest_misses(&mut out, &decision.explanation);
    steps(&mut out, decision);
    if let Some(settlement) = &decision.settlement {
        worth_running(&mut out, settlement, &decision.requirement);
    }
    gaps(
        &mut out,
        &decision.explanation.gaps,
        &decision.requirement,
        decision.explanation.counts.configurations > 0,
    );
    unknown_names(&mut out, &decision.explanation.gaps);
    out
}

fn answer(decision: &Decision, catalog: &Catalog) -> String {
    let mut out = String::new();
    asked(&mut out, &decision.requirement, catalog);
    match &decision.recommendation {
        Some(candidate) => {
            found(&mut out, candidate, decision);
            out.push_str(&estimates::expected(
                candidate,
                &decision.explanation.estimates,
            ));
        }
        None => {
            let _ = writeln!(out, "\n{}", styled(BAD, "Nothing complies."));
        }
    }
    placement(&mut out, decision);
    alternatives(&mut out, &decision.alternatives);
    out
}

/// What of the answer the cluster can place, where somebody looked.
fn placement(out: &mut String, decision: &Decision) {
    let Some(placement) = &decision.placement else {
        return;
    };
    if let Some(short) = words::lack_of_room(decision) {
        let _ = writeln!(out, "  {short}");
    }
    if let Some(best_here) = &placement.best_here {
        let _ = writeln!(out, "  best here: {}", words::plan(best_here));
    }
    for problem in &placement.unchecked {
        let _ = writeln!(out, "  not looked at: {problem}");
    }
}

fn asked(out: &mut String, requirement: &Requirement, catalog: &Catalog) {
    let title = catalog
        .use_case(requirement.use_case)
        .map_or("Custom workload", |template| template.use_case.as_str());
    let _ = writeln!(
        out,
        "{title}: {} tokens (prompt/output)",
        requirement.profile
    );
    let targets: Vec<_> = Target::ALL
        .into_iter()
        .map(|target| format!("{target} {} ms", target.of(&requirement.slo)))
        .collect();
    let _ = writeln!(out, "p95 targets: {}", targets.join(", "));
    if let Some(demand) = &requirement.demand {
        let _ = writeln!(
            out,
            "demand: {} requests/s and {} % headroom",
            demand.requests_per_second, demand.headroom_percent
        );
    }
}

fn found(out: &mut String, candidate: &Candidate, decision: &Decision) {
    let requirement = &decision.requirement;
    let configuration = &candidate.configuration;
    let replicas = counted(candidate.replicas.into(), "replica");
    let _ = writeln!(
        out,
        "\n{HEADLINE}{} on {}, {replicas}{HEADLINE:#}: {}",
        configuration.model,
        configuration.accelerators(),
        candidate.cost_per_hour.map_or_else(
            || "price unknown".to_owned(),
            |cost| format!("${cost} an hour, ${} a month", cost.per_month())
        ),
    );
    let row = &candidate.operating_row;
    let p95s: Vec<_> = Target::ALL
        .into_iter()
        .map(|target| {
            let latency = target.latency(row);
            let target_ms = target.of(&requirement.slo);
            let room = words::headroom_percent(latency.p95_ms, target_ms).unwrap_or(0);
            let p95 = latency.shown_p95_ms();
            format!("{target} {p95} of {target_ms} ms ({room} % room)")
        })
        .collect();
    let _ = writeln!(
        out,
        "  predicted p95   {} (at {} requests/s a replica; {} binds; {})",
        p95s.join(", "),
        row.offered_rps,
        candidate.binding_target,
        candidate.strength
    );
    let bound = match candidate.capacity.bound {
        CapacityBound::AtLeast => "at least ",
        CapacityBound::Known(_) => "",
    };
    let _ = writeln!(
        out,
        "  capacity        {bound}{} requests/s a replica; {} if every p95 were 10 % higher",
        words::rate(candidate.capacity.rps),
        candidate
            .capacity_if_slower
            .map_or_else(|| "none".to_owned(), words::rate),
    );
    if let Some(survives) = candidate.survives_loss_of_one_replica {
        let word = if survives {
            "the others still meet"
        } else {
            "the others do not meet"
        };
        let _ = writeln!(out, "  one lost        {word} the demand",);
    }
    if let Some(break_even) = &decision.break_even {
        let _ = writeln!(
            out,
            "  holds up to     {} requests/s with {replicas}; beyond {}: {}",
            words::rate(break_even.same_replicas_up_to_rps),
            words::rate(break_even.same_configuration_up_to_rps),
            words::then(break_even)
        );
    }
    if let Some(settlement) = &decision.settlement {
        let _ = writeln!(out, "  settled         {}", settled(settlement));
    }
    let _ = writeln!(out, "  assumes         {}", ASSUMPTIONS.join("; "));
    if let Some(cost) = candidate.whole_node_cost_per_hour {
        let _ = writeln!(
            out,
            "  in whole nodes  ${cost} an hour, if replicas are packed"
        );
    }
    let _ = writeln!(
        out,
        "  evidence        {} by {}, {}{}",
        candidate.kind,
        candidate.source,
        row.measured_at.map_or_else(
            || "date unknown".to_owned(),
            |at| at.strftime("%F").to_string()
        ),
        words::framework(configuration)
            .map_or_else(String::new, |framework| format!(", {framework}")),
    );
    let ids: Vec<_> = candidate
        .backing_rows()
        .iter()
        .map(ToString::to_string)
        .collect();
    let _ = writeln!(out, "  benchmarks      {}", ids.join(" "));
    for caveat in &candidate.caveats {
        let _ = writeln!(out, "  note            {caveat}");
    }
}

/// Whether the answer stands, in a line.
fn settled(settlement: &Settlement) -> String {
    match (settlement.settled, settlement.challengers) {
        (true, _) => format!(
            "{}: no plausible capacity makes another one cheaper",
            styled(GOOD, "yes")
        ),
        (false, 0) => "no: it rests on an estimate".to_owned(),
        (false, challengers) => format!(
            "no: {} not shown cheaper, and a benchmark could show it (compass explain)",
            if challengers == 1 {
                "another one is".to_owned()
            } else {
                format!("{challengers} others are")
            }
        ),
    }
}

fn dollars(cost: Option<MicroDollars>) -> String {
    cost.map_or_else(|| "unknown".to_owned(), |cost| cost.to_string())
}

fn alternatives(out: &mut String, candidates: &[Candidate]) {
    if candidates.is_empty() {
        return;
    }
    let mut table = table(
        [
            "MODEL",
            "ACCELERATORS",
            "EVIDENCE",
            "REPLICAS",
            "$/HOUR",
            "TTFT P95",
            "ITL P95",
            "E2E P95",
        ],
        3,
    );
    for candidate in candidates {
        let mut cells = vec![
            candidate.configuration.model.to_string(),
            candidate.configuration.accelerators(),
            candidate.kind.to_string(),
            candidate.replicas.to_string(),
            dollars(candidate.cost_per_hour),
        ];
        cells.extend(
            Target::ALL.map(|target| target.latency(&candidate.operating_row).shown_p95_ms()),
        );
        table.add_row(cells);
    }
    section(out, "Alternatives", &table);
}

fn section(out: &mut String, title: &str, table: &Table) {
    let _ = write!(out, "\n{title}\n{table}\n");
}

fn other_objectives(out: &mut String, decision: &Decision) {
    if decision.other_objectives.is_empty() {
        return;
    }
    let mut table = table(
        [
            "OBJECTIVE",
            "MODEL",
            "ACCELERATORS",
            "REPLICAS",
            "$/HOUR",
            "WORST P95",
            "QUALITY",
        ],
        3,
    );
    for other in &decision.other_objectives {
        let Plan {
            configuration,
            replicas,
            cost_per_hour,
            ..
        } = &other.plan;
        table.add_row([
            format!("{:?}", other.objective),
            configuration.model.to_string(),
            configuration.accelerators(),
            replicas.to_string(),
            dollars(*cost_per_hour),
            format!("{:.0} %", other.worst_ratio * 100.0),
            other
                .quality
                .map_or_else(|| "unknown".to_owned(), |score| score.to_string()),
        ]);
    }
    let title = format!(
        "Other objectives than {:?} would choose (worst p95: share of its target)",
        decision.requirement.objective
    );
    section(out, &title, &table);
}

fn counts(out: &mut String, decision: &Decision) {
    let explanation = &decision.explanation;
    let requirement = &decision.requirement;
    if explanation.counts.configurations == 0 {
        let profiles: Vec<_> = explanation
            .profiles
            .iter()
            .map(|count| count.profile.to_string())
            .collect();
        let _ = writeln!(
            out,
            "\nNo benchmarks for {}. Profiles with benchmarks: {}{}",
            requirement.profile,
            if profiles.is_empty() {
                "none".to_owned()
            } else {
                profiles.join(", ")
            },
            if requirement.evidence.allows_estimates() {
                ""
            } else {
                ". With evidence.minimum estimated (--minimum-evidence estimated) it may be estimated from them"
            }
        );
        return;
    }
    let excluded = &explanation.counts.excluded;
    let _ = writeln!(
        out,
        "\n{} with evidence: {} comply, {} miss a target, {} lack usable evidence, {} are not allowed, {} are over a limit",
        counted(explanation.counts.configurations as i64, "configuration"),
        explanation.counts.compliant,
        explanation.counts.rejected,
        excluded.by_evidence,
        excluded.by_constraints,
        excluded.by_limits
    );
}

fn nearest_misses(out: &mut String, explanation: &Explanation) {
    for miss in &explanation.nearest_misses {
        let failing: Vec<_> = miss.failing.iter().map(words::failing_target).collect();
        let _ = writeln!(
            out,
            "  nearest miss    {} on {} at {} requests/s: {}",
            miss.configuration.model,
            miss.configuration.accelerators(),
            miss.offered_rps,
            failing.join("; ")
        );
    }
    if let Some(over) = &explanation.over_limit {
        let _ = writeln!(
            out,
            "  over a limit    {} meets the targets, but {}",
            words::plan(&over.plan),
            over.reasons()
        );
    }
}

/// What a change of the question would buy.
fn steps(out: &mut String, decision: &Decision) {
    let now = decision
        .recommendation
        .as_ref()
        .and_then(|candidate| candidate.cost_per_hour);
    for (change, plan) in words::helpful_changes(decision) {
        let cost_change = words::percent_more(plan.cost_per_hour, now)
            .map_or_else(String::new, |percent| format!(" ({percent:+} % cost)"));
        let _ = writeln!(
            out,
            "  would help      {change}: {}{cost_change}",
            words::plan(plan)
        );
    }
}

fn worth_running(out: &mut String, settlement: &Settlement, requirement: &Requirement) {
    if settlement.worth_running.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "\nBenchmarks worth running: {} tokens, steady, {REQUESTS_WORTH_RUNNING} requests or more at each rate",
        requirement.profile
    );
    for worth in settlement
        .worth_running
        .iter()
        .take(words::WORTH_RUNNING_SHOWN)
    {
        let rates: Vec<_> = worth
            .rates_rps
            .iter()
            .map(|rate| rate.normalize().to_string())
            .collect();
        let configuration = &worth.plan.configuration;
        let saving = worth.saving_per_hour.map_or_else(String::new, |saving| {
            format!(
                ", {} instead, up to ${} a month less",
                counted(worth.plan.replicas.into(), "replica"),
                saving.per_month()
            )
        });
        let _ = writeln!(
            out,
            "  {} on {}{} at {} requests/s: {}{saving}",
            configuration.model,
            configuration.accelerators(),
            words::framework(configuration).map_or_else(String::new, |it| format!(", {it},")),
            rates.join(" and "),
            words::worth(worth.reason)
        );
    }
    let more = settlement
        .worth_running
        .len()
        .saturating_sub(words::WORTH_RUNNING_SHOWN);
    if more > 0 {
        let _ = writeln!(out, "  and {more} more");
    }
}

fn gaps(out: &mut String, gaps: &Gaps, requirement: &Requirement, has_evidence: bool) {
    let without = |what: &str, names: Vec<String>| {
        if names.is_empty() {
            return String::new();
        }
        format!(
            "No benchmarks for {} {what} {}\n",
            requirement.profile,
            names.join(", ")
        )
    };
    let names_hardware = !requirement.constraints.allowed_hardware.is_empty();
    let hardware = gaps
        .hardware
        .iter()
        .filter(|_| has_evidence || names_hardware)
        .map(ToString::to_string)
        .collect();
    let models = gaps.models.iter().map(ToString::to_string).collect();
    let text = without("on", hardware) + &without("of", models);
    if !text.is_empty() {
        let _ = write!(out, "\n{text}");
    }
}

fn unknown_names(out: &mut String, gaps: &Gaps) {
    for unknown in &gaps.unknown_names {
        let warning = styled(WARNING, "warning");
        let _ = writeln!(out, "{warning}: {}", words::unknown_name(unknown));
    }
}
