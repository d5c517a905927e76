//! `compass diff`: live objects against what the evidence gives, as `kubectl diff` shows it.

use std::path::Path;

use k8s_openapi::api::apps::v1::Deployment;

use crate::support::{CLUSTER, Namespace, apply, intent_yaml, person_runs};

fn chat(demand: &str) -> String {
    intent_yaml(
        "chat",
        &format!(
            "useCase: chatbot_conversational, demand: {{{demand}}}, delivery: {{mode: Apply}}"
        ),
    )
}

fn diff(namespace: &Namespace, kubeconfig: &Path, flags: &str) -> (i32, String, String) {
    let arguments = format!("diff chat -n {} {flags}", namespace.name);
    person_runs(&arguments, kubeconfig, &CLUSTER.database_url)
}

#[tokio::test]
async fn what_others_changed_of_live_objects_is_shown_and_nothing_is_written() {
    let namespace = Namespace::create("drift").await;
    let operator = namespace.operator();
    namespace.apply(&chat("requestsPerSecond: 1, spareReplicas: 1"));
    namespace.ready("chat", "Available").await;
    let diff = |flags: &str| diff(&namespace, CLUSTER.control_plane.kubeconfig(), flags);
    let nothing = || (0, String::new(), String::new());
    assert_eq!(diff(""), nothing());

    // Nobody puts right what is changed now.
    drop(operator);
    namespace.kubectl("scale deployment chat --replicas=5");
    namespace.kubectl("annotate deployment chat example.org/theirs=1");
    namespace.kubectl("delete service chat");
    let (code, shown, told) = diff("");
    assert_eq!((code, told.as_str()), (1, ""), "{shown}");
    for part in [
        "--- live/Deployment/drift/chat\n+++ proposed/Deployment/drift/chat\n@@ ",
        "\n-  replicas: 5\n+  replicas: 2\n",
        "--- live/Service/drift/chat\n+++ proposed/Service/drift/chat\n@@ ",
        "\n+kind: Service\n",
    ] {
        assert!(shown.contains(part), "`{part}` is missing in\n{shown}");
    }
    let of_deployment = shown.split("--- live/Service").next().unwrap();
    let changed = |line: &&str| line.starts_with(['+', '-']);
    let changed: Vec<_> = of_deployment.lines().filter(changed).skip(2).collect();
    assert_eq!(changed, ["-  replicas: 5", "+  replicas: 2"]);
    let live = namespace.api::<Deployment>().get("chat").await.unwrap();
    assert_eq!(live.spec.unwrap().replicas, Some(5), "nothing was written");
    assert_eq!(diff("--delivered"), nothing());

    // What is not wanted any more would go; what is somebody else's would stay.
    namespace.apply(&chat("requestsPerSecond: 1"));
    namespace.kubectl("create service clusterip chat --tcp=80");
    let (code, shown, told) = diff("");
    assert_eq!(code, 2, "{shown}");
    let part =
        "--- live/PodDisruptionBudget/drift/chat\n+++ proposed/PodDisruptionBudget/drift/chat\n@@ ";
    assert!(shown.contains(part), "{shown}");
    assert!(shown.contains("\n-kind: PodDisruptionBudget\n"), "{shown}");
    assert_eq!(
        told,
        "not compared: Service chat: it does not belong to this intent\n"
    );
}

#[tokio::test]
async fn what_may_not_be_read_is_said() {
    let namespace = Namespace::create("diff-rights").await;
    let _operator = namespace.operator();
    namespace.apply(&chat("requestsPerSecond: 1"));
    namespace.ready("chat", "Available").await;
    let control_plane = &CLUSTER.control_plane;
    let roles = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: differ}\nrules:\n\
        - {apiGroups: [compass.dev], resources: [deploymentintents], verbs: [get]}\n\
        - {apiGroups: [\"\"], resources: [configmaps], verbs: [get]}\n\
        - {apiGroups: [apps], resources: [deployments], verbs: [get]}\n---\n\
        apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: differ}\n\
        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: differ}\n\
        subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: differ}]\n";
    apply(control_plane, "differ.yaml", roles);
    let kubeconfig = control_plane.kubeconfig_of("differ").unwrap();
    let (code, shown, told) = diff(&namespace, &kubeconfig, "");
    assert_eq!((code, shown.as_str()), (2, ""), "{told}");
    for part in [
        "not compared: Deployment chat: deployments.apps \"chat\" is forbidden: User \"differ\" cannot patch",
        "not compared: Service chat: services \"chat\" is forbidden: User \"differ\" cannot get",
        "note: whether there are objects that would be removed may not be looked at: PersistentVolumeClaim, ",
    ] {
        assert!(told.contains(part), "`{part}` is missing in\n{told}");
    }
    assert_eq!(diff(&namespace, &kubeconfig, "--delivered").0, 0);
}
