//! KEDA's ScaledObject.

use serde_json::json;

use super::autoscaling::Autoscaling;
use super::horizontal_pod_autoscaler::behavior;
use super::names;
use super::object::{Kind, Object};
use super::plan::Plan;
use super::promql;

/// No fallback: where Prometheus does not answer, the replicas stay as they are.
pub(super) fn scaled_object(plan: &Plan<'_>, autoscaling: &Autoscaling<'_>) -> Object {
    let tenths = autoscaling.in_flight_tenths;
    let spec = json!({
        "scaleTargetRef": {"name": plan.deployment_name()},
        "minReplicaCount": autoscaling.min_replicas,
        "maxReplicaCount": autoscaling.max_replicas,
        "advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior(autoscaling)}},
        "triggers": [{
            "type": "prometheus",
            "metricType": "AverageValue",
            "metadata": {
                "serverAddress": autoscaling.spec.prometheus_address,
                "query": promql::in_flight(plan),
                "threshold": format!("{}.{}", tenths / 10, tenths % 10),
                // An empty answer is an error and not zero requests.
                "ignoreNullValues": "false",
            },
        }],
    });
    let metadata = names::metadata(&plan.name, &plan.namespace);
    Object::custom(Kind::ScaledObject, &metadata, &spec)
}
