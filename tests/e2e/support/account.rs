//! Who the operator is to the API server: the chart's ServiceAccount, with the roles that the chart
//! gives it and none more.

use std::path::PathBuf;
use std::sync::Mutex;

use compass_testbed::ControlPlane;
use compass_testbed::process::Program;
use compass_testbed::tools::program;

use super::cluster::{apply, root};

/// Its kubeconfig, with rights in all namespaces.
pub fn chart_account(control_plane: &ControlPlane) -> PathBuf {
    account(control_plane, "compass-system", "")
}

/// Its kubeconfig, with rights in this namespace only, in which it also lives.
pub fn chart_account_of(control_plane: &ControlPlane, namespace: &str) -> PathBuf {
    account(
        control_plane,
        namespace,
        &format!("--set watchNamespaces={{{namespace}}}"),
    )
}

fn account(control_plane: &ControlPlane, namespace: &str, values: &str) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap();
    let kubeconfig = format!("{namespace}.compass.kubeconfig");
    let kubeconfig = control_plane.directory().join(kubeconfig);
    if kubeconfig.exists() {
        return kubeconfig;
    }
    let template = format!(
        "template compass --namespace {namespace} --show-only templates/serviceaccount.yaml \
         --show-only templates/rbac.yaml --set evaluation.enabled=true {values}"
    );
    let roles = Program::new(program("helm").unwrap())
        .args(template.split_whitespace())
        .arg(root().join("charts/compass"))
        .output()
        .unwrap();
    let space = format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {namespace}}}\n");
    apply(
        control_plane,
        &format!("roles-in-{namespace}.yaml"),
        &format!("{space}---\n{roles}"),
    );
    control_plane
        .kubeconfig_of_service_account(namespace, "compass")
        .unwrap()
}
