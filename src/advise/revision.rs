//! What a decision changes of what runs (R12), in the words of the API's status.

use super::words::{self, counted};
use crate::api::ProposedStatus;
use crate::recommend::{Doubt, Instead, NearMiss, Proposal, Verdict, Violation, Waits};

/// A decision that waits.
pub fn proposed(proposal: &Proposal) -> ProposedStatus {
    let candidate = &proposal.candidate;
    let configuration = &candidate.configuration;
    ProposedStatus {
        digest: candidate.digest_text(),
        model: configuration.model.to_string(),
        hardware: configuration.hardware.to_string(),
        gpus_per_replica: configuration.hardware_count,
        accelerators: configuration.accelerators(),
        replicas: candidate.replicas,
        cost_per_hour: candidate.cost_per_hour.map(|cost| cost.to_string()),
        saving_per_month: proposal.saving_per_month().map(|saving| saving.to_string()),
        reason: waits(proposal.waits).to_owned(),
        changes: proposal
            .instead_of
            .as_ref()
            .map(|instead| changes(proposal, instead))
            .unwrap_or_default(),
    }
}

fn waits(waits: Waits) -> &'static str {
    match waits {
        Waits::NotNeeded => {
            "updatePolicy OnViolation changes what runs only once it is shown to miss a target"
        }
        Waits::AnotherModel => "updatePolicy OnViolation never changes the model by itself",
        Waits::Approval => "updatePolicy Manual waits for approval",
        Waits::Estimate => "it rests on an estimate, which is applied only once it is approved",
    }
}

fn changes(proposal: &Proposal, instead: &Instead) -> Vec<String> {
    let candidate = &proposal.candidate;
    let configuration = &candidate.configuration;
    let mut changes: Vec<_> = [
        (
            "model",
            instead.model.clone(),
            configuration.model.to_string(),
        ),
        (
            "GPUs of a replica",
            instead.accelerators.clone(),
            configuration.accelerators(),
        ),
        (
            "replicas",
            instead.replicas.to_string(),
            candidate.replicas.to_string(),
        ),
    ]
    .into_iter()
    .filter(|(_, from, to)| from != to)
    .map(|(what, from, to)| format!("{what} {from} -> {to}"))
    .collect();
    if changes.is_empty() {
        changes.push("framework or engine settings".to_owned());
    }
    if let (Some(from), Some(to)) = (instead.cost_per_hour, candidate.cost_per_hour) {
        changes.push(format!("cost ${from}/hour -> ${to}/hour"));
    }
    changes
}

/// What current evidence says of what runs.
pub fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Complies => "benchmarks of now back what runs".to_owned(),
        Verdict::Undecidable(Doubt::NotBacked) => {
            "no benchmark is left that may back what runs; that alone changes nothing".to_owned()
        }
        Verdict::Undecidable(Doubt::TooLittleShown) => {
            "the benchmarks of now show less capacity than the demand needs of what runs, but none clearly fails; that alone changes nothing".to_owned()
        }
        Verdict::Undecidable(Doubt::NotClear(miss)) => format!(
            "{}, but that is no clear failure: a miss counts when it is steady, newer than the benchmarks behind what runs, under the same conditions and more than 10 % (6 % from 1,000 requests up) above its target",
            missed(miss)
        ),
        Verdict::Violated(Violation::Benchmark(miss)) => {
            format!("{}: what runs is shown to miss its targets", missed(miss))
        }
        Verdict::Violated(Violation::Constraints(broken)) => {
            let broken: Vec<_> = broken.iter().map(ToString::to_string).collect();
            format!("what runs breaks a constraint: {}", broken.join(", "))
        }
    }
}

fn missed(miss: &NearMiss) -> String {
    let failing: Vec<_> = miss.failing.iter().map(words::failing_target).collect();
    format!(
        "a benchmark of {} at {} requests/s on {} misses {}: {}",
        miss.configuration.model,
        miss.offered_rps,
        miss.configuration.accelerators(),
        counted(failing.len() as i64, "target"),
        failing.join(", ")
    )
}
