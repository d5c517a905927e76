//! The objects as a whole: goldens to be read like code, and what must hold for any input.

use std::path::Path;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{EnvVar, Service};
use proptest::prelude::*;

use super::test_support::{Example, parse, treacherous};
use super::*;
use crate::api::{
    AutoscalerKind, AutoscalingSpec, EndpointPickerRef, GatewayRef, GatewaySpec, InferencePoolSpec,
    ModelCacheSpec, MonitoringSpec, NetworkPeer, NetworkPolicySpec, RuntimeTarget, SecretKeyRef,
};
use crate::benchmark::{EngineSettings, HardwareName, ModelName};

/// Compares with `testdata/<file>`; `COMPASS_UPDATE_GOLDEN=1` writes it anew, to be reviewed.
fn assert_golden(file: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/manifest/testdata")
        .join(file);
    if std::env::var_os("COMPASS_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        actual, expected,
        "{file} differs; COMPASS_UPDATE_GOLDEN=1 writes it anew"
    );
}

fn deployment_of(manifests: &Manifests) -> Deployment {
    serde_json::from_value(manifests.workload().content.clone()).unwrap()
}

fn service_of(manifests: &Manifests) -> Service {
    let service = manifests
        .objects()
        .find(|object| object.kind == Kind::Service)
        .unwrap();
    serde_json::from_value(service.content.clone()).unwrap()
}

#[test]
fn a_chatbot_on_two_gpus() {
    assert_golden(
        "qwen3-32b-2xh100.yaml",
        &Example::default().manifests().yaml(),
    );
}

#[test]
fn a_gated_model_with_every_override_and_recorded_setting() {
    let mut example = Example::default();
    let configuration = &mut example.candidate.configuration;
    configuration.model = ModelName::new("meta-llama/Llama-3.3-70B-Instruct");
    configuration.hardware = HardwareName::new("MI300X");
    configuration.hardware_count = 1;
    configuration.framework_version = None;
    configuration.engine = EngineSettings {
        weight_dtype: Some("bf16".into()),
        kv_cache_dtype: Some("fp8".into()),
        max_num_seqs: Some(256),
        max_num_batched_tokens: Some(8192),
        args_digest: None,
        ..EngineSettings::default()
    };
    example.runtime = RuntimeSpec {
        image: Some("mirror.example/vllm-rocm:v0.17.1".into()),
        hf_token_secret: Some(SecretKeyRef {
            name: "hugging-face".into(),
            key: "token".into(),
        }),
        model_cache_claim: Some("models".into()),
        max_model_len: Some(8192),
        ..RuntimeSpec::default()
    };
    example.requirement.slo.e2e_p95_ms = 90_000;
    assert_golden(
        "llama-70b-mi300x-overrides.yaml",
        &example.manifests().yaml(),
    );
}

/// The overrides of an example.
fn overrides(example: &str) -> RuntimeSpec {
    let intent = crate::api::parse_intent(example).unwrap();
    intent.spec.runtime.unwrap()
}

#[test]
fn every_override_at_once() {
    let text = include_str!("../../examples/overrides/everything.yaml");
    let document: serde_json::Value = serde_saphyr::from_str(text).unwrap();
    let given = document["spec"]["runtime"].as_object().unwrap();
    let all: serde_json::Value = serde_saphyr::from_str(&crate::api::crd_yaml()).unwrap();
    let all =
        all["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
            ["runtime"]["properties"]
            .as_object()
            .unwrap();
    // Which objects there are is not said here.
    let objects = [
        "autoscaling",
        "gateway",
        "modelCache",
        "monitoring",
        "networkPolicy",
        "target",
    ];
    let missing: Vec<_> = all
        .keys()
        .filter(|field| !given.contains_key(*field) && !objects.contains(&field.as_str()))
        .collect();
    assert_eq!(missing, ["modelPath"], "which needs no token and no claim");

    let mut example = Example {
        runtime: overrides(text),
        ..Example::default()
    };
    example.candidate.configuration.framework_version = Some("0.19.0".into());
    let manifests = example.manifests();
    assert_golden("qwen3-32b-2xh100-everything.yaml", &manifests.yaml());
    let deviations: Vec<_> = manifests
        .deviations()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        deviations,
        [
            "image: registry.example/mirror/vllm-openai:v0.19.0-company, benchmarked with vLLM 0.19.0",
            "args: --max-num-seqs 128, which the benchmarks do not record",
        ]
    );
}

#[test]
fn the_yaml_holds_exactly_the_objects() {
    let manifests = Example::default().manifests();
    let documents = parse(&manifests.yaml());
    let [deployment, budget, service] = &documents[..] else {
        unreachable!()
    };
    assert_eq!(
        serde_json::from_value::<Deployment>(deployment.clone()).unwrap(),
        deployment_of(&manifests)
    );
    assert_eq!(
        serde_json::from_value::<Service>(service.clone()).unwrap(),
        service_of(&manifests)
    );
    assert_eq!(budget["kind"], "PodDisruptionBudget");
    for document in &documents {
        let metadata = document["metadata"].as_object().unwrap();
        for varying in [
            "uid",
            "ownerReferences",
            "creationTimestamp",
            "resourceVersion",
        ] {
            assert!(!metadata.contains_key(varying), "{varying}");
        }
    }
}

#[test]
fn the_digest_is_of_the_bytes() {
    let example = Example::default();
    let digest = example.manifests().digest();
    assert_eq!(digest, example.manifests().digest());
    assert_eq!(
        digest,
        Digest::of(example.manifests().yaml().as_bytes()).as_str()
    );
    let mut other = Example::default();
    other.candidate.replicas = 4;
    assert_ne!(digest, other.manifests().digest());
}

#[test]
fn delivery_changes_nothing_but_the_stage() {
    let built = Example::default().manifests();
    let delivered: Manifests<Delivered> = built.clone().delivered();
    assert!(delivered.objects().eq(built.objects()));
}

#[test]
fn the_selector_finds_the_pods_and_outlives_a_new_decision() {
    let selector_of = |example: &Example| {
        let manifests = example.manifests();
        let spec = deployment_of(&manifests).spec.unwrap();
        let selector = spec.selector.match_labels.unwrap();
        let service = service_of(&manifests);
        assert_eq!(service.spec.unwrap().selector.unwrap(), selector);
        let labels = spec.template.metadata.unwrap().labels.unwrap();
        assert!(
            selector
                .iter()
                .all(|(key, value)| labels.get(key) == Some(value))
        );
        selector
    };
    let mut other = Example::default();
    other.candidate.configuration.model = ModelName::new("meta-llama/Llama-3.1-8B-Instruct");
    other.candidate.configuration.hardware = HardwareName::new("L40S");
    assert_eq!(selector_of(&Example::default()), selector_of(&other));
}

#[test]
fn new_evidence_alone_restarts_no_pod() {
    let mut other = Example::default();
    other.candidate.digest = Some(Digest::of(b"other rows"));
    other.candidate.operating_row.ttft.p95_ms = Some(99.0);
    let template = |example: &Example| deployment_of(&example.manifests()).spec.unwrap().template;
    assert_eq!(template(&Example::default()), template(&other));
    assert_ne!(
        Example::default().manifests().digest(),
        other.manifests().digest()
    );
}

#[test]
fn a_token_is_only_ever_named() {
    let mut example = Example::default();
    assert!(!example.manifests().yaml().contains("HF_TOKEN"));
    example.runtime.hf_token_secret = Some(SecretKeyRef {
        name: "hf".into(),
        key: "token".into(),
    });
    let deployment = deployment_of(&example.manifests());
    let container = deployment
        .spec
        .unwrap()
        .template
        .spec
        .unwrap()
        .containers
        .remove(0);
    let token: EnvVar = container.env.unwrap().pop().unwrap();
    assert_eq!(token.value, None);
    assert_eq!(token.value_from.unwrap().secret_key_ref.unwrap().name, "hf");
}

/// Every flag that is ever passed with a value; whether vLLM knows them, `make vllm-accepts` asks.
const FLAGS: [&str; 10] = [
    "--port",
    "--tensor-parallel-size",
    "--max-model-len",
    "--gpu-memory-utilization",
    "--dtype",
    "--quantization",
    "--kv-cache-dtype",
    "--max-num-seqs",
    "--max-num-batched-tokens",
    "--shutdown-timeout",
];

proptest! {
    #[test]
    fn no_value_of_an_intent_breaks_out(
        image in treacherous(), claim in treacherous(), secret in treacherous(), key in treacherous(),
        repository in treacherous(), tag in treacherous(),
    ) {
        let mut example = Example::default();
        example.candidate.configuration.framework_version = Some(tag.clone());
        example.settings = Settings { vllm_repository: repository, default_vllm_version: tag };
        let mut built = vec![example.manifests()];
        example.runtime = RuntimeSpec {
            image: Some(image),
            model_cache_claim: Some(claim),
            hf_token_secret: Some(SecretKeyRef { name: secret, key }),
            ..RuntimeSpec::default()
        };
        built.push(example.manifests());
        for manifests in built {
            let expected: Vec<_> = manifests.objects().map(|object| object.content.clone()).collect();
            prop_assert_eq!(parse(&manifests.yaml()), expected);
        }
    }

    #[test]
    fn no_override_breaks_out(texts in prop::collection::vec(treacherous(), 24)) {
        let mut texts = texts.into_iter();
        let mut next = || texts.next().unwrap();
        let runtime = serde_json::json!({
            "image": next(), "imagePullSecrets": [{"name": next()}],
            "servedModelNames": [next()], "args": [next()],
            "env": [{"name": next(), "value": next()}], "envFrom": [{"prefix": next()}],
            "volumes": [{"name": next(), "nfs": {"server": next(), "path": next()}}],
            "volumeMounts": [{"name": next(), "mountPath": next()}],
            "resources": {"limits": {next(): next()}, "requests": {next(): "1"}},
            "nodeSelector": {next(): next()}, "tolerations": [{"key": next()}],
            "priorityClassName": next(), "runtimeClassName": next(), "schedulerName": next(),
            "serviceAccountName": next(), "labels": {next(): "x"}, "podAnnotations": {"x": next()},
        });
        let example = Example::default().with_runtime(runtime);
        let Ok(manifests) = build(&example.workload()) else { return Ok(()) };
        let expected: Vec<_> = manifests.objects().map(|object| object.content.clone()).collect();
        prop_assert_eq!(parse(&manifests.yaml()), expected);
    }

    #[test]
    fn a_row_adds_no_argument_of_its_own(
        version in treacherous(), dtype in treacherous(),
        cache in prop_oneof![treacherous(), Just("fp8".to_owned())], sequences in any::<i32>(),
        tokens in any::<i32>(),
    ) {
        let mut example = Example::default();
        let configuration = &mut example.candidate.configuration;
        configuration.framework_version = Some(version);
        configuration.engine = EngineSettings {
            weight_dtype: Some(dtype),
            kv_cache_dtype: Some(cache),
            max_num_seqs: Some(sequences),
            max_num_batched_tokens: Some(tokens),
            args_digest: None,
            ..EngineSettings::default()
        };
        let Ok(manifests) = build(&example.workload()) else { return Ok(()) };
        let pod = deployment_of(&manifests).spec.unwrap().template.spec.unwrap();
        let args = pod.containers[0].args.clone().unwrap();
        for arg in &args[4..] {
            let (flag, value) = arg.split_once('=').unwrap();
            prop_assert!(FLAGS.contains(&flag), "{}", arg);
            prop_assert!(value.bytes().all(|b| b.is_ascii_alphanumeric() || b"._".contains(&b)), "{}", arg);
        }
    }
}

/// The bundle of hostile values, each in every string field of what is chosen in `spec.runtime`: the
/// API refuses most, and what it lets through stays a value.
fn hostile_bundle(value: &str, target: RuntimeTarget, kind: AutoscalerKind) -> RuntimeSpec {
    let text = || value.to_owned();
    let labels = || std::collections::BTreeMap::from([(text(), text())]);
    RuntimeSpec {
        target,
        model_cache: Some(ModelCacheSpec {
            size: Some(text()),
            storage_class_name: Some(text()),
            access_modes: None,
            retain: true,
        }),
        autoscaling: Some(AutoscalingSpec {
            kind,
            max_replicas: None,
            prometheus_address: Some(text()),
        }),
        monitoring: Some(MonitoringSpec {
            pod_monitor: true,
            prometheus_rule: true,
            dashboard: true,
            labels: labels(),
            metrics_prefix: Some(text()),
        }),
        gateway: Some(GatewaySpec {
            parent_refs: vec![GatewayRef {
                name: text(),
                namespace: Some(text()),
                section_name: Some(text()),
            }],
            hostnames: vec![text()],
            inference_pool: Some(InferencePoolSpec {
                endpoint_picker: Some(EndpointPickerRef {
                    name: text(),
                    port: None,
                }),
            }),
        }),
        network_policy: Some(NetworkPolicySpec {
            allow_from: vec![NetworkPeer {
                namespace_labels: Some(labels()),
                pod_labels: Some(labels()),
            }],
        }),
        ..RuntimeSpec::default()
    }
}

proptest! {
    #[test]
    fn no_value_of_the_bundle_breaks_out(
        value in treacherous(),
        target in prop::sample::select(vec![RuntimeTarget::Deployment, RuntimeTarget::LLMInferenceService]),
        kind in prop::sample::select(vec![AutoscalerKind::HorizontalPodAutoscaler, AutoscalerKind::ScaledObject]),
    ) {
        let plain = Example {
            runtime: hostile_bundle("a", target, kind),
            ..Example::default()
        };
        let hostile = Example {
            runtime: hostile_bundle(&value, target, kind),
            ..Example::default()
        };
        let (plain, hostile) = (plain.manifests(), hostile.manifests());
        let expected: Vec<_> = hostile.objects().map(|object| object.content.clone()).collect();
        prop_assert_eq!(parse(&hostile.yaml()), expected);
        let names = |manifests: &Manifests| -> Vec<_> {
            manifests.objects().map(|object| (object.kind, object.name().to_owned())).collect()
        };
        prop_assert_eq!(names(&plain), names(&hostile));
        for object in hostile.objects() {
            let selected = object.content["metadata"]["labels"]["app.kubernetes.io/instance"].as_str();
            prop_assert_eq!(selected, Some("support-chat"));
        }
    }
}

/// What is rendered for benchmarks of one vLLM version: every flag, with each of its values.
fn rendered_for(version: &str) -> Vec<(String, String)> {
    let of = |engine| Example::of("Qwen/Qwen3-32B", engine);
    let mut examples = Vec::new();
    for dtype in ["bf16", "fp16", "fp32", "fp8"] {
        let engine = EngineSettings {
            weight_dtype: Some(dtype.into()),
            ..EngineSettings::default()
        };
        examples.push((format!("weights-{dtype}"), of(engine)));
    }
    for dtype in ["bf16", "fp8", "fp8_e4m3", "fp8_e5m2"] {
        let engine = EngineSettings {
            kv_cache_dtype: Some(dtype.into()),
            ..EngineSettings::default()
        };
        examples.push((format!("kv-cache-{dtype}"), of(engine)));
    }
    let everything = overrides(include_str!("../../examples/overrides/everything.yaml"));
    let runtimes = [
        (
            "everything",
            RuntimeSpec {
                image: None,
                ..everything
            },
        ),
        (
            "model-path",
            RuntimeSpec {
                model_path: Some("/models/qwen".into()),
                image: Some(format!("mirror.example/vllm-with-qwen:v{version}")),
                ..RuntimeSpec::default()
            },
        ),
        (
            "kserve",
            RuntimeSpec {
                target: RuntimeTarget::LLMInferenceService,
                ..RuntimeSpec::default()
            },
        ),
    ];
    for (name, runtime) in runtimes {
        let mut example = of(EngineSettings {
            max_num_seqs: Some(256),
            max_num_batched_tokens: Some(8192),
            ..EngineSettings::default()
        });
        example.runtime = runtime;
        examples.push((name.to_owned(), example));
    }
    let rendered = examples.into_iter().map(|(name, mut example)| {
        example.candidate.configuration.framework_version = Some(version.to_owned());
        (name, example.manifests().yaml())
    });
    rendered.collect()
}

#[test]
#[ignore = "writes what `make vllm-accepts` gives to a vLLM"]
fn rendered_for_a_vllm() {
    let given = |name| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    let folder = given("COMPASS_VLLM_FOLDER");
    for (name, yaml) in rendered_for(&given("COMPASS_VLLM_VERSION")) {
        std::fs::write(Path::new(&folder).join(format!("{name}.yaml")), yaml).unwrap();
    }
}
