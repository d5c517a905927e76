//! The InferencePool: the pods, for an endpoint picker.

use serde_json::json;

use super::args::PORT;
use super::names;
use super::object::{Kind, Object};
use super::plan::Plan;
use crate::api::RuntimeTarget;

/// Where the reference endpoint picker of the Gateway API Inference Extension listens.
const PICKER_PORT: i32 = 9002;

/// A picker that does not answer stops requests: sent to any replica they would be served outside
/// of what was planned, unnoticed. KServe makes a pool of its own.
pub(super) fn inference_pool(plan: &Plan<'_>) -> Option<Object> {
    let pool = plan.runtime?.gateway.as_ref()?.inference_pool.as_ref()?;
    let mut spec = json!({
        "selector": {"matchLabels": plan.pods()},
        "targetPorts": [{"number": PORT}],
    });
    if let Some(picker) = &pool.endpoint_picker {
        spec["endpointPickerRef"] = json!({
            "group": "",
            "kind": "Service",
            "name": picker.name,
            "port": {"number": picker.port.unwrap_or(PICKER_PORT)},
            "failureMode": "FailClose",
        });
    }
    let metadata = names::metadata(&plan.name, &plan.namespace);
    let pool = Object::custom(Kind::InferencePool, &metadata, &spec);
    (plan.target() == RuntimeTarget::Deployment).then_some(pool)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::test_support::Example;

    #[test]
    fn the_picker_is_the_one_that_the_intent_names() {
        let mut example = Example::default();
        example.runtime.gateway = Some(
            serde_saphyr::from_str(
                "{parentRefs: [{name: a}], inferencePool: {endpointPicker: {name: picker}}}",
            )
            .unwrap(),
        );
        let pool = inference_pool(&example.plan()).unwrap().content;
        assert_eq!(pool["spec"]["endpointPickerRef"]["name"], "picker");
        assert_eq!(
            pool["spec"]["endpointPickerRef"]["port"],
            json!({"number": 9002})
        );
        assert_eq!(
            pool["spec"]["selector"]["matchLabels"],
            json!({"app.kubernetes.io/name": "vllm", "app.kubernetes.io/instance": "support-chat"})
        );
    }
}
