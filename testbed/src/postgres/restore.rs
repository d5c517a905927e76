//! Benchmarks from a dump that `pg_dump` made.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use postgres::Transaction;

use super::{Binaries, sql};
use crate::process::Program;

/// The dump's table of benchmarks, which Compass's schema has too.
const BENCHMARKS: &str = "exported_summaries";
/// The dump's table of what else ran beside a benchmark; many rows a benchmark, and without a key
/// of its own.
const LOADS: &str = "scenario_summary_environment_loads";
/// How a dump in custom format begins.
const CUSTOM_FORMAT: &[u8] = b"PGDMP";

/// Replaces the benchmarks of the same ids by the dump's, in one transaction, and returns how many
/// there are.
///
/// The schema stays the database's own. A custom dump needs `pg_restore`, which is looked for
/// beside the server and on PATH.
pub fn restore(url: &str, dump: &Path, binaries: &Binaries) -> Result<u64> {
    let text = tempfile::NamedTempFile::new()?;
    let path = if is_custom(dump)? {
        let pg_restore = binaries
            .client("pg_restore")
            .context("a dump in custom format needs it")?;
        Program::new(pg_restore)
            .args(["--data-only", "--file"])
            .arg(text.path())
            .arg(dump)
            .output()?;
        text.path()
    } else {
        dump
    };
    let lines = BufReader::new(
        File::open(path).with_context(|| format!("cannot read {}", path.display()))?,
    );
    let rows = sql::in_transaction(url, |transaction| copy_tables(transaction, lines))?;
    if rows == 0 {
        bail!(
            "{} holds no data of {} in COPY form: make it with pg_dump, without --inserts",
            dump.display(),
            BENCHMARKS
        );
    }
    Ok(rows)
}

fn is_custom(dump: &Path) -> Result<bool> {
    let mut start = [0; CUSTOM_FORMAT.len()];
    let mut file = File::open(dump).with_context(|| format!("cannot read {}", dump.display()))?;
    Ok(file.read(&mut start)? == start.len() && start == CUSTOM_FORMAT)
}

fn copy_tables(transaction: &mut Transaction<'_>, mut lines: impl BufRead) -> Result<u64> {
    let mut benchmarks = 0;
    let mut line = Vec::new();
    while read_line(&mut lines, &mut line)? {
        let statement = String::from_utf8_lossy(&line).into_owned();
        if let Some(columns) = copied_columns(&statement, BENCHMARKS) {
            copy_rows(transaction, &mut lines, BENCHMARKS, columns)?;
            benchmarks += replace_benchmarks(transaction, columns)?;
        } else if let Some(columns) = copied_columns(&statement, LOADS) {
            let create = "(scenario_summary_id uuid, environment varchar, created_at timestamp(6))";
            transaction.batch_execute(&format!("CREATE TABLE IF NOT EXISTS {LOADS} {create}"))?;
            copy_rows(transaction, &mut lines, LOADS, columns)?;
            replace_loads(transaction, columns)?;
        }
    }
    Ok(benchmarks)
}

/// Copies the lines up to the end of the dump's data into a fresh table `incoming`.
fn copy_rows(
    transaction: &mut Transaction<'_>,
    lines: &mut impl BufRead,
    table: &str,
    columns: &str,
) -> Result<()> {
    transaction.batch_execute(&format!(
        "DROP TABLE IF EXISTS incoming; CREATE TEMP TABLE incoming (LIKE {table}) ON COMMIT DROP"
    ))
    .with_context(|| format!("the database has no table {table}: run `compass migrate` first"))?;
    let mut copy = transaction.copy_in(&format!("COPY incoming ({columns}) FROM STDIN"))?;
    let mut line = Vec::new();
    loop {
        if !read_line(lines, &mut line)? {
            bail!("the dump ends within the rows of {table}: is the file whole?");
        }
        if line == b"\\.\n" {
            break;
        }
        copy.write_all(&line)?;
    }
    copy.finish()
        .with_context(|| format!("the dump's rows of {table} do not fit"))?;
    Ok(())
}

fn replace_benchmarks(transaction: &mut Transaction<'_>, columns: &str) -> Result<u64> {
    let updates: Vec<String> = columns
        .split(", ")
        .map(|column| format!("{column} = excluded.{column}"))
        .collect();
    let insert = format!(
        "INSERT INTO {BENCHMARKS} ({columns}) SELECT {columns} FROM incoming \
         ON CONFLICT (id) DO UPDATE SET {}",
        updates.join(", ")
    );
    transaction
        .execute(&insert, &[])
        .context("cannot store the benchmarks")
}

fn replace_loads(transaction: &mut Transaction<'_>, columns: &str) -> Result<()> {
    let of_incoming = "scenario_summary_id IN (SELECT scenario_summary_id FROM incoming)";
    transaction.batch_execute(&format!(
        "DELETE FROM {LOADS} WHERE {of_incoming}; \
         INSERT INTO {LOADS} ({columns}) SELECT {columns} FROM incoming"
    ))?;
    Ok(())
}

/// The list of columns of a dump's `COPY public.<table> (<columns>) FROM stdin;`, if the line is
/// that.
fn copied_columns<'a>(statement: &'a str, table: &str) -> Option<&'a str> {
    let rest = statement.strip_prefix("COPY ")?;
    let rest = rest.strip_prefix("public.").unwrap_or(rest);
    rest.strip_prefix(table)?
        .strip_prefix(" (")?
        .strip_suffix(") FROM stdin;\n")
        .filter(|columns| {
            let is_of_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
            let is_name = |name: &str| name.bytes().all(is_of_name);
            columns.split(", ").all(is_name)
        })
}

fn read_line(lines: &mut impl BufRead, line: &mut Vec<u8>) -> Result<bool> {
    line.clear();
    Ok(lines.read_until(b'\n', line)? > 0)
}
