//! Models: size, context length, licence, and quality where a source publishes one.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::file::{CatalogError, CatalogFile};
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
    /// Bytes of the published weights: what a start has to load.
    pub weight_bytes: u64,
    /// Longest sequence, tokens.
    pub context_length: u32,
    /// Licence's identifier.
    pub license: String,
    /// Whether downloading needs an accepted licence and a token.
    pub gated: bool,
    /// Score per use case, 0 to 100; `None` where no source publishes one (R8).
    pub quality: Option<BTreeMap<UseCase, u8>>,
    /// Where these facts are from.
    pub source: String,
}

/// Models by repository.
pub(super) fn parse(file: &CatalogFile) -> Result<BTreeMap<ModelName, Model>, CatalogError> {
    let models: BTreeMap<ModelName, Model> = file.parse_map()?;
    for (name, model) in &models {
        if model.parameters == 0 || model.weight_bytes == 0 || model.context_length == 0 {
            return Err(file.invalid(
                &[name.as_str()],
                "parameters, weight_bytes and context_length are more than 0",
            ));
        }
        if model
            .quality
            .iter()
            .flatten()
            .any(|(_, score)| *score > 100)
        {
            return Err(file.invalid(&[name.as_str(), "quality"], "a score is 0 to 100"));
        }
    }
    Ok(models)
}
