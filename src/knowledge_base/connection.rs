//! From a URL to connections: a pool with time-outs for decisions, a single one without for work
//! that takes its time.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Executor, PgConnection, PgPool};

use super::error::{Failure, KnowledgeBaseError, Target};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How the pool for decisions behaves.
#[derive(Clone, Debug)]
pub struct ConnectionSettings {
    /// Connections at most.
    pub max_connections: u32,
    /// How long a read waits for a connection.
    pub acquire_timeout: Duration,
    /// The server ends a statement after this. `None` leaves it to the server: a PgBouncer refuses
    /// clients that set it (then set it by `ALTER ROLE`).
    pub statement_timeout: Option<Duration>,
    /// The server stops waiting for a lock after this. `None` as above.
    pub lock_timeout: Option<Duration>,
}

impl Default for ConnectionSettings {
    fn default() -> Self {
        Self {
            max_connections: 5,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Some(Duration::from_secs(5)),
            lock_timeout: Some(Duration::from_secs(2)),
        }
    }
}

impl ConnectionSettings {
    pub(super) fn pool(&self, options: PgConnectOptions) -> PgPool {
        let timeouts = [
            ("statement_timeout", self.statement_timeout),
            ("lock_timeout", self.lock_timeout),
        ];
        let options = timeouts
            .into_iter()
            .filter_map(|(name, timeout)| Some((name, timeout?.as_millis())))
            .fold(options, |options, timeout| options.options([timeout]));
        PgPoolOptions::new()
            .max_connections(self.max_connections)
            .acquire_timeout(self.acquire_timeout)
            .connect_lazy_with(options)
    }

    /// No read takes longer: time for a connection, then for a few statements.
    pub(super) fn deadline(&self) -> Duration {
        self.acquire_timeout + 2 * self.statement_timeout.unwrap_or(Duration::from_secs(5))
    }
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
    Ok((options, target))
}

/// One connection on which no statement and no lock times out, whatever the role's defaults.
pub(super) async fn direct(options: &PgConnectOptions) -> Result<PgConnection, Failure> {
    let mut connection = tokio::time::timeout(CONNECT_TIMEOUT, options.connect())
        .await
        .map_err(|_| sqlx::Error::PoolTimedOut)??;
    connection
        .execute(
            "SET statement_timeout = 0; SET lock_timeout = 0; \
             SET idle_in_transaction_session_timeout = 0; SET timezone = 'UTC'",
        )
        .await?;
    Ok(connection)
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

    #[tokio::test]
    async fn time_outs_are_start_up_options_only_where_they_are_set() {
        let options = |settings: ConnectionSettings| {
            let (options, _) = parse("postgres://ada@db/benchmarks").unwrap();
            let pool = settings.pool(options);
            pool.connect_options().get_options().map(str::to_owned)
        };
        assert_eq!(
            options(ConnectionSettings::default()).as_deref(),
            Some("-c statement_timeout=5000 -c lock_timeout=2000")
        );
        let behind_pgbouncer = ConnectionSettings {
            statement_timeout: None,
            lock_timeout: None,
            ..ConnectionSettings::default()
        };
        assert_eq!(options(behind_pgbouncer), None);
    }
}
