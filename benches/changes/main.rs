//! What it costs to be current: `cargo bench --bench changes` prints a table. Real PostgreSQL
//! (without fsync), a real API server, the released program. `-- reads` and `-- intents` run one
//! half.

mod intents;
#[path = "../shared/million.rs"]
mod million;
mod reads;
mod table;

use std::time::Duration;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let wants = |name: &str| {
        let named = |argument: &String| ["reads", "intents"].contains(&argument.as_str());
        !arguments.iter().any(named) || arguments.iter().any(|argument| argument == name)
    };
    let runtime = tokio::runtime::Runtime::new()?;
    if wants("reads") {
        runtime.block_on(reads::run())?;
    }
    if wants("intents") {
        runtime.block_on(intents::run())?;
    }
    Ok(())
}

/// The value below which `percent` of the values are.
fn percentile(values: &mut [Duration], percent: usize) -> Duration {
    values.sort();
    let last = values.len().saturating_sub(1);
    values
        .get(last * percent / 100)
        .copied()
        .unwrap_or_default()
}
