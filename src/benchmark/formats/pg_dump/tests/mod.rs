//! Dumps as pg_dump writes them, and as somebody hostile might.

mod real_dumps;

use proptest::prelude::*;

use super::{TABLE, custom};
use crate::benchmark::formats::tests::{Taken, take};

/// The columns that cannot be null, and one that is text.
const COLUMNS: &str = "id, config_id, model_hf_repo, provider, type, ttft_mean, ttft_p90, ttft_p95, ttft_p99, \
    e2e_mean, e2e_p90, e2e_p95, e2e_p99, requests_per_second, tokens_per_second, mean_input_tokens, \
    mean_output_tokens, jbenchmark_created_at, created_at, updated_at";

fn copy_line(number: u8, provider: &str) -> String {
    format!(
        "00000000-0000-0000-0000-0000000000{number:02x}\tc\tQwen/Qwen3-32B\t{provider}\tt\t1\t2\t3\t4\t10\t20\t30\t40\t\
         2.5\t600\t512\t256\t2026-10-01 12:00:00\t2026-10-01 12:00:00\t2026-10-01 12:00:00\n"
    )
}

fn copy(lines: &str) -> String {
    format!("COPY public.exported_summaries ({COLUMNS}) FROM stdin;\n{lines}\\.\n")
}

fn providers(taken: &Taken) -> Vec<Option<&str>> {
    assert!(taken.faults.is_empty(), "{}", taken.faults);
    taken
        .rows
        .iter()
        .map(|row| row.summary.provider.as_deref())
        .collect()
}

#[test]
fn copied_rows_are_taken_and_nothing_else_is_a_statement() {
    let rows = copy(&(copy_line(1, "a\\tb\\\\N\\x41\\101") + &copy_line(2, "\\N")));
    let script = format!(
        "--\n-- PostgreSQL database dump; COPY exported_summaries FROM stdin;\n--\n\
         \\restrict abc\n\\! rm -rf /\nSET client_encoding = 'UTF8';\nSELECT pg_catalog.set_config('search_path', '', false);\n\
         DROP TABLE exported_summaries;\n\
         /* a /* nested */ comment; */\n\
         CREATE FUNCTION f() RETURNS text AS $body$ COPY exported_summaries (id) FROM stdin;\n $x$; $body$ LANGUAGE sql;\n\
         COMMENT ON TABLE t IS 'it''s; COPY exported_summaries (id) FROM stdin;';\n\
         COMMENT ON TABLE t IS E'\\'; COPY exported_summaries (id) FROM stdin;';\n\
         CREATE TABLE public.\"odd;name\" (\"a;b\" int);\n\
         COPY public.scenario_summary_environment_loads (scenario_summary_id, environment, created_at) FROM stdin;\n\
         00000000-0000-0000-0000-000000000001\tx\t2026-10-01 12:00:00\n\\.\n\n\
         {rows}\nALTER TABLE ONLY public.exported_summaries ADD CONSTRAINT k PRIMARY KEY (id);\n\\unrestrict abc\n"
    );
    let taken = take(script).unwrap();
    assert_eq!(providers(&taken), [Some("a\tb\\NAA"), None]);
    assert_eq!(
        taken.head.unwrap().format,
        crate::benchmark::formats::Format::PgDump
    );
}

#[test]
fn inserted_rows_are_taken_with_and_without_names_of_columns() {
    let values = |id: u8, provider: &str| {
        format!(
            "('00000000-0000-0000-0000-0000000000{id:02x}', 'c', 'Qwen/Qwen3-32B', {provider}, 't', 1, 2, 3, 4, 10, 20, 30, \
             40, 2.5, 600, 512, 256, '2026-10-01 12:00:00', '2026-10-01 12:00:00', '2026-10-01 12:00:00'::timestamp)"
        )
    };
    let create = COLUMNS.replace(", ", " text DEFAULT 'a,b' CHECK (true),\n");
    let script = format!(
        "CREATE TABLE public.exported_summaries ({create} text,\nCONSTRAINT k PRIMARY KEY (id));\n\
         INSERT INTO public.exported_summaries VALUES {};\n\
         INSERT INTO exported_summaries ({COLUMNS}) VALUES {},\n\t{} ON CONFLICT DO NOTHING;\n",
        values(1, "'it''s; '"),
        values(2, "NULL"),
        values(3, "E'a\\\\b'"),
    );
    let taken = take(script.clone()).unwrap();
    assert_eq!(providers(&taken), [Some("it's; "), None, Some("a\\b")]);

    let without_create = script.split_once(";\n").unwrap().1;
    let error = take(without_create).unwrap_err().to_string();
    assert!(error.contains("--column-inserts"), "{error}");
    let computed = script.replace("NULL", "pg_read_file('/etc/passwd')");
    let error = take(computed).unwrap_err().to_string();
    assert!(error.contains("no literal"), "{error}");
}

#[test]
fn a_bad_row_is_told_with_its_line() {
    let lines =
        copy_line(1, "a") + "only\tthree\tfields\n" + &copy_line(2, "b").replace("2.5", "NaN");
    let taken = take(copy(&lines)).unwrap();
    assert_eq!(taken.rows.len(), 1);
    let faults = taken.faults.to_string();
    assert!(
        faults.contains("row 2 (line 3): 3 fields for 20 columns"),
        "{faults}"
    );
    assert!(
        faults.contains("row 3 (line 4), field `requests_per_second`"),
        "{faults}"
    );
}

/// Statements in which the table's data only seems to stand, and those by which it is missed.
#[test]
fn psql_and_the_reader_see_the_same_statements() {
    let rows = copy(&copy_line(1, "a"));
    let decoy = "COPY exported_summaries (id) FROM stdin;";
    for before in [
        format!("/*/ {decoy} */"),
        format!("/* /*/ */ {decoy} */"),
        format!("SELECT E'it''s \\'; {decoy}';"),
        format!(
            "SET standard_conforming_strings = off; SELECT '\\'; {decoy}'; SET standard_conforming_strings = 'on'; SELECT '\\';"
        ),
        format!("SELECT $1, a$b$c, $$;{decoy}$$, $a$;$b${decoy}$$a$;"),
        format!("CREATE RULE r AS ON DELETE TO t DO (SELECT 1; {decoy});"),
        format!(
            "CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; {decoy} END;"
        ),
        format!("-- {decoy}\n\\! {decoy}\nSELECT 1 -- {decoy}\n;"),
        "COPY other (a) FROM stdin;\n".to_owned() + &"x".repeat(3 << 20) + "\n\\.x\n\\.",
        "COPY other (a) TO '/dev/null'; INSERT INTO other SELECT 1;".to_owned(),
    ] {
        let taken = take(format!("-- a dump\n{before}\n{rows}"));
        let shown: String = before.chars().take(80).collect();
        assert_eq!(providers(&taken.expect(&shown)), [Some("a")], "{shown}");
    }
}

#[test]
fn a_table_of_the_same_name_in_another_schema_has_its_own_columns() {
    let names: Vec<&str> = COLUMNS.split(", ").map(str::trim).collect();
    let create = |schema: &str, names: &[&str]| {
        format!(
            "CREATE TABLE {schema}exported_summaries ({} text);\n",
            names.join(" text, ")
        )
    };
    let values: Vec<_> = copy_line(1, "a")
        .trim()
        .split('\t')
        .map(|value| format!("'{value}'"))
        .collect();
    let insert = |schema: &str, values: &[String]| {
        format!(
            "INSERT INTO {schema}exported_summaries VALUES ({});\n",
            values.join(", ")
        )
    };
    let reversed = |values: &[String]| values.iter().rev().cloned().collect::<Vec<_>>();
    let backwards: Vec<_> = names.iter().rev().copied().collect();
    let script = create("public.", &names)
        + &create("\"Old\".", &backwards)
        + &insert("\"Old\".", &reversed(&values))
        + &insert("public.", &values);
    let taken = take(script).unwrap();
    assert_eq!(providers(&taken), [Some("a"), Some("a")]);
    // Which one is meant is not said.
    let script = create("", &names) + &create("", &backwards) + &insert("", &values);
    assert!(
        take(script)
            .unwrap_err()
            .to_string()
            .contains("--column-inserts")
    );
}

#[test]
fn what_is_no_whole_dump_is_refused_with_the_way_out() {
    let whole = copy(&copy_line(1, "a"));
    for (script, expected) in [
        (whole.replace("\\.\n", ""), "ends within the rows"),
        (
            "-- a dump\nSET x = 'y".to_owned(),
            "ends within a statement",
        ),
        ("-- a dump\nSELECT 1;\n".to_owned(), "holds no rows"),
        (
            format!("SET client_encoding = 'LATIN1';\n{whole}"),
            "--encoding UTF8",
        ),
        (whole.replace("provider", "vendor"), "`vendor` is no column"),
        (copy(&"x".repeat(2 << 20)), "longer than 1024 KiB"),
        (
            format!("-- PostgreSQL database dump\n{whole}"),
            "says that it is complete",
        ),
        (
            whole.replace("stdin;", "stdin WITH (FORMAT csv);"),
            "COPY in a format of its own",
        ),
        (
            format!("-- a dump\nINSERT INTO exported_summaries SELECT * FROM t;\n{whole}"),
            "takes its rows from elsewhere",
        ),
    ] {
        let error = take(script).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected} is not in {error}");
        assert!(error.len() < 1000, "{error}");
    }
}

proptest! {
    /// Whatever is changed in a dump, reading it ends without a panic.
    #[test]
    fn a_damaged_dump_is_an_error_or_fewer_rows(
        at in 0usize..1000, bytes in proptest::collection::vec(any::<u8>(), 0..8), cut in any::<bool>(),
    ) {
        let mut script = copy(&(copy_line(1, "a") + &copy_line(2, "\\N"))).into_bytes();
        let at = at % script.len();
        if cut { script.truncate(at) } else { script.splice(at..at, bytes); }
        if let Ok(taken) = take(script) {
            prop_assert!(taken.rows.len() <= 2);
        }
    }

    /// A text comes back from the COPY format as it went in.
    #[test]
    fn texts_come_back(text in "[^\0]{1,40}") {
        let escaped = text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r");
        let taken = take(copy(&copy_line(1, &escaped))).unwrap();
        prop_assert_eq!(providers(&taken), [Some(text.as_str())]);
        let quoted = text.replace('\'', "''");
        let script = format!("-- a dump\nINSERT INTO exported_summaries ({COLUMNS}) VALUES ('00000000-0000-0000-0000-000000000001', 'c', 'm', '{quoted}', 't', \
            1, 2, 3, 4, 10, 20, 30, 40, 2.5, 600, 512, 256, '2026-10-01', '2026-10-01', '2026-10-01');\n");
        let taken = take(script).unwrap();
        prop_assert_eq!(providers(&taken), [Some(text.as_str())]);
    }
}

/// An archive as its description says, compressed in each way.
#[test]
fn every_compression_of_an_archive_is_read() {
    use std::io::Write;
    let data = copy_line(1, "a") + &copy_line(2, "b") + "\\.\n\n\n";
    let gzip = {
        let mut encoder =
            flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(data.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let lz4 = {
        let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
        encoder.write_all(data.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = zstd::encode_all(data.as_bytes(), 0).unwrap();
    for (number, block) in [data.clone().into_bytes(), gzip, lz4, zstd]
        .into_iter()
        .enumerate()
    {
        let taken = take(archive(number as u8, &block)).unwrap();
        assert_eq!(
            providers(&taken),
            [Some("a"), Some("b")],
            "compression {number}"
        );
    }
    let unknown = take(archive(9, b"")).unwrap_err().to_string();
    assert!(unknown.contains("unknown way"), "{unknown}");
    let mut newer = archive(0, data.as_bytes());
    newer[6] = 99;
    let newer = take(newer).unwrap_err().to_string();
    assert!(
        newer.contains("version 1.99") && newer.contains("plain format"),
        "{newer}"
    );
    let whole = archive(0, data.as_bytes());
    for cut in 5..whole.len() {
        if let Ok(taken) = take(&whole[..cut]) {
            assert!(taken.rows.len() <= 2);
        }
    }
}

/// An archive of version 1.16 with another table's block, large objects, and the table's own block in
/// pieces of 50 bytes.
fn archive(compression: u8, block: &[u8]) -> Vec<u8> {
    let mut bytes = [custom::MAGIC, &[1, 16, 0, 4, 8, 1, compression]].concat();
    let int = |bytes: &mut Vec<u8>, value: i32| {
        bytes.push(u8::from(value < 0));
        bytes.extend(value.unsigned_abs().to_le_bytes());
    };
    let text = |bytes: &mut Vec<u8>, text: Option<&str>| {
        int(bytes, text.map_or(-1, |text| text.len() as i32));
        bytes.extend(text.unwrap_or_default().as_bytes());
    };
    (0..7).for_each(|_| int(&mut bytes, 1));
    (0..3).for_each(|_| text(&mut bytes, Some("x")));
    int(&mut bytes, 2);
    for (number, tag, statement) in [
        (
            7,
            "elsewhere",
            "COPY public.elsewhere (id) FROM stdin;\n".to_owned(),
        ),
        (
            8,
            TABLE,
            format!("COPY public.exported_summaries ({COLUMNS}) FROM stdin;\n"),
        ),
    ] {
        int(&mut bytes, number);
        int(&mut bytes, 1);
        for field in ["0", "1", tag, "TABLE DATA"] {
            text(&mut bytes, Some(field));
        }
        int(&mut bytes, 3);
        for field in ["", "", &statement, "public", "", ""] {
            text(&mut bytes, Some(field));
        }
        int(&mut bytes, 0);
        text(&mut bytes, Some("owner"));
        text(&mut bytes, Some("false"));
        text(&mut bytes, Some("6"));
        text(&mut bytes, None);
        bytes.extend([1; 9]);
    }
    let pieces = |bytes: &mut Vec<u8>, block: &[u8]| {
        for piece in block.chunks(50) {
            int(bytes, piece.len() as i32);
            bytes.extend(piece);
        }
        int(bytes, 0);
    };
    bytes.push(1);
    int(&mut bytes, 7);
    pieces(&mut bytes, b"1\n\\.\n");
    bytes.push(3);
    int(&mut bytes, 9);
    int(&mut bytes, 16_483);
    pieces(&mut bytes, b"a large object");
    int(&mut bytes, 0);
    bytes.push(1);
    int(&mut bytes, 8);
    pieces(&mut bytes, block);
    bytes
}
