//! Evidence in memory is what the tables hold, whoever changed them and however; and whoever follows
//! is told.

use std::time::Duration;

use compass::benchmark::{Evidence, ModelName, TrafficProfile};
use compass::knowledge_base::{Changed, Follower, KnowledgeBase, migrate};
use compass_testbed::Postgres;
use serde_json::json;
use sqlx::{Connection, Executor, PgConnection};

use crate::support::{Database, PROFILE, id};

const OTHER: TrafficProfile = TrafficProfile {
    prompt_tokens: 4096,
    output_tokens: 512,
};

/// A generator that gives the same numbers each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }
}

async fn evidence(knowledge_base: &KnowledgeBase) -> Evidence {
    knowledge_base.evidence(PROFILE).await.unwrap()
}

async fn rows(knowledge_base: &KnowledgeBase) -> usize {
    evidence(knowledge_base).await.benchmarks.len()
}

/// What is kept is what a connection that keeps nothing reads, also place by place.
async fn assert_is_as_stored(kept: &KnowledgeBase, database: &Database, after: &str) {
    for profile in [PROFILE, OTHER] {
        let fresh = database.knowledge_base().evidence(profile).await.unwrap();
        let found = kept.evidence(profile).await.unwrap();
        assert_eq!(found, fresh, "under {profile} after {after}");
        let model = ModelName::new("qwen/QWEN3-32b");
        let place = kept
            .configuration(profile, &model, "H100", 1)
            .await
            .unwrap();
        let expected: Vec<_> = fresh
            .benchmarks
            .to_vec()
            .into_iter()
            .filter(|row| row.configuration.model == model)
            .filter(|row| row.configuration.hardware.as_str() == "H100")
            .filter(|row| row.configuration.hardware_count == 1)
            .collect();
        assert_eq!(place.to_vec(), expected, "after {after}");
    }
}

const SOME: &str =
    "id IN (SELECT id FROM exported_summaries ORDER BY md5(id::text || $n$) LIMIT 3)";

/// One change of the kind that people make with psql.
fn change(numbers: &mut Numbers) -> String {
    let some = SOME.replace("$n$", &format!("'{}'", numbers.below(1000)));
    let insert = |numbers: &mut Numbers, count: u64, end: &str| {
        let model = numbers.one(&["Qwen/Qwen3-32B", "qwen/qwen3-32b", "meta/Llama-3.1-8B"]);
        let hardware = numbers.one(&["'H100'", "'H200'", "NULL"]);
        let gpus = numbers.one(&["1", "2", "0", "NULL"]);
        let profile = numbers.one(&["512, 256", "4096, 512", "1024, 1024", "NULL, 256"]);
        let id = numbers.below(60);
        format!(
            "INSERT INTO exported_summaries (id, config_id, model_hf_repo, type, ttft_mean, ttft_p90, ttft_p95,
                 ttft_p99, e2e_mean, e2e_p90, e2e_p95, e2e_p99, hardware, hardware_count,
                 prompt_tokens, output_tokens, requests_per_second, tokens_per_second,
                 mean_input_tokens, mean_output_tokens, jbenchmark_created_at, created_at, updated_at)
             SELECT md5(n::text)::uuid, '', '{model}', '', 1, 1, {id}, 1, 1, 1, 1, 1, {hardware}, {gpus},
                    {profile}, n, 1, 1, 1, '2026-01-01', '2026-01-01', '2026-01-01'
             FROM generate_series({id}, {id} + {count} - 1) AS n {end}"
        )
    };
    match numbers.below(16) {
        0..=3 => insert(
            numbers,
            1,
            "ON CONFLICT (id) DO UPDATE SET ttft_p95 = excluded.ttft_p95, hardware = excluded.hardware",
        ),
        4 => insert(numbers, 40, "ON CONFLICT DO NOTHING"),
        5 => format!("UPDATE exported_summaries SET ttft_p95 = ttft_p95 + 1 WHERE {some}"),
        6 => format!(
            "UPDATE exported_summaries SET prompt_tokens = 4096, output_tokens = 512 WHERE {some}"
        ),
        7 => format!(
            "UPDATE exported_summaries SET model_hf_repo = 'Qwen/Qwen3-32B', hardware = 'H100', hardware_count = 1 WHERE {some}"
        ),
        8 => format!("UPDATE exported_summaries SET id = gen_random_uuid() WHERE {some}"),
        9 => format!("DELETE FROM exported_summaries WHERE {some}"),
        10 => format!(
            "INSERT INTO benchmark_evidence (id, kind, source, content_digest)
             SELECT id, 'measured', 'psql', sha256('') FROM exported_summaries WHERE {some}
             ON CONFLICT (id) DO UPDATE SET kind = 'estimated'"
        ),
        11 => format!("UPDATE benchmark_evidence SET weight_dtype = 'fp8' WHERE {some}"),
        12 => format!("DELETE FROM benchmark_evidence WHERE {some}"),
        13 => format!("BEGIN; DELETE FROM exported_summaries WHERE {some}; ROLLBACK"),
        14 => format!(
            "BEGIN; SAVEPOINT s; DELETE FROM exported_summaries; ROLLBACK TO s;
             UPDATE exported_summaries SET e2e_p95 = e2e_p95 + 1 WHERE {some}; COMMIT"
        ),
        _ => match numbers.below(4) {
            0 => "TRUNCATE exported_summaries".to_owned(),
            1 => "TRUNCATE benchmark_evidence".to_owned(),
            2 => "DELETE FROM exported_summaries WHERE prompt_tokens = 512".to_owned(),
            _ => "UPDATE exported_summaries SET ttft_mean = ttft_mean + 1".to_owned(),
        },
    }
}

#[tokio::test]
async fn after_any_changes_what_is_kept_is_what_is_stored() {
    let database = Database::migrated().await;
    let kept = database.knowledge_base();
    let mut numbers = Numbers(20_261_124);
    for _ in 0..120 {
        let statement = change(&mut numbers);
        database.execute(&statement);
        // Not after each: several changes are followed at once as well.
        if numbers.below(3) > 0 {
            assert_is_as_stored(&kept, &database, &statement).await;
        }
    }
    assert_ne!(
        database.value("SELECT count(*) FROM benchmark_changes"),
        "0"
    );
}

#[tokio::test]
async fn a_committed_row_is_in_the_next_answer_of_every_operator() {
    let database = Database::migrated().await;
    let operators = [database.knowledge_base(), database.knowledge_base()];
    let mut writer = PgConnection::connect(&database.url).await.unwrap();
    database.insert(json!({"id": id(0)}));
    for count in 2..100 {
        let copy = format!(
            "INSERT INTO exported_summaries SELECT (jsonb_populate_record(s, jsonb_build_object('id', md5('{count}')::uuid))).*
             FROM exported_summaries s WHERE id = '{}'",
            id(0)
        );
        // Others ask all the time, and share what they are told.
        let ask = async |operator: &KnowledgeBase| {
            for _ in 0..3 {
                evidence(operator).await;
            }
        };
        let write = writer.execute(sqlx::AssertSqlSafe(copy));
        let (written, (), ()) = tokio::join!(write, ask(&operators[0]), ask(&operators[1]));
        written.unwrap();
        for operator in &operators {
            let (one, other) = tokio::join!(rows(operator), rows(operator));
            assert_eq!((one, other), (count, count));
        }
    }
}

#[tokio::test]
async fn a_transaction_that_commits_late_is_seen_though_later_ones_were() {
    let database = Database::migrated().await;
    let knowledge_base = database.knowledge_base();
    let mut follower = knowledge_base.follow().await.unwrap();
    let mut late = PgConnection::connect(&database.url).await.unwrap();
    let mut transaction = late.begin().await.unwrap();
    database.insert(json!({"id": id(1)}));
    transaction
        .execute("UPDATE exported_summaries SET ttft_p95 = 77")
        .await
        .unwrap();
    for number in 2..6 {
        database.insert(json!({"id": id(number), "hardware": "H200"}));
        assert_eq!(rows(&knowledge_base).await, usize::from(number));
    }
    assert_eq!(told(&mut follower).await.profiles, [PROFILE].into());
    assert!(
        evidence(&knowledge_base).await.benchmarks.to_vec()[0]
            .ttft
            .p95_ms
            < Some(77.0)
    );
    transaction.commit().await.unwrap();
    let found = evidence(&knowledge_base).await;
    assert_eq!(found.benchmarks.to_vec()[0].ttft.p95_ms, Some(77.0));
    assert_eq!(told(&mut follower).await.profiles, [PROFILE].into());
}

/// A server of its own: no other test commits there.
#[tokio::test]
async fn a_server_that_stands_still_is_asked_less_and_nothing_is_missed() {
    let server = Postgres::start().unwrap();
    let database = Database { url: server.url() };
    migrate(&database.url).await.unwrap();
    let knowledge_base = database.knowledge_base();
    let asked_last = || {
        database.value(
            "SELECT query FROM pg_stat_activity
             WHERE application_name = 'compass' AND query LIKE '%pg_current_snapshot%'",
        )
    };
    let short = "SELECT pg_current_snapshot()::text";
    let stand_still = async |count| {
        for _ in 0..3 {
            assert_eq!(rows(&knowledge_base).await, count);
        }
        assert_eq!(asked_last(), short);
    };
    database.insert(json!({"id": id(1)}));
    stand_still(1).await;
    let mut late = PgConnection::connect(&database.url).await.unwrap();
    let mut transaction = late.begin().await.unwrap();
    transaction
        .execute("UPDATE exported_summaries SET ttft_p95 = 77")
        .await
        .unwrap();
    stand_still(1).await;
    database.insert(json!({"id": id(2), "hardware": "H200"}));
    stand_still(2).await;
    transaction.commit().await.unwrap();
    let found = evidence(&knowledge_base).await;
    assert_eq!(found.benchmarks.to_vec()[0].ttft.p95_ms, Some(77.0));
    stand_still(2).await;
    // Elsewhere in the server something was committed: then the triggers are asked about again.
    database.execute("CREATE TABLE something ()");
    assert_eq!(rows(&knowledge_base).await, 2);
    assert_ne!(asked_last(), short);
    stand_still(2).await;
    // Nothing records this one.
    database.execute("ALTER TABLE exported_summaries DISABLE TRIGGER ALL");
    stand_still(2).await;
    database.execute("DELETE FROM exported_summaries");
    stand_still(0).await;
}

#[tokio::test]
async fn changes_of_more_than_an_hour_ago_give_way_and_are_not_missed() {
    let database = Database::migrated().await;
    let (idle, busy) = (database.knowledge_base(), database.knowledge_base());
    database.insert(json!({"id": id(1)}));
    assert_eq!((rows(&idle).await, rows(&busy).await), (1, 1));
    for number in 2..5 {
        database.insert(json!({"id": id(number)}));
    }
    assert_eq!(rows(&busy).await, 4);
    database
        .execute("UPDATE benchmark_changes SET recorded_at = recorded_at - interval '61 minutes'");
    // Rows that others prune would fail a stricter transaction, so it leaves them.
    database.execute(
        "BEGIN ISOLATION LEVEL REPEATABLE READ; UPDATE exported_summaries SET ttft_p95 = 3; COMMIT",
    );
    let listed =
        || database.query("SELECT pruned, count(*) FROM benchmark_changes GROUP BY 1 ORDER BY 1");
    assert_eq!(listed(), [["f", "5"]]);
    database.execute("DELETE FROM exported_summaries WHERE id = (SELECT min(id::text)::uuid FROM exported_summaries)");
    assert_eq!(listed(), [["f", "2"], ["t", "1"]]);
    for knowledge_base in [&idle, &busy] {
        assert_is_as_stored(knowledge_base, &database, "pruning").await;
    }
}

#[tokio::test]
async fn a_lost_connection_and_a_new_one_lose_nothing() {
    let database = Database::migrated().await;
    let knowledge_base = database.knowledge_base();
    let mut follower = knowledge_base.follow().await.unwrap();
    database.insert(json!({"id": id(1)}));
    assert_eq!(rows(&knowledge_base).await, 1);
    database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name = 'compass' AND datname = current_database()",
    );
    database.insert(json!({"id": id(2)}));
    assert_eq!(rows(&knowledge_base).await, 2);
    let error = loop {
        match follower.next().await {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("cannot reach"), "{error}");
    knowledge_base.follow().await.unwrap();
}

#[tokio::test]
async fn what_was_changed_behind_the_triggers_back_is_seen() {
    let database = Database::migrated().await;
    let knowledge_base = database.knowledge_base();
    assert_eq!(rows(&knowledge_base).await, 0);
    let copy = |number| {
        database.execute("ALTER TABLE exported_summaries DISABLE TRIGGER ALL");
        database.insert(json!({"id": id(number)}));
    };
    copy(1);
    assert_eq!(rows(&knowledge_base).await, 1);
    copy(2);
    database.execute("ALTER TABLE exported_summaries ENABLE TRIGGER ALL");
    assert_eq!(rows(&knowledge_base).await, 2);
    database.execute("ALTER TABLE exported_summaries ALTER ttft_p95 TYPE double precision USING ttft_p95 * 2 + 0.5");
    let found = evidence(&knowledge_base).await;
    assert_eq!(found.benchmarks.to_vec()[0].ttft.p95_ms, Some(100.5));
}

#[tokio::test]
async fn whoever_may_change_a_benchmark_needs_no_more() {
    let database = Database::migrated().await;
    let knowledge_base = database.knowledge_base();
    assert_eq!(rows(&knowledge_base).await, 0);
    database.insert(json!({"id": id(1)}));
    database.execute(
        "DROP ROLE IF EXISTS compass_test_writer; CREATE ROLE compass_test_writer;
         GRANT SELECT, UPDATE ON exported_summaries TO compass_test_writer;
         SET search_path = ''; SET session_replication_role = replica; SET ROLE compass_test_writer;
         UPDATE public.exported_summaries SET ttft_p95 = 5;
         RESET ROLE; DROP OWNED BY compass_test_writer; DROP ROLE compass_test_writer",
    );
    assert_eq!(
        evidence(&knowledge_base).await.benchmarks.to_vec()[0]
            .ttft
            .p95_ms,
        Some(5.0)
    );
}

#[tokio::test]
async fn a_load_that_changes_evidence_alone_is_seen_and_recorded_once() {
    let database = Database::migrated().await;
    let knowledge_base = database.knowledge_base();
    let row = |kind: &str| [json!({"id": id(1), "evidence": {"kind": kind}})];
    for kind in ["simulated", "measured", "estimated"] {
        database.load("lab", &row(kind)).await;
        let found = evidence(&knowledge_base).await;
        assert_eq!(found.benchmarks.to_vec()[0].kind.as_str(), kind);
    }
    database.execute("DELETE FROM benchmark_changes");
    database.load("lab", &row("measured")).await;
    assert_eq!(
        database.value("SELECT count(*) FROM benchmark_changes"),
        "1"
    );
    assert_eq!(rows(&knowledge_base).await, 1);
}

#[tokio::test]
async fn many_configurations_at_once_are_told_as_their_profile() {
    let database = Database::migrated().await;
    let knowledge_base = database.knowledge_base();
    database.insert(json!({"id": id(1)}));
    assert_eq!(rows(&knowledge_base).await, 1);
    database.execute("DELETE FROM benchmark_changes");
    let copies = |count: u32| {
        database.execute(&format!(
            "INSERT INTO exported_summaries SELECT (jsonb_populate_record(s,
                 jsonb_build_object('id', gen_random_uuid(), 'hardware_count', n, 'output_tokens', 256 + n % 2))).*
             FROM exported_summaries s, generate_series(1, {count}) n WHERE s.id = '{}'",
            id(1)
        ));
    };
    copies(1200);
    let listed = "SELECT prompt_tokens, output_tokens, model FROM benchmark_changes ORDER BY 2";
    assert_eq!(
        database.query(listed),
        [["512", "256", ""], ["512", "257", ""]]
    );
    assert_eq!(rows(&knowledge_base).await, 601);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_stops_only_its_own_profile() {
    let database = Database::migrated().await;
    let knowledge_base = database.knowledge_base();
    database.load("lab", &[json!({"id": id(1)})]).await;
    database.insert(json!({"id": id(2), "prompt_tokens": 4096, "output_tokens": 512}));
    assert_eq!(rows(&knowledge_base).await, 1);
    assert_is_as_stored(&knowledge_base, &database, "two inserts").await;
    database.execute(
        "ALTER TABLE benchmark_evidence DROP CONSTRAINT benchmark_evidence_kind_known;
         UPDATE benchmark_evidence SET kind = 'guessed'",
    );
    let other = knowledge_base.evidence(OTHER).await.unwrap();
    assert_eq!((other.benchmarks.len(), other.profiles.len()), (1, 2));
    let error = knowledge_base.evidence(PROFILE).await.unwrap_err();
    assert!(error.to_string().contains("guessed"), "{error}");
    database.execute("UPDATE benchmark_evidence SET kind = 'measured'");
    assert_eq!(rows(&knowledge_base).await, 1);
}

/// The next change that is told.
async fn told(follower: &mut Follower) -> Changed {
    loop {
        let next = tokio::time::timeout(Duration::from_secs(60), follower.next()).await;
        let changed = next.expect("nothing was told").unwrap();
        if !changed.is_empty() {
            return changed;
        }
    }
}

#[tokio::test]
async fn whoever_follows_is_told_which_profiles_changed() {
    let database = Database::migrated().await;
    let mut follower = database.knowledge_base().follow().await.unwrap();
    assert!(follower.hears() && follower.is_recorded());
    let under = |profile: TrafficProfile, profiles_that_have_rows| Changed {
        profiles: [profile].into(),
        profiles_that_have_rows,
        ..Changed::default()
    };
    // Evidence for no configuration, so it changes no answer.
    database.insert(json!({"hardware": null}));
    database.insert(json!({"id": id(1)}));
    assert_eq!(told(&mut follower).await, under(PROFILE, true));
    database.insert(json!({"id": id(2)}));
    assert_eq!(told(&mut follower).await, under(PROFILE, false));
    database.execute("UPDATE exported_summaries SET prompt_tokens = 4096, output_tokens = 512");
    let moved = told(&mut follower).await;
    assert_eq!(moved.profiles, [PROFILE, OTHER].into());
    assert!(moved.profiles_that_have_rows);
    // Nobody announces this.
    database
        .execute("INSERT INTO benchmark_changes (prompt_tokens, output_tokens) VALUES (512, 256)");
    assert_eq!(told(&mut follower).await, under(PROFILE, false));
    database.execute("TRUNCATE exported_summaries");
    assert!(told(&mut follower).await.everything);
}
