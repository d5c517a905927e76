//! What the chart renders, as a strict API server takes it.

use std::path::Path;

use crate::support::{CLUSTER, case, cases, chart, helm, rendered};

/// Kinds that the cluster of the tests does not have, with any content.
const STAND_INS: [(&str, &str); 2] = [
    ("ServiceMonitor", "servicemonitors"),
    ("PrometheusRule", "prometheusrules"),
];

fn install_stand_ins() {
    let definitions: String = STAND_INS
        .iter()
        .map(|(kind, plural)| {
            format!(
                "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n\
                 metadata: {{name: {plural}.monitoring.coreos.com}}\n\
                 spec:\n  group: monitoring.coreos.com\n  scope: Namespaced\n  \
                 names: {{kind: {kind}, plural: {plural}}}\n  \
                 versions:\n  - {{name: v1, served: true, storage: true, schema: {{openAPIV3Schema: \
                 {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}}}\n---\n"
            )
        })
        .collect();
    CLUSTER.apply("stand-ins.yaml", &definitions);
    CLUSTER.kubectl("wait --for=condition=Established crd --all --timeout=30s");
}

#[test]
fn lint_finds_nothing_in_any_case() {
    let lint = || helm("lint --strict").arg(chart());
    lint().output().unwrap();
    for values in cases() {
        lint().arg("--values").arg(values).output().unwrap();
    }
}

/// Nothing unknown, nothing that the restricted standard of pod security warns of.
#[test]
fn a_strict_api_server_takes_every_case() {
    CLUSTER.restricted_namespace("compass-system");
    CLUSTER.restricted_namespace("compass-test");
    install_stand_ins();
    // A pod is refused without its account, and a dry run leaves none.
    for account in ["compass", "recommender"] {
        CLUSTER.apply(
            &format!("account-{account}.yaml"),
            &format!(
                "apiVersion: v1\nkind: ServiceAccount\n\
                 metadata: {{name: {account}, namespace: compass-system}}\n"
            ),
        );
    }
    for values in cases() {
        let objects = CLUSTER.file("rendered.yaml", &rendered("compass", &values, ""));
        let dry_run = "apply --server-side --force-conflicts --dry-run=server --validate=strict \
                       --warnings-as-errors --filename";
        CLUSTER
            .kubectl_program(dry_run)
            .arg(objects)
            .output()
            .unwrap_or_else(|error| panic!("{}: {error:#}", values.display()));
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

#[test]
fn an_alert_leads_to_its_entry_in_the_runbook_where_it_can_be_read() {
    let objects = rendered("compass", &case("everything"), "");
    let links: Vec<_> = objects
        .lines()
        .filter_map(|line| line.trim().strip_prefix("runbook_url: "))
        .collect();
    assert!(links.len() > 10, "{links:?}");
    for link in links {
        let entry = link.strip_prefix("https://wiki.example.com/compass/operations#compass");
        assert!(entry.is_some_and(|it| !it.is_empty()), "{link}");
    }
}
