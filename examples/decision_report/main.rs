//! How firm answers are (R14), on the data that ships with Compass: `make decision-report` prints
//! it, and writes it into docs/decisions.md.

#[path = "../shared/data.rs"]
mod data;
mod questions;
#[path = "../shared/section.rs"]
mod section;

use std::path::Path;

fn main() -> anyhow::Result<()> {
    let tables = questions::tables(&data::shipped()?)?;
    println!("{tables}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/decisions.md");
    let page = std::fs::read_to_string(&path)?;
    std::fs::write(&path, section::replace(&page, "decision-report", &tables)?)?;
    Ok(())
}
