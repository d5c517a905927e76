//! R1: an intent with its use case's template and overrides resolved.

use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;
use thiserror::Error;

use super::constraints::Constraints;
use crate::api::{DecimalAmount, DemandSpec, DeploymentIntentSpec, Objective, UnusualLoad};
use crate::benchmark::{EvidenceKind, ModelName, TrafficProfile};
use crate::catalog::{Catalog, ExperienceClass, SloTargets, UseCase, UseCaseTemplate, Workload};

/// What is asked, with nothing left to look up: profile, targets, demand, constraints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Requirement {
    /// What the model is for; decides which quality score counts.
    pub use_case: UseCase,
    /// Tokens of a request, matched exactly (R2).
    pub profile: TrafficProfile,
    /// What users expect; absent for a custom workload that gives its own targets.
    pub experience_class: Option<ExperienceClass>,
    /// p95 targets.
    pub slo: SloTargets,
    /// How much is asked; without it one replica is sized.
    pub demand: Option<Demand>,
    /// What may be chosen (R8).
    pub constraints: Constraints,
    /// Which benchmarks count (R3, R5).
    pub evidence: EvidencePolicy,
    /// What to prefer (R9).
    pub objective: Objective,
}

/// The demand and the room above it (R6).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Demand {
    /// Highest one-minute mean, requests per second. Derived ones are rounded up to four decimals.
    #[serde(with = "rust_decimal::serde::str")]
    pub requests_per_second: Decimal,
    /// Room above it, percent.
    pub headroom_percent: i32,
    /// Replicas beyond those needed.
    pub spare_replicas: i32,
}

impl Demand {
    /// Room above a demand that gives none, percent.
    pub const DEFAULT_HEADROOM_PERCENT: i32 = 20;

    /// Demand x (1 + headroom): the load that the replicas must hold together.
    pub fn with_headroom(&self) -> Decimal {
        self.requests_per_second * Decimal::from(100 + self.headroom_percent) / Decimal::ONE_HUNDRED
    }
}

/// Which benchmarks may back a decision (R3-R5).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EvidencePolicy {
    /// Weakest kind.
    pub minimum_kind: EvidenceKind,
    /// Greatest age in days.
    pub max_age_days: Option<i32>,
    /// Tightens the targets, percent.
    pub margin_percent: i32,
    /// Served over offered rate from which a row is steady, percent.
    pub minimum_served_percent: i32,
    /// Unusual loads that may be used for sizing.
    pub allowed_loads: Vec<UnusualLoad>,
}

impl EvidencePolicy {
    /// Whether a configuration without rows under the profile may be estimated (R13).
    pub fn allows_estimates(&self) -> bool {
        self.minimum_kind == EvidenceKind::Estimated
    }
}

impl Default for EvidencePolicy {
    fn default() -> Self {
        Self {
            minimum_kind: EvidenceKind::Simulated,
            max_age_days: None,
            margin_percent: 0,
            minimum_served_percent: 90,
            allowed_loads: Vec::new(),
        }
    }
}

/// Why an intent cannot be resolved. The API server refuses most of these already.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ResolveError {
    /// `custom` brings its own profile.
    #[error("useCase custom has no template: give trafficProfile")]
    MissingProfile,
    /// `custom` brings targets or a class.
    #[error(
        "useCase custom has no template: give experienceClass, or all of slo.ttftP95Ms, slo.itlP95Ms and slo.e2eP95Ms"
    )]
    MissingTargets,
    /// `custom` has no workload to derive a rate from users with.
    #[error("useCase custom has no workload: demand.users needs demand.{0}")]
    MissingFactor(&'static str),
    /// A demand without a rate.
    #[error("demand needs requestsPerSecond or users, and not both")]
    Demand,
    /// A rate that no number here can hold.
    #[error("the demand of {0} users is out of range: give smaller factors")]
    DemandOutOfRange(i64),
}

/// Resolves an intent: its explicit targets win over an experience class it gives, the class over
/// the use case's template (R1).
pub fn resolve(
    spec: &DeploymentIntentSpec,
    catalog: &Catalog,
) -> Result<Requirement, ResolveError> {
    let template = catalog.use_case(spec.use_case);
    let profile = match (&spec.traffic_profile, template) {
        (Some(profile), _) => TrafficProfile {
            prompt_tokens: profile.prompt_tokens,
            output_tokens: profile.output_tokens,
        },
        (None, Some(template)) => template.traffic_profile,
        (None, None) => return Err(ResolveError::MissingProfile),
    };
    let models = spec.models.clone().unwrap_or_default();
    let hardware = spec.hardware.clone().unwrap_or_default();
    let model_names = |names: Option<Vec<String>>| {
        sorted(names.into_iter().flatten().map(ModelName::new).collect())
    };
    let hardware_names = |names: Option<Vec<String>>| {
        sorted(
            names
                .into_iter()
                .flatten()
                .map(|n| catalog.canonical_hardware(&n))
                .collect(),
        )
    };
    Ok(Requirement {
        use_case: spec.use_case,
        profile,
        experience_class: spec
            .experience_class
            .or(template.map(|t| t.experience_class)),
        slo: targets(spec, template, profile)?,
        demand: spec
            .demand
            .as_ref()
            .map(|d| demand(d, template.map(|t| &t.workload)))
            .transpose()?,
        constraints: Constraints {
            allowed_models: model_names(models.allow),
            denied_models: model_names(models.deny),
            minimum_quality: models.minimum_quality,
            allowed_hardware: hardware_names(hardware.allow),
            denied_hardware: hardware_names(hardware.deny),
            max_gpus: hardware.max_gpus,
            max_cost_per_hour: hardware.max_cost_per_hour.map(|cost| cost.0.normalize()),
            available_only: hardware.available_only,
            availability: None,
        },
        evidence: evidence_policy(spec),
        objective: spec.objective,
    })
}

fn sorted<T: Ord>(mut names: Vec<T>) -> Vec<T> {
    names.sort();
    names.dedup();
    names
}

fn evidence_policy(spec: &DeploymentIntentSpec) -> EvidencePolicy {
    let default = EvidencePolicy::default();
    let Some(given) = &spec.evidence else {
        return default;
    };
    EvidencePolicy {
        minimum_kind: given.minimum.unwrap_or(default.minimum_kind),
        max_age_days: given.max_age_days,
        margin_percent: given.margin_percent.unwrap_or(default.margin_percent),
        minimum_served_percent: given
            .minimum_served_percent
            .unwrap_or(default.minimum_served_percent),
        allowed_loads: sorted(given.allow.clone().unwrap_or_default()),
    }
}

fn targets(
    spec: &DeploymentIntentSpec,
    template: Option<&UseCaseTemplate>,
    profile: TrafficProfile,
) -> Result<SloTargets, ResolveError> {
    let given = spec.slo.clone().unwrap_or_default();
    let class = match (spec.experience_class, template) {
        (Some(class), Some(template)) if class == template.experience_class => None,
        (class, _) => class,
    };
    let ttft = given
        .ttft_p95_ms
        .or(class.map(|c| c.ttft_and_itl_p95_ms().0));
    let itl = given
        .itl_p95_ms
        .or(class.map(|c| c.ttft_and_itl_p95_ms().1));
    let base = template.map(|t| t.slo_targets);
    let ttft_p95_ms = ttft
        .or(base.map(|b| b.ttft_p95_ms))
        .ok_or(ResolveError::MissingTargets)?;
    let itl_p95_ms = itl
        .or(base.map(|b| b.itl_p95_ms))
        .ok_or(ResolveError::MissingTargets)?;
    let e2e_p95_ms = given
        .e2e_p95_ms
        .or(class.map(|_| derived_e2e_p95_ms(ttft_p95_ms, itl_p95_ms, profile)))
        .or(base.map(|b| b.e2e_p95_ms))
        .ok_or(ResolveError::MissingTargets)?;
    Ok(SloTargets {
        ttft_p95_ms,
        itl_p95_ms,
        e2e_p95_ms,
    })
}

/// TTFT + (output + 1.645 x its standard deviation) x ITL, rounded down to a whole millisecond:
/// the E2E target that a class implies for the longest 5 % of the outputs (R1).
fn derived_e2e_p95_ms(ttft_p95_ms: i32, itl_p95_ms: i32, profile: TrafficProfile) -> i32 {
    let tail = Decimal::from(profile.output_tokens)
        + Decimal::new(1645, 3) * standard_output_stdev(profile.output_tokens);
    let e2e = Decimal::from(ttft_p95_ms) + tail * Decimal::from(itl_p95_ms);
    let largest = SloTargets::LARGEST.e2e_p95_ms;
    e2e.floor().to_i32().unwrap_or(largest).min(largest)
}

/// Standard deviation of the output length in the standard workload, tokens: GuideLLM's spread for
/// its four profiles, a quarter of the mean for any other.
pub(super) fn standard_output_stdev(output_tokens: i32) -> Decimal {
    match output_tokens {
        256 => Decimal::from(64),
        512 | 1024 => Decimal::from(128),
        1536 => Decimal::from(256),
        other => Decimal::from(other) / Decimal::from(4),
    }
}

fn demand(given: &DemandSpec, workload: Option<&Workload>) -> Result<Demand, ResolveError> {
    let requests_per_second = match (given.requests_per_second, given.users) {
        (Some(rate), None) => rate.0,
        (None, Some(users)) => rate_of_users(users, given, workload)?,
        _ => return Err(ResolveError::Demand),
    };
    Ok(Demand {
        requests_per_second: requests_per_second.normalize(),
        headroom_percent: given
            .headroom_percent
            .unwrap_or(Demand::DEFAULT_HEADROOM_PERCENT),
        spare_replicas: given.spare_replicas.unwrap_or(0),
    })
}

/// Users x active fraction x requests per active user and minute / 60 x peak multiplier (R1).
fn rate_of_users(
    users: i64,
    given: &DemandSpec,
    workload: Option<&Workload>,
) -> Result<Decimal, ResolveError> {
    let factor = |name, given: Option<DecimalAmount>, shipped: fn(&Workload) -> Decimal| {
        given
            .map(|amount| amount.0)
            .or(workload.map(shipped))
            .ok_or(ResolveError::MissingFactor(name))
    };
    let factors = [
        factor("activeFraction", given.active_fraction, |w| {
            w.active_fraction
        })?,
        factor(
            "requestsPerActiveUserPerMinute",
            given.requests_per_active_user_per_minute,
            |w| w.requests_per_active_user_per_minute,
        )?,
        factor("peakMultiplier", given.peak_multiplier, |w| {
            w.peak_multiplier
        })?,
    ];
    factors
        .iter()
        .try_fold(Decimal::from(users), |rate, factor| {
            rate.checked_mul(*factor)
        })
        .map(|per_minute| {
            (per_minute / Decimal::from(60))
                .round_dp_with_strategy(4, RoundingStrategy::ToPositiveInfinity)
        })
        .filter(|rate| *rate < Decimal::from(1_000_000_000))
        .ok_or(ResolveError::DemandOutOfRange(users))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::benchmark::HardwareName;
    use crate::recommend::test_support::{intent, requirement};

    fn slo(spec: &str) -> (i32, i32, i32) {
        let SloTargets {
            ttft_p95_ms,
            itl_p95_ms,
            e2e_p95_ms,
        } = requirement(spec).slo;
        (ttft_p95_ms, itl_p95_ms, e2e_p95_ms)
    }

    fn rate(spec: &str) -> String {
        requirement(spec)
            .demand
            .unwrap()
            .requests_per_second
            .to_string()
    }

    #[test]
    fn a_use_case_brings_profile_class_and_targets() {
        let requirement = requirement("useCase: summarization_short");
        assert_eq!(requirement.profile.to_string(), "4096/512");
        assert_eq!(
            requirement.experience_class,
            Some(ExperienceClass::Interactive)
        );
        assert_eq!(slo("useCase: summarization_short"), (600, 30, 20_000));
        assert_eq!(requirement.demand, None);
    }

    #[test]
    fn explicit_targets_win_over_the_class_and_the_class_over_the_template() {
        assert_eq!(
            slo("{useCase: chatbot_conversational, slo: {ttftP95Ms: 120}}"),
            (120, 25, 7000)
        );
        // 300 + (256 + 1.645 x 64) x 30 would be conversational; instant is 150 + 361.28 x 25.
        assert_eq!(
            slo("{useCase: chatbot_conversational, experienceClass: instant}"),
            (150, 25, 9182)
        );
        assert_eq!(
            slo("{useCase: chatbot_conversational, experienceClass: instant, slo: {itlP95Ms: 20}}"),
            (150, 20, 7375)
        );
    }

    #[test]
    fn the_templates_own_class_changes_nothing() {
        assert_eq!(
            slo("{useCase: chatbot_conversational, experienceClass: conversational}"),
            (150, 25, 7000)
        );
    }

    #[test]
    fn a_profile_alone_keeps_the_templates_targets() {
        let spec = "{useCase: chatbot_conversational, trafficProfile: {promptTokens: 700, outputTokens: 300}}";
        assert_eq!(slo(spec), (150, 25, 7000));
        assert_eq!(requirement(spec).profile.to_string(), "700/300");
    }

    #[test]
    fn custom_needs_a_profile_and_targets_or_a_class() {
        let catalog = Catalog::built_in();
        let error = |spec: &str| resolve(&intent(spec), &catalog).unwrap_err();
        assert_eq!(error("useCase: custom"), ResolveError::MissingProfile);
        let profile = "useCase: custom, trafficProfile: {promptTokens: 100, outputTokens: 40}";
        assert_eq!(
            error(&format!("{{{profile}}}")),
            ResolveError::MissingTargets
        );
        assert_eq!(
            error(&format!(
                "{{{profile}, slo: {{ttftP95Ms: 1, itlP95Ms: 1}}}}"
            )),
            ResolveError::MissingTargets
        );
        // 2000 + (40 + 1.645 x 10) x 45, rounded down.
        assert_eq!(
            slo(&format!("{{{profile}, experienceClass: batch}}")),
            (2000, 45, 4540)
        );
        assert_eq!(
            error(&format!(
                "{{{profile}, experienceClass: batch, demand: {{users: 5}}}}"
            )),
            ResolveError::MissingFactor("activeFraction")
        );
    }

    #[test]
    fn users_become_the_busiest_minutes_rate() {
        // 800 x 0.2 x 0.4 / 60 x 2 = 2.13333..., rounded up.
        assert_eq!(
            rate("{useCase: chatbot_conversational, demand: {users: 800}}"),
            "2.1334"
        );
        assert_eq!(
            rate(
                "{useCase: chatbot_conversational, demand: {users: 800, activeFraction: '0.5', requestsPerActiveUserPerMinute: 3, peakMultiplier: 1}}"
            ),
            "20"
        );
        assert_eq!(
            rate("{useCase: chatbot_conversational, demand: {requestsPerSecond: '0.50'}}"),
            "0.5"
        );
    }

    #[test]
    fn names_in_constraints_are_canonical_and_sorted() {
        let requirement = requirement(
            "{useCase: translation, hardware: {allow: [nvidia-h100-80gb-hbm3, A100-80, h100]}}",
        );
        let names: Vec<_> = requirement
            .constraints
            .allowed_hardware
            .iter()
            .map(HardwareName::as_str)
            .collect();
        assert_eq!(names, ["A100-80", "H100"]);
    }
}
