//! A workload checked: what the objects are made of, each value known to be possible.

use std::collections::BTreeMap;

use super::error::BuildError;
use super::image::Image;
use super::names::{Namespace, ObjectName};
use super::{Workload, engine, names, overrides};
use crate::api::{RuntimeSpec, RuntimeTarget};
use crate::catalog::{Hardware, Model};
use crate::recommend::{Candidate, Requirement};

/// What the objects are made of.
#[derive(Clone, Debug)]
pub(super) struct Plan<'a> {
    pub(super) name: ObjectName,
    pub(super) namespace: Namespace,
    pub(super) requirement: &'a Requirement,
    pub(super) candidate: &'a Candidate,
    pub(super) runtime: Option<&'a RuntimeSpec>,
    pub(super) hardware: &'a Hardware,
    /// GPUs of one replica, at least 1.
    pub(super) gpus: u32,
    pub(super) image: Image,
    /// The image that would run without an override.
    pub(super) benchmarked_image: String,
    /// What the catalog knows of the model.
    pub(super) known_model: Option<&'a Model>,
    /// What a start loads; where the catalog does not know the model, what its GPUs can hold.
    pub(super) weight_bytes: u64,
    /// Prompt and output of a request, tokens.
    pub(super) needed_tokens: i64,
    /// Longest sequence, tokens.
    pub(super) max_model_len: i64,
    /// Arguments that repeat the benchmark's engine settings.
    pub(super) engine_args: Vec<String>,
    /// Digest of the spec that the recommendation answers.
    pub(super) asked: &'a str,
    /// Replicas beyond those that the demand needs.
    pub(super) spare_replicas: i32,
}

impl Plan<'_> {
    /// Which object runs the model.
    pub(super) fn target(&self) -> RuntimeTarget {
        self.runtime.map_or_else(Default::default, |r| r.target)
    }

    /// The Deployment of the pods: Compass's own, or the one that KServe makes.
    pub(super) fn deployment_name(&self) -> String {
        match self.target() {
            RuntimeTarget::Deployment => self.name.as_str().to_owned(),
            RuntimeTarget::LLMInferenceService => format!("{}-kserve", self.name.as_str()),
        }
    }

    /// Labels that find the pods: Compass's own, or those that KServe gives them.
    pub(super) fn pods(&self) -> BTreeMap<String, String> {
        match self.target() {
            RuntimeTarget::Deployment => names::selector(&self.name),
            RuntimeTarget::LLMInferenceService => names::kserve_selector(&self.name),
        }
    }

    /// Hugging Face repository, checked to be one.
    pub(super) fn model(&self) -> &str {
        self.candidate.configuration.model.as_str()
    }
}

pub(super) fn plan<'a>(workload: &Workload<'a>) -> Result<Plan<'a>, BuildError> {
    let configuration = &workload.candidate.configuration;
    let model_name = configuration.model.as_str();
    if !is_repository(model_name) {
        return Err(BuildError::Model(model_name.to_owned()));
    }
    check_framework(workload.candidate)?;
    let hardware = hardware(workload)?;
    let gpus = u32::try_from(configuration.hardware_count)
        .ok()
        .filter(|gpus| *gpus > 0)
        .ok_or(BuildError::GpuCount(configuration.hardware_count))?;
    if let Some(gpus_per_node) = hardware.gpus_per_node.filter(|most| gpus > *most) {
        return Err(BuildError::NodeTooSmall {
            gpus,
            gpus_per_node,
            hardware: configuration.hardware.to_string(),
        });
    }
    if let Some(runtime) = workload.runtime {
        overrides::check(runtime)?;
    }
    let model = workload.catalog.model(&configuration.model);
    let image = |given| {
        let version = configuration.framework_version.as_deref();
        Image::choose(given, version, hardware.vendor, workload.settings)
    };
    Ok(Plan {
        name: ObjectName::new(workload.name)?,
        namespace: Namespace::new(workload.namespace)?,
        requirement: workload.requirement,
        candidate: workload.candidate,
        runtime: workload.runtime,
        hardware,
        gpus,
        image: image(
            workload
                .runtime
                .and_then(|runtime| runtime.image.as_deref()),
        ),
        benchmarked_image: image(None).reference,
        known_model: model,
        weight_bytes: model.map_or_else(
            || memory_bytes(hardware, gpus),
            |m| m.published_weight_bytes(),
        ),
        needed_tokens: needed_tokens(workload),
        max_model_len: max_model_len(workload, model)?,
        engine_args: engine::args(configuration, model)?,
        asked: workload.asked,
        spare_replicas: workload
            .requirement
            .demand
            .as_ref()
            .map_or(0, |demand| demand.spare_replicas),
    })
}

/// Whether Hugging Face takes it as `name` or `owner/name`. Nothing else becomes an argument: such
/// a name cannot be a flag, a path upwards or one of the `$(VARIABLE)` that a kubelet expands.
fn is_repository(name: &str) -> bool {
    let is_part = |part: &str| {
        (1..=96).contains(&part.len())
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
            && !part.starts_with(['-', '.'])
            && !part.ends_with(['-', '.'])
            && !part.contains("--")
            && !part.contains("..")
    };
    match name.split_once('/') {
        None => is_part(name),
        Some((owner, name)) => is_part(owner) && is_part(name),
    }
}

/// An unrecorded framework counts as vLLM.
fn check_framework(candidate: &Candidate) -> Result<(), BuildError> {
    match candidate.configuration.framework.as_deref() {
        Some(framework) if !framework.eq_ignore_ascii_case("vllm") => Err(BuildError::Framework {
            model: candidate.configuration.model.to_string(),
            framework: framework.to_owned(),
        }),
        _ => Ok(()),
    }
}

fn hardware<'a>(workload: &Workload<'a>) -> Result<&'a Hardware, BuildError> {
    let name = &workload.candidate.configuration.hardware;
    let hardware = workload
        .catalog
        .hardware(name)
        .ok_or_else(|| BuildError::UnknownHardware(name.to_string()))?;
    if hardware.node_labels.is_empty() {
        return Err(BuildError::NoNodeLabels(name.to_string()));
    }
    Ok(hardware)
}

fn memory_bytes(hardware: &Hardware, gpus: u32) -> u64 {
    (u64::from(hardware.memory_gib) << 30).saturating_mul(u64::from(gpus))
}

fn needed_tokens(workload: &Workload<'_>) -> i64 {
    let profile = workload.requirement.profile;
    i64::from(profile.prompt_tokens) + i64::from(profile.output_tokens)
}

/// The intent's length, which may be too short for the profile, else twice the profile's and at least 512 tokens more, within the model's
/// context: lengths vary (the standard workload's by a quarter, so twice is four standard
/// deviations), and a chat template adds tokens that no profile counts.
fn max_model_len(workload: &Workload<'_>, model: Option<&Model>) -> Result<i64, BuildError> {
    let profile = workload.requirement.profile;
    let needed = needed_tokens(workload);
    if let Some(model) = model
        && i64::from(model.context_length) < needed
    {
        return Err(BuildError::ContextTooShort {
            model: workload.candidate.configuration.model.to_string(),
            context_length: model.context_length,
            profile,
            needed,
        });
    }
    if let Some(given) = workload.runtime.and_then(|runtime| runtime.max_model_len) {
        return Ok(given.into());
    }
    let roomy = (2 * needed).max(needed + 512);
    Ok(model.map_or(roomy, |model| roomy.min(i64::from(model.context_length))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::benchmark::{HardwareName, ModelName, TrafficProfile};
    use crate::manifest::test_support::Example;

    fn refused(change: impl FnOnce(&mut Example)) -> BuildError {
        let mut example = Example::default();
        change(&mut example);
        example.try_plan().unwrap_err()
    }

    #[test]
    fn only_a_repository_becomes_an_argument() {
        for name in [
            "gpt2",
            "Qwen/Qwen3-32B",
            "a/b_c.d-1",
            &format!("a/{}", "b".repeat(96)),
        ] {
            assert!(is_repository(name), "{name:?}");
        }
        let long = format!("a/{}", "b".repeat(500));
        for name in [
            "",
            "/",
            "a/",
            "/a",
            "a/b/c",
            "--trust-remote-code",
            "-m",
            "a/-b",
            "../etc/passwd",
            "..",
            "a/b; rm -rf /",
            "$(HF_TOKEN)",
            "a/$(HF_TOKEN)",
            "a/b\n---\nkind: Pod",
            "a'b",
            "a\"b",
            "模型/模型",
            "a b",
            "{{ a }}",
            " a",
            "a ",
            &long,
        ] {
            let error = refused(|e| e.candidate.configuration.model = ModelName::new(name));
            assert_eq!(error, BuildError::Model(name.into()));
            assert!(
                error.to_string().len() < 700 && !error.to_string().contains('\n'),
                "{error}"
            );
        }
    }

    #[test]
    fn another_server_is_refused() {
        let error = refused(|e| e.candidate.configuration.framework = Some("sglang".into()));
        assert!(
            error
                .to_string()
                .contains("was benchmarked with \"sglang\""),
            "{error}"
        );
        let mut example = Example::default();
        example.candidate.configuration.framework = Some("vLLM".into());
        assert!(example.try_plan().is_ok());
        example.candidate.configuration.framework = None;
        assert!(example.try_plan().is_ok());
    }

    #[test]
    fn unknown_hardware_names_the_remedy() {
        let error = refused(|e| e.candidate.configuration.hardware = HardwareName::new("TPU-v9"));
        assert_eq!(error, BuildError::UnknownHardware("TPU-v9".into()));
        assert!(error.to_string().contains("--catalog-hardware"), "{error}");
    }

    #[test]
    fn a_replica_has_a_gpu() {
        for count in [0, -1, i32::MIN] {
            let error = refused(|e| e.candidate.configuration.hardware_count = count);
            assert_eq!(error, BuildError::GpuCount(count));
        }
    }

    #[test]
    fn a_replica_fits_a_node() {
        let error = refused(|e| e.candidate.configuration.hardware_count = 9);
        assert_eq!(
            error,
            BuildError::NodeTooSmall {
                gpus: 9,
                gpus_per_node: 8,
                hardware: "H100".into()
            }
        );
    }

    fn len(prompt_tokens: i32, output_tokens: i32, given: Option<i32>) -> Result<i64, BuildError> {
        let mut example = Example::default();
        example.requirement.profile = TrafficProfile {
            prompt_tokens,
            output_tokens,
        };
        example.runtime.max_model_len = given;
        example.try_plan().map(|plan| plan.max_model_len)
    }

    #[test]
    fn the_context_holds_the_profile_with_slack() {
        assert_eq!(len(512, 256, None), Ok(1536));
        assert_eq!(len(10240, 1536, None), Ok(23552));
        assert_eq!(len(10, 10, None), Ok(532));
        // Qwen3-32B reads 40,960 tokens.
        assert_eq!(len(30_000, 10_000, None), Ok(40_960));
        assert_eq!(len(512, 256, Some(100)), Ok(100));
        assert_eq!(len(512, 256, Some(40_960)), Ok(40_960));
    }

    #[test]
    fn a_model_that_cannot_serve_the_profile_is_refused() {
        assert!(matches!(
            len(40_000, 961, None),
            Err(BuildError::ContextTooShort { needed: 40_961, .. })
        ));
        assert!(matches!(
            len(i32::MAX, i32::MAX, None),
            Err(BuildError::ContextTooShort {
                needed: 4_294_967_294,
                ..
            })
        ));
    }

    #[test]
    fn an_unknown_model_may_be_as_large_as_its_gpus() {
        let mut example = Example::default();
        example.candidate.configuration.model = ModelName::new("acme/unknown");
        // 2 x 80 GiB.
        assert_eq!(example.plan().weight_bytes, 171_798_691_840);
        assert_eq!(example.plan().max_model_len, 1536);
    }
}
