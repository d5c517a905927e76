//! From a URL to connections: sessions with time-outs for decisions, a single one without for work
//! that takes its time.
//!
//! Between Compass and the server there may be a pooler that lends a session for one transaction
//! only (PgBouncer with `pool_mode = transaction`). Start-up options do not pass it, which tells it;
//! then nothing is kept in a session, and time-outs are set in each transaction.

use std::net::IpAddr;
use std::ops::{Deref, DerefMut};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool, Postgres, Row, Transaction,
};

use super::error::{Failure, KnowledgeBaseError, Target};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Set by the start of a session. A session that does not have it was not started by this client.
const MARK: (&str, &str) = ("compass.session", "own");

/// How the pool for decisions behaves.
#[derive(Clone, Debug)]
pub struct ConnectionSettings {
    /// Connections at most.
    pub max_connections: u32,
    /// How long a read waits for a connection.
    pub acquire_timeout: Duration,
    /// The server ends a statement after this.
    pub statement_timeout: Duration,
    /// The server stops waiting for a lock after this.
    pub lock_timeout: Duration,
}

impl Default for ConnectionSettings {
    fn default() -> Self {
        Self {
            max_connections: 5,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(5),
            lock_timeout: Duration::from_secs(2),
        }
    }
}

impl ConnectionSettings {
    fn timeouts(&self) -> [(&'static str, u128); 2] {
        [
            ("statement_timeout", self.statement_timeout.as_millis()),
            ("lock_timeout", self.lock_timeout.as_millis()),
        ]
    }

    /// No read takes longer: time for a connection, then for a few statements.
    pub(super) fn deadline(&self) -> Duration {
        self.acquire_timeout + 2 * self.statement_timeout
    }
}

/// Where a knowledge base is, for what.
#[derive(Clone)]
pub struct DatabaseUrls {
    /// The primary, or a pooler before it.
    pub primary: String,
    /// The primary itself, where `primary` is a pooler that would swallow announcements.
    pub direct: Option<String>,
    /// A replica, from which rows are read.
    pub read: Option<String>,
}

impl<T: AsRef<str> + ?Sized> From<&T> for DatabaseUrls {
    fn from(url: &T) -> Self {
        Self {
            primary: url.as_ref().to_owned(),
            direct: None,
            read: None,
        }
    }
}

/// Sessions for decisions, with time-outs, of one server. Cheap to clone.
#[derive(Clone)]
pub(super) struct Sessions {
    pool: PgPool,
    /// Once known, for ever: what a pooler bears, a server does too.
    is_pooled: Arc<AtomicBool>,
    /// Begins a transaction that only reads, in one snapshot.
    begin: String,
    behind_pooler: PgConnectOptions,
}

/// Options hold the password.
impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions")
            .field("pool", &self.pool)
            .finish()
    }
}

impl Sessions {
    /// Connects to nothing yet.
    pub(super) fn new(options: PgConnectOptions, settings: &ConnectionSettings) -> Self {
        let timeouts = settings.timeouts();
        let set =
            timeouts.map(|(name, milliseconds)| format!("; SET LOCAL {name} = {milliseconds}"));
        let own = options.clone().options([MARK]).options(timeouts);
        Self {
            pool: PgPoolOptions::new()
                .max_connections(settings.max_connections)
                .acquire_timeout(settings.acquire_timeout)
                .connect_lazy_with(own),
            is_pooled: Arc::default(),
            begin: set.concat(),
            behind_pooler: options.extra_float_digits(None),
        }
    }

    /// Whether a pooler stands between, as far as known.
    pub(super) fn is_pooled(&self) -> bool {
        self.is_pooled.load(Ordering::Relaxed)
    }

    /// Connections as they are to be made, for whoever needs a pool; [`Self::acquire`] first, so
    /// that it is known whether there is a pooler.
    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// A connection of the pool.
    pub(super) async fn acquire(&self) -> Result<PoolConnection<Postgres>, Failure> {
        let connection = match self.pool.acquire().await {
            Err(error) if is_pooler(&error) && !self.is_pooled() => None,
            connection => Some(connection?),
        };
        if let Some(mut connection) = connection
            && (self.is_pooled() || is_own(&mut connection).await?)
        {
            return Ok(connection);
        }
        self.is_pooled.store(true, Ordering::Relaxed);
        self.pool.set_connect_options(self.behind_pooler.clone());
        Ok(self.pool.acquire().await?)
    }

    /// Begins a snapshot on a connection that [`Self::acquire`] gave.
    pub(super) async fn snapshot<'a>(
        &self,
        connection: &'a mut PgConnection,
    ) -> Result<Snapshot<'a>, Failure> {
        let is_pooled = self.is_pooled();
        let set = if is_pooled { &self.begin } else { "" };
        let begin = format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY{set}");
        let transaction = connection.begin_with(AssertSqlSafe(begin)).await?;
        Ok(Snapshot {
            transaction,
            keeps_statements: !is_pooled,
        })
    }
}

/// A transaction that only reads, all of it of one moment.
pub(super) struct Snapshot<'a> {
    transaction: Transaction<'a, Postgres>,
    /// Whether a statement may be prepared once and used again: behind a pooler the next
    /// transaction may be another session's.
    pub(super) keeps_statements: bool,
}

impl Snapshot<'_> {
    /// Ends it.
    pub(super) async fn end(self) -> Result<(), Failure> {
        Ok(self.transaction.commit().await?)
    }
}

impl Deref for Snapshot<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.transaction
    }
}

impl DerefMut for Snapshot<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }
}

/// Whether a session was started by this client. Asked without preparing anything.
async fn is_own(connection: &mut PgConnection) -> Result<bool, Failure> {
    let query = sqlx::raw_sql("SELECT coalesce(current_setting('compass.session', true), '')");
    let mark: String = query.fetch_one(connection).await?.try_get(0)?;
    Ok(mark == MARK.1)
}

/// Whether a start-up option was refused, as PgBouncer does unless it is told to ignore it.
fn is_pooler(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| {
        error.code().as_deref() == Some("08P01") && error.message().contains("startup parameter")
    })
}

/// Parameters that a URL may have.
const PARAMETERS: [&str; 12] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// The options of a URL and what of them may be shown.
pub(super) fn parse(url: &str) -> Result<(PgConnectOptions, Target), KnowledgeBaseError> {
    let invalid = |problem: &str| KnowledgeBaseError::InvalidUrl {
        problem: problem.to_owned(),
    };
    let Some((_, rest)) = url
        .split_once("://")
        .filter(|(scheme, _)| ["postgres", "postgresql"].contains(scheme))
    else {
        return Err(invalid(
            "it does not begin with postgres:// or postgresql://",
        ));
    };
    // A password with one of these unescaped ends early, and its rest would pass for a host, a
    // port or a database and be shown.
    if let Some(end) = rest.find(['/', '?', '#'])
        && rest[end..].contains('@')
    {
        return Err(invalid(
            "there is an @ behind the host: write / ? # @ in a user or password as %2F %3F %23 %40",
        ));
    }
    let hosts = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if hosts
        .rsplit('@')
        .next()
        .is_some_and(|hosts| hosts.contains(','))
    {
        return Err(invalid(
            "it names several hosts: give one name that follows the primary, such as a Service",
        ));
    }
    // sqlx logs a parameter that it does not know, with its value.
    let parameters = rest.split_once('?').map_or("", |(_, query)| query);
    for parameter in parameters.split('&').filter(|text| !text.is_empty()) {
        let name = parameter.split('=').next().unwrap_or_default();
        if !PARAMETERS.contains(&name) {
            return Err(invalid(&format!(
                "the parameter {name} is none of {}",
                PARAMETERS.join(", ")
            )));
        }
    }
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| match error {
            sqlx::Error::Configuration(problem) => invalid(&problem.to_string()),
            _ => invalid("it cannot be read"),
        })?
        .application_name("compass")
        .disable_statement_logging();
    let target = Target {
        host: options.get_socket().map_or_else(
            || options.get_host().to_owned(),
            |socket| socket.display().to_string(),
        ),
        port: options.get_port(),
        database: options
            .get_database()
            .unwrap_or(options.get_username())
            .to_owned(),
        user: options.get_username().to_owned(),
    };
    // sqlx would look the brackets up as part of a name.
    let options = match target.address() {
        Some(IpAddr::V6(address)) => options.host(&address.to_string()),
        _ => options,
    };
    Ok((options, target))
}

/// One connection on which no statement and no lock times out, whatever the role's defaults, to a
/// server that can be written to. Work there holds locks and settings of a session, so no pooler may
/// stand between.
pub(super) async fn direct(options: &PgConnectOptions) -> Result<PgConnection, Failure> {
    let options = options.clone().options([
        MARK,
        ("statement_timeout", "0"),
        ("lock_timeout", "0"),
        ("idle_in_transaction_session_timeout", "0"),
    ]);
    let connect = tokio::time::timeout(CONNECT_TIMEOUT, options.connect()).await;
    let mut connection = match connect.map_err(|_| sqlx::Error::PoolTimedOut)? {
        Err(error) if is_pooler(&error) => return Err(Failure::Pooled),
        connection => connection?,
    };
    if !is_own(&mut connection).await? {
        return Err(Failure::Pooled);
    }
    if is_standby(&mut connection).await? {
        return Err(Failure::Standby);
    }
    Ok(connection)
}

async fn is_standby(connection: &mut PgConnection) -> Result<bool, Failure> {
    let query = sqlx::query_scalar("SELECT pg_is_in_recovery()");
    Ok(query.fetch_one(connection).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(url: &str) -> String {
        parse(url).unwrap_err().to_string()
    }

    #[test]
    fn a_url_names_its_target() {
        let (_, target) = parse("postgres://ada:s3cret@db.example:5433/benchmarks").unwrap();
        assert_eq!(
            target.to_string(),
            "database `benchmarks` on db.example:5433 as user `ada`"
        );
    }

    #[test]
    fn an_address_of_ipv6_is_looked_up_without_its_brackets() {
        let (options, target) = parse("postgres://ada@[::1]:5433/benchmarks").unwrap();
        assert_eq!(options.get_host(), "::1");
        assert!(target.is_local() && target.to_string().contains("on [::1]:5433"));
    }

    #[test]
    fn a_malformed_url_is_refused_without_showing_the_password() {
        for url in [
            "s3cret",
            "mysql://ada:s3cret@db/benchmarks",
            "postgres://ada@db/benchmarks?sslpassword=s3cret",
            "postgres://ada@db/benchmarks?sslmode=require&pasword=s3cret",
            "postgres://ada:s3cret@db:port/benchmarks",
            "postgres://ada:s3cret@db:99999/benchmarks",
            "postgres://ada:1/s3cret@db/benchmarks",
            "postgres://ada:1?s3cret@db/benchmarks",
            "postgres://ada:1#s3cret@db/benchmarks",
            "postgres://ada:s3cret@db/benchmarks?sslmode=sometimes",
            "postgres://ada:s3cret@[::/benchmarks",
        ] {
            let problem = problem(url);
            assert!(
                problem.contains("postgres://USER:PASSWORD@HOST:PORT/DATABASE"),
                "{problem}"
            );
            assert!(!problem.contains("s3cret"), "{problem}");
        }
    }

    #[test]
    fn several_hosts_are_refused_with_what_to_do_instead() {
        let problem = problem("postgres://ada@db1,db2:5432/benchmarks");
        assert!(
            problem.contains("one name that follows the primary"),
            "{problem}"
        );
    }
}
