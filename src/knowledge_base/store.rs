//! Evidence in memory that is never older than the question: every read asks the knowledge base
//! whether what is kept is still so, in one round trip, and reads again what is not.
//!
//! - What is kept is of one snapshot. Rows are read when a profile is first asked for; later only
//!   the configurations that changed are.
//! - A token is good for the connection it was read on, so the two are dropped together: after an
//!   error, and after ten minutes. The latter is the backstop for what no trigger sees, such as
//!   rows that logical replication brings.
//! - Where nothing at all was committed between two questions, the next one first asks whether that
//!   is still so, which costs the server least.
//! - Questions that wait for each other share one round trip, if it began after they were asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::{Executor, PgConnection};
use tokio::sync::Mutex;

use super::changes::{self, Change, Place, Token};
use super::connection::{Sessions, Snapshot};
use super::error::Failure;
use super::evidence;
use super::kept::Kept;
use super::replication;
use crate::benchmark::{Evidence, SharedBenchmarks, TrafficProfile};
use crate::catalog::Catalog;

/// Rows kept at most: as ladders, about 220 MiB. The profiles that were not asked for longest are
/// dropped first, and a larger one is read anew for each question.
pub const KEPT_ROWS: usize = 1_100_000;

const LIFETIME: Duration = Duration::from_secs(10 * 60);
/// How long a replica may take to replay what its primary has written.
const PATIENCE: Duration = Duration::from_secs(1);
const REPLAY_POLL: Duration = Duration::from_millis(10);
/// Where more of a profile changed, all of it is read again.
const PLACES_AT_ONCE: usize = 500;

/// The rows of a knowledge base that were asked for.
#[derive(Debug)]
pub(super) struct Store {
    sessions: Sessions,
    /// Of the primary, where `sessions` are of a replica.
    primary: Option<Sessions>,
    catalog: Arc<Catalog>,
    live: Mutex<Option<Live>>,
}

/// A connection, and what is known by its token.
#[derive(Debug)]
struct Live {
    connection: PgConnection,
    /// To the primary, where `connection` leads to a replica.
    primary: Option<PgConnection>,
    opened: Instant,
    kept: Option<Kept>,
    /// Whether the last two questions found the same snapshot, so that the next may, too.
    stands_still: bool,
    /// When the statement was sent that found `kept` to be so.
    asked: Instant,
}

#[derive(Clone, Copy)]
enum Wanted<'a> {
    Profiles,
    Profile(TrafficProfile),
    EveryProfile(TrafficProfile),
    Place(TrafficProfile, &'a Place),
}

impl Store {
    pub(super) fn new(sessions: Sessions, catalog: Arc<Catalog>) -> Self {
        Self {
            sessions,
            primary: None,
            catalog,
            live: Mutex::new(None),
        }
    }

    /// Of a replica: it is asked once it has replayed what the primary had written.
    pub(super) fn of_replica(sessions: Sessions, primary: Sessions, catalog: Arc<Catalog>) -> Self {
        Self {
            primary: Some(primary),
            ..Self::new(sessions, catalog)
        }
    }

    /// All rows of a profile, and the profiles there are.
    pub(super) async fn evidence(&self, profile: TrafficProfile) -> Result<Evidence, Failure> {
        let answer = |kept: &mut Kept| kept.evidence(profile);
        self.read(Wanted::Profile(profile), answer).await
    }

    /// All rows of a profile and of every other, and the profiles there are, of one snapshot.
    pub(super) async fn evidence_and_others(
        &self,
        profile: TrafficProfile,
    ) -> Result<(Evidence, Vec<SharedBenchmarks>), Failure> {
        let answer = |kept: &mut Kept| kept.every_profile(profile);
        self.read(Wanted::EveryProfile(profile), answer).await
    }

    /// The rows of one place under a profile.
    pub(super) async fn place(
        &self,
        profile: TrafficProfile,
        place: Place,
    ) -> Result<SharedBenchmarks, Failure> {
        let answer = |kept: &mut Kept| kept.place(profile, &place);
        self.read(Wanted::Place(profile, &place), answer).await
    }

    /// The profiles that have rows.
    pub(super) async fn profiles(&self) -> Result<Vec<TrafficProfile>, Failure> {
        let answer = |kept: &mut Kept| Some(kept.counts().keys().copied().collect());
        self.read(Wanted::Profiles, answer).await
    }

    async fn read<T>(
        &self,
        wanted: Wanted<'_>,
        answer: impl Fn(&mut Kept) -> Option<T>,
    ) -> Result<T, Failure> {
        let arrived = Instant::now();
        let mut slot = self.live.lock().await;
        // Taken out for the time of the work: whoever gives up halfway leaves nothing behind.
        let mut reused = slot.take().filter(|live| live.opened.elapsed() < LIFETIME);
        loop {
            let is_reused = reused.is_some();
            let mut live = match reused.take() {
                Some(live) => live,
                None => Live::open(self).await?,
            };
            match live.read(arrived, wanted, &answer, self).await {
                Err(Failure::Sql(error)) if is_reused && is_lost(&error) => {}
                Err(failure @ Failure::Sql(_)) => return Err(failure),
                result => {
                    *slot = Some(live);
                    return result;
                }
            }
        }
    }
}

/// Whether another connection may fare better.
fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        // The server, or an administrator, ended the session.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code.starts_with("57P")),
        _ => true,
    }
}

impl Live {
    async fn open(store: &Store) -> Result<Self, Failure> {
        let now = Instant::now();
        let primary = match &store.primary {
            Some(primary) => Some(primary.acquire().await?.detach()),
            None => None,
        };
        Ok(Self {
            connection: store.sessions.acquire().await?.detach(),
            primary,
            opened: now,
            kept: None,
            stands_still: false,
            asked: now,
        })
    }

    async fn read<T>(
        &mut self,
        arrived: Instant,
        wanted: Wanted<'_>,
        answer: &impl Fn(&mut Kept) -> Option<T>,
        store: &Store,
    ) -> Result<T, Failure> {
        if self.asked >= arrived
            && let Some(kept) = &mut self.kept
            && let Some(found) = answer(kept)
        {
            return Ok(found);
        }
        let asked = Instant::now();
        catch_up(&mut self.connection, self.primary.as_mut()).await?;
        if let Some(kept) = &mut self.kept
            && let Some(found) = answer(kept)
        {
            if self.stands_still
                && changes::snapshot(&mut self.connection).await? == kept.token.snapshot
            {
                self.asked = asked;
                return Ok(found);
            }
            let (token, is_changed) =
                state(&mut self.connection, &kept.token, &store.sessions).await?;
            // Behind a pooler the next question may meet another server.
            self.stands_still = !store.sessions.is_pooled()
                && token.tells_all()
                && token.snapshot == kept.token.snapshot;
            if !is_changed && kept.token.continues_in(&token) {
                kept.token = token;
                self.asked = asked;
                return Ok(found);
            }
        }
        let (mut kept, unreadable) = self.bring_up_to_date(wanted, store).await?;
        let found = answer(&mut kept);
        kept.shrink_to(KEPT_ROWS);
        self.kept = Some(kept);
        self.asked = asked;
        match (found, unreadable) {
            (Some(found), _) => Ok(found),
            (None, Some(unreadable)) => Err(unreadable),
            (None, None) => Err(Failure::Unreadable(
                "the rows that were just read are not there, which is a fault of Compass".into(),
            )),
        }
    }

    /// What is kept, as of now and with what is wanted; or why the latter cannot be read. All in
    /// one snapshot, which is taken once the tables can no longer be emptied under it.
    async fn bring_up_to_date(
        &mut self,
        wanted: Wanted<'_>,
        store: &Store,
    ) -> Result<(Kept, Option<Failure>), Failure> {
        let catalog = &store.catalog;
        let before = self.kept.take();
        let mut snapshot = store.sessions.snapshot(&mut self.connection).await?;
        snapshot
            .execute("LOCK TABLE exported_summaries, benchmark_evidence IN ACCESS SHARE MODE")
            .await?;
        let since = before.as_ref().map(|kept| &kept.token);
        let (token, is_changed) = changes::state_in(&mut snapshot, since).await?;
        let mut kept = match before {
            Some(mut kept) if kept.token.continues_in(&token) => {
                if is_changed {
                    kept = follow(kept, &mut snapshot, catalog).await?;
                }
                kept.token = token;
                kept
            }
            _ => Kept::new(token, evidence::profiles(&mut snapshot).await?),
        };
        let unreadable = fill(&mut kept, wanted, &mut snapshot, catalog).await?;
        snapshot.end().await?;
        Ok((kept, unreadable))
    }
}

/// The token of now, and whether something changed, in one round trip where there is no pooler.
async fn state(
    connection: &mut PgConnection,
    since: &Token,
    sessions: &Sessions,
) -> Result<(Token, bool), Failure> {
    if !sessions.is_pooled() {
        return changes::state(connection, Some(since)).await;
    }
    let mut snapshot = sessions.snapshot(connection).await?;
    let state = changes::state_in(&mut snapshot, Some(since)).await?;
    snapshot.end().await?;
    Ok(state)
}

/// Waits until a replica has replayed what its primary has written by now.
async fn catch_up(
    connection: &mut PgConnection,
    primary: Option<&mut PgConnection>,
) -> Result<(), Failure> {
    let Some(primary) = primary else {
        return Ok(());
    };
    let position = replication::position(primary).await?;
    let begun = Instant::now();
    while replication::lag(connection, &position).await?.bytes > 0 {
        if begun.elapsed() >= PATIENCE {
            return Err(Failure::Behind);
        }
        tokio::time::sleep(REPLAY_POLL).await;
    }
    Ok(())
}

/// Reads again what changed since the token of `kept`.
async fn follow(
    mut kept: Kept,
    snapshot: &mut Snapshot<'_>,
    catalog: &Catalog,
) -> Result<Kept, Failure> {
    let Some(changed) = by_profile(changes::changes(snapshot, &kept.token).await?) else {
        return Ok(Kept::new(kept.token, evidence::profiles(snapshot).await?));
    };
    for (profile, places) in changed {
        let places = places.filter(|places| places.len() <= PLACES_AT_ONCE);
        match places {
            Some(places) if kept.is_whole(profile) => {
                match evidence::of_places(snapshot, profile, &places, catalog).await? {
                    Ok(rows) => {
                        kept.put_places(profile, &places, rows);
                        continue;
                    }
                    // Told to whoever asks for this profile.
                    Err(_) => kept.forget(profile),
                }
            }
            Some(places) => kept.forget_places(profile, &places),
            None => kept.forget(profile),
        }
        let rows = evidence::count(snapshot, profile).await?;
        kept.count(profile, rows);
    }
    Ok(kept)
}

/// The changed places of each changed profile, `None` for any; or `None` where anything may have
/// changed.
fn by_profile(changes: Vec<Change>) -> Option<BTreeMap<TrafficProfile, Option<Vec<Place>>>> {
    let mut changed = BTreeMap::new();
    for change in changes {
        match change {
            Change::Everything => return None,
            Change::Profile(profile) => {
                changed.insert(profile, None);
            }
            Change::Place(profile, place) => {
                if let Some(places) = changed.entry(profile).or_insert_with(|| Some(Vec::new())) {
                    places.push(place);
                }
            }
        }
    }
    Some(changed)
}

/// Reads what is wanted and not kept. The inner failure is that of a row.
async fn fill(
    kept: &mut Kept,
    wanted: Wanted<'_>,
    snapshot: &mut Snapshot<'_>,
    catalog: &Catalog,
) -> Result<Option<Failure>, Failure> {
    let read = match wanted {
        Wanted::Profile(profile) => fill_profile(kept, profile, snapshot, catalog).await?,
        Wanted::EveryProfile(profile) => {
            let mut profiles: BTreeSet<_> = kept.counts().keys().copied().collect();
            profiles.insert(profile);
            let mut read = Ok(());
            for profile in profiles {
                let this = fill_profile(kept, profile, snapshot, catalog).await?;
                read = read.and(this);
            }
            read
        }
        Wanted::Place(profile, place) if kept.place(profile, place).is_none() => {
            let places = std::slice::from_ref(place);
            evidence::of_places(snapshot, profile, places, catalog)
                .await?
                .map(|rows| kept.put_places(profile, places, rows))
        }
        _ => Ok(()),
    };
    Ok(read.err())
}

/// Reads a profile that is not kept as a whole.
async fn fill_profile(
    kept: &mut Kept,
    profile: TrafficProfile,
    snapshot: &mut Snapshot<'_>,
    catalog: &Catalog,
) -> Result<Result<(), Failure>, Failure> {
    if kept.is_whole(profile) {
        return Ok(Ok(()));
    }
    let rows = evidence::of_profile(snapshot, profile, catalog).await?;
    Ok(rows.map(|rows| kept.put_profile(profile, rows)))
}
