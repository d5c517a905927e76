//! `compass benchmarks` as a person runs it.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::support::{Database, id};

fn benchmarks(database: &Database, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_compass"))
        .arg("benchmarks")
        .args(arguments)
        .env("DATABASE_URL", &database.url)
        .output()
        .unwrap()
}

fn shown(database: &Database, arguments: &[&str]) -> String {
    let output = benchmarks(database, arguments);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

fn data(database: &Database, arguments: &[&str]) -> Value {
    serde_json::from_str(&shown(database, &[arguments, &["-o", "json"]].concat())).unwrap()
}

fn refusal(database: &Database, arguments: &[&str]) -> String {
    let output = benchmarks(database, arguments);
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

/// Figures that fit one another.
fn sound(changes: Value) -> Value {
    let mut row = json!({
        "e2e_mean": 2590.0, "e2e_p90": 3000.0, "e2e_p95": 3200.0, "e2e_p99": 3300.0,
    });
    row.as_object_mut()
        .unwrap()
        .extend(changes.as_object().unwrap().clone());
    row
}

async fn filled() -> Database {
    let database = Database::migrated().await;
    let measured = json!({"kind": "measured", "validation_class": "anchored"});
    database
        .load(
            "lab",
            &[
                sound(json!({"id": id(1), "evidence": measured})),
                sound(json!({"id": id(2), "prompt_tokens": null, "hardware": null})),
            ],
        )
        .await;
    database
        .load(
            "vendor",
            &[sound(json!({"id": id(0x13), "requests_per_second": 3.0}))],
        )
        .await;
    database.insert(sound(
        json!({"id": id(4), "hardware": "NVIDIA-A100-SXM4-80GB"}),
    ));
    database
}

#[tokio::test]
async fn an_empty_knowledge_base_says_what_to_do() {
    let database = Database::migrated().await;
    for question in ["traffic", "models", "sources"] {
        assert!(shown(&database, &[question]).contains("compass load FILE"));
        assert_eq!(data(&database, &[question]), json!([]));
    }
    assert!(shown(&database, &["list"]).contains("No benchmark passes"));
    assert!(shown(&database, &["verify"]).contains("compass load FILE"));
    let unmigrated = Database::empty();
    assert!(refusal(&unmigrated, &["traffic"]).contains("compass migrate"));
}

#[tokio::test]
async fn what_there_is_is_counted_and_nothing_hidden() {
    let database = filled().await;
    let traffic = data(&database, &["traffic"]);
    assert_eq!(traffic[0]["prompt_tokens"], 512);
    assert_eq!(
        traffic[0]["rows"],
        json!({"measured": 1, "simulated": 2, "estimated": 0})
    );
    assert_eq!(traffic[0]["configurations"], 2);
    assert_eq!(traffic[0]["newest"], "2026-10-01");
    assert_eq!(traffic[1]["prompt_tokens"], Value::Null);
    let text = shown(&database, &["traffic"]);
    assert!(text.contains("evidence for none"), "{text}");

    let models = data(&database, &["models"]);
    assert_eq!(models.as_array().unwrap().len(), 3);
    assert_eq!(models[2]["hardware"], Value::Null);
    assert_eq!(models[0]["profiles"], json!(["512/256"]));
    assert!(shown(&database, &["models"]).contains("evidence for no configuration"));

    let sources = data(&database, &["sources"]);
    let names: Vec<_> = (0..3)
        .map(|n| sources[n]["source"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["exported_summaries", "lab", "vendor"]);
    assert_eq!(sources[0]["loaded_at"], Value::Null);
    assert_eq!(sources[1]["validation_classes"], json!(["anchored"]));
    assert!(shown(&database, &["sources"]).contains("by nobody"));
}

#[tokio::test]
async fn lists_are_filtered_and_say_what_they_leave_out() {
    let database = filled().await;
    let ids = |arguments: &[&str]| -> Vec<String> {
        data(&database, &[&["list"], arguments].concat())
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ids(&[]).len(), 4);
    assert_eq!(ids(&["--kind", "measured"]), [id(1)]);
    assert_eq!(ids(&["--source", "vendor"]), [id(0x13)]);
    assert_eq!(ids(&["--hardware", "a100-80"]), [id(4)]);
    assert_eq!(
        ids(&[
            "--model",
            "qwen/qwen3-32b",
            "--profile",
            "512/256",
            "--hardware",
            "H100"
        ])
        .len(),
        2
    );
    assert_eq!(ids(&["--hardware-count", "2"]), Vec::<String>::new());
    let output = benchmarks(&database, &["list", "--limit", "1"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("3 more of 4"));
    assert_eq!(
        benchmarks(&database, &["list", "--profile", "512"])
            .status
            .code(),
        Some(2)
    );
}

#[tokio::test]
async fn a_row_is_shown_whole_by_as_much_of_its_id_as_only_it_has() {
    let database = filled().await;
    let whole = data(&database, &["show", &id(0x13)]);
    assert_eq!(whole["model_hf_repo"], "Qwen/Qwen3-32B");
    assert_eq!(whole["requests_per_second"], 3.0);
    assert_eq!(whole["evidence"]["source"], "vendor");
    assert_eq!(whole["evidence"]["max_num_seqs"], Value::Null);
    let text = shown(&database, &["show", &id(4)]);
    assert!(
        text.contains("evidence.kind") && text.contains("simulated"),
        "{text}"
    );
    assert!(refusal(&database, &["show", "0000"]).contains("several ids"));
    assert!(refusal(&database, &["show", "abc%"]).contains("no benchmark has an id"));
}

#[tokio::test]
async fn a_source_is_removed_when_confirmed_and_no_other() {
    let database = filled().await;
    assert!(
        refusal(&database, &["remove", "--source", "vendro"]).contains("did you mean `vendor`")
    );
    assert!(refusal(&database, &["remove", "--source", "vendor"]).contains("--yes"));
    let said = shown(&database, &["remove", "--source", "vendor", "--dry-run"]);
    assert!(said.contains("Would remove 1 rows"), "{said}");
    assert_eq!(database.counts(), [4, 3]);
    shown(&database, &["remove", "--source", "vendor", "--yes"]);
    assert_eq!(database.counts(), [3, 2]);
    shown(
        &database,
        &["remove", "--source", "exported_summaries", "--yes"],
    );
    assert_eq!(database.counts(), [2, 2]);
    assert_eq!(
        database.value("SELECT DISTINCT source FROM benchmark_evidence"),
        "lab"
    );
}

#[tokio::test]
async fn verify_finds_what_cannot_be_true_and_says_which() {
    let database = filled().await;
    assert!(shown(&database, &["verify"]).contains("nothing that cannot be true"));
    database.insert(sound(json!({"id": id(0x21), "ttft_mean": 61.0})));
    database.insert(sound(json!({"id": id(0x22), "e2e_mean": 2.59})));
    database.insert(sound(json!({"id": id(0x24)})));
    database.execute(&format!(
        "UPDATE exported_summaries SET e2e_p99 = 'NaN' WHERE id = '{}'",
        id(0x24)
    ));
    database.insert(sound(
        json!({"id": id(0x23), "itl_p95": 0.0, "responses_per_second": 9.0}),
    ));
    database.execute(&format!(
        "UPDATE exported_summaries SET provider = 'other' WHERE id = '{}'",
        id(1)
    ));
    let output = benchmarks(&database, &["verify"]);
    assert_eq!(output.status.code(), Some(4));
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "impossible: mean over p99 (1 row)",
        "ttft_mean 61 ms over ttft_p99 60 ms",
        "impossible: seconds stored as milliseconds",
        "impossible: a latency of 0",
        "impossible: not a finite number, 0 or more",
        "suspicious: served above offered",
        "impossible: the same id with other content",
        "changed since `lab` was loaded",
        &id(0x21),
        &id(1),
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

/// What was loaded is what is stored, to the digest: also times finer than PostgreSQL's, and numbers that
/// it writes another way.
#[tokio::test]
async fn what_was_loaded_is_recognised_again() {
    let database = Database::migrated().await;
    let provenance = json!({"seed": 1e16, "zero": -0.0, "small": 1.5e-9, "big": 18446744073709551615_u64,
        "nested": {"b": [1, 2.50, null], "a": "é"}});
    let row = sound(json!({
        "jbenchmark_created_at": "2026-10-01T12:00:00.123456789", "ttft_mean": 39.1 + 1.0 / 3.0, "e2e_p99": 3300.0,
        "evidence": {"provenance": provenance, "prefix_sharing": 0.1, "bounds_only": true},
    }));
    database
        .load("lab", &[row, sound(json!({"jbenchmark_created_at": null}))])
        .await;
    let said = shown(&database, &["verify"]);
    assert!(said.contains("2 rows, and nothing"), "{said}");
}

#[tokio::test]
async fn the_data_that_ships_can_be_true() {
    let database = Database::migrated().await;
    let output = Command::new(env!("CARGO_BIN_EXE_compass"))
        .args(["load", "data/benchmarks.json.gz"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("DATABASE_URL", &database.url)
        .output()
        .unwrap();
    assert!(output.status.success());
    let report = data(&database, &["verify"]);
    assert!(report["rows"].as_u64().unwrap() > 1000);
    assert_eq!(report["findings"], json!([]));
}
