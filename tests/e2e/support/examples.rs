//! The manifests of `examples/`, which users read and the demo applies.

use compass::api::{DeploymentIntent, parse_intent};

use super::cluster::root;

/// The namespace that the examples name.
const NAMESPACE: &str = "assistants";

/// One manifest.
pub struct Example {
    /// Name of the file without its ending.
    pub file: String,
    yaml: String,
}

impl Example {
    /// The manifest, in another namespace.
    pub fn yaml(&self, namespace: &str) -> String {
        self.yaml.replace(
            &format!("namespace: {NAMESPACE}"),
            &format!("namespace: {namespace}"),
        )
    }

    /// The manifest as an intent.
    pub fn intent(&self) -> DeploymentIntent {
        parse_intent(&self.yaml).unwrap()
    }
}

/// The manifests of a folder, in order.
pub fn examples(folder: &str) -> Vec<Example> {
    let folder = root().join("examples").join(folder);
    let mut examples: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            Example {
                file: path.file_stem().unwrap().to_string_lossy().into_owned(),
                yaml: std::fs::read_to_string(path).unwrap(),
            }
        })
        .collect();
    examples.sort_by(|a, b| a.file.cmp(&b.file));
    assert!(!examples.is_empty(), "{} is empty", folder.display());
    examples
}
