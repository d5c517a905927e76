//! `compass benchmarks verify`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde::Serialize;

use super::{EMPTY, Output, print_json};
use crate::benchmark::plausibility::{Finding, Rule, Severity};
use crate::commands::exit::IMPOSSIBLE;
use crate::knowledge_base::KnowledgeBase;

/// Rows told of each rule; the rest is counted.
const TOLD: usize = 5;

/// What one rule found.
#[derive(Serialize)]
struct Found {
    rule: Rule,
    severity: Severity,
    rows: u64,
    examples: Vec<Example>,
    #[serde(skip)]
    last_id: String,
}

#[derive(Serialize)]
struct Example {
    id: String,
    values: String,
}

#[derive(Serialize)]
struct Report {
    rows: u64,
    findings: Vec<Found>,
}

pub(super) async fn run(
    knowledge_base: &KnowledgeBase,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let mut findings: BTreeMap<Rule, Found> = BTreeMap::new();
    let collect = |id: &str, finding: Finding| {
        let found = findings.entry(finding.rule).or_insert(Found {
            rule: finding.rule,
            severity: finding.rule.severity(),
            rows: 0,
            examples: Vec::new(),
            last_id: String::new(),
        });
        // A row may break a rule in several of its figures: one is told.
        if found.last_id == id {
            return;
        }
        id.clone_into(&mut found.last_id);
        found.rows += 1;
        if found.examples.len() < TOLD {
            found.examples.push(Example {
                id: id.to_owned(),
                values: finding.values,
            });
        }
    };
    let rows = knowledge_base.verify(collect).await?;
    let report = Report {
        rows,
        findings: findings.into_values().collect(),
    };
    if output == Output::Json {
        print_json(&report)?;
    } else {
        print(&report);
    }
    let is_impossible = |found: &Found| found.severity == Severity::Impossible;
    Ok(if report.findings.iter().any(is_impossible) {
        ExitCode::from(IMPOSSIBLE)
    } else {
        ExitCode::SUCCESS
    })
}

fn print(report: &Report) {
    let Report { rows, findings } = report;
    if *rows == 0 {
        outln!("{EMPTY}");
        return;
    }
    if findings.is_empty() {
        outln!("{rows} rows, and nothing that cannot be true.");
        return;
    }
    outln!("{rows} rows");
    for found in findings {
        let severity = match found.severity {
            Severity::Impossible => "impossible",
            Severity::Suspicious => "suspicious",
        };
        let noun = if found.rows == 1 { "row" } else { "rows" };
        outln!(
            "\n{severity}: {} ({} {noun})",
            found.rule.title(),
            found.rows
        );
        for example in &found.examples {
            outln!("  {}  {}", example.id, example.values);
        }
        if found.rows > found.examples.len() as u64 {
            outln!("  and {} more", found.rows - found.examples.len() as u64);
        }
    }
    outln!(
        "\nSee a row with `compass benchmarks show ID`; take a source back with `compass benchmarks remove --source NAME`."
    );
}
