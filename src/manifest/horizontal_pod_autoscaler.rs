//! The HorizontalPodAutoscaler.

use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscaler,
    HorizontalPodAutoscalerBehavior, HorizontalPodAutoscalerSpec, MetricIdentifier, MetricSpec,
    MetricTarget, PodsMetricSource,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::autoscaling::Autoscaling;
use super::names;
use super::object::{Kind, Object};
use super::plan::Plan;

/// The metric that the adapter for Prometheus has to make; docs/manifests.md has its rule.
const METRIC: &str = "vllm_requests_in_flight";

pub(super) fn horizontal_pod_autoscaler(plan: &Plan<'_>, autoscaling: &Autoscaling<'_>) -> Object {
    let autoscaler = HorizontalPodAutoscaler {
        metadata: names::metadata(&plan.name, &plan.namespace),
        spec: Some(HorizontalPodAutoscalerSpec {
            scale_target_ref: CrossVersionObjectReference {
                api_version: Some("apps/v1".into()),
                kind: "Deployment".into(),
                name: plan.deployment_name(),
            },
            min_replicas: Some(autoscaling.min_replicas),
            max_replicas: autoscaling.max_replicas,
            metrics: Some(vec![MetricSpec {
                type_: "Pods".into(),
                pods: Some(PodsMetricSource {
                    metric: MetricIdentifier {
                        name: METRIC.into(),
                        selector: None,
                    },
                    target: MetricTarget {
                        type_: "AverageValue".into(),
                        average_value: Some(tenths(autoscaling.in_flight_tenths)),
                        ..Default::default()
                    },
                }),
                ..Default::default()
            }]),
            behavior: Some(behavior(autoscaling)),
        }),
        status: None,
    };
    Object::new(Kind::HorizontalPodAutoscaler, &autoscaler)
}

/// Up as fast as Kubernetes does by itself; down one by one.
pub(super) fn behavior(autoscaling: &Autoscaling<'_>) -> HorizontalPodAutoscalerBehavior {
    HorizontalPodAutoscalerBehavior {
        scale_down: Some(HPAScalingRules {
            stabilization_window_seconds: Some(autoscaling.scale_down_stabilization_s),
            policies: Some(vec![HPAScalingPolicy {
                type_: "Pods".into(),
                value: 1,
                period_seconds: 60,
            }]),
            ..Default::default()
        }),
        scale_up: None,
    }
}

/// As the API server writes it, so that what is live is what was rendered.
fn tenths(tenths: i64) -> Quantity {
    Quantity(match tenths % 10 {
        0 => (tenths / 10).to_string(),
        _ => format!("{}m", tenths * 100),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_canonical() {
        assert_eq!(tenths(135).0, "13500m");
        assert_eq!(tenths(130).0, "13");
    }
}
