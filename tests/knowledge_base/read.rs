//! The reads of a decision.

use std::cell::Cell;
use std::collections::BTreeSet;

use compass::benchmark::{
    ArrivalProcess, EvidenceKind, ItlDefinition, ModelName, TrafficProfile, ValidationClass,
};
use serde_json::json;

use crate::support::{Database, PROFILE, id};

#[tokio::test]
async fn a_loaded_row_comes_back_whole() {
    let database = Database::migrated().await;
    let evidence = json!({
        "kind": "measured", "arrival_process": "poisson", "requests_completed": 990,
        "requests_failed": 6, "requests_incomplete": 4, "duration_s": 400.5,
        "itl_definition": "token_gap", "weight_dtype": "bf16", "kv_cache_dtype": "fp8",
        "prefix_sharing": 0.25, "max_num_seqs": 256, "max_num_batched_tokens": 8192,
        "args_digest": "abc", "validation_class": "anchored", "bounds_only": true,
        "provenance": {"seed": 7, "note": "tab\there \\ and \"quotes\"\nand lines"},
    });
    database
        .load(
            "lab",
            &[json!({
                "id": id(7), "hardware": "nvidia-h100-80gb-hbm3", "prompt_tokens_stdev": 64,
                "output_tokens_stdev": 32, "config_id": "a\tb\\N\nc", "evidence": evidence,
            })],
        )
        .await;
    let found = database.evidence().await;
    assert_eq!(found.benchmarks.len(), 1, "{found:?}");
    let row = &found.benchmarks.to_vec()[0];
    assert_eq!(row.id.to_string(), id(7));
    assert_eq!(row.configuration.model, ModelName::new("Qwen/Qwen3-32B"));
    assert_eq!(row.configuration.hardware.as_str(), "H100");
    assert_eq!(
        row.configuration.framework_version.as_deref(),
        Some("0.11.0")
    );
    assert_eq!(
        row.configuration.engine.weight_dtype.as_deref(),
        Some("bf16")
    );
    assert_eq!(
        row.configuration.engine.kv_cache_dtype.as_deref(),
        Some("fp8")
    );
    assert_eq!(row.configuration.engine.max_num_seqs, Some(256));
    assert_eq!(row.configuration.engine.args_digest.as_deref(), Some("abc"));
    assert_eq!(row.profile, PROFILE);
    assert_eq!(
        row.conditions.arrival_process,
        Some(ArrivalProcess::Poisson)
    );
    assert_eq!(row.conditions.prompt_tokens_stdev, Some(64));
    assert_eq!(row.conditions.output_tokens_stdev, Some(32));
    assert_eq!(row.conditions.prefix_sharing, Some(0.25));
    assert_eq!(row.conditions.itl_definition, Some(ItlDefinition::TokenGap));
    assert_eq!((row.offered_rps, row.served_rps), (2.5, Some(2.45)));
    assert_eq!(
        (row.ttft.mean_ms, row.ttft.p95_ms, row.ttft.p99_ms),
        (Some(40.0), Some(50.0), Some(60.0))
    );
    assert_eq!((row.itl.p95_ms, row.e2e.p95_ms), (Some(12.0), Some(5000.0)));
    assert_eq!(
        (row.requests_completed, row.requests_total),
        (Some(990), Some(1000))
    );
    assert_eq!(
        (row.kind, row.source.as_str()),
        (EvidenceKind::Measured, "lab")
    );
    assert_eq!(row.validation_class, Some(ValidationClass::Anchored));
    assert!(row.bounds_only);
    assert_eq!(row.measured_at.unwrap().to_string(), "2026-10-01T12:00:00Z");
    assert_eq!(
        database.value("SELECT s.config_id || (e.provenance ->> 'note') FROM exported_summaries s JOIN benchmark_evidence e USING (id)"),
        "a\tb\\N\nctab\there \\ and \"quotes\"\nand lines"
    );
}

#[tokio::test]
async fn only_rows_of_exactly_the_profile_are_evidence() {
    let database = Database::migrated().await;
    database.insert(json!({"id": id(2)}));
    database.insert(json!({"id": id(1), "model_hf_repo": "qwen/QWEN3-32b"}));
    for near_miss in [
        json!({"prompt_tokens": 513}),
        json!({"prompt_tokens": 511, "output_tokens": 257}),
        json!({"output_tokens": 255}),
        json!({"prompt_tokens": 256, "output_tokens": 512}),
        json!({"prompt_tokens": null}),
        json!({"output_tokens": null}),
        json!({"hardware": null}),
        json!({"hardware_count": null}),
    ] {
        database.insert(near_miss);
    }
    let found = database.evidence().await;
    let ids: Vec<_> = found
        .benchmarks
        .to_vec()
        .iter()
        .map(|row| row.id.to_string())
        .collect();
    assert_eq!(ids, [id(1), id(2)]);
    let rows = found.benchmarks.to_vec();
    let models = [0, 1].map(|row: usize| &rows[row].configuration.model);
    assert_eq!(models[0], models[1]);
    let profiles: Vec<_> = found
        .profiles
        .iter()
        .map(|count| (count.profile.to_string(), count.rows))
        .collect();
    let expected = [
        ("256/512", 1),
        ("511/257", 1),
        ("512/255", 1),
        ("512/256", 2),
        ("513/256", 1),
    ];
    assert_eq!(
        profiles,
        expected.map(|(profile, rows)| (profile.to_owned(), rows))
    );
}

#[tokio::test]
async fn a_profile_without_rows_is_answered_with_those_that_have_some() {
    let database = Database::migrated().await;
    database.insert(json!({}));
    let unseen = TrafficProfile {
        prompt_tokens: 1,
        output_tokens: 1,
    };
    let found = database.knowledge_base().evidence(unseen).await.unwrap();
    assert!(found.benchmarks.is_empty());
    assert_eq!(found.profiles[0].profile, PROFILE);
}

#[tokio::test]
async fn rows_that_no_decision_can_use_are_still_shown() {
    let database = Database::migrated().await;
    database.insert(json!({"itl_mean": null, "itl_p95": null, "responses_per_second": null}));
    database.insert(json!({"ttft_p95": 0.0}));
    database.insert(json!({"hardware": "TPU-v9"}));
    // Without a GPU it names no configuration.
    database.insert(json!({"hardware_count": 0}));
    database.insert(json!({"e2e_p95": 1e300}));
    database.execute("UPDATE exported_summaries SET ttft_mean = 'NaN', jbenchmark_created_at = 'infinity' WHERE hardware = 'TPU-v9'");
    let found = database.evidence().await;
    assert_eq!(found.benchmarks.len(), 4);
    assert!(
        found
            .benchmarks
            .to_vec()
            .iter()
            .any(|row| row.itl.p95_ms.is_none())
    );
    assert!(
        found
            .benchmarks
            .to_vec()
            .iter()
            .any(|row| row.ttft.p95_ms == Some(0.0))
    );
}

#[tokio::test]
async fn what_is_not_known_of_the_requests_is_not_guessed() {
    let database = Database::migrated().await;
    database
        .load("lab", &[json!({"evidence": {"requests_completed": 100}})])
        .await;
    let found = database.evidence().await;
    assert_eq!(found.benchmarks.to_vec()[0].requests_completed, Some(100));
    assert_eq!(found.benchmarks.to_vec()[0].requests_total, None);
}

#[tokio::test]
async fn both_answers_are_of_one_snapshot() {
    let database = Database::migrated().await;
    let knowledge_base = database.knowledge_base();
    let few: Vec<_> = (1..=3)
        .map(|rate| json!({"requests_per_second": rate}))
        .collect();
    let many: Vec<_> = (1..=40)
        .map(|rate| json!({"requests_per_second": rate}))
        .collect();
    database.replace("lab", &few).await;
    let loading = Cell::new(true);
    let loads = async {
        for rows in [&many, &few].into_iter().cycle().take(12) {
            database.replace("lab", rows).await;
        }
        loading.set(false);
    };
    let reads = async {
        let mut seen = BTreeSet::new();
        while loading.get() {
            let found = knowledge_base.evidence(PROFILE).await.unwrap();
            assert_eq!(found.profiles[0].rows, found.benchmarks.len() as i64);
            seen.insert(found.benchmarks.len());
        }
        seen
    };
    let ((), seen) = tokio::join!(loads, reads);
    assert_eq!(seen, BTreeSet::from([3, 40]));
}

#[tokio::test]
async fn an_estimate_reads_every_other_profile_too_and_each_time_as_it_is() {
    let database = Database::migrated().await;
    let knowledge_base = database.knowledge_base();
    let counts = async || {
        let (evidence, others) = knowledge_base.evidence_and_others(PROFILE).await.unwrap();
        let others: Vec<_> = others.iter().map(|rows| rows.len()).collect();
        (evidence.benchmarks.len(), evidence.profiles.len(), others)
    };
    assert_eq!(counts().await, (0, 0, vec![]));
    let under = |prompt: i32, n: u8| json!({"id": id(n), "prompt_tokens": prompt});
    let load = async |name: &str, rows: &[serde_json::Value]| {
        database.load(name, rows).await;
    };
    load("a", &[under(4096, 1), under(4096, 2), under(1024, 3)]).await;
    assert_eq!(counts().await, (0, 2, vec![1, 2]));
    // What is kept of one profile is not read again, and what is not kept is.
    load("b", &[under(PROFILE.prompt_tokens, 4), under(4096, 5)]).await;
    assert_eq!(database.evidence().await.benchmarks.len(), 1);
    assert_eq!(counts().await, (1, 3, vec![1, 3]));
    database.execute("DELETE FROM exported_summaries WHERE prompt_tokens = 1024");
    assert_eq!(counts().await, (1, 2, vec![3]));
}
