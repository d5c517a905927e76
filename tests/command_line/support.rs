//! The program under test, which knows of no database and no cluster.

use std::path::Path;
use std::process::{Command, Output, Stdio};

pub use compass_testbed::Scratch;

/// The program, called as it is or through a link.
pub fn program(path: impl AsRef<Path>) -> Command {
    let mut command = Command::new(path.as_ref());
    command
        .env_remove("DATABASE_URL")
        .env_remove("COMPASS_SNAPSHOT")
        .env("KUBECONFIG", "/nowhere")
        .stdin(Stdio::null());
    command
}

/// Runs `compass` in a folder.
pub fn compass(folder: &Path, arguments: &[&str]) -> Output {
    program(env!("CARGO_BIN_EXE_compass"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

/// Standard output and standard error.
pub fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}
