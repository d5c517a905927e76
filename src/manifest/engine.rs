//! The benchmark's engine settings as flags of vLLM: known performance settings only.

use super::error::BuildError;
use crate::benchmark::Configuration;
use crate::catalog::Model;

/// The arguments that repeat the recorded engine settings. An unrecorded one stays vLLM's default.
pub(super) fn args(
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
    use crate::benchmark::EngineSettings;
    use crate::manifest::test_support::Example;

    fn engine_args(model: &str, engine: EngineSettings) -> Vec<String> {
        Example::of(model, engine).plan().engine_args
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
    fn weights_that_would_not_be_those_of_the_benchmark_are_refused() {
        let int4 = EngineSettings {
            weight_dtype: Some("int4".into()),
            ..Default::default()
        };
        assert!(matches!(
            Example::of("Qwen/Qwen3-32B", int4).try_plan(),
            Err(BuildError::WeightDtype { .. })
        ));
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
        let refused = Example::of("Qwen/Qwen3-32B", dtype("fp8 --trust-remote-code"));
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
