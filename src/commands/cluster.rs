//! The cluster that kubectl would talk to, by the flags that kubectl has.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};

use crate::api::DeploymentIntent;

/// Which cluster, and which namespace of it.
#[derive(Args, Debug)]
#[command(next_help_heading = "Cluster")]
pub(super) struct ClusterArguments {
    /// Namespace of the intent; the kubeconfig's where it is not given
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,
    /// Context of the kubeconfig, in place of its current one
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// The kubeconfig, in place of KUBECONFIG and ~/.kube/config
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
}

/// A client, and the namespace that is meant.
pub(super) struct Cluster {
    pub(super) client: Client,
    pub(super) namespace: String,
    /// The kubeconfig's, or the pod's own.
    pub(super) default_namespace: String,
}

impl ClusterArguments {
    /// The namespace that was given.
    pub(super) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// Reads the configuration; nothing is asked of the cluster yet.
    pub(super) async fn connect(&self) -> anyhow::Result<Cluster> {
        self.connect_as(None).await
    }

    /// [`Self::connect`], in the name of another user where one is given.
    pub(super) async fn connect_as(&self, user: Option<&str>) -> anyhow::Result<Cluster> {
        let mut config = match (&self.kubeconfig, &self.context) {
            (None, None) => Config::infer()
                .await
                .context("cannot find a cluster: is there a kubeconfig?")?,
            (file, context) => {
                let kubeconfig = match file {
                    Some(file) => Kubeconfig::read_from(file),
                    None => Kubeconfig::read(),
                };
                let options = KubeConfigOptions {
                    context: context.clone(),
                    ..KubeConfigOptions::default()
                };
                Config::from_custom_kubeconfig(kubeconfig?, &options)
                    .await
                    .context("the kubeconfig is not usable")?
            }
        };
        if let Some(user) = user {
            config.auth_info.impersonate = Some(user.to_owned());
        }
        let namespace = self.namespace.clone();
        let namespace = namespace.unwrap_or_else(|| config.default_namespace.clone());
        Ok(Cluster {
            default_namespace: config.default_namespace.clone(),
            client: Client::try_from(config)?,
            namespace,
        })
    }
}

impl Cluster {
    /// The intents of the namespace.
    pub(super) fn intents(&self) -> Api<DeploymentIntent> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// An intent as the API server has it now.
    pub(super) async fn intent(&self, name: &str) -> anyhow::Result<DeploymentIntent> {
        self.found(name, self.intents().get_opt(name).await)
    }

    /// Whether there is an intent of this name, of whatever version.
    pub(super) async fn exists(&self, name: &str) -> anyhow::Result<()> {
        let found = self.intents().get_metadata_opt(name).await;
        self.found(name, found).map(|_| ())
    }

    fn found<T>(&self, name: &str, found: kube::Result<Option<T>>) -> anyhow::Result<T> {
        let namespace = &self.namespace;
        found
            .with_context(|| format!("cannot read the intent {namespace}/{name}"))?
            .with_context(|| {
                format!("there is no DeploymentIntent {name} in namespace {namespace} (kubectl get di -A lists them)")
            })
    }
}
