//! A server serves, keeps its data over a stop, and goes with its owner.

use compass_testbed::Postgres;
use compass_testbed::postgres::{execute, table};

#[test]
fn databases_are_apart_and_outlive_a_stop() {
    let mut postgres = Postgres::start().unwrap();
    let (first, second) = (
        postgres.create_database("apart").unwrap(),
        postgres.create_database("apart").unwrap(),
    );
    execute(
        &first,
        "CREATE TABLE kept (name text); INSERT INTO kept VALUES ('here'), (NULL)",
    )
    .unwrap();
    execute(&second, "SELECT * FROM kept").unwrap_err();

    postgres.stop();
    execute(&first, "SELECT 1").unwrap_err();
    postgres.start_again().unwrap();

    assert_eq!(
        table(&first, "SELECT name FROM kept ORDER BY 1").unwrap(),
        [["name"], ["here"], [""]]
    );
    execute(&postgres.url(), "SELECT 1").unwrap();
}

#[test]
fn strangers_are_refused() {
    let postgres = Postgres::start().unwrap();
    let (scheme, address) = postgres
        .url()
        .split_once("compass:")
        .map(|(scheme, rest)| (scheme.to_owned(), rest.to_owned()))
        .unwrap();
    let (_, address) = address.split_once('@').unwrap();
    execute(&format!("{scheme}compass:guess@{address}"), "SELECT 1").unwrap_err();
}
