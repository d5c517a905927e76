//! The bundle of every use case with everything on, from the rows that ship: goldens to be read like
//! code. `COMPASS_UPDATE_GOLDEN=1` writes them anew.

#[path = "../examples/shared/data.rs"]
mod data;

use std::path::Path;

use compass::api::parse_intent;
use compass::benchmark::Evidence;
use compass::catalog::Catalog;
use compass::manifest::{Kind, Manifests, Settings, Workload, build};
use compass::recommend::{asked, decide, resolve};
use jiff::Timestamp;

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bundle")
}

/// The intent's manifests, with what is to be known of them above.
fn bundle(intent: &str, evidence: &Evidence, catalog: &Catalog) -> (Manifests, String) {
    let intent = parse_intent(intent).unwrap();
    let requirement = resolve(&intent.spec, catalog).unwrap();
    let decision = decide(requirement, evidence, catalog, Timestamp::UNIX_EPOCH);
    let manifests = build(&Workload {
        name: intent.metadata.name.as_deref().unwrap(),
        namespace: intent.metadata.namespace.as_deref().unwrap(),
        requirement: &decision.requirement,
        candidate: decision.recommendation.as_ref().unwrap(),
        runtime: intent.spec.runtime.as_ref(),
        catalog,
        asked: asked(&intent.spec).as_str(),
        settings: &Settings::default(),
    })
    .unwrap();
    let notes: String = manifests
        .notes()
        .iter()
        .map(|note| format!("# {note}\n"))
        .collect();
    let text = notes + &manifests.yaml();
    (manifests, text)
}

#[test]
fn every_use_case_with_everything_on() {
    let evidence = Evidence {
        benchmarks: data::shipped().unwrap().into(),
        profiles: Vec::new(),
    };
    let catalog = Catalog::built_in();
    let mut kinds = Vec::new();
    let mut use_cases = 0;
    for (use_case, _) in catalog.use_cases() {
        let use_case = serde_json::to_value(use_case).unwrap();
        let file = |suffix| folder().join(format!("{}{suffix}", use_case.as_str().unwrap()));
        let intent = std::fs::read_to_string(file(".intent.yaml")).unwrap();
        let (manifests, actual) = bundle(&intent, &evidence, &catalog);
        if std::env::var_os("COMPASS_UPDATE_GOLDEN").is_some() {
            std::fs::write(file(".yaml"), &actual).unwrap();
        }
        let expected = std::fs::read_to_string(file(".yaml")).unwrap();
        assert!(
            actual == expected,
            "{use_case} differs; COMPASS_UPDATE_GOLDEN=1 writes it anew"
        );
        kinds.extend(manifests.objects().map(|object| object.kind));
        use_cases += 1;
    }
    assert_eq!(use_cases, 9);
    for kind in Kind::ALL {
        assert!(kinds.contains(&kind), "no golden has a {kind}");
    }
}
