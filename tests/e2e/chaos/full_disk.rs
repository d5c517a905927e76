//! A disk that can be filled, with the benchmarks on it.

use std::path::PathBuf;
use std::process::Command;

use compass_testbed::Postgres;
use compass_testbed::postgres::execute;

const SIZE: &str = "size=48m";

/// A file system in memory, which only root can mount.
pub struct SmallDisk {
    path: PathBuf,
    url: String,
}

impl SmallDisk {
    /// Moves the benchmarks onto it; `None` where this user cannot mount.
    pub fn under(postgres: &Postgres) -> Option<Self> {
        let path = postgres.directory().join("small");
        std::fs::create_dir(&path).unwrap();
        let shown = path.display().to_string();
        let is_mounted = run("mount", &["-t", "tmpfs", "-o", SIZE, "tmpfs", &shown]);
        if !is_mounted {
            return None;
        }
        let data = postgres.directory().join("data").display().to_string();
        let owner = format!("--reference={data}");
        assert!(run("chown", &[&owner, &shown]));
        let disk = Self {
            path,
            url: postgres.url(),
        };
        execute(
            &disk.url,
            &format!("CREATE TABLESPACE small LOCATION '{shown}'"),
        )
        .unwrap();
        for table in ["exported_summaries", "benchmark_evidence"] {
            let onto = format!("ALTER TABLE {table} SET TABLESPACE small");
            execute(&disk.url, &onto).unwrap();
        }
        Some(disk)
    }

    pub fn fill(&self) {
        execute(
            &self.url,
            "CREATE TABLE filler (bytes text) TABLESPACE small;
             ALTER TABLE filler ALTER COLUMN bytes SET STORAGE PLAIN",
        )
        .unwrap();
        for rows in [1000, 100, 10, 1] {
            let more = format!(
                "INSERT INTO filler SELECT repeat('.', 7000) FROM generate_series(1, {rows})"
            );
            while execute(&self.url, &more).is_ok() {}
        }
    }

    pub fn empty(&self) {
        execute(&self.url, "DROP TABLE filler").unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // PostgreSQL still has files open there.
        run("umount", &["--lazy", &self.path.display().to_string()]);
    }
}

fn run(program: &str, arguments: &[&str]) -> bool {
    let output = Command::new(program).args(arguments).output();
    output.is_ok_and(|output| output.status.success())
}
