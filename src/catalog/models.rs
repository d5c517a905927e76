//! Models: size, context length, licence, and quality where a source publishes it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::file::{CatalogError, CatalogFile};
use super::quality::{self, PublishedScore, QualityBenchmark, Weights};
use super::use_cases::UseCase;
use crate::benchmark::ModelName;

/// One model repository.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Parameters.
    pub parameters: u64,
    /// Parameters used for one token: fewer in a mixture of experts.
    pub active_parameters: u64,
    /// Data type of the published weights.
    pub weight_dtype: String,
    /// Bytes of the weights by data type; that of the published ones is always there.
    pub weight_bytes: BTreeMap<String, u64>,
    /// Longest sequence, tokens.
    pub context_length: u32,
    /// Licence's identifier.
    pub license: String,
    /// Whether downloading needs an accepted licence and a token.
    pub gated: bool,
    /// What others published about the quality of this repository's answers.
    pub published_scores: BTreeMap<QualityBenchmark, PublishedScore>,
    /// Score per use case, 0 to 100, none where nothing is known (R8): the weighted published
    /// scores, unless the file states its own.
    #[serde(default)]
    pub quality: BTreeMap<UseCase, u8>,
    /// Where these facts are from.
    pub source: String,
}

impl Model {
    /// Bytes of the published weights: what a start has to load.
    pub fn published_weight_bytes(&self) -> u64 {
        self.weight_bytes
            .get(&self.weight_dtype)
            .copied()
            .unwrap_or_default()
    }
}

/// Models by repository, with their quality.
pub(super) fn parse(
    file: &CatalogFile,
    weights: &Weights,
) -> Result<BTreeMap<ModelName, Model>, CatalogError> {
    let mut models: BTreeMap<ModelName, Model> = file.parse_map()?;
    for (name, model) in &mut models {
        let name = name.as_str();
        if model.parameters == 0 || model.active_parameters == 0 || model.context_length == 0 {
            return Err(file.invalid(
                &[name],
                "parameters, active_parameters and context_length are more than 0",
            ));
        }
        if model.active_parameters > model.parameters {
            return Err(file.invalid(
                &[name, "active_parameters"],
                "no more parameters are active than there are",
            ));
        }
        if model.published_weight_bytes() == 0 || model.weight_bytes.values().any(|b| *b == 0) {
            return Err(file.invalid(
                &[name, "weight_bytes"],
                format!(
                    "bytes are more than 0, and those of the published data type `{}` are needed",
                    model.weight_dtype
                ),
            ));
        }
        quality::check(file, name, &model.published_scores)?;
        if model.quality.values().any(|score| *score > 100) {
            return Err(file.invalid(&[name, "quality"], "a score is 0 to 100"));
        }
        for (use_case, score) in weights.quality(&model.published_scores) {
            model.quality.entry(use_case).or_insert(score);
        }
    }
    Ok(models)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::file;

    const MODEL: &str = r#"{
  "acme/model": {
    "parameters": 8, "active_parameters": 8,
    "weight_dtype": "bf16", "weight_bytes": {"bf16": 16}, "context_length": 4096,
    "license": "apache-2.0", "gated": false,
    "published_scores": {
      "livecodebench": {"score": 41.6, "source": "a report", "date": "2026-01-01"}
    },
    "source": "model card"
  }
}"#;

    fn model(text: &str) -> Result<Model, CatalogError> {
        let weights = include_str!("../../data/quality_weights.json");
        let weights = Weights::parse(&file::read(None, "weights.json", weights).unwrap()).unwrap();
        let mut models = parse(&file::read(None, "mine.json", text).unwrap(), &weights)?;
        Ok(models.remove(&ModelName::new("acme/model")).unwrap())
    }

    fn problem(from: &str, to: &str) -> String {
        assert!(MODEL.contains(from));
        model(&MODEL.replace(from, to)).unwrap_err().to_string()
    }

    #[test]
    fn quality_comes_from_published_scores_where_they_suffice() {
        let model = model(MODEL).unwrap();
        assert_eq!(model.quality.get(&UseCase::CodeCompletion), Some(&42));
        assert_eq!(model.quality.get(&UseCase::CodeGenerationDetailed), None);
    }

    #[test]
    fn the_files_own_quality_goes_before_published_scores() {
        let own = r#""quality": {"code_completion": 90}, "source""#;
        let model = model(&MODEL.replace("\"source\": \"model card\"", &format!("{own}: \"\"")));
        assert_eq!(
            model.unwrap().quality,
            BTreeMap::from([(UseCase::CodeCompletion, 90)])
        );
    }

    #[test]
    fn a_faulty_model_is_refused_by_line_and_field() {
        assert_eq!(
            problem("41.6", "100.1"),
            "mine.json, line 7, field `acme/model.published_scores.livecodebench.score`: \
             a score is 0 to 100"
        );
        let unknown = problem("livecodebench", "my_own_test");
        assert!(
            unknown.starts_with("mine.json, line 7, field `acme/model.published_scores"),
            "{unknown}"
        );
        let undated = problem(r#", "date": "2026-01-01""#, "");
        assert!(undated.contains("missing field `date`"), "{undated}");
        let bytes = problem(r#"{"bf16": 16}"#, r#"{"fp8": 8}"#);
        assert!(
            bytes.starts_with("mine.json, line 4, field `acme/model.weight_bytes`"),
            "{bytes}"
        );
        let active = problem(r#""active_parameters": 8"#, r#""active_parameters": 9"#);
        assert!(active.contains("active_parameters"), "{active}");
    }
}
