//! The nine use cases: what each means, its traffic profile, p95 targets and workload.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::file::{CatalogError, CatalogFile};
use crate::benchmark::TrafficProfile;

/// What a model is used for.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
#[clap(rename_all = "snake_case")]
pub enum UseCase {
    /// Chatbot and questions with answers.
    ChatbotConversational,
    /// Code completion while typing.
    CodeCompletion,
    /// Detailed code generation.
    CodeGenerationDetailed,
    /// Translation and paraphrasing.
    Translation,
    /// Content generation.
    ContentGeneration,
    /// Summaries of short documents.
    SummarizationShort,
    /// Document analysis and retrieval-augmented generation.
    DocumentAnalysisRag,
    /// Summaries of long documents.
    LongDocumentSummarization,
    /// Research and legal analysis.
    ResearchLegalAnalysis,
    /// A workload of one's own: brings its profile and targets.
    Custom,
}

impl UseCase {
    /// The name in files and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ChatbotConversational => "chatbot_conversational",
            Self::CodeCompletion => "code_completion",
            Self::CodeGenerationDetailed => "code_generation_detailed",
            Self::Translation => "translation",
            Self::ContentGeneration => "content_generation",
            Self::SummarizationShort => "summarization_short",
            Self::DocumentAnalysisRag => "document_analysis_rag",
            Self::LongDocumentSummarization => "long_document_summarization",
            Self::ResearchLegalAnalysis => "research_legal_analysis",
            Self::Custom => "custom",
        }
    }

    /// The nine that have a template.
    pub const SHIPPED: [Self; 9] = [
        Self::ChatbotConversational,
        Self::CodeCompletion,
        Self::CodeGenerationDetailed,
        Self::Translation,
        Self::ContentGeneration,
        Self::SummarizationShort,
        Self::DocumentAnalysisRag,
        Self::LongDocumentSummarization,
        Self::ResearchLegalAnalysis,
    ];
}

impl std::fmt::Display for UseCase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What users expect of the answer's pace, fastest first.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum ExperienceClass {
    /// Faster than a thought: completion while typing.
    Instant,
    /// The pace of a talk.
    Conversational,
    /// Somebody waits for it.
    Interactive,
    /// Somebody comes back for it.
    Deferred,
    /// Nobody waits.
    Batch,
}

impl ExperienceClass {
    /// TTFT and ITL p95 targets of the class, ms (`docs/traffic_and_slos.md`).
    pub const fn ttft_and_itl_p95_ms(self) -> (i32, i32) {
        match self {
            Self::Instant => (150, 25),
            Self::Conversational => (300, 30),
            Self::Interactive => (500, 35),
            Self::Deferred => (1000, 40),
            Self::Batch => (2000, 45),
        }
    }
}

/// p95 latency targets in whole milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SloTargets {
    /// Time to first token.
    pub ttft_p95_ms: i32,
    /// Inter-token latency.
    pub itl_p95_ms: i32,
    /// End-to-end latency.
    pub e2e_p95_ms: i32,
}

impl SloTargets {
    /// Largest targets that an intent may give, ms: ten minutes, a minute and a day.
    pub const LARGEST: Self = Self {
        ttft_p95_ms: 600_000,
        itl_p95_ms: 60_000,
        e2e_p95_ms: 86_400_000,
    };
}

/// What turns a number of users into requests per second (R1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// Share of the users who are active at the busiest time.
    #[serde(with = "rust_decimal::serde::float")]
    pub active_fraction: Decimal,
    /// Requests an active user makes in a minute.
    #[serde(with = "rust_decimal::serde::float")]
    pub requests_per_active_user_per_minute: Decimal,
    /// Busiest minute over the mean.
    #[serde(with = "rust_decimal::serde::float")]
    pub peak_multiplier: Decimal,
}

/// One shipped use case.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UseCaseTemplate {
    /// Title for people.
    pub use_case: String,
    /// What it covers.
    pub description: String,
    /// Tokens of a request.
    pub traffic_profile: TrafficProfile,
    /// What users expect.
    pub experience_class: ExperienceClass,
    /// p95 targets.
    pub slo_targets: SloTargets,
    /// Why these targets.
    pub rationale: String,
    /// What turns users into a rate.
    pub workload: Workload,
}

/// Exactly the nine use cases, each with values that can be.
pub(super) fn parse(
    file: &CatalogFile,
) -> Result<BTreeMap<UseCase, UseCaseTemplate>, CatalogError> {
    let templates: BTreeMap<UseCase, UseCaseTemplate> = file.parse_map()?;
    for use_case in UseCase::SHIPPED {
        if !templates.contains_key(&use_case) {
            return Err(file.invalid(
                &[use_case.as_str()],
                "missing: all nine use cases are needed",
            ));
        }
    }
    if templates.contains_key(&UseCase::Custom) {
        return Err(file.invalid(&["custom"],
            "cannot have a template: an intent with useCase custom brings its own profile and targets",
        ));
    }
    for (use_case, template) in &templates {
        template.check().map_err(|(field, problem)| {
            let path: Vec<_> = std::iter::once(use_case.as_str())
                .chain(field.split('.'))
                .collect();
            file.invalid(&path, problem)
        })?;
    }
    Ok(templates)
}

impl UseCaseTemplate {
    fn check(&self) -> Result<(), (&'static str, String)> {
        let positive = |field, value: i32| {
            if value > 0 {
                Ok(())
            } else {
                Err((field, format!("{value} is not more than zero")))
            }
        };
        positive(
            "traffic_profile.prompt_tokens",
            self.traffic_profile.prompt_tokens,
        )?;
        positive(
            "traffic_profile.output_tokens",
            self.traffic_profile.output_tokens,
        )?;
        positive("slo_targets.ttft_p95_ms", self.slo_targets.ttft_p95_ms)?;
        positive("slo_targets.itl_p95_ms", self.slo_targets.itl_p95_ms)?;
        positive("slo_targets.e2e_p95_ms", self.slo_targets.e2e_p95_ms)?;
        for (field, factor) in [
            ("workload.active_fraction", self.workload.active_fraction),
            (
                "workload.requests_per_active_user_per_minute",
                self.workload.requests_per_active_user_per_minute,
            ),
            ("workload.peak_multiplier", self.workload.peak_multiplier),
        ] {
            if factor <= Decimal::ZERO || factor >= Decimal::from(10_000_000) {
                return Err((field, format!("{factor} is not between 0 and 10,000,000")));
            }
        }
        if self.workload.active_fraction > Decimal::ONE {
            return Err((
                "workload.active_fraction",
                "a share of the users is at most 1".into(),
            ));
        }
        Ok(())
    }
}
