//! What a person says of a file because the file does not.

use crate::benchmark::column::FieldFault;
use crate::benchmark::{BenchmarkRow, EvidenceKind, TrafficProfile, UtcDateTime};

/// Fills what a row leaves open. What a row does say is never changed: another word for it is a
/// fault. Only the kind of evidence is the person's to say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// Hugging Face repository of the model.
    pub model: Option<String>,
    /// GPU.
    pub hardware: Option<String>,
    /// GPUs of one replica.
    pub hardware_count: Option<i32>,
    /// Serving framework.
    pub framework: Option<String>,
    /// Its version.
    pub framework_version: Option<String>,
    /// Configured tokens of prompt and output.
    pub profile: Option<TrafficProfile>,
    /// When the benchmarks ran.
    pub measured_at: Option<UtcDateTime>,
    /// How the figures came about, whatever the rows say.
    pub kind: Option<EvidenceKind>,
    /// Data type of the weights.
    pub weight_dtype: Option<String>,
    /// Data type of the KV cache.
    pub kv_cache_dtype: Option<String>,
    /// Share of the prompt that requests have in common, 0 to 1.
    pub prefix_sharing: Option<f64>,
    /// vLLM's `--max-num-seqs`.
    pub max_num_seqs: Option<i32>,
    /// vLLM's `--max-num-batched-tokens`.
    pub max_num_batched_tokens: Option<i32>,
    /// Digest of the remaining engine arguments.
    pub args_digest: Option<String>,
    /// SXM, PCIe, ...
    pub gpu_form_factor: Option<String>,
    /// Digest of the container's image.
    pub image_digest: Option<String>,
}

impl Told {
    /// Fills the row. `row` and what is told hold canonical hardware names.
    pub(super) fn fill(&self, row: &mut BenchmarkRow, faults: &mut Vec<FieldFault>) {
        let (summary, evidence) = (&mut row.summary, &mut row.evidence);
        if summary.model_hf_repo.is_empty() {
            summary.model_hf_repo = self.model.clone().unwrap_or_default();
        } else if let Some(model) = &self.model
            && !model.eq_ignore_ascii_case(&summary.model_hf_repo)
        {
            faults.push(contradiction(
                "model_hf_repo",
                &summary.model_hf_repo,
                "--model",
                model,
            ));
        }
        if let Some(profile) = self.profile {
            open(
                "prompt_tokens",
                &mut summary.prompt_tokens,
                "--profile",
                Some(&profile.prompt_tokens),
                faults,
            );
            open(
                "output_tokens",
                &mut summary.output_tokens,
                "--profile",
                Some(&profile.output_tokens),
                faults,
            );
        }
        if summary.jbenchmark_created_at.is_none() {
            summary.jbenchmark_created_at = self.measured_at;
        }
        evidence.kind = self.kind.or(evidence.kind);
        macro_rules! fill {
            ($($of:ident.$field:ident by $flag:literal),+ $(,)?) => {
                $(open(stringify!($field), &mut $of.$field, $flag, self.$field.as_ref(), faults);)+
            };
        }
        fill!(
            summary.hardware by "--hardware",
            summary.hardware_count by "--hardware-count",
            summary.framework by "--framework",
            summary.framework_version by "--framework-version",
            evidence.weight_dtype by "--weight-dtype",
            evidence.kv_cache_dtype by "--kv-cache-dtype",
            evidence.prefix_sharing by "--prefix-sharing",
            evidence.max_num_seqs by "--max-num-seqs",
            evidence.max_num_batched_tokens by "--max-num-batched-tokens",
            evidence.args_digest by "--engine-args",
            evidence.gpu_form_factor by "--gpu-form-factor",
            evidence.image_digest by "--image-digest",
        );
    }
}

/// Fills `field` with what is told, if it is open; refuses what contradicts it.
fn open<T: Clone + PartialEq + std::fmt::Display>(
    name: &str,
    field: &mut Option<T>,
    flag: &str,
    told: Option<&T>,
    faults: &mut Vec<FieldFault>,
) {
    match (&*field, told) {
        (Some(said), Some(told)) if said != told => {
            faults.push(contradiction(name, said, flag, told));
        }
        (None, Some(told)) => *field = Some(told.clone()),
        _ => {}
    }
}

fn contradiction(
    field: &str,
    said: &dyn std::fmt::Display,
    flag: &str,
    told: &dyn std::fmt::Display,
) -> FieldFault {
    FieldFault::new(
        field,
        format!(
            "the file says {said}, {flag} says {told}: leave the flag out where the file knows"
        ),
    )
}
