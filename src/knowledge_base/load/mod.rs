//! Loading: each file is taken whole or not at all, everything in one transaction. What a source
//! brought before stays, unless the load is told to replace it; other sources are left alone.

mod report;
mod stage;
mod statements;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::copy::CopyLine;
use super::error::{Failure, KnowledgeBaseError};
use super::identity::repeated;
use super::migrate::{WRITERS_LOCK, check_schema};
use super::{RESTORED_SOURCE, connection};
use crate::benchmark::formats::{Fault, Told};
use crate::benchmark::{ProfileCount, TrafficProfile};
use crate::catalog::Catalog;
use statements::Written;

pub use report::{FileReport, LoadReport, SourceReport};

const DEADLINE: Duration = Duration::from_secs(6 * 60 * 60);

/// Pieces of a file that wait to be sent.
const PIECES: usize = 4;

/// Whether a load is to stay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoadMode {
    /// Loads.
    #[default]
    Commit,
    /// Does all the work, reports it and takes it back.
    DryRun,
}

/// A file to be loaded.
pub struct LoadFile {
    /// Its name, in reports and errors.
    pub name: String,
    /// Whose rows it holds, where neither the file nor the options say.
    pub default_source: String,
    /// Opens it.
    pub open: Box<dyn FnOnce() -> std::io::Result<Box<dyn Read + Send>> + Send>,
}

/// Is told the name of a file and a fault of one of its rows.
pub type OnRejected = Arc<dyn Fn(&str, &Fault) + Send + Sync>;

/// How to load.
#[derive(Clone)]
pub struct LoadOptions {
    /// Whose rows these are, whatever the files say.
    pub source: Option<String>,
    /// What the files do not say.
    pub told: Told,
    /// A row of which a greater percentage of the requests failed is faulty.
    pub max_error_percent: f64,
    /// Takes the good rows of a file that also has faulty ones.
    pub keep_going: bool,
    /// Is told each fault of a row that is left out because of `keep_going`.
    pub on_rejected: OnRejected,
    /// Removes what the sources brought before and these files do not bring.
    pub replace: bool,
    /// Whether it is to stay.
    pub mode: LoadMode,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            source: None,
            told: Told::default(),
            max_error_percent: 1.0,
            keep_going: false,
            on_rejected: Arc::new(|_, _| {}),
            replace: false,
            mode: LoadMode::default(),
        }
    }
}

/// Loads files. A file that cannot be taken is refused in the report, and the others are loaded all
/// the same. Over a direct connection, without statement time-out, within six hours; what is stored
/// changes in one moment, and loads and migrations of one knowledge base take turns.
///
/// # Errors
/// The knowledge base failed; then nothing was loaded.
pub async fn load(
    url: &str,
    files: Vec<LoadFile>,
    options: &LoadOptions,
    catalog: &Arc<Catalog>,
) -> Result<LoadReport, KnowledgeBaseError> {
    let (connect_options, target) = connection::parse(url)?;
    let work = run(&connect_options, files, options, catalog);
    match tokio::time::timeout(DEADLINE, work).await {
        Ok(result) => result.map_err(|failure| failure.at(&target)),
        Err(_) => Err(KnowledgeBaseError::Deadline {
            target,
            seconds: DEADLINE.as_secs(),
        }),
    }
}

/// Whose rows a file holds where nobody says: its name without the endings of its format, as
/// `llama-3.1-8b` of `runs/llama-3.1-8b.json.gz`.
pub fn default_source(path: &Path) -> String {
    let mut name = path
        .file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned();
    for endings in [
        &[".gz", ".zst"][..],
        &[".json", ".jsonl", ".csv", ".yaml", ".yml", ".sql", ".dump"],
    ] {
        let stem = endings.iter().find_map(|ending| name.strip_suffix(ending));
        if let Some(stem) = stem.filter(|stem| !stem.is_empty()) {
            name = stem.to_owned();
        }
    }
    name
}

/// The name of a file's source: the one given, else the default.
fn source_name(
    given: Option<String>,
    default: &str,
    file: &str,
) -> Result<String, KnowledgeBaseError> {
    let source = match given {
        Some(source) => source,
        None if default == RESTORED_SOURCE => {
            return Err(KnowledgeBaseError::UnnamedSource {
                file: file.to_owned(),
            });
        }
        None => default.to_owned(),
    };
    let is_printable = source.trim() == source && !source.chars().any(char::is_control);
    if source.is_empty() || source.len() > 200 || !is_printable {
        return Err(KnowledgeBaseError::InvalidSource {
            name: source.escape_debug().to_string(),
        });
    }
    Ok(source)
}

async fn run(
    connect_options: &PgConnectOptions,
    files: Vec<LoadFile>,
    options: &LoadOptions,
    catalog: &Arc<Catalog>,
) -> Result<LoadReport, Failure> {
    let mut connection = connection::direct(connect_options).await?;
    check_schema(&mut connection).await?;
    let mut transaction = connection.begin().await?;
    transaction
        .execute(AssertSqlSafe(statements::stage()))
        .await?;
    let mut reports = Vec::with_capacity(files.len());
    for (number, file) in files.into_iter().enumerate() {
        let number = number as i32;
        reports.push(stage(&mut transaction, file, number, options, catalog).await?);
    }
    // From here on what is stored must not change under the comparison.
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(WRITERS_LOCK)
        .execute(&mut *transaction)
        .await?;
    transaction.execute(statements::LOADING).await?;
    let sources = apply(&mut transaction, &mut reports, options).await?;
    match options.mode {
        LoadMode::Commit => transaction.commit().await?,
        LoadMode::DryRun => transaction.rollback().await?,
    }
    connection.close().await?;
    Ok(LoadReport {
        files: reports,
        sources,
    })
}

/// Brings the lines of a file into the staging table, or nothing of it.
async fn stage(
    connection: &mut PgConnection,
    file: LoadFile,
    number: i32,
    options: &LoadOptions,
    catalog: &Arc<Catalog>,
) -> Result<FileReport, Failure> {
    connection.execute("SAVEPOINT file").await?;
    let (sender, mut pieces) = mpsc::channel(PIECES);
    let (thread_options, catalog) = (options.clone(), Arc::clone(catalog));
    let reading = tokio::task::spawn_blocking(move || {
        stage::read(file, number, &thread_options, &catalog, sender)
    });
    let mut copy = connection.copy_in_raw(&statements::copy()).await?;
    while let Some(piece) = pieces.recv().await {
        copy.send(piece.into_bytes()).await?;
    }
    let report = reading
        .await
        .map_err(|error| sqlx::Error::Io(std::io::Error::other(error)))?;
    if report.refused.is_none() {
        copy.finish().await?;
        connection.execute("RELEASE SAVEPOINT file").await?;
    } else {
        copy.abort("the file is refused").await?;
        connection
            .execute("ROLLBACK TO SAVEPOINT file; RELEASE SAVEPOINT file")
            .await?;
    }
    Ok(report)
}

async fn apply(
    connection: &mut PgConnection,
    reports: &mut [FileReport],
    options: &LoadOptions,
) -> Result<Vec<SourceReport>, Failure> {
    let has_repeats: bool = sqlx::query_scalar(statements::HAS_REPEATS)
        .fetch_one(&mut *connection)
        .await?;
    if has_repeats {
        tell_repeats_apart(connection).await?;
        refuse_all(
            connection,
            reports,
            options,
            statements::CONTRADICTIONS,
            |id, _| {
                format!(
                    "the id {id} stands for another row, too: give each row its own id, or none"
                )
            },
        )
        .await?;
    }
    let are_some_known: bool = sqlx::query_scalar(statements::ARE_SOME_KNOWN)
        .fetch_one(&mut *connection)
        .await?;
    let written = if are_some_known {
        connection.execute("ANALYZE staged").await?;
        sqlx::query(AssertSqlSafe(statements::classify()))
            .bind(RESTORED_SOURCE)
            .execute(&mut *connection)
            .await?;
        refuse_all(connection, reports, options, statements::CONFLICTS, |id, owner| {
            format!(
                "the id {id} belongs to source `{owner}` with other content: give the rows other ids or none, or load them as --source {owner}"
            )
        })
        .await?;
        Written::Changed
    } else {
        connection.execute(statements::ALL_ARE_NEW).await?;
        Written::All
    };
    if has_repeats {
        connection.execute(statements::FORGET_REPEATS).await?;
    }
    if written == Written::Changed {
        connection.execute(statements::FORGET_CHANGES).await?;
    }
    let mut sources = count(connection).await?;
    for file in reports.iter().filter(|file| file.refused.is_none()) {
        for source in &file.sources {
            sources.entry(source.clone()).or_insert(SourceReport {
                source: source.clone(),
                ..SourceReport::default()
            });
        }
    }
    if options.replace {
        for (source, report) in &mut sources {
            report.removed = sqlx::query(statements::REMOVE)
                .bind(source)
                .bind(RESTORED_SOURCE)
                .execute(&mut *connection)
                .await?
                .rows_affected() as i64;
            sqlx::query(statements::REMOVE_EVIDENCE)
                .bind(source)
                .execute(&mut *connection)
                .await?;
        }
    }
    if written == Written::Changed {
        connection
            .execute(AssertSqlSafe(statements::replace()))
            .await?;
        connection.execute(statements::FORGET_EVIDENCE).await?;
    }
    connection
        .execute(AssertSqlSafe(statements::insert(written)))
        .await?;
    connection
        .execute(AssertSqlSafe(statements::insert_evidence(written)))
        .await?;
    Ok(sources.into_values().collect())
}

/// Gives the identical rows of a file ids of their own.
async fn tell_repeats_apart(connection: &mut PgConnection) -> Result<(), Failure> {
    connection.execute(statements::STAGE_REPEATS).await?;
    connection.execute(statements::DECLARE_REPEATS).await?;
    loop {
        let repeats: Vec<(i32, i64, Uuid, i64)> = sqlx::query_as(statements::FETCH_REPEATS)
            .persistent(false)
            .fetch_all(&mut *connection)
            .await?;
        if repeats.is_empty() {
            break;
        }
        let mut lines = String::new();
        for (file, row, first, ordinal) in repeats {
            let mut line = CopyLine::begin(&mut lines);
            line.field(Some(&file));
            line.field(Some(&row));
            line.field(Some(&repeated(first, ordinal.unsigned_abs())));
            line.end();
        }
        let mut copy = connection.copy_in_raw(statements::COPY_REPEATS).await?;
        copy.send(lines.into_bytes()).await?;
        copy.finish().await?;
    }
    connection.execute(statements::APPLY_REPEATS).await?;
    Ok(())
}

/// Leaves out the rows that `query` finds, and with them their whole files unless the load keeps
/// going. `problem` says what is wrong, of a row's id and the source that has it.
async fn refuse_all(
    connection: &mut PgConnection,
    reports: &mut [FileReport],
    options: &LoadOptions,
    query: &'static str,
    problem: impl Fn(Uuid, &str) -> String,
) -> Result<(), Failure> {
    loop {
        let rows: Vec<(i32, i64, Uuid, String)> =
            sqlx::query_as(query).fetch_all(&mut *connection).await?;
        if rows.is_empty() {
            return Ok(());
        }
        for (file, row, id, owner) in rows {
            // A file's number is its place among the reports.
            let report = &mut reports[file as usize];
            let fault = Fault {
                row: row as usize,
                line: 0,
                field: "id".to_owned(),
                problem: problem(id, &owner),
            };
            report.rejected += 1;
            let discard = if options.keep_going {
                (options.on_rejected)(&report.file, &fault);
                report.faults.add(fault);
                sqlx::query(statements::DISCARD_ROW).bind(file).bind(row)
            } else {
                report.faults.add(fault);
                let (name, faults) = (&report.file, &report.faults);
                report.refused = Some(format!("{name}: nothing of it was taken: {faults}"));
                sqlx::query(statements::DISCARD_FILE).bind(file)
            };
            discard.execute(&mut *connection).await?;
        }
    }
}

async fn count(connection: &mut PgConnection) -> Result<BTreeMap<String, SourceReport>, Failure> {
    type Count = (String, Option<i32>, Option<i32>, String, i64, i64);
    let counts: Vec<Count> = sqlx::query_as(statements::COUNT)
        .fetch_all(connection)
        .await?;
    let mut sources: BTreeMap<String, SourceReport> = BTreeMap::new();
    for (source, prompt_tokens, output_tokens, action, rows, without_hardware) in counts {
        let report = sources.entry(source.clone()).or_insert(SourceReport {
            source,
            ..SourceReport::default()
        });
        match action.as_str() {
            "insert" => report.inserted += rows,
            "replace" => report.replaced += rows,
            _ => report.unchanged += rows,
        }
        report.without_hardware += without_hardware;
        let Some((prompt_tokens, output_tokens)) = prompt_tokens.zip(output_tokens) else {
            report.without_profile += rows;
            continue;
        };
        let profile = TrafficProfile {
            prompt_tokens,
            output_tokens,
        };
        match report.profiles.last_mut() {
            Some(last) if last.profile == profile => last.rows += rows,
            _ => report.profiles.push(ProfileCount { profile, rows }),
        }
    }
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_called_as_its_file() {
        for (path, name) in [
            ("runs/llama-3.1-8b.json", "llama-3.1-8b"),
            ("runs/llama-3.1-8b.csv.gz", "llama-3.1-8b"),
            ("lab", "lab"),
            (".json", ".json"),
        ] {
            assert_eq!(default_source(Path::new(path)), name);
        }
    }
}
