//! Files good and bad, as users bring them.

mod client_files;
mod hostile;

use std::ops::ControlFlow;

use serde_json::{Value, json};

use super::*;
use crate::benchmark::{DeclaredEvidence, EvidenceKind, Flag, Text};

/// A complete row of `exported_summaries` with `changes` made to it; null removes a field.
pub(crate) fn row(changes: Value) -> Value {
    let mut row = json!({
        "config_id": "qwen-1xH100", "model_hf_repo": "Qwen/Qwen3-32B", "type": "benchmark",
        "ttft_mean": 40.0, "ttft_p90": 45.0, "ttft_p95": 50.0, "ttft_p99": 60.0,
        "e2e_mean": 4000.0, "e2e_p90": 4500.0, "e2e_p95": 5000.0, "e2e_p99": 6000.0,
        "itl_mean": 10.0, "itl_p90": 11.0, "itl_p95": 12.0, "itl_p99": 13.0,
        "hardware": "H100", "hardware_count": 1, "framework": "vllm", "framework_version": "0.11.0",
        "requests_per_second": 2.5, "responses_per_second": 2.45, "tokens_per_second": 627.2,
        "mean_input_tokens": 512.3, "mean_output_tokens": 256.0,
        "jbenchmark_created_at": "2026-10-01T12:00:00",
        "prompt_tokens": 512, "output_tokens": 256,
    });
    for (field, value) in changes.as_object().expect("changes are an object") {
        match value {
            Value::Null => row
                .as_object_mut()
                .expect("a row is an object")
                .remove(field),
            value => row
                .as_object_mut()
                .expect("a row is an object")
                .insert(field.clone(), value.clone()),
        };
    }
    row
}

/// A file of Compass JSON with one row for each of `changes`.
pub(crate) fn compass_json(changes: &[Value]) -> String {
    let rows: Vec<_> = changes
        .iter()
        .cloned()
        .map(|changes| row(changes).to_string())
        .collect();
    format!(
        "{{\"format\": \"compass.benchmarks/v1\", \"source\": \"lab\", \"benchmarks\": [\n{}\n]}}\n",
        rows.join(",\n")
    )
}

/// What a file gave.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Taken {
    pub(crate) head: Option<Head>,
    pub(crate) rows: Vec<BenchmarkRow>,
    pub(crate) faults: FaultList,
}

impl Sink for Taken {
    fn begin(&mut self, head: Head) -> ControlFlow<()> {
        assert_eq!(self.head.replace(head), None, "a file begins once");
        ControlFlow::Continue(())
    }

    fn row(&mut self, row: BenchmarkRow) -> ControlFlow<()> {
        assert!(self.head.is_some(), "rows come after the head");
        self.rows.push(row);
        ControlFlow::Continue(())
    }

    fn fault(&mut self, fault: Fault) -> ControlFlow<()> {
        self.faults.add(fault);
        ControlFlow::Continue(())
    }
}

/// Reads a file of which a person says `told`.
pub(crate) fn take_told(content: &[u8], told: &Told) -> Result<Taken, FormatError> {
    let mut taken = Taken::default();
    let rules = Rules {
        told,
        max_error_percent: 1.0,
        canonical_hardware: &|name| name.replace("NVIDIA-H100-80GB-HBM3", "H100"),
    };
    read("lab.json", content, &rules, &mut taken)?;
    Ok(taken)
}

/// Reads a file.
pub(crate) fn take(content: impl AsRef<[u8]>) -> Result<Taken, FormatError> {
    take_told(content.as_ref(), &Told::default())
}

/// The rows of a file without faults.
pub(crate) fn rows(changes: &[Value]) -> Vec<BenchmarkRow> {
    let taken = take(compass_json(changes)).expect("a good file");
    assert!(taken.faults.is_empty(), "{}", taken.faults);
    taken.rows
}

/// Why the file, or rows of it, cannot be taken, as a person sees it.
fn refusal(content: impl AsRef<[u8]>) -> String {
    match take(content) {
        Err(error) => error.to_string(),
        Ok(taken) => {
            assert!(!taken.faults.is_empty(), "a bad file");
            taken.faults.to_string()
        }
    }
}

fn fault(changes: Value) -> String {
    refusal(compass_json(&[json!({}), changes]))
}

#[test]
fn compass_json_brings_rows_with_their_evidence() {
    let evidence = json!({
        "kind": "simulated", "arrival_process": "poisson", "requests_completed": 1000,
        "requests_failed": 0, "requests_incomplete": 0, "duration_s": 400.5,
        "itl_definition": "request_mean", "weight_dtype": "bf16", "kv_cache_dtype": "bf16",
        "prefix_sharing": 0, "max_num_seqs": 256, "max_num_batched_tokens": 8192,
        "gpu_form_factor": "SXM", "client": "aisimulate", "client_version": "0.9",
        "validation_class": "anchored", "bounds_only": true, "provenance": {"seed": 7},
    });
    let content = compass_json(&[json!({"evidence": evidence}), json!({"type": null})]);
    let file = take(content).unwrap();
    let head = Head {
        format: Format::CompassJson,
        source: Some("lab".to_owned()),
    };
    assert_eq!(file.head, Some(head));
    let [declared, plain] = &file.rows[..] else {
        panic!("two rows")
    };
    assert_eq!(declared.evidence.requests_completed, Some(1000));
    assert_eq!(declared.evidence.bounds_only, Flag(true));
    assert_eq!(
        declared.evidence.provenance.as_ref().unwrap().to_string(),
        r#"{"seed":7}"#
    );
    assert_eq!(plain.evidence, DeclaredEvidence::default());
    assert_eq!(plain.summary.r#type, Text::default());
}

#[test]
fn plain_rows_come_as_an_array_or_under_benchmarks() {
    let row = row(json!({"id": "6f1f7c0e-5a0b-4d0f-9d8e-0d3c9c1d2e3f", "provider": null}));
    let array = take(format!("\u{feff} [{row}]")).unwrap();
    let object = take(format!("{{\"benchmarks\": [{row}]}}")).unwrap();
    assert_eq!(array, object);
    assert_eq!(array.head.unwrap().source, None);
    assert!(array.rows[0].summary.id.is_some());
}

#[test]
fn a_long_file_says_what_it_is_before_its_rows() {
    let rows = vec![row(json!({"evidence": {"kind": "measured"}})).to_string(); 2000].join(",");
    let labels = r#""format": "compass.benchmarks/v1", "source": "lab""#;
    let before = take(format!("{{{labels}, \"benchmarks\": [{rows}]}}")).unwrap();
    assert_eq!(before.rows.len(), 2000);
    let after = format!("{{\"benchmarks\": [{rows}], {labels}}}");
    assert!(refusal(after).contains("`format` has to stand before `benchmarks`"));
    let short = format!(
        "{{\"benchmarks\": [{}], {labels}}}",
        row(json!({"evidence": {"kind": "measured"}}))
    );
    assert_eq!(take(short).unwrap().head, before.head);
}

#[test]
fn without_a_declared_kind_a_profiler_means_measured() {
    let rows = rows(&[
        json!({}),
        json!({"profiler_type": "guidellm"}),
        json!({"profiler_type": "guidellm", "evidence": {"kind": "estimated"}}),
    ]);
    assert_eq!(
        rows.iter().map(BenchmarkRow::kind).collect::<Vec<_>>(),
        [
            EvidenceKind::Simulated,
            EvidenceKind::Measured,
            EvidenceKind::Estimated
        ]
    );
}

#[test]
fn times_are_utc_with_and_without_a_zone() {
    let expected = rows(&[json!({})])[0].summary.jbenchmark_created_at;
    for spelling in [
        "2026-10-01 12:00:00",
        "2026-10-01T12:00:00.000Z",
        "2026-10-01T14:00:00+02:00",
    ] {
        let rows = rows(&[json!({"jbenchmark_created_at": spelling})]);
        assert_eq!(
            rows[0].summary.jbenchmark_created_at, expected,
            "{spelling}"
        );
    }
}

#[test]
fn a_fault_names_file_row_line_and_field() {
    assert_eq!(
        fault(json!({"hardware_count": "two"})),
        "1 fault\n  row 2 (line 3), field `hardware_count`: \
         invalid type: string \"two\", expected i32"
    );
}

#[test]
fn what_cannot_be_is_refused() {
    for (changes, expected) in [
        (
            json!({"ttft_p95": null}),
            "`ttft_p95`: required and missing",
        ),
        (
            json!({"ttft_p59": 1.0}),
            "`ttft_p59`: not a column of exported_summaries, nor `evidence`",
        ),
        (
            json!({"ttft_p95": 61.0}),
            "`ttft_p95`: 61 is above ttft_p99, 60",
        ),
        (
            json!({"itl_p90": 12.5}),
            "`itl_p90`: 12.5 is above itl_p95, 12",
        ),
        (json!({"e2e_mean": -1.0}), "`e2e_mean`: -1 cannot be"),
        (
            json!({"requests_per_second": 0}),
            "`requests_per_second`: 0 is no offered rate",
        ),
        (json!({"requests_per_second": 1e9}), "is no offered rate"),
        (
            json!({"hardware_count": 0}),
            "`hardware_count`: 0 cannot be; expected 1 or more",
        ),
        (
            json!({"output_tokens": -256}),
            "`output_tokens`: -256 cannot be",
        ),
        (
            json!({"prompt_tokens": 3_000_000_000_u32}),
            "`prompt_tokens`: invalid value",
        ),
        (json!({"model_hf_repo": " "}), "`model_hf_repo`: empty"),
        (json!({"model_hf_repo": "a\u{0}b"}), "U+0000"),
        (json!({"id": "seven"}), "`id`: UUID parsing failed"),
        (
            json!({"jbenchmark_created_at": "yesterday"}),
            "not a time such as",
        ),
        (
            json!({"evidence": "measured"}),
            "`evidence`: expected an object",
        ),
        (
            json!({"evidence": {"kind": "guessed"}}),
            "`evidence.kind`: unknown variant `guessed`",
        ),
        (
            json!({"evidence": {"knd": "measured"}}),
            "`evidence.knd`: not a field of evidence",
        ),
        (
            json!({"evidence": {"prefix_sharing": 1.5}}),
            "`evidence.prefix_sharing`: 1.5 is no share",
        ),
        (
            json!({"evidence": {"requests_failed": -1}}),
            "`evidence.requests_failed`: -1 cannot be",
        ),
        (
            json!({"evidence": {"provenance": 7}}),
            "`evidence.provenance`: invalid type",
        ),
    ] {
        let refusal = fault(changes);
        assert!(refusal.contains("row 2 (line 3)"), "{refusal}");
        assert!(
            refusal.contains(expected),
            "{expected:?} is not in {refusal:?}"
        );
    }
}

#[test]
fn latencies_that_were_not_recorded_are_kept_as_they_are() {
    let rows = rows(&[json!({"itl_p90": 0.0, "itl_p95": 0.0, "itl_p99": 0.0, "itl_mean": null})]);
    assert_eq!(rows[0].summary.itl_p95, Some(0.0));
    assert_eq!(rows[0].summary.itl_mean, None);
}

#[test]
fn every_fault_is_told_up_to_twenty() {
    let refusal = refusal(compass_json(&vec![
        json!({"ttft_p95": null, "e2e_p95": "x"});
        15
    ]));
    assert!(refusal.starts_with("30 faults"), "{refusal}");
    assert_eq!(
        refusal.lines().filter(|line| line.contains("row ")).count(),
        20
    );
    assert!(refusal.ends_with("and 10 more"), "{refusal}");
}

/// The same row of another format would be another one.
#[test]
fn a_number_of_many_digits_is_read_as_it_is_written() {
    for exact in [
        907.303_832_202_868_9,
        481.837_925_201_105_24,
        432.952_849_813_225_55,
    ] {
        let row = &rows(&[json!({"requests_per_second": exact})])[0];
        assert_eq!(row.summary.requests_per_second, exact);
    }
}

#[test]
fn a_number_out_of_range_spoils_its_row_only() {
    let content = compass_json(&[json!({}), json!({"ttft_p95": 77777.0})])
        .replace("77777.0", "1e400")
        .replacen("\"ttft_mean\":40.0", "\"ttft_mean\":NaN", 1);
    let refusal = refusal(content);
    assert!(
        refusal.contains("row 1 (line 2): expected value"),
        "{refusal}"
    );
    assert!(
        refusal.contains("row 2 (line 3): number out of range"),
        "{refusal}"
    );
}

#[test]
fn evidence_in_plain_rows_is_refused_with_the_way_out() {
    let row = row(json!({"evidence": {"kind": "measured"}}));
    let refusal = refusal(format!("[{row}]"));
    assert!(
        refusal.contains("add \"format\": \"compass.benchmarks/v1\""),
        "{refusal}"
    );
}

#[test]
fn files_that_hold_something_else_are_refused() {
    for (content, expected) in [
        (&b""[..], "not a file of benchmarks"),
        (b"<html>", "not a file of benchmarks"),
        (b"{}", "not a file of benchmarks"),
        (b"{\"benchmarks\": [", "line 1: the file ends"),
        (b"{\"benchmarks\": [], \"args\": {}}", "`args` is none of"),
        (
            b"{\"format\": \"other/v9\", \"benchmarks\": []}",
            "unknown format `other/v9`",
        ),
        (b"[] []", "something follows"),
        (b"[\n1, \"x\"]", "row 1 (line 2): a row is an object"),
        (b"[\n\xff]", "line 2: not UTF-8"),
    ] {
        let refusal = refusal(content);
        assert!(
            refusal.contains(expected),
            "{expected:?} is not in {refusal:?}"
        );
    }
}
