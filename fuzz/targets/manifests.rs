//! From any intent, and from any rows, to manifests.

use std::sync::LazyLock;

use compass::api::{DeploymentIntent, parse_intent};
use compass::benchmark::{Evidence, TrafficProfile};
use compass::manifest::{Built, Manifests, Settings, Workload, build};
use compass::recommend::{asked, decide, resolve};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::benchmark_file::take;
use super::{CATALOG, is_short};

/// Flags of vLLM that an intent without overrides gives, whatever its rows say.
const FLAGS: [&str; 11] = [
    "--served-model-name",
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

/// An intent as a file has it, answered from rows of every shipped profile.
pub fn intent(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match parse_intent(text) {
        Ok(intent) => {
            if let Some(manifests) = manifests(&intent, &ROWS) {
                reads_back(&manifests);
            }
        }
        Err(error) => is_short(&error.to_string()),
    }
}

/// The manifests of an intent that takes whatever the rows say.
pub(super) fn of_hostile_rows(profile: TrafficProfile, evidence: &Evidence) {
    let TrafficProfile {
        prompt_tokens,
        output_tokens,
    } = profile;
    let intent = parse_intent(&format!(
        "apiVersion: compass.dev/v1alpha1\nkind: DeploymentIntent\nmetadata: {{name: fuzz, namespace: fuzz}}\n\
         spec: {{useCase: custom, experienceClass: batch, demand: {{requestsPerSecond: 5}}, \
         trafficProfile: {{promptTokens: {prompt_tokens}, outputTokens: {output_tokens}}}, \
         slo: {{ttftP95Ms: 3600000, itlP95Ms: 60000, e2eP95Ms: 86400000}}}}"
    ));
    // Of a profile that the API would refuse nothing is deployed.
    let Ok(intent) = intent else { return };
    let Some(manifests) = manifests(&intent, evidence) else {
        return;
    };
    reads_back(&manifests);
    let container = &manifests.workload().content["spec"]["template"]["spec"]["containers"][0];
    let image = container["image"].as_str().unwrap();
    let (repository, tag) = image.split_once(':').unwrap();
    assert!(
        ["vllm/vllm-openai", "vllm/vllm-openai-rocm"].contains(&repository),
        "{image}"
    );
    let is_release = |c: char| c.is_ascii_digit() || "v.post".contains(c);
    assert!(tag.chars().all(is_release), "{image}");
    for arg in container["args"].as_array().unwrap() {
        let arg = arg.as_str().unwrap();
        let flag = arg.split('=').next().unwrap();
        assert!(!arg.starts_with('-') || FLAGS.contains(&flag), "{arg}");
        assert!(!arg.contains("$("), "{arg}");
    }
}

fn manifests(intent: &DeploymentIntent, evidence: &Evidence) -> Option<Manifests<Built>> {
    let requirement = resolve(&intent.spec, &CATALOG).ok()?;
    let decision = decide(requirement, evidence, &CATALOG, Timestamp::UNIX_EPOCH);
    let built = build(&Workload {
        name: intent.metadata.name.as_deref()?,
        namespace: intent.metadata.namespace.as_deref().unwrap_or("default"),
        requirement: &decision.requirement,
        candidate: decision.recommendation.as_ref()?,
        runtime: intent.spec.runtime.as_ref(),
        catalog: &CATALOG,
        settings: &Settings::default(),
        asked: asked(&intent.spec).as_str(),
    });
    match built {
        Ok(manifests) => Some(manifests),
        Err(error) => {
            is_short(&error.to_string());
            None
        }
    }
}

/// Another reader takes the YAML for what was meant.
fn reads_back(manifests: &Manifests<Built>) {
    let yaml = manifests.yaml();
    let read: Vec<Value> = serde_yaml_ng::Deserializer::from_str(&yaml)
        .map(|document| Value::deserialize(document).unwrap())
        .collect();
    let meant: Vec<_> = manifests.objects().map(|it| it.content.clone()).collect();
    assert_eq!(read, meant, "{yaml}");
}

/// The shipped rows of one GPU: models that are gated and models that are not, of every profile.
static ROWS: LazyLock<Evidence> = LazyLock::new(|| {
    let file: &[u8] = include_bytes!("../../data/benchmarks.json.gz");
    let mut rows = take(file, usize::MAX).unwrap().rows;
    rows.retain(|row| row.configuration.hardware.as_str() == "H100");
    Evidence {
        benchmarks: rows.into(),
        profiles: Vec::new(),
    }
});
