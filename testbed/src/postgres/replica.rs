//! A standby that follows a server by streaming replication, and takes its place.

use std::fs;

use anyhow::{Context, Result};

use super::{Binaries, Postgres, USER, execute, write_secret};
use crate::account::Account;
use crate::process::Program;
use crate::scratch::Scratch;

impl Postgres {
    /// Starts a standby of this server, which is stopped for the copy of its data: a fetched server
    /// brings no `pg_basebackup`.
    pub fn replica(&mut self) -> Result<Postgres> {
        let scratch = Scratch::create()?;
        let account = Account::for_postgres()?;
        self.stop();
        let copy = Program::new("cp")
            .arg("-a")
            .arg(self.scratch.join("data"))
            .arg(scratch.join("data"))
            .output();
        self.start_again()?;
        copy.context("cannot copy the data folder")?;
        let data = scratch.join("data");
        let _ = fs::remove_file(data.join("postmaster.pid"));
        let signal = data.join("standby.signal");
        let settings = data.join("postgresql.auto.conf");
        write_secret(&signal, "")?;
        write_secret(
            &settings,
            &format!(
                "primary_conninfo = 'host=127.0.0.1 port={} user={USER} password={}'\n",
                self.port, self.password
            ),
        )?;
        if let Some(account) = &account {
            for file in [scratch.path(), &signal, &settings] {
                account.own(file)?;
            }
        }
        let mut replica = Postgres {
            server: None,
            binaries: Binaries::find()?,
            account,
            port: 0,
            password: self.password.clone(),
            scratch,
        };
        replica.start_on_free_port()?;
        Ok(replica)
    }

    /// Makes a standby the primary; returns once it can be written to.
    pub fn promote(&self) -> Result<()> {
        execute(&self.url_of("postgres"), "SELECT pg_promote(true, 60)")
    }

    /// Stops or resumes the replay of what a standby receives.
    pub fn pause_replay(&self, is_paused: bool) -> Result<()> {
        let verb = if is_paused { "pause" } else { "resume" };
        let statement = format!("SELECT pg_wal_replay_{verb}()");
        execute(&self.url_of("postgres"), &statement)
    }
}
