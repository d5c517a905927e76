//! Loads: whole or not at all, and each source for itself.

use compass::knowledge_base::{LoadMode, LoadOptions, LoadReport};
use serde_json::{Value, json};
use sqlx::Connection;

use crate::support::{Database, file, id, load_file};

fn ladder(rates: std::ops::RangeInclusive<i32>) -> Vec<Value> {
    rates
        .map(|rate| json!({"requests_per_second": rate}))
        .collect()
}

/// Rows read, inserted, replaced, unchanged and removed.
fn counts(report: &LoadReport) -> [i64; 5] {
    let [source] = &report.sources[..] else {
        panic!("one source in {report:?}")
    };
    [
        report.files.iter().map(|file| file.read).sum(),
        source.inserted,
        source.replaced,
        source.unchanged,
        source.removed,
    ]
}

#[tokio::test]
async fn loading_twice_changes_nothing() {
    let database = Database::migrated().await;
    let rows = [
        ladder(1..=3),
        vec![json!({"id": id(1), "prompt_tokens": 1024})],
    ]
    .concat();
    let first = database.load("lab", &rows).await;
    assert_eq!(counts(&first), [4, 4, 0, 0, 0]);
    let profiles: Vec<_> = first.sources[0]
        .profiles
        .iter()
        .map(|count| (count.profile.to_string(), count.rows))
        .collect();
    assert_eq!(
        profiles,
        [("512/256".to_owned(), 3), ("1024/256".to_owned(), 1)]
    );

    let stored = || {
        let tables = "exported_summaries s JOIN benchmark_evidence e USING (id)";
        database.query(&format!("SELECT s.*, e.* FROM {tables} ORDER BY 1"))
    };
    let before = stored();
    assert_eq!(counts(&database.load("lab", &rows).await), [4, 0, 0, 4, 0]);
    assert_eq!(stored(), before);
}

#[tokio::test]
async fn a_reload_inserts_and_replaces_what_differs_and_removes_only_when_told() {
    let database = Database::migrated().await;
    let same = json!({"id": id(1)});
    database
        .load(
            "lab",
            &[same.clone(), json!({"id": id(2)}), json!({"id": id(3)})],
        )
        .await;
    let changed = [
        same,
        json!({"id": id(2), "ttft_p95": 51.0}),
        json!({"id": id(4)}),
    ];
    assert_eq!(
        counts(&database.load("lab", &changed).await),
        [3, 1, 1, 1, 0]
    );
    assert_eq!(database.counts(), [4, 4]);
    assert_eq!(
        counts(&database.replace("lab", &changed).await),
        [3, 0, 0, 3, 1]
    );
    assert_eq!(database.counts(), [3, 3]);
    assert_eq!(
        database.value(&format!(
            "SELECT ttft_p95 FROM exported_summaries WHERE id = '{}'",
            id(2)
        )),
        "51"
    );
}

#[tokio::test]
async fn changed_evidence_and_changed_tables_are_put_right() {
    let database = Database::migrated().await;
    let row = |kind: &str| [json!({"id": id(1), "evidence": {"kind": kind}})];
    database.load("lab", &row("simulated")).await;
    assert_eq!(
        counts(&database.load("lab", &row("measured")).await),
        [1, 0, 1, 0, 0]
    );
    assert_eq!(
        database.value("SELECT kind FROM benchmark_evidence"),
        "measured"
    );

    database.execute("UPDATE exported_summaries SET ttft_p95 = 1");
    assert_eq!(
        counts(&database.load("lab", &row("measured")).await),
        [1, 0, 1, 0, 0]
    );
    assert_eq!(
        database.value("SELECT ttft_p95 FROM exported_summaries"),
        "50"
    );
}

#[tokio::test]
async fn a_source_leaves_the_others_alone() {
    let database = Database::migrated().await;
    database.insert(json!({"id": id(9)}));
    database.load("vendor", &ladder(1..=3)).await;
    database.load("lab", &ladder(1..=2)).await;
    assert_eq!(database.counts(), [6, 5]);
    assert_eq!(counts(&database.replace("lab", &[]).await), [0, 0, 0, 0, 2]);
    assert_eq!(database.counts(), [4, 3]);
    assert_eq!(
        database.value("SELECT DISTINCT source FROM benchmark_evidence"),
        "vendor"
    );
}

#[tokio::test]
async fn identical_rows_stay_distinct() {
    let database = Database::migrated().await;
    let rows = vec![json!({}); 3];
    assert_eq!(counts(&database.load("lab", &rows).await), [3, 3, 0, 0, 0]);
    assert_eq!(counts(&database.load("lab", &rows).await), [3, 0, 0, 3, 0]);
    assert_eq!(
        counts(&database.replace("lab", &rows[..2]).await),
        [2, 0, 0, 2, 1]
    );
}

#[tokio::test]
async fn an_id_of_another_source_with_other_content_is_refused() {
    let database = Database::migrated().await;
    database.load("vendor", &[json!({"id": id(1)})]).await;
    database.load("lab", &[json!({"id": id(2)})]).await;
    let before = database.query("SELECT * FROM exported_summaries ORDER BY id");
    let error = database
        .refusal(
            "lab",
            &[json!({"id": id(1), "ttft_p95": 51.0}), json!({"id": id(3)})],
        )
        .await;
    for part in ["test.json", "row 1", "`vendor`", id(1).as_str()] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(
        database.query("SELECT * FROM exported_summaries ORDER BY id"),
        before
    );

    let same = database
        .load("lab", &[json!({"id": id(1)}), json!({"id": id(2)})])
        .await;
    assert_eq!(counts(&same), [2, 0, 0, 2, 0]);
    assert_eq!(
        database.value("SELECT count(*) FROM benchmark_evidence WHERE source = 'vendor'"),
        "1"
    );
}

#[tokio::test]
async fn a_restored_row_is_taken_over_only_as_it_is() {
    let database = Database::migrated().await;
    database.insert(json!({"id": id(1)}));
    let error = database
        .refusal("lab", &[json!({"id": id(1), "ttft_p95": 51.0})])
        .await;
    assert!(error.contains("`exported_summaries`"), "{error}");
    let row = [json!({"id": id(1), "evidence": {"kind": "measured"}})];
    assert_eq!(counts(&database.load("lab", &row).await), [1, 0, 1, 0, 0]);
    assert_eq!(counts(&database.load("lab", &row).await), [1, 0, 0, 1, 0]);
    assert_eq!(
        database.value("SELECT source FROM benchmark_evidence"),
        "lab"
    );
}

#[tokio::test]
async fn repeats_across_files_are_one_row_and_contradictions_refuse_the_later_file() {
    let database = Database::migrated().await;
    let files = || {
        [
            vec![json!({})],
            vec![json!({}), json!({"id": id(1)})],
            vec![json!({"id": id(2)}), json!({"id": id(1), "ttft_p95": 51.0})],
        ]
        .iter()
        .enumerate()
        .map(|(number, rows)| load_file(&format!("{number}.json"), file(rows)))
        .collect::<Vec<_>>()
    };
    let report = database
        .load_files(files(), &LoadOptions::default())
        .await
        .unwrap();
    assert_eq!(counts(&report), [5, 2, 0, 0, 0]);
    let refused: Vec<_> = report.refused().collect();
    let [refused] = refused[..] else {
        panic!("one file in {report:?}")
    };
    assert_eq!(refused.file, "2.json");
    assert!(
        refused.refused.as_ref().unwrap().contains("row 2"),
        "{refused:?}"
    );

    let keeping = LoadOptions {
        keep_going: true,
        ..LoadOptions::default()
    };
    let report = database.load_files(files(), &keeping).await.unwrap();
    assert_eq!(counts(&report), [5, 1, 0, 2, 0]);
    assert_eq!(report.files[2].rejected, 1);
}

/// A row that also stands in a refused file is taken from the file that is not.
#[tokio::test]
async fn a_refused_file_takes_no_row_of_another_with_it() {
    let database = Database::migrated().await;
    database
        .load("vendor", &[json!({"id": id(9), "ttft_p95": 51.0})])
        .await;
    let shared = json!({"id": id(1)});
    for spoiling in [
        vec![json!({"id": id(2)}), json!({"id": id(2), "ttft_p95": 51.0})],
        vec![json!({"id": id(9)})],
    ] {
        let files = [
            [vec![shared.clone()], spoiling].concat(),
            vec![shared.clone(), json!({"id": id(3)})],
        ]
        .iter()
        .enumerate()
        .map(|(number, rows)| load_file(&format!("{number}.json"), file(rows)))
        .collect();
        let report = database
            .load_files(files, &LoadOptions::default())
            .await
            .unwrap();
        let refused: Vec<_> = report.refused().map(|file| file.file.as_str()).collect();
        assert_eq!(refused, ["0.json"], "{report:?}");
        assert_eq!(counts(&report)[1..], [2, 0, 0, 0]);
        assert_eq!(database.counts(), [3, 3]);
        database.replace("lab", &[]).await;
    }
}

/// More than are looked at together.
#[tokio::test]
async fn every_conflict_is_told_however_many_there_are() {
    let database = Database::migrated().await;
    let rows = |ttft_p95: f64| -> Vec<Value> {
        (0..2100)
            .map(|number| json!({"id": uuid::Uuid::from_u128(number), "ttft_p95": ttft_p95}))
            .collect()
    };
    database.load("vendor", &rows(50.0)).await;
    let keeping = || LoadOptions {
        keep_going: true,
        ..LoadOptions::default()
    };
    let report = database
        .try_load("lab", &rows(51.0), keeping())
        .await
        .unwrap();
    assert_eq!(counts(&report), [2100, 0, 0, 0, 0]);
    assert_eq!(report.files[0].rejected, 2100);

    let twice = [rows(50.0), rows(51.0)].concat();
    let fresh = Database::migrated().await;
    let report = fresh.try_load("lab", &twice, keeping()).await.unwrap();
    assert_eq!(counts(&report), [4200, 2100, 0, 0, 0]);
    assert_eq!(report.files[0].rejected, 2100);
}

#[tokio::test]
async fn a_faulty_row_refuses_its_file_unless_the_load_keeps_going() {
    let database = Database::migrated().await;
    let rows = [
        json!({"id": id(1)}),
        json!({"id": id(2), "ttft_p95": "fast"}),
        json!({"id": id(3), "evidence": {"requests_completed": 90, "requests_failed": 10}}),
        json!({"id": id(4)}),
    ];
    let error = database.refusal("lab", &rows).await;
    for part in ["2 faults", "row 2", "row 3", "10 of 100 requests failed"] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(database.counts(), [0, 0]);

    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let tell = std::sync::Arc::clone(&told);
    let options = LoadOptions {
        keep_going: true,
        on_rejected: std::sync::Arc::new(move |_, fault| tell.lock().unwrap().push(fault.row)),
        ..LoadOptions::default()
    };
    let report = database.try_load("lab", &rows, options).await.unwrap();
    assert_eq!(counts(&report), [4, 2, 0, 0, 0]);
    assert_eq!(report.files[0].rejected, 2);
    assert_eq!(*told.lock().unwrap(), [2, 3]);

    let tolerant = LoadOptions {
        max_error_percent: 10.0,
        ..LoadOptions::default()
    };
    let report = database.try_load("lab", &rows[2..], tolerant).await;
    assert_eq!(counts(&report.unwrap()), [2, 1, 0, 1, 0]);
}

#[tokio::test]
async fn a_row_without_a_date_has_the_time_of_its_load_and_no_known_date() {
    let database = Database::migrated().await;
    let undated = [json!({"jbenchmark_created_at": null})];
    assert_eq!(
        counts(&database.load("lab", &undated).await),
        [1, 1, 0, 0, 0]
    );
    assert_eq!(
        counts(&database.load("lab", &undated).await),
        [1, 0, 0, 1, 0]
    );
    assert_eq!(
        database.evidence().await.benchmarks.to_vec()[0].measured_at,
        None
    );
    assert_eq!(
        database.value(
            "SELECT now() AT TIME ZONE 'UTC' - jbenchmark_created_at < interval '1 hour'
                    AND created_at = jbenchmark_created_at FROM exported_summaries"
        ),
        "t"
    );
}

#[tokio::test]
async fn bookkeeping_times_follow_the_benchmark() {
    let database = Database::migrated().await;
    database
        .load("lab", &[json!({"updated_at": "2026-11-01T00:00:00"})])
        .await;
    let times = database
        .query("SELECT created_at, updated_at, loaded_at IS NOT NULL FROM exported_summaries");
    assert_eq!(times, [["2026-10-01 12:00:00", "2026-11-01 00:00:00", "t"]]);
}

#[tokio::test]
async fn a_dry_run_reports_and_changes_nothing() {
    let database = Database::migrated().await;
    let options = LoadOptions {
        mode: LoadMode::DryRun,
        ..LoadOptions::default()
    };
    let report = database.try_load("lab", &ladder(1..=3), options).await;
    let report = report.unwrap();
    assert_eq!(counts(&report), [3, 3, 0, 0, 0]);
    assert_eq!(database.counts(), [0, 0]);
}

#[tokio::test]
async fn two_loads_at_once_take_turns() {
    let database = Database::migrated().await;
    let rows = ladder(1..=200);
    let (one, other) = tokio::join!(database.load("lab", &rows), database.load("lab", &rows));
    let [one, other] = [counts(&one), counts(&other)];
    assert_eq!(one[1] + other[1], 200);
    assert_eq!(one[3] + other[3], 200);
    assert_eq!(database.counts(), [200, 200]);
}

#[tokio::test]
async fn a_load_that_fails_in_the_middle_leaves_nothing() {
    let database = Database::migrated().await;
    database.load("lab", &ladder(1..=2)).await;
    database.execute(
        "ALTER TABLE benchmark_evidence ADD CONSTRAINT few CHECK (requests_completed < 5)",
    );
    let rows = json!({"id": id(1), "evidence": {"requests_completed": 5}});
    let error = database
        .try_load(
            "lab",
            &[vec![rows], ladder(2..=9)].concat(),
            LoadOptions::default(),
        )
        .await
        .unwrap_err();
    assert!(error.to_string().contains("few"), "{error}");
    assert_eq!(database.counts(), [2, 2]);
    assert_eq!(
        database.value("SELECT max(requests_per_second) FROM exported_summaries"),
        "2"
    );
}

#[tokio::test]
async fn a_load_waits_longer_than_a_decision_may() {
    let database = Database::migrated().await;
    let name = database.value("SELECT current_database()");
    database.execute(&format!("ALTER DATABASE {name} SET lock_timeout = '100ms'"));
    let mut blocker = sqlx::PgConnection::connect(&database.url).await.unwrap();
    let mut transaction = blocker.begin().await.unwrap();
    sqlx::query("LOCK TABLE exported_summaries IN SHARE MODE")
        .execute(&mut *transaction)
        .await
        .unwrap();
    let release = async {
        tokio::time::sleep(std::time::Duration::from_millis(600)).await;
        transaction.commit().await.unwrap();
    };
    let rows = ladder(1..=2);
    let (report, ()) = tokio::join!(database.load("lab", &rows), release);
    assert_eq!(counts(&report), [2, 2, 0, 0, 0]);
}

#[tokio::test]
async fn a_source_needs_a_name() {
    let database = Database::migrated().await;
    for name in ["", " ", " lab", "a\nb", &"x".repeat(201)] {
        let error = database.refusal(name, &[json!({})]).await;
        assert!(error.contains("is no name for a source"), "{error}");
    }
    let mut unnamed = load_file("exported_summaries.csv", "model_hf_repo\n");
    unnamed.default_source = "exported_summaries".to_owned();
    let options = LoadOptions::default();
    let report = database.load_files(vec![unnamed], &options).await.unwrap();
    let error = report.files[0].refused.clone().unwrap();
    assert!(error.contains("--source"), "{error}");
}
