//! R10: what the evidence does not speak of: names that nobody knows, and models and hardware
//! without benchmarks for the profile.

use std::collections::BTreeSet;

use serde::Serialize;

use super::field::Field;
use crate::benchmark::{HardwareName, ModelName, most_alike};

/// What the evidence does not speak of.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Gaps {
    /// Models that the intent allows and that have no benchmarks for the profile.
    pub models: Vec<ModelName>,
    /// Hardware that the intent allows, by name or because it names none, and that has no
    /// benchmarks for the profile.
    pub hardware: Vec<HardwareName>,
    /// Names in the intent that are neither in the catalog nor in the benchmarks of the profile.
    pub unknown_names: Vec<UnknownName>,
}

/// A name that is neither in the catalog nor in the benchmarks of the profile.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UnknownName {
    /// The field of the intent that holds it, e.g. `models.allow`.
    pub field: &'static str,
    /// The name.
    pub name: String,
    /// The known name that is most like it, if one is alike.
    pub did_you_mean: Option<String>,
}

/// What the field does not speak of.
pub(super) fn gaps(field: &Field) -> Gaps {
    let constraints = &field.requirement.constraints;
    let benchmarked_models: BTreeSet<_> = field.entries().map(|(it, _)| &it.model).collect();
    let benchmarked_hardware: BTreeSet<_> = field.entries().map(|(it, _)| &it.hardware).collect();
    let known_models: BTreeSet<_> = field
        .catalog
        .models()
        .chain(benchmarked_models.iter().copied())
        .map(ModelName::as_str)
        .collect();
    let known_hardware: BTreeSet<_> = field
        .catalog
        .hardware_names()
        .chain(benchmarked_hardware.iter().copied())
        .map(HardwareName::as_str)
        .collect();
    let models = |name, given: &[ModelName]| {
        unknown(name, given.iter().map(ModelName::as_str), &known_models)
    };
    let hardware = |name, given: &[HardwareName]| {
        unknown(
            name,
            given.iter().map(HardwareName::as_str),
            &known_hardware,
        )
    };
    let allowed_hardware: Vec<_> = match constraints.allowed_hardware.as_slice() {
        [] => field.catalog.hardware_names().cloned().collect(),
        allowed => allowed.to_vec(),
    };
    Gaps {
        models: constraints
            .allowed_models
            .iter()
            .filter(|model| !benchmarked_models.contains(model))
            .cloned()
            .collect(),
        hardware: allowed_hardware
            .into_iter()
            .filter(|hardware| {
                !benchmarked_hardware.contains(hardware)
                    && !constraints.denied_hardware.contains(hardware)
            })
            .collect(),
        unknown_names: [
            models("models.allow", &constraints.allowed_models),
            models("models.deny", &constraints.denied_models),
            hardware("hardware.allow", &constraints.allowed_hardware),
            hardware("hardware.deny", &constraints.denied_hardware),
        ]
        .concat(),
    }
}

fn unknown<'n>(
    field: &'static str,
    given: impl Iterator<Item = &'n str>,
    known: &BTreeSet<&str>,
) -> Vec<UnknownName> {
    let is_known = |name: &str| known.iter().any(|known| known.eq_ignore_ascii_case(name));
    given
        .filter(|name| !is_known(name))
        .map(|name| UnknownName {
            field,
            name: name.to_owned(),
            did_you_mean: most_alike(name, known.iter().copied()).map(str::to_owned),
        })
        .collect()
}
