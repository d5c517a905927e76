//! A real dump restored with PostgreSQL's own tools, before and after a migration.

use std::path::PathBuf;
use std::process::Command;

use compass::benchmark::EvidenceKind;
use compass::knowledge_base::migrate;
use compass_testbed::Scratch;
use serde_json::json;

use crate::support::{Database, PROFILE, client_program, id};

/// A dump of a database that never knew Compass, with the second table and its foreign key.
struct Dump {
    folder: Scratch,
}

impl Dump {
    /// `None` where PostgreSQL's client programs are not to be had.
    async fn make() -> Option<Self> {
        if ["pg_dump", "pg_restore", "psql"]
            .map(client_program)
            .contains(&None)
        {
            eprintln!("skipped: pg_dump, pg_restore and psql are not installed");
            return None;
        }
        let origin = Database::migrated().await;
        origin.insert(json!({"id": id(1), "hardware": "NVIDIA-H100-80GB-HBM3"}));
        origin.insert(json!({"id": id(2), "profiler_type": "guidellm"}));
        origin.forget_compass();
        let dump = Self {
            folder: Scratch::create().unwrap(),
        };
        for (format, file) in [("plain", dump.plain()), ("custom", dump.custom())] {
            run(
                "pg_dump",
                &[
                    "--clean",
                    "--if-exists",
                    "--no-owner",
                    "--format",
                    format,
                    "--file",
                ],
                &file,
                &origin,
            );
        }
        Some(dump)
    }

    fn plain(&self) -> PathBuf {
        self.folder.join("benchmarks.txt")
    }

    fn custom(&self) -> PathBuf {
        self.folder.join("benchmarks.custom")
    }

    fn restore_plain(&self, database: &Database) {
        run(
            "psql",
            &["--quiet", "--set", "ON_ERROR_STOP=1", "--file"],
            &self.plain(),
            database,
        );
    }

    fn restore_custom(&self, database: &Database) {
        run(
            "pg_restore",
            &["--clean", "--if-exists", "--no-owner", "--exit-on-error"],
            &self.custom(),
            database,
        );
    }
}

fn run(program: &str, arguments: &[&str], file: &PathBuf, database: &Database) {
    let output = Command::new(client_program(program).unwrap())
        .args(arguments)
        .arg(file)
        .args(["--dbname", &database.url])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The two rows of the dump are read as what they are.
async fn assert_readable(database: &Database) {
    database.knowledge_base().ping().await.unwrap();
    let evidence = database.evidence().await;
    let rows = evidence.benchmarks.to_vec();
    let seen: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row.configuration.hardware.as_str(),
                row.kind,
                row.source.as_str(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("H100", EvidenceKind::Simulated, "exported_summaries"),
            ("H100", EvidenceKind::Measured, "exported_summaries"),
        ]
    );
    assert_eq!(
        database.value("SELECT count(*) FROM scenario_summary_environment_loads"),
        "2"
    );
}

#[tokio::test]
async fn a_dump_restored_into_an_empty_database_is_migrated_as_it_is() {
    let Some(dump) = Dump::make().await else {
        return;
    };
    for restore in [Dump::restore_plain, Dump::restore_custom] {
        let database = Database::empty();
        restore(&dump, &database);
        let report = migrate(&database.url).await.unwrap();
        assert_eq!(
            report.created,
            [
                "exported_summaries_exact_match",
                "triggers of benchmark_evidence",
                "triggers of exported_summaries",
            ]
        );
        assert_readable(&database).await;
    }
}

#[tokio::test]
async fn a_dump_restored_over_a_migrated_database_is_read_and_gets_its_index_back() {
    let Some(dump) = Dump::make().await else {
        return;
    };
    for restore in [Dump::restore_plain, Dump::restore_custom] {
        let database = Database::migrated().await;
        database.load("lab", &[json!({})]).await;
        restore(&dump, &database);
        assert_readable(&database).await;
        assert_eq!(database.counts(), [2, 1]);
        let report = migrate(&database.url).await.unwrap();
        assert_eq!(
            report.created,
            [
                "exported_summaries_exact_match",
                "triggers of exported_summaries"
            ]
        );
        // And once more, over what the first restore brought.
        restore(&dump, &database);
        assert_readable(&database).await;
    }
}

#[tokio::test]
async fn loading_after_a_restore_leaves_the_restored_rows_alone() {
    let Some(dump) = Dump::make().await else {
        return;
    };
    let database = Database::migrated().await;
    dump.restore_custom(&database);
    let report = database
        .load("lab", &[json!({}), json!({"requests_per_second": 3.0})])
        .await;
    assert_eq!(report.sources[0].inserted, 2);
    assert_eq!(database.counts(), [4, 2]);
    assert_eq!(database.replace("lab", &[]).await.sources[0].removed, 2);
    assert_readable(&database).await;
}

#[tokio::test]
async fn a_restored_row_can_be_replaced_though_another_table_refers_to_it() {
    let Some(dump) = Dump::make().await else {
        return;
    };
    let database = Database::migrated().await;
    dump.restore_custom(&database);
    let rows = [
        json!({"id": id(1), "ttft_p95": 51.0}),
        json!({"id": id(2), "profiler_type": "guidellm"}),
    ];
    let report = database.load("exported_summaries", &rows).await;
    let report = &report.sources[0];
    assert_eq!((report.inserted, report.replaced), (0, 2));
    let again = database.load("exported_summaries", &rows).await;
    assert_eq!(again.sources[0].unchanged, 2);
}

#[tokio::test]
async fn what_is_kept_in_memory_follows_a_restore_and_what_comes_before_the_next_migration() {
    let Some(dump) = Dump::make().await else {
        return;
    };
    for restore in [Dump::restore_plain, Dump::restore_custom] {
        let database = Database::migrated().await;
        database.insert(json!({"id": id(9)}));
        let knowledge_base = database.knowledge_base();
        let count = async || {
            knowledge_base
                .evidence(PROFILE)
                .await
                .unwrap()
                .benchmarks
                .len()
        };
        assert_eq!(count().await, 1);
        restore(&dump, &database);
        assert_eq!(count().await, 2);
        database.insert(json!({"id": id(3)}));
        assert_eq!(count().await, 3, "nothing records this");
        migrate(&database.url).await.unwrap();
        database.insert(json!({"id": id(4)}));
        assert_eq!(count().await, 4);
    }
}
