//! PgBouncer before a PostgreSQL, lending sessions for a transaction: the machine's own program, else
//! the distribution's package, unpacked into the cache and not installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use nix::unistd::geteuid;

use crate::account::Account;
use crate::postgres::Postgres;
use crate::process::{Program, Server};
use crate::scratch::Scratch;
use crate::{port, tools};

const START_PATIENCE: Duration = Duration::from_secs(20);
const STOP_PATIENCE: Duration = Duration::from_secs(5);
/// Where distributions put it, which is not on everybody's PATH.
const INSTALLED: &str = "/usr/sbin/pgbouncer";

/// A pooler on a free port of the loopback interface; dropping it stops it.
pub struct PgBouncer {
    server: Server,
    port: u16,
    _scratch: Scratch,
}

impl PgBouncer {
    /// Starts one before a server, which it reaches by `port`, with two sessions for each database.
    /// `ignored` are start-up parameters that it drops instead of refusing them
    /// (`ignore_startup_parameters`).
    pub fn before(postgres: &Postgres, port: u16, ignored: &str) -> Result<PgBouncer> {
        let programs = Programs::find()?;
        let account = Account::for_postgres()?;
        let scratch = Scratch::create()?;
        let listening = port::free()?;
        let (user, password) = postgres.login();
        let users = scratch.join("users.txt");
        fs::write(&users, format!("\"{user}\" \"{password}\"\n"))?;
        let settings = scratch.join("pgbouncer.ini");
        fs::write(
            &settings,
            format!(
                "[databases]\n* = host=127.0.0.1 port={port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
                 listen_port = {listening}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {}\n\
                 pool_mode = transaction\ndefault_pool_size = 2\nmax_client_conn = 200\n\
                 ignore_startup_parameters = {ignored}\n",
                users.display(),
            ),
        )?;
        if let Some(account) = &account {
            for file in [scratch.path(), &users, &settings] {
                account.own(file)?;
            }
        }
        let log = scratch.join("pgbouncer.log");
        let mut server = Program::new(&programs.pgbouncer)
            .arg(&settings)
            .env("LD_LIBRARY_PATH", &programs.libraries)
            .account(account.as_ref())
            .current_dir("/")
            .stop_signal(Signal::SIGINT)
            .remove_if_orphaned(scratch.path())
            .start(&log)?;
        server.wait_until_ready(START_PATIENCE, || {
            Ok(std::net::TcpStream::connect(("127.0.0.1", listening)).is_ok())
        })?;
        Ok(PgBouncer {
            server,
            port: listening,
            _scratch: scratch,
        })
    }

    /// Where the program is; fetched first if it is missing.
    pub fn program() -> Result<PathBuf> {
        Ok(Programs::find()?.pgbouncer)
    }

    /// The URL of a database of the server behind it.
    pub fn url_of(&self, behind: &str) -> Result<String> {
        port::replaced(behind, self.port)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        self.server.stop(STOP_PATIENCE);
    }
}

/// The program, and the folder of libraries that came with it.
struct Programs {
    pgbouncer: PathBuf,
    libraries: PathBuf,
}

impl Programs {
    fn find() -> Result<Programs> {
        let on_path = tools::which("pgbouncer").ok();
        let installed =
            on_path.or_else(|| Some(PathBuf::from(INSTALLED)).filter(|it| it.is_file()));
        if let Some(pgbouncer) = installed {
            let libraries = PathBuf::new();
            return Ok(Programs {
                pgbouncer,
                libraries,
            });
        }
        let unpacked = tools::cache_for_postgres()?.join("pgbouncer");
        tools::make_once(&unpacked, fetch)?;
        let parent = unpacked.join("usr/lib");
        let folders = fs::read_dir(&parent).into_iter().flatten().flatten();
        let folders = folders.map(|folder| folder.path()).filter(|it| it.is_dir());
        let libraries = std::env::join_paths(folders)?.into();
        Ok(Programs {
            pgbouncer: unpacked.join("usr/sbin/pgbouncer"),
            libraries,
        })
    }
}

fn fetch(into: &Path) -> Result<()> {
    const OTHERWISE: &str =
        "this machine has no pgbouncer: install your distribution's package pgbouncer";
    eprintln!("fetching PgBouncer (once; some 300 kB)");
    let mut packages = missing_packages();
    if packages.is_empty() && geteuid().is_root() {
        // The lists of packages may be missing, as in a fresh image.
        let _ = Program::new("apt-get").arg("update").output();
        packages = missing_packages();
    }
    if packages.is_empty() {
        bail!(OTHERWISE);
    }
    let folder = tempfile::tempdir()?;
    Program::new("apt-get")
        .arg("download")
        .args(packages)
        .current_dir(folder.path())
        .output()
        .context(OTHERWISE)?;
    for package in fs::read_dir(folder.path())? {
        let unpack = Program::new("dpkg").arg("-x").arg(package?.path());
        unpack.arg(into).output().context(OTHERWISE)?;
    }
    Ok(())
}

/// What would be installed with pgbouncer.
fn missing_packages() -> Vec<String> {
    let simulated = Program::new("apt-get")
        .args(["--simulate", "--no-install-recommends", "install"])
        .arg("pgbouncer")
        .output();
    let lines = simulated.unwrap_or_default();
    let names = lines.lines().filter_map(|line| line.strip_prefix("Inst "));
    let names = names.filter_map(|rest| rest.split_whitespace().next());
    names.map(str::to_owned).collect()
}
