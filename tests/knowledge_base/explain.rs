//! `compass explain` of a question in flags or a file.

use std::process::{Command, Output};

use serde_json::json;

use crate::support::Database;

fn explain(database: &Database, arguments: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_compass"))
        .arg("explain")
        .args(arguments.split_whitespace())
        .env("DATABASE_URL", &database.url)
        .output()
        .unwrap()
}

fn shown(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

async fn database() -> Database {
    let database = Database::migrated().await;
    let rows = [
        json!({}),
        json!({"hardware": "A100-80", "ttft_p95": 172.3, "ttft_p99": 180.0}),
        json!({"model_hf_repo": "Qwen/Qwen3-8B", "requests_per_second": 0.5, "responses_per_second": 0.5}),
    ];
    database.load("lab", &rows).await;
    database
}

#[tokio::test]
async fn an_answer_is_explained_on_a_screen() {
    let database = database().await;
    let output = explain(&database, "--use-case chatbot_conversational --rps 2 --all");
    assert_eq!(output.status.code(), Some(0));
    let shown = shown(&output);
    for part in [
        "Qwen/Qwen3-32B on 1xH100, 1 replica",
        "ITL 12.0 of 25 ms (52 % room)",
        "holds up to     2.0416 requests/s with 1 replica",
        "3 configurations with evidence: 2 comply, 1 miss a target",
        "nearest miss    Qwen/Qwen3-32B on 1xA100-80 at 2.5 requests/s: TTFT p95 172.3 ms, target 150 ms",
        "Every configuration",
        "misses a target",
        "Their ladders",
        ">= 2.45",
    ] {
        assert!(shown.contains(part), "`{part}` is missing in\n{shown}");
    }
}

#[tokio::test]
async fn what_would_help_is_said_where_nothing_complies() {
    let database = database().await;
    let question = |hardware| {
        let output = explain(
            &database,
            &format!("--use-case chatbot_conversational --rps 2 --allow-hardware {hardware}"),
        );
        assert_eq!(output.status.code(), Some(3));
        shown(&output)
    };
    let known = question("A100-80");
    for part in [
        "Nothing complies.",
        "would help      TTFT p95 150 -> 173 ms: Qwen/Qwen3-32B on 1xA100-80",
        "would help      allow hardware H100",
    ] {
        assert!(known.contains(part), "`{part}` is missing in\n{known}");
    }
    let unknown = question("a100");
    let warning = "warning: hardware.allow: `a100` is not known; did you mean A100-80?";
    assert!(unknown.contains(warning), "{unknown}");
}

#[tokio::test]
async fn a_profile_without_rows_says_what_could_be_done() {
    let database = database().await;
    let question = "--use-case custom --profile 9/9 --experience-class batch --rps 1";
    let shown = shown(&explain(&database, question));
    assert!(
        shown.contains("No benchmarks for 9/9. Profiles with benchmarks: 512/256. With evidence.minimum estimated"),
        "{shown}"
    );
    assert!(!shown.contains("No benchmarks for 9/9 on"), "{shown}");
}
