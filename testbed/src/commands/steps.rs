//! Steps that tell what they do and how long it took.

use std::io::{Write, stdout};
use std::time::Instant;

use anyhow::Result;
use compass_testbed::process::Program;

const WIDTH: usize = 100;

/// Runs one step under a title.
pub(super) fn step<T>(title: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    print!("{title:<WIDTH$}");
    stdout().flush()?;
    let start = Instant::now();
    let result = work();
    match &result {
        Ok(_) => println!("{:>6.1} s", start.elapsed().as_secs_f64()),
        Err(_) => println!("failed"),
    }
    result
}

/// Runs one command, shown as a person would type it, and returns what it printed.
pub(super) fn command(shown: &str, program: Program) -> Result<String> {
    step(&format!("$ {shown}"), || program.output())
}

/// As [`command`], and shows what it printed.
pub(super) fn show(shown: &str, program: Program) -> Result<()> {
    let output = command(shown, program)?;
    println!("{}\n", output.trim_end());
    Ok(())
}

/// A heading between steps.
pub(super) fn heading(title: &str) {
    println!("\n== {title} ==");
}
