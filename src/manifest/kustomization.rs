//! The objects as files of a folder that kustomize reads.

use std::collections::BTreeMap;

use serde_json::json;

use super::object::Object;
use super::yaml;

/// Name of the file that kustomize begins with.
pub const KUSTOMIZATION: &str = "kustomization.yaml";

/// Each object's file, and the one that names them all. Of objects of one kind and name the last
/// stays.
pub fn kustomization<'a>(objects: impl Iterator<Item = &'a Object>) -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, String> = objects
        .map(|object| (file_name(object), object.yaml()))
        .collect();
    let resources: Vec<_> = files.keys().collect();
    let kustomization = yaml::document(&json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": resources,
    }));
    files.insert(KUSTOMIZATION.to_owned(), kustomization);
    files
}

/// Names of objects are DNS labels, so nothing in them leads out of the folder.
pub fn file_name(object: &Object) -> String {
    let kind = object.kind.to_string().to_lowercase();
    format!("{kind}-{}.yaml", object.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::test_support::{Example, parse};

    #[test]
    fn every_object_is_a_file_that_the_kustomization_names() {
        let manifests = Example::default().manifests();
        let files = kustomization(manifests.objects());
        let names: Vec<_> = files.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "deployment-support-chat.yaml",
                "kustomization.yaml",
                "poddisruptionbudget-support-chat.yaml",
                "service-support-chat.yaml",
            ]
        );
        assert_eq!(
            files[KUSTOMIZATION],
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n- deployment-support-chat.yaml\n- poddisruptionbudget-support-chat.yaml\n- service-support-chat.yaml\n"
        );
        for object in manifests.objects() {
            assert_eq!(
                parse(&files[&file_name(object)]),
                std::slice::from_ref(&object.content)
            );
        }
    }
}
