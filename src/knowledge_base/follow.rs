//! Waiting for changes: a notification, or a look at the change table every few seconds where none
//! arrives. A pooler that lends sessions for a transaction swallows notifications, and a standby sends
//! none.

use std::collections::BTreeSet;
use std::time::Duration;

use sqlx::postgres::PgListener;
use sqlx::{Acquire, PgConnection};
use tokio::time::{Instant, sleep_until, timeout};

use super::KnowledgeBase;
use super::changes::{self, CHANNEL, Change, Token};
use super::connection::Sessions;
use super::error::{Failure, KnowledgeBaseError};
use crate::benchmark::TrafficProfile;

/// How long an unannounced change stays unseen.
const POLL: Duration = Duration::from_secs(5);
/// Changes that come one upon the other are told together after this; a single one at once.
const GAP: Duration = Duration::from_millis(50);

/// Where answers may have become others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Anywhere.
    pub everything: bool,
    /// Under these profiles.
    pub profiles: BTreeSet<TrafficProfile>,
    /// Where the profile has no rows, since the answer names those that have: one has got its
    /// first row or lost its last.
    pub profiles_that_have_rows: bool,
}

impl Changed {
    /// Nowhere.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Follows the changes of a knowledge base from the moment it was made, on a connection of its own.
pub struct Follower {
    knowledge_base: KnowledgeBase,
    listener: PgListener,
    hears: bool,
    token: Token,
    profiles: Vec<TrafficProfile>,
    last_look: Instant,
}

impl Follower {
    pub(super) async fn start(knowledge_base: &KnowledgeBase) -> Result<Self, KnowledgeBaseError> {
        let start = async {
            let announcer = &knowledge_base.announcer;
            announcer.acquire().await?;
            let mut listener = PgListener::connect_with(announcer.pool()).await?;
            // A lost connection is an error, so that nobody trusts the token of another.
            listener.eager_reconnect(false);
            let hears = !announcer.is_pooled() && listener.listen(CHANNEL).await.is_ok();
            let mut snapshot = announcer.snapshot(listener.acquire().await?).await?;
            let (token, _) = changes::state_in(&mut snapshot, None).await?;
            snapshot.end().await?;
            Ok((listener, hears, token))
        };
        let (listener, hears, token) = knowledge_base.within_deadline(start).await?;
        Ok(Self {
            profiles: knowledge_base.profiles().await?,
            knowledge_base: knowledge_base.clone(),
            listener,
            hears,
            token,
            last_look: Instant::now(),
        })
    }

    /// Whether changes are announced, as far as the server says.
    pub fn hears(&self) -> bool {
        self.hears
    }

    /// Whether the knowledge base records changes. A restore ends that until `compass migrate`.
    pub fn is_recorded(&self) -> bool {
        self.token.is_recorded
    }

    /// What changed since the last call. Waits for the next announcement, or a few seconds: the
    /// answer may be nothing.
    ///
    /// # Errors
    /// After one, anything may have changed, and another follower is to be made.
    pub async fn next(&mut self) -> Result<Changed, KnowledgeBaseError> {
        let lost = || Failure::Sql(sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into()));
        if self.hears {
            match timeout(POLL, self.listener.try_recv()).await {
                Ok(Ok(Some(_))) => sleep_until(self.last_look + GAP).await,
                Ok(Ok(None)) => return Err(lost().at(&self.knowledge_base.target)),
                Ok(Err(error)) => {
                    return Err(Failure::Sql(error).at(&self.knowledge_base.target));
                }
                Err(_) => {}
            }
            while self.listener.next_buffered().is_some() {}
        } else {
            sleep_until(self.last_look + POLL).await;
        }
        self.last_look = Instant::now();
        let announcer = &self.knowledge_base.announcer;
        let connection = self.listener.acquire().await;
        let connection =
            connection.map_err(|error| Failure::from(error).at(&self.knowledge_base.target))?;
        let look = look(connection, announcer, &mut self.token);
        let mut changed = self.knowledge_base.within_deadline(look).await?;
        if !changed.is_empty() {
            let profiles = self.knowledge_base.profiles().await?;
            changed.profiles_that_have_rows = profiles != self.profiles;
            self.profiles = profiles;
        }
        Ok(changed)
    }
}

async fn look(
    connection: &mut PgConnection,
    announcer: &Sessions,
    since: &mut Token,
) -> Result<Changed, Failure> {
    let mut changed = Changed::default();
    // The changes are of the token's snapshot: none is between the two.
    let mut snapshot = announcer.snapshot(connection).await?;
    let (token, is_changed) = changes::state_in(&mut snapshot, Some(since)).await?;
    if token.is_recorded != since.is_recorded || (token.is_recorded && !since.continues_in(&token))
    {
        changed.everything = true;
    } else if is_changed {
        for change in changes::changes(&mut snapshot, since).await? {
            match change {
                Change::Everything => changed.everything = true,
                Change::Profile(profile) | Change::Place(profile, _) => {
                    changed.profiles.insert(profile);
                }
            }
        }
    }
    snapshot.end().await?;
    *since = token;
    Ok(changed)
}
