//! What a command answers from: the knowledge base, or a snapshot of it.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use jiff::Timestamp;
use thiserror::Error;

use super::DatabaseArguments;
use crate::advise::{EvidenceSource, NotInSnapshot, SnapshotEvidence};
use crate::benchmark::snapshot::Snapshot;
use crate::benchmark::{Evidence, SharedBenchmarks, TrafficProfile};
use crate::catalog::Catalog;
use crate::knowledge_base::{KnowledgeBase, KnowledgeBaseError};

/// Where evidence is.
#[derive(Args, Debug)]
pub(super) struct EvidenceArguments {
    /// Answer from this file of `compass snapshot`, as of its time, in place of the knowledge base
    #[arg(long, env = "COMPASS_SNAPSHOT", value_name = "FILE")]
    snapshot: Option<PathBuf>,
    #[command(flatten)]
    database: DatabaseArguments,
}

/// Evidence, and the time it is weighed at.
pub(super) struct Opened {
    pub(super) source: Source,
    pub(super) now: Timestamp,
}

/// One of the two.
pub(super) enum Source {
    KnowledgeBase(KnowledgeBase),
    Snapshot(String, SnapshotEvidence),
}

/// Why it cannot say.
#[derive(Debug, Error)]
pub(super) enum SourceError {
    #[error(transparent)]
    KnowledgeBase(#[from] KnowledgeBaseError),
    #[error("{0}: {1}")]
    Snapshot(String, NotInSnapshot),
}

impl EvidenceArguments {
    /// Reads the snapshot, or prepares the connection.
    pub(super) fn open(&self, catalog: &Arc<Catalog>) -> anyhow::Result<Opened> {
        let Some(path) = &self.snapshot else {
            return Ok(Opened {
                source: Source::KnowledgeBase(self.database.knowledge_base(catalog)?),
                now: Timestamp::now(),
            });
        };
        let file = path.display().to_string();
        let snapshot = read(path).with_context(|| file.clone())?;
        Ok(Opened {
            now: snapshot.taken_at,
            source: Source::Snapshot(file, SnapshotEvidence::new(&snapshot, catalog)),
        })
    }

    /// As [`Self::open`]; `None` where neither is given.
    pub(super) fn open_if_given(&self, catalog: &Arc<Catalog>) -> anyhow::Result<Option<Opened>> {
        let is_given = self.snapshot.is_some() || self.database.is_given();
        is_given.then(|| self.open(catalog)).transpose()
    }
}

fn read(path: &Path) -> anyhow::Result<Snapshot> {
    let bytes = std::fs::read(path).context("cannot be read")?;
    let text = if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut text = String::new();
        flate2::read::MultiGzDecoder::new(&bytes[..])
            .read_to_string(&mut text)
            .context("cannot be decompressed: is it whole?")?;
        text
    } else {
        String::from_utf8(bytes).context("not a snapshot")?
    };
    Ok(Snapshot::parse(&text)?)
}

impl EvidenceSource for Source {
    type Error = SourceError;

    async fn gather(
        &self,
        profile: TrafficProfile,
        with_others: bool,
    ) -> Result<(Evidence, Vec<SharedBenchmarks>), SourceError> {
        match self {
            Self::KnowledgeBase(base) => Ok(base.gather(profile, with_others).await?),
            Self::Snapshot(file, evidence) => evidence
                .gather(profile, with_others)
                .await
                .map_err(|error| SourceError::Snapshot(file.clone(), error)),
        }
    }
}
