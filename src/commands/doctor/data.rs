//! What there is to answer from.

use std::collections::BTreeSet;

use super::check::{Check, Section};
use crate::benchmark::ModelName;
use crate::catalog::Catalog;
use crate::knowledge_base::{
    KindInventory, KnowledgeBase, KnowledgeBaseError, PlaceInventory, ProfileInventory,
};

const IS: Section = Section::Data;
/// Names that a line lists; the rest is counted.
const NAMED: usize = 5;

pub(super) async fn checks(knowledge_base: &KnowledgeBase, catalog: &Catalog) -> Vec<Check> {
    match look(knowledge_base, catalog).await {
        Ok(checks) => checks,
        Err(error) => {
            vec![IS.fail(
                "evidence",
                error.to_string(),
                "look at the database's own log",
            )]
        }
    }
}

async fn look(
    knowledge_base: &KnowledgeBase,
    catalog: &Catalog,
) -> Result<Vec<Check>, KnowledgeBaseError> {
    let kinds = knowledge_base.inventory_of_kinds().await?;
    if kinds.is_empty() {
        let remedy = "compass load FILE..., e.g. data/benchmarks.json.gz (simulated)";
        return Ok(vec![IS.fail("evidence", "there is no benchmark", remedy)]);
    }
    let mut checks = vec![evidence(&kinds)];
    checks.push(use_cases(
        &knowledge_base.inventory_of_profiles().await?,
        catalog,
    ));
    checks.extend(gaps(&knowledge_base.inventory_of_places().await?, catalog));
    Ok(checks)
}

fn evidence(kinds: &[KindInventory]) -> Check {
    let told = kinds.iter().map(|it| {
        let age = match (&it.oldest, &it.newest) {
            (Some(oldest), Some(newest)) if oldest == newest => format!("of {newest}"),
            (Some(oldest), Some(newest)) => format!("of {oldest} to {newest}"),
            _ => "without a date".to_owned(),
        };
        format!("{} {} {age}", it.rows, it.kind)
    });
    let told = told.collect::<Vec<_>>().join("; ");
    if kinds.iter().any(|it| it.kind == "measured") {
        IS.ok("evidence", told)
    } else {
        let remedy = "measure before you buy, and load it (docs/benchmarks.md)";
        IS.warn("evidence", format!("nothing is measured: {told}"), remedy)
    }
}

fn use_cases(profiles: &[ProfileInventory], catalog: &Catalog) -> Check {
    const NAME: &str = "use cases";
    let has_rows = |prompt_tokens, output_tokens| {
        profiles.iter().any(|it| {
            (it.prompt_tokens, it.output_tokens) == (Some(prompt_tokens), Some(output_tokens))
                && it.configurations > 0
        })
    };
    let all = catalog.use_cases().count();
    let without: Vec<_> = catalog
        .use_cases()
        .filter(|(_, it)| {
            !has_rows(
                it.traffic_profile.prompt_tokens,
                it.traffic_profile.output_tokens,
            )
        })
        .map(|(use_case, it)| format!("{} ({})", use_case.as_str(), it.traffic_profile))
        .collect();
    if without.is_empty() {
        return IS.ok(
            NAME,
            format!("all {all} have benchmarks of their traffic profile"),
        );
    }
    let found = format!(
        "without benchmarks of their traffic profile: {}",
        listed(&without)
    );
    IS.warn(
        NAME,
        found,
        "benchmark these profiles, or allow estimates (docs/estimates.md)",
    )
}

/// What benchmarks name and the catalog does not know.
fn gaps(places: &[PlaceInventory], catalog: &Catalog) -> Vec<Check> {
    let mut unknown = BTreeSet::new();
    let mut unpriced = BTreeSet::new();
    let mut models = BTreeSet::new();
    for place in places {
        if let Some(name) = &place.hardware {
            let name = catalog.canonical_hardware(name);
            match catalog.hardware(&name) {
                None => unknown.insert(name.to_string()),
                Some(hardware) if hardware.price.is_none() => unpriced.insert(name.to_string()),
                Some(_) => false,
            };
        }
        if catalog.model(&ModelName::new(&place.model)).is_none() {
            models.insert(place.model.clone());
        }
    }
    let gap = |name, found: &str, names: BTreeSet<String>, remedy: &str| {
        let names: Vec<_> = names.into_iter().collect();
        let told = || IS.warn(name, format!("{found}: {}", listed(&names)), remedy);
        (!names.is_empty()).then(told)
    };
    let gaps = [
        gap(
            "hardware",
            "not in the catalog, so it is never placed",
            unknown,
            "add it with its node labels: --catalog-hardware",
        ),
        gap(
            "prices",
            "without a price, which ranks behind every known one",
            unpriced,
            "add one: --catalog-hardware",
        ),
        gap(
            "models",
            "not in the catalog, so their quality is unknown",
            models,
            "add them: --catalog-models",
        ),
    ];
    let gaps: Vec<_> = gaps.into_iter().flatten().collect();
    if gaps.is_empty() {
        return vec![IS.ok(
            "catalog",
            "knows every model and every GPU that was benchmarked",
        )];
    }
    gaps
}

fn listed(names: &[String]) -> String {
    let mut text = names[..names.len().min(NAMED)].join(", ");
    if names.len() > NAMED {
        text += &format!(" and {} more", names.len() - NAMED);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::check::Verdict;
    use super::*;

    fn place(model: &str, hardware: &str) -> PlaceInventory {
        PlaceInventory {
            model: model.to_owned(),
            hardware: Some(hardware.to_owned()),
            hardware_count: Some(1),
            rows: Default::default(),
            profiles: Vec::new(),
        }
    }

    #[test]
    fn what_the_catalog_does_not_know_is_named() {
        let catalog = Catalog::built_in();
        let known = place("Qwen/Qwen3-32B", "NVIDIA-H100-80GB-HBM3");
        let verdicts = |places: &[PlaceInventory]| {
            let checks = gaps(places, &catalog);
            checks.into_iter().map(|it| it.verdict).collect::<Vec<_>>()
        };
        assert_eq!(verdicts(std::slice::from_ref(&known)), [Verdict::Ok]);
        let unknown = place("nobody/none", "TPU-v9");
        assert_eq!(verdicts(&[known, unknown]), [Verdict::Warn, Verdict::Warn]);
    }

    #[test]
    fn a_use_case_without_rows_is_named_with_its_profile() {
        let check = use_cases(&[], &Catalog::built_in());
        assert_eq!(check.verdict, Verdict::Warn);
        let told = serde_json::to_string(&check).unwrap();
        assert!(told.contains("and 4 more"), "{told}");
    }

    #[test]
    fn simulated_rows_alone_are_not_enough() {
        let kind = |kind: &str| KindInventory {
            kind: kind.to_owned(),
            rows: 3,
            ..KindInventory::default()
        };
        assert_eq!(evidence(&[kind("simulated")]).verdict, Verdict::Warn);
        let both = [kind("measured"), kind("simulated")];
        assert_eq!(evidence(&both).verdict, Verdict::Ok);
    }
}
