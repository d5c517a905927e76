//! Result files of the real clients (`tests/fixtures/benchmark_files/README.md` says how they were
//! made): each layout is read, and what cannot be evidence is refused with the way out.

use std::fs;
use std::path::Path;

use super::{Taken, take_told};
use crate::benchmark::formats::*;
use crate::benchmark::{ArrivalProcess, EvidenceKind, ItlDefinition, TrafficProfile};

fn content(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/benchmark_files");
    fs::read(folder.join(name)).unwrap()
}

fn h100s() -> Told {
    Told {
        hardware: Some("H100".into()),
        hardware_count: Some(2),
        ..Told::default()
    }
}

fn with_profile() -> Told {
    Told {
        profile: Some(TrafficProfile {
            prompt_tokens: 512,
            output_tokens: 256,
        }),
        ..h100s()
    }
}

fn good(name: &str, told: &Told) -> Taken {
    let taken = take_told(&content(name), told).unwrap_or_else(|error| panic!("{error}"));
    assert!(taken.faults.is_empty(), "{name}: {}", taken.faults);
    taken
}

fn refusal(name: &str, told: &Told) -> String {
    match take_told(&content(name), told) {
        Err(error) => error.to_string(),
        Ok(taken) => {
            assert!(!taken.faults.is_empty(), "{name} is taken");
            taken.faults.to_string()
        }
    }
}

#[test]
fn every_layout_of_guidellm_is_read() {
    for version in [
        "0.2.1", "0.3.1", "0.4.0", "0.5.4", "0.6.1", "0.7.4", "0.8.1",
    ] {
        let name = format!("guidellm-{version}.json");
        let taken = good(&name, &h100s());
        assert_eq!(taken.head.as_ref().unwrap().format, Format::GuideLlm);
        let rates: Vec<_> = taken
            .rows
            .iter()
            .map(|row| row.evidence.nominal_rps)
            .collect();
        assert_eq!(rates, [Some(2.0), Some(4.0), Some(6.0)], "{name}");
        for row in &taken.rows {
            let (s, e) = (&row.summary, &row.evidence);
            assert_eq!(s.model_hf_repo, "toy/Toy-8B-Instruct", "{name}");
            assert_eq!(
                (s.prompt_tokens, s.output_tokens),
                (Some(512), Some(256)),
                "{name}"
            );
            assert_eq!(Some(s.requests_per_second), e.nominal_rps);
            assert!((28..=30).contains(&e.requests_completed.unwrap()), "{name}");
            let arrivals = if version == "0.7.4" {
                ArrivalProcess::Constant
            } else {
                ArrivalProcess::Poisson
            };
            assert_eq!(e.arrival_process, Some(arrivals), "{name}");
            assert_eq!(e.itl_definition, Some(ItlDefinition::RequestMean));
            assert_eq!(row.kind(), EvidenceKind::Measured);
            assert!(
                s.jbenchmark_created_at
                    .unwrap()
                    .to_string()
                    .starts_with("2026-11-24"),
                "{name}"
            );
            // Milliseconds throughout: a request of 256 tokens took more than a second.
            assert!(
                s.e2e_p95 > 1000.0 && s.ttft_p95 > 10.0 && s.ttft_p95 < 1000.0,
                "{name}"
            );
            assert!(
                s.e2e_p99 >= s.e2e_p95 && s.itl_p95.unwrap() < 100.0,
                "{name}"
            );
            let whole = s.ttft_mean + 255.0 * s.itl_mean.unwrap();
            assert!(
                (s.e2e_mean / whole - 1.0).abs() < 0.1,
                "{name}: {} and {whole}",
                s.e2e_mean
            );
        }
    }
}

#[test]
fn what_guidellm_does_not_record_is_asked_for_or_read_off_labels() {
    let error = refusal("guidellm-0.5.4.json", &Told::default());
    assert!(
        error.contains("--hardware NAME --hardware-count N"),
        "{error}"
    );
    let taken = good("guidellm-0.8.1.json", &Told::default());
    assert_eq!(taken.rows[0].summary.hardware.as_deref(), Some("H100"));
    assert_eq!(taken.rows[0].summary.hardware_count, Some(2));
    for version in ["0.4.0", "0.5.4"] {
        let name = format!("guidellm-{version}-no-model.json");
        let error = refusal(&name, &h100s());
        assert!(
            error.contains("does not record the model") && error.contains("--model"),
            "{error}"
        );
        let told = Told {
            model: Some("a/b".into()),
            ..h100s()
        };
        assert_eq!(good(&name, &told).rows[0].summary.model_hf_repo, "a/b");
    }
    for version in ["0.3.1", "0.6.1", "0.8.1"] {
        let taken = good(&format!("guidellm-{version}-no-model.json"), &h100s());
        assert_eq!(taken.rows[0].summary.model_hf_repo, "toy/Toy-8B-Instruct");
    }
}

#[test]
fn a_file_that_knows_better_is_not_overruled() {
    let told = Told {
        hardware: Some("H200".into()),
        model: Some("other/model".into()),
        ..h100s()
    };
    let error = refusal("guidellm-0.8.1.json", &told);
    for part in [
        "the file says H100, --hardware says H200",
        "--model says other/model",
    ] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn loads_without_a_rate_of_their_own_are_told_apart() {
    for version in ["0.3.1", "0.5.4", "0.8.1"] {
        let taken = good(&format!("guidellm-{version}-concurrent.json"), &h100s());
        assert_eq!(taken.rows.len(), 2);
        for row in &taken.rows {
            assert_eq!(
                row.evidence.arrival_process,
                Some(ArrivalProcess::ClosedLoop)
            );
            assert_eq!(row.evidence.nominal_rps, None);
            assert_eq!(
                Some(row.summary.requests_per_second),
                row.summary.responses_per_second
            );
        }
        let taken = take_told(
            &content(&format!("guidellm-{version}-sweep.json")),
            &h100s(),
        )
        .unwrap();
        let processes: Vec<_> = taken
            .rows
            .iter()
            .filter_map(|row| row.evidence.arrival_process)
            .collect();
        assert!(
            processes.contains(&ArrivalProcess::ClosedLoop),
            "{processes:?}"
        );
    }
}

#[test]
fn runs_that_show_nothing_are_refused() {
    for (name, expected) in [
        ("guidellm-0.3.1-failed.json", "no request succeeded"),
        ("guidellm-0.5.4-failed.json", "no request succeeded"),
        ("guidellm-0.8.1-failed.json", "no request succeeded"),
        ("guidellm-0.3.1-incomplete.json", "no request succeeded"),
        ("guidellm-0.8.1-incomplete.json", "no request succeeded"),
        (
            "guidellm-0.8.1-poisson-ten-workers.json",
            "the client did not keep its rate",
        ),
        (
            "guidellm-0.7.4-poisson-race.json",
            "the client did not keep its rate",
        ),
        ("vllm-bench-failed.json", "no request succeeded"),
        ("vllm-bench-default.json", "--metric-percentiles 90,95,99"),
        ("llm-d-report-v0.1-vllm-failed.yaml", "no request succeeded"),
        (
            "llm-d-report-v0.2-guidellm-failed.yaml",
            "no request succeeded",
        ),
        (
            "llm-d-report-v0.2-guidellm-disaggregated.yaml",
            "engines served together",
        ),
    ] {
        let error = refusal(name, &with_profile());
        assert!(error.contains(expected), "{name}: {error}");
    }
}

#[test]
fn results_of_vllm_bench_are_read() {
    let error = refusal("vllm-bench-rate.json", &Told::default());
    assert!(
        error.contains("--profile PROMPT/OUTPUT") && error.contains("512 and 256 tokens"),
        "{error}"
    );
    let taken = good("vllm-bench-rate.json", &with_profile());
    let row = &taken.rows[0];
    assert_eq!(taken.head.unwrap().format, Format::VllmBench);
    assert_eq!(row.summary.framework_version.as_deref(), Some("0.11.0"));
    assert_eq!(row.summary.hardware.as_deref(), Some("H100"));
    assert_eq!(row.summary.hardware_count, Some(2));
    assert_eq!(row.evidence.nominal_rps, Some(4.0));
    assert_eq!(row.evidence.arrival_process, Some(ArrivalProcess::Poisson));
    assert_eq!(row.evidence.itl_definition, Some(ItlDefinition::TokenGap));
    assert_eq!(
        row.summary.jbenchmark_created_at.unwrap().to_string(),
        "2026-11-24T09:10:16"
    );

    let appended = good("vllm-bench-append.json", &with_profile());
    let rates: Vec<_> = appended
        .rows
        .iter()
        .map(|row| row.summary.requests_per_second)
        .collect();
    assert_eq!(rates, [2.0, 4.0, 6.0]);

    let process = |name| good(name, &with_profile()).rows[0].evidence.arrival_process;
    assert_eq!(
        process("vllm-bench-inf-concurrency.json"),
        Some(ArrivalProcess::ClosedLoop)
    );
    assert_eq!(
        process("vllm-bench-rate-concurrency-goodput.json"),
        Some(ArrivalProcess::ClosedLoop)
    );
    assert_eq!(process("vllm-bench-chat-burstiness.json"), None);
}

#[test]
fn reports_of_llm_d_are_read_in_their_own_units() {
    let vllm = good("vllm-bench-rate.json", &with_profile())
        .rows
        .remove(0)
        .summary;
    for name in ["llm-d-report-v0.1-vllm.yaml", "llm-d-report-v0.2-vllm.yaml"] {
        let taken = good(name, &with_profile());
        assert_eq!(taken.head.as_ref().unwrap().format, Format::LlmD);
        let row = &taken.rows[0];
        assert_eq!(row.summary.hardware.as_deref(), Some("H100"), "{name}");
        assert_eq!(row.summary.hardware_count, Some(2), "{name}");
        assert_eq!(row.evidence.tensor_parallel_size, Some(2), "{name}");
        assert_eq!(row.summary.ttft_p95, vllm.ttft_p95, "{name}");
        assert_eq!(row.summary.e2e_p95, vllm.e2e_p95, "{name}");
        assert_eq!(row.evidence.nominal_rps, Some(4.0), "{name}");
        assert_eq!(
            row.evidence.itl_definition,
            Some(ItlDefinition::TokenGap),
            "{name}"
        );
    }
    // Request latency in seconds.
    let guidellm = good("llm-d-report-v0.2-guidellm.json", &Told::default())
        .rows
        .remove(0);
    assert!(guidellm.summary.e2e_p95 > 1000.0);
    assert_eq!(guidellm.summary.prompt_tokens, Some(512));
    assert_eq!(
        guidellm.evidence.arrival_process,
        Some(ArrivalProcess::Poisson)
    );
    // "Infinity" is no JSON.
    for name in [
        "llm-d-report-v0.2-vllm-concurrency.json",
        "llm-d-report-v0.2-vllm-inf.yaml",
    ] {
        assert_eq!(
            good(name, &with_profile()).rows[0].evidence.nominal_rps,
            None,
            "{name}"
        );
    }
    let error = refusal("llm-d-report-v0.2-guidellm-no-stack.yaml", &Told::default());
    assert!(error.contains("the GPU"), "{error}");
}
