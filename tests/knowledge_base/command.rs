//! `compass migrate` and `compass load` as a person runs them.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use compass_testbed::Scratch;
use serde_json::{Value, json};
use sqlx::Connection;

use crate::support::{Database, file, row};

fn compass(database: &Database, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_compass"));
    command.args(arguments).env("DATABASE_URL", &database.url);
    command
}

fn run(database: &Database, arguments: &[&str]) -> Output {
    compass(database, arguments).output().unwrap()
}

fn succeed(database: &Database, arguments: &[&str]) -> String {
    let output = run(database, arguments);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn write(folder: &Scratch, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    path.display().to_string()
}

#[test]
fn migrate_says_what_it_did() {
    let database = Database::empty();
    let first = succeed(&database, &["migrate"]);
    assert!(
        first.contains("applied 0001 benchmark evidence\n"),
        "{first}"
    );
    assert!(first.contains("created exported_summaries\n"), "{first}");
    assert_eq!(succeed(&database, &["migrate"]), "The schema is current.\n");
}

#[tokio::test]
async fn load_reports_what_it_did() {
    let database = Database::migrated().await;
    let folder = Scratch::create().unwrap();
    let path = write(&folder, "h100.json", file(&[json!({}), json!({})]));
    let shown = succeed(&database, &["load", &path]);
    let cells: Vec<Vec<_>> = shown
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert!(cells.contains(&vec!["lab", "2", "0", "0", "0"]), "{shown}");
    assert!(cells.contains(&vec!["lab", "512/256", "2"]), "{shown}");

    let shown = succeed(&database, &["load", "-o", "json", &path]);
    let report: Value = serde_json::from_str(&shown).unwrap();
    let source = &report["sources"][0];
    assert_eq!(source["source"], "lab");
    assert_eq!(source["unchanged"], 2);
    assert_eq!(source["profiles"][0]["profile"]["prompt_tokens"], 512);
    assert_eq!(report["files"][0]["format"], "Compass JSON");
}

#[tokio::test]
async fn source_and_evidence_can_be_said() {
    let database = Database::migrated().await;
    let folder = Scratch::create().unwrap();
    let plain = write(
        &folder,
        "rows.of.h100.json",
        json!([row(json!({}))]).to_string(),
    );
    succeed(&database, &["load", &plain]);
    succeed(
        &database,
        &["load", "--source", "mine", "--evidence", "measured", &plain],
    );
    succeed(
        &database,
        &["load", "--source", "never", "--dry-run", &plain],
    );
    assert_eq!(
        database.query("SELECT source, kind FROM benchmark_evidence ORDER BY source"),
        [["mine", "measured"], ["rows.of.h100", "simulated"]]
    );
}

#[tokio::test]
async fn a_bad_file_is_refused_whole_and_named() {
    let database = Database::migrated().await;
    let folder = Scratch::create().unwrap();
    for (name, content, expected) in [
        (
            "fields.json",
            file(&[json!({}), json!({"hardware_count": "two"})]),
            "field `hardware_count`",
        ),
        ("page.json", "<html>".to_owned(), "not a file of benchmarks"),
        ("cut.json", "[{".to_owned(), "the file ends within a value"),
    ] {
        let bad = write(&folder, name, content);
        let output = run(&database, &["load", &bad]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1));
        assert!(error.contains(expected) && error.contains(name), "{error}");
        assert_eq!(database.counts(), [0, 0]);
    }
    let good = write(&folder, "good.json", file(&[json!({})]));
    let missing = folder.join("missing.json").display().to_string();
    assert_eq!(
        run(&database, &["load", &good, &missing]).status.code(),
        Some(1)
    );
    assert_eq!(
        database.counts(),
        [0, 0],
        "a missing file is told before any is read"
    );
    let bad = folder.join("cut.json").display().to_string();
    let output = run(&database, &["load", &good, &bad]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(database.counts(), [1, 1], "the good file is loaded");
}

#[tokio::test]
async fn folders_globs_pipes_and_compressed_files_are_read() {
    let database = Database::migrated().await;
    let folder = Scratch::create().unwrap();
    let rate = |rate: i32| file(&[json!({"requests_per_second": rate})]);
    write(&folder, "one.json", rate(1));
    write(&folder, "notes.txt", "what I did on Monday");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(rate(2).as_bytes()).unwrap();
    write(&folder, "two.json.gz", gzip.finish().unwrap());
    write(
        &folder,
        "three.zst",
        zstd::encode_all(rate(3).as_bytes(), 0).unwrap(),
    );
    let path = folder.path().display().to_string();
    let output = run(&database, &["load", &path]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    assert!(
        told.contains("passed over") && told.contains("notes.txt"),
        "{told}"
    );
    assert_eq!(database.counts(), [3, 3]);

    succeed(&database, &["load", &format!("{path}/*.json*")]);
    assert_eq!(database.counts(), [3, 3]);

    let mut load = compass(&database, &["load", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    load.stdin
        .take()
        .unwrap()
        .write_all(rate(4).as_bytes())
        .unwrap();
    assert!(load.wait().unwrap().success());
    assert_eq!(database.counts(), [4, 4]);
}

#[tokio::test]
async fn a_load_killed_in_the_middle_leaves_nothing() {
    let database = Database::migrated().await;
    let folder = Scratch::create().unwrap();
    let path = write(&folder, "rows.json", file(&[json!({}), json!({})]));

    // Reading stays possible, so the load stages and compares its rows and stops at the first write.
    let mut blocker = sqlx::PgConnection::connect(&database.url).await.unwrap();
    let mut transaction = blocker.begin().await.unwrap();
    sqlx::query("LOCK TABLE exported_summaries IN SHARE MODE")
        .execute(&mut *transaction)
        .await
        .unwrap();
    let mut load = compass(&database, &["load", &path]).spawn().unwrap();
    let sessions = |condition: &str| {
        let query = format!(
            "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = 'compass' {condition}"
        );
        database.value(&query)
    };
    wait_until(|| sessions("AND wait_event_type = 'Lock'") == "1");
    load.kill().unwrap();
    load.wait().unwrap();
    transaction.rollback().await.unwrap();
    wait_until(|| sessions("") == "0");

    assert_eq!(database.counts(), [0, 0]);
    assert!(succeed(&database, &["load", &path]).contains("lab"));
    assert_eq!(database.counts(), [2, 2]);
}

fn wait_until(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(30), "waited in vain");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test]
async fn the_data_that_ships_loads() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/benchmarks.json.gz");
    let database = Database::migrated().await;
    let shown = succeed(
        &database,
        &["load", "-o", "json", &path.display().to_string()],
    );
    let report: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(report["files"][0]["read"], report["sources"][0]["inserted"]);
    assert_eq!(report["sources"][0]["without_profile"], 0);
}
