//! What a scheduler holds against nodes before it places a replica, as far as it is the same for every
//! model: neither disk nor what `spec.runtime.patches` change.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodSpec;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::{overrides, placement, resources};
use crate::api::RuntimeSpec;
use crate::catalog::{Hardware, Vendor};

/// A pod of which only node selector, affinity and tolerations are filled in.
pub fn node_constraints(hardware: &Hardware, runtime: Option<&RuntimeSpec>) -> PodSpec {
    let mut pod = PodSpec {
        affinity: Some(placement::affinity(hardware)),
        tolerations: Some(vec![placement::toleration(hardware)]),
        ..Default::default()
    };
    if let Some(runtime) = runtime {
        overrides::place(runtime, &mut pod);
    }
    pod
}

/// What a replica with so many GPUs asks of its node. As for Kubernetes, a limit without a request is
/// one.
pub fn requests(
    vendor: Vendor,
    gpus: u32,
    runtime: Option<&RuntimeSpec>,
) -> BTreeMap<String, Quantity> {
    let mut resources = resources::without_disk(vendor, gpus);
    if let Some(given) = runtime.and_then(|runtime| runtime.resources.as_ref()) {
        overrides::apply_resources(given, &mut resources);
    }
    let mut requests = resources.limits.unwrap_or_default();
    requests.extend(resources.requests.unwrap_or_default());
    requests
}

/// Whether [`node_constraints`] and [`requests`] are those without a runtime.
pub fn places_as_built(runtime: Option<&RuntimeSpec>) -> bool {
    runtime.is_none_or(|runtime| {
        runtime.node_selector.is_empty()
            && runtime.tolerations.is_empty()
            && runtime.affinity.is_none()
            && runtime.resources.is_none()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::manifest::test_support::{Example, pod};

    #[test]
    fn only_what_says_nothing_of_nodes_and_resources_is_placed_as_built() {
        let of = |runtime: Value| places_as_built(Some(&serde_json::from_value(runtime).unwrap()));
        assert!(places_as_built(None) && of(json!({"image": "a/b:c"})));
        for runtime in [
            json!({"nodeSelector": {"pool": "a"}}),
            json!({"tolerations": [{"operator": "Exists"}]}),
            json!({"affinity": {}}),
            json!({"resources": {"requests": {"cpu": "1"}}}),
        ] {
            assert!(!of(runtime.clone()), "{runtime}");
        }
    }

    /// What is scheduled is what is built.
    #[test]
    fn constraints_and_requests_are_those_of_the_built_pod() {
        for runtime in [
            json!({}),
            json!({
                "nodeSelector": {"pool": "a"},
                "tolerations": [{"key": "team", "operator": "Exists"}],
                "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}]}}},
                "resources": {"requests": {"cpu": "40"}, "limits": {"memory": "1Ti"}},
            }),
        ] {
            let example = Example::default().with_runtime(runtime);
            let built = pod(&example.manifests());
            let plan = example.plan();
            let constraints = node_constraints(plan.hardware, plan.runtime);
            let constraints = serde_json::to_value(constraints).unwrap();
            for field in ["affinity", "nodeSelector", "tolerations"] {
                assert_eq!(constraints[field], built[field], "{field}");
            }
            let resources = &built["containers"][0]["resources"];
            let asked = |resource: &str| match &resources["requests"][resource] {
                Value::Null => resources["limits"][resource].clone(),
                asked => asked.clone(),
            };
            let requests = requests(plan.hardware.vendor, plan.gpus, plan.runtime);
            for resource in ["cpu", "memory", "nvidia.com/gpu"] {
                assert_eq!(json!(requests[resource]), asked(resource), "{resource}");
            }
        }
    }
}
