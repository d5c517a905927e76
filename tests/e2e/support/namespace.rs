//! A namespace of one's own, and what tests do and wait for in it.

use std::fmt::Debug;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use compass::api::{DeploymentIntent, parse_intent};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use super::cluster::{CLUSTER, Cluster, apply};
use super::operator::{Operator, OperatorOptions};
use super::shared::eventually;

/// A namespace that is deleted at the end. A failing test shows what is in it;
/// `COMPASS_KEEP_NAMESPACES=1` keeps it.
pub struct Namespace {
    pub name: String,
    pub client: Client,
    cluster: &'static Cluster,
}

impl Namespace {
    /// Makes a namespace of this name on the shared cluster.
    pub async fn create(name: &str) -> Self {
        Self::create_on(&CLUSTER, name).await
    }

    /// Makes a namespace of this name on a cluster of one's own.
    pub async fn create_on(cluster: &'static Cluster, name: &str) -> Self {
        cluster
            .control_plane
            .kubectl(&["create", "namespace", name])
            .unwrap();
        Self {
            name: name.to_owned(),
            client: cluster.client().await,
            cluster,
        }
    }

    /// Takes one that is there already.
    pub async fn existing(name: &str) -> Self {
        let cluster = &*CLUSTER;
        Self {
            name: name.to_owned(),
            client: cluster.client().await,
            cluster,
        }
    }

    fn options(&self) -> OperatorOptions<'_> {
        let Cluster {
            control_plane,
            database_url,
            ..
        } = self.cluster;
        OperatorOptions {
            namespace: Some(&self.name),
            ..OperatorOptions::new(control_plane, database_url)
        }
    }

    /// An operator for this namespace alone, that looks again after an hour.
    pub fn operator(&self) -> Operator {
        Operator::start(&self.options())
    }

    /// An operator for this namespace alone.
    pub fn operator_with(&self, database_url: &str, resync_seconds: u32) -> Operator {
        Operator::start(&OperatorOptions {
            database_url,
            resync_seconds,
            ..self.options()
        })
    }

    /// An operator for this namespace alone, with further flags.
    pub fn operator_with_flags(&self, flags: &str) -> Operator {
        Operator::start(&OperatorOptions {
            flags,
            ..self.options()
        })
    }

    /// The same, which trusts the authorities in a file and no other.
    pub fn operator_that_trusts(&self, authorities: &Path, flags: &str) -> Operator {
        Operator::start(&OperatorOptions {
            flags,
            authorities: Some(authorities),
            ..self.options()
        })
    }

    /// An operator for this namespace alone that may do what these rules of RBAC say.
    pub fn operator_that_may(&self, rules: &str) -> Operator {
        let user = format!("operator-of-{}", self.name);
        let roles = format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: {user}}}\nrules:\n{rules}\n---\n\
             apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {{name: {user}}}\n\
             roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {user}}}\n\
             subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: {user}}}]\n"
        );
        let control_plane = &self.cluster.control_plane;
        apply(control_plane, &format!("{user}.yaml"), &roles);
        self.operator_as(&control_plane.kubeconfig_of(&user).unwrap())
    }

    /// An operator for this namespace alone, with the rights of a kubeconfig.
    pub fn operator_as(&self, kubeconfig: &Path) -> Operator {
        Operator::start(&OperatorOptions {
            kubeconfig: Some(kubeconfig.to_owned()),
            ..self.options()
        })
    }

    /// Objects of a kind.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.name)
    }

    /// `kubectl apply --server-side`.
    pub fn apply(&self, yaml: &str) {
        self.try_apply(yaml, &["--server-side"])
            .unwrap_or_else(|complaint| panic!("kubectl apply refused this: {complaint}\n{yaml}"));
    }

    /// The API server would take the manifest, and knows every field of it.
    pub fn would_take(&self, yaml: &str) {
        let flags = ["--server-side", "--dry-run=server", "--validate=strict"];
        self.try_apply(yaml, &flags)
            .unwrap_or_else(|complaint| panic!("kubectl apply refused this: {complaint}\n{yaml}"));
    }

    /// The API server refuses the manifest, under both kinds of `kubectl apply`, and says `part`.
    pub fn rejects(&self, yaml: &str, part: &str) {
        for flags in [&[][..], &["--server-side"]] {
            let Err(complaint) = self.try_apply(yaml, flags) else {
                panic!("kubectl apply {flags:?} took this, expected `{part}`:\n{yaml}");
            };
            assert!(
                complaint.contains(part),
                "expected `{part}`, got under {flags:?}: {complaint}"
            );
        }
    }

    /// What `kubectl apply --server-side` complains of; `None` where the API server took it.
    pub fn refusal(&self, yaml: &str) -> Option<String> {
        self.try_apply(yaml, &["--server-side"]).err()
    }

    /// What the API server has against the manifest by this user; nothing is stored.
    pub fn refusal_of(&self, user: &str, yaml: &str) -> Option<String> {
        let flags = ["--server-side", "--dry-run=server", "--as", user];
        self.try_apply(yaml, &flags).err()
    }

    fn try_apply(&self, yaml: &str, flags: &[&str]) -> Result<String, String> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let file = self
            .cluster
            .control_plane
            .directory()
            .join(format!("manifest-{number}.yaml"));
        std::fs::write(&file, yaml).unwrap();
        let program = self.cluster.control_plane.kubectl_program().unwrap();
        program
            .args(["apply", "--namespace", &self.name])
            .args(flags.iter().copied())
            .arg("--filename")
            .arg(file)
            .output()
            .map_err(|error| error.to_string())
    }

    /// `kubectl` in this namespace, with arguments separated by spaces.
    pub fn kubectl(&self, arguments: &str) -> String {
        let arguments: Vec<_> = arguments.split_whitespace().collect();
        self.try_kubectl(&arguments).unwrap()
    }

    /// `kubectl` in this namespace, or what it complains of.
    pub fn try_kubectl(&self, arguments: &[&str]) -> Result<String, String> {
        let program = self.cluster.control_plane.kubectl_program().unwrap();
        program
            .args(["--namespace", &self.name])
            .args(arguments.iter().copied())
            .output()
            .map_err(|error| error.to_string())
    }

    /// Waits until the condition of an intent has this status and reason, for its current spec.
    pub async fn reaches(
        &self,
        name: &str,
        type_: &str,
        status: &str,
        reason: &str,
    ) -> DeploymentIntent {
        let api = self.api::<DeploymentIntent>();
        let what = format!("{name} to reach {type_}={status}, reason {reason}");
        eventually(&what, async || {
            let intent = api.get(name).await.unwrap();
            let reached = condition(&intent, type_).is_some_and(|it| {
                (it.status.as_str(), it.reason.as_str()) == (status, reason)
                    && it.observed_generation == intent.metadata.generation
            });
            if reached {
                Ok(intent)
            } else {
                Err(intent.status)
            }
        })
        .await
    }

    /// Waits for Ready=True.
    pub async fn ready(&self, name: &str, reason: &str) -> DeploymentIntent {
        self.reaches(name, "Ready", "True", reason).await
    }

    /// Waits for Stalled=True.
    pub async fn stalled(&self, name: &str, reason: &str) -> DeploymentIntent {
        let intent = self.reaches(name, "Stalled", "True", reason).await;
        assert_eq!(condition(&intent, "Ready").unwrap().status, "False");
        intent
    }

    /// Waits until an object is there and `holds`.
    pub async fn until<K>(&self, name: &str, holds: impl Fn(&K) -> bool) -> K
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + Debug
            + DeserializeOwned,
    {
        let api = self.api::<K>();
        eventually(&format!("{} {name}", K::kind(&())), async || {
            match api.get_opt(name).await {
                Ok(Some(object)) if holds(&object) => Ok(object),
                other => Err(other),
            }
        })
        .await
    }

    /// Waits until an object is gone.
    pub async fn until_gone<K>(&self, name: &str)
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + Debug
            + DeserializeOwned,
    {
        let api = self.api::<K>();
        eventually(
            &format!("{} {name} to be gone", K::kind(&())),
            async || match api.get_opt(name).await {
                Ok(None) => Ok(()),
                other => Err(other),
            },
        )
        .await;
    }

    /// `kind/name` and resourceVersion of every intent and everything made of it.
    pub fn resource_versions(&self) -> Vec<String> {
        let kinds = "di,configmaps,deployments,services";
        let columns = "custom-columns=K:.kind,N:.metadata.name,V:.metadata.resourceVersion";
        let listed = self.kubectl(&format!("get {kinds} --no-headers -o {columns}"));
        let mut versions: Vec<_> = listed
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        versions.sort();
        versions
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let control_plane = &self.cluster.control_plane;
        let kubectl = |arguments: &[&str]| control_plane.kubectl(arguments);
        if std::thread::panicking() {
            for kinds in ["di", "events", "deployments,pods,configmaps,services"] {
                let output = if kinds == "di" { "-oyaml" } else { "-owide" };
                let shown = kubectl(&["get", kinds, output, "--namespace", &self.name]);
                eprintln!(
                    "--- {kinds} of namespace {}\n{}",
                    self.name,
                    shown.unwrap_or_default()
                );
            }
        }
        if std::env::var_os("COMPASS_KEEP_NAMESPACES").is_none() {
            let _ = kubectl(&["delete", "namespace", &self.name, "--wait=false"]);
        }
    }
}

/// A condition of an intent.
pub fn condition<'a>(intent: &'a DeploymentIntent, type_: &str) -> Option<&'a Condition> {
    intent
        .status
        .as_ref()?
        .conditions
        .iter()
        .find(|condition| condition.type_ == type_)
}

/// A manifest with this spec, written in YAML's flow style.
pub fn intent_yaml(name: &str, spec: &str) -> String {
    let yaml = format!(
        "apiVersion: compass.dev/v1alpha1\nkind: DeploymentIntent\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n"
    );
    assert_eq!(parse_intent(&yaml).unwrap().name_any(), name);
    yaml
}
