//! Why no manifests can be built.

use thiserror::Error;

use crate::benchmark::TrafficProfile;

/// Why a recommendation cannot be run as it was benchmarked, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BuildError {
    /// Services and labels are named after the intent.
    #[error(
        "intent name {}: use at most 40 characters, a-z, 0-9 and '-', starting with a letter and not ending with '-'",
        quoted(.0)
    )]
    Name(String),
    /// Not a namespace's name.
    #[error(
        "namespace {}: use at most 63 characters, a-z, 0-9 and '-', not starting or ending with '-'",
        quoted(.0)
    )]
    Namespace(String),
    /// Benchmarks are data: their model name becomes a process argument only if it is one that
    /// Hugging Face would accept.
    #[error(
        "model {} is not a Hugging Face repository such as Qwen/Qwen3-32B: correct model_hf_repo of its benchmarks, or leave it out with models.deny",
        quoted(.0)
    )]
    Model(String),
    /// The latencies are those of another server.
    #[error(
        "{} was benchmarked with {}, and Compass deploys vLLM: load vLLM benchmarks of it, or leave it out with models.deny",
        quoted(model),
        quoted(framework)
    )]
    Framework {
        /// The model.
        model: String,
        /// What served it in the benchmark.
        framework: String,
    },
    /// Nothing is known about the GPU.
    #[error(
        "hardware {} is not in the catalog: describe it in a file given as --catalog-hardware, or leave it out with hardware.deny",
        quoted(.0)
    )]
    UnknownHardware(String),
    /// Pods could land on a GPU for which the evidence does not hold.
    #[error(
        "hardware {} has no node labels in the catalog, so no node can be told to carry it: add node_labels in a file given as --catalog-hardware",
        quoted(.0)
    )]
    NoNodeLabels(String),
    /// A replica without a GPU.
    #[error("a replica of {0} GPUs cannot be: correct hardware_count of its benchmarks")]
    GpuCount(i32),
    /// The model cannot read the requests.
    #[error(
        "{} reads at most {context_length} tokens, and requests of {profile} need {needed}: correct context_length in a file given as --catalog-models, or leave it out with models.deny",
        quoted(model)
    )]
    ContextTooShort {
        /// The model.
        model: String,
        /// Its longest sequence, tokens.
        context_length: u32,
        /// The traffic profile.
        profile: TrafficProfile,
        /// Prompt and output together, tokens.
        needed: i64,
    },
    /// vLLM would refuse to start.
    #[error(
        "a context of {given} tokens is asked for, and {} reads at most {context_length}: lower runtime.maxModelLen or --max-model-len, or remove it",
        quoted(model)
    )]
    MaxModelLenTooLong {
        /// What the final arguments ask for, tokens.
        given: i64,
        /// The model.
        model: String,
        /// Its longest sequence, tokens.
        context_length: u32,
    },
    /// Compass and its selectors go by this key.
    #[error("runtime.{field}: {} is Compass's own: use another key", quoted(key))]
    ReservedKey {
        /// Field of `spec.runtime`.
        field: &'static str,
        /// The key.
        key: String,
    },
    /// vLLM would not be found.
    #[error(
        "runtime.args: {0} would move vLLM away from where probes and Service look for it: remove it"
    )]
    ReservedArgument(&'static str),
    /// Whoever may read the ConfigMap could read it.
    #[error(
        "runtime.{place} holds a secret in plain text, which would be copied into the ConfigMap and the pods: put it into a Secret, and name that in runtime.env, {variable}, valueFrom.secretKeyRef"
    )]
    PlainSecret {
        /// Where it is.
        place: String,
        /// The variable that may hold it.
        variable: String,
    },
    /// There is no model to start with.
    #[error(
        "runtime.modelPath {} is in no mounted volume: add runtime.volumes and runtime.volumeMounts, or an image that holds the model",
        quoted(.0)
    )]
    ModelPathNotMounted(String),
    /// A patch has no object, cannot be applied, or does what it must not.
    #[error("runtime.patches[{index}] ({kind}): {problem}")]
    Patch {
        /// Which of the patches, from 0.
        index: usize,
        /// Kind of the objects that it is for.
        kind: String,
        /// Path and fault.
        problem: String,
    },
    /// The benchmark cannot be repeated.
    #[error(
        "the benchmarks of {} record the KV cache type {}, which vLLM does not know: correct kv_cache_dtype",
        quoted(model),
        quoted(dtype)
    )]
    KvCacheDtype {
        /// The model.
        model: String,
        /// What is recorded.
        dtype: String,
    },
    /// Other weights would run than were benchmarked.
    #[error(
        "the benchmarks of {} record weights in {}, which is neither the repository's own nor one that vLLM converts to: correct weight_dtype, or load them under the quantised repository's name",
        quoted(model),
        quoted(dtype)
    )]
    WeightDtype {
        /// The model.
        model: String,
        /// What is recorded.
        dtype: String,
    },
    /// A replica runs on one node.
    #[error(
        "a replica of {gpus} GPUs does not fit a node of {gpus_per_node} {}: leave it out with hardware.deny, or correct gpus_per_node in a file given as --catalog-hardware",
        quoted(hardware)
    )]
    NodeTooSmall {
        /// GPUs of a replica.
        gpus: u32,
        /// GPUs of a node.
        gpus_per_node: u32,
        /// The hardware.
        hardware: String,
    },
}

/// What somebody else wrote, in quotes, escaped and cut to a length that a message can bear.
fn quoted(text: &str) -> String {
    const LONGEST: usize = 100;
    match text.char_indices().nth(LONGEST) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}...", &text[..end]),
    }
}
