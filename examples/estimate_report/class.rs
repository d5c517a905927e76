//! What kind of model a row is of.

use compass::benchmark::ModelName;
use serde_json::Value;

const MODELS: &str = include_str!("../../data/models.json");
const LINEAR_ATTENTION: [&str; 1] = ["Qwen/Qwen3.5-27B"];

/// Kinds of models whose latency grows with load in different ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    Dense,
    Mixture,
    LinearAttention,
}

impl Class {
    pub const ALL: [Self; 3] = [Self::Dense, Self::Mixture, Self::LinearAttention];

    pub fn of(model: &ModelName) -> Self {
        let models: Value = serde_json::from_str(MODELS).expect("data/models.json is JSON");
        let parameters = |name| models[model.as_str()][name].as_u64();
        if LINEAR_ATTENTION.contains(&model.as_str()) {
            Self::LinearAttention
        } else if parameters("active_parameters").map(|active| 2 * active)
            < parameters("parameters")
        {
            // Of a dense model at most a vision encoder is not active.
            Self::Mixture
        } else {
            Self::Dense
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Dense => "dense",
            Self::Mixture => "mixture of experts",
            Self::LinearAttention => "linear attention",
        }
    }
}
