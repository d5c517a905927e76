//! A benchmark, as files have it.

use serde_json::{Value, json};

/// A run of a model under 512/256 tokens, as a file has it.
pub fn row(model: &str, rate: f64) -> Value {
    json!({
        "config_id": "x", "model_hf_repo": model, "type": "benchmark",
        "ttft_mean": 40.0, "ttft_p90": 45.0, "ttft_p95": 50.0, "ttft_p99": 60.0,
        "e2e_mean": 4000.0, "e2e_p90": 4500.0, "e2e_p95": 5000.0, "e2e_p99": 6000.0,
        "itl_mean": 10.0, "itl_p90": 11.0, "itl_p95": 12.0, "itl_p99": 13.0,
        "hardware": "H100", "hardware_count": 1, "framework": "vllm", "framework_version": "0.11.0",
        "requests_per_second": rate, "responses_per_second": rate, "tokens_per_second": 600.0,
        "mean_input_tokens": 512.0, "mean_output_tokens": 256.0,
        "jbenchmark_created_at": "2026-10-01T12:00:00", "prompt_tokens": 512, "output_tokens": 256,
    })
}
