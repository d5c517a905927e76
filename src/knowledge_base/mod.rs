//! The knowledge base: benchmarks in PostgreSQL, and the only SQL of Compass.
//!
//! Decisions read through [`KnowledgeBase`], with short time-outs, and what they read stays in memory
//! until it changes: `changes` tells, `store` keeps, `follow` waits. [`migrate`] and [`load`] take a
//! direct connection without time-outs, and end by deadlines of their own.

mod changes;
mod connection;
mod copy;
mod error;
mod evidence;
mod examine;
mod export;
mod follow;
mod identity;
mod inventory;
mod kept;
mod load;
mod migrate;
mod remove;
mod replica;
mod replication;
mod store;
mod verify;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::benchmark::plausibility::Finding;
use crate::benchmark::{Evidence, ModelName, SharedBenchmarks, TrafficProfile};
use crate::catalog::Catalog;
use changes::Place;
use connection::{Sessions, Snapshot};
use error::Failure;
use replica::Replica;
use store::Store;

pub use connection::{ConnectionSettings, DatabaseUrls};
pub use error::{KnowledgeBaseError, Target};
pub use examine::{Encryption, Server, examine};
pub use export::Export;
pub use follow::{Changed, Follower};
pub use inventory::{
    CellInventory, Filter, KindCounts, KindInventory, ListedBenchmark, PlaceInventory,
    ProfileInventory, SourceInventory, WholeBenchmark,
};
pub use load::{
    FileReport, LoadFile, LoadMode, LoadOptions, LoadReport, OnRejected, SourceReport,
    default_source, load,
};
pub use migrate::{MigrationReport, migrate};
pub use remove::remove;
pub use replication::Lag;
pub use store::KEPT_ROWS;

/// The source of rows that nobody loaded: a dump restored with PostgreSQL's own tools.
pub const RESTORED_SOURCE: &str = "exported_summaries";

/// What a store is asked.
type Asked<'a, T> = BoxFuture<'a, Result<T, Failure>>;

/// Connections for decisions, and what was read over them. Cheap to clone; clones share both.
#[derive(Clone, Debug)]
pub struct KnowledgeBase {
    sessions: Sessions,
    /// Of the server that announces changes.
    announcer: Sessions,
    store: Arc<Store>,
    replica: Option<Arc<Replica>>,
    target: Target,
    deadline: Duration,
}

impl KnowledgeBase {
    /// Prepares a pool without connecting. The catalog gives rows their canonical hardware names,
    /// also rows that a dump brought and no load has seen (R2).
    ///
    /// Fails on a URL that is none, and never shows its password. Must be called inside a runtime.
    pub fn connect_lazy(
        urls: impl Into<DatabaseUrls>,
        settings: &ConnectionSettings,
        catalog: Arc<Catalog>,
    ) -> Result<Self, KnowledgeBaseError> {
        let urls = urls.into();
        let (options, target) = connection::parse(&urls.primary)?;
        let sessions = Sessions::new(options, settings);
        let announcer = match &urls.direct {
            Some(url) => Sessions::new(connection::parse(url)?.0, settings),
            None => sessions.clone(),
        };
        let replica = match &urls.read {
            Some(url) => {
                let (options, target) = connection::parse(url)?;
                let replica = Sessions::new(options, settings);
                let catalog = Arc::clone(&catalog);
                Some(Replica::new(replica, target, sessions.clone(), catalog).into())
            }
            None => None,
        };
        Ok(Self {
            store: Arc::new(Store::new(sessions.clone(), catalog)),
            sessions,
            announcer,
            replica,
            target,
            deadline: settings.deadline(),
        })
    }

    /// Asks whether the knowledge base answers and its schema is that of this Compass; if it is
    /// older or missing, the error says to migrate.
    pub async fn ping(&self) -> Result<(), KnowledgeBaseError> {
        self.within_deadline(self.snapshot(async |it| migrate::check_schema(it).await))
            .await
    }

    /// How far the replica is behind, where rows are read from one.
    pub async fn replica_lag(&self) -> Option<Result<Lag, KnowledgeBaseError>> {
        let replica = self.replica.as_ref()?;
        let lag = tokio::time::timeout(self.deadline, replica.lag()).await;
        Some(match lag {
            Ok(lag) => lag.map_err(|failure| failure.at(replica.target())),
            Err(_) => Err(KnowledgeBaseError::Deadline {
                target: replica.target().clone(),
                seconds: self.deadline.as_secs(),
            }),
        })
    }

    /// All rows of exactly this profile, whatever they are, and the profiles there are: both of one
    /// snapshot, which is no older than the call. Rows that did not change are not read again.
    pub async fn evidence(&self, profile: TrafficProfile) -> Result<Evidence, KnowledgeBaseError> {
        self.read(|store| store.evidence(profile).boxed()).await
    }

    /// As [`Self::evidence`], and the rows of every other profile, of the same snapshot: what an
    /// estimate is made of (R13).
    pub async fn evidence_and_others(
        &self,
        profile: TrafficProfile,
    ) -> Result<(Evidence, Vec<SharedBenchmarks>), KnowledgeBaseError> {
        self.read(|store| store.evidence_and_others(profile).boxed())
            .await
    }

    /// The rows of one model on a number of GPUs under one profile, by id and no older than the
    /// call. The model's name compares without case; the hardware is named as the rows name it.
    pub async fn configuration(
        &self,
        profile: TrafficProfile,
        model: &ModelName,
        hardware: &str,
        hardware_count: i32,
    ) -> Result<SharedBenchmarks, KnowledgeBaseError> {
        let place = Place {
            model: model.as_str().to_lowercase(),
            hardware: hardware.to_owned(),
            hardware_count,
        };
        self.read(|store| store.place(profile, place.clone()).boxed())
            .await
    }

    /// The profiles that have rows, in order.
    pub async fn profiles(&self) -> Result<Vec<TrafficProfile>, KnowledgeBaseError> {
        self.read(|store| store.profiles().boxed()).await
    }

    /// Begins to follow what changes from now on.
    pub async fn follow(&self) -> Result<Follower, KnowledgeBaseError> {
        Follower::start(self).await
    }

    /// Every row of some profiles with all that is kept of it, and, where `others` asks for them, of
    /// every other profile: what a decision on a snapshot needs.
    pub async fn export(
        &self,
        profiles: &BTreeSet<TrafficProfile>,
        others: bool,
    ) -> Result<Export, KnowledgeBaseError> {
        self.at_leisure(export::export(&self.sessions, profiles, others))
            .await
    }

    /// What there is under each traffic profile.
    pub async fn inventory_of_profiles(&self) -> Result<Vec<ProfileInventory>, KnowledgeBaseError> {
        self.at_leisure(self.snapshot(inventory::profiles)).await
    }

    /// What there is of each kind of evidence.
    pub async fn inventory_of_kinds(&self) -> Result<Vec<KindInventory>, KnowledgeBaseError> {
        self.at_leisure(self.snapshot(inventory::kinds)).await
    }

    /// What there is of each model on each number of GPUs.
    pub async fn inventory_of_places(&self) -> Result<Vec<PlaceInventory>, KnowledgeBaseError> {
        self.at_leisure(self.snapshot(inventory::places)).await
    }

    /// What there is of each kind, by configuration and profile.
    pub async fn inventory_of_cells(&self) -> Result<Vec<CellInventory>, KnowledgeBaseError> {
        self.at_leisure(self.snapshot(inventory::cells)).await
    }

    /// What each source brought.
    pub async fn inventory_of_sources(&self) -> Result<Vec<SourceInventory>, KnowledgeBaseError> {
        self.at_leisure(self.snapshot(inventory::sources)).await
    }

    /// The first rows that pass a filter, and how many there are.
    pub async fn list(
        &self,
        filter: &Filter,
        limit: i64,
    ) -> Result<(Vec<ListedBenchmark>, i64), KnowledgeBaseError> {
        self.at_leisure(self.snapshot(async |it| inventory::list(it, filter, limit).await))
            .await
    }

    /// Ids that begin with `prefix`, at most `limit`.
    pub async fn ids(&self, prefix: &str, limit: i64) -> Result<Vec<String>, KnowledgeBaseError> {
        self.at_leisure(self.snapshot(async |it| inventory::ids(it, prefix, limit).await))
            .await
    }

    /// A row with all that is kept of it, by its whole id.
    pub async fn whole(&self, id: &str) -> Result<Option<WholeBenchmark>, KnowledgeBaseError> {
        self.at_leisure(self.snapshot(async |it| inventory::whole(it, id).await))
            .await
    }

    /// Reads every row and tells `each` what is wrong with it; returns how many rows there are.
    pub async fn verify(&self, each: impl FnMut(&str, Finding)) -> Result<u64, KnowledgeBaseError> {
        self.at_leisure(self.snapshot(async |it| verify::verify(it, each).await))
            .await
    }

    /// From the replica, if there is one and it has what the primary has; else from the primary.
    async fn read<T>(&self, ask: impl Fn(&Store) -> Asked<'_, T>) -> Result<T, KnowledgeBaseError> {
        let read = async {
            if let Some(replica) = &self.replica
                && let Some(found) = replica.read(&ask).await?
            {
                return Ok(found);
            }
            ask(&self.store).await
        };
        self.within_deadline(read).await
    }

    async fn snapshot<T>(
        &self,
        work: impl AsyncFnOnce(&mut Snapshot<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut connection = self.sessions.acquire().await?;
        let mut snapshot = self.sessions.snapshot(&mut connection).await?;
        let found = work(&mut snapshot).await;
        // Also after a failure: what is dropped is ended later, and its locks last until then.
        let ended = snapshot.end().await;
        found.and_then(|found| ended.map(|()| found))
    }

    /// For questions of people, who may wait; the pool's time-outs hold for each statement.
    async fn at_leisure<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, KnowledgeBaseError> {
        work.await.map_err(|failure| failure.at(&self.target))
    }

    /// Where the knowledge base is, without the password.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The server's own time-outs do not help when the network swallows its answer.
    async fn within_deadline<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, KnowledgeBaseError> {
        match tokio::time::timeout(self.deadline, work).await {
            Ok(result) => result.map_err(|failure| failure.at(&self.target)),
            Err(_) => Err(KnowledgeBaseError::Deadline {
                target: self.target.clone(),
                seconds: self.deadline.as_secs(),
            }),
        }
    }
}
