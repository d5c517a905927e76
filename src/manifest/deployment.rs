//! The Deployment that runs vLLM.

use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment,
};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, EmptyDirVolumeSource, EnvVar, EnvVarSource,
    HTTPGetAction, Lifecycle, LifecycleHandler, PersistentVolumeClaimVolumeSource,
    PodSecurityContext, PodSpec, PodTemplateSpec, Probe, SeccompProfile, SecretKeySelector,
    SecurityContext, SleepAction, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::args::{PORT, PORT_NAME};
use super::autoscaling::autoscaling;
use super::plan::Plan;
use super::{annotations, args, budget, model_cache, names, overrides, placement, resources};

/// Name of vLLM's container.
pub(super) const CONTAINER: &str = "vllm";
/// Name of the volume that holds downloaded weights.
pub(super) const MODEL_CACHE: &str = "model-cache";
const MODEL_CACHE_PATH: &str = "/var/cache/huggingface";
const SHARED_MEMORY: &str = "shared-memory";

pub(super) fn deployment(plan: &Plan<'_>) -> Deployment {
    let mut metadata = names::metadata(&plan.name, &plan.namespace);
    metadata.annotations = Some(annotations::evidence(plan));
    let mut pod_metadata = ObjectMeta {
        labels: Some(names::labels(&plan.name)),
        ..Default::default()
    };
    if let Some(runtime) = plan.runtime {
        overrides::describe_pods(runtime, &mut pod_metadata);
    }
    let template = PodTemplateSpec {
        metadata: Some(pod_metadata),
        spec: Some(pod(plan)),
    };
    Deployment {
        metadata,
        spec: Some(DeploymentSpec {
            // With a number here, whoever applies the YAML again takes the autoscaler's replicas away.
            replicas: autoscaling(plan)
                .is_none()
                .then_some(plan.candidate.replicas),
            selector: LabelSelector {
                match_labels: Some(names::selector(&plan.name)),
                ..Default::default()
            },
            strategy: Some(DeploymentStrategy {
                type_: Some("RollingUpdate".into()),
                rolling_update: Some(rolling_update(plan)),
            }),
            progress_deadline_seconds: Some(budget::progress_deadline_s(plan)),
            template,
            ..Default::default()
        }),
        status: None,
    }
}

/// The demand is served throughout: only spare replicas end before their successors are ready. Where
/// no GPU is free for one more, the operator replaces in place. A successor on another node would
/// wait for a claim that one node holds as long as its predecessor does, so there one ends first.
fn rolling_update(plan: &Plan<'_>) -> RollingUpdateDeployment {
    let (surge, unavailable) = if model_cache::is_of_one_node(plan) {
        (0, plan.spare_replicas.max(1))
    } else {
        (1, plan.spare_replicas)
    };
    RollingUpdateDeployment {
        max_surge: Some(IntOrString::Int(surge)),
        max_unavailable: Some(IntOrString::Int(unavailable)),
    }
}

/// vLLM's container.
pub(super) fn engine(pod: &PodSpec) -> Option<&Container> {
    pod.containers.iter().find(|it| it.name == CONTAINER)
}

/// The images' entrypoint changed over the versions; this command did not.
pub(super) fn command() -> [String; 2] {
    ["vllm".to_owned(), "serve".to_owned()]
}

/// vLLM's pods, with what the intent overrides of them.
pub(super) fn pod(plan: &Plan<'_>) -> PodSpec {
    let mut pod = PodSpec {
        affinity: Some(placement::affinity(plan.hardware)),
        automount_service_account_token: Some(false),
        containers: vec![container(plan)],
        // With them, a Service called `vllm` would set VLLM_PORT to an address, and vLLM fails.
        enable_service_links: Some(false),
        // No runAsNonRoot, as Pod Security `restricted` would want: vLLM's images run as root and
        // write below /root.
        security_context: Some(PodSecurityContext {
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".into(),
                ..Default::default()
            }),
            ..Default::default()
        }),
        termination_grace_period_seconds: Some(budget::shutdown(plan).grace_s),
        tolerations: Some(vec![placement::toleration(plan.hardware)]),
        topology_spread_constraints: Some(vec![placement::spread(plan)]),
        volumes: Some(volumes(plan)),
        ..Default::default()
    };
    if let Some(runtime) = plan.runtime {
        overrides::apply(runtime, &mut pod);
    }
    pod
}

fn container(plan: &Plan<'_>) -> Container {
    Container {
        name: CONTAINER.into(),
        image: Some(plan.image.reference.clone()),
        command: Some(command().into()),
        args: Some(args::args(plan)),
        env: Some(environment(plan)),
        ports: Some(vec![ContainerPort {
            name: Some(PORT_NAME.into()),
            container_port: PORT,
            protocol: Some("TCP".into()),
            ..Default::default()
        }]),
        resources: Some(resources::requirements(plan)),
        // What vLLM said last, in the pod's status.
        termination_message_policy: Some("FallbackToLogsOnError".into()),
        startup_probe: Some(health(
            budget::STARTUP_PERIOD_S,
            budget::startup_failures(plan.weight_bytes),
        )),
        readiness_probe: Some(health(5, 3)),
        // A busy engine may answer late; a restart costs a whole start, so it takes 100 s.
        liveness_probe: Some(health(10, 10)),
        lifecycle: Some(Lifecycle {
            pre_stop: Some(LifecycleHandler {
                sleep: Some(SleepAction {
                    seconds: budget::shutdown(plan).pre_stop_s,
                }),
                ..Default::default()
            }),
            ..Default::default()
        }),
        // The root file system stays writable: vLLM compiles kernels into /root and /tmp.
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities {
                drop: Some(vec!["ALL".into()]),
                add: None,
            }),
            ..Default::default()
        }),
        volume_mounts: Some(vec![
            mount(MODEL_CACHE, MODEL_CACHE_PATH),
            mount(SHARED_MEMORY, "/dev/shm"),
        ]),
        ..Default::default()
    }
}

fn health(period_seconds: i32, failure_threshold: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some("/health".into()),
            port: IntOrString::String(PORT_NAME.into()),
            ..Default::default()
        }),
        period_seconds: Some(period_seconds),
        timeout_seconds: Some(5),
        failure_threshold: Some(failure_threshold),
        ..Default::default()
    }
}

fn environment(plan: &Plan<'_>) -> Vec<EnvVar> {
    let cache = EnvVar {
        name: "HF_HOME".into(),
        value: Some(MODEL_CACHE_PATH.into()),
        value_from: None,
    };
    let token = plan
        .runtime
        .and_then(|runtime| runtime.hf_token_secret.as_ref())
        .map(|secret| EnvVar {
            name: "HF_TOKEN".into(),
            value: None,
            value_from: Some(EnvVarSource {
                secret_key_ref: Some(SecretKeySelector {
                    name: secret.name.clone(),
                    key: secret.key.clone(),
                    optional: None,
                }),
                ..Default::default()
            }),
        });
    let offline = plan
        .runtime
        .filter(|runtime| runtime.model_path.is_some())
        .map(|_| EnvVar {
            name: "HF_HUB_OFFLINE".into(),
            value: Some("1".into()),
            value_from: None,
        });
    [cache].into_iter().chain(offline).chain(token).collect()
}

fn volumes(plan: &Plan<'_>) -> Vec<Volume> {
    let mut cache = Volume {
        name: MODEL_CACHE.into(),
        ..Default::default()
    };
    match model_cache::claim_name(plan) {
        Some(claim_name) => {
            cache.persistent_volume_claim = Some(PersistentVolumeClaimVolumeSource {
                claim_name,
                read_only: None,
            });
        }
        None => cache.empty_dir = Some(EmptyDirVolumeSource::default()),
    }
    let shared_memory = Volume {
        name: SHARED_MEMORY.into(),
        empty_dir: Some(EmptyDirVolumeSource {
            medium: Some("Memory".into()),
            size_limit: Some(resources::shared_memory(plan)),
        }),
        ..Default::default()
    };
    vec![cache, shared_memory]
}

fn mount(name: &str, path: &str) -> VolumeMount {
    VolumeMount {
        name: name.into(),
        mount_path: path.into(),
        ..Default::default()
    }
}
