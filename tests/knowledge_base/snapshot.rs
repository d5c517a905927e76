//! `compass snapshot`, and answers from one: the same bytes as from the database it was taken of.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use compass::advise::{EvidenceSource, SnapshotEvidence, take_snapshot};
use compass::api::{DeploymentIntent, parse_intent};
use compass::benchmark::snapshot::Snapshot;
use compass_testbed::Scratch;
use serde_json::json;

use crate::support::{Database, PROFILE, catalog, load_file};

fn shipped(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)
}

async fn with_shipped_data() -> Database {
    let database = Database::migrated().await;
    let data = fs::read(shipped("data/benchmarks.json.gz")).unwrap();
    let report = database
        .load_files(vec![load_file("data.json.gz", data)], &Default::default())
        .await
        .unwrap();
    assert_eq!(report.refused().count(), 0);
    database
}

/// A command that knows no database but the one given.
fn compass(database: Option<&Database>, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_compass"));
    command.args(arguments).env_remove("DATABASE_URL");
    if let Some(database) = database {
        command.env("DATABASE_URL", &database.url);
    }
    command.output().unwrap()
}

fn succeed(database: Option<&Database>, arguments: &[&str]) -> Vec<u8> {
    let output = compass(database, arguments);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {told}");
    output.stdout
}

fn refused(arguments: &[&str]) -> String {
    let output = compass(None, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn chat(more: &str) -> String {
    format!(
        "apiVersion: compass.dev/v1alpha1\nkind: DeploymentIntent\nmetadata: {{name: chat}}\n\
         spec: {{useCase: chatbot_conversational, demand: {{requestsPerSecond: 2}}{more}}}\n"
    )
}

#[tokio::test]
async fn the_nine_use_cases_are_answered_with_the_same_bytes() {
    let database = with_shipped_data().await;
    let folder = Scratch::create().unwrap();
    let examples = shipped("examples/use-cases");
    let (plain, gz) = (folder.join("all.json"), folder.join("all.json.gz"));
    for file in [&plain, &gz] {
        let arguments = ["snapshot", "-f", text(&examples), "-o", text(file)];
        assert!(succeed(Some(&database), &arguments).is_empty());
    }
    let taken = fs::read_to_string(&plain).unwrap();
    assert!(!taken.contains("postgres:"), "no URL is in it");
    assert!(fs::metadata(&gz).unwrap().len() < taken.len() as u64 / 4);

    let render = ["render", "-f", text(&examples)];
    let rendered = succeed(Some(&database), &render);
    let documents = String::from_utf8_lossy(&rendered).into_owned();
    assert_eq!(documents.matches("\nkind: Deployment\n").count(), 9);
    for file in [&plain, &gz] {
        let offline = succeed(None, &[&render[..], &["--snapshot", text(file)]].concat());
        assert!(offline == rendered, "{}", file.display());
    }
    for example in fs::read_dir(&examples).unwrap() {
        let example = example.unwrap().path();
        let arguments = ["recommend", "-o", "json", "-f", text(&example)];
        let online = succeed(Some(&database), &arguments);
        let offline = [&arguments[..], &["--snapshot", text(&plain)]].concat();
        assert!(succeed(None, &offline) == online, "{offline:?}");
    }
    let example = examples.join("chatbot-conversational.yaml");
    for arguments in [
        &["explain", "--all", "-o", "yaml", "-f", text(&example)][..],
        &["explain", "-f", text(&example)],
    ] {
        let online = succeed(Some(&database), arguments);
        let offline = [arguments, &["--snapshot", text(&plain)]].concat();
        assert!(succeed(None, &offline) == online, "{offline:?}");
    }
}

#[tokio::test]
async fn estimates_are_made_of_a_snapshot_too() {
    let database = with_shipped_data().await;
    let folder = Scratch::create().unwrap();
    let [narrow, wide, intent, plain] =
        ["narrow.json", "wide.json", "intent.yaml", "plain.yaml"].map(|name| folder.join(name));
    fs::write(&intent, chat(", evidence: {minimum: estimated}")).unwrap();
    fs::write(&plain, chat("")).unwrap();
    for (of, to) in [(&plain, &narrow), (&intent, &wide)] {
        succeed(
            Some(&database),
            &["snapshot", "-f", text(of), "-o", text(to)],
        );
    }
    let arguments = ["recommend", "-o", "json", "-f", text(&intent)];
    let online = succeed(Some(&database), &arguments);
    let offline = [&arguments[..], &["--snapshot", text(&wide)]].concat();
    assert!(succeed(None, &offline) == online);
    let offline = [&arguments[..], &["--snapshot", text(&narrow)]].concat();
    let told = refused(&offline);
    assert!(
        told.contains("the snapshot holds 512/256 and not the other profiles"),
        "{told}"
    );
}

#[tokio::test]
async fn what_a_snapshot_does_not_hold_is_not_said_to_be_missing() {
    let database = Database::migrated().await;
    database.load("lab", &[json!({})]).await;
    let folder = Scratch::create().unwrap();
    let [snapshot, intent] = ["evidence.json", "intents.yaml"].map(|name| folder.join(name));
    // Two documents and another object; one profile has no benchmarks at all.
    let other = chat(", trafficProfile: {promptTokens: 7, outputTokens: 7}");
    let config_map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: chat}\n";
    fs::write(
        &intent,
        format!("{}---\n{config_map}---\n{other}", chat("")),
    )
    .unwrap();
    let take = ["snapshot", "-f", text(&intent), "-o", text(&snapshot)];
    succeed(Some(&database), &take);

    let ask = |profile: &str| {
        compass(
            None,
            &[
                "recommend",
                "--use-case",
                "chatbot_conversational",
                "--profile",
                profile,
                "--snapshot",
                text(&snapshot),
            ],
        )
    };
    assert_eq!(ask("512/256").status.code(), Some(0));
    let none = ask("7/7");
    assert_eq!(none.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&none.stdout).contains("No benchmarks for 7/7"));
    let unknown = ask("1024/1024");
    let told = String::from_utf8_lossy(&unknown.stderr);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(
        told.contains("evidence.json: the snapshot holds 7/7, 512/256 and not 1024/1024: take one with `compass snapshot -f intent.yaml`"),
        "{told}"
    );
}

#[tokio::test]
async fn a_file_that_is_no_whole_snapshot_is_told() {
    let database = Database::migrated().await;
    database.load("lab", &[json!({})]).await;
    let folder = Scratch::create().unwrap();
    let [intent, snapshot, bad] =
        ["intent.yaml", "evidence.json.gz", "bad"].map(|name| folder.join(name));
    fs::write(&intent, chat("")).unwrap();
    succeed(
        Some(&database),
        &["snapshot", "-f", text(&intent), "-o", text(&snapshot)],
    );
    let whole = fs::read(&snapshot).unwrap();
    let plain = succeed(Some(&database), &["snapshot", "-f", text(&intent)]);
    let edited = String::from_utf8(plain.clone())
        .unwrap()
        .replacen("50.0", "49.0", 1);
    for (content, expected) in [
        (&whole[..whole.len() - 9], "is it whole?"),
        (&plain[..plain.len() / 2], "ends too early"),
        (edited.as_bytes(), "changed since it was taken"),
        (b"\xff", "not a snapshot"),
        (b"{}", "it names no format"),
    ] {
        fs::write(&bad, content).unwrap();
        let told = refused(&["render", "-f", text(&intent), "--snapshot", text(&bad)]);
        assert!(told.contains(expected) && told.contains("bad"), "{told}");
    }
}

/// Rows as they come from loads, from restores and from hands.
async fn with_odd_rows() -> Database {
    let database = Database::migrated().await;
    let loaded = [
        json!({}),
        json!({"requests_per_second": 3, "jbenchmark_created_at": null}),
        json!({"hardware": "NVIDIA-A100-SXM4-80GB", "itl_p95": 12.100000000000001}),
        json!({"evidence": {"kind": "measured", "requests_completed": 70, "requests_failed": 0,
            "requests_incomplete": 1, "provenance": {"who": "we", "n": 1e16}, "bounds_only": true}}),
    ];
    database.load("lab", &loaded).await;
    database.load("vendor", &loaded).await;
    for changes in [
        json!({"hardware": "NVIDIA-H100-80GB-HBM3", "model_hf_repo": "qwen/QWEN3-32b"}),
        json!({"hardware_count": 2, "itl_p95": null, "jbenchmark_created_at": "infinity"}),
        json!({"hardware_count": 4, "ttft_p95": "NaN", "e2e_p99": "Infinity"}),
        json!({"hardware": null}),
        json!({"profiler_type": "guidellm", "prompt_tokens_stdev": 3}),
    ] {
        database.insert(changes);
    }
    database
}

async fn snapshot(database: &Database) -> Snapshot {
    let intent: DeploymentIntent = parse_intent(&chat("")).unwrap();
    let now = "2026-11-24T12:00:00.5Z".parse().unwrap();
    take_snapshot([&intent.spec], &database.knowledge_base(), &catalog(), now)
        .await
        .unwrap()
}

#[tokio::test]
async fn every_row_is_the_same_in_a_snapshot() {
    let database = with_odd_rows().await;
    let taken = snapshot(&database).await;
    assert_eq!(taken.taken_at.to_string(), "2026-11-24T12:00:00Z");
    assert_eq!(taken.holds, BTreeSet::from([PROFILE]));
    let read = Snapshot::parse(&taken.to_json()).unwrap();
    let offline = SnapshotEvidence::new(&read, &catalog());
    let (found, _) = offline.gather(PROFILE, false).await.unwrap();
    assert_eq!(found.benchmarks.len(), 12);
    assert_eq!(found, database.evidence().await);
    assert_eq!(snapshot(&database).await.to_json(), taken.to_json());
}

#[tokio::test]
async fn a_snapshot_can_be_loaded() {
    let database = with_odd_rows().await;
    // Such rows were restored, and no load takes them.
    database.execute("DELETE FROM exported_summaries WHERE ttft_p95 = 'NaN'");
    let taken = snapshot(&database).await.to_json();
    let again = Database::migrated().await;
    let report = again
        .load_files(vec![load_file("evidence.json", taken)], &Default::default())
        .await
        .unwrap();
    assert_eq!(report.refused().count(), 0, "{report:?}");
    let sources = &report.files[0].sources;
    assert_eq!(sources[..], ["exported_summaries", "lab", "vendor"]);
    assert_eq!(again.evidence().await, database.evidence().await);
}
