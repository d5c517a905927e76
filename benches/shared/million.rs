//! Rows for the table of benchmarks.

/// Every column that cannot be null, and those that a decision reads.
pub const COLUMNS: &str = "id, config_id, model_hf_repo, type, ttft_mean, ttft_p90, ttft_p95, ttft_p99, \
    e2e_mean, e2e_p90, e2e_p95, e2e_p99, itl_mean, itl_p90, itl_p95, itl_p99, \
    hardware, hardware_count, framework, framework_version, prompt_tokens, output_tokens, \
    requests_per_second, responses_per_second, tokens_per_second, mean_input_tokens, mean_output_tokens, \
    jbenchmark_created_at, created_at, updated_at";

/// GuideLLM's four profiles.
pub const PROFILES: [(i32, i32); 4] = [(512, 256), (1024, 1024), (4096, 512), (10240, 1536)];

/// A query for a million rows: under each profile 5,000 configurations, each at ten rates,
/// each measured five times.
pub fn million() -> String {
    let profiles = PROFILES.map(|(prompt, output)| format!("({prompt}, {output})"));
    format!(
        "SELECT gen_random_uuid(), 'c' || c, 'lab/model-' || c % 250, 'benchmark',
                40 + r, 45 + r, 50 + r * 1.1, 60 + r, 4000, 4500, 5000, 6000, 10, 11, 12, 13,
                (ARRAY['H100', 'H200', 'A100-80', 'L40S', 'MI300X'])[1 + c / 250 % 5],
                (ARRAY[1, 2, 4, 8])[1 + c / 1250 % 4], 'vllm', '0.11.0', prompt, output,
                r, r * 0.99, r * 250, prompt, output,
                timestamp '2026-01-01' + m * interval '1 day', timestamp '2026-01-01', timestamp '2026-01-01'
         FROM (VALUES {}) AS profiles (prompt, output),
              generate_series(0, 4999) AS c, generate_series(1, 10) AS r, generate_series(1, 5) AS m",
        profiles.join(", ")
    )
}
