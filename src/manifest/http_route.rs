//! The HTTPRoute from a Gateway to the pods.

use serde_json::{Value, json};

use super::args::PORT;
use super::object::{Kind, Object};
use super::plan::Plan;
use super::{budget, names};
use crate::api::{GatewayRef, GatewaySpec, RuntimeTarget};

/// Only the OpenAI API: health and metrics are for the cluster. KServe makes a route of its own.
pub(super) fn http_route(plan: &Plan<'_>) -> Option<Object> {
    let gateway = plan.runtime?.gateway.as_ref()?;
    let mut spec = json!({
        "parentRefs": parent_refs(gateway),
        "rules": [{
            "matches": [{"path": {"type": "PathPrefix", "value": "/v1"}}],
            "backendRefs": [backend(plan, gateway)],
            // Gateways that end a request after 15 s by themselves would cut long answers.
            "timeouts": {"request": format!("{}s", budget::longest_request_s(plan))},
        }],
    });
    if !gateway.hostnames.is_empty() {
        spec["hostnames"] = json!(gateway.hostnames);
    }
    let metadata = names::metadata(&plan.name, &plan.namespace);
    let route = Object::custom(Kind::HTTPRoute, &metadata, &spec);
    (plan.target() == RuntimeTarget::Deployment).then_some(route)
}

pub(super) fn parent_refs(gateway: &GatewaySpec) -> Vec<Value> {
    gateway.parent_refs.iter().map(parent_ref).collect()
}

/// Group and kind are a Gateway's by default.
fn parent_ref(parent: &GatewayRef) -> Value {
    let mut reference = json!({"name": parent.name});
    if let Some(namespace) = &parent.namespace {
        reference["namespace"] = json!(namespace);
    }
    if let Some(section) = &parent.section_name {
        reference["sectionName"] = json!(section);
    }
    reference
}

fn backend(plan: &Plan<'_>, gateway: &GatewaySpec) -> Value {
    let name = plan.name.as_str();
    if gateway.inference_pool.is_some() {
        let pool = Kind::InferencePool.resource();
        json!({"group": pool.group, "kind": pool.kind, "name": name})
    } else {
        json!({"group": "", "kind": "Service", "name": name, "port": PORT})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::test_support::Example;

    fn route(gateway: &str) -> Value {
        let mut example = Example::default();
        example.runtime.gateway = Some(serde_saphyr::from_str(gateway).unwrap());
        http_route(&example.plan()).unwrap().content["spec"].clone()
    }

    #[test]
    fn requests_go_to_the_service_or_to_the_pool() {
        let service =
            route("parentRefs: [{name: public, namespace: gateways, sectionName: https}]");
        assert_eq!(
            service["parentRefs"],
            json!([{"name": "public", "namespace": "gateways", "sectionName": "https"}])
        );
        assert_eq!(
            service["rules"][0]["backendRefs"],
            json!([{"group": "", "kind": "Service", "name": "support-chat", "port": 8000}])
        );
        assert!(service.get("hostnames").is_none());
        let pool = route(
            "{parentRefs: [{name: public}], hostnames: [chat.example.org], inferencePool: {endpointPicker: {name: picker}}}",
        );
        assert_eq!(
            pool["rules"][0]["backendRefs"],
            json!([{"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": "support-chat"}])
        );
        assert_eq!(pool["hostnames"], json!(["chat.example.org"]));
    }

    #[test]
    fn an_answer_is_given_twice_its_target() {
        let mut example = Example::default();
        example.requirement.slo.e2e_p95_ms = 90_000;
        example.runtime.gateway = Some(serde_saphyr::from_str("parentRefs: [{name: a}]").unwrap());
        let route = http_route(&example.plan()).unwrap();
        assert_eq!(
            route.content["spec"]["rules"][0]["timeouts"]["request"],
            "180s"
        );
    }
}
