//! Behind a PgBouncer that lends a session for one transaction.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use compass::benchmark::TrafficProfile;
use compass::knowledge_base::{
    ConnectionSettings, DatabaseUrls, Filter, Follower, KnowledgeBase, KnowledgeBaseError, migrate,
    remove,
};
use compass_testbed::PgBouncer;
use serde_json::json;

use crate::support::{Database, PROFILE, SERVER, catalog, connect, id};

/// Refuses what it does not know, as by default; or drops it, as many are told to.
const IGNORED: [&str; 2] = ["", "extra_float_digits, options"];

fn pooler(ignored: &str) -> PgBouncer {
    PgBouncer::before(&SERVER, SERVER.port(), ignored).unwrap()
}

#[tokio::test]
async fn many_readers_share_two_sessions_without_an_error() {
    for ignored in IGNORED {
        let pooler = pooler(ignored);
        let database = Database::migrated().await;
        let url = pooler.url_of(&database.url).unwrap();
        let other = TrafficProfile {
            prompt_tokens: 4096,
            ..PROFILE
        };
        let readers: Vec<_> = (0..6).map(|_| connect(&url)).collect();
        for number in 1..12 {
            database.insert(json!({"id": id(number)}));
            let reads = readers.iter().map(async |reader| {
                reader.ping().await.unwrap();
                let (evidence, _) = reader.evidence_and_others(PROFILE).await.unwrap();
                assert_eq!(evidence.benchmarks.len(), usize::from(number));
                assert!(reader.evidence(other).await.unwrap().benchmarks.is_empty());
                assert_eq!(reader.profiles().await.unwrap(), [PROFILE]);
            });
            futures::future::join_all(reads).await;
        }
    }
}

#[tokio::test]
async fn people_may_ask_through_it() {
    let pooler = pooler("");
    let database = Database::migrated().await;
    database.load("lab", &[json!({})]).await;
    let knowledge_base = connect(&pooler.url_of(&database.url).unwrap());
    for _ in 0..3 {
        assert_eq!(knowledge_base.inventory_of_kinds().await.unwrap().len(), 1);
        assert_eq!(
            knowledge_base.inventory_of_sources().await.unwrap().len(),
            1
        );
        let (listed, all) = knowledge_base.list(&Filter::default(), 10).await.unwrap();
        assert_eq!((listed.len(), all), (1, 1));
        let id = &listed[0].id;
        assert_eq!(
            knowledge_base.ids(id, 2).await.unwrap(),
            std::slice::from_ref(id)
        );
        assert!(knowledge_base.whole(id).await.unwrap().is_some());
        assert_eq!(knowledge_base.verify(|_, _| ()).await.unwrap(), 1);
        let export = knowledge_base
            .export(&BTreeSet::from([PROFILE]), true)
            .await;
        assert_eq!(export.unwrap().sources["lab"].len(), 1);
    }
}

#[tokio::test]
async fn a_time_out_holds_in_each_transaction() {
    let pooler = pooler("");
    let database = Database::migrated().await;
    let knowledge_base = connect(&pooler.url_of(&database.url).unwrap());
    knowledge_base.ping().await.unwrap();
    let blocker = Database {
        url: database.url.clone(),
    };
    let lock = std::thread::spawn(move || {
        blocker.execute("BEGIN; LOCK TABLE exported_summaries; SELECT pg_sleep(4); COMMIT");
    });
    let waits = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted
                 AND relation = 'exported_summaries'::regclass";
    while database.value(waits) == "0" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let error = knowledge_base.evidence(PROFILE).await.unwrap_err();
    assert!(error.to_string().contains("lock timeout"), "{error}");
    lock.join().unwrap();
    knowledge_base.evidence(PROFILE).await.unwrap();
}

#[tokio::test]
async fn writers_refuse_it_and_take_the_direct_url() {
    for ignored in IGNORED {
        let pooler = pooler(ignored);
        let database = Database::migrated().await;
        let pooled = Database {
            url: pooler.url_of(&database.url).unwrap(),
        };
        for error in [
            migrate(&pooled.url).await.unwrap_err(),
            remove(&pooled.url, "lab").await.unwrap_err(),
            pooled
                .try_load("lab", &[json!({})], Default::default())
                .await
                .unwrap_err(),
        ] {
            assert!(
                matches!(error, KnowledgeBaseError::Pooled { .. }),
                "{error}"
            );
            assert!(error.to_string().contains("DATABASE_DIRECT_URL"), "{error}");
        }
        let migrated = Command::new(env!("CARGO_BIN_EXE_compass"))
            .arg("migrate")
            .env("DATABASE_URL", &pooled.url)
            .env("DATABASE_DIRECT_URL", &database.url)
            .output()
            .unwrap();
        assert!(migrated.status.success(), "{migrated:?}");
    }
}

async fn tells_of_a_row(follower: &mut Follower, database: &Database) {
    database.insert(json!({}));
    let told = async {
        loop {
            let changed = follower.next().await.unwrap();
            if !changed.is_empty() {
                return changed.profiles;
            }
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(60), told).await;
    assert_eq!(told.unwrap(), [PROFILE].into());
}

#[tokio::test]
async fn changes_are_looked_for_or_announced_by_the_direct_url() {
    let pooler = pooler("");
    let database = Database::migrated().await;
    let url = pooler.url_of(&database.url).unwrap();
    let mut looks = connect(&url).follow().await.unwrap();
    assert!(!looks.hears());
    tells_of_a_row(&mut looks, &database).await;

    let urls = DatabaseUrls {
        direct: Some(database.url.clone()),
        ..DatabaseUrls::from(&url)
    };
    let settings = ConnectionSettings::default();
    let knowledge_base = KnowledgeBase::connect_lazy(urls, &settings, catalog()).unwrap();
    let mut hears = knowledge_base.follow().await.unwrap();
    assert!(hears.hears());
    database.execute("DELETE FROM exported_summaries");
    tells_of_a_row(&mut hears, &database).await;
}
