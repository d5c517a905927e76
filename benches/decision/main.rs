//! What a decision costs: `cargo bench --bench decision` prints a table. Real PostgreSQL (without
//! fsync); `SELECT 1`, a decision on evidence no older than the call and the plain way, by turns on
//! one machine. `-- shipped`, `10k`, `100k`, `1m` and `rows` run parts;
//! `docs` also writes what was measured into docs/performance.md.

use std::time::Duration;

mod ask;
#[path = "../shared/million.rs"]
mod million;
mod page;
mod reduction;
mod side_by_side;

/// Parts, with the configurations that are generated under each of four profiles.
const PARTS: [(&str, Option<usize>); 4] = [
    ("shipped", None),
    ("10k", Some(50)),
    ("100k", Some(500)),
    ("1m", Some(million::MILLION)),
];

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_part = |name: &str| name == "rows" || PARTS.iter().any(|(part, _)| *part == name);
    let any = arguments.iter().any(|argument| is_part(argument));
    let wants = |name: &str| !any || arguments.iter().any(|argument| argument == name);
    let mut reduction = String::new();
    if wants("rows") {
        reduction = reduction::run();
        print!("{reduction}");
    }
    let mut measured = Vec::new();
    let runtime = tokio::runtime::Runtime::new()?;
    for (name, configurations) in PARTS {
        if wants(name) {
            measured.push(runtime.block_on(side_by_side::run(configurations))?);
        }
    }
    if arguments.iter().any(|argument| argument == "docs") {
        page::write(&measured, &reduction)?;
    }
    Ok(())
}

/// The value below which `percent` of the values are, microseconds.
pub fn percentile(values: &mut [Duration], percent: f64) -> f64 {
    values.sort();
    let last = values.len().saturating_sub(1);
    let at = (last as f64 * percent / 100.0) as usize;
    values.get(at).map_or(0.0, |it| it.as_secs_f64() * 1e6)
}
