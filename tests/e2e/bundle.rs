//! Whether the API server takes the bundle of every use case, field by field.

use std::path::{Path, PathBuf};

use compass::manifest::Kind;
use serde::Deserialize;
use serde_json::Value;

use crate::support::{CLUSTER, Namespace, compass};

/// Kinds that come with a CustomResourceDefinition are unknown to this API server; they were held
/// against the schemas of their projects by hand.
#[tokio::test]
async fn the_api_server_takes_every_object_of_every_use_case() {
    let namespace = Namespace::create("bundles").await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bundle");
    let mut taken = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for document in serde_yaml_ng::Deserializer::from_str(&text) {
            let mut object = Value::deserialize(document).unwrap();
            if is_served(&object) {
                object["metadata"]["namespace"] = namespace.name.as_str().into();
                namespace.would_take(&object.to_string());
                taken += 1;
            }
        }
    }
    // Nine intents, and for each at least a workload, a claim, a budget, a policy and a dashboard.
    assert!(taken > 50, "{taken}");
}

/// What kustomize makes of a rendered folder is what is rendered, in whatever order.
#[test]
fn kustomize_takes_the_folder_of_every_use_case() {
    let intents = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bundle");
    let entries = std::fs::read_dir(intents).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_intent = |path: &PathBuf| path.to_string_lossy().ends_with(".intent.yaml");
    let mut folders = 0;
    for intent in paths.filter(is_intent) {
        let render = || {
            compass("render -f")
                .arg(&intent)
                .env("DATABASE_URL", &CLUSTER.database_url)
        };
        let name = intent.file_stem().unwrap();
        let folder = CLUSTER
            .control_plane
            .directory()
            .join("kustomize")
            .join(name);
        render().arg("-o").arg(&folder).output().unwrap();
        let kubectl = CLUSTER.control_plane.kubectl_program().unwrap();
        let built = kubectl.arg("kustomize").arg(&folder).output().unwrap();
        let rendered = render().output().unwrap();
        assert_eq!(objects(&built), objects(&rendered), "{}", intent.display());
        folders += 1;
    }
    assert_eq!(folders, 9);
}

/// Each document as text, in order of that.
fn objects(yaml: &str) -> Vec<String> {
    let documents = serde_yaml_ng::Deserializer::from_str(yaml);
    let mut objects: Vec<_> = documents
        .map(|document| Value::deserialize(document).unwrap().to_string())
        .collect();
    objects.sort();
    objects
}

fn is_served(object: &Value) -> bool {
    let built_in = Kind::ALL
        .into_iter()
        .filter(|kind| kind.is_built_in())
        .any(|kind| object["kind"] == kind.resource().kind);
    built_in || object["kind"] == "DeploymentIntent"
}
