//! KServe's `LLMInferenceService`, for those who run KServe: the same pods as the Deployment's.
//!
//! KServe merges it over its own template, whose settings must give way: its container is called
//! `main`, its image does not run as root, its pods pause before they end by a command.

use k8s_openapi::api::apps::v1::DeploymentSpec;
use k8s_openapi::api::core::v1::{
    Container, ExecAction, Lifecycle, LifecycleHandler, PodSpec, PodTemplateSpec, Probe,
};
use serde_json::{Value, json};

use super::deployment::{CONTAINER, deployment};
use super::object::{Kind, Object};
use super::plan::Plan;
use super::{budget, http_route};
use crate::api::GatewaySpec;

/// The name of vLLM's container in KServe's template.
const MAIN: &str = "main";

pub(super) fn llm_inference_service(plan: &Plan<'_>) -> Object {
    let deployment = deployment(plan);
    let workload = deployment.spec.unwrap_or_default();
    let mut pod = workload.template.spec.unwrap_or_default();
    fit_the_template(plan, &mut pod);
    let mut spec = json!({
        "model": {"uri": format!("hf://{}", plan.model()), "name": plan.model()},
        // vLLM itself loads the model, into the same cache as elsewhere.
        "storageInitializer": {"enabled": false},
        "template": pod,
    });
    if let Some(replicas) = workload.replicas {
        spec["replicas"] = replicas.into();
    }
    if let Some(strategy) = workload
        .strategy
        .and_then(|strategy| strategy.rolling_update)
    {
        spec["rolloutStrategy"] = json!(strategy);
    }
    if let Some(runtime) = plan.runtime {
        // KServe gives them to the pods.
        for (field, given) in [
            ("labels", &runtime.pod_labels),
            ("annotations", &runtime.pod_annotations),
        ] {
            if !given.is_empty() {
                spec[field] = json!(given);
            }
        }
    }
    if let Some(gateway) = plan.runtime.and_then(|runtime| runtime.gateway.as_ref()) {
        spec["router"] = router(gateway);
    }
    Object::custom(Kind::LLMInferenceService, &deployment.metadata, &spec)
}

/// What KServe makes a Deployment of, with vLLM's container under the name that it has elsewhere.
pub(super) fn workload(object: &Object) -> Option<DeploymentSpec> {
    let spec = &object.content["spec"];
    let mut pod: PodSpec = serde_json::from_value(spec["template"].clone()).ok()?;
    for container in &mut pod.containers {
        if container.name == MAIN {
            container.name = CONTAINER.into();
        }
    }
    Some(DeploymentSpec {
        replicas: serde_json::from_value(spec["replicas"].clone()).ok()?,
        template: PodTemplateSpec {
            spec: Some(pod),
            ..Default::default()
        },
        ..Default::default()
    })
}

fn fit_the_template(plan: &Plan<'_>, pod: &mut PodSpec) {
    for container in &mut pod.containers {
        fit_the_containers_template(plan, container);
    }
}

fn fit_the_containers_template(plan: &Plan<'_>, container: &mut Container) {
    container.name = MAIN.into();
    answer_to_the_routers_name(plan, container.args.get_or_insert_default());
    let security = container.security_context.get_or_insert_default();
    security.run_as_non_root.get_or_insert(false);
    // A pod has one handler: another kind than the template's would make two.
    container.lifecycle = Some(Lifecycle {
        pre_stop: Some(LifecycleHandler {
            exec: Some(ExecAction {
                command: Some(vec![
                    "/bin/sleep".into(),
                    budget::shutdown(plan).pre_stop_s.to_string(),
                ]),
            }),
            ..Default::default()
        }),
        ..Default::default()
    });
    for probe in [
        &mut container.startup_probe,
        &mut container.readiness_probe,
        &mut container.liveness_probe,
    ] {
        by_http(probe);
    }
}

/// KServe's model-based routing calls the model by a name that has the namespace in it.
fn answer_to_the_routers_name(plan: &Plan<'_>, args: &mut Vec<String>) {
    let names = args.iter().position(|arg| arg == "--served-model-name");
    if let Some(names) = names {
        let name = format!(
            "publishers/{}/models/{}",
            plan.namespace.as_str(),
            plan.model()
        );
        // After the first, by which vLLM labels its metrics.
        args.insert((names + 2).min(args.len()), name);
    }
}

/// The template's scheme is KServe's setting, and vLLM's arguments here have no certificate.
fn by_http(probe: &mut Option<Probe>) {
    if let Some(get) = probe.as_mut().and_then(|probe| probe.http_get.as_mut()) {
        get.scheme = Some("HTTP".into());
    }
}

fn router(gateway: &GatewaySpec) -> Value {
    let route = if gateway.hostnames.is_empty() {
        json!({})
    } else {
        json!({"http": {"spec": {"hostnames": gateway.hostnames}}})
    };
    let mut router = json!({
        "gateway": {"refs": http_route::parent_refs(gateway)},
        "route": route,
    });
    if gateway.inference_pool.is_some() {
        router["scheduler"] = json!({});
    }
    router
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::RuntimeTarget;
    use crate::manifest::test_support::Example;

    fn example() -> Example {
        let mut example = Example::default();
        example.runtime.target = RuntimeTarget::LLMInferenceService;
        example
    }

    #[test]
    fn it_runs_what_the_deployment_runs() {
        let service = llm_inference_service(&example().plan()).content;
        let deployment = deployment(&Example::default().plan());
        let annotations = json!(deployment.metadata.annotations);
        assert_eq!(service["metadata"]["annotations"], annotations);
        let workload = deployment.spec.unwrap();
        assert_eq!(service["spec"]["replicas"], json!(workload.replicas));
        let container = &service["spec"]["template"]["containers"][0];
        let expected = json!(workload.template.spec.unwrap().containers[0]);
        for same in [
            "command",
            "image",
            "env",
            "resources",
            "volumeMounts",
            "ports",
        ] {
            assert_eq!(container[same], expected[same], "{same}");
        }
    }

    #[test]
    fn it_answers_to_one_name_more() {
        let mut args = llm_inference_service(&example().plan()).content["spec"]["template"]["containers"]
            [0]["args"]
            .as_array()
            .unwrap()
            .clone();
        assert_eq!(
            args.remove(3),
            "publishers/assistants/models/Qwen/Qwen3-32B"
        );
        let plain = deployment(&Example::default().plan()).spec.unwrap();
        let container = plain.template.spec.unwrap().containers.remove(0);
        assert_eq!(json!(args), json!(container.args));
    }

    #[test]
    fn kserves_own_template_gives_way() {
        let service = llm_inference_service(&example().plan()).content;
        let container = &service["spec"]["template"]["containers"][0];
        assert_eq!(container["name"], "main");
        assert_eq!(container["securityContext"]["runAsNonRoot"], false);
        assert_eq!(
            container["lifecycle"],
            json!({"preStop": {"exec": {"command": ["/bin/sleep", "15"]}}})
        );
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            assert_eq!(container[probe]["httpGet"]["scheme"], "HTTP", "{probe}");
        }
    }

    #[test]
    fn it_is_held_against_the_evidence_as_the_deployment_is() {
        assert!(example().manifests().deviations().is_empty());
        let mut example = example();
        example.runtime.args = vec!["-tp=4".into()];
        let deviations = example.manifests().deviations().to_vec();
        example.runtime.target = RuntimeTarget::Deployment;
        assert_eq!(deviations, example.manifests().deviations());
        assert!(!deviations.is_empty());
    }

    #[test]
    fn a_gateway_becomes_its_router() {
        let mut example = example();
        example.runtime.gateway = Some(
            serde_saphyr::from_str(
                "{parentRefs: [{name: public}], hostnames: [chat.example.org], inferencePool: {}}",
            )
            .unwrap(),
        );
        let service = llm_inference_service(&example.plan()).content;
        assert_eq!(
            service["spec"]["router"],
            json!({
                "gateway": {"refs": [{"name": "public"}]},
                "route": {"http": {"spec": {"hostnames": ["chat.example.org"]}}},
                "scheduler": {},
            })
        );
    }
}
