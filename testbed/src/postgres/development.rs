//! A server for development that stays until it is stopped, with its data in a folder of the clone.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::{Binaries, USER, initialise, new_password, sql, url, write_secret};
use crate::account::Account;
use crate::port;
use crate::process::Program;

/// The persistent server of one folder.
pub struct DevelopmentServer {
    directory: PathBuf,
    binaries: Binaries,
    account: Option<Account>,
}

impl DevelopmentServer {
    /// The server of a folder, which need not exist yet.
    pub fn in_folder(directory: &Path) -> Result<DevelopmentServer> {
        let directory = std::path::absolute(directory).context("no usable folder")?;
        Ok(DevelopmentServer {
            directory,
            binaries: Binaries::find()?,
            account: Account::for_postgres()?,
        })
    }

    /// Starts the server, on new data at first, unless it runs; returns its URL.
    pub fn start(&self) -> Result<String> {
        if !self.data().join("PG_VERSION").exists() {
            self.create()?;
        }
        if self.is_running()? {
            return self.url();
        }
        let password = fs::read_to_string(self.file("password"))
            .context("cannot read the server's password")?;
        let port = self
            .last_port()
            .filter(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok());
        let port = port.map_or_else(port::free, Ok)?;
        let options =
            format!("-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=");
        let start = self
            .pg_ctl("start")
            .arg("-w")
            .arg("-l")
            .arg(self.file("log"))
            .arg("-o")
            .arg(options);
        start.output().with_context(|| {
            format!(
                "cannot start PostgreSQL; see {}",
                self.file("log").display()
            )
        })?;
        let urls = [USER, "postgres"].map(|database| url(&password, port, database));
        if sql::execute(&urls[0], "SELECT 1").is_err() {
            sql::create_database(&urls[1], USER)?;
        }
        write_secret(&self.file("url"), &urls[0])?;
        self.url()
    }

    /// Stops the server if it runs.
    pub fn stop(&self) -> Result<()> {
        if self.is_running()? {
            self.pg_ctl("stop").args(["-w", "-m", "fast"]).output()?;
        }
        Ok(())
    }

    /// The URL of the running server.
    pub fn url(&self) -> Result<String> {
        if !self.is_running()? {
            bail!("the development server is not running: run `make postgres-start`");
        }
        fs::read_to_string(self.file("url"))
            .with_context(|| format!("cannot read {}", self.file("url").display()))
    }

    /// The server's programs.
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    fn create(&self) -> Result<()> {
        fs::create_dir_all(&self.directory)
            .with_context(|| format!("cannot make {}", self.directory.display()))?;
        if let Some(account) = &self.account {
            account.own(&self.directory)?;
            let reach = Program::new("ls")
                .arg(&self.directory)
                .account(Some(account))
                .current_dir("/")
                .output();
            reach.with_context(|| {
                format!(
                    "user {}, who runs PostgreSQL for root, cannot enter {}: \
                     name another folder with --directory, or run as another user",
                    account.name,
                    self.directory.display()
                )
            })?;
        }
        let password = new_password();
        write_secret(&self.file("password"), &password)?;
        initialise(
            &self.binaries,
            self.account.as_ref(),
            &self.data(),
            &password,
        )
    }

    fn is_running(&self) -> Result<bool> {
        Ok(self.data().exists() && self.pg_ctl("status").succeeds()?)
    }

    fn pg_ctl(&self, verb: &str) -> Program {
        let program = Program::new(self.binaries.program("pg_ctl"))
            .arg(verb)
            .arg("-D")
            .arg(self.data());
        program
            .env("LC_ALL", "C")
            .current_dir("/")
            .account(self.account.as_ref())
    }

    fn last_port(&self) -> Option<u16> {
        let url = fs::read_to_string(self.file("url")).ok()?;
        url.rsplit_once(':')?.1.split('/').next()?.parse().ok()
    }

    fn data(&self) -> PathBuf {
        self.file("data")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}
