//! Whether vLLM can start with what the pods have.

use k8s_openapi::api::core::v1::PodSpec;

use super::deviation::max_model_len;
use super::engine_flags::EngineFlags;
use super::plan::Plan;
use super::{BuildError, deployment};

/// What would end vLLM at its start.
pub(super) fn check(plan: &Plan<'_>, pod: &PodSpec) -> Result<(), BuildError> {
    let Some(container) = deployment::engine(pod) else {
        return Ok(());
    };
    let flags = EngineFlags::of(container.args.as_deref().unwrap_or_default());
    let mut variables = container.env.iter().flatten();
    let may_be_longer = variables.any(|it| it.name == "VLLM_ALLOW_LONG_MAX_MODEL_LEN")
        || ["--hf-overrides", "--rope-scaling"]
            .iter()
            .any(|flag| flags.get(flag).is_some());
    if let (Some(model), Some(given)) = (plan.known_model, max_model_len(&flags))
        && given > i64::from(model.context_length)
        && !may_be_longer
    {
        return Err(BuildError::MaxModelLenTooLong {
            given,
            model: plan.model().to_owned(),
            context_length: model.context_length,
        });
    }
    let Some(runtime) = plan.runtime else {
        return Ok(());
    };
    let is_under = |path: &str, directory: &str| {
        path.strip_prefix(directory.trim_end_matches('/'))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let mut mounts = container.volume_mounts.iter().flatten();
    match &runtime.model_path {
        Some(path)
            if runtime.image.is_none() && !mounts.any(|it| is_under(path, &it.mount_path)) =>
        {
            Err(BuildError::ModelPathNotMounted(path.clone()))
        }
        _ => Ok(()),
    }
}

/// Whether what is in the pods finds a gated model's weights by a token, or without one.
pub(super) fn can_fetch_gated(plan: &Plan<'_>, pod: &PodSpec) -> bool {
    let Some(container) = deployment::engine(pod) else {
        return true;
    };
    let has_token = container
        .env
        .iter()
        .flatten()
        .any(|it| ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"].contains(&it.name.as_str()));
    let may_have_token = container.env_from.as_ref().is_some_and(|it| !it.is_empty());
    let is_local = EngineFlags::of(container.args.as_deref().unwrap_or_default())
        .model
        .is_some_and(|model| model.starts_with('/'));
    let claim_is_made = plan.runtime.is_some_and(|it| it.model_cache.is_some());
    let starts_empty = pod.volumes.iter().flatten().any(|volume| {
        let is_made = claim_is_made && volume.persistent_volume_claim.is_some();
        volume.name == deployment::MODEL_CACHE && (volume.empty_dir.is_some() || is_made)
    });
    has_token || may_have_token || is_local || !starts_empty
}
