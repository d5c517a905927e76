//! Where evidence is gathered: the knowledge base, or a snapshot of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use thiserror::Error;

use crate::benchmark::snapshot::Snapshot;
use crate::benchmark::{Benchmark, Evidence, ProfileCount, SharedBenchmarks, TrafficProfile};
use crate::catalog::Catalog;
use crate::knowledge_base::{KnowledgeBase, KnowledgeBaseError};

/// Something that holds benchmarks.
pub trait EvidenceSource: Sync {
    /// Why it cannot say.
    type Error: std::error::Error + Send + 'static;

    /// Every row of exactly this profile and the profiles there are and, where `with_others` asks for
    /// them, the rows of every other profile: all of one moment, no older than the call.
    fn gather(
        &self,
        profile: TrafficProfile,
        with_others: bool,
    ) -> impl Future<Output = Result<(Evidence, Vec<SharedBenchmarks>), Self::Error>> + Send;
}

impl EvidenceSource for KnowledgeBase {
    type Error = KnowledgeBaseError;

    async fn gather(
        &self,
        profile: TrafficProfile,
        with_others: bool,
    ) -> Result<(Evidence, Vec<SharedBenchmarks>), KnowledgeBaseError> {
        if with_others {
            self.evidence_and_others(profile).await
        } else {
            Ok((self.evidence(profile).await?, Vec::new()))
        }
    }
}

/// The evidence of a snapshot, as decisions see it.
#[derive(Clone, Debug)]
pub struct SnapshotEvidence {
    held: BTreeMap<TrafficProfile, SharedBenchmarks>,
    profiles: Vec<ProfileCount>,
    taken_at: Timestamp,
}

/// A snapshot that does not hold what is asked: whether there are benchmarks is not known.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "the snapshot holds {holds} and not {lacks}: take one with `compass snapshot -f intent.yaml`"
)]
pub struct NotInSnapshot {
    /// The profiles that it holds.
    pub holds: String,
    /// What is asked.
    pub lacks: String,
}

impl SnapshotEvidence {
    /// The catalog gives rows their canonical hardware names, as it does with those of the knowledge
    /// base (R2).
    pub fn new(snapshot: &Snapshot, catalog: &Catalog) -> Self {
        let mut rows: BTreeMap<TrafficProfile, Vec<Benchmark>> = BTreeMap::new();
        rows.extend(snapshot.holds.iter().map(|profile| (*profile, Vec::new())));
        for (source, of_source) in &snapshot.sources {
            let seen = |row: &crate::benchmark::BenchmarkRow| {
                row.benchmark(source, |name| catalog.canonical_hardware(name))
            };
            for row in of_source.iter().filter_map(seen) {
                rows.entry(row.profile).or_default().push(row);
            }
        }
        let shared = |(profile, rows)| (profile, SharedBenchmarks::from(rows));
        Self {
            held: rows.into_iter().map(shared).collect(),
            profiles: snapshot.profiles.clone(),
            taken_at: snapshot.taken_at,
        }
    }

    /// When it was taken: the time by which rows are old.
    pub fn taken_at(&self) -> Timestamp {
        self.taken_at
    }

    /// Its rows, by profile.
    pub(super) fn rows(&self) -> impl Iterator<Item = &SharedBenchmarks> {
        self.held.values()
    }

    fn lacks(&self, lacks: String) -> NotInSnapshot {
        let holds: Vec<_> = self.held.keys().map(ToString::to_string).collect();
        NotInSnapshot {
            holds: if holds.is_empty() {
                "no profile".to_owned()
            } else {
                holds.join(", ")
            },
            lacks,
        }
    }

    fn answer(
        &self,
        profile: TrafficProfile,
        with_others: bool,
    ) -> Result<(Evidence, Vec<SharedBenchmarks>), NotInSnapshot> {
        let benchmarks = self.held.get(&profile);
        let benchmarks = benchmarks.ok_or_else(|| self.lacks(profile.to_string()))?;
        let evidence = Evidence {
            benchmarks: benchmarks.clone(),
            profiles: self.profiles.clone(),
        };
        let mut others = Vec::new();
        if with_others {
            let is_lacking = |count: &&ProfileCount| !self.held.contains_key(&count.profile);
            let lacking: Vec<_> = self.profiles.iter().filter(is_lacking).collect();
            if let Some(first) = lacking.first() {
                return Err(self.lacks(format!(
                    "the other profiles ({}{}) that the estimates of this intent are made of",
                    first.profile,
                    if lacking.len() > 1 { ", ..." } else { "" }
                )));
            }
            let is_other = |(of, _): &(&TrafficProfile, _)| **of != profile;
            others = self
                .held
                .iter()
                .filter(is_other)
                .map(|(_, rows)| rows.clone())
                .collect();
        }
        Ok((evidence, others))
    }
}

impl EvidenceSource for SnapshotEvidence {
    type Error = NotInSnapshot;

    async fn gather(
        &self,
        profile: TrafficProfile,
        with_others: bool,
    ) -> Result<(Evidence, Vec<SharedBenchmarks>), NotInSnapshot> {
        self.answer(profile, with_others)
    }
}

/// One of the two.
#[derive(Clone, Debug)]
pub enum AnySource {
    /// The knowledge base.
    KnowledgeBase(Box<KnowledgeBase>),
    /// A snapshot, and the name of its file.
    Snapshot(String, SnapshotEvidence),
}

/// Why it cannot say.
#[derive(Debug, Error)]
pub enum SourceError {
    /// The knowledge base cannot.
    #[error(transparent)]
    KnowledgeBase(#[from] KnowledgeBaseError),
    /// The snapshot in this file does not hold what is asked.
    #[error("{0}: {1}")]
    Snapshot(String, NotInSnapshot),
}

impl EvidenceSource for AnySource {
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
