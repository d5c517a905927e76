//! From a decision to Kubernetes objects: a Deployment that serves the recommended model with
//! vLLM as it was benchmarked, and a Service before it.
//!
//! Pure and deterministic: typed objects, serialised. No clock, no cluster, no uid: the same
//! decision gives the same bytes everywhere (R11). The controller adds owner references when it
//! delivers.

mod annotations;
mod args;
mod autoscaling;
mod budget;
mod dashboard;
mod deployment;
mod deviation;
mod disruption_budget;
mod engine;
mod engine_flags;
mod error;
mod histogram;
mod horizontal_pod_autoscaler;
mod http_route;
mod image;
mod inference_pool;
mod kustomization;
mod llm_inference_service;
mod model_cache;
mod monitoring;
mod names;
mod network_policy;
mod note;
mod object;
mod overrides;
mod patch;
mod placement;
mod plain_secret;
mod plan;
mod pod_monitor;
mod prometheus_rule;
mod promql;
mod resources;
mod scaled_object;
mod scheduling;
mod service;
mod startable;
mod strategic_merge;
#[cfg(test)]
mod test_support;
mod yaml;

pub use annotations::{running, running_of};
pub use deviation::Deviation;
pub use error::BuildError;
pub use kustomization::{KUSTOMIZATION, file_name, kustomization};
pub use names::{annotation, label};
pub use note::Note;
pub use object::{Kind, Object, Resource};
pub use scheduling::{node_constraints, places_as_built, requests};

use std::marker::PhantomData;

use crate::api::{RuntimeSpec, RuntimeTarget};
use crate::catalog::Catalog;
use crate::recommend::{Candidate, Digest, Requirement};

/// What is to run, for whom, and what is known about it.
#[derive(Clone, Copy, Debug)]
pub struct Workload<'a> {
    /// Name of the intent, and of every object built for it.
    pub name: &'a str,
    /// Namespace of the intent and its objects.
    pub namespace: &'a str,
    /// What was asked: the profile sizes the context, the E2E target the drain.
    pub requirement: &'a Requirement,
    /// What was recommended.
    pub candidate: &'a Candidate,
    /// The intent's overrides.
    pub runtime: Option<&'a RuntimeSpec>,
    /// Hardware and models.
    pub catalog: &'a Catalog,
    /// The operator's own settings.
    pub settings: &'a Settings,
    /// Digest of the spec that the recommendation answers ([`crate::recommend::asked`]).
    pub asked: &'a str,
}

/// Key of the manifests' YAML in the ConfigMap.
pub const MANIFESTS_KEY: &str = "manifests.yaml";

/// What the operator decides for all intents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// vLLM's image without a tag. AMD GPUs run the repository of that name with `-rocm` appended,
    /// as vLLM's own images are named.
    pub vllm_repository: String,
    /// vLLM version, or any other tag, where a benchmark does not record a released version.
    pub default_vllm_version: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            vllm_repository: "vllm/vllm-openai".into(),
            default_vllm_version: "v0.32.0".into(),
        }
    }
}

/// Objects as built: nobody has seen them yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Built;

/// Objects that the API server has taken: only of these may a status speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivered;

/// The objects of one intent.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifests<Stage = Built> {
    workload: Object,
    others: Vec<Object>,
    notes: Vec<Note>,
    deviations: Vec<Deviation>,
    lacks_token: bool,
    stage: PhantomData<Stage>,
}

/// Builds the objects of a recommendation.
///
/// # Errors
/// Where the recommendation cannot be run as it was benchmarked; see [`BuildError`].
pub fn build(workload: &Workload<'_>) -> Result<Manifests<Built>, BuildError> {
    let plan = plan::plan(workload)?;
    let mut manifests = Manifests {
        workload: workload_of(&plan),
        others: others(&plan),
        notes: note::notes(&plan),
        deviations: Vec::new(),
        lacks_token: false,
        stage: PhantomData,
    };
    if let Some(runtime) = workload.runtime {
        manifests.override_by(runtime)?;
    }
    manifests.compare(&plan)?;
    Ok(manifests)
}

fn workload_of(plan: &plan::Plan<'_>) -> Object {
    match plan.target() {
        RuntimeTarget::Deployment => Object::new(Kind::Deployment, &deployment::deployment(plan)),
        RuntimeTarget::LLMInferenceService => llm_inference_service::llm_inference_service(plan),
    }
}

/// What stands around the workload, in the order in which it is written.
fn others(plan: &plan::Plan<'_>) -> Vec<Object> {
    let mut others = Vec::new();
    others.extend(service::service(plan));
    others.extend(model_cache::claim(plan));
    others.extend(disruption_budget::disruption_budget(plan));
    others.extend(autoscaling::autoscaler(plan));
    others.extend(network_policy::network_policy(plan));
    others.extend(inference_pool::inference_pool(plan));
    others.extend(http_route::http_route(plan));
    others.extend(dashboard::dashboard(plan));
    others.extend(pod_monitor::pod_monitor(plan));
    others.extend(prometheus_rule::prometheus_rule(plan));
    others.sort_by_key(|object| object.kind);
    others
}

impl<Stage> Manifests<Stage> {
    /// What runs vLLM: its annotations say what runs (R12).
    pub fn workload(&self) -> &Object {
        &self.workload
    }

    /// What stands around the workload.
    pub fn others(&self) -> &[Object] {
        &self.others
    }

    /// What whoever reads the manifests must know of them.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Where the workload is not what was benchmarked: of such a one the predicted latencies are not
    /// claimed.
    pub fn deviations(&self) -> &[Deviation] {
        &self.deviations
    }

    /// Whether the model is gated and the pods have neither a token nor the weights.
    pub fn lacks_token(&self) -> bool {
        self.lacks_token
    }

    /// All objects, in the order of their YAML.
    pub fn objects(&self) -> impl Iterator<Item = &Object> + Clone {
        std::iter::once(&self.workload).chain(&self.others)
    }
}

impl Manifests<Built> {
    /// What `spec.runtime` says of all objects; its patches last.
    fn override_by(&mut self, runtime: &RuntimeSpec) -> Result<(), BuildError> {
        let mut objects: Vec<_> = std::iter::once(&mut self.workload)
            .chain(&mut self.others)
            .collect();
        for object in &mut objects {
            overrides::describe(runtime, object);
        }
        patch::apply(&runtime.patches, &mut objects)
    }

    /// Holds what will run against what was benchmarked.
    fn compare(&mut self, plan: &plan::Plan<'_>) -> Result<(), BuildError> {
        let compared = deviation::compare(plan, &self.workload)?;
        self.deviations = compared.deviations;
        self.lacks_token = compared.lacks_token;
        if !self.deviations.is_empty() {
            self.workload.annotate(annotation::PREDICTION, "overridden");
        }
        Ok(())
    }

    /// Every object as a YAML document, ready for a repository: no uid, no owner, no timestamp.
    pub fn yaml(&self) -> String {
        let documents: Vec<_> = self.objects().map(Object::yaml).collect();
        documents.join("---\n")
    }

    /// The *manifests digest*: `sha256:` and the hexadecimal SHA-256 of [`Self::yaml`]'s bytes
    /// (R11).
    pub fn digest(&self) -> String {
        Digest::of(self.yaml().as_bytes()).to_string()
    }

    /// The same objects, once the API server has taken them.
    pub fn delivered(self) -> Manifests<Delivered> {
        Manifests {
            workload: self.workload,
            others: self.others,
            notes: self.notes,
            deviations: self.deviations,
            lacks_token: self.lacks_token,
            stage: PhantomData,
        }
    }
}

/// Those of four GPUs in place of two.
#[cfg(test)]
pub(crate) fn example_deviations() -> Vec<Deviation> {
    let mut example = test_support::Example::default();
    example.runtime.args = vec!["-tp=4".into()];
    example.manifests().deviations
}

#[cfg(test)]
mod tests;
