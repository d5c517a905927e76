//! The few statements that a server needs from outside: no psql, which a fetched server does not
//! bring.
//!
//! The client has a runtime of its own and would panic inside another one, so each call gets a
//! thread.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use postgres::{Client, Config, NoTls, SimpleQueryMessage};

/// Runs statements without parameters.
pub fn execute(url: &str, statements: &str) -> Result<()> {
    with_client(url, |client| Ok(client.batch_execute(statements)?))
}

/// Runs one query; the names of its columns are the first row.
pub fn table(url: &str, query: &str) -> Result<Vec<Vec<String>>> {
    with_client(url, |client| {
        let mut rows = Vec::new();
        for message in client.simple_query(query)? {
            match message {
                SimpleQueryMessage::RowDescription(columns) => rows.push(
                    columns
                        .iter()
                        .map(|column| column.name().to_owned())
                        .collect(),
                ),
                SimpleQueryMessage::Row(row) => rows.push(
                    (0..row.len())
                        .map(|i| row.get(i).unwrap_or("").to_owned())
                        .collect(),
                ),
                _ => {}
            }
        }
        Ok(rows)
    })
}

/// Makes a database. The name is quoted.
pub(super) fn create_database(url: &str, name: &str) -> Result<()> {
    execute(
        url,
        &format!("CREATE DATABASE \"{}\"", name.replace('"', "\"\"")),
    )
    .with_context(|| format!("cannot create database {name}"))
}

fn with_client<T: Send>(
    url: &str,
    work: impl FnOnce(&mut Client) -> Result<T> + Send,
) -> Result<T> {
    let mut config: Config = url.parse().context("no usable PostgreSQL URL")?;
    config.connect_timeout(Duration::from_secs(5));
    std::thread::scope(|scope| scope.spawn(|| work(&mut config.connect(NoTls)?)).join())
        .map_err(|_| anyhow!("the PostgreSQL client panicked"))?
}
