//! Resolve, gather, decide, build: the one path from an intent to an answer, shared by the
//! operator and the command line, so that the same intent on the same evidence gives
//! the same bytes everywhere.

mod answer;
mod revision;
pub(crate) mod words;

pub use answer::{Answer, answer, recommendation};
pub use revision::{proposed, verdict};

use jiff::Timestamp;
use thiserror::Error;

use crate::api::DeploymentIntentSpec;
use crate::benchmark::SharedBenchmarks;
use crate::catalog::Catalog;
use crate::knowledge_base::{KnowledgeBase, KnowledgeBaseError};
use crate::manifest::{self, BuildError, Built, Manifests, Settings, Workload};
use crate::recommend::{
    self, Account, Candidate, Decision, Grounds, Requirement, ResolveError, Running, Terms, Update,
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
pub enum AdviseError {
    /// The intent cannot be resolved.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The evidence cannot be read.
    #[error(transparent)]
    Gather(#[from] KnowledgeBaseError),
}

/// A decision, and what became of every configuration.
#[derive(Clone, Debug)]
pub struct Examined {
    /// The decision.
    pub decision: Decision,
    /// Each configuration with rows for the profile; `None` where nobody asked.
    pub accounts: Option<Vec<Account>>,
}

/// Decides and, where `all` asks for it, accounts for every configuration, from what the knowledge
/// base holds now.
pub async fn examine(
    spec: &DeploymentIntentSpec,
    all: bool,
    knowledge_base: &KnowledgeBase,
    catalog: &Catalog,
    now: Timestamp,
) -> Result<Examined, AdviseError> {
    let requirement = recommend::resolve(spec, catalog)?;
    let grounds = gather(&requirement, knowledge_base, now).await?;
    let accounts = all.then(|| recommend::account(&requirement, &grounds.evidence, catalog, now));
    Ok(Examined {
        decision: grounds.decide(requirement, catalog, now),
        accounts,
    })
}

/// What the knowledge base holds for a requirement, no older than the call.
async fn gather(
    requirement: &Requirement,
    knowledge_base: &KnowledgeBase,
    now: Timestamp,
) -> Result<Grounds, KnowledgeBaseError> {
    let profile = requirement.profile;
    let (evidence, others) = if requirement.evidence.allows_estimates() {
        knowledge_base.evidence_and_others(profile).await?
    } else {
        (knowledge_base.evidence(profile).await?, Vec::new())
    };
    let others = others.iter().flat_map(SharedBenchmarks::places).cloned();
    let others = SharedBenchmarks::of_places(others);
    Ok(Grounds::new(requirement, evidence, &others, now))
}

/// Answers a question from what the knowledge base holds now.
pub async fn advise(
    question: Question<'_>,
    knowledge_base: &KnowledgeBase,
    catalog: &Catalog,
    settings: &Settings,
    now: Timestamp,
) -> Result<Advice, AdviseError> {
    let requirement = recommend::resolve(question.spec, catalog)?;
    let grounds = gather(&requirement, knowledge_base, now).await?;
    let decision = grounds.decide(requirement, catalog, now);
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
    Ok(Advice {
        decision,
        manifests,
    })
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
pub async fn revise(
    question: Question<'_>,
    running: Option<&Running>,
    knowledge_base: &KnowledgeBase,
    catalog: &Catalog,
    settings: &Settings,
    now: Timestamp,
) -> Result<Revision, AdviseError> {
    let requirement = recommend::resolve(question.spec, catalog)?;
    let grounds = gather(&requirement, knowledge_base, now).await?;
    let decision = grounds.decide(requirement, catalog, now);
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
