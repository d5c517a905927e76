//! Least privilege: all tests here run the operator with the chart's ServiceAccount and roles, and
//! this file shows that what it should not do is refused.

use std::path::Path;

use compass_testbed::process::Program;

use crate::support::{CLUSTER, Namespace, chart_account, chart_account_of, intent_yaml};

const CHAT: &str =
    "useCase: chatbot_conversational, demand: {requestsPerSecond: 5}, delivery: {mode: Apply}";

/// `kubectl` with the rights of a kubeconfig.
fn kubectl(kubeconfig: &Path, arguments: &str) -> Program {
    // The last one counts.
    let program = CLUSTER.control_plane.kubectl_program().unwrap();
    let program = program.arg("--kubeconfig").arg(kubeconfig);
    program.args(arguments.split_whitespace())
}

fn is_forbidden(kubeconfig: &Path, arguments: &str) {
    let told = kubectl(kubeconfig, arguments).refusal().unwrap();
    assert!(
        told.contains("is forbidden: User \"system:serviceaccount:"),
        "{arguments}: {told}"
    );
}

#[tokio::test]
async fn the_operator_is_refused_what_it_has_no_business_with() {
    let namespace = Namespace::create("rights").await;
    let operator = chart_account(&CLUSTER.control_plane);
    namespace.kubectl("create secret generic token --from-literal=token=s3cret");
    namespace.kubectl("create serviceaccount somebody");
    namespace.kubectl("run bystander --image=registry.example/bystander");
    namespace.apply(&intent_yaml("chat", "useCase: chatbot_conversational"));
    let there = format!("--namespace {}", namespace.name);
    let bystander = format!(
        "get --raw /api/v1/namespaces/{}/pods/bystander",
        namespace.name
    );
    is_forbidden(&operator, &format!("{bystander}/log"));
    is_forbidden(&operator, &format!("{bystander}/exec?command=true"));
    for what in [
        "get secret token",
        "get secrets",
        "delete pod bystander",
        "get pod bystander",
        "run another --image=registry.example/another",
        "create token somebody",
        "create role any --verb=get --resource=secrets",
        "create rolebinding any --clusterrole=admin --serviceaccount=default:default",
        "annotate deploymentintent chat note=a",
        "delete deploymentintent chat",
        "create job once --image=registry.example/once",
    ] {
        is_forbidden(&operator, &format!("{there} {what}"));
    }
    for what in [
        "get secrets --all-namespaces",
        "get namespaces",
        "create namespace any",
        "cordon h100-0",
        "delete node h100-0",
        "get customresourcedefinitions",
        "delete crd deploymentintents.compass.dev",
        "create clusterrole any --verb=get --resource=secrets",
        "get configmaps --namespace default --as admin",
        "get leases --namespace kube-system",
    ] {
        is_forbidden(&operator, what);
    }
    // What it may do is enough: the other tests.
    kubectl(&operator, "get deploymentintents --all-namespaces")
        .output()
        .unwrap();
}

#[tokio::test]
async fn an_operator_of_one_namespace_works_there_and_nowhere_else() {
    let namespace = Namespace::create("only-here").await;
    let elsewhere = Namespace::create("elsewhere").await;
    let account = chart_account_of(&CLUSTER.control_plane, &namespace.name);
    let _operator = namespace.operator_as(&account);
    namespace.apply(&intent_yaml("chat", CHAT));
    elsewhere.apply(&intent_yaml("chat", CHAT));
    let status = namespace.ready("chat", "Available").await.status.unwrap();
    let placement = serde_json::to_string(&status.placement).unwrap();
    assert!(
        placement.contains("nodes"),
        "says that nodes could not be seen: {placement}"
    );
    let there = format!("--namespace {}", elsewhere.name);
    for what in [
        "get deploymentintents",
        "get deployments",
        "create configmap any",
        "delete deployment any",
        "get pods",
    ] {
        is_forbidden(&account, &format!("{there} {what}"));
    }
    for what in ["get deploymentintents --all-namespaces", "get nodes"] {
        is_forbidden(&account, what);
    }
    let events = namespace.kubectl("get events.events.k8s.io -o name");
    assert!(!events.is_empty(), "its events are taken");
    assert_eq!(elsewhere.kubectl("get deployments -o name"), "");
}
