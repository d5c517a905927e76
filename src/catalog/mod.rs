//! What ships with Compass: use cases, hardware and models, from `data/`. Built in, and each
//! replaceable by a file; a faulty file is refused whole, naming line and field.

mod file;
mod hardware;
mod models;
mod quality;
mod use_cases;

pub use file::CatalogError;
pub use hardware::{Hardware, Price, Vendor};
pub use models::Model;
pub use quality::{PublishedScore, QualityBenchmark};
pub use use_cases::{ExperienceClass, SloTargets, UseCase, UseCaseTemplate, Workload};

use std::collections::BTreeMap;
use std::path::Path;

use crate::benchmark::{HardwareName, ModelName};

/// Use cases, hardware and models together.
#[derive(Clone, Debug)]
pub struct Catalog {
    use_cases: BTreeMap<UseCase, UseCaseTemplate>,
    hardware: BTreeMap<HardwareName, Hardware>,
    models: BTreeMap<ModelName, Model>,
}

/// Files that replace what is built in; `None` keeps it.
#[derive(Clone, Debug, Default)]
pub struct CatalogFiles<'a> {
    /// In the shape of `data/slo_templates.json`.
    pub use_cases: Option<&'a Path>,
    /// In the shape of `data/hardware.json`.
    pub hardware: Option<&'a Path>,
    /// In the shape of `data/models.json`.
    pub models: Option<&'a Path>,
}

impl Catalog {
    /// The catalog that ships with Compass, with the given files in place of its parts.
    pub fn load(files: &CatalogFiles) -> Result<Self, CatalogError> {
        Ok(Self {
            use_cases: use_cases::parse(&file::read(
                files.use_cases,
                "data/slo_templates.json",
                include_str!("../../data/slo_templates.json"),
            )?)?,
            hardware: hardware::parse(&file::read(
                files.hardware,
                "data/hardware.json",
                include_str!("../../data/hardware.json"),
            )?)?,
            models: models::parse(
                &file::read(
                    files.models,
                    "data/models.json",
                    include_str!("../../data/models.json"),
                )?,
                &quality::Weights::parse(&file::read(
                    None,
                    "data/quality_weights.json",
                    include_str!("../../data/quality_weights.json"),
                )?)?,
            )?,
        })
    }

    /// The catalog that ships with Compass.
    pub fn built_in() -> Self {
        Self::load(&CatalogFiles::default()).expect("the built-in catalog is checked by a test")
    }

    /// The template of a use case; `custom` has none.
    pub fn use_case(&self, use_case: UseCase) -> Option<&UseCaseTemplate> {
        self.use_cases.get(&use_case)
    }

    /// What is known of a GPU, by its canonical name.
    pub fn hardware(&self, name: &HardwareName) -> Option<&Hardware> {
        self.hardware.get(name)
    }

    /// What is known of a model.
    pub fn model(&self, name: &ModelName) -> Option<&Model> {
        self.models.get(name)
    }

    /// Every model, by name.
    pub fn models(&self) -> impl Iterator<Item = &ModelName> {
        self.models.keys()
    }

    /// Every GPU, by canonical name.
    pub fn hardware_names(&self) -> impl Iterator<Item = &HardwareName> {
        self.hardware.keys()
    }

    /// The canonical name of a GPU: an alias is resolved, compared without case; an unknown name
    /// stays as it is.
    pub fn canonical_hardware(&self, name: &str) -> HardwareName {
        let name = name.trim();
        self.hardware
            .iter()
            .find(|(canonical, hardware)| {
                canonical.as_str().eq_ignore_ascii_case(name)
                    || hardware
                        .aliases
                        .iter()
                        .any(|alias| alias.eq_ignore_ascii_case(name))
            })
            .map_or_else(
                || HardwareName::new(name),
                |(canonical, _)| canonical.clone(),
            )
    }

    /// Every use case with a template, in order.
    pub fn use_cases(&self) -> impl Iterator<Item = (UseCase, &UseCaseTemplate)> {
        self.use_cases
            .iter()
            .map(|(use_case, template)| (*use_case, template))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_catalog_is_sound() {
        let catalog = Catalog::built_in();
        assert_eq!(catalog.use_cases().count(), 9);
        assert!(catalog.use_case(UseCase::Custom).is_none());
        assert!(catalog.hardware(&HardwareName::new("H100")).is_some());
    }

    #[test]
    fn a_quantised_repository_has_no_quality_of_another_one() {
        let catalog = Catalog::built_in();
        let quality = |name: &str| &catalog.model(&ModelName::new(name)).unwrap().quality;
        assert_eq!(
            quality("Qwen/Qwen3-32B").get(&UseCase::ChatbotConversational),
            Some(&52)
        );
        assert!(quality("Qwen/Qwen3-32B-FP8").is_empty());
        assert!(
            (catalog.models.values())
                .all(|model| !model.quality.contains_key(&UseCase::Translation))
        );
    }

    #[test]
    fn aliases_are_resolved_without_case() {
        let catalog = Catalog::built_in();
        assert_eq!(
            catalog.canonical_hardware("nvidia-h100-80gb-hbm3").as_str(),
            "H100"
        );
        assert_eq!(catalog.canonical_hardware("h100").as_str(), "H100");
        assert_eq!(catalog.canonical_hardware("TPU-v9").as_str(), "TPU-v9");
    }
}
