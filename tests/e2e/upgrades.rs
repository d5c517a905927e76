//! A schema of another version under a running operator.

use compass_testbed::Postgres;
use compass_testbed::postgres::execute;

use crate::support::{Namespace, condition, intent_yaml, load_knowledge_base};

/// As a migration of a later Compass would leave it.
fn migrated(postgres: &Postgres, title: &str) {
    let statement = format!(
        "DELETE FROM _sqlx_migrations WHERE version = 9999;
         INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, '{title}', true, '', 0)"
    );
    execute(&postgres.url(), &statement).unwrap();
}

#[tokio::test]
async fn an_operator_outlives_the_schemas_of_other_versions_and_names_the_remedy() {
    let namespace = Namespace::create("upgrades").await;
    let postgres = Postgres::start().unwrap();
    load_knowledge_base(&postgres.url());
    let operator = namespace.operator_with(&postgres.url(), 3600);
    let translation = "useCase: translation, demand: {requestsPerSecond: 1}";
    namespace.apply(&intent_yaml("translation", translation));
    let before = namespace.ready("translation", "Rendered").await;
    let verbose = "/readyz?verbose";
    operator.answers(verbose, 200, "[+] knowledge base").await;

    migrated(&postgres, "contract the arrival process");
    operator
        .answers(verbose, 200, "use the newer Compass")
        .await;
    migrated(&postgres, "energy of a run");
    operator.answers(verbose, 200, "[+] knowledge base").await;

    let forget = "UPDATE _sqlx_migrations SET version = 8888 WHERE version = 3";
    execute(&postgres.url(), forget).unwrap();
    operator
        .answers(verbose, 200, "run `compass migrate`")
        .await;
    let during = namespace.ready("translation", "Rendered").await;
    assert_eq!(condition(&during, "Ready"), condition(&before, "Ready"));
    let remember = "UPDATE _sqlx_migrations SET version = 3 WHERE version = 8888";
    execute(&postgres.url(), remember).unwrap();
    operator.answers(verbose, 200, "[+] knowledge base").await;
}
