//! Rows for the table of benchmarks.

/// Every column that cannot be null, and those that a decision reads.
pub const COLUMNS: &str = "id, config_id, model_hf_repo, type, ttft_mean, ttft_p90, ttft_p95, ttft_p99, \
    e2e_mean, e2e_p90, e2e_p95, e2e_p99, itl_mean, itl_p90, itl_p95, itl_p99, \
    hardware, hardware_count, framework, framework_version, prompt_tokens, output_tokens, \
    requests_per_second, responses_per_second, tokens_per_second, mean_input_tokens, mean_output_tokens, \
    jbenchmark_created_at, created_at, updated_at";

/// GuideLLM's four profiles.
pub const PROFILES: [(i32, i32); 4] = [(512, 256), (1024, 1024), (4096, 512), (10240, 1536)];

/// Configurations under each profile that make a million rows.
pub const MILLION: usize = 5000;

/// A query for rows: under each profile so many configurations, each at ten rates, each measured
/// five times. Latencies rise with the rate,
/// differ between configurations by a factor of up to five, and between measurements by 2 %.
pub fn rows(configurations: usize) -> String {
    let profiles = PROFILES.map(|(prompt, output)| format!("({prompt}, {output})"));
    format!(
        "SELECT gen_random_uuid(), 'c' || c, 'lab/model-' || c % 250, 'benchmark',
                ttft, ttft * 1.3, ttft * 1.5, ttft * 1.8,
                e2e, e2e * 1.1, e2e * 1.2, e2e * 1.3, itl, itl * 1.1, itl * 1.2, itl * 1.3,
                (ARRAY['H100', 'H200', 'A100-80', 'L40S', 'MI300X'])[1 + c / 250 % 5],
                (ARRAY[1, 2, 4, 8])[1 + c / 1250 % 4], 'vllm', '0.11.0', prompt, output,
                r, r * 0.99, r * 250, prompt, output,
                timestamp '2026-01-01' + m * interval '1 day', timestamp '2026-01-01', timestamp '2026-01-01'
         FROM (VALUES {}) AS profiles (prompt, output),
              generate_series(0, {configurations} - 1) AS c, generate_series(1, 10) AS r,
              generate_series(1, 5) AS m,
              LATERAL (SELECT (1 + c * 7919 % 997 / 250.0) * (1 + m * 0.005) AS slow) AS one,
              LATERAL (SELECT slow * 20 * (1 + r * r * 0.03) AS ttft, slow * 7 * (1 + r * 0.05) AS itl,
                              slow * 1800 * (1 + r * 0.05) AS e2e) AS latencies",
        profiles.join(", ")
    )
}
