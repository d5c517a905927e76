//! Schemas of other versions: older readers on this one, this reader on later ones, and several
//! migrations at once.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use compass::knowledge_base::KnowledgeBaseError;
use serde_json::json;

use crate::support::{Database, PROFILE};

fn compass(database: &Database, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_compass"))
        .args(arguments)
        .env("DATABASE_URL", &database.url)
        .output()
        .unwrap()
}

const ASK: [&str; 5] = [
    "recommend",
    "--use-case",
    "chatbot_conversational",
    "--rps",
    "1",
];

/// As a later Compass would leave it.
fn migrated_later(database: &Database, title: &str) {
    database.execute(&format!(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, '{title}', true, '', 0)"
    ));
}

#[tokio::test]
async fn what_readers_of_earlier_schemas_ask_is_still_answered() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/readers");
    let database = Database::migrated().await;
    database.load("lab", &[json!({})]).await;
    let mut statements = 0;
    for file in fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        for statement in fs::read_to_string(&file).unwrap().split(";\n") {
            statements += 1;
            let prepare = format!("PREPARE old_{statements} AS {statement}");
            compass_testbed::postgres::execute(&database.url, &prepare)
                .unwrap_or_else(|error| panic!("{}: {error:?}\n{statement}", file.display()));
        }
    }
    assert!(statements >= 7, "{statements} statements were kept");
}

#[tokio::test]
async fn a_later_schema_that_only_adds_is_read() {
    let database = Database::migrated().await;
    database.load("lab", &[json!({})]).await;
    migrated_later(&database, "energy of a run");
    database.execute(
        "ALTER TABLE benchmark_evidence ADD energy_joules double precision;
         CREATE TABLE energy (id uuid)",
    );
    database.knowledge_base().ping().await.unwrap();
    assert_eq!(database.evidence().await.benchmarks.len(), 1);
    database
        .load("more", &[json!({"requests_per_second": 9})])
        .await;
    assert_eq!(database.evidence().await.benchmarks.len(), 2);
    let migrate = compass(&database, &["migrate"]);
    let told = String::from_utf8_lossy(&migrate.stderr).into_owned();
    assert_eq!(migrate.status.code(), Some(1));
    assert!(
        told.contains("migration 9999") && told.contains("use the newer Compass"),
        "{told}"
    );
}

#[tokio::test]
async fn a_later_schema_that_took_something_away_names_the_newer_compass() {
    let database = Database::migrated().await;
    migrated_later(&database, "contract the arrival process");
    let error = database.knowledge_base().ping().await.unwrap_err();
    assert!(
        matches!(error, KnowledgeBaseError::ForeignSchema { .. }),
        "{error}"
    );
    for arguments in [
        &["benchmarks", "sources"][..],
        &["load", "-"],
        &["doctor", "--skip", "cluster"],
    ] {
        let output = compass(&database, arguments);
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8_lossy(&told).into_owned();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {told}");
        assert!(
            told.contains("contract the arrival process"),
            "{arguments:?}: {told}"
        );
        assert!(
            told.contains("use the newer Compass"),
            "{arguments:?}: {told}"
        );
    }
}

#[tokio::test]
async fn a_schema_that_is_too_old_names_the_migration_and_what_to_run() {
    let database = Database::migrated().await;
    database.execute(
        "DELETE FROM _sqlx_migrations WHERE version = 3;
         DROP TABLE benchmark_changes; DROP FUNCTION compass_record_changes CASCADE",
    );
    let output = compass(&database, &ASK);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains("run `compass migrate`"), "{told}");
    database.execute("DROP FUNCTION compass_prune_changes");
    assert!(compass(&database, &["migrate"]).status.success());
    database.load("lab", &[json!({})]).await;
    assert_eq!(
        database.knowledge_base().profiles().await.unwrap(),
        [PROFILE]
    );
}

#[test]
fn eight_migrations_at_once_end_well() {
    let database = Database::empty();
    let applied = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| compass(&database, &["migrate"])))
            .collect();
        let outputs = runs.into_iter().map(|run| run.join().unwrap());
        let applied = outputs.filter(|output| {
            assert!(output.status.success(), "{output:?}");
            String::from_utf8_lossy(&output.stdout).contains("applied 0001")
        });
        applied.count()
    });
    assert_eq!(applied, 1, "one of them did the work");
    assert_eq!(database.value("SELECT count(*) FROM _sqlx_migrations"), "3");
}
