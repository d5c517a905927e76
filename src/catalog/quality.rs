//! Quality: published scores of a model, and the weighting that turns them into one score for a
//! use case.

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter};

use jiff::civil::Date;
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Deserialize;

use super::file::{CatalogError, CatalogFile};
use super::use_cases::UseCase;

/// A benchmark of answers, whose published scores count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QualityBenchmark {
    /// AA-LCR: questions over documents of about 100,000 tokens.
    AaLcr,
    /// GPQA Diamond: science at graduate level.
    GpqaDiamond,
    /// `IFBench`: following precise instructions.
    Ifbench,
    /// `LiveCodeBench`: programming problems.
    Livecodebench,
    /// MMLU-Pro: knowledge and reasoning over many fields.
    MmluPro,
    /// `SciCode`: programs for scientific problems, from long descriptions.
    Scicode,
}

impl Display for QualityBenchmark {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::AaLcr => "aa_lcr",
            Self::GpqaDiamond => "gpqa_diamond",
            Self::Ifbench => "ifbench",
            Self::Livecodebench => "livecodebench",
            Self::MmluPro => "mmlu_pro",
            Self::Scicode => "scicode",
        })
    }
}

/// One published score.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedScore {
    /// 0 to 100.
    pub score: Decimal,
    /// How the model was run, where it answers in more than one way.
    pub mode: Option<String>,
    /// Who published it.
    pub source: String,
    /// When.
    pub date: Date,
}

/// Scores by benchmark.
pub(super) type Scores = BTreeMap<QualityBenchmark, PublishedScore>;

/// Per use case, what each benchmark counts: percent, together 100, or none at all where no
/// published benchmark tells of the use case.
#[derive(Debug)]
pub(super) struct Weights(BTreeMap<UseCase, BTreeMap<QualityBenchmark, u8>>);

impl Weights {
    /// Reads the weighting; every shipped use case has an entry.
    pub(super) fn parse(file: &CatalogFile) -> Result<Self, CatalogError> {
        let weights: BTreeMap<UseCase, BTreeMap<QualityBenchmark, u8>> = file.parse_map()?;
        for use_case in UseCase::SHIPPED {
            let Some(of) = weights.get(&use_case) else {
                return Err(file.invalid(&[use_case.as_str()], "is missing"));
            };
            let sum: u32 = of.values().map(|weight| u32::from(*weight)).sum();
            if !of.is_empty() && sum != 100 {
                return Err(file.invalid(
                    &[use_case.as_str()],
                    format!("the weights are percent and sum up to 100, not {sum}"),
                ));
            }
        }
        Ok(Self(weights))
    }

    /// The weighted score per use case, rounded; none where a weighted benchmark has no score.
    pub(super) fn quality(&self, scores: &Scores) -> BTreeMap<UseCase, u8> {
        self.0
            .iter()
            .filter_map(|(use_case, of)| Some((*use_case, weighted(of, scores)?)))
            .collect()
    }
}

fn weighted(weights: &BTreeMap<QualityBenchmark, u8>, scores: &Scores) -> Option<u8> {
    if weights.is_empty() {
        return None;
    }
    let mut sum = Decimal::ZERO;
    for (benchmark, weight) in weights {
        sum += scores.get(benchmark)?.score * Decimal::from(*weight);
    }
    (sum / Decimal::ONE_HUNDRED)
        .round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero)
        .to_u8()
}

/// Refuses a score outside of 0 to 100.
pub(super) fn check(file: &CatalogFile, model: &str, scores: &Scores) -> Result<(), CatalogError> {
    for (benchmark, published) in scores {
        if published.score < Decimal::ZERO || published.score > Decimal::ONE_HUNDRED {
            return Err(file.invalid(
                &[model, "published_scores", &benchmark.to_string(), "score"],
                "a score is 0 to 100",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::file;

    fn parse(weights: &str) -> Result<Weights, CatalogError> {
        Weights::parse(&file::read(None, "weights.json", weights).unwrap())
    }

    fn shipped() -> serde_json::Value {
        serde_json::from_str(include_str!("../../data/quality_weights.json")).unwrap()
    }

    fn with_chatbot(of: &str) -> String {
        let mut weights = shipped();
        weights["chatbot_conversational"] = serde_json::from_str(of).unwrap();
        serde_json::to_string_pretty(&weights).unwrap()
    }

    fn scores(of: &[(QualityBenchmark, &str)]) -> Scores {
        of.iter()
            .map(|(benchmark, score)| {
                let published = PublishedScore {
                    score: score.parse().unwrap(),
                    mode: None,
                    source: "a report".to_owned(),
                    date: "2026-01-01".parse().unwrap(),
                };
                (*benchmark, published)
            })
            .collect()
    }

    #[test]
    fn quality_is_the_weighted_score_rounded() {
        let weights = parse(&with_chatbot(r#"{"ifbench": 25, "mmlu_pro": 75}"#)).unwrap();
        let published = scores(&[
            (QualityBenchmark::Ifbench, "40"),
            (QualityBenchmark::MmluPro, "70"),
        ]);
        let quality = weights.quality(&published);
        assert_eq!(quality[&UseCase::ChatbotConversational], 63); // 62.5
    }

    #[test]
    fn without_every_weighted_benchmark_there_is_no_quality() {
        let weights = parse(&with_chatbot(r#"{"ifbench": 1, "mmlu_pro": 99}"#)).unwrap();
        let quality = weights.quality(&scores(&[(QualityBenchmark::MmluPro, "70")]));
        assert!(!quality.contains_key(&UseCase::ChatbotConversational));
    }

    #[test]
    fn without_weights_there_is_no_quality() {
        let weights = parse(&with_chatbot("{}")).unwrap();
        let quality = weights.quality(&scores(&[(QualityBenchmark::MmluPro, "70")]));
        assert!(!quality.contains_key(&UseCase::ChatbotConversational));
    }

    #[test]
    fn a_faulty_weighting_is_refused_by_line_and_field() {
        let problem = |weights: &str| parse(weights).unwrap_err().to_string();
        assert_eq!(
            problem(&with_chatbot(r#"{"ifbench": 50, "mmlu_pro": 40}"#)),
            "weights.json, line 2, field `chatbot_conversational`: \
             the weights are percent and sum up to 100, not 90"
        );
        let unknown = problem(&with_chatbot(r#"{"my_own": 100}"#));
        assert!(
            unknown.starts_with("weights.json, line 3,") && unknown.contains("my_own"),
            "{unknown}"
        );
        let mut missing = shipped();
        missing.as_object_mut().unwrap().remove("translation");
        let missing = problem(&missing.to_string());
        assert!(
            missing.contains("field `translation`: is missing"),
            "{missing}"
        );
    }
}
