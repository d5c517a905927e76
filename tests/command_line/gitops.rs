//! What the examples of `docs/gitops.md` say of an intent's health, said by the languages they are
//! written in: Lua 5.1 for Argo CD, CEL for Flux.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

/// The documents of an example.
fn example(file: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/gitops");
    let text = fs::read_to_string(folder.join(file)).unwrap();
    serde_saphyr::from_multiple(&text).unwrap()
}

fn condition(type_: &str, status: &str, generation: i64) -> Value {
    json!({"type": type_, "status": status, "observedGeneration": generation,
        "reason": "Because", "message": "of this", "lastTransitionTime": "2026-11-24T12:00:00Z"})
}

/// Intents of generation 2, and their health in the words of Argo CD.
fn intents() -> Vec<(Value, &'static str)> {
    let intent = |conditions: Value| {
        json!({"metadata": {"name": "chat", "generation": 2}, "spec": {"useCase": "translation"},
            "status": {"observedGeneration": 2, "conditions": conditions}})
    };
    let ready = |status| condition("Ready", status, 2);
    let mut new = intent(Value::Null);
    new["status"] = json!({"observedGeneration": -1});
    let mut suspended = intent(json!([ready("True")]));
    suspended["spec"]["suspend"] = true.into();
    vec![
        (new, "Progressing"),
        (intent(json!([ready("True")])), "Healthy"),
        (
            intent(json!([ready("False"), condition("Stalled", "True", 2)])),
            "Degraded",
        ),
        (
            intent(json!([ready("False"), condition("Reconciling", "True", 2)])),
            "Progressing",
        ),
        (intent(json!([ready("Unknown")])), "Progressing"),
        // What was said of an older spec says nothing of this one.
        (
            intent(json!([condition("Ready", "True", 1)])),
            "Progressing",
        ),
        (
            intent(json!([
                condition("Ready", "False", 1),
                condition("Stalled", "True", 1)
            ])),
            "Progressing",
        ),
        (suspended, "Suspended"),
    ]
}

#[test]
fn argo_cd_is_told_the_health_of_an_intent() {
    use mlua::LuaSerdeExt;
    let config_map = example("argocd/health.yaml").remove(0);
    let script = config_map["data"]["resource.customizations.health.compass.dev_DeploymentIntent"]
        .as_str()
        .unwrap();
    for (intent, expected) in intents() {
        let lua = mlua::Lua::new();
        // As Argo CD does it: what is null is not there.
        let options = mlua::serde::SerializeOptions::new()
            .serialize_none_to_null(false)
            .serialize_unit_to_null(false);
        let object = lua.to_value_with(&intent, options).unwrap();
        lua.globals().set("obj", object).unwrap();
        let health: mlua::Table = lua.load(script).eval().unwrap();
        let status: String = health.get("status").unwrap();
        assert_eq!(status, expected, "{intent}");
        let message: String = health.get("message").unwrap();
        assert!(!message.is_empty());
    }
}

#[test]
fn flux_is_told_the_health_of_an_intent() {
    let kustomization = example("flux/intents.yaml").remove(1);
    let check = &kustomization["spec"]["healthCheckExprs"][0];
    for (intent, expected) in intents() {
        let holds = |expression: &str| {
            let mut context = cel::Context::default();
            for part in ["metadata", "spec", "status"] {
                context.add_variable(part, &intent[part]).unwrap();
            }
            let program = cel::Program::compile(check[expression].as_str().unwrap()).unwrap();
            match program.execute(&context) {
                Ok(cel::Value::Bool(holds)) => holds,
                other => panic!("{expression} of {intent}: {other:?}"),
            }
        };
        // In the order in which Flux asks; where nothing holds, the object is in progress.
        let health = if holds("inProgress") {
            "Progressing"
        } else if holds("failed") {
            "Degraded"
        } else if holds("current") {
            "Healthy"
        } else {
            "Progressing"
        };
        // Flux knows no suspension of others' objects.
        let expected = expected.replace("Suspended", "Healthy");
        assert_eq!(health, expected, "{intent}");
    }
}

#[test]
fn the_examples_are_of_the_kinds_that_they_are_meant_to_be() {
    for (file, kinds) in [
        (
            "argocd/intents.yaml",
            &["argoproj.io/v1alpha1 Application"][..],
        ),
        (
            "argocd/rendered.yaml",
            &["argoproj.io/v1alpha1 Application"],
        ),
        (
            "flux/intents.yaml",
            &[
                "source.toolkit.fluxcd.io/v1 GitRepository",
                "kustomize.toolkit.fluxcd.io/v1 Kustomization",
            ],
        ),
        (
            "flux/rendered.yaml",
            &["kustomize.toolkit.fluxcd.io/v1 Kustomization"],
        ),
    ] {
        let found: Vec<_> = example(file)
            .iter()
            .map(|object| {
                let field = |name: &str| object[name].as_str().unwrap().to_owned();
                format!("{} {}", field("apiVersion"), field("kind"))
            })
            .collect();
        assert_eq!(found, kinds, "{file}");
    }
}
