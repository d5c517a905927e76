//! `deploy/kustomize`, made of the chart: the same objects for those who have no Helm.

use std::path::PathBuf;

use crate::support::{CLUSTER, case, rendered, root};

const FILES: [(&str, &str); 3] = [
    (
        "admission-policy.yaml",
        "--show-only templates/admission-policy.yaml",
    ),
    (
        "rbac.yaml",
        "--show-only templates/serviceaccount.yaml --show-only templates/rbac.yaml \
         --show-only templates/rbac-users.yaml",
    ),
    (
        "operator.yaml",
        "--show-only templates/deployment.yaml --show-only templates/metrics.yaml \
         --show-only templates/poddisruptionbudget.yaml",
    ),
];

fn folder() -> PathBuf {
    root().join("deploy/kustomize")
}

/// What the chart renders, without the words of Helm.
fn plain(objects: &str) -> String {
    let documents = objects.split("---\n").filter_map(|document| {
        let lines = document.lines().filter(|line| {
            !line.trim_start().starts_with("helm.sh/")
                && !line
                    .trim_start()
                    .starts_with("app.kubernetes.io/managed-by:")
                && !line.starts_with("# Source:")
        });
        let document = lines.fold(String::new(), |text, line| text + line + "\n");
        let document = document.trim();
        (!document.is_empty()).then(|| format!("{document}\n"))
    });
    "# Made of charts/compass by `make kustomize`.\n".to_owned()
        + &documents.collect::<Vec<_>>().join("---\n")
}

#[test]
fn the_plain_manifests_are_what_the_chart_renders() {
    for (file, templates) in FILES {
        let current = plain(&rendered("compass", &case("external"), templates));
        let file = folder().join(file);
        if std::env::var_os("COMPASS_UPDATE_GOLDEN").is_some() {
            std::fs::write(&file, &current).unwrap();
        }
        let committed = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            committed == current,
            "{} is stale: run `make kustomize`",
            file.display()
        );
    }
}

#[test]
fn kubectl_applies_them() {
    CLUSTER.restricted_namespace("compass-system");
    let all = CLUSTER.kubectl_program("kustomize").arg(folder());
    let all = CLUSTER.file("kustomize.yaml", &all.output().unwrap());
    CLUSTER
        .kubectl_program(
            "apply --server-side --force-conflicts --dry-run=server --validate=strict \
             --warnings-as-errors --filename",
        )
        .arg(all)
        .output()
        .unwrap();
}
