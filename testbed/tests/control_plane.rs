//! The API server obeys RBAC, and a Deployment with GPUs becomes Available on nodes that are only
//! objects.

use std::time::{Duration, Instant};

use compass_testbed::control_plane::GpuNodes;
use compass_testbed::{ControlPlane, Scope};

const DEPLOYMENT: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: engine}
spec:
  replicas: 2
  selector: {matchLabels: {app: engine}}
  template:
    metadata: {labels: {app: engine}}
    spec:
      nodeSelector: {nvidia.com/gpu.product: NVIDIA-H200}
      tolerations: [{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]
      containers:
      - name: vllm
        image: vllm/vllm-openai
        resources: {limits: {nvidia.com/gpu: 4}}
"#;

#[test]
fn a_deployment_gets_the_gpus_that_nodes_have() {
    let control_plane = ControlPlane::start(Scope::Workloads {
        pod_ready_after: Duration::from_millis(300),
    })
    .unwrap();
    let kubectl = |arguments: &[&str]| control_plane.kubectl(arguments);
    control_plane
        .add_gpu_nodes(&[GpuNodes {
            name: "h200",
            product: "NVIDIA-H200",
            gpus: 8,
            count: 1,
        }])
        .unwrap();
    let file = control_plane.directory().join("deployment.yaml");
    std::fs::write(&file, DEPLOYMENT).unwrap();

    kubectl(&[
        "apply",
        "--server-side",
        "--filename",
        file.to_str().unwrap(),
    ])
    .unwrap();
    kubectl(&[
        "wait",
        "deployment/engine",
        "--for=condition=Available",
        "--timeout=30s",
    ])
    .unwrap();

    // The node is full: a third replica waits for a GPU.
    kubectl(&["scale", "deployment/engine", "--replicas=3"]).unwrap();
    let unschedulable = "--for=jsonpath={.status.unavailableReplicas}=1";
    kubectl(&["wait", "deployment/engine", unschedulable, "--timeout=30s"]).unwrap();
    let waiting = [
        "get",
        "pods",
        "--field-selector=spec.nodeName=",
        "--output=name",
    ];
    assert_eq!(kubectl(&waiting).unwrap().lines().count(), 1);

    kubectl(&["delete", "deployment/engine", "--timeout=30s"]).unwrap();
    kubectl(&["wait", "pod", "--all", "--for=delete", "--timeout=30s"]).unwrap();
}

#[test]
fn users_may_do_what_rbac_grants() {
    let control_plane = ControlPlane::start(Scope::ApiServer).unwrap();
    let reader = control_plane.kubeconfig_of("reader").unwrap();
    let read = || {
        control_plane.kubectl(&[
            "--kubeconfig",
            reader.to_str().unwrap(),
            "get",
            "configmaps",
        ])
    };

    let refusal = read().unwrap_err().to_string();
    assert!(refusal.contains("cannot list resource"), "{refusal}");

    let kubectl = |arguments: &[&str]| control_plane.kubectl(arguments).unwrap();
    kubectl(&[
        "create",
        "role",
        "reader",
        "--verb=list",
        "--resource=configmaps",
    ]);
    kubectl(&[
        "create",
        "rolebinding",
        "reader",
        "--role=reader",
        "--user=reader",
    ]);
    let deadline = Instant::now() + Duration::from_secs(10);
    while let Err(refusal) = read() {
        assert!(Instant::now() < deadline, "{refusal}");
    }
}
