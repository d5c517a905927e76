//! How wrong estimates are (R13), on the data that ships with Compass: `make estimate-report` prints
//! it, and writes it into docs/estimates.md and docs/estimates.svg.

mod class;
#[path = "../shared/data.rs"]
mod data;
mod held_out;
mod page;
mod plot;
#[path = "../shared/section.rs"]
mod section;

use std::path::Path;

fn main() -> anyhow::Result<()> {
    let rows = data::shipped()?;
    let tables = page::tables(&rows);
    println!("{tables}");
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let path = docs.join("estimates.md");
    let page = std::fs::read_to_string(&path)?;
    std::fs::write(&path, section::replace(&page, "estimate-report", &tables)?)?;
    let inside = held_out::of_profile(&rows, held_out::INSIDE);
    std::fs::write(docs.join("estimates.svg"), plot::svg(&inside)?)?;
    Ok(())
}
