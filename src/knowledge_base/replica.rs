//! Rows read from a replica, and none older than the question: the primary says up to where it has
//! written, and the replica is read once it has come as far. Where it does not in time, or does not
//! answer, the primary is read for a while.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::Asked;
use super::connection::Sessions;
use super::error::{Failure, Target};
use super::replication::{self, Lag};
use super::store::Store;
use crate::catalog::Catalog;

/// How long the primary is read before the replica is tried again.
const PAUSE: Duration = Duration::from_secs(5);

/// A replica to read from, and its primary.
#[derive(Debug)]
pub(super) struct Replica {
    store: Store,
    sessions: Sessions,
    target: Target,
    primary: Sessions,
    paused: Mutex<Option<Instant>>,
}

impl Replica {
    pub(super) fn new(
        sessions: Sessions,
        target: Target,
        primary: Sessions,
        catalog: Arc<Catalog>,
    ) -> Self {
        Self {
            store: Store::of_replica(sessions.clone(), primary.clone(), catalog),
            sessions,
            target,
            primary,
            paused: Mutex::default(),
        }
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// What the replica answers, or nothing where the primary is to be asked.
    pub(super) async fn read<T>(
        &self,
        ask: impl Fn(&Store) -> Asked<'_, T>,
    ) -> Result<Option<T>, Failure> {
        let is_paused = |at: Option<Instant>| at.is_some_and(|at| at.elapsed() < PAUSE);
        if is_paused(*self.paused()) {
            return Ok(None);
        }
        match ask(&self.store).await {
            Ok(found) => {
                if self.paused().take().is_some() {
                    info!("benchmarks are read from the replica again");
                }
                Ok(Some(found))
            }
            Err(unreadable @ Failure::Unreadable(_)) => Err(unreadable),
            Err(failure) => {
                if self.paused().replace(Instant::now()).is_none() {
                    let problem = failure.at(&self.target);
                    warn!("benchmarks are read from the primary: {problem}");
                }
                Ok(None)
            }
        }
    }

    /// Asked of both, the primary first.
    pub(super) async fn lag(&self) -> Result<Lag, Failure> {
        let mut primary = self.primary.acquire().await?;
        let position = replication::position(&mut primary).await?;
        let mut standby = self.sessions.acquire().await?;
        replication::lag(&mut standby, &position).await
    }

    fn paused(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.paused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
