//! What can go wrong, each with its remedy and none with a password.

use std::net::IpAddr;

use sqlx::migrate::MigrateError;
use thiserror::Error;

/// Where a knowledge base is: all of its URL that may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Host name, or folder of the socket.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Database.
    pub database: String,
    /// Role.
    pub user: String,
}

impl Target {
    /// Where the host is an address, which a URL writes in brackets if it is one of IPv6.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.host.trim_matches(['[', ']']).parse().ok()
    }

    /// Whether the way there does not leave the machine.
    pub fn is_local(&self) -> bool {
        self.host.starts_with('/')
            || self.host == "localhost"
            || self.address().is_some_and(|address| address.is_loopback())
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            host,
            port,
            database,
            user,
        } = self;
        write!(f, "database `{database}` on {host}:{port} as user `{user}`")
    }
}

/// Why the knowledge base did not do what it was asked.
#[derive(Debug, Error)]
pub enum KnowledgeBaseError {
    /// The URL is none of PostgreSQL's.
    #[error(
        "the database URL is not usable: {problem}; expected postgres://USER:PASSWORD@HOST:PORT/DATABASE"
    )]
    InvalidUrl {
        /// What is wrong with it.
        problem: String,
    },
    /// No connection.
    #[error(
        "cannot reach {target}: {problem}; check that PostgreSQL runs there and that the URL is right"
    )]
    Unreachable {
        /// Where.
        target: Target,
        /// Why.
        problem: String,
    },
    /// The server knows no such user or password, or no such database.
    #[error(
        "{target} refuses the connection: {problem}; check user, password and database in the URL"
    )]
    Refused {
        /// Where.
        target: Target,
        /// The server's reason.
        problem: String,
    },
    /// Tables are missing or older than this Compass.
    #[error("the schema of {target} is not current: {problem}; run `compass migrate`")]
    NotMigrated {
        /// Where.
        target: Target,
        /// What is missing.
        problem: String,
    },
    /// The schema is of a later Compass, or is not Compass's.
    #[error("the schema of {target} does not fit this version of Compass: {problem}")]
    ForeignSchema {
        /// Where.
        target: Target,
        /// What does not fit, and what to do.
        problem: String,
    },
    /// The server follows another one, and cannot be written to.
    #[error(
        "{target} is a standby and cannot be written to: name the primary, or a host that follows it (docs/scaling.md)"
    )]
    Standby {
        /// Where.
        target: Target,
    },
    /// A session is needed, and a pooler lends none.
    #[error(
        "{target} is a connection pooler, and this work needs a session of its own: name PostgreSQL itself by --database-direct-url or DATABASE_DIRECT_URL (docs/scaling.md)"
    )]
    Pooled {
        /// Where.
        target: Target,
    },
    /// It took too long.
    #[error("{target} did not answer within {seconds} s; check its load and the network")]
    Deadline {
        /// Where.
        target: Target,
        /// Seconds waited.
        seconds: u64,
    },
    /// A stored value has no meaning.
    #[error("{target}, {problem}; load its source again")]
    Unreadable {
        /// Where.
        target: Target,
        /// Row, column and value.
        problem: String,
    },
    /// A file that would pass for a restored dump.
    #[error(
        "{file}: `exported_summaries` is the source of rows that were restored from a dump: name the rows' source by --source"
    )]
    UnnamedSource {
        /// The file.
        file: String,
    },
    /// A source needs a name.
    #[error("`{name}` is no name for a source: use 1 to 200 printable characters")]
    InvalidSource {
        /// The name given.
        name: String,
    },
    /// Anything else that PostgreSQL says.
    #[error("{target}: {source}")]
    Database {
        /// Where.
        target: Target,
        /// What it said.
        source: Box<sqlx::Error>,
    },
}

impl KnowledgeBaseError {
    /// The kind of error, for a metric's label.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::InvalidUrl { .. } => "InvalidUrl",
            Self::Unreachable { .. } => "Unreachable",
            Self::Refused { .. } => "Refused",
            Self::NotMigrated { .. } => "NotMigrated",
            Self::ForeignSchema { .. } => "ForeignSchema",
            Self::Standby { .. } => "Standby",
            Self::Pooled { .. } => "Pooled",
            Self::Deadline { .. } => "Deadline",
            Self::Unreadable { .. } => "Unreadable",
            Self::UnnamedSource { .. } => "UnnamedSource",
            Self::InvalidSource { .. } => "InvalidSource",
            Self::Database { .. } => "Database",
        }
    }
}

/// A fault before it is known whose it is.
#[derive(Debug)]
pub(super) enum Failure {
    Sql(sqlx::Error),
    Migrate(MigrateError),
    NotMigrated(String),
    ForeignSchema(String),
    Unreadable(String),
    Standby,
    Pooled,
    /// A replica has not seen yet what the primary had committed.
    Behind,
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl Failure {
    /// The error for people.
    pub(super) fn at(self, target: &Target) -> KnowledgeBaseError {
        let target = target.clone();
        match self {
            Self::Sql(error) => from_sql(error, target),
            Self::Migrate(error) => from_migration(error, target),
            Self::NotMigrated(problem) => KnowledgeBaseError::NotMigrated { target, problem },
            Self::ForeignSchema(problem) => KnowledgeBaseError::ForeignSchema { target, problem },
            Self::Unreadable(problem) => KnowledgeBaseError::Unreadable { target, problem },
            Self::Standby => KnowledgeBaseError::Standby { target },
            Self::Pooled => KnowledgeBaseError::Pooled { target },
            Self::Behind => KnowledgeBaseError::Unreachable {
                target,
                problem: "it has not seen yet what the primary holds".to_owned(),
            },
        }
    }
}

fn from_sql(error: sqlx::Error, target: Target) -> KnowledgeBaseError {
    // Codes of https://www.postgresql.org/docs/current/errcodes-appendix.html
    let code = error
        .as_database_error()
        .and_then(|error| error.code())
        .unwrap_or_default();
    let problem = match &error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::PoolTimedOut => "no connection in time".to_owned(),
        sqlx::Error::Tls(error) => format!("no TLS ({error})"),
        error => error.to_string(),
    };
    match (&error, &*code) {
        (_, "28P01" | "28000" | "3D000" | "42501") => {
            KnowledgeBaseError::Refused { target, problem }
        }
        (_, "42P01" | "42703" | "42883") => KnowledgeBaseError::NotMigrated { target, problem },
        (sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut, _)
        | (_, "57P01" | "57P02" | "57P03" | "53300") => {
            KnowledgeBaseError::Unreachable { target, problem }
        }
        _ => KnowledgeBaseError::Database {
            target,
            source: Box::new(error),
        },
    }
}

fn from_migration(error: MigrateError, target: Target) -> KnowledgeBaseError {
    let problem = match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            return from_sql(error, target);
        }
        MigrateError::VersionMissing(version) => format!(
            "it has migration {version}, which this version does not know; use the newer Compass"
        ),
        MigrateError::VersionMismatch(version) => format!(
            "its migration {version} is another one; use the Compass that made it, or another database"
        ),
        other => other.to_string(),
    };
    KnowledgeBaseError::ForeignSchema { target, problem }
}
