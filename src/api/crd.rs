//! The CustomResourceDefinition that the types generate.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON,
};
use kube::CustomResourceExt;
use serde_json::json;

use super::DeploymentIntent;

/// The CRD as YAML; `crds/deploymentintents.yaml` is its committed copy.
pub fn crd_yaml() -> String {
    serde_saphyr::to_string(&crd()).expect("the generated CRD is plain data")
}

/// The CRD. An intent that nobody has looked at yet observes generation -1: without a status, kstatus
/// would call it current, and a pipeline would go on before there is an answer. Each part of a status
/// is written as a whole: an owner recorded for each of its fields would double what a watch of
/// metadata carries.
pub fn crd() -> CustomResourceDefinition {
    let mut crd = DeploymentIntent::crd();
    let status = crd.spec.versions[0]
        .schema
        .as_mut()
        .and_then(|schema| schema.open_api_v3_schema.as_mut())
        .and_then(|schema| schema.properties.as_mut())
        .and_then(|properties| properties.get_mut("status"));
    if let Some(status) = status {
        status.default = Some(JSON(json!({"observedGeneration": -1})));
        let parts = status.properties.iter_mut().flat_map(|it| it.values_mut());
        for part in parts.filter(|part| part.type_.as_deref() == Some("object")) {
            part.x_kubernetes_map_type = Some("atomic".to_owned());
        }
    }
    crd
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
            "crds/deploymentintents.yaml is stale: run `cargo run -q --bin compass -- crd > crds/deploymentintents.yaml`"
        );
    }
}
