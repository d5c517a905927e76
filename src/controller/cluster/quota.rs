//! What a ResourceQuota leaves of GPUs. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceQuota;

use crate::controller::quantity::whole;

/// Scopes that a vLLM pod is in.
const OURS: [&str; 2] = ["NotTerminating", "NotBestEffort"];

/// GPUs that a quota allows, and those that are used, by resource.
#[derive(PartialEq, Eq)]
pub struct GpuQuota(BTreeMap<String, (u64, u64)>);

impl GpuQuota {
    /// GPUs of a resource that may still be asked for, and that are used; nothing where the quota does
    /// not limit it.
    pub fn left(&self, resource: &str) -> Option<(u64, u64)> {
        let (most, used) = self.0.get(resource)?;
        Some((most.saturating_sub(*used), *used))
    }
}

/// What counts of a quota; nothing where it does not limit the GPUs of pods such as vLLM's. Quotas
/// know extended resources by `requests.` alone.
pub fn gpu_quota(quota: &ResourceQuota) -> Option<GpuQuota> {
    let spec = quota.spec.as_ref()?;
    let is_ours = spec.scope_selector.is_none()
        && spec
            .scopes
            .iter()
            .flatten()
            .all(|scope| OURS.contains(&scope.as_str()));
    let used = quota
        .status
        .as_ref()
        .and_then(|status| status.used.as_ref());
    let limits: BTreeMap<_, _> = spec
        .hard
        .iter()
        .flatten()
        .filter_map(|(name, most)| {
            let resource = name
                .strip_prefix("requests.")
                .filter(|it| it.ends_with("/gpu"))?;
            let used = used.and_then(|used| used.get(name)).and_then(whole);
            Some((resource.to_owned(), (whole(most)?, used.unwrap_or(0))))
        })
        .collect();
    (is_ours && !limits.is_empty()).then_some(GpuQuota(limits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(spec: serde_json::Value) -> Option<(u64, u64)> {
        let quota = serde_json::json!({"metadata": {"name": "gpus"}, "spec": spec,
            "status": {"used": {"requests.nvidia.com/gpu": "5"}}});
        let quota: ResourceQuota = serde_json::from_value(quota).unwrap();
        gpu_quota(&quota)?.left("nvidia.com/gpu")
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
}
