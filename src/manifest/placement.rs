//! Where pods may run: on the hardware that was benchmarked, apart from each other where possible.

use k8s_openapi::api::core::v1::{
    Affinity, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodSpec,
    Toleration, TopologySpreadConstraint,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::plan::Plan;
use crate::catalog::Hardware;

/// Nodes that carry the GPU under any of its names. Clouds and device plugins label it under
/// different keys, and terms are ORed, so each key is a term of its own.
pub(super) fn affinity(hardware: &Hardware) -> Affinity {
    let terms = hardware
        .node_labels
        .iter()
        .map(|(key, values)| NodeSelectorTerm {
            match_expressions: Some(vec![NodeSelectorRequirement {
                key: key.clone(),
                operator: "In".into(),
                values: Some(values.clone()),
            }]),
            ..Default::default()
        });
    Affinity {
        node_affinity: Some(NodeAffinity {
            required_during_scheduling_ignored_during_execution: Some(NodeSelector {
                node_selector_terms: terms.collect(),
            }),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Whether every node that may run `pod` carries the GPU: by its labels in each term of the
/// affinity, or in the selector.
pub(super) fn pins(plan: &Plan<'_>, pod: &PodSpec) -> bool {
    let carries = |key: &str, values: &[String]| {
        let known = plan.hardware.node_labels.get(key);
        !values.is_empty()
            && known.is_some_and(|known| values.iter().all(|value| known.contains(value)))
    };
    let is_pinned = |term: &NodeSelectorTerm| {
        let mut wanted = term.match_expressions.iter().flatten();
        wanted
            .any(|it| it.operator == "In" && carries(&it.key, it.values.as_deref().unwrap_or(&[])))
    };
    let mut selector = pod.node_selector.iter().flatten();
    let terms = pod
        .affinity
        .as_ref()
        .and_then(|affinity| affinity.node_affinity.as_ref())
        .and_then(|affinity| {
            affinity
                .required_during_scheduling_ignored_during_execution
                .as_ref()
        })
        .map_or(&[][..], |required| &required.node_selector_terms);
    selector.any(|(key, value)| carries(key, std::slice::from_ref(value)))
        || (!terms.is_empty() && terms.iter().all(is_pinned))
}

/// GPU nodes are tainted with their resource's name, to keep other pods off.
pub(super) fn toleration(hardware: &Hardware) -> Toleration {
    Toleration {
        key: Some(hardware.vendor.resource_name().into()),
        operator: Some("Exists".into()),
        effect: Some("NoSchedule".into()),
        ..Default::default()
    }
}

/// The loss of a node should not take every replica; but GPUs are scarce, so a replica next to
/// another beats none.
pub(super) fn spread(plan: &Plan<'_>) -> TopologySpreadConstraint {
    TopologySpreadConstraint {
        max_skew: 1,
        topology_key: "kubernetes.io/hostname".into(),
        when_unsatisfiable: "ScheduleAnyway".into(),
        label_selector: Some(LabelSelector {
            match_labels: Some(plan.pods()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::benchmark::HardwareName;
    use crate::manifest::test_support::Example;

    #[test]
    fn one_term_for_each_label_key() {
        let example = Example::default();
        let affinity = serde_json::to_value(affinity(example.plan().hardware)).unwrap();
        let terms = &affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"];
        assert_eq!(
            terms,
            &serde_json::json!([
                {"matchExpressions": [{
                    "key": "cloud.google.com/gke-accelerator", "operator": "In",
                    "values": ["nvidia-h100-80gb", "nvidia-h100-mega-80gb"],
                }]},
                {"matchExpressions": [{
                    "key": "nvidia.com/gpu.product", "operator": "In",
                    "values": ["NVIDIA-H100-80GB-HBM3"],
                }]},
            ])
        );
    }

    #[test]
    fn amd_gpus_are_tolerated_by_their_own_name() {
        let mut example = Example::default();
        example.candidate.configuration.hardware = HardwareName::new("MI300X");
        assert_eq!(
            toleration(example.plan().hardware).key.as_deref(),
            Some("amd.com/gpu")
        );
    }
}
