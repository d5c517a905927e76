//! Helm, and the chart's cases.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use compass_testbed::process::Program;
use compass_testbed::tools::program;

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

pub fn chart() -> PathBuf {
    root().join("charts/compass")
}

/// Files of values for the cases that matter, also for `helm lint`.
pub fn cases() -> Vec<PathBuf> {
    let files = std::fs::read_dir(chart().join("ci")).unwrap();
    let mut files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The values of a case.
pub fn case(name: &str) -> PathBuf {
    chart().join(format!("ci/{name}-values.yaml"))
}

/// Helm without any home but the test's own, with arguments separated by spaces. It talks to no
/// cluster unless KUBECONFIG is set.
pub fn helm(arguments: &str) -> Program {
    static HOME: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
    let home = |part: &str| HOME.path().join(part);
    Program::new(program("helm").unwrap())
        .args(arguments.split_whitespace())
        .env("HELM_CACHE_HOME", home("cache"))
        .env("HELM_CONFIG_HOME", home("config"))
        .env("HELM_DATA_HOME", home("data"))
        .env("KUBECONFIG", "/dev/null")
}

/// `helm template` of the chart, in namespace compass-system.
pub fn rendered(release: &str, values: &Path, more: &str) -> String {
    helm(&format!(
        "template {release} --namespace compass-system {more}"
    ))
    .arg(chart())
    .arg("--values")
    .arg(values)
    .output()
    .unwrap()
}
