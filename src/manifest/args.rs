//! vLLM's arguments: explicit, and of the benchmark's own only performance settings that are known
//! here. A list, never a shell's line.

use super::budget;
use super::plan::Plan;

/// Port of the OpenAI API and of `/health`.
pub(super) const PORT: i32 = 8000;
/// Name of that port.
pub(super) const PORT_NAME: &str = "http";

/// Share of a GPU's memory that vLLM takes; what benchmarks run with where they say nothing.
const GPU_MEMORY_UTILIZATION: &str = "0.9";

/// Arguments of `vllm serve`. The model answers to its repository's name, wherever it is loaded from,
/// and to the intent's, so that clients outlive a change of model.
pub(super) fn args(plan: &Plan<'_>) -> Vec<String> {
    let path = plan.runtime.and_then(|runtime| runtime.model_path.as_ref());
    let mut args = vec![
        path.map_or(plan.model(), String::as_str).to_owned(),
        "--served-model-name".to_owned(),
    ];
    args.extend(served_names(plan).into_iter().map(str::to_owned));
    args.extend([
        format!("--port={PORT}"),
        format!("--tensor-parallel-size={}", plan.gpus),
        format!("--max-model-len={}", plan.max_model_len),
        format!("--gpu-memory-utilization={GPU_MEMORY_UTILIZATION}"),
    ]);
    args.extend_from_slice(&plan.engine_args);
    if let Some(seconds) = budget::shutdown(plan).engine_drain_s {
        args.push(format!("--shutdown-timeout={seconds}"));
    }
    args
}

fn served_names<'a>(plan: &'a Plan<'_>) -> Vec<&'a str> {
    let mut names = vec![plan.model(), plan.name.as_str()];
    for name in plan.runtime.iter().flat_map(|it| &it.served_model_names) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::benchmark::EngineSettings;
    use crate::manifest::test_support::Example;

    #[test]
    fn every_argument_is_explicit() {
        let engine = EngineSettings {
            weight_dtype: Some("bf16".into()),
            kv_cache_dtype: Some("fp8".into()),
            max_num_seqs: Some(256),
            max_num_batched_tokens: Some(8192),
            args_digest: None,
            ..EngineSettings::default()
        };
        assert_eq!(
            args(&Example::of("Qwen/Qwen3-32B", engine).plan()),
            [
                "Qwen/Qwen3-32B",
                "--served-model-name",
                "Qwen/Qwen3-32B",
                "support-chat",
                "--port=8000",
                "--tensor-parallel-size=2",
                "--max-model-len=1536",
                "--gpu-memory-utilization=0.9",
                "--dtype=bfloat16",
                "--kv-cache-dtype=fp8",
                "--max-num-seqs=256",
                "--max-num-batched-tokens=8192",
                "--shutdown-timeout=30",
            ]
        );
    }

    #[test]
    fn a_model_at_a_path_keeps_its_names_and_has_more() {
        let mut example = Example::default();
        example.runtime.model_path = Some("/models/qwen".into());
        example.runtime.served_model_names = vec!["support-chat".into(), "gpt-4".into()];
        assert_eq!(
            args(&example.plan())[..5],
            [
                "/models/qwen",
                "--served-model-name",
                "Qwen/Qwen3-32B",
                "support-chat",
                "gpt-4"
            ]
        );
    }

    #[test]
    fn an_older_vllm_is_given_no_flag_that_it_lacks() {
        let mut example = Example::default();
        example.candidate.configuration.framework_version = Some("0.17.0".into());
        assert!(
            !args(&example.plan())
                .iter()
                .any(|arg| arg.contains("shutdown"))
        );
        example.runtime.image = Some("mirror/vllm:custom".into());
        assert!(
            !args(&example.plan())
                .iter()
                .any(|arg| arg.contains("shutdown"))
        );
    }
}
