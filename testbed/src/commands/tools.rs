//! `compass-testbed tools`.

use anyhow::Result;
use compass_testbed::postgres::Binaries;
use compass_testbed::{PgBouncer, tools};

pub(super) fn run() -> Result<()> {
    let postgres = Binaries::find()?;
    for name in tools::programs() {
        println!("{name:<24} {}", tools::program(name)?.display());
    }
    println!(
        "{:<24} {}",
        "postgres",
        postgres.program("postgres").display()
    );
    println!("{:<24} {}", "pgbouncer", PgBouncer::program()?.display());
    Ok(())
}
