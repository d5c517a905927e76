//! A decision on one screen.

use std::fmt::Write;

use comfy_table::Table;

use super::table::table;
use crate::advise::{failing_target, framework, rate, relaxation_change};
use crate::catalog::Catalog;
use crate::recommend::{
    ASSUMPTIONS, Candidate, CapacityBound, Decision, Explanation, MicroDollars, Requirement, Target,
};

/// What was asked, what was found, why not the others.
pub(super) fn report(decision: &Decision, catalog: &Catalog) -> String {
    let mut out = String::new();
    let requirement = &decision.requirement;
    asked(&mut out, requirement, catalog);
    match &decision.recommendation {
        Some(candidate) => found(&mut out, candidate, requirement),
        None => out.push_str("\nNothing complies.\n"),
    }
    if !decision.alternatives.is_empty() {
        let _ = write!(
            out,
            "\nAlternatives\n{}\n",
            alternatives(&decision.alternatives)
        );
    }
    why(&mut out, requirement, &decision.explanation);
    out
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

fn found(out: &mut String, candidate: &Candidate, requirement: &Requirement) {
    let configuration = &candidate.configuration;
    let replicas = match candidate.replicas {
        1 => "1 replica".to_owned(),
        n => format!("{n} replicas"),
    };
    let _ = writeln!(
        out,
        "\n{} on {}, {replicas}: {}",
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
            let p95 = target.latency(row).shown_p95_ms();
            format!("{target} {p95} of {} ms", target.of(&requirement.slo))
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
        rate(candidate.capacity.rps),
        candidate
            .capacity_if_slower
            .map_or_else(|| "none".to_owned(), rate),
    );
    if let Some(survives) = candidate.survives_loss_of_one_replica {
        let word = if survives {
            "the others still meet"
        } else {
            "the others do not meet"
        };
        let _ = writeln!(out, "  one lost        {word} the demand",);
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
        framework(configuration).map_or_else(String::new, |framework| format!(", {framework}")),
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

fn dollars(cost: Option<MicroDollars>) -> String {
    cost.map_or_else(|| "unknown".to_owned(), |cost| cost.to_string())
}

fn alternatives(candidates: &[Candidate]) -> Table {
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
    table
}

fn why(out: &mut String, requirement: &Requirement, explanation: &Explanation) {
    if explanation.configurations == 0 {
        let profiles: Vec<_> = explanation
            .profiles
            .iter()
            .map(|count| count.profile.to_string())
            .collect();
        let _ = writeln!(
            out,
            "\nNo benchmarks for {}. Profiles with benchmarks: {}",
            requirement.profile,
            if profiles.is_empty() {
                "none".to_owned()
            } else {
                profiles.join(", ")
            }
        );
        return;
    }
    let excluded = &explanation.excluded;
    let _ = writeln!(
        out,
        "\n{} configurations with benchmarks: {} comply, {} miss a target, {} lack usable evidence, {} are not allowed, {} are over a limit",
        explanation.configurations,
        explanation.compliant,
        explanation.rejected,
        excluded.by_evidence,
        excluded.by_constraints,
        excluded.by_limits
    );
    for miss in &explanation.nearest_misses {
        let failing: Vec<_> = miss.failing.iter().map(failing_target).collect();
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
            "  over a limit    {} on {} meets the targets with {} GPUs, ${} an hour, but {}",
            over.configuration.model,
            over.configuration.accelerators(),
            over.gpus,
            dollars(over.cost_per_hour),
            over.reasons()
        );
    }
    for relaxation in &explanation.relaxation {
        let _ = writeln!(
            out,
            "  would help      {}: {} on {}, {} GPUs, ${} an hour",
            relaxation_change(&requirement.slo, relaxation),
            relaxation.configuration.model,
            relaxation.configuration.accelerators(),
            relaxation.gpus,
            dollars(relaxation.cost_per_hour)
        );
    }
}
