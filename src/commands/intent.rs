//! An intent from a file or from flags, held against the API's rules either way.

use std::path::{Path, PathBuf};

use clap::Args;

use super::documents::intents;
use crate::api::{
    DecimalAmount, DemandSpec, DeploymentIntent, DeploymentIntentSpec, EvidenceSpec, HardwareSpec,
    ModelsSpec, Objective, SloSpec, TrafficProfileSpec, validate_intent,
};
use crate::benchmark::EvidenceKind;
use crate::catalog::{ExperienceClass, UseCase};

/// Name of an intent that comes from flags.
pub(super) const NAME: &str = "intent";

/// An intent in a file, or a question in flags; each flag stands for the field of the same name.
#[derive(Args, Debug)]
pub(super) struct QuestionArguments {
    /// A DeploymentIntent in a file; - reads standard input
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["use_case", "Wishes"])]
    file: Option<PathBuf>,
    /// What the model is for
    #[arg(long, value_enum)]
    use_case: Option<UseCase>,
    #[command(flatten)]
    wishes: Wishes,
}

impl QuestionArguments {
    /// The intent, if the API server would take it; `None` where nothing is asked.
    pub(super) fn intent(self) -> anyhow::Result<Option<DeploymentIntent>> {
        match (&self.file, self.use_case) {
            (Some(file), _) => intent_of_file(file).map(Some),
            (None, Some(use_case)) => {
                let intent = DeploymentIntent::new(NAME, self.wishes.spec(use_case)?);
                Ok(Some(validate_intent(serde_json::to_value(intent)?)?))
            }
            (None, None) => Ok(None),
        }
    }
}

/// The one intent in a file.
fn intent_of_file(path: &Path) -> anyhow::Result<DeploymentIntent> {
    let mut intents = intents(&[path.to_owned()])?;
    match intents.len() {
        1 => Ok(intents.remove(0)),
        count => anyhow::bail!(
            "{}: {count} intents in one file, and this command answers one: render and snapshot take all of them",
            path.display()
        ),
    }
}

/// What is asked of it; each flag stands for the field of the same name.
#[derive(Args, Clone, Debug)]
#[group(id = "Wishes")]
pub(super) struct Wishes {
    /// What users expect; sets the targets that are not given
    #[arg(long, value_enum, value_name = "CLASS")]
    pub(super) experience_class: Option<ExperienceClass>,
    /// Tokens of a request, e.g. 512/256
    #[arg(long, value_name = "PROMPT/OUTPUT", value_parser = profile)]
    pub(super) profile: Option<TrafficProfileSpec>,
    /// TTFT p95 target, ms
    #[arg(long, value_name = "MS")]
    pub(super) ttft_p95_ms: Option<i32>,
    /// ITL p95 target, ms
    #[arg(long, value_name = "MS")]
    pub(super) itl_p95_ms: Option<i32>,
    /// E2E p95 target, ms
    #[arg(long, value_name = "MS")]
    pub(super) e2e_p95_ms: Option<i32>,
    /// Highest one-minute mean of requests per second
    #[arg(
        long,
        value_name = "RATE",
        conflicts_with = "users",
        allow_negative_numbers = true
    )]
    pub(super) rps: Option<DecimalAmount>,
    /// People who have access; the use case's workload makes a rate of them
    #[arg(long, value_name = "COUNT")]
    pub(super) users: Option<i64>,
    /// Room above the demand, percent
    #[arg(long, value_name = "PERCENT")]
    pub(super) headroom_percent: Option<i32>,
    /// Replicas beyond those that the demand needs
    #[arg(long, value_name = "COUNT")]
    pub(super) spare_replicas: Option<i32>,
    /// Only this model; may be given again
    #[arg(long, value_name = "REPOSITORY")]
    pub(super) allow_model: Vec<String>,
    /// Not this model; may be given again
    #[arg(long, value_name = "REPOSITORY")]
    pub(super) deny_model: Vec<String>,
    /// Least quality score, 0 to 100
    #[arg(long, value_name = "SCORE")]
    pub(super) minimum_quality: Option<i32>,
    /// Only this hardware; may be given again
    #[arg(long, value_name = "NAME")]
    pub(super) allow_hardware: Vec<String>,
    /// Not this hardware; may be given again
    #[arg(long, value_name = "NAME")]
    pub(super) deny_hardware: Vec<String>,
    /// Most GPUs over all replicas
    #[arg(long, value_name = "COUNT")]
    pub(super) max_gpus: Option<i32>,
    /// Most US dollars per hour over all replicas
    #[arg(long, value_name = "DOLLARS")]
    pub(super) max_cost_per_hour: Option<DecimalAmount>,
    /// Only what the cluster has room for now; recommend asks the one that kubectl would talk to
    #[arg(long)]
    pub(super) available_only: bool,
    /// Weakest kind of evidence: measured, simulated or estimated
    #[arg(long, value_name = "KIND")]
    pub(super) minimum_evidence: Option<EvidenceKind>,
    /// Oldest benchmark that counts, days
    #[arg(long, value_name = "DAYS")]
    pub(super) max_age_days: Option<i32>,
    /// Tightens every target, percent
    #[arg(long, value_name = "PERCENT")]
    pub(super) margin_percent: Option<i32>,
    /// What to prefer
    #[arg(long, value_enum, default_value_t)]
    pub(super) objective: Objective,
}

pub(super) fn profile(text: &str) -> Result<TrafficProfileSpec, String> {
    let (prompt, output) = text
        .split_once('/')
        .ok_or("expected PROMPT/OUTPUT tokens, e.g. 512/256")?;
    let tokens = |text: &str| text.parse().map_err(|error| format!("`{text}`: {error}"));
    Ok(TrafficProfileSpec {
        prompt_tokens: tokens(prompt)?,
        output_tokens: tokens(output)?,
    })
}

fn names(names: Vec<String>) -> Option<Vec<String>> {
    Some(names).filter(|names| !names.is_empty())
}

/// A part of a spec that says something.
fn said<T: Default + PartialEq>(part: T) -> Option<T> {
    (part != T::default()).then_some(part)
}

impl Wishes {
    /// The spec that they stand for; the API's rules are not held against it yet.
    pub(super) fn spec(self, use_case: UseCase) -> anyhow::Result<DeploymentIntentSpec> {
        let has_demand = self.rps.is_some() || self.users.is_some();
        if !has_demand && (self.headroom_percent.is_some() || self.spare_replicas.is_some()) {
            anyhow::bail!("--headroom-percent and --spare-replicas need --rps or --users");
        }
        Ok(DeploymentIntentSpec {
            use_case,
            experience_class: self.experience_class,
            traffic_profile: self.profile,
            slo: said(SloSpec {
                ttft_p95_ms: self.ttft_p95_ms,
                itl_p95_ms: self.itl_p95_ms,
                e2e_p95_ms: self.e2e_p95_ms,
            }),
            demand: has_demand.then_some(DemandSpec {
                requests_per_second: self.rps,
                users: self.users,
                active_fraction: None,
                requests_per_active_user_per_minute: None,
                peak_multiplier: None,
                headroom_percent: self.headroom_percent,
                spare_replicas: self.spare_replicas,
            }),
            models: said(ModelsSpec {
                allow: names(self.allow_model),
                deny: names(self.deny_model),
                minimum_quality: self.minimum_quality,
            }),
            hardware: said(HardwareSpec {
                allow: names(self.allow_hardware),
                deny: names(self.deny_hardware),
                max_gpus: self.max_gpus,
                max_cost_per_hour: self.max_cost_per_hour,
                available_only: self.available_only,
            }),
            evidence: said(EvidenceSpec {
                minimum: self.minimum_evidence,
                max_age_days: self.max_age_days,
                margin_percent: self.margin_percent,
                ..EvidenceSpec::default()
            }),
            objective: self.objective,
            delivery: Default::default(),
            suspend: false,
            runtime: None,
        })
    }
}
