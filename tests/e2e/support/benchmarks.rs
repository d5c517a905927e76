//! Benchmarks that a test puts into a knowledge base by plain SQL, as anybody may.

use compass_testbed::Postgres;
use compass_testbed::postgres::execute;

use super::cluster::compass;

/// A measured benchmark of Qwen3-32B on vLLM with 256 output tokens; ITL p95 is 12 ms, E2E p95 5 s.
pub struct Row {
    pub model: &'static str,
    pub hardware: &'static str,
    pub gpus: i32,
    pub prompt_tokens: i32,
    pub requests_per_second: i32,
    pub ttft_p95_ms: i32,
    /// When it ran, e.g. 2026-10-01.
    pub on: &'static str,
}

impl Default for Row {
    fn default() -> Self {
        Self {
            model: "Qwen/Qwen3-32B",
            hardware: "H100",
            gpus: 1,
            prompt_tokens: 512,
            requests_per_second: 1,
            ttft_p95_ms: 50,
            on: "2026-10-01",
        }
    }
}

impl Row {
    pub fn insert(&self, url: &str) {
        self.try_insert(url).unwrap();
    }

    /// Where the server may be down.
    pub fn try_insert(&self, url: &str) -> anyhow::Result<()> {
        let Self {
            model,
            hardware,
            gpus,
            prompt_tokens,
            requests_per_second: rate,
            ttft_p95_ms,
            on,
        } = self;
        execute(
            url,
            &format!(
                "INSERT INTO exported_summaries (id, config_id, model_hf_repo, type, ttft_mean, ttft_p90, ttft_p95,
                     ttft_p99, e2e_mean, e2e_p90, e2e_p95, e2e_p99, itl_mean, itl_p90, itl_p95, itl_p99,
                     hardware, hardware_count, framework, framework_version, prompt_tokens, output_tokens,
                     requests_per_second, responses_per_second, tokens_per_second,
                     mean_input_tokens, mean_output_tokens, jbenchmark_created_at, created_at, updated_at)
                 VALUES (gen_random_uuid(), '', '{model}', '', 40, 45, {ttft_p95_ms}, {ttft_p95_ms} + 10,
                     4000, 4500, 5000, 6000, 10, 11, 12, 13, '{hardware}', {gpus}, 'vllm', '0.11.0',
                     {prompt_tokens}, 256, {rate}, {rate}, 1, 1, 1, '{on}', '{on}', '{on}')"
            ),
        )
    }
}

/// A knowledge base without benchmarks, of the test's own.
pub fn empty_knowledge_base() -> Postgres {
    let postgres = Postgres::start().unwrap();
    compass("migrate")
        .env("DATABASE_URL", postgres.url())
        .output()
        .unwrap();
    postgres
}
