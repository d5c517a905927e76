//! A release from its installation to its end, on a real cluster.
//!
//! No chart was released before this one: what stands for an earlier one is this chart with an older
//! version, without a field in its CustomResourceDefinition and without the disruption budget.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use compass::api::DeploymentIntent;
use compass_testbed::process::Server;
use compass_testbed::{Postgres, port};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, PodSpec};
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;

use crate::kubelet::Kubelet;
use crate::support::{CLUSTER, case, chart, eventually};

const NAMESPACE: &str = "compass-release";
/// A field of the API that the earlier chart's definition lacks.
const NEW_FIELD: &str = "suspend";
/// The nodes of the test bed are tainted for GPUs.
const TOLERATE: &str = "--set tolerations[0].operator=Exists";

/// The chart as it may have been before, in a folder of its own.
fn earlier_chart() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let earlier = folder.path().join("compass");
    copy(&chart(), &earlier);
    std::fs::remove_file(earlier.join("templates/poddisruptionbudget.yaml")).unwrap();
    let change = |file: &str, change: &dyn Fn(&mut serde_json::Value)| {
        let file = earlier.join(file);
        let text = std::fs::read_to_string(&file).unwrap();
        let mut document = serde_yaml_ng::from_str(&text).unwrap();
        change(&mut document);
        std::fs::write(&file, serde_yaml_ng::to_string(&document).unwrap()).unwrap();
    };
    change("Chart.yaml", &|chart| chart["version"] = "0.0.1".into());
    change("files/deploymentintents.yaml", &|definition| {
        let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
        let fields = definition.pointer_mut(spec).unwrap();
        let fields = fields.as_object_mut().unwrap();
        assert!(fields.remove(NEW_FIELD).is_some());
    });
    (folder, earlier)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, to) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if path.is_dir() {
            copy(&path, &to);
        } else {
            std::fs::copy(&path, &to).unwrap();
        }
    }
}

/// Whether the cluster's definition of intents has the field.
fn knows_new_field() -> bool {
    let definition = "get crd deploymentintents.compass.dev -o jsonpath=";
    let field = "{.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties";
    let shown = CLUSTER.kubectl(&format!("{definition}{field}.{NEW_FIELD}}}"));
    !shown.is_empty()
}

/// Kinds and names of what the release made.
fn objects_of_the_release() -> BTreeSet<String> {
    let kinds = "deployments,services,serviceaccounts,secrets,configmaps,roles,rolebindings,\
                 poddisruptionbudgets,clusterroles,clusterrolebindings,customresourcedefinitions,\
                 statefulsets,networkpolicies,persistentvolumeclaims,\
                 validatingadmissionpolicies,validatingadmissionpolicybindings";
    CLUSTER
        .kubectl(&format!(
            "get {kinds} --namespace {NAMESPACE} --selector app.kubernetes.io/managed-by=Helm -o name"
        ))
        .lines()
        .map(str::to_owned)
        .collect()
}

async fn operator_pod(client: &Client) -> PodSpec {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), NAMESPACE);
    let deployment = deployments.get("compass").await.unwrap();
    deployment.spec.unwrap().template.spec.unwrap()
}

/// The operator as the Deployment says.
async fn start_operator(kubelet: &Kubelet<'_>) -> Server {
    kubelet.run_init_containers().await;
    let program = kubelet.container("operator").await;
    let listen = format!("127.0.0.1:{}", port::free().unwrap());
    program
        .args(["--listen", &listen])
        .start(&CLUSTER.file("operator.log", ""))
        .unwrap()
}

async fn is_answered(client: &Client, operator: &Server) {
    let intents: Api<DeploymentIntent> = Api::namespaced(client.clone(), "default");
    eventually("an answer", async || {
        let status = intents.get("chat").await.unwrap().status;
        let answered = status.and_then(|status| status.recommendation);
        answered.ok_or_else(|| operator.log_tail())
    })
    .await;
}

/// As a kubelet runs the pod of `helm test`, which waits for its end.
async fn run_test_pod(client: &Client) {
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let pod = eventually("the test pod to run", async || {
        let pod = pods.get("compass-test").await;
        let phase = |pod: &Pod| pod.status.as_ref().and_then(|it| it.phase.clone());
        match pod {
            Ok(pod) if phase(&pod).as_deref() == Some("Running") => Ok(pod),
            other => Err(other.map(|pod| pod.status)),
        }
    })
    .await;
    let spec = pod.spec.unwrap();
    let kubelet = Kubelet {
        cluster: &CLUSTER,
        namespace: NAMESPACE,
        pod: &spec,
    };
    kubelet.container("doctor").await.output().unwrap();
    let status = json!({"status": {"phase": "Succeeded"}});
    pods.patch_status(
        "compass-test",
        &PatchParams::default(),
        &Patch::Merge(&status),
    )
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_life_of_a_release() {
    let postgres = Postgres::start().unwrap();
    let authority = postgres.serve_tls().unwrap();
    CLUSTER.restricted_namespace(NAMESPACE);
    CLUSTER
        .kubectl_program("create secret generic knowledge-base --namespace")
        .arg(NAMESPACE)
        .arg(format!("--from-literal=DATABASE_URL={}", postgres.url()))
        .output()
        .unwrap();
    let authority = CLUSTER.file("ca.crt", &authority);
    CLUSTER
        .kubectl_program("create secret generic knowledge-base-ca --namespace")
        .arg(NAMESPACE)
        .arg(format!("--from-file=ca.crt={}", authority.display()))
        .output()
        .unwrap();
    let client = CLUSTER.client().await;
    let helm = |arguments: &str| CLUSTER.helm(&format!("{arguments} --namespace {NAMESPACE}"));

    // Installed: pods run under the restricted standard.
    let (_folder, earlier) = earlier_chart();
    helm(&format!(
        "install compass --wait {TOLERATE} --set simulatedBenchmarks.load=true \
         --set database.existingSecret.name=knowledge-base \
         --set database.tls.caSecret.name=knowledge-base-ca"
    ))
    .arg(&earlier)
    .output()
    .unwrap();
    assert!(!knows_new_field());
    let earlier_objects = objects_of_the_release();
    CLUSTER.apply(
        "chat.yaml",
        "apiVersion: compass.dev/v1alpha1\nkind: DeploymentIntent\n\
         metadata: {name: chat, namespace: default}\n\
         spec: {useCase: chatbot_conversational, demand: {requestsPerSecond: 5}}\n",
    );

    // Upgraded: the definition too, and what was asked stays.
    helm("upgrade compass --wait --reuse-values")
        .arg(chart())
        .output()
        .unwrap();
    assert!(knows_new_field());
    let objects = objects_of_the_release();
    let added: Vec<_> = objects.difference(&earlier_objects).collect();
    assert_eq!(added, ["poddisruptionbudget.policy/compass"]);

    // It works, as the Deployment says: verified TLS, migrated, loaded, with the chart's account.
    let pod = operator_pod(&client).await;
    let kubelet = Kubelet {
        cluster: &CLUSTER,
        namespace: NAMESPACE,
        pod: &pod,
    };
    let another_authority = CLUSTER.control_plane.directory().join("ca.crt");
    let deceived = kubelet.container("migrate").await;
    let deceived = deceived.env("PGSSLROOTCERT", another_authority);
    let told = deceived.refusal().unwrap();
    assert!(told.contains("UnknownIssuer"), "{told}");
    let operator = start_operator(&kubelet).await;
    is_answered(&client, &operator).await;
    let test = std::thread::scope(|scope| {
        let test = scope.spawn(|| helm("test compass --timeout 2m").output());
        let handle = tokio::runtime::Handle::current();
        tokio::task::block_in_place(|| handle.block_on(run_test_pod(&client)));
        test.join().unwrap()
    });
    test.unwrap();

    // Rolled back, and what was asked stays.
    helm("rollback compass 1 --wait").output().unwrap();
    assert!(!knows_new_field());
    assert_eq!(objects_of_the_release(), earlier_objects);
    is_answered(&client, &operator).await;
    drop(operator);

    // Uninstalled: all is gone but the definition, and with it the intents.
    helm("uninstall compass --wait").output().unwrap();
    let left = objects_of_the_release();
    let definition = "customresourcedefinition.apiextensions.k8s.io/deploymentintents.compass.dev";
    assert_eq!(left.iter().collect::<Vec<_>>(), [definition]);
    CLUSTER.kubectl("get deploymentintent chat --namespace default");

    // Installed again, over what was kept, as an evaluation.
    helm(&format!("install compass {TOLERATE}"))
        .arg(chart())
        .arg("--values")
        .arg(case("evaluation"))
        .output()
        .unwrap();
    assert!(knows_new_field());
    let password = "get secret compass-evaluation-postgresql -o jsonpath={.data} --namespace";
    let password = || CLUSTER.kubectl(&format!("{password} {NAMESPACE}"));
    let first = password();
    helm("upgrade compass --reuse-values")
        .arg(chart())
        .output()
        .unwrap();
    assert_eq!(password(), first, "PostgreSQL keeps its first password");
    helm("uninstall compass").output().unwrap();
}
