//! How fast a million rows load, and in how much memory: `cargo bench --bench load` prints a table.
//! `psql \copy` of the same CSV into the same table with the same indexes and triggers runs beside
//! it, by turns. Real PostgreSQL, without fsync.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use compass::knowledge_base::migrate;
use compass_testbed::Postgres;
use compass_testbed::postgres::{Binaries, execute, table};

#[path = "shared/million.rs"]
mod rows;

const ROUNDS: usize = 3;

fn main() -> anyhow::Result<()> {
    let psql = Binaries::find()?.client("psql")?;
    let postgres = Postgres::start()?;
    let url = postgres.url();
    tokio::runtime::Runtime::new()?.block_on(migrate(&url))?;
    let csv = postgres.directory().join("million.csv");
    execute(
        &url,
        &format!(
            "CREATE UNLOGGED TABLE million AS SELECT {} FROM exported_summaries;
             INSERT INTO million {};
             COPY million TO '{}' (FORMAT csv, HEADER); DROP TABLE million",
            rows::COLUMNS,
            rows::rows(rows::MILLION),
            csv.display()
        ),
    )?;
    let megabytes = fs::metadata(&csv)?.len() / 1_000_000;
    println!("Loading 1,000,000 rows, {megabytes} MB of CSV");

    let empty = || {
        execute(
            &url,
            "TRUNCATE exported_summaries, benchmark_evidence; CHECKPOINT",
        )
    };
    let loaded = || -> anyhow::Result<()> {
        let counted = table(&url, "SELECT count(*) FROM exported_summaries")?;
        ensure!(
            counted[1][0] == "1000000",
            "{} rows are there",
            counted[1][0]
        );
        Ok(())
    };
    let copy = format!(
        "\\copy exported_summaries ({}) from '{}' csv header",
        rows::COLUMNS,
        csv.display()
    );
    let mut ratios = Vec::new();
    let mut most_memory = 0;
    for round in 1..=ROUNDS {
        empty()?;
        let (by_psql, _) = run(Command::new(&psql).args(["--quiet", "--command", &copy, &url]))?;
        loaded()?;
        empty()?;
        let load = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_compass"));
            command.arg("load").arg(&csv).env("DATABASE_URL", &url);
            command
        };
        let (by_compass, memory) = run(&mut load())?;
        loaded()?;
        let (again, _) = run(&mut load())?;
        ratios.push(by_psql.as_secs_f64() / by_compass.as_secs_f64());
        most_memory = most_memory.max(memory);
        println!(
            "  round {round}   psql \\copy {:>6.1} s   compass load {:>6.1} s   {:.2} of its speed   again, unchanged {:>6.1} s",
            by_psql.as_secs_f64(),
            by_compass.as_secs_f64(),
            ratios[round - 1],
            again.as_secs_f64()
        );
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "  median {:.2} of the speed of psql \\copy; compass load took at most {most_memory} MiB of memory",
        ratios[ROUNDS / 2]
    );
    Ok(())
}

/// How long a program ran, and its largest resident memory in MiB.
fn run(command: &mut Command) -> anyhow::Result<(Duration, u64)> {
    let start = Instant::now();
    let mut child = command.stdout(Stdio::null()).spawn()?;
    let mut memory = 0;
    loop {
        memory = memory.max(resident_mib(&child));
        if let Some(status) = child.try_wait()? {
            ensure!(status.success(), "{command:?} ended with {status}");
            return Ok((start.elapsed(), memory));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn resident_mib(child: &Child) -> u64 {
    let read = || -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.context("no VmHWM")?.split_whitespace().next();
        Ok(kib.context("no figure")?.parse::<u64>()? / 1024)
    };
    read().unwrap_or_default()
}
