//! `compass doctor` on databases that are well, and on some that are not.

use std::process::Command;

use compass::knowledge_base::migrate;
use compass_testbed::postgres::execute;
use compass_testbed::{PgBouncer, Postgres};
use serde_json::{Value, json};

use crate::support::{Database, SERVER};

const LOGIN: &str = "s3cret-of-nobody";

/// Exit code and report; the second URL is the direct one.
fn doctor(urls: &[&str]) -> (i32, Value) {
    let names = ["DATABASE_URL", "DATABASE_DIRECT_URL"];
    let settings: Vec<_> = names.into_iter().zip(urls.iter().copied()).collect();
    doctor_with(&settings)
}

fn doctor_with(urls: &[(&str, &str)]) -> (i32, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_compass"))
        .args(["doctor", "--skip", "cluster", "-o", "json"])
        .envs(urls.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    for (_, url) in urls {
        let password = url.split(['@', ':']).nth(2).unwrap();
        assert!(!text.contains(password), "a password is shown: {text}");
    }
    let report = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{output:?}"));
    (output.status.code().unwrap(), report)
}

/// Verdict, finding and remedy of a check.
fn check<'a>(report: &'a Value, name: &str) -> [&'a str; 3] {
    let checks = report["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == name);
    let check = check.unwrap_or_else(|| panic!("no {name} in {report:#}"));
    ["verdict", "found", "remedy"].map(|field| check[field].as_str().unwrap_or_default())
}

fn says(report: &Value, name: &str, verdict: &str, parts: &[&str]) {
    let [found_verdict, found, remedy] = check(report, name);
    let told = format!("{found} -> {remedy}");
    assert_eq!(found_verdict, verdict, "{name}: {told}");
    for part in parts {
        assert!(told.contains(part), "`{part}` is not in {name}: {told}");
    }
}

#[tokio::test]
async fn a_database_that_is_well() {
    let database = Database::migrated().await;
    let measured = json!({"evidence": {"kind": "measured"}});
    database.load("lab", &[measured]).await;
    let (code, report) = doctor(&[&database.url]);
    assert_eq!((code, &report["healthy"]), (0, &json!(true)), "{report:#}");
    for (name, parts) in [
        ("server", &["PostgreSQL", "database `knowledge_"][..]),
        ("encryption", &["this machine"]),
        ("pooler", &["none"]),
        ("schema", &["that of this version"]),
        ("triggers", &["recorded"]),
        ("evidence", &["1 measured of 2026-10-01"]),
        ("catalog", &["knows every model"]),
    ] {
        says(&report, name, "ok", parts);
    }
    says(&report, "role", "warn", &["superuser", "SELECT only"]);
    says(&report, "use cases", "warn", &["translation", "1024/1024"]);
    says(&report, "API server", "skip", &["--skip cluster"]);
}

/// A server that seems to be elsewhere, before it speaks TLS and after.
#[tokio::test]
async fn what_protects_the_way_to_a_server_is_told() {
    let server = Postgres::start().unwrap();
    migrate(&server.url()).await.unwrap();
    // The same address as of IPv6, by which nobody knows this machine.
    let elsewhere = server.url().replace("@127.0.0.1", "@[::ffff:127.0.0.1]");
    let url = |parameters: &str| format!("{elsewhere}?{parameters}");
    let says_of = |parameters, verdict, parts: &[&str]| {
        let (_, report) = doctor(&[&url(parameters)]);
        says(&report, "encryption", verdict, parts);
    };
    says_of("", "warn", &["none on the way", "sslmode=verify-full"]);

    let authority = server.serve_tls().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.crt");
    std::fs::write(&file, authority).unwrap();
    for mode in ["", "sslmode=require"] {
        says_of(mode, "warn", &["stands between", "sslmode=verify-full"]);
    }
    says_of("sslmode=disable", "warn", &["none on the way"]);
    let verified = format!("sslmode=verify-full&sslrootcert={}", file.display());
    says_of(&verified, "ok", &["verify-full"]);
    let (code, report) = doctor(&[&url("sslmode=verify-full")]);
    assert_eq!(code, 1, "{report:#}");
    says(&report, "server", "fail", &["certificate"]);
}

#[tokio::test]
async fn a_schema_that_is_missing_old_or_half_restored_says_what_to_run() {
    let database = Database::empty();
    let (code, report) = doctor(&[&database.url]);
    assert_eq!(code, 1);
    says(
        &report,
        "schema",
        "fail",
        &["_sqlx_migrations", "run `compass migrate`"],
    );

    let database = Database::migrated().await;
    database.execute("DROP TRIGGER compass_insert ON exported_summaries");
    let (code, report) = doctor(&[&database.url]);
    says(
        &report,
        "triggers",
        "warn",
        &["not recorded", "compass migrate"],
    );
    says(
        &report,
        "evidence",
        "fail",
        &["no benchmark", "compass load"],
    );
    assert_eq!(code, 1);

    database.execute("DELETE FROM _sqlx_migrations WHERE version = 3");
    let (code, report) = doctor(&[&database.url]);
    assert_eq!(code, 1);
    says(
        &report,
        "schema",
        "fail",
        &["migration 0003", "run `compass migrate`"],
    );
}

#[tokio::test]
async fn a_wrong_password_is_told_and_not_shown() {
    let url = Database::empty().url;
    let (_, address) = url.split_once('@').unwrap();
    let (code, report) = doctor(&[&format!("postgres://compass:{LOGIN}@{address}")]);
    assert_eq!(code, 1);
    says(
        &report,
        "server",
        "fail",
        &["user `compass`", "check user, password"],
    );
}

#[tokio::test]
async fn a_role_without_a_right_is_told_which() {
    let database = Database::migrated().await;
    database.load("lab", &[json!({})]).await;
    let role = format!("reader_{}", database.url.rsplit_once('_').unwrap().1);
    database.execute(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD '{LOGIN}';
         GRANT SELECT ON exported_summaries, benchmark_evidence, _sqlx_migrations TO {role}"
    ));
    let (_, address) = database.url.split_once('@').unwrap();
    let url = format!("postgres://{role}:{LOGIN}@{address}");
    let (code, report) = doctor(&[&url]);
    assert_eq!(code, 1);
    says(
        &report,
        "role",
        "fail",
        &["may not read benchmark_changes", "GRANT SELECT"],
    );
    let [_, _, remedy] = check(&report, "role");
    execute(&database.url, remedy).unwrap();
    let (code, report) = doctor(&[&url]);
    assert_eq!(code, 0, "{report:#}");
    says(
        &report,
        "role",
        "ok",
        &["may read benchmarks, and not change them"],
    );
    database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[tokio::test]
async fn a_pooler_is_told_with_what_it_costs() {
    let pooler = PgBouncer::before(&SERVER, SERVER.port(), "").unwrap();
    let database = Database::migrated().await;
    database.load("lab", &[json!({})]).await;
    let url = pooler.url_of(&database.url).unwrap();
    let (code, report) = doctor(&[&url]);
    assert_eq!(code, 0, "{report:#}");
    says(
        &report,
        "pooler",
        "warn",
        &["every 5 s", "--database-direct-url"],
    );
    let (code, report) = doctor(&[&url, &database.url]);
    assert_eq!(code, 0, "{report:#}");
    says(&report, "direct URL", "ok", &["announced by"]);
    let (code, report) = doctor(&[&url, &Database::empty().url]);
    assert_eq!(code, 1);
    says(&report, "direct URL", "fail", &["another database"]);
    let (code, report) = doctor(&[&url, &url]);
    assert_eq!(code, 1);
    says(&report, "direct URL", "fail", &["a pooler too"]);
}

#[tokio::test]
async fn a_replica_is_told_with_its_lag_and_a_standby_is_no_primary() {
    let mut primary = Postgres::start().unwrap();
    let database = Database { url: primary.url() };
    migrate(&database.url).await.unwrap();
    database.load("lab", &[json!({})]).await;
    let mut replica = primary.replica().unwrap();
    let read = replica.url();
    let urls = [
        ("DATABASE_URL", &*database.url),
        ("DATABASE_READ_URL", &*read),
    ];
    // What was written last may still be under way.
    let caught_up = || {
        let (code, report) = doctor_with(&urls);
        assert_eq!(code, 0, "{report:#}");
        let [verdict, found, _] = check(&report, "replica");
        verdict == "ok" && found.contains("has all that the primary has")
    };
    assert!((0..20).any(|_| caught_up()));

    let (code, report) = doctor(&[&read]);
    assert_eq!(code, 0, "{report:#}");
    says(
        &report,
        "replication",
        "warn",
        &["it can be read, not written to", "--database-read-url"],
    );
    let other = Database::migrated().await;
    let (code, report) = doctor_with(&[("DATABASE_URL", &other.url), ("DATABASE_READ_URL", &read)]);
    assert_eq!(code, 1);
    says(&report, "replica", "fail", &["follows another primary"]);

    replica.kill();
    let (code, report) = doctor_with(&urls);
    assert_eq!(code, 1);
    says(&report, "replica", "fail", &["127.0.0.1"]);
}
