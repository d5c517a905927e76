//! What the operator needs from the API server. `compass doctor` asks for exactly this, and tests
//! hold the chart's roles and `docs/permissions.md` to it.

use crate::manifest::Kind;

/// Some verbs on a resource, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    /// API group; empty for the core.
    pub group: &'static str,
    /// Plural name, with its subresource: `deploymentintents/status`.
    pub resource: &'static str,
    /// What is done with it.
    pub verbs: &'static [&'static str],
    /// In which namespaces.
    pub scope: Scope,
    /// What happens without it.
    pub need: Need,
    /// What for; of an optional one, what is lost without it.
    pub why: &'static str,
}

/// In which namespaces a permission is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In each namespace whose intents are looked at: all, or the one of `--namespace`.
    Intents,
    /// In the operator's own.
    Operator,
    /// In the whole cluster, also where intents of one namespace are looked at.
    Cluster,
}

/// What happens without a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The operator does not work.
    Always,
    /// The same, where the cluster serves the resource.
    WhereServed,
    /// The operator works, and says what it cannot know.
    Optional,
}

const WATCH: &[&str] = &["get", "list", "watch"];
const OWN: &[&str] = &["get", "list", "watch", "create", "patch", "delete"];

const INTENTS: [Permission; 5] = [
    Permission {
        group: "compass.dev",
        resource: "deploymentintents",
        verbs: WATCH,
        scope: Scope::Intents,
        need: Need::Always,
        why: "what is asked",
    },
    Permission {
        group: "compass.dev",
        resource: "deploymentintents/status",
        verbs: &["update"],
        scope: Scope::Intents,
        need: Need::Always,
        why: "the answer",
    },
    Permission {
        group: "events.k8s.io",
        resource: "events",
        verbs: &["create", "patch"],
        scope: Scope::Intents,
        need: Need::Always,
        why: "what happened",
    },
    Permission {
        group: "coordination.k8s.io",
        resource: "leases",
        verbs: &["get", "create", "update"],
        scope: Scope::Operator,
        need: Need::Always,
        why: "only one of several operators writes",
    },
    Permission {
        group: "events.k8s.io",
        resource: "events",
        verbs: &["create", "patch"],
        scope: Scope::Operator,
        need: Need::Optional,
        why: "which of several operators leads",
    },
];

const CLUSTER: [Permission; 4] = [
    Permission {
        group: "",
        resource: "pods",
        verbs: &["list", "watch"],
        scope: Scope::Intents,
        need: Need::Optional,
        why: "what keeps a model from serving; without it a rollout waits for GPUs instead of replacing in place",
    },
    Permission {
        group: "",
        resource: "resourcequotas",
        verbs: &["list", "watch"],
        scope: Scope::Intents,
        need: Need::Optional,
        why: "the quota that is left",
    },
    Permission {
        group: "",
        resource: "nodes",
        verbs: &["list", "watch"],
        scope: Scope::Cluster,
        need: Need::Optional,
        why: "the GPUs that there are",
    },
    Permission {
        group: "",
        resource: "pods",
        verbs: &["list", "watch"],
        scope: Scope::Cluster,
        need: Need::Optional,
        why: "the GPUs that are free",
    },
];

/// All of them.
pub fn all() -> impl Iterator<Item = Permission> {
    INTENTS
        .into_iter()
        .chain(Kind::ALL.into_iter().map(of_kind))
        .chain(CLUSTER)
}

/// A kind that is written is watched too, and removed when the answer no longer has it.
fn of_kind(kind: Kind) -> Permission {
    let resource = kind.resource();
    let (need, why) = if kind.is_built_in() {
        (Need::Always, "written for intents")
    } else {
        (Need::WhereServed, "written for intents that ask for it")
    };
    Permission {
        group: resource.group,
        resource: resource.plural,
        verbs: OWN,
        scope: Scope::Intents,
        need,
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> String {
        let row = |it: Permission| {
            let group = if it.group.is_empty() {
                "(core)"
            } else {
                it.group
            };
            let scope = match it.scope {
                Scope::Intents => "of intents",
                Scope::Operator => "its own",
                Scope::Cluster => "all",
            };
            let need = match it.need {
                Need::Always => "yes",
                Need::WhereServed => "where the cluster has them",
                Need::Optional => "no",
            };
            let Permission { resource, why, .. } = it;
            let verbs = it.verbs.join(", ");
            format!("| {group} | {resource} | {verbs} | {scope} | {need} | {why} |\n")
        };
        let head = "| group | resource | verbs | namespaces | needed | what for |\n|---|---|---|---|---|---|\n";
        std::iter::once(head.to_owned())
            .chain(all().map(row))
            .collect()
    }

    #[test]
    fn the_documentation_lists_them() {
        let page = include_str!("../../docs/permissions.md");
        let table = table();
        assert!(page.contains(&table), "docs/permissions.md needs:\n{table}");
    }

    #[test]
    fn secrets_and_wildcards_are_not_among_them() {
        for permission in all() {
            assert_ne!(permission.resource, "secrets");
            let words = [permission.group, permission.resource].into_iter();
            assert!(
                !words
                    .chain(permission.verbs.iter().copied())
                    .any(|it| it.contains('*'))
            );
        }
    }
}
