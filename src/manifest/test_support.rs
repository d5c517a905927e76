//! What the tests of the manifests start from: Qwen3-32B on 2 x H100 as a chatbot, with all that a
//! workload borrows, each part open to change.

use proptest::prelude::*;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::plan::{Plan, plan};
use super::{BuildError, Manifests, Settings, Workload, build};
use crate::api::RuntimeSpec;
use crate::benchmark::{Benchmark, EngineSettings, ModelName};
use crate::catalog::Catalog;
use crate::recommend::test_support::{requirement, row};
use crate::recommend::{Candidate, Capacity, CapacityBound, Digest, Requirement, Strength, Target};

/// A workload and all that it borrows.
pub(super) struct Example {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) requirement: Requirement,
    pub(super) candidate: Candidate,
    pub(super) runtime: RuntimeSpec,
    pub(super) catalog: Catalog,
    pub(super) settings: Settings,
    pub(super) asked: String,
}

impl Default for Example {
    fn default() -> Self {
        Self {
            name: "support-chat".into(),
            namespace: "assistants".into(),
            requirement: requirement("useCase: chatbot_conversational"),
            candidate: candidate(),
            runtime: RuntimeSpec::default(),
            catalog: Catalog::built_in(),
            settings: Settings::default(),
            asked: Digest::of(b"a spec").to_string(),
        }
    }
}

impl Example {
    /// Another model, benchmarked with these settings.
    pub(super) fn of(model: &str, engine: EngineSettings) -> Self {
        let mut example = Self::default();
        example.candidate.configuration.model = ModelName::new(model);
        example.candidate.configuration.engine = engine;
        example
    }

    /// The same with these overrides.
    pub(super) fn with_runtime(self, runtime: Value) -> Self {
        let runtime = serde_json::from_value(runtime).unwrap();
        Self { runtime, ..self }
    }

    pub(super) fn workload(&self) -> Workload<'_> {
        Workload {
            name: &self.name,
            namespace: &self.namespace,
            requirement: &self.requirement,
            candidate: &self.candidate,
            runtime: Some(&self.runtime),
            catalog: &self.catalog,
            settings: &self.settings,
            asked: &self.asked,
        }
    }

    pub(super) fn try_plan(&self) -> Result<Plan<'_>, BuildError> {
        plan(&self.workload())
    }

    pub(super) fn plan(&self) -> Plan<'_> {
        self.try_plan().unwrap()
    }

    pub(super) fn manifests(&self) -> Manifests {
        build(&self.workload()).unwrap()
    }
}

fn candidate() -> Candidate {
    let operating_row = benchmark();
    Candidate {
        configuration: operating_row.configuration.clone(),
        kind: operating_row.kind,
        source: operating_row.source.clone(),
        capacity: Capacity {
            rps: Decimal::from(6),
            row: Uuid::from_u128(6),
            bound: CapacityBound::AtLeast,
            cut_by: None,
            non_monotonic: false,
        },
        newest_benchmark: operating_row.measured_at,
        operating_row,
        strength: Strength::Proven,
        worst_ratio: 0.93,
        binding_target: Target::E2e,
        replicas: 3,
        gpus: 6,
        quality: None,
        cost_per_hour: None,
        whole_node_cost_per_hour: None,
        capacity_if_slower: None,
        survives_loss_of_one_replica: None,
        caveats: Vec::new(),
        digest: Some(Digest::of(b"an example")),
    }
}

fn benchmark() -> Benchmark {
    Benchmark {
        id: Uuid::from_u128(5),
        ..row(5.0, [101.97, 21.5, 6500.0])
    }
}

/// The pods' spec of a workload.
pub(super) fn pod(manifests: &Manifests) -> Value {
    manifests.workload().content["spec"]["template"]["spec"].clone()
}

/// The documents of a YAML text, read with another parser than the one that belongs to the serializer.
pub(super) fn parse(yaml: &str) -> Vec<Value> {
    serde_yaml_ng::Deserializer::from_str(yaml)
        .map(|document| Value::deserialize(document).unwrap())
        .collect()
}

/// Words that, bare, are no strings to a reader of YAML 1.1.
pub(super) const AMBIGUOUS: &str = "yes Yes YES no No on On off OFF y Y n N true FALSE null Null ~ \
    1e3 1E+3 1. .5 0x10 0o17 017 0b11 1_000 12:30 1:30:59 2026-11-23 2026-11-23T10:00:00Z \
    .inf -.Inf .NaN +1 -0 = << 8000 0.9";

/// Strings that stand for structure, or for nothing, where they are not quoted.
const STRUCTURE: &str = "--- ... - -- ? : a: #a &a *a !a | > >- %YAML @a `a { } [ ] , {{ }} ' \" \\ \
    \\n $(HF_TOKEN) ${a} -0x 模型 é 🚀";

/// The same with blanks, line breaks and what a terminal does not show.
const BLANK: [&str; 36] = [
    "",
    " ",
    " a",
    "a ",
    "\ta",
    "a\tb",
    "\t",
    "\n",
    "a\n",
    "\na",
    "a\nb",
    "a\r\nb",
    "\r",
    "  a\n b ",
    "- a",
    "--- a",
    "a #b",
    "a: b",
    "!!int 3",
    "%YAML 1.1",
    "{{ a }}",
    "; rm -rf /",
    "' || true",
    "- --flag",
    "\n---\nkind: Pod\n",
    "\u{0}",
    "\u{7}",
    "\u{1b}[0m",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{2028}",
    "\u{2029}",
    "\u{feff}",
    "\u{fffe}",
    "\u{202e}a",
];

/// Any string, and often one that some reader takes for something else.
pub(super) fn treacherous() -> impl Strategy<Value = String> {
    let words = AMBIGUOUS
        .split(' ')
        .chain(STRUCTURE.split(' '))
        .chain(BLANK);
    let known = prop::sample::select(words.collect::<Vec<_>>()).prop_map(str::to_owned);
    prop_oneof![3 => known, 2 => any::<String>(), 1 => "[a-z ]{80,600}", 1 => "[-+0-9.:_eExobT]{1,12}"]
}
