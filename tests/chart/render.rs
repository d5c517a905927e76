//! What the chart renders, and what it refuses.

use std::path::Path;

use crate::support::{case, cases, chart, helm, rendered};

#[test]
fn lint_finds_nothing_in_any_case() {
    let lint = || helm("lint --strict").arg(chart());
    lint().output().unwrap();
    for values in cases() {
        lint().arg("--values").arg(values).output().unwrap();
    }
}

fn refusal(values: &Path, more: &str) -> String {
    helm(&format!("template compass {more}"))
        .arg(chart())
        .arg("--values")
        .arg(values)
        .refusal()
        .unwrap()
}

#[test]
fn what_cannot_be_meant_is_refused_with_the_remedy() {
    let none = Path::new("/dev/null");
    let external = &case("external");
    for (values, more, part) in [
        (
            none,
            "",
            "set database.existingSecret.name to a Secret with its URL",
        ),
        (
            external,
            "--set evaluation.enabled=true",
            "choose one of them",
        ),
        (
            external,
            "--set replicas=2,leaderElection.enabled=false",
            "replicas above 1 need leaderElection.enabled",
        ),
        (external, "--set replicaCount=2", "replicaCount"),
        (
            external,
            "--set database.tls.mode=verify_full",
            "database/tls/mode",
        ),
    ] {
        let told = refusal(values, more);
        assert!(told.contains(part), "expected `{part}`, got: {told}");
    }
}

#[test]
fn somebody_with_rights_in_one_namespace_needs_no_right_in_the_cluster() {
    let objects = rendered("compass", &case("one-namespace"), "");
    let of_the_cluster: Vec<_> = serde_yaml_ng::Deserializer::from_str(&objects)
        .filter_map(|document| {
            let object: serde_json::Value = serde::Deserialize::deserialize(document).unwrap();
            object["metadata"]["namespace"]
                .is_null()
                .then(|| object["kind"].clone())
        })
        .filter(|kind| !kind.is_null())
        .collect();
    assert!(of_the_cluster.is_empty(), "{of_the_cluster:?}");
    assert!(objects.contains("\nkind: Role\n"));
}
