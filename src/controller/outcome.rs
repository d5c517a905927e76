//! What one reconcile found and did: all that the new status is made of.

use thiserror::Error;

use super::error::ApiError;
use crate::advise::{self, Answer};
use crate::api::{ManifestsStatus, ProposedStatus, RecommendationStatus};
use crate::knowledge_base::KnowledgeBaseError;
use crate::manifest::{BuildError, Delivered, Deviation, Kind, Manifests};
use crate::recommend::{Decision, OverLimit, ResolveError, Update, Verdict};

/// How a reconcile ended. "Nothing complies" is an answer.
pub enum Outcome {
    /// The question was answered, and the answer delivered or not.
    Answered {
        /// The answer, which may be that nothing complies.
        answer: Box<Answer>,
        /// The cheapest configuration that only breaks a limit, where nothing complies.
        over_limit: Option<Box<OverLimit>>,
        /// Whether nothing complies only because the cluster has no room now.
        awaits_room: bool,
        /// What it changes of what runs, in mode Apply.
        change: Option<Box<Change>>,
        /// Where the deployment is not what was benchmarked.
        deviations: Vec<Deviation>,
        /// What became of it.
        delivery: Result<Delivery, DeliverError>,
    },
    /// The stored object is no `DeploymentIntent` of this version.
    Undecodable(String),
    /// The intent contradicts itself.
    Unresolvable(ResolveError),
    /// The knowledge base could not be read.
    Unavailable(KnowledgeBaseError),
}

/// What an answer changes of what runs (R12), in the API's words.
pub struct Change {
    /// What current evidence says of what ran before, and whether that complies; `None` where nothing
    /// ran.
    pub verdict: Option<(Compliance, String)>,
    /// Whether what ran before goes on.
    pub keeps: bool,
    /// What is to run, if it is known.
    pub runs: Option<RecommendationStatus>,
    /// What waits.
    pub proposed: Option<ProposedStatus>,
}

impl Change {
    /// Of an update that belongs to a decision.
    pub fn of(update: &Update, decision: &Decision) -> Self {
        let verdict = update.verdict.as_ref().map(|verdict| {
            let compliance = match verdict {
                Verdict::Complies => Compliance::Complies,
                Verdict::Undecidable(_) => Compliance::Undecidable,
                Verdict::Violated(_) => Compliance::Violated,
            };
            (compliance, advise::verdict(verdict))
        });
        let runs = update.deliver.as_ref();
        Self {
            verdict,
            keeps: update.keeps,
            runs: runs.map(|candidate| advise::recommendation(candidate, decision)),
            proposed: update.proposal.as_ref().map(advise::proposed),
        }
    }

    /// Whether what runs is shown to fail, and goes on.
    pub fn keeps_a_violation(&self) -> bool {
        self.keeps && matches!(self.verdict, Some((Compliance::Violated, _)))
    }
}

/// Whether current evidence backs what runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compliance {
    /// It does.
    Complies,
    /// It shows that a target is missed or a constraint broken.
    Violated,
    /// Neither.
    Undecidable,
}

/// When to look at an intent again, unless something changes before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Only a change of the intent can change the outcome.
    Never,
    /// When the answer has stood for a while: evidence may have changed.
    Periodically,
    /// Something is down or in the way: soon, and later with each failure.
    Soon,
}

impl Outcome {
    /// When to look again.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Undecodable(_) | Self::Unresolvable(_) => Retry::Never,
            Self::Answered {
                delivery:
                    Ok(_)
                    | Err(
                        DeliverError::NotDeployable(_)
                        | DeliverError::Estimated
                        | DeliverError::LacksToken,
                    ),
                ..
            } => Retry::Periodically,
            Self::Answered {
                delivery: Err(_), ..
            }
            | Self::Unavailable(_) => Retry::Soon,
        }
    }
}

/// What was delivered.
pub enum Delivery {
    /// Mode Recommend: the status is all.
    StatusOnly,
    /// `suspend`: nothing was written, whatever the mode.
    Suspended,
    /// There was no answer in mode Render: the last ConfigMap stays.
    KeptRendered,
    /// There was nothing to deliver in mode Apply: what runs stays.
    KeptApplied {
        /// How far that is; `None` where nothing runs.
        rollout: Option<Rollout>,
    },
    /// Mode Render.
    Rendered(ManifestsStatus),
    /// Mode Apply.
    Applied {
        /// The ConfigMap beside the objects.
        manifests: ManifestsStatus,
        /// The objects as they were applied.
        delivered: Box<Manifests<Delivered>>,
        /// How far the Deployment is.
        rollout: Rollout,
    },
}

/// How far a Deployment is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rollout {
    /// Every replica is of the current template, and enough of them are available.
    Available,
    /// Not yet, and it may come by itself; one of the API's reasons, and what is awaited.
    Progressing(&'static str, String),
    /// Not without a person: one of the API's reasons, and what is wrong.
    Stalled(&'static str, String),
}

/// Why an answer was not delivered.
#[derive(Debug, Error)]
pub enum DeliverError {
    /// No manifests can be made of the recommendation.
    #[error(transparent)]
    NotDeployable(#[from] BuildError),
    /// The recommendation rests on an estimate (R13).
    #[error(
        "an estimate is not applied without approval: benchmark the configuration under this traffic profile, or approve status.proposed by delivery.approvedDigest (kubectl compass approve)"
    )]
    Estimated,
    /// The cluster has no such kind.
    #[error(
        "the cluster does not serve {} of {}: install what brings it, or change runtime.target",
        .0, .0.resource().api_version()
    )]
    NotServed(Kind),
    /// The pods could not fetch the model.
    #[error(
        "the model is gated, and its pods would have no token: accept its licence, and give runtime.hfTokenSecret, a filled runtime.modelCacheClaim or runtime.modelPath"
    )]
    LacksToken,
    /// An object of that name is about to go: of an earlier intent, or deleted by somebody.
    #[error("{kind} {name} is being deleted, and is made anew once it is gone")]
    Leaving {
        /// Kind of the object.
        kind: Kind,
        /// Name of the object.
        name: String,
    },
    /// An object of that name is not this intent's.
    #[error(
        "{kind} {name} exists and does not belong to this intent, so it is left alone: delete it, or give the intent another name"
    )]
    Conflict {
        /// Kind of the object.
        kind: Kind,
        /// Name of the object.
        name: String,
    },
    /// The API server did not take a write, or did not answer.
    #[error("{kind} {name}: {source}")]
    Api {
        /// Kind of the object.
        kind: Kind,
        /// Name of the object.
        name: String,
        /// What it said.
        source: ApiError,
    },
}
