//! What a command answers from: the knowledge base, or a snapshot of it.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};
use clap::Args;
use jiff::Timestamp;

use super::DatabaseArguments;
use crate::advise::{AnySource, SnapshotEvidence};
use crate::benchmark::snapshot::Snapshot;
use crate::catalog::Catalog;

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
    pub(super) source: AnySource,
    pub(super) now: Timestamp,
}

impl EvidenceArguments {
    /// Reads the snapshot, or prepares the connection.
    pub(super) fn open(&self, catalog: &Arc<Catalog>) -> anyhow::Result<Opened> {
        let Some(path) = &self.snapshot else {
            return Ok(Opened {
                source: AnySource::KnowledgeBase(Box::new(self.database.knowledge_base(catalog)?)),
                now: Timestamp::now(),
            });
        };
        let file = path.display().to_string();
        let snapshot = read(path).with_context(|| file.clone())?;
        Ok(Opened {
            now: snapshot.taken_at,
            source: AnySource::Snapshot(file, SnapshotEvidence::new(&snapshot, catalog)),
        })
    }

    /// Where benchmarks can be loaded.
    pub(super) fn writer_url(&self) -> anyhow::Result<String> {
        ensure!(
            self.snapshot.is_none(),
            "a snapshot cannot be written to: --allow-writes takes a database"
        );
        self.database.writer_url()
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
