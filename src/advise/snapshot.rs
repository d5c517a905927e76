//! Takes a snapshot: just the evidence that some intents ask about.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::AdviseError;
use crate::api::DeploymentIntentSpec;
use crate::benchmark::snapshot::Snapshot;
use crate::catalog::Catalog;
use crate::knowledge_base::{Export, KnowledgeBase};
use crate::recommend;

/// What the knowledge base holds for these intents: the rows of their profiles and, where one of
/// them allows estimates, of all others.
///
/// # Errors
/// An intent cannot be resolved, or the knowledge base cannot be read.
pub async fn take_snapshot<'a>(
    specs: impl IntoIterator<Item = &'a DeploymentIntentSpec>,
    knowledge_base: &KnowledgeBase,
    catalog: &Catalog,
    now: Timestamp,
) -> Result<Snapshot, AdviseError> {
    let mut profiles = BTreeSet::new();
    let mut allows_estimates = false;
    for spec in specs {
        let requirement = recommend::resolve(spec, catalog)?;
        profiles.insert(requirement.profile);
        allows_estimates |= requirement.evidence.allows_estimates();
    }
    let Export {
        holds,
        profiles,
        sources,
    } = knowledge_base
        .export(&profiles, allows_estimates)
        .await
        .map_err(AdviseError::Gather)?;
    let target = knowledge_base.target();
    Ok(Snapshot {
        taken_at: Timestamp::from_second(now.as_second()).unwrap_or(now),
        taken_from: format!(
            "database `{}` on {}:{}",
            target.database, target.host, target.port
        ),
        holds,
        profiles,
        sources,
    })
}
