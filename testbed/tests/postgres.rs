//! A server serves, keeps its data over a stop, and goes with its owner.

use compass_testbed::Postgres;
use compass_testbed::postgres::{Binaries, execute, restore, table};

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

const SCHEMA: &str = "CREATE TABLE exported_summaries \
    (id uuid PRIMARY KEY, config_id text, e2e_p95 double precision NOT NULL)";

/// As pg_dump writes it, with another table and a text that needs an escape.
const DUMP: &str = r"
COPY public.elsewhere (id) FROM stdin;
1
\.

COPY public.exported_summaries (id, e2e_p95, config_id) FROM stdin;
00000000-0000-0000-0000-000000000001	812.5	two\nlines
00000000-0000-0000-0000-000000000002	90	\N
\.

COPY public.scenario_summary_environment_loads (scenario_summary_id, environment, created_at) FROM stdin;
00000000-0000-0000-0000-000000000001	lab	2026-01-01 00:00:00
\.
";

#[test]
fn a_dump_replaces_its_own_rows_only() {
    let postgres = Postgres::start().unwrap();
    let url = postgres.url();
    execute(&url, SCHEMA).unwrap();
    execute(
        &url,
        "INSERT INTO exported_summaries VALUES \
        ('00000000-0000-0000-0000-000000000002', 'old', 1), \
        ('00000000-0000-0000-0000-000000000003', 'own', 2)",
    )
    .unwrap();
    let dump = postgres.directory().join("dump");
    std::fs::write(&dump, DUMP).unwrap();

    for _ in 0..2 {
        assert_eq!(restore(&url, &dump, &Binaries::find().unwrap()).unwrap(), 2);
        let rows = table(
            &url,
            "SELECT e2e_p95, config_id, environment FROM exported_summaries
            LEFT JOIN scenario_summary_environment_loads ON scenario_summary_id = id ORDER BY id",
        )
        .unwrap();
        assert_eq!(
            rows[1..],
            [
                ["812.5", "two\nlines", "lab"],
                ["90", "", ""],
                ["2", "own", ""]
            ]
        );
    }

    let refused = |content: &str| {
        std::fs::write(&dump, content).unwrap();
        restore(&url, &dump, &Binaries::find().unwrap())
            .unwrap_err()
            .to_string()
    };
    let rows = || table(&url, "SELECT count(*) FROM exported_summaries").unwrap()[1][0].clone();
    let (whole, _) = DUMP.rsplit_once("\\.").unwrap();
    assert!(refused(whole).contains("is the file whole?"));
    let program = DUMP.replace(
        "(id, e2e_p95, config_id) FROM",
        "(id) FROM PROGRAM 'touch never' --) FROM",
    );
    assert!(refused(&program).contains("holds no data of exported_summaries"));
    assert_eq!(rows(), "3");

    std::fs::write(&dump, "SELECT 1;").unwrap();
    let error = restore(&url, &dump, &Binaries::find().unwrap())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("holds no data of exported_summaries"),
        "{error}"
    );
}
