//! What `migrate` makes.

use compass::benchmark::ExportedSummary;
use compass::knowledge_base::{KnowledgeBaseError, migrate};

use crate::support::Database;

/// The table as users' dumps have it: `!` marks what cannot be null.
const EXPORTED_SUMMARIES: &str = "
    uuid: id!
    text: config_id! model_hf_repo! provider type!
    double precision: ttft_mean! ttft_p90! ttft_p95! ttft_p99! e2e_mean! e2e_p90! e2e_p95! e2e_p99!
    double precision: itl_mean itl_p90 itl_p95 itl_p99 tps_mean tps_p90 tps_p95 tps_p99
    text: hardware
    integer: hardware_count
    text: framework
    double precision: requests_per_second! responses_per_second tokens_per_second!
    double precision: mean_input_tokens! mean_output_tokens!
    text: huggingface_prompt_dataset
    timestamp without time zone: jbenchmark_created_at!
    text: entrypoint docker_image framework_version
    timestamp without time zone: created_at! updated_at! loaded_at
    integer: prompt_tokens prompt_tokens_stdev prompt_tokens_min prompt_tokens_max
    integer: output_tokens output_tokens_min output_tokens_max output_tokens_stdev
    text: profiler_type profiler_image profiler_tag";

fn expected_columns() -> Vec<Vec<String>> {
    let lines = EXPORTED_SUMMARIES
        .lines()
        .filter_map(|line| line.split_once(": "));
    lines
        .flat_map(|(r#type, names)| {
            names
                .split_whitespace()
                .map(move |name| (r#type.trim(), name))
        })
        .map(|(r#type, name)| {
            let nullable = if name.ends_with('!') { "NO" } else { "YES" };
            [name.trim_end_matches('!'), r#type, nullable]
                .map(str::to_owned)
                .to_vec()
        })
        .collect()
}

#[tokio::test]
async fn exported_summaries_is_the_table_of_the_dump_column_by_column() {
    let database = Database::migrated().await;
    let columns = database.query(
        "SELECT column_name, data_type, is_nullable FROM information_schema.columns
         WHERE table_name = 'exported_summaries' ORDER BY ordinal_position",
    );
    assert_eq!(columns, expected_columns());
    let names: Vec<_> = columns.iter().map(|column| column[0].as_str()).collect();
    assert_eq!(names, ExportedSummary::COLUMNS);
}

#[tokio::test]
async fn nothing_ties_the_evidence_to_the_table() {
    let database = Database::migrated().await;
    assert_eq!(
        database.value("SELECT count(*) FROM pg_constraint WHERE contype = 'f'"),
        "0"
    );
    assert_eq!(
        database.value("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgname NOT LIKE 'compass\\_%'"),
        "0"
    );
}

#[tokio::test]
async fn migrating_twice_changes_nothing_the_second_time() {
    let database = Database::empty();
    let first = migrate(&database.url).await.unwrap();
    assert_eq!(
        first.applied,
        [
            "0001 benchmark evidence",
            "0002 evidence of a run",
            "0003 benchmark changes"
        ]
    );
    assert_eq!(
        first.created,
        [
            "exported_summaries",
            "exported_summaries_exact_match",
            "exported_summaries_pkey",
            "triggers of benchmark_evidence",
            "triggers of exported_summaries",
        ]
    );
    assert!(migrate(&database.url).await.unwrap().is_current());
}

#[tokio::test]
async fn two_migrations_at_once_share_the_work() {
    let database = Database::empty();
    let (one, other) = tokio::join!(migrate(&database.url), migrate(&database.url));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_ne!(one.is_current(), other.is_current());
}

#[tokio::test]
async fn another_table_of_that_name_is_refused() {
    let database = Database::empty();
    database.execute("CREATE TABLE exported_summaries (id uuid PRIMARY KEY, prompt_tokens integer, output_tokens integer, model_hf_repo text, hardware text, hardware_count integer)");
    let error = migrate(&database.url).await.unwrap_err();
    assert!(
        matches!(error, KnowledgeBaseError::ForeignSchema { .. }),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains("no column config_id, provider, type"),
        "{error}"
    );
}

#[tokio::test]
async fn the_exact_match_has_its_index() {
    let database = Database::migrated().await;
    let plan = database.query(
        "SET enable_seqscan = off;
         EXPLAIN SELECT * FROM exported_summaries
         WHERE prompt_tokens = 512 AND output_tokens = 256 AND lower(model_hf_repo) = 'qwen/qwen3-32b'
           AND hardware = 'H100' AND hardware_count = 1",
    );
    let plan: String = plan.concat().join("\n");
    assert!(plan.contains("exported_summaries_exact_match"), "{plan}");
    assert!(!plan.contains("Filter"), "{plan}");
}

#[tokio::test]
async fn the_table_of_evidence_refuses_what_has_no_meaning() {
    let database = Database::migrated().await;
    for (column, value, constraint) in [
        ("kind", "'guessed'", "benchmark_evidence_kind_known"),
        ("source", "' '", "benchmark_evidence_source_named"),
        (
            "content_digest",
            "'\\x00'",
            "benchmark_evidence_content_digest_sha256",
        ),
        (
            "prefix_sharing",
            "1.5",
            "benchmark_evidence_prefix_sharing_is_share",
        ),
        (
            "requests_failed",
            "-1",
            "benchmark_evidence_requests_failed_not_negative",
        ),
        (
            "duration_s",
            "'NaN'",
            "benchmark_evidence_duration_s_finite",
        ),
    ] {
        database.execute(
            "INSERT INTO benchmark_evidence (id, kind, source, content_digest)
             VALUES (gen_random_uuid(), 'measured', 'lab', sha256(''))",
        );
        let update = format!("UPDATE benchmark_evidence SET {column} = {value}");
        let error = compass_testbed::postgres::execute(&database.url, &update).unwrap_err();
        assert!(format!("{error:?}").contains(constraint), "{error:?}");
    }
}
