//! What became of every configuration, as tables for people.

use std::fmt::Write;

use super::table;
use crate::advise::words;
use crate::recommend::{Account, CapacityBound, LadderAccount, Outcome, Role};

/// Each configuration, and each of its ladders.
pub(super) fn table(accounts: &[Account]) -> String {
    let mut out = String::new();
    if accounts.is_empty() {
        return out;
    }
    let mut configurations =
        table::table(["MODEL", "ACCELERATORS", "FRAMEWORK", "OUTCOME", "WHY"], 5);
    let mut ladders = table::table(
        [
            "MODEL",
            "ACCELERATORS",
            "KIND",
            "SOURCE",
            "ROLE",
            "ROWS",
            "STEADY",
            "RATES",
            "CAPACITY",
        ],
        5,
    );
    for account in accounts {
        let configuration = &account.configuration;
        let (model, accelerators) = (
            configuration.model.to_string(),
            configuration.accelerators(),
        );
        configurations.add_row([
            model.clone(),
            accelerators.clone(),
            words::framework(configuration).unwrap_or_default(),
            outcome(account.outcome).to_owned(),
            why(account),
        ]);
        for ladder in &account.ladders {
            ladders.add_row([
                model.clone(),
                accelerators.clone(),
                ladder.kind.to_string(),
                ladder.source.clone(),
                role(ladder.role).to_owned(),
                ladder.rows.to_string(),
                ladder.steady_rows.to_string(),
                format!("{} - {}", ladder.offered_rps.0, ladder.offered_rps.1),
                capacity(ladder),
            ]);
        }
    }
    let _ = write!(
        out,
        "\nEvery configuration\n{configurations}\n\nTheir ladders (requests/s of one replica)\n{ladders}\n"
    );
    out
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::NoEvidence => "no usable evidence",
        Outcome::NotAllowed => "not allowed",
        Outcome::Rejected => "misses a target",
        Outcome::OverLimit => "over a limit",
        Outcome::Complies => "complies",
    }
}

fn why(account: &Account) -> String {
    let broken: Vec<_> = account.broken.iter().map(ToString::to_string).collect();
    match (account.outcome, &account.plan, &account.nearest) {
        (Outcome::NoEvidence, _, _) => {
            "no steady row of a kind, age and load that may back a decision".to_owned()
        }
        (Outcome::NotAllowed, _, _) => broken.join(", and "),
        (Outcome::OverLimit, Some(plan), _) => {
            format!("{}, but {}", needs(plan), broken.join(", and "))
        }
        (_, Some(plan), _) => needs(plan),
        (_, None, Some(miss)) => {
            let failing: Vec<_> = miss.failing.iter().map(words::failing_target).collect();
            format!("at {} requests/s: {}", miss.offered_rps, failing.join("; "))
        }
        (_, None, None) => "no steady row meets the targets".to_owned(),
    }
}

fn needs(plan: &crate::recommend::Plan) -> String {
    let cost = words::cost(plan);
    format!(
        "{}, {cost}",
        words::counted(plan.replicas.into(), "replica")
    )
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Decides => "decides",
        Role::Shown => "shown",
        Role::UnusualLoad => "unusual load",
    }
}

fn capacity(ladder: &LadderAccount) -> String {
    ladder.capacity.as_ref().map_or_else(
        || "none".to_owned(),
        |capacity| match capacity.bound {
            CapacityBound::AtLeast => format!(">= {}", words::rate(capacity.rps)),
            CapacityBound::Known(_) => words::rate(capacity.rps),
        },
    )
}
