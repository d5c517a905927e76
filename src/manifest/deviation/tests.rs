use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::benchmark::EngineSettings;
use crate::manifest::test_support::{Example, treacherous};
use crate::manifest::{annotation, build};

fn example() -> Example {
    let mut example = Example::of(
        "Qwen/Qwen3-32B",
        EngineSettings {
            kv_cache_dtype: Some("fp8".into()),
            max_num_seqs: Some(256),
            ..EngineSettings::default()
        },
    );
    example.candidate.configuration.framework_version = Some("0.19.0".into());
    example
}

fn found(runtime: Value) -> Vec<String> {
    let manifests = example().with_runtime(runtime).manifests();
    let told = manifests.workload().annotation(annotation::PREDICTION);
    assert_eq!(told.is_some(), !manifests.deviations().is_empty());
    let texts = manifests.deviations().iter().map(ToString::to_string);
    texts.collect()
}

fn patched(patch: Value) -> Vec<String> {
    found(json!({"patches": [{"target": {"kind": "Deployment"}, "patch": patch.to_string()}]}))
}

#[test]
fn what_was_benchmarked_deviates_in_nothing() {
    assert!(found(json!({})).is_empty());
}

#[test]
fn another_engine_setting_is_told_in_whatever_form_it_comes() {
    for (args, expected) in [
        (
            json!(["--max-num-seqs=512"]),
            "args: --max-num-seqs 512, benchmarked with 256",
        ),
        (
            json!(["--max_num_seqs", "512"]),
            "args: --max-num-seqs 512, benchmarked with 256",
        ),
        (
            json!(["--kv-cache-dtype", "auto"]),
            "args: --kv-cache-dtype auto, benchmarked with fp8",
        ),
        (
            json!(["--gpu-memory-utilization=0.95"]),
            "args: --gpu-memory-utilization 0.95, benchmarked with 0.9",
        ),
        (
            json!(["--enforce-eager"]),
            "args: --enforce-eager, which the benchmarks do not record",
        ),
        (
            json!(["--speculative-config", "{\"method\": \"ngram\"}"]),
            "args: --speculative-config {\\\"method\\\": \\\"ngram\\\"}, which the benchmarks do not record",
        ),
        (
            json!(["-q", "awq"]),
            "args: --quantization awq, which the benchmarks do not record",
        ),
        (
            json!(["--max-model-len", "700"]),
            "args: --max-model-len 700, requests of 512/256 need 768 tokens",
        ),
    ] {
        assert_eq!(found(json!({"args": args})), [expected]);
    }
    assert_eq!(
        found(json!({"maxModelLen": 767})),
        ["args: --max-model-len 767, requests of 512/256 need 768 tokens"]
    );
}

#[test]
fn another_parallel_size_is_told_with_the_gpus_that_it_takes() {
    for args in [
        json!(["--tensor-parallel-size=4"]),
        json!(["--tensor-parallel-size", "4"]),
        json!(["-tp", "4"]),
    ] {
        assert_eq!(
            found(json!({"args": args})),
            [
                "args: --tensor-parallel-size 4, benchmarked with 2",
                "args: parallel sizes that take 4 GPUs, of 2 in resources",
            ]
        );
    }
    let both = json!({"args": ["-tp", "4"], "resources": {"limits": {"nvidia.com/gpu": 4}}});
    assert_eq!(
        found(both),
        [
            "args: --tensor-parallel-size 4, benchmarked with 2",
            "resources: 4 nvidia.com/gpu, benchmarked with 2",
        ]
    );
    let pipeline = json!({"args": ["-tp", "1", "-pp", "2"]});
    assert_eq!(
        found(pipeline),
        [
            "args: --pipeline-parallel-size 2, which the benchmarks do not record",
            "args: --tensor-parallel-size 1, benchmarked with 2",
        ]
    );
}

#[test]
fn a_recorded_degree_that_is_given_by_hand_is_no_deviation() {
    let mut example = example();
    example.candidate.configuration.engine.parallelism.pipeline = Some(2);
    example.runtime.args = vec!["-pp=2".into(), "-tp=1".into()];
    let manifests = example.manifests();
    let [only] = manifests.deviations() else {
        panic!("{:?}", manifests.deviations())
    };
    assert!(only.to_string().contains("--tensor-parallel-size 1"));
}

#[test]
fn another_gpu_resource_is_told() {
    let mig = json!({"resources": {"limits": {"nvidia.com/gpu": 0, "nvidia.com/mig-3g.40gb": 2}}});
    assert_eq!(
        found(mig),
        [
            "resources: no nvidia.com/gpu, benchmarked with 2",
            "resources: nvidia.com/mig-3g.40gb, benchmarked with nvidia.com/gpu",
        ]
    );
}

#[test]
fn another_version_is_told_and_the_same_from_a_mirror_is_not() {
    for image in [
        "mirror.example/vllm-openai:v0.19.0",
        "m:5000/v:0.19.0@sha256:abc",
    ] {
        assert!(found(json!({"image": image})).is_empty(), "{image}");
    }
    for image in ["vllm/vllm-openai:v0.20.0", "vllm:nightly", "vllm@sha256:a"] {
        assert_eq!(
            found(json!({"image": image})),
            [format!("image: {image}, benchmarked with vLLM 0.19.0")]
        );
    }
}

#[test]
fn placement_that_lets_other_gpus_in_is_told() {
    let required = |expressions: Value| {
        json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": expressions}],
        }}}})
    };
    let told = ["affinity: pods may land on other nodes, benchmarked on H100"];
    let product = |operator: &str, value: &str| {
        json!([
            {"key": "zone", "operator": "Exists"},
            {"key": "nvidia.com/gpu.product", "operator": operator, "values": [value]},
        ])
    };
    assert!(found(required(product("In", "NVIDIA-H100-80GB-HBM3"))).is_empty());
    assert_eq!(found(required(product("In", "NVIDIA-H100-NVL"))), told);
    assert_eq!(
        found(required(product("NotIn", "NVIDIA-H100-80GB-HBM3"))),
        told
    );
    assert_eq!(found(required(json!([]))), told);
    let mut selected = required(json!([]));
    selected["nodeSelector"] = json!({"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"});
    assert!(found(selected).is_empty());
    let none = json!({"spec": {"template": {"spec": {"affinity": null}}}});
    assert_eq!(patched(none), told);
}

#[test]
fn what_a_patch_does_is_told_too() {
    let container = |mut container: Value| {
        container["name"] = json!("vllm");
        patched(json!({"spec": {"template": {"spec": {"containers": [container]}}}}))
    };
    assert_eq!(
        patched(json!({"spec": {"replicas": 2}})),
        ["replicas: 2, the demand needs 3"]
    );
    assert!(patched(json!({"spec": {"replicas": 4}})).is_empty());
    assert!(patched(json!({"spec": {"replicas": null}})).is_empty());
    let args = container(json!({"args": ["other/model", "-tp=2", "--max-num-seqs=256"]}));
    assert_eq!(
        args,
        [
            "args: model other/model, benchmarked with Qwen/Qwen3-32B",
            "args: no --gpu-memory-utilization, benchmarked with 0.9",
            "args: no --kv-cache-dtype, benchmarked with fp8",
        ]
    );
    assert_eq!(
        container(json!({"command": ["sh", "-c"]})),
        ["command: not vllm serve, which was benchmarked"]
    );
}

#[test]
fn variables_that_the_engine_reads_are_told() {
    let env = |name: &str| found(json!({"env": [{"name": name, "value": "1"}]}));
    for name in ["HTTPS_PROXY", "HF_HOME", "VLLM_LOGGING_LEVEL"] {
        assert!(env(name).is_empty(), "{name}");
    }
    assert_eq!(
        env("VLLM_ATTENTION_BACKEND"),
        ["env: VLLM_ATTENTION_BACKEND, which the benchmarks do not record"]
    );
}

#[test]
fn what_says_nothing_of_speed_is_not_told() {
    assert!(
        found(json!({
            "args": [
                "--api-key=$(KEY)", "--enable-auto-tool-choice", "--tool-call-parser", "hermes",
                "--max-model-len=4k", "-tp", "2", "--gpu-memory-utilization=0.90", "-pp=1",
            ],
            "maxModelLen": 2000, "servedModelNames": ["gpt-4"],
            "resources": {"requests": {"cpu": 8}, "limits": {"memory": "64Gi"}},
            "modelPath": "/models/qwen",
            "volumes": [{"name": "models", "nfs": {"server": "s", "path": "/"}}],
            "volumeMounts": [{"name": "models", "mountPath": "/models/"}],
        }))
        .is_empty()
    );
}

#[test]
fn where_vllm_cannot_start_it_is_refused() {
    let refused = |runtime: Value| {
        let example = example().with_runtime(runtime);
        build(&example.workload()).unwrap_err().to_string()
    };
    for runtime in [
        json!({"maxModelLen": 40_961}),
        json!({"args": ["--max-model-len", "41k"]}),
    ] {
        assert!(refused(runtime).contains("reads at most 40960"));
    }
    assert!(
        !found(json!({"args": ["--max-model-len=41k", "--hf-overrides", "{}"]})).is_empty(),
        "only told"
    );
    for mounts in [json!([]), json!([{"name": "m", "mountPath": "/model"}])] {
        let problem = refused(json!({"modelPath": "/models/qwen", "volumeMounts": mounts}));
        assert!(problem.contains("is in no mounted volume"), "{problem}");
    }
}

#[test]
fn a_gated_model_needs_a_token_or_its_weights() {
    let lacks_token = |runtime: Value| {
        let mut example = example();
        example.candidate.configuration.model =
            crate::benchmark::ModelName::new("meta-llama/Llama-3.3-70B-Instruct");
        example.with_runtime(runtime).manifests().lacks_token()
    };
    assert!(lacks_token(json!({})));
    assert!(lacks_token(json!({"modelCache": {}})), "it starts empty");
    assert!(!example().manifests().lacks_token());
    for enough in [
        json!({"hfTokenSecret": {"name": "a", "key": "b"}}),
        json!({"env": [{"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}]}),
        json!({"envFrom": [{"secretRef": {"name": "a"}}]}),
        json!({"modelCacheClaim": "models"}),
        json!({"volumes": [{"name": "model-cache", "nfs": {"server": "s", "path": "/"}}]}),
        json!({"modelPath": "/models/llama", "image": "mirror/with-model:v0.19.0"}),
    ] {
        assert!(!lacks_token(enough.clone()), "{enough}");
    }
}

proptest! {
    #[test]
    fn whatever_is_given_is_told_in_one_short_line(
        texts in prop::collection::vec(treacherous(), 1..6), image in treacherous(),
    ) {
        let mut example = example();
        example.runtime.args = texts.clone();
        example.runtime.image = Some(image);
        example.runtime.env = texts
            .iter()
            .map(|text| k8s_openapi::api::core::v1::EnvVar {
                name: format!("VLLM_{text}"),
                ..Default::default()
            })
            .collect();
        let Ok(manifests) = build(&example.workload()) else { return Ok(()) };
        prop_assert!(!manifests.deviations().is_empty());
        for deviation in manifests.deviations() {
            let text = deviation.to_string();
            prop_assert!(text.len() <= Deviation::LONGEST, "{}", text);
            prop_assert!(!text.contains(|c: char| c.is_control()), "{:?}", text);
        }
    }
}
