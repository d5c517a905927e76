//! Dumps of the real table, made by the real pg_dump, loaded as data: through the file, no SQL of it.

use std::process::Command;

use compass_testbed::Scratch;
use serde_json::{Value, json};

use crate::support::{Database, client_program, id};

/// The table of a database that never knew Compass, with the second table and its foreign key. Texts
/// hold what each format has to escape.
async fn origin() -> Database {
    let database = Database::migrated().await;
    for (number, provider) in [
        (1, Value::Null),
        (2, json!("tab\there, line\nthere, back\\slash")),
        (
            3,
            json!("it's; $$ -- \"quoted\" /* é */ \\N COPY x FROM stdin;"),
        ),
    ] {
        database.insert(json!({
            "id": id(number), "provider": provider, "hardware": "NVIDIA-H100-80GB-HBM3",
            "ttft_mean": 39.1 + 1.0 / 3.0, "jbenchmark_created_at": "2026-10-01T12:00:00.123456",
        }));
    }
    database.forget_compass();
    database.execute(
        "CREATE FUNCTION decoy() RETURNS text LANGUAGE sql AS
             $body$ SELECT 'COPY public.exported_summaries (id) FROM stdin;' $body$;
         COMMENT ON TABLE exported_summaries IS 'it''s; COPY public.exported_summaries (id) FROM stdin;';",
    );
    database
}

const CONTENT: &str =
    "SELECT id, provider, ttft_mean, itl_p95, hardware_count, jbenchmark_created_at, created_at
    FROM exported_summaries ORDER BY id";

#[tokio::test]
async fn every_form_of_a_dump_brings_its_rows_and_runs_nothing() {
    let Some(pg_dump) = client_program("pg_dump") else {
        eprintln!("skipped: pg_dump is not installed");
        return;
    };
    let origin = origin().await;
    let content = origin.query(CONTENT);
    let folder = Scratch::create().unwrap();
    for (number, arguments) in [
        "--format plain --clean --if-exists",
        "--format plain --inserts",
        "--format plain --inserts --rows-per-insert 2",
        "--format plain --data-only --column-inserts",
        "--format plain --data-only --table exported_summaries",
        "--format custom",
        "--format custom --compress 0",
        "--format custom --compress 9 --clean",
        "--format custom --inserts",
    ]
    .iter()
    .enumerate()
    {
        let path = folder.join(&format!("{number}.pgdump"));
        let dumped = Command::new(&pg_dump)
            .args(arguments.split(' '))
            .arg("--file")
            .arg(&path)
            .arg(&origin.url)
            .status()
            .unwrap();
        assert!(dumped.success());

        let database = Database::migrated().await;
        database.execute("CREATE TABLE bystander (id int); CREATE TABLE scenario_summary_environment_loads (id int)");
        let load = || {
            Command::new(env!("CARGO_BIN_EXE_compass"))
                .args(["load", "--source", "real", "-o", "json"])
                .arg(&path)
                .env("DATABASE_URL", &database.url)
                .output()
                .unwrap()
        };
        let output = load();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments}: {said}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["sources"][0]["inserted"], 3, "{arguments}: {report}");
        assert_eq!(database.query(CONTENT), content, "{arguments}");
        assert_eq!(
            database.value("SELECT DISTINCT hardware FROM exported_summaries"),
            "H100"
        );
        assert_eq!(
            database.value("SELECT count(*) FROM scenario_summary_environment_loads"),
            "0",
            "another table is left alone"
        );
        let report: Value = serde_json::from_slice(&load().stdout).unwrap();
        assert_eq!(
            report["sources"][0]["unchanged"], 3,
            "{arguments}: {report}"
        );
    }
}

/// `make test-real DUMP=...`: the dump that users hold, in a database of its own.
#[tokio::test]
#[ignore = "needs a real dump: make test-real DUMP=<file made by pg_dump>"]
async fn the_real_dump_loads_and_answers() {
    let dump = std::env::var("DUMP").expect("DUMP names a file made by pg_dump");
    let database = Database::migrated().await;
    let compass = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_compass"))
            .args(arguments)
            .env("DATABASE_URL", &database.url)
            .output()
            .unwrap()
    };
    let output = compass(&["load", &dump]);
    println!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let rows = database.value("SELECT count(*) FROM exported_summaries");
    if rows == "2662" {
        let counts = database.query(
            "SELECT prompt_tokens, output_tokens, count(*) FROM exported_summaries GROUP BY 1, 2 ORDER BY 1",
        );
        let known = [
            ["512", "256", "1865"],
            ["1024", "1024", "153"],
            ["4096", "512", "611"],
            ["10240", "1536", "33"],
        ];
        assert_eq!(counts, known);
    } else {
        println!(
            "{rows} rows: another dump than the known one of 2662, so its counts are not checked\n"
        );
    }
    for use_case in [
        "chatbot_conversational",
        "code_completion",
        "code_generation_detailed",
        "translation",
        "content_generation",
        "summarization_short",
        "document_analysis_rag",
        "long_document_summarization",
        "research_legal_analysis",
    ] {
        let output = compass(&["recommend", "--use-case", use_case, "--rps", "1"]);
        println!("{}", String::from_utf8_lossy(&output.stdout));
        // 3: an answer, too, which says that nothing complies.
        assert!(
            matches!(output.status.code(), Some(0 | 3)),
            "{use_case}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
