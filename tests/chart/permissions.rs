//! The chart's roles give what the operator says that it needs, and nothing more.

use std::collections::BTreeSet;

use compass::controller::permissions::{Scope, all};
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule, Role};
use serde::Deserialize;
use serde_json::Value;

use crate::support::{case, rendered};

/// Group, resource and verb.
type Right = (String, String, String);

fn rights(rules: Option<Vec<PolicyRule>>) -> BTreeSet<Right> {
    let mut rights = BTreeSet::new();
    for rule in rules.into_iter().flatten() {
        for group in rule.api_groups.iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                for verb in &rule.verbs {
                    rights.insert((group.clone(), resource.clone(), verb.clone()));
                }
            }
        }
    }
    rights
}

fn needed(scopes: &[Scope]) -> BTreeSet<Right> {
    let needed = all().filter(|it| scopes.contains(&it.scope));
    needed
        .flat_map(|it| {
            let right = |verb: &&str| (it.group.into(), it.resource.into(), (*verb).to_owned());
            it.verbs.iter().map(right).collect::<Vec<_>>()
        })
        .collect()
}

/// What the operator may do in the cluster, in the namespaces that it watches, and in its own.
struct Granted {
    cluster: BTreeSet<Right>,
    watched: BTreeSet<Right>,
    own: BTreeSet<Right>,
}

fn granted(case_name: &str, more: &str) -> Granted {
    let objects = rendered("compass", &case(case_name), more);
    let (mut cluster, mut watched, mut own) = Default::default();
    for document in serde_yaml_ng::Deserializer::from_str(&objects) {
        let object = Value::deserialize(document).unwrap();
        match (object["kind"].as_str(), object["metadata"]["name"].as_str()) {
            (Some("ClusterRole"), Some("compass-system-compass")) => {
                cluster = rights(serde_json::from_value::<ClusterRole>(object).unwrap().rules);
            }
            (Some("Role"), Some("compass-system-compass")) => {
                assert_eq!(object["metadata"]["namespace"], "compass-test");
                watched = rights(serde_json::from_value::<Role>(object).unwrap().rules);
            }
            (Some("Role"), Some("compass-leader-election")) => {
                assert_eq!(object["metadata"]["namespace"], "compass-system");
                own = rights(serde_json::from_value::<Role>(object).unwrap().rules);
            }
            (Some("Role"), name) => panic!("unexpected Role {name:?}"),
            _ => {}
        }
    }
    Granted {
        cluster,
        watched,
        own,
    }
}

#[test]
fn an_operator_of_all_namespaces_has_what_it_needs_and_no_more() {
    let granted = granted("external", "");
    assert_eq!(granted.cluster, needed(&[Scope::Intents, Scope::Cluster]));
    assert_eq!(granted.own, needed(&[Scope::Operator]));
    assert!(granted.watched.is_empty());
}

#[test]
fn without_a_look_at_the_cluster_it_has_no_right_to_it() {
    let granted = granted("external", "--set rbac.clusterCapacity=false");
    assert_eq!(granted.cluster, needed(&[Scope::Intents]));
}

/// The right to load benchmarks in the console is there to be given, and given to nobody.
#[test]
fn loading_benchmarks_is_a_right_of_its_own() {
    let with = rendered("compass", &case("everything"), "");
    let without = rendered("compass", &case("external"), "--set console.enabled=true");
    assert!(with.contains("-benchmark-loader\n") && with.contains("COMPASS_CONSOLE_ALLOW_WRITES"));
    assert_eq!(
        with.matches("benchmark-loader").count(),
        1,
        "bound to nobody"
    );
    assert!(!without.contains("-loader") && !without.contains("COMPASS_CONSOLE_ALLOW_WRITES"));
}

#[test]
fn an_operator_of_one_namespace_has_roles_only() {
    let granted = granted("one-namespace", "");
    assert!(granted.cluster.is_empty());
    assert_eq!(granted.watched, needed(&[Scope::Intents]));
    assert_eq!(granted.own, needed(&[Scope::Operator]));
}
