//! What of an intent is a secret in plain text. It would be copied into ConfigMap and Deployment, and
//! from there into repositories, backups and screens: whoever may not read Secrets could read it.

use k8s_openapi::api::core::v1::{Container, PodSpec};

use super::BuildError;
use super::engine_flags::EngineFlags;

/// Arguments of `vllm serve` whose value is a secret; each has a variable.
const FLAGS: [(&str, &str); 2] = [("--api-key", "VLLM_API_KEY"), ("--hf-token", "HF_TOKEN")];

/// How names of variables end that hold a secret. Not `_TOKEN` by itself: some of those are switches.
const ENDS: [&str; 10] = [
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "_ACCESS_TOKEN",
    "_API_KEY",
    "_AUTH_TOKEN",
    "_PASSWORD",
    "_SECRET",
    "_SECRET_ACCESS_KEY",
    "_SECRET_KEY",
    "_SESSION_TOKEN",
];

/// Refuses the first one, and never shows it.
pub(super) fn check(pod: &PodSpec) -> Result<(), BuildError> {
    let containers = pod.init_containers.iter().flatten().chain(&pod.containers);
    containers.into_iter().try_for_each(check_container)
}

fn check_container(container: &Container) -> Result<(), BuildError> {
    for variable in container.env.iter().flatten() {
        let is_secret = ENDS.iter().any(|end| variable.name.ends_with(end));
        if is_secret && variable.value.as_deref().is_some_and(is_plain) {
            return Err(BuildError::PlainSecret {
                place: format!("env: {}", variable.name),
                variable: variable.name.clone(),
            });
        }
    }
    let flags = EngineFlags::of(container.args.as_deref().unwrap_or_default());
    for (flag, variable) in FLAGS {
        if flags.get(flag).is_some_and(is_plain) {
            return Err(BuildError::PlainSecret {
                place: format!("args: {flag}"),
                variable: variable.to_owned(),
            });
        }
    }
    Ok(())
}

/// Whether it is a value, and not the name of a variable that has it, as a kubelet expands it.
fn is_plain(value: &str) -> bool {
    let is_variable = value.starts_with("$(") && value.ends_with(')');
    !value.is_empty() && !is_variable
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::manifest::build;
    use crate::manifest::test_support::Example;

    const SECRET: &str = "hf_0123456789";

    fn refusal(runtime: Value) -> Option<String> {
        let example = Example::default().with_runtime(runtime);
        build(&example.workload()).err().map(|it| it.to_string())
    }

    #[test]
    fn a_secret_in_plain_text_is_refused_and_not_shown() {
        let sidecar = "spec: {template: {spec: {initContainers: [{name: get, image: a, \
            env: [{name: AWS_SECRET_ACCESS_KEY, value: hf_0123456789}]}]}}}";
        for (runtime, place) in [
            (
                json!({"env": [{"name": "HF_TOKEN", "value": SECRET}]}),
                "env: HF_TOKEN",
            ),
            (
                json!({"env": [{"name": "VLLM_API_KEY", "value": SECRET}]}),
                "env: VLLM_API_KEY",
            ),
            (
                json!({"env": [{"name": "DB_PASSWORD", "value": SECRET}]}),
                "env: DB_PASSWORD",
            ),
            (json!({"args": ["--api-key", SECRET]}), "args: --api-key"),
            (
                json!({"args": [format!("--api_key={SECRET}")]}),
                "args: --api-key",
            ),
            (
                json!({"args": [format!("--hf-token={SECRET}")]}),
                "args: --hf-token",
            ),
            (
                json!({"patches": [{"target": {"kind": "Deployment"}, "patch": sidecar}]}),
                "env: AWS_SECRET_ACCESS_KEY",
            ),
            (
                json!({"target": "LLMInferenceService", "env": [{"name": "HF_TOKEN", "value": SECRET}]}),
                "env: HF_TOKEN",
            ),
        ] {
            let told = refusal(runtime.clone()).unwrap_or_else(|| panic!("{runtime} was taken"));
            assert!(told.contains(place), "{told}");
            assert!(!told.contains(SECRET), "{told}");
        }
    }

    #[test]
    fn a_reference_and_what_is_no_secret_are_taken() {
        for runtime in [
            json!({"env": [{"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}]}),
            json!({"env": [{"name": "HF_HUB_DISABLE_IMPLICIT_TOKEN", "value": "1"}]}),
            json!({"env": [{"name": "VLLM_API_KEY", "value": "$(KEY)"}], "args": ["--api-key=$(KEY)"]}),
            json!({"args": ["--hf-token"]}),
            json!({"hfTokenSecret": {"name": "a", "key": "b"}}),
        ] {
            assert_eq!(refusal(runtime.clone()), None, "{runtime}");
        }
    }
}
