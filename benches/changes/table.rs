//! A row for the table of benchmarks.

use crate::million::COLUMNS;

/// Inserts one row of a model that serves `rate` on the cheapest GPU within every target.
pub fn insert(model: &str, (prompt, output): (i32, i32), rate: i32) -> String {
    format!(
        "INSERT INTO exported_summaries ({COLUMNS})
         VALUES (gen_random_uuid(), 'bench', '{model}', 'benchmark', 4, 4, 5, 6, 400, 450, 500, 600,
                 1, 1.1, 1.2, 1.3, 'L4', 1, 'vllm', '0.11.0', {prompt}, {output}, {rate}, {rate}, 1, 1, 1,
                 '2026-10-01', '2026-10-01', '2026-10-01')"
    )
}
