//! Whatever a file holds, reading it ends, without a panic, with rows or a short error.

use std::io::{Read, Write};
use std::path::Path;

use proptest::prelude::*;

use super::{Taken, compass_json, row, take, take_told};
use crate::benchmark::formats::*;
use serde_json::json;

fn said(result: &Result<Taken, FormatError>) -> String {
    match result {
        Ok(taken) => taken.faults.to_string(),
        Err(error) => error.to_string(),
    }
}

fn gzip(content: impl Read) -> Vec<u8> {
    let mut compressed = Vec::new();
    flate2::read::GzEncoder::new(content, flate2::Compression::fast())
        .read_to_end(&mut compressed)
        .unwrap();
    compressed
}

const CSV_HEADER: &str = "id,config_id,model_hf_repo,type,ttft_mean,ttft_p90,ttft_p95,ttft_p99,e2e_mean,e2e_p90,\
    e2e_p95,e2e_p99,requests_per_second,tokens_per_second,mean_input_tokens,mean_output_tokens,evidence.kind\n";
const CSV_ROW: &str = ",c,Qwen/Qwen3-32B,t,1,2,3,4,10,20,30,40,2.5,600,512,256,measured\n";

#[test]
fn csv_is_read_with_its_evidence() {
    let taken = take(format!("{CSV_HEADER}{CSV_ROW}{CSV_ROW}")).unwrap();
    assert!(taken.faults.is_empty(), "{}", taken.faults);
    assert_eq!(taken.rows.len(), 2);
    assert_eq!(
        taken.rows[0].evidence.kind,
        Some(crate::benchmark::EvidenceKind::Measured)
    );
    assert_eq!(taken.rows[0].summary.id, None);
}

#[test]
fn csv_tells_a_bad_row_and_goes_on() {
    let content = format!(
        "{CSV_HEADER}{}{}{CSV_ROW}a,b\n{}",
        CSV_ROW.replace(",2.5,", ",NaN,"),
        CSV_ROW.replace(",2.5,", ",1e400,"),
        CSV_ROW.replace("measured", "guessed"),
    );
    let taken = take(content).unwrap();
    assert_eq!(taken.rows.len(), 1);
    let faults = taken.faults.to_string();
    for part in [
        "row 1 (line 2), field `requests_per_second`: NaN",
        "row 2 (line 3), field `requests_per_second`: inf",
        "row 4 (line 5): 2 fields where the header has 17",
        "row 5 (line 6), field `evidence.kind`",
    ] {
        assert!(faults.contains(part), "{part} is not in {faults}");
    }
    let unknown = take(CSV_HEADER.replace("config_id", "configuration") + CSV_ROW);
    assert!(said(&unknown).contains("`configuration` is no column"));
    let invalid = take([CSV_HEADER.as_bytes(), b",\xff", CSV_ROW.as_bytes()].concat());
    assert!(said(&invalid).contains("not UTF-8"));
}

#[test]
fn long_and_deep_text_gets_a_short_error() {
    let long = "x".repeat(10 << 20);
    let nested = "[".repeat(1 << 20);
    let document =
        |inner: &str| format!("{{\"metadata\": {{}}, \"args\": {{}}, \"benchmarks\": {inner}}}");
    for content in [
        format!("[{}]", row(json!({"hardware_count": long}))),
        format!("[{{\"{long}\": 1}}]"),
        format!("{{\"format\": \"{long}\", \"benchmarks\": []}}"),
        format!("[{nested}"),
        format!("[{nested}{}]", "]".repeat(1 << 20)),
        format!("{CSV_HEADER}\"{long}"),
        format!("{CSV_HEADER}{long}{CSV_ROW}"),
        document(&nested),
        document(&format!("[{{\"metrics\": {nested}")),
        format!("{{\"request_throughput\": 1, \"model_id\": \"{long}{long}\"}}"),
        format!("scenario:\n  a: {nested}"),
        format!("scenario: &a [*a, {long}]"),
    ] {
        let result = take(&content);
        let said = said(&result);
        assert!(
            !said.is_empty() && said.len() < 20_000,
            "{} bytes",
            said.len()
        );
    }
}

#[test]
fn what_a_compressed_file_unfolds_to_is_not_held() {
    // Far more than is ever held.
    let bomb =
        |start: &str, byte: u8| gzip(start.as_bytes().chain(std::io::repeat(byte).take(24 << 20)));
    for (start, byte, expected) in [
        ("[{\"id\": \"", b'x', "longer than 1024 KiB"),
        (CSV_HEADER, b'x', "longer than 1024 KiB"),
        (
            "{\"metadata\": {}, \"args\": {}, \"benchmarks\": \"",
            b'x',
            "longer than 16 MiB",
        ),
        ("[", b' ', "the file ends"),
        (
            "-- a dump\nCOPY exported_summaries (id) FROM stdin;\n",
            b'x',
            "longer than 1024 KiB",
        ),
        ("version: '0.2'\nscenario: ", b'x', "longer than 4 MiB"),
    ] {
        let said = said(&take(bomb(start, byte)));
        assert!(said.contains(expected), "{start}: {said}");
    }
    let twice = gzip(&gzip(&b"[]"[..])[..]);
    assert!(said(&take(twice)).contains("compressed twice"));
    let cut = gzip(compass_json(&[json!({})]).as_bytes());
    assert!(said(&take(&cut[..cut.len() / 2])).contains("cannot be read"));
    let mut zstd = zstd::stream::write::Encoder::new(Vec::new(), 0).unwrap();
    zstd.write_all(compass_json(&[json!({})]).as_bytes())
        .unwrap();
    assert_eq!(take(zstd.finish().unwrap()).unwrap().rows.len(), 1);
}

/// Good files of every format.
fn good_files() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/benchmark_files");
    let mut files: Vec<_> = [
        "guidellm-0.3.1.json",
        "guidellm-0.8.1.json",
        "vllm-bench-append.json",
        "llm-d-report-v0.2-vllm.yaml",
    ]
    .map(|name| std::fs::read(folder.join(name)).unwrap())
    .into();
    files.push(format!("{CSV_HEADER}{CSV_ROW}{CSV_ROW}").into_bytes());
    files.push(compass_json(&[json!({}), json!({})]).into_bytes());
    files.push(
        format!(
            "-- a dump\nCOPY exported_summaries ({}) FROM stdin;\n{}\\.\n",
            CSV_HEADER.trim(),
            CSV_ROW.replace(',', "\t")
        )
        .into_bytes(),
    );
    files
}

proptest! {
    /// `PROPTEST_CASES=100000 cargo test --release hostile` tries longer.
    #[test]
    fn a_damaged_file_is_rows_or_an_error(
        which in any::<prop::sample::Index>(),
        damages in proptest::collection::vec(
            (any::<prop::sample::Index>(), 0usize..40, proptest::collection::vec(any::<u8>(), 0..6)), 1..4),
        compress in any::<bool>(),
    ) {
        let mut files = good_files();
        let mut content = files.swap_remove(which.index(files.len()));
        for (at, removed, inserted) in damages {
            let at = at.index(content.len().max(1)).min(content.len());
            let end = (at + removed).min(content.len());
            content.splice(at..end, inserted);
        }
        if compress {
            content = gzip(&content[..]);
        }
        let told = Told { hardware: Some("H100".into()), hardware_count: Some(1), ..Told::default() };
        let result = take_told(&content, &told);
        prop_assert!(said(&result).len() < 20_000);
    }
}
