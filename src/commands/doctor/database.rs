//! The servers that the URLs name, and the schema there.

use std::sync::Arc;

use super::check::{Check, Section};
use super::data;
use crate::catalog::Catalog;
use crate::knowledge_base::{
    ConnectionSettings, DatabaseUrls, Encryption, KnowledgeBase, KnowledgeBaseError, Lag, Server,
    examine,
};

const IS: Section = Section::Database;
const SERVER: &str = "server";
/// A replica that is further behind is of no use.
const WORTH_TELLING_SECONDS: f64 = 5.0;

pub(super) async fn checks(urls: &DatabaseUrls, catalog: &Arc<Catalog>) -> Vec<Check> {
    let settings = ConnectionSettings::default();
    let server = match examine(&urls.primary, &settings).await {
        Ok(server) => server,
        Err(error) => return vec![failed(SERVER, &error)],
    };
    let knowledge_base =
        match KnowledgeBase::connect_lazy(urls.clone(), &settings, Arc::clone(catalog)) {
            Ok(knowledge_base) => knowledge_base,
            Err(error) => return vec![failed(SERVER, &error)],
        };
    let mut checks = vec![IS.ok(
        SERVER,
        format!("PostgreSQL {}, {}", server.version, server.target),
    )];
    checks.push(encryption("encryption", &server));
    checks.push(role(&server));
    checks.extend(pooler(&server, urls, &settings).await);
    if server.is_standby {
        let found = "a standby: it can be read, not written to, and announces no changes";
        let remedy = "name the primary, and the standby by --database-read-url (docs/scaling.md)";
        checks.push(IS.warn("replication", found, remedy));
    }
    if let Some(url) = &urls.read {
        checks.extend(replica(url, &server, &knowledge_base, &settings).await);
    }
    match knowledge_base.ping().await {
        Ok(()) => checks.push(IS.ok("schema", "that of this version")),
        Err(error) => {
            checks.push(failed("schema", &error));
            return checks;
        }
    }
    checks.push(triggers(&server));
    checks.extend(data::checks(&knowledge_base, catalog).await);
    checks
}

/// An error of the knowledge base names its remedy itself.
fn failed(name: &'static str, error: &KnowledgeBaseError) -> Check {
    let error = error.to_string();
    match error.rsplit_once("; ") {
        Some((found, remedy)) => IS.fail(name, found, remedy),
        None => IS.fail(name, error, "see docs/scaling.md"),
    }
}

fn encryption(name: &'static str, server: &Server) -> Check {
    let host = &server.target.host;
    let remedy = "put sslmode=verify-full into the URL, and sslrootcert where the authority is your own (SECURITY.md)";
    match server.encryption {
        Encryption::Local => IS.ok(name, format!("{host} is this machine")),
        Encryption::Verified => IS.ok(name, "sslmode=verify-full"),
        Encryption::Unverified => {
            let found = format!("encrypted, but whoever stands between could be {host}");
            IS.warn(name, found, remedy)
        }
        Encryption::Plain => IS.warn(name, format!("none on the way to {host}"), remedy),
    }
}

fn role(server: &Server) -> Check {
    const NAME: &str = "role";
    let user = &server.target.user;
    if !server.unreadable.is_empty() {
        let tables = server.unreadable.join(", ");
        let remedy = format!("GRANT SELECT ON {tables} TO \"{user}\"");
        return IS.fail(NAME, format!("{user} may not read {tables}"), remedy);
    }
    let remedy = "give the operator a role that has SELECT only; whoever loads needs more";
    match (server.is_superuser, server.may_write) {
        (true, _) => IS.warn(NAME, format!("{user} is a superuser"), remedy),
        (false, true) => IS.ok(NAME, format!("{user} may read and change benchmarks")),
        (false, false) => IS.ok(
            NAME,
            format!("{user} may read benchmarks, and not change them"),
        ),
    }
}

/// Whether somebody stands between, and whether changes are heard of nevertheless.
async fn pooler(server: &Server, urls: &DatabaseUrls, settings: &ConnectionSettings) -> Vec<Check> {
    const NAME: &str = "pooler";
    let Some(direct) = &urls.direct else {
        return vec![if server.is_pooled {
            let found = "a connection pooler: changes are looked for every 5 s, and `compass load` and `migrate` refuse it";
            let remedy = "name PostgreSQL itself by --database-direct-url or DATABASE_DIRECT_URL";
            IS.warn(NAME, found, remedy)
        } else {
            IS.ok(NAME, "none: changes are announced")
        }];
    };
    let direct = match examine(direct, settings).await {
        Ok(direct) => direct,
        Err(error) => return vec![failed("direct URL", &error)],
    };
    let remedy =
        "let --database-direct-url name PostgreSQL itself, the primary of the same database";
    let target = &direct.target;
    let check = if direct.system != server.system || target.database != server.target.database {
        IS.fail(
            "direct URL",
            format!("{target} is another database"),
            remedy,
        )
    } else if direct.is_pooled {
        IS.fail("direct URL", format!("{target} is a pooler too"), remedy)
    } else if direct.is_standby {
        IS.fail("direct URL", format!("{target} is a standby"), remedy)
    } else {
        IS.ok("direct URL", format!("changes are announced by {target}"))
    };
    let found = if server.is_pooled {
        "a connection pooler"
    } else {
        "none"
    };
    vec![
        IS.ok(NAME, found),
        check,
        encryption("its encryption", &direct),
    ]
}

async fn replica(
    url: &str,
    primary: &Server,
    knowledge_base: &KnowledgeBase,
    settings: &ConnectionSettings,
) -> Vec<Check> {
    const NAME: &str = "replica";
    let replica = match examine(url, settings).await {
        Ok(replica) => replica,
        Err(error) => return vec![failed(NAME, &error)],
    };
    let target = &replica.target;
    if replica.system != primary.system {
        let remedy = "let --database-read-url name a replica of --database-url";
        return vec![IS.fail(NAME, format!("{target} follows another primary"), remedy)];
    }
    let lag = match knowledge_base.replica_lag().await {
        Some(Ok(lag)) => told(target, lag),
        Some(Err(error)) => failed(NAME, &error),
        None => return Vec::new(),
    };
    vec![lag, encryption("its encryption", &replica)]
}

fn told(target: &crate::knowledge_base::Target, lag: Lag) -> Check {
    const NAME: &str = "replica";
    let seconds = lag
        .seconds
        .map_or("an unknown time".to_owned(), |it| format!("{it:.1} s"));
    let found = format!("{target} is {} bytes behind, {seconds}", lag.bytes);
    if lag.bytes == 0 {
        IS.ok(NAME, format!("{target} has all that the primary has"))
    } else if lag
        .seconds
        .is_some_and(|seconds| seconds < WORTH_TELLING_SECONDS)
    {
        IS.ok(NAME, found)
    } else {
        let remedy = "see pg_stat_replication on the primary; until then the primary is read";
        IS.warn(NAME, found, remedy)
    }
}

fn triggers(server: &Server) -> Check {
    const NAME: &str = "triggers";
    match server.is_recorded {
        Some(true) => IS.ok(NAME, "each change of a benchmark is recorded"),
        _ => IS.warn(
            NAME,
            "changes are not recorded, perhaps since a restore: nothing is kept in memory, and intents are looked at each minute",
            "compass migrate",
        ),
    }
}
