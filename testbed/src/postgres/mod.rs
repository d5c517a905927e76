//! PostgreSQL servers that live as long as their owner.

mod binaries;
mod development;
mod replica;
mod sql;
mod tls;

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;

use crate::account::Account;
use crate::port;
use crate::process::{Program, Server};
use crate::scratch::Scratch;

pub use binaries::Binaries;
pub use development::DevelopmentServer;
pub use sql::{execute, table};

const USER: &str = "compass";
const ATTEMPTS: u32 = 5;
const START_PATIENCE: Duration = Duration::from_secs(60);
const STOP_PATIENCE: Duration = Duration::from_secs(10);
/// Safe only because nobody needs the data after the machine has stopped.
const WITHOUT_DURABILITY: [&str; 8] = [
    "-c",
    "fsync=off",
    "-c",
    "synchronous_commit=off",
    "-c",
    "full_page_writes=off",
    "-c",
    "unix_socket_directories=",
];

/// A server with an empty database on a free port of the loopback interface; dropping it stops it
/// and removes its data.
pub struct Postgres {
    server: Option<Server>,
    binaries: Binaries,
    account: Option<Account>,
    port: u16,
    password: String,
    scratch: Scratch,
}

impl Postgres {
    /// Starts a server on fresh data.
    pub fn start() -> Result<Postgres> {
        let binaries = Binaries::find()?;
        let account = Account::for_postgres()?;
        let scratch = Scratch::create()?;
        if let Some(account) = &account {
            account.own(scratch.path())?;
        }
        let password = new_password();
        initialise(
            &binaries,
            account.as_ref(),
            &scratch.join("data"),
            &password,
        )?;
        let mut postgres = Postgres {
            server: None,
            binaries,
            account,
            port: 0,
            password,
            scratch,
        };
        postgres.start_on_free_port()?;
        sql::create_database(&postgres.url_of("postgres"), USER)?;
        Ok(postgres)
    }

    /// The URL of an empty database, as superuser.
    pub fn url(&self) -> String {
        self.url_of(USER)
    }

    /// The URL of a database by name.
    pub fn url_of(&self, database: &str) -> String {
        url(&self.password, self.port, database)
    }

    /// The port, also while the server is down.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of the data and the log, `postgres.log`.
    pub fn directory(&self) -> &Path {
        self.scratch.path()
    }

    /// Makes an empty database, whose name begins with `prefix` (lower-case letters, digits and
    /// `_`), and returns its URL.
    pub fn create_database(&self, prefix: &str) -> Result<String> {
        let name = format!("{prefix}_{}", &new_password()[..12]);
        sql::create_database(&self.url_of("postgres"), &name)?;
        Ok(self.url_of(&name))
    }

    /// Stops the server as an administrator would: sessions are ended, the data stays for
    /// [`Postgres::start_again`].
    pub fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.stop(STOP_PATIENCE);
        }
    }

    /// SIGKILL, as when a machine fails: sessions end without a word.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill();
        }
    }

    /// User and password of the superuser.
    pub(crate) fn login(&self) -> (&str, &str) {
        (USER, &self.password)
    }

    /// Starts a stopped server on the same port and data.
    pub fn start_again(&mut self) -> Result<()> {
        if self.server.is_none() {
            self.server = Some(self.start_on(self.port)?);
        }
        Ok(())
    }

    fn start_on_free_port(&mut self) -> Result<()> {
        for _ in 0..ATTEMPTS {
            self.port = port::free()?;
            match self.start_on(self.port) {
                Ok(server) => {
                    self.server = Some(server);
                    return Ok(());
                }
                Err(error) if error.to_string().contains("Address already in use") => continue,
                Err(error) => return Err(error),
            }
        }
        bail!("PostgreSQL found its port taken {ATTEMPTS} times")
    }

    fn start_on(&self, port: u16) -> Result<Server> {
        let program = Program::new(self.binaries.program("postgres"))
            .arg("-D")
            .arg(self.scratch.join("data"))
            .args([
                "-p",
                &port.to_string(),
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "max_connections=200",
            ])
            .args(WITHOUT_DURABILITY)
            .env("LC_ALL", "C")
            .account(self.account.as_ref())
            .stop_signal(Signal::SIGINT)
            .remove_if_orphaned(self.scratch.path());
        let mut server = program.start(&self.scratch.join("postgres.log"))?;
        let url = self.url_of("postgres");
        server.wait_until_ready(
            START_PATIENCE,
            || Ok(sql::execute(&url, "SELECT 1").is_ok()),
        )?;
        Ok(server)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

fn url(password: &str, port: u16, database: &str) -> String {
    format!("postgres://{USER}:{password}@127.0.0.1:{port}/{database}")
}

/// Writes a file that nobody else can read, at no moment.
fn write_secret(path: &Path, secret: &str) -> Result<()> {
    let write = || {
        fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)?
            .write_all(secret.as_bytes())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Makes the data folder of a server that asks every client for `password`.
fn initialise(
    binaries: &Binaries,
    account: Option<&Account>,
    data: &Path,
    password: &str,
) -> Result<()> {
    let password_file = PathBuf::from(format!("{}.password", data.display()));
    write_secret(&password_file, password)?;
    if let Some(account) = account {
        account.own(&password_file)?;
    }
    let program = Program::new(binaries.program("initdb"))
        .args([
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C",
            "--auth=scram-sha-256",
            "--username",
            USER,
            "--pwfile",
        ])
        .arg(&password_file)
        .arg("--pgdata")
        .arg(data);
    program
        .account(account)
        .output()
        .context("cannot make a PostgreSQL data folder")?;
    fs::remove_file(&password_file)
        .with_context(|| format!("cannot remove {}", password_file.display()))
}

/// 32 hexadecimal digits that no other user of this machine can guess.
fn new_password() -> String {
    use std::hash::BuildHasher;
    let random = || std::collections::hash_map::RandomState::new().hash_one(0);
    format!("{:016x}{:016x}", random(), random())
}
