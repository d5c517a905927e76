//! How far a Deployment is, from what it says itself. Pure.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentCondition, DeploymentStatus};
use kube::ResourceExt;

use super::outcome::Rollout;

/// Available, as kstatus reads a Deployment, once its controller has seen the current generation and
/// every replica is of the current template and available. Its own condition `Available` says less:
/// with one replica and `maxUnavailable: 1` it is true while no pod runs.
pub fn rollout(deployment: &Deployment) -> Rollout {
    let wanted = deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or(1);
    let status = deployment.status.clone().unwrap_or_default();
    let seen = status.observed_generation >= deployment.metadata.generation;
    if seen && let Some(failure) = deadline_exceeded(&status) {
        return Rollout::Failed(format!(
            "Deployment {}: {}",
            deployment.name_any(),
            failure
                .message
                .as_deref()
                .unwrap_or("no progress within its deadline")
        ));
    }
    let updated = status.updated_replicas.unwrap_or_default();
    let older = status.replicas.unwrap_or_default() - updated;
    let available = status.available_replicas.unwrap_or_default();
    if seen && updated >= wanted && older <= 0 && available >= wanted {
        return Rollout::Available;
    }
    if let Some(refused) = condition(&status, "ReplicaFailure").filter(|it| it.status == "True") {
        return Rollout::Progressing(format!(
            "Deployment {}: its pods cannot be made: {}",
            deployment.name_any(),
            refused.message.as_deref().unwrap_or("no reason given")
        ));
    }
    let name = deployment.name_any();
    Rollout::Progressing(if !seen || updated < wanted || older > 0 {
        format!("Deployment {name}: {updated} of {wanted} replicas are of the current revision")
    } else {
        format!(
            "Deployment {name}: {} of {wanted} replicas are available; the others are being scheduled, load the model or are not ready",
            available.min(wanted)
        )
    })
}

fn deadline_exceeded(status: &DeploymentStatus) -> Option<&DeploymentCondition> {
    condition(status, "Progressing").filter(|condition| {
        condition.status == "False"
            && condition.reason.as_deref() == Some("ProgressDeadlineExceeded")
    })
}

fn condition<'a>(status: &'a DeploymentStatus, type_: &str) -> Option<&'a DeploymentCondition> {
    status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == type_)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(status: serde_json::Value) -> Rollout {
        let deployment = serde_json::json!({
            "metadata": {"name": "chat", "generation": 3}, "spec": {"replicas": 2, "selector": {}, "template": {}},
            "status": status,
        });
        rollout(&serde_json::from_value(deployment).unwrap())
    }

    #[test]
    fn available_is_what_the_current_generation_says() {
        let complete = serde_json::json!({
            "observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2,
        });
        assert_eq!(state(complete.clone()), Rollout::Available);
        for (field, value) in [
            ("observedGeneration", serde_json::json!(2)),
            ("updatedReplicas", serde_json::json!(1)),
            ("replicas", serde_json::json!(3)),
            ("availableReplicas", serde_json::json!(1)),
        ] {
            let mut status = complete.clone();
            status[field] = value;
            assert!(matches!(state(status), Rollout::Progressing(_)), "{field}");
        }
        assert!(matches!(
            state(serde_json::json!({})),
            Rollout::Progressing(_)
        ));
    }

    #[test]
    fn what_the_deployment_calls_available_may_be_no_pod_at_all() {
        let status = serde_json::json!({
            "observedGeneration": 3, "replicas": 2, "updatedReplicas": 2,
            "conditions": [{"type": "Available", "status": "True"}],
        });
        assert!(matches!(state(status), Rollout::Progressing(_)));
    }

    #[test]
    fn pods_that_cannot_be_made_are_told() {
        let status = serde_json::json!({
            "observedGeneration": 3,
            "conditions": [{
                "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
                "message": "pods \"chat-1\" is forbidden: exceeded quota",
            }],
        });
        let Rollout::Progressing(awaited) = state(status) else {
            panic!("not progressing")
        };
        assert!(awaited.contains("exceeded quota"), "{awaited}");
    }

    #[test]
    fn a_missed_deadline_is_a_failure() {
        let status = serde_json::json!({
            "observedGeneration": 3, "replicas": 2, "updatedReplicas": 2,
            "conditions": [{
                "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
                "message": "ReplicaSet \"chat-1\" has timed out progressing.",
            }],
        });
        let Rollout::Failed(problem) = state(status) else {
            panic!("not failed")
        };
        assert_eq!(
            problem,
            "Deployment chat: ReplicaSet \"chat-1\" has timed out progressing."
        );
    }
}
