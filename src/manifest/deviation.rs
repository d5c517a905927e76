//! Where the workload, as overridden and patched, is no longer what was benchmarked: it is run all
//! the same, and the prediction is not claimed of it.

use std::fmt;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::core::v1::Container;

use super::engine_flags::{EngineFlags, human_readable};
use super::plan::Plan;
use super::{
    BuildError, Kind, Object, args, deployment, image, llm_inference_service, placement,
    plain_secret, startable,
};

/// A difference between what will run and what was benchmarked, e.g. `args: --tensor-parallel-size 4,
/// benchmarked with 2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deviation(String);

impl Deviation {
    /// Longest text, bytes.
    pub const LONGEST: usize = 200;
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Flags that change neither which answers take how long nor what fits a GPU: names, addresses,
/// logs, chat formats, how the weights are fetched. Any other that the benchmarks do not record is
/// a deviation, so that a new one is not missed. `--max-model-len` is compared for itself.
const HARMLESS_FLAGS: [&str; 60] = [
    "--access-log",
    "--allow-credentials",
    "--allowed-headers",
    "--allowed-local-media-path",
    "--allowed-media-domains",
    "--allowed-methods",
    "--allowed-origins",
    "--api-key",
    "--chat-template",
    "--chat-template-content-format",
    "--code-revision",
    "--default-chat-template-kwargs",
    "--disable-access-log-for-endpoints",
    "--disable-fastapi-docs",
    "--disable-log-requests",
    "--disable-log-stats",
    "--disable-uvicorn-access-log",
    "--download-dir",
    "--enable-auto-tool-choice",
    "--enable-force-include-usage",
    "--enable-log-outputs",
    "--enable-log-requests",
    "--enable-prompt-tokens-details",
    "--enable-request-id-headers",
    "--enable-server-load-tracking",
    "--exclude-tools-when-tool-choice-none",
    "--generation-config",
    "--h11-max-header-count",
    "--h11-max-incomplete-event-size",
    "--hf-token",
    "--host",
    "--log-config-file",
    "--log-error-stack",
    "--max-log-len",
    "--max-model-len",
    "--middleware",
    "--no-enable-log-requests",
    "--otlp-traces-endpoint",
    "--override-generation-config",
    "--port",
    "--response-role",
    "--return-tokens-as-token-ids",
    "--revision",
    "--root-path",
    "--safetensors-load-strategy",
    "--seed",
    "--served-model-name",
    "--show-hidden-metrics-for-version",
    "--shutdown-timeout",
    "--ssl-ca-certs",
    "--ssl-cert-reqs",
    "--ssl-certfile",
    "--ssl-ciphers",
    "--ssl-keyfile",
    "--tokenizer-revision",
    "--tool-call-parser",
    "--tool-parser-plugin",
    "--trust-remote-code",
    "--uvicorn-log-level",
    "--reasoning-parser",
];

/// Flags of which 1 is the default, and multiply to the GPUs of a replica.
const PARALLEL_SIZES: [&str; 3] = [
    "--tensor-parallel-size",
    "--pipeline-parallel-size",
    "--data-parallel-size",
];

/// Variables that the engine, CUDA or ROCm read.
const ENGINE_VARIABLES: [&str; 10] = [
    "CUDA_", "HIP_", "HSA_", "NCCL_", "NVIDIA_", "PYTORCH_", "RCCL_", "ROCR_", "TORCH_", "VLLM_",
];

/// Those of them that only log, authenticate or say where files are.
const HARMLESS_VARIABLES: [&str; 12] = [
    "NCCL_DEBUG",
    "NVIDIA_DRIVER_CAPABILITIES",
    "VLLM_ALLOW_LONG_MAX_MODEL_LEN",
    "VLLM_API_KEY",
    "VLLM_ASSETS_CACHE",
    "VLLM_CACHE_ROOT",
    "VLLM_CONFIGURE_LOGGING",
    "VLLM_CONFIG_ROOT",
    "VLLM_DO_NOT_TRACK",
    "VLLM_HTTP_TIMEOUT_KEEP_ALIVE",
    "VLLM_LOGGING_LEVEL",
    "VLLM_NO_USAGE_STATS",
];

/// What the comparison of a workload with its evidence gives.
#[derive(Default)]
pub(super) struct Compared {
    pub(super) deviations: Vec<Deviation>,
    pub(super) lacks_token: bool,
}

/// Compares the workload, complete, with its evidence.
///
/// # Errors
/// Where vLLM could not start, or a secret would be copied.
pub(super) fn compare(plan: &Plan<'_>, workload: &Object) -> Result<Compared, BuildError> {
    let spec = match workload.kind {
        Kind::LLMInferenceService => llm_inference_service::workload(workload),
        _ => {
            let deployment = serde_json::from_value(workload.content.clone());
            deployment.map_or_else(|_| None, |it: Deployment| it.spec)
        }
    }
    .unwrap_or_default();
    let pod = spec.template.spec.clone().unwrap_or_default();
    plain_secret::check(&pod)?;
    startable::check(plan, &pod)?;
    let is_gated = plan.known_model.is_some_and(|model| model.gated);
    Ok(Compared {
        deviations: deviations(plan, &spec),
        lacks_token: is_gated && !startable::can_fetch_gated(plan, &pod),
    })
}

fn deviations(plan: &Plan<'_>, spec: &DeploymentSpec) -> Vec<Deviation> {
    let mut found = Found::default();
    let planned = plan.candidate.replicas;
    if let Some(replicas) = spec.replicas.filter(|replicas| *replicas < planned) {
        found.add(format_args!(
            "replicas: {replicas}, the demand needs {planned}"
        ));
    }
    let pod = spec.template.spec.clone().unwrap_or_default();
    if !placement::pins(plan, &pod) {
        found.add(format_args!(
            "affinity: pods may land on other nodes, benchmarked on {}",
            plan.candidate.configuration.hardware
        ));
    }
    match deployment::engine(&pod) {
        Some(container) => found.of_container(plan, container),
        None => found.add(format_args!(
            "containers: none is called {}, whose engine was benchmarked",
            deployment::CONTAINER
        )),
    }
    found.0
}

#[derive(Default)]
struct Found(Vec<Deviation>);

impl Found {
    fn add(&mut self, text: fmt::Arguments<'_>) {
        let mut text = text.to_string();
        text.truncate(text.floor_char_boundary(Deviation::LONGEST));
        self.0.push(Deviation(text));
    }

    fn of_container(&mut self, plan: &Plan<'_>, container: &Container) {
        self.of_image(plan, container);
        if container.command.as_deref() != Some(&deployment::command()) {
            self.add(format_args!(
                "command: not vllm serve, which was benchmarked"
            ));
        }
        let given = container.args.as_deref().unwrap_or_default();
        let flags = EngineFlags::of(given);
        self.of_flags(plan, &flags);
        self.of_gpus(plan, container, &flags);
        for variable in container.env.iter().flatten() {
            let name = variable.name.as_str();
            let is_engines = ENGINE_VARIABLES.iter().any(|it| name.starts_with(it));
            if is_engines && !HARMLESS_VARIABLES.contains(&name) {
                self.add(format_args!(
                    "env: {}, which the benchmarks do not record",
                    shown(name)
                ));
            }
        }
    }

    /// Without a recorded version there is nothing to contradict.
    fn of_image(&mut self, plan: &Plan<'_>, container: &Container) {
        let Some(benchmarked) = &plan.candidate.configuration.framework_version else {
            return;
        };
        let reference = container.image.as_deref().unwrap_or_default();
        if reference == plan.benchmarked_image
            || image::release_of_tag(reference) == Some(image::without_prefix(benchmarked))
        {
            return;
        }
        self.add(format_args!(
            "image: {}, benchmarked with vLLM {}",
            shown(reference),
            shown(benchmarked)
        ));
    }

    fn of_flags(&mut self, plan: &Plan<'_>, flags: &EngineFlags<'_>) {
        let benchmarked = args::args(plan);
        let benchmarked = EngineFlags::of(&benchmarked);
        if flags.model != benchmarked.model {
            self.add(format_args!(
                "args: model {}, benchmarked with {}",
                shown(flags.model.unwrap_or("unknown")),
                plan.model()
            ));
        }
        for (flag, value) in flags.iter() {
            let not_repeated = parallelism(plan, flag);
            let recorded = benchmarked.get(flag).or(not_repeated.as_deref());
            let is_default = PARALLEL_SIZES.contains(&flag) && value == "1";
            match recorded {
                _ if HARMLESS_FLAGS.contains(&flag) => {}
                Some(recorded) if is_same(recorded, value) => {}
                Some(recorded) => self.add(format_args!(
                    "args: {flag} {}, benchmarked with {recorded}",
                    shown(value)
                )),
                None if is_default => {}
                None => self.add(format_args!(
                    "args: {}, which the benchmarks do not record",
                    shown(format!("{flag} {value}").trim_end())
                )),
            }
        }
        for (flag, recorded) in benchmarked.iter() {
            let is_default = PARALLEL_SIZES.contains(&flag) && recorded == "1";
            if flags.get(flag).is_none() && !HARMLESS_FLAGS.contains(&flag) && !is_default {
                self.add(format_args!("args: no {flag}, benchmarked with {recorded}"));
            }
        }
        if let Some(tokens) = max_model_len(flags).filter(|it| *it < plan.needed_tokens) {
            self.add(format_args!(
                "args: --max-model-len {tokens}, requests of {} need {} tokens",
                plan.requirement.profile, plan.needed_tokens
            ));
        }
    }

    fn of_gpus(&mut self, plan: &Plan<'_>, container: &Container, flags: &EngineFlags<'_>) {
        let resource = plan.hardware.vendor.resource_name();
        let vendor = resource.split('/').next().unwrap_or_default();
        let limits = container
            .resources
            .as_ref()
            .and_then(|resources| resources.limits.clone())
            .unwrap_or_default();
        let benchmarked = plan.gpus;
        let gpus = limits.get(resource).map_or("no", |amount| &amount.0);
        if gpus != benchmarked.to_string() {
            self.add(format_args!(
                "resources: {} {resource}, benchmarked with {benchmarked}",
                shown(gpus)
            ));
        }
        for other in limits.keys().filter(|it| *it != resource) {
            if other.split_once('/').is_some_and(|(of, _)| of == vendor) {
                self.add(format_args!(
                    "resources: {}, benchmarked with {resource}",
                    shown(other)
                ));
            }
        }
        let needed = PARALLEL_SIZES
            .iter()
            .map(|flag| flags.get(flag).map_or(Some(1), |size| size.parse().ok()))
            .try_fold(1_u64, |product, size| product.checked_mul(size?));
        if let (Some(needed), Ok(gpus)) = (needed, gpus.parse::<u64>())
            && needed != gpus
        {
            self.add(format_args!(
                "args: parallel sizes that take {needed} GPUs, of {gpus} in resources"
            ));
        }
    }
}

/// The context length that is asked for, tokens; `None` for the model's own.
pub(super) fn max_model_len(flags: &EngineFlags<'_>) -> Option<i64> {
    human_readable(flags.get("--max-model-len")?).filter(|tokens| *tokens > 0)
}

/// Recorded degrees that the generated arguments do not repeat.
fn parallelism(plan: &Plan<'_>, flag: &str) -> Option<String> {
    let recorded = &plan.candidate.configuration.engine.parallelism;
    let degree = match flag {
        "--pipeline-parallel-size" => recorded.pipeline,
        "--data-parallel-size" => recorded.data,
        _ => None,
    };
    degree.map(|degree| degree.to_string())
}

/// 0.9 and 0.90 are the same.
fn is_same(recorded: &str, given: &str) -> bool {
    let number = |text: &str| text.parse::<f64>().ok();
    recorded == given || number(recorded).is_some_and(|it| number(given) == Some(it))
}

/// What the intent says, where it can be read in a line.
fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    let (start, more) = match text.char_indices().nth(LONGEST) {
        None => (text, ""),
        Some((end, _)) => (&text[..end], "..."),
    };
    format!("{}{more}", start.escape_debug())
}

#[cfg(test)]
mod tests;
