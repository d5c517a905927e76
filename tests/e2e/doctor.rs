//! `compass doctor` on clusters that are well, and on some that are not.

use std::path::Path;
use std::process::Command;

use compass::controller::permissions::{self, Need, Scope};
use compass_testbed::{ControlPlane, Scope as Servers};
use serde_json::Value;

use crate::support::{CLUSTER, apply, eventually, install_crd};

fn report(control_plane: &ControlPlane, user: Option<&str>, more: &str) -> Value {
    let kubeconfig = match user {
        Some(user) => control_plane.kubeconfig_of(user).unwrap(),
        None => control_plane.kubeconfig().to_owned(),
    };
    let output = Command::new(env!("CARGO_BIN_EXE_compass"))
        .args(["doctor", "--skip", "database", "-o", "json"])
        .args(more.split_whitespace())
        .env("KUBECONFIG", kubeconfig)
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no report: {output:?}"))
}

/// Verdicts and findings of the checks of a name.
fn checks(report: &Value, name: &str) -> Vec<(String, String)> {
    let checks = report["checks"].as_array().unwrap().iter();
    let named = checks.filter(|check| check["name"] == name);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    named
        .map(|check| {
            let told = format!("{} -> {}", text(&check["found"]), text(&check["remedy"]));
            (text(&check["verdict"]), told)
        })
        .collect()
}

fn only(report: &Value, name: &str) -> (String, String) {
    let mut checks = checks(report, name);
    assert_eq!(checks.len(), 1, "{name} in {report:#}");
    checks.remove(0)
}

fn role(user: &str, subject: &str) -> String {
    let rules = permissions::all().map(|it| {
        let verbs = it.verbs.join(", ");
        format!(
            "- {{apiGroups: ['{}'], resources: [{}], verbs: [{verbs}]}}\n",
            it.group, it.resource
        )
    });
    format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: {user}}}\nrules:\n{}---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {{name: {user}}}\n\
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {user}}}\n\
         subjects: [{subject}]\n",
        rules.collect::<String>()
    )
}

#[tokio::test]
async fn a_cluster_that_is_well() {
    let control_plane = &CLUSTER.control_plane;
    let policy =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/compass/files/admission-policy.yaml");
    let policy = std::fs::read_to_string(policy).unwrap();
    apply(control_plane, "doctor-policy.yaml", &policy);
    let account = "{kind: ServiceAccount, name: doctored, namespace: default}";
    apply(control_plane, "doctored.yaml", &role("doctored", account));
    let of_account = "--as system:serviceaccount:default:doctored";
    eventually("the account to have its rights", async || {
        let report = report(control_plane, None, of_account);
        let (verdict, told) = only(&report, "rights");
        if verdict == "ok" { Ok(()) } else { Err(told) }
    })
    .await;
    let report = report(control_plane, None, of_account);
    assert_eq!(report["healthy"], true, "{report:#}");
    for (name, part) in [
        ("API server", "Kubernetes v1."),
        ("CRD", "is that of"),
        (
            "rights",
            "system:serviceaccount:default:doctored may do all",
        ),
        ("admission policy", "is there and denies"),
    ] {
        let (verdict, told) = only(&report, name);
        assert_eq!(verdict, "ok", "{name}: {told}");
        assert!(told.contains(part), "{name}: {told}");
    }
    assert_eq!(only(&report, "server").0, "skip");
}

#[tokio::test]
async fn an_account_without_rights_is_told_each_of_them() {
    let report = report(&CLUSTER.control_plane, Some("nobody-at-all"), "");
    assert_eq!(report["healthy"], false);
    assert_eq!(only(&report, "API server").0, "ok");
    let (verdict, told) = only(&report, "CRD");
    assert_eq!(verdict, "warn", "what may not be looked at is not broken");
    assert!(told.contains("forbidden"), "{told}");
    let rights = checks(&report, "rights");
    for permission in permissions::all().filter(|it| it.need != Need::WhereServed) {
        let place = match permission.scope {
            Scope::Operator => "in namespace",
            Scope::Intents | Scope::Cluster => "in all namespaces",
        };
        let missing = format!(
            "may not {} {}",
            permission.verbs.join(", "),
            permission.resource
        );
        let expected = if permission.need == Need::Always {
            "fail"
        } else {
            "warn"
        };
        let is_told = rights.iter().any(|(verdict, told)| {
            verdict == expected && told.contains(&missing) && told.contains(place)
        });
        assert!(is_told, "{missing} {place} is not among {rights:#?}");
    }
}

#[tokio::test]
async fn a_missing_or_older_crd_says_how_to_install_this_one() {
    let control_plane = ControlPlane::start(Servers::ApiServer).unwrap();
    let (verdict, told) = only(&report(&control_plane, None, ""), "CRD");
    assert_eq!(verdict, "fail");
    assert!(
        told.contains("is not installed -> compass crd | kubectl apply"),
        "{told}"
    );
    let (verdict, told) = only(&report(&control_plane, None, ""), "admission policy");
    assert_eq!(verdict, "warn");
    assert!(
        told.contains("kubectl apply -f charts/compass/files/"),
        "{told}"
    );

    install_crd(&control_plane);
    assert_eq!(only(&report(&control_plane, None, ""), "CRD").0, "ok");
    let crd = "crd/deploymentintents.compass.dev";
    let path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/suspend";
    let remove = format!(r#"[{{"op": "remove", "path": "{path}"}}]"#);
    control_plane
        .kubectl(&["patch", crd, "--type=json", "-p", &remove])
        .unwrap();
    let (verdict, told) = only(&report(&control_plane, None, ""), "CRD");
    assert_eq!(verdict, "fail");
    assert!(told.contains("another version's"), "{told}");
}
