//! The claim for the model's files.

use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimSpec, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::autoscaling::autoscaling;
use super::names::annotation;
use super::object::{Kind, Object};
use super::plan::Plan;
use super::{names, resources};
use crate::api::{AccessMode, ModelCacheSpec};

pub(super) const SUFFIX: &str = "model-cache";
/// Steps of the derived size, GiB, so that models of about the same size claim the same.
const STEP_GIB: u64 = 10;

/// The claim that holds the model's files: the one that is made with the workload, or one that is
/// there already.
pub(super) fn claim_name(plan: &Plan<'_>) -> Option<String> {
    let runtime = plan.runtime?;
    match runtime.model_cache {
        Some(_) => Some(format!("{}-{SUFFIX}", plan.name.as_str())),
        None => runtime.model_cache_claim.clone(),
    }
}

/// The claim that is made with the workload.
pub(super) fn claim(plan: &Plan<'_>) -> Option<Object> {
    let spec = plan.runtime?.model_cache.as_ref()?;
    let mut metadata = names::metadata_of(&plan.name, SUFFIX, &plan.namespace);
    metadata.annotations = Some([(annotation::RETAIN.to_owned(), spec.retain.to_string())].into());
    let claim = PersistentVolumeClaim {
        metadata,
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(
                access_modes(plan, spec)
                    .iter()
                    .map(|mode| mode.as_str().to_owned())
                    .collect(),
            ),
            resources: Some(VolumeResourceRequirements {
                requests: Some([("storage".to_owned(), size(plan, spec))].into()),
                limits: None,
            }),
            storage_class_name: spec.storage_class_name.clone(),
            ..Default::default()
        }),
        status: None,
    };
    Some(Object::new(Kind::PersistentVolumeClaim, &claim))
}

/// The weights of this model and of the next, since the hub's cache keeps both while one replaces
/// the other, and a quarter more for tokenizers and unfinished downloads.
fn size(plan: &Plan<'_>, spec: &ModelCacheSpec) -> Quantity {
    if let Some(size) = &spec.size {
        return Quantity(size.clone());
    }
    let gib = plan
        .weight_bytes
        .div_ceil(1 << 30)
        .saturating_mul(5)
        .div_ceil(2);
    resources::quantity(gib.next_multiple_of(STEP_GIB), "Gi")
}

/// Whether the claim that is made with the workload is one node's at a time.
pub(super) fn is_of_one_node(plan: &Plan<'_>) -> bool {
    let spec = plan
        .runtime
        .and_then(|runtime| runtime.model_cache.as_ref());
    spec.is_some_and(|spec| !access_modes(plan, spec).contains(&AccessMode::ReadWriteMany))
}

/// Several replicas are on several nodes.
fn access_modes(plan: &Plan<'_>, spec: &ModelCacheSpec) -> Vec<AccessMode> {
    let derived = if plan.candidate.replicas > 1 || autoscaling(plan).is_some() {
        AccessMode::ReadWriteMany
    } else {
        AccessMode::ReadWriteOnce
    };
    spec.access_modes.clone().unwrap_or_else(|| vec![derived])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::AutoscalingSpec;
    use crate::manifest::test_support::Example;

    fn example(cache: &str) -> Example {
        let mut example = Example::default();
        example.runtime.model_cache = Some(serde_saphyr::from_str(cache).unwrap());
        example
    }

    fn claim_of(example: &Example) -> serde_json::Value {
        claim(&example.plan()).unwrap().content
    }

    #[test]
    fn the_size_holds_this_model_and_the_next() {
        // 65.5 GB = 62 GiB, x 2.5 = 155, in steps of 10.
        let claim = claim_of(&example("{}"));
        assert_eq!(claim["metadata"]["name"], "support-chat-model-cache");
        assert_eq!(
            claim["spec"]["resources"]["requests"],
            json!({"storage": "160Gi"})
        );
        assert_eq!(
            claim["metadata"]["annotations"],
            json!({"compass.dev/retain": "true"})
        );
        let claim = claim_of(&example(
            "{size: 1Ti, storageClassName: fast, retain: false}",
        ));
        assert_eq!(claim["spec"]["resources"]["requests"]["storage"], "1Ti");
        assert_eq!(claim["spec"]["storageClassName"], "fast");
        assert_eq!(
            claim["metadata"]["annotations"],
            json!({"compass.dev/retain": "false"})
        );
    }

    #[test]
    fn several_replicas_share_it() {
        let modes = |example: &Example| claim_of(example)["spec"]["accessModes"].clone();
        let mut example = example("{}");
        assert_eq!(modes(&example), json!(["ReadWriteMany"]));
        example.candidate.replicas = 1;
        assert_eq!(modes(&example), json!(["ReadWriteOnce"]));
        example.runtime.autoscaling = Some(AutoscalingSpec::default());
        assert_eq!(modes(&example), json!(["ReadWriteMany"]));
        let given = self::example("{accessModes: [ReadWriteOncePod]}");
        assert_eq!(modes(&given), json!(["ReadWriteOncePod"]));
    }

    #[test]
    fn a_claim_of_one_node_is_let_go_before_the_next_pod_asks_for_it() {
        let surge = |example: &Example| {
            let deployment = crate::manifest::deployment::deployment(&example.plan());
            let strategy = deployment.spec.unwrap().strategy.unwrap();
            let update = strategy.rolling_update.unwrap();
            json!([update.max_surge, update.max_unavailable])
        };
        let mut example = example("{}");
        assert_eq!(surge(&example), json!([1, 0]));
        example.candidate.replicas = 1;
        assert_eq!(surge(&example), json!([0, 1]));
    }

    #[test]
    fn the_pods_mount_it_and_leave_the_nodes_disk_alone() {
        let example = example("{}");
        let pod = crate::manifest::deployment::pod(&example.plan());
        let volume = pod.volumes.unwrap().remove(0);
        assert_eq!(
            volume.persistent_volume_claim.unwrap().claim_name,
            "support-chat-model-cache"
        );
        let requests = pod.containers[0]
            .resources
            .clone()
            .unwrap()
            .requests
            .unwrap();
        assert_eq!(requests["ephemeral-storage"].0, "10Gi");
    }
}
