//! The workflows of the forge, Compass's own and the examples, by actionlint.

use std::path::{Path, PathBuf};

use compass_testbed::process::Program;
use compass_testbed::tools::program;

#[test]
fn workflows_are_valid() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files: Vec<PathBuf> = [".github/workflows", "examples/gitops/ci"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(root.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(files.len() >= 4, "{files:?}");
    // Programs that it would find on some machines only.
    Program::new(program("actionlint").unwrap())
        .args(["-shellcheck=", "-pyflakes="])
        .args(&files)
        .output()
        .unwrap();
}
