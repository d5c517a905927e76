//! An answer with all that a person looks at beside it. The decision is that of `advise`, on the
//! same evidence.

use jiff::Timestamp;

use super::{Advice, AdviseError, EvidenceSource, Question, advice, decide};
use crate::catalog::Catalog;
use crate::manifest::Settings;
use crate::recommend::{self, Account, Curve, Decision, Offer};

/// An answer, every other way to meet the requirement, and what became of every configuration.
#[derive(Clone, Debug)]
pub struct Surveyed {
    /// The answer, as [`advise`](super::advise) gives it.
    pub advice: Advice,
    /// Every way that meets the requirement, the recommended one first.
    pub offers: Vec<Offer>,
    /// Each configuration with rows for the profile.
    pub accounts: Vec<Account>,
}

/// Answers a question, and looks at all of the evidence behind the answer.
pub async fn survey<S: EvidenceSource>(
    question: Question<'_>,
    source: &S,
    catalog: &Catalog,
    settings: &Settings,
    now: Timestamp,
) -> Result<Surveyed, AdviseError<S::Error>> {
    let (grounds, decision) = decide(question, source, catalog, now).await?;
    let (offers, accounts) =
        recommend::survey(&decision.requirement, &grounds.evidence, catalog, now);
    Ok(Surveyed {
        advice: advice(question, decision, catalog, settings),
        offers,
        accounts,
    })
}

/// A decision, and one configuration beside it.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// The decision.
    pub decision: Decision,
    /// What the evidence shows of the configuration; `None` where it has no rows for the profile.
    pub curve: Option<Curve>,
}

/// Answers a question, and looks at the configuration with this digest
/// ([`recommend::configuration_digest`]).
pub async fn inspect<S: EvidenceSource>(
    question: Question<'_>,
    configuration: &str,
    source: &S,
    catalog: &Catalog,
    now: Timestamp,
) -> Result<Inspected, AdviseError<S::Error>> {
    let (grounds, decision) = decide(question, source, catalog, now).await?;
    let evidence = &grounds.evidence;
    let curve = recommend::curve(&decision.requirement, evidence, configuration, catalog, now);
    Ok(Inspected { decision, curve })
}
