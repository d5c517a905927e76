//! vLLM's arguments: explicit, and of the benchmark's own only performance settings that are known
//! here. A list, never a shell's line.

use super::budget;
use super::error::BuildError;
use super::plan::Plan;
use crate::benchmark::Configuration;
use crate::catalog::Model;

/// Port of the OpenAI API and of `/health`.
pub(super) const PORT: i32 = 8000;
/// Name of that port.
pub(super) const PORT_NAME: &str = "http";

/// Share of a GPU's memory that vLLM takes; what benchmarks run with where they say nothing.
const GPU_MEMORY_UTILIZATION: &str = "0.9";

/// Arguments of `vllm serve`. The model answers to its repository's name and to the intent's, so
/// that clients outlive a change of model.
pub(super) fn args(plan: &Plan<'_>) -> Vec<String> {
    let mut args = vec![
        plan.model().to_owned(),
        "--served-model-name".to_owned(),
        plan.model().to_owned(),
        plan.name.as_str().to_owned(),
        format!("--port={PORT}"),
        format!("--tensor-parallel-size={}", plan.gpus),
        format!("--max-model-len={}", plan.max_model_len),
        format!("--gpu-memory-utilization={GPU_MEMORY_UTILIZATION}"),
    ];
    args.extend_from_slice(&plan.engine_args);
    if let Some(seconds) = budget::shutdown(plan).engine_drain_s {
        args.push(format!("--shutdown-timeout={seconds}"));
    }
    args
}

/// The arguments that repeat the recorded engine settings. An unrecorded one stays vLLM's default.
pub(super) fn engine(
    configuration: &Configuration,
    model: Option<&Model>,
) -> Result<Vec<String>, BuildError> {
    let engine = &configuration.engine;
    let mut args = Vec::new();
    if let Some(recorded) = &engine.weight_dtype {
        let arg = weight_dtype(recorded, model).map_err(|()| BuildError::WeightDtype {
            model: configuration.model.to_string(),
            dtype: recorded.clone(),
        })?;
        args.extend(arg);
    }
    if let Some(recorded) = &engine.kv_cache_dtype {
        let arg = kv_cache_dtype(recorded).ok_or_else(|| BuildError::KvCacheDtype {
            model: configuration.model.to_string(),
            dtype: recorded.clone(),
        })?;
        args.extend(arg);
    }
    if let Some(sequences) = engine.max_num_seqs.filter(|n| *n > 0) {
        args.push(format!("--max-num-seqs={sequences}"));
    }
    if let Some(tokens) = engine.max_num_batched_tokens.filter(|n| *n > 0) {
        args.push(format!("--max-num-batched-tokens={tokens}"));
    }
    Ok(args)
}

/// Floating-point weights are asked for by name. A quantised repository says so itself; only where
/// 16-bit weights were quantised while loading must vLLM be told. `Err` where the recorded data
/// type is neither the repository's own nor one that a flag asks for: other weights would run.
fn weight_dtype(recorded: &str, model: Option<&Model>) -> Result<Option<String>, ()> {
    let dtype = match recorded.to_ascii_lowercase().as_str() {
        "bf16" | "bfloat16" => "bfloat16",
        "fp16" | "float16" | "half" => "float16",
        "fp32" | "float32" | "float" => "float32",
        "fp8" if model.is_some_and(is_16_bit) => return Ok(Some("--quantization=fp8".to_owned())),
        other => {
            let is_its_own =
                model.is_none_or(|model| model.weight_dtype.eq_ignore_ascii_case(other));
            return if is_its_own { Ok(None) } else { Err(()) };
        }
    };
    Ok(Some(format!("--dtype={dtype}")))
}

fn is_16_bit(model: &Model) -> bool {
    matches!(
        model.weight_dtype.as_str(),
        "bf16" | "bfloat16" | "fp16" | "float16"
    )
}

/// `Some(None)`: vLLM's default, a cache of the model's own type. `None`: vLLM does not know it.
fn kv_cache_dtype(recorded: &str) -> Option<Option<String>> {
    let dtype = match recorded.to_ascii_lowercase().as_str() {
        "auto" | "bf16" | "bfloat16" | "fp16" | "float16" | "half" => return Some(None),
        "fp8" => "fp8",
        "fp8_e4m3" => "fp8_e4m3",
        "fp8_e5m2" => "fp8_e5m2",
        _ => return None,
    };
    Some(Some(format!("--kv-cache-dtype={dtype}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::benchmark::{EngineSettings, ModelName};
    use crate::manifest::test_support::Example;

    fn example(model: &str, engine: EngineSettings) -> Example {
        let mut example = Example::default();
        example.candidate.configuration.model = ModelName::new(model);
        example.candidate.configuration.engine = engine;
        example
    }

    fn engine_args(model: &str, engine: EngineSettings) -> Vec<String> {
        example(model, engine).plan().engine_args
    }

    #[test]
    fn every_argument_is_explicit() {
        let engine = EngineSettings {
            weight_dtype: Some("bf16".into()),
            kv_cache_dtype: Some("fp8".into()),
            max_num_seqs: Some(256),
            max_num_batched_tokens: Some(8192),
            args_digest: None,
        };
        assert_eq!(
            args(&example("Qwen/Qwen3-32B", engine).plan()),
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

    #[test]
    fn weights_are_quantised_only_where_the_repository_is_not() {
        let dtype = |model, dtype: &str| {
            engine_args(
                model,
                EngineSettings {
                    weight_dtype: Some(dtype.into()),
                    ..Default::default()
                },
            )
        };
        assert_eq!(dtype("Qwen/Qwen3-32B", "BF16"), ["--dtype=bfloat16"]);
        assert_eq!(dtype("Qwen/Qwen3-32B", "fp16"), ["--dtype=float16"]);
        assert_eq!(dtype("Qwen/Qwen3-32B", "fp8"), ["--quantization=fp8"]);
        assert!(dtype("Qwen/Qwen3-32B-FP8", "fp8").is_empty());
        assert!(dtype("acme/unknown", "fp8").is_empty());
        assert!(dtype("acme/unknown", "--trust-remote-code").is_empty());
    }

    #[test]
    fn a_cache_type_that_vllm_does_not_know_is_refused() {
        let dtype = |dtype: &str| EngineSettings {
            kv_cache_dtype: Some(dtype.into()),
            ..Default::default()
        };
        assert!(engine_args("Qwen/Qwen3-32B", dtype("bf16")).is_empty());
        assert_eq!(
            engine_args("Qwen/Qwen3-32B", dtype("FP8_E5M2")),
            ["--kv-cache-dtype=fp8_e5m2"]
        );
        let refused = example("Qwen/Qwen3-32B", dtype("fp8 --trust-remote-code"));
        assert!(matches!(
            refused.try_plan(),
            Err(BuildError::KvCacheDtype { .. })
        ));
    }

    #[test]
    fn a_limit_that_is_no_limit_is_not_passed_on() {
        let engine = EngineSettings {
            max_num_seqs: Some(0),
            max_num_batched_tokens: Some(-1),
            ..Default::default()
        };
        assert!(engine_args("Qwen/Qwen3-32B", engine).is_empty());
    }
}
