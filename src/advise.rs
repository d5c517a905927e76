//! Resolve, gather, decide, build: the one path from an intent to an answer, shared by the
//! operator and the command line, so that the same intent on the same evidence gives
//! the same bytes everywhere.

mod answer;
mod coverage;
mod revision;
mod snapshot;
mod source;
mod survey;
pub(crate) mod words;

pub use answer::{Answer, answer, recommendation};
pub use coverage::{Cell, coverage};
pub use revision::{proposed, verdict};
pub use snapshot::take_snapshot;
pub use source::{AnySource, EvidenceSource, NotInSnapshot, SnapshotEvidence, SourceError};
pub use survey::{Inspected, Surveyed, inspect, survey};

use std::sync::Arc;

use jiff::Timestamp;
use thiserror::Error;
use tracing::{info_span, instrument};

use crate::api::DeploymentIntentSpec;
use crate::benchmark::{Evidence, SharedBenchmarks};
use crate::catalog::Catalog;
use crate::knowledge_base::KnowledgeBaseError;
use crate::manifest::{self, BuildError, Built, Manifests, Settings, Workload};
use crate::recommend::{
    self, Account, Availability, Candidate, Decision, Grounds, Requirement, ResolveError, Running,
    Terms, UnknownName, Update,
};

/// Whose intent it is and what it says.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Name of the intent, and of the objects built for it.
    pub name: &'a str,
    /// Namespace of the intent and its objects.
    pub namespace: &'a str,
    /// What is asked.
    pub spec: &'a DeploymentIntentSpec,
    /// What the cluster has room for; `None` where nobody looked.
    pub availability: Option<&'a Arc<Availability>>,
}

/// A decision, and the manifests of its recommendation.
#[derive(Clone, Debug)]
pub struct Advice {
    /// The decision.
    pub decision: Decision,
    /// What would run; `None` where nothing complies. A recommendation of which no manifests can be
    /// built is still an answer.
    pub manifests: Option<Result<Manifests<Built>, BuildError>>,
}

/// Why there is no answer. "Nothing complies" is an answer, not an error.
#[derive(Debug, Error)]
pub enum AdviseError<E: std::error::Error + 'static = KnowledgeBaseError> {
    /// The intent cannot be resolved.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The evidence cannot be read.
    #[error(transparent)]
    Gather(E),
}

/// A decision, and what became of every configuration.
#[derive(Clone, Debug)]
pub struct Examined {
    /// The decision.
    pub decision: Decision,
    /// Each configuration with rows for the profile; `None` where nobody asked.
    pub accounts: Option<Vec<Account>>,
}

/// Decides and, where `all` asks for it, accounts for every configuration, from what the source of
/// evidence holds now.
pub async fn examine<S: EvidenceSource>(
    spec: &DeploymentIntentSpec,
    all: bool,
    source: &S,
    catalog: &Catalog,
    now: Timestamp,
) -> Result<Examined, AdviseError<S::Error>> {
    let requirement = recommend::resolve(spec, catalog)?;
    let grounds = gather(&requirement, source, now).await?;
    let accounts = all.then(|| recommend::account(&requirement, &grounds.evidence, catalog, now));
    Ok(Examined {
        decision: grounds.decide(requirement, catalog, now),
        accounts,
    })
}

/// The names in an intent that the catalog does not know; benchmarks may.
///
/// # Errors
/// The intent cannot be resolved.
pub fn unknown_names(
    spec: &DeploymentIntentSpec,
    catalog: &Catalog,
    now: Timestamp,
) -> Result<Vec<UnknownName>, ResolveError> {
    let requirement = recommend::resolve(spec, catalog)?;
    let decision = recommend::decide(requirement, &Evidence::default(), catalog, now);
    Ok(decision.explanation.gaps.unknown_names)
}

/// What is asked, where it is asked.
#[instrument(name = "resolve", skip_all)]
fn requirement(question: Question<'_>, catalog: &Catalog) -> Result<Requirement, ResolveError> {
    let mut requirement = recommend::resolve(question.spec, catalog)?;
    requirement.constraints.availability = question.availability.cloned();
    Ok(requirement)
}

/// What the source of evidence holds for a requirement, no older than the call.
#[instrument(skip_all)]
async fn gather<S: EvidenceSource>(
    requirement: &Requirement,
    source: &S,
    now: Timestamp,
) -> Result<Grounds, AdviseError<S::Error>> {
    let with_others = requirement.evidence.allows_estimates();
    let (evidence, others) = source
        .gather(requirement.profile, with_others)
        .await
        .map_err(AdviseError::Gather)?;
    let others = others.iter().flat_map(SharedBenchmarks::places).cloned();
    let others = SharedBenchmarks::of_places(others);
    Ok(Grounds::new(requirement, evidence, &others, now))
}

async fn decide<S: EvidenceSource>(
    question: Question<'_>,
    source: &S,
    catalog: &Catalog,
    now: Timestamp,
) -> Result<(Grounds, Decision), AdviseError<S::Error>> {
    let requirement = requirement(question, catalog)?;
    let grounds = gather(&requirement, source, now).await?;
    let decision = info_span!("decide").in_scope(|| grounds.decide(requirement, catalog, now));
    Ok((grounds, decision))
}

/// Answers a question from what the source of evidence holds now.
pub async fn advise<S: EvidenceSource>(
    question: Question<'_>,
    source: &S,
    catalog: &Catalog,
    settings: &Settings,
    now: Timestamp,
) -> Result<Advice, AdviseError<S::Error>> {
    let (_, decision) = decide(question, source, catalog, now).await?;
    Ok(advice(question, decision, catalog, settings))
}

/// A decision with the manifests of its recommendation.
fn advice(
    question: Question<'_>,
    decision: Decision,
    catalog: &Catalog,
    settings: &Settings,
) -> Advice {
    let asked = recommend::asked(question.spec).to_string();
    let build = |candidate| {
        build(
            question,
            &decision.requirement,
            candidate,
            &asked,
            catalog,
            settings,
        )
    };
    let manifests = decision.recommendation.as_ref().map(build);
    Advice {
        decision,
        manifests,
    }
}

/// An answer, and what it changes of what runs.
#[derive(Clone, Debug)]
pub struct Revision {
    /// The decision.
    pub decision: Decision,
    /// What it changes (R12).
    pub update: Update,
    /// What is to run; `None` leaves what runs as it is.
    pub manifests: Option<Result<Manifests<Built>, BuildError>>,
}

/// Answers a question whose answer is to run, with `running` in its place, if anything is.
pub async fn revise<S: EvidenceSource>(
    question: Question<'_>,
    running: Option<&Running>,
    source: &S,
    catalog: &Catalog,
    settings: &Settings,
    now: Timestamp,
) -> Result<Revision, AdviseError<S::Error>> {
    let (grounds, decision) = decide(question, source, catalog, now).await?;
    let asked = recommend::asked(question.spec);
    let delivery = &question.spec.delivery;
    let terms = Terms {
        policy: delivery.update_policy,
        approved: delivery.approved_digest.as_deref(),
        asked: &asked,
    };
    let update = grounds.update(&decision, catalog, now, running, &terms);
    // What goes on as it is still answers what was asked when it was delivered.
    let answers = match running.filter(|_| update.keeps) {
        Some(running) => running.asked.clone(),
        None => asked.to_string(),
    };
    let build = |candidate| {
        build(
            question,
            &decision.requirement,
            candidate,
            &answers,
            catalog,
            settings,
        )
    };
    let manifests = update.deliver.as_ref().map(build);
    Ok(Revision {
        decision,
        update,
        manifests,
    })
}

#[instrument(skip_all)]
fn build(
    question: Question<'_>,
    requirement: &Requirement,
    candidate: &Candidate,
    asked: &str,
    catalog: &Catalog,
    settings: &Settings,
) -> Result<Manifests<Built>, BuildError> {
    manifest::build(&Workload {
        name: question.name,
        namespace: question.namespace,
        requirement,
        candidate,
        runtime: question.spec.runtime.as_ref(),
        catalog,
        settings,
        asked,
    })
}
