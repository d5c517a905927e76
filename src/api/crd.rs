//! The CustomResourceDefinition that the types generate.

use kube::CustomResourceExt;

use super::DeploymentIntent;

/// The CRD as YAML; `crds/deploymentintents.yaml` is its committed copy.
pub fn crd_yaml() -> String {
    serde_saphyr::to_string(&DeploymentIntent::crd()).expect("the generated CRD is plain data")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_crd_is_current() {
        let committed = std::fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/crds/deploymentintents.yaml"
        ))
        .unwrap_or_default();
        assert!(
            committed == super::crd_yaml(),
            "crds/deploymentintents.yaml is stale: run `cargo run -q -- crd > crds/deploymentintents.yaml`"
        );
    }
}
