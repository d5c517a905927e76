//! R12: what a fresh decision changes of what runs, and what it only offers.

use jiff::Timestamp;
use serde::Serialize;

use super::cost::{self, MicroDollars};
use super::decide::pinned;
use super::decision::{Candidate, Decision};
use super::digest::Digest;
use super::field::Field;
use super::running::{self, Running, Verdict};
use crate::api::{DeploymentIntentSpec, UpdatePolicy};
use crate::benchmark::{Evidence, EvidenceKind};
use crate::catalog::Catalog;

/// Digest of what a decision answers: the spec without what delivers, suspends or overrides.
pub fn asked(spec: &DeploymentIntentSpec) -> Digest {
    let asked = DeploymentIntentSpec {
        delivery: Default::default(),
        suspend: false,
        runtime: None,
        ..spec.clone()
    };
    Digest::of(&serde_json::to_vec(&asked).expect("a spec is plain data"))
}

/// How what runs may be changed.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Which better decisions replace it.
    pub policy: UpdatePolicy,
    /// Digest of the decision that a person approved.
    pub approved: Option<&'a str>,
    /// Digest of what is asked now.
    pub asked: &'a Digest,
}

/// What is to run from now on, and what waits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Update {
    /// What the evidence of now says of what runs; `None` where nothing does.
    pub verdict: Option<Verdict>,
    /// What is to run; `None` leaves what runs as it is.
    pub deliver: Option<Candidate>,
    /// Whether what runs goes on as it is.
    pub keeps: bool,
    /// What waits.
    pub proposal: Option<Proposal>,
}

/// A decision that is not delivered yet.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Proposal {
    /// What it would deliver.
    pub candidate: Candidate,
    /// Why it waits.
    pub waits: Waits,
    /// What runs instead, and with which replicas; `None` where nothing does.
    pub instead_of: Option<Instead>,
}

/// What a proposal would replace.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Instead {
    /// Hugging Face repository.
    pub model: String,
    /// GPUs of one replica, e.g. `2xH100`.
    pub accelerators: String,
    /// Replicas.
    pub replicas: i32,
    /// Cost of all replicas for an hour at the prices of now.
    pub cost_per_hour: Option<MicroDollars>,
}

impl Proposal {
    /// What it costs less for a month; negative where it costs more.
    pub fn saving_per_month(&self) -> Option<MicroDollars> {
        let now = self.instead_of.as_ref()?.cost_per_hour?;
        let then = self.candidate.cost_per_hour?;
        Some(MicroDollars(now.0 - then.0).per_month())
    }
}

/// Why a decision waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Waits {
    /// What runs does well enough (policy `OnViolation`).
    NotNeeded,
    /// It is another model, which only a person changes (policy `OnViolation`).
    AnotherModel,
    /// Nothing changes without approval (policy `Manual`).
    Approval,
    /// It rests on an estimate (R13).
    Estimate,
}

/// What a decision, made on this evidence, changes of what runs.
pub fn update(
    decision: &Decision,
    evidence: &Evidence,
    catalog: &Catalog,
    now: Timestamp,
    running: Option<&Running>,
    terms: &Terms,
) -> Update {
    let best = decision.recommendation.as_ref();
    let is_approved =
        |candidate: &Candidate| terms.approved == candidate.digest.as_ref().map(Digest::as_str);
    let is_estimate = |candidate: &Candidate| candidate.kind == EvidenceKind::Estimated;
    let Some(running) = running else {
        let waits = best.filter(|best| is_estimate(best) && !is_approved(best));
        return Update {
            verdict: None,
            keeps: false,
            deliver: best.filter(|_| waits.is_none()).cloned(),
            proposal: waits.map(|candidate| Proposal {
                candidate: candidate.clone(),
                waits: Waits::Estimate,
                instead_of: None,
            }),
        };
    };
    if let Some(best) = best
        && running.is(&best.configuration)
        && running.replicas == best.replicas
    {
        // What is best complies, and nothing else has to be judged for that.
        return Update {
            verdict: Some(Verdict::Complies),
            deliver: Some(best.clone()),
            keeps: true,
            proposal: None,
        };
    }
    let field = Field::new(&decision.requirement, &evidence.benchmarks, catalog, now);
    let standings = field.judge(&decision.requirement.slo);
    let (verdict, as_it_runs) = running::judge(&field, &standings, running);
    let stays = as_it_runs.as_ref().map(|way| pinned(&field, way));
    let Some(best) = best else {
        return Update {
            verdict: Some(verdict),
            keeps: true,
            deliver: stays,
            proposal: None,
        };
    };
    let is_asked_anew =
        terms.policy != UpdatePolicy::Manual && running.asked != terms.asked.as_str();
    let is_taken = is_approved(best)
        || (!is_estimate(best) && (is_asked_anew || terms.policy == UpdatePolicy::Automatic));
    let is_violated = matches!(verdict, Verdict::Violated(_));
    let deliver = if is_taken {
        Some(best.clone())
    } else if is_violated && terms.policy == UpdatePolicy::OnViolation {
        let of_its_model = field
            .ranked(&standings)
            .into_iter()
            .find(|way| {
                way.configuration.model == running.model
                    && way.ladder.kind != EvidenceKind::Estimated
            })
            .map(|way| pinned(&field, way));
        of_its_model.or(stays)
    } else {
        stays
    };
    let keeps = deliver.as_ref().is_none_or(|delivered| {
        running.is(&delivered.configuration) && running.replicas == delivered.replicas
    });
    let is_delivered = deliver.as_ref().is_some_and(|delivered| {
        delivered.configuration == best.configuration && delivered.replicas == best.replicas
    });
    let waits = if is_estimate(best) {
        Waits::Estimate
    } else if terms.policy == UpdatePolicy::Manual {
        Waits::Approval
    } else if best.configuration.model != running.model {
        Waits::AnotherModel
    } else {
        Waits::NotNeeded
    };
    Update {
        proposal: (!is_delivered).then(|| Proposal {
            candidate: best.clone(),
            waits,
            instead_of: Some(instead_of(running, deliver.as_ref(), catalog)),
        }),
        verdict: Some(verdict),
        keeps,
        deliver,
    }
}

/// What runs once `deliver` is delivered.
fn instead_of(running: &Running, deliver: Option<&Candidate>, catalog: &Catalog) -> Instead {
    if let Some(candidate) = deliver {
        return Instead {
            model: candidate.configuration.model.to_string(),
            accelerators: candidate.configuration.accelerators(),
            replicas: candidate.replicas,
            cost_per_hour: candidate.cost_per_hour,
        };
    }
    let gpus = i64::from(running.replicas) * i64::from(running.gpus_per_replica);
    Instead {
        model: running.model.to_string(),
        accelerators: running.accelerators(),
        replicas: running.replicas,
        cost_per_hour: cost::per_hour(catalog.hardware(&running.hardware), gpus),
    }
}

#[cfg(test)]
mod tests;
