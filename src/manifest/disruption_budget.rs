//! The PodDisruptionBudget: how many replicas a drain of nodes may take away at once.

use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::autoscaling::autoscaling;
use super::names;
use super::object::{Kind, Object};
use super::plan::Plan;

/// As many replicas as are spare, so that the demand with headroom is still served; one where none
/// is spare, since a budget of none would hold up every drain for ever. A single replica gets no
/// budget for the same reason: whoever drains its node interrupts the service, with or without one.
pub(super) fn disruption_budget(plan: &Plan<'_>) -> Option<Object> {
    let may_be_several = plan.candidate.replicas > 1 || autoscaling(plan).is_some();
    let budget = PodDisruptionBudget {
        metadata: names::metadata(&plan.name, &plan.namespace),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(plan.spare_replicas.max(1))),
            selector: Some(LabelSelector {
                match_labels: Some(plan.pods()),
                ..Default::default()
            }),
            // A replica that serves nothing holds up no drain.
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".into()),
            ..Default::default()
        }),
        status: None,
    };
    may_be_several.then(|| Object::new(Kind::PodDisruptionBudget, &budget))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::AutoscalingSpec;
    use crate::manifest::test_support::Example;
    use crate::recommend::test_support::requirement;

    fn max_unavailable(example: &Example) -> Option<i64> {
        let budget = disruption_budget(&example.plan())?;
        budget.content["spec"]["maxUnavailable"].as_i64()
    }

    #[test]
    fn spare_replicas_may_go_and_at_least_one() {
        let mut example = Example::default();
        assert_eq!(max_unavailable(&example), Some(1));
        example.requirement = requirement(
            "{useCase: chatbot_conversational, demand: {requestsPerSecond: 5, spareReplicas: 2}}",
        );
        assert_eq!(max_unavailable(&example), Some(2));
    }

    #[test]
    fn a_single_replica_holds_up_no_drain() {
        let mut example = Example::default();
        example.candidate.replicas = 1;
        assert_eq!(max_unavailable(&example), None);
        example.runtime.autoscaling = Some(AutoscalingSpec::default());
        assert_eq!(max_unavailable(&example), Some(1));
    }
}
