//! What a ResourceQuota leaves of what a replica asks for. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceQuota;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::amounts::Amounts;
use crate::controller::quantity::whole;

/// Scopes that a vLLM pod is in.
const OURS: [&str; 2] = ["NotTerminating", "NotBestEffort"];

/// What counts of a quota.
#[derive(PartialEq, Eq)]
pub struct Quota {
    /// GPUs that it allows, and those that are used, by resource.
    gpus: BTreeMap<String, (u64, u64)>,
    /// What it leaves of everything else.
    pub rest: Amounts,
}

impl Quota {
    /// GPUs of a resource that may still be asked for, and that are used; nothing where the quota does
    /// not limit it.
    pub fn left(&self, resource: &str) -> Option<(u64, u64)> {
        let (most, used) = self.gpus.get(resource)?;
        Some((most.saturating_sub(*used), *used))
    }
}

/// What counts of a quota; nothing where it does not limit pods such as vLLM's. Quotas know extended
/// resources by `requests.` alone.
pub fn quota(quota: &ResourceQuota) -> Option<Quota> {
    let spec = quota.spec.as_ref()?;
    let is_ours = spec.scope_selector.is_none()
        && spec
            .scopes
            .iter()
            .flatten()
            .all(|scope| OURS.contains(&scope.as_str()));
    let hard = spec.hard.as_ref()?;
    let used = quota.status.as_ref().and_then(|it| it.used.as_ref());
    let gpus: BTreeMap<_, _> = hard
        .iter()
        .filter_map(|(name, most)| {
            let resource = name
                .strip_prefix("requests.")
                .filter(|it| it.ends_with("/gpu"))?;
            let used = used.and_then(|used| used.get(name)).and_then(whole);
            Some((resource.to_owned(), (whole(most)?, used.unwrap_or(0))))
        })
        .collect();
    let used = used.map(requests).unwrap_or_default();
    let rest = Amounts::at_most(&requests(hard)).less(Amounts::of(&used));
    (is_ours && (!gpus.is_empty() || rest.is_limited())).then_some(Quota { gpus, rest })
}

/// By the names that pods have for it.
fn requests(amounts: &BTreeMap<String, Quantity>) -> BTreeMap<String, Quantity> {
    let names = [
        ("cpu", "cpu"),
        ("requests.cpu", "cpu"),
        ("memory", "memory"),
        ("requests.memory", "memory"),
        ("pods", "pods"),
    ];
    let amount = |(name, as_asked): (&str, &str)| {
        let amount = amounts.get(name)?.clone();
        Some((as_asked.to_owned(), amount))
    };
    names.into_iter().filter_map(amount).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(spec: serde_json::Value) -> Option<(u64, u64)> {
        let quota = serde_json::json!({"metadata": {"name": "gpus"}, "spec": spec,
            "status": {"used": {"requests.nvidia.com/gpu": "5"}}});
        let quota: ResourceQuota = serde_json::from_value(quota).unwrap();
        super::quota(&quota)?.left("nvidia.com/gpu")
    }

    #[test]
    fn what_is_left_of_gpus() {
        let hard = serde_json::json!({"requests.nvidia.com/gpu": "8", "cpu": "10"});
        assert_eq!(left(serde_json::json!({"hard": hard})), Some((3, 5)));
        let lowered = serde_json::json!({"hard": {"requests.nvidia.com/gpu": "4"}});
        assert_eq!(left(lowered), Some((0, 5)));
        assert_eq!(left(serde_json::json!({"hard": {"cpu": "10"}})), None);
        assert_eq!(
            left(serde_json::json!({"hard": {"requests.amd.com/gpu": "1"}})),
            None
        );
    }

    #[test]
    fn a_quota_for_other_pods_does_not_count() {
        let of = |scope: &str| {
            left(serde_json::json!({"hard": {"requests.nvidia.com/gpu": "8"}, "scopes": [scope]}))
        };
        assert_eq!(of("NotTerminating"), Some((3, 5)));
        assert_eq!(of("Terminating"), None);
    }

    #[test]
    fn what_is_left_of_cpus_memory_and_pods() {
        let fit = |hard: serde_json::Value, used: serde_json::Value| {
            let quota = serde_json::json!({"spec": {"hard": hard}, "status": {"used": used}});
            let quota = super::quota(&serde_json::from_value(quota).unwrap())?;
            let asked = serde_json::json!({"cpu": "3", "memory": "10Gi", "nvidia.com/gpu": "1"});
            Some(
                quota
                    .rest
                    .times(Amounts::of(&serde_json::from_value(asked).unwrap())),
            )
        };
        let none = || serde_json::json!({});
        for (expected, hard, used) in [
            (Some(3), serde_json::json!({"requests.cpu": "10"}), none()),
            (
                Some(2),
                serde_json::json!({"cpu": "10"}),
                serde_json::json!({"cpu": "4"}),
            ),
            (
                Some(0),
                serde_json::json!({"cpu": "1"}),
                serde_json::json!({"cpu": "4"}),
            ),
            (
                Some(2),
                serde_json::json!({"requests.memory": "25Gi"}),
                none(),
            ),
            (
                Some(1),
                serde_json::json!({"pods": "4"}),
                serde_json::json!({"pods": "3"}),
            ),
            (
                None,
                serde_json::json!({"limits.cpu": "1", "services": "1"}),
                none(),
            ),
        ] {
            assert_eq!(fit(hard.clone(), used), expected, "{hard}");
        }
    }
}
