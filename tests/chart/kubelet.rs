//! What a kubelet would run of a pod: the program with the container's arguments, its environment
//! with what Secrets say, its mounts as files, and the pod's ServiceAccount.

use std::path::PathBuf;

use compass_testbed::process::Program;
use k8s_openapi::api::core::v1::{ConfigMap, Container, PodSpec, Secret, Volume};
use kube::Api;

use crate::support::{Cluster, root};

/// Where the image has the simulated benchmarks.
const SIMULATED: &str = "/usr/share/compass/benchmarks.json.gz";

/// A pod in a namespace.
pub struct Kubelet<'a> {
    pub cluster: &'a Cluster,
    pub namespace: &'a str,
    pub pod: &'a PodSpec,
}

impl Kubelet<'_> {
    /// Runs the init containers, one after the other, each to its end.
    pub async fn run_init_containers(&self) {
        for container in self.pod.init_containers.iter().flatten() {
            self.program(container).await.output().unwrap();
        }
    }

    /// One of the pod's containers, by name.
    pub async fn container(&self, name: &str) -> Program {
        let initial = self.pod.init_containers.iter().flatten();
        let mut containers = initial.chain(&self.pod.containers);
        let container = containers.find(|it| it.name == name);
        self.program(container.unwrap()).await
    }

    async fn program(&self, container: &Container) -> Program {
        assert_eq!(container.command, None, "the image knows its program");
        let mounts = self.mounts(container).await;
        let outside = |text: &str| {
            let inside = mounts.iter().find(|(path, _)| text.starts_with(path));
            inside.map_or(text.to_owned(), |(path, folder)| {
                text.replacen(path, folder, 1)
            })
        };
        let arguments = container.args.iter().flatten();
        let mut program = Program::new(env!("CARGO_BIN_EXE_compass"))
            .args(arguments.map(|argument| outside(argument)))
            .env("KUBECONFIG", self.account());
        for variable in container.env.iter().flatten() {
            let value = match &variable.value {
                Some(value) => outside(value),
                None => {
                    let source = variable.value_from.clone().unwrap();
                    let secret = source.secret_key_ref.unwrap();
                    self.secret(&secret.name, &secret.key).await
                }
            };
            program = program.env(&variable.name, value);
        }
        program
    }

    /// The kubeconfig with the token that a kubelet mounts; none where the pod wants none.
    fn account(&self) -> PathBuf {
        if self.pod.automount_service_account_token == Some(false) {
            return PathBuf::from("/dev/null");
        }
        let name = self.pod.service_account_name.as_deref().unwrap();
        let control_plane = &self.cluster.control_plane;
        control_plane
            .kubeconfig_of_service_account(self.namespace, name)
            .unwrap()
    }

    async fn secret(&self, name: &str, key: &str) -> String {
        let api: Api<Secret> = Api::namespaced(self.cluster.client().await, self.namespace);
        let data = api.get(name).await.unwrap().data.unwrap_or_default();
        let value = data.get(key);
        let value = value.unwrap_or_else(|| panic!("Secret {name} has no {key}"));
        String::from_utf8(value.0.clone()).unwrap()
    }

    /// Mount paths, and the folders outside that stand for them.
    async fn mounts(&self, container: &Container) -> Vec<(String, String)> {
        let shipped = root().join("data/benchmarks.json.gz");
        let mut mounts = vec![(SIMULATED.to_owned(), shipped.display().to_string())];
        for mount in container.volume_mounts.iter().flatten() {
            let volumes = self.pod.volumes.iter().flatten();
            let volume = volumes.clone().find(|it| it.name == mount.name);
            let folder = self.folder(volume.unwrap()).await;
            mounts.push((mount.mount_path.clone(), folder));
        }
        mounts
    }

    async fn folder(&self, volume: &Volume) -> String {
        let folder = format!("{}-{}", self.namespace, volume.name);
        let folder = self.cluster.control_plane.directory().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        if let Some(source) = &volume.secret {
            for item in source.items.iter().flatten() {
                let name = source.secret_name.as_deref().unwrap();
                let content = self.secret(name, &item.key).await;
                std::fs::write(folder.join(&item.path), content).unwrap();
            }
        }
        if let Some(source) = &volume.config_map {
            let client = self.cluster.client().await;
            let api: Api<ConfigMap> = Api::namespaced(client, self.namespace);
            let data = api.get(&source.name).await.unwrap().data;
            for (file, content) in data.unwrap_or_default() {
                std::fs::write(folder.join(file), content).unwrap();
            }
        }
        folder.display().to_string()
    }
}
