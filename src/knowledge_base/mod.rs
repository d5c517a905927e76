//! The knowledge base: benchmarks in PostgreSQL, and the only SQL of Compass.
//!
//! Decisions read through [`KnowledgeBase`], a pool with short time-outs. [`migrate`] and [`load`]
//! take a direct connection without them, and end by deadlines of their own.

mod connection;
mod copy;
mod error;
mod evidence;
mod identity;
mod load;
mod migrate;

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;

use crate::benchmark::{Evidence, TrafficProfile};
use crate::catalog::Catalog;

pub use connection::ConnectionSettings;
pub use error::{KnowledgeBaseError, Target};
pub use load::{
    FileReport, LoadFile, LoadMode, LoadOptions, LoadReport, OnRejected, SourceReport, load,
};
pub use migrate::{MigrationReport, migrate};

/// The source of rows that nobody loaded: a dump restored with PostgreSQL's own tools.
pub const RESTORED_SOURCE: &str = "exported_summaries";

/// A pool of connections for decisions. Cheap to clone.
#[derive(Clone, Debug)]
pub struct KnowledgeBase {
    pool: PgPool,
    target: Target,
    catalog: Arc<Catalog>,
    deadline: Duration,
}

impl KnowledgeBase {
    /// Prepares a pool without connecting. The catalog gives rows their canonical hardware names,
    /// also rows that a dump brought and no load has seen (R2).
    ///
    /// Fails on a URL that is none, and never shows its password. Must be called inside a runtime.
    pub fn connect_lazy(
        url: &str,
        settings: &ConnectionSettings,
        catalog: Arc<Catalog>,
    ) -> Result<Self, KnowledgeBaseError> {
        let (options, target) = connection::parse(url)?;
        Ok(Self {
            pool: settings.pool(options),
            target,
            catalog,
            deadline: settings.deadline(),
        })
    }

    /// Asks whether the knowledge base answers and its schema is that of this Compass; if it is
    /// older or missing, the error says to migrate.
    pub async fn ping(&self) -> Result<(), KnowledgeBaseError> {
        self.within_deadline(migrate::check_schema(&self.pool))
            .await
    }

    /// All rows of exactly this profile, whatever they are, and the profiles there are: both of one
    /// snapshot.
    pub async fn evidence(&self, profile: TrafficProfile) -> Result<Evidence, KnowledgeBaseError> {
        self.within_deadline(evidence::read(&self.pool, profile, &self.catalog))
            .await
    }

    /// Where the knowledge base is, without the password.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The server's own time-outs do not help when the network swallows its answer.
    async fn within_deadline<T>(
        &self,
        work: impl Future<Output = Result<T, error::Failure>>,
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
