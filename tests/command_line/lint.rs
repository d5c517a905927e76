//! `compass lint` without evidence: rules and names.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Scratch, compass, texts};

const HEAD: &str = "apiVersion: compass.dev/v1alpha1\nkind: DeploymentIntent\n";

/// Exit code, and what is told, of a file with this content.
fn lint(content: &str, arguments: &[&str]) -> (i32, String, String) {
    let folder = Scratch::create().unwrap();
    fs::write(folder.join("intents.yaml"), content).unwrap();
    let arguments = [&["lint", "intents.yaml"], arguments].concat();
    let output = compass(folder.path(), &arguments);
    let (told, summary) = texts(&output);
    (output.status.code().unwrap(), told, summary)
}

#[test]
fn a_broken_rule_is_told_on_its_line() {
    let intents = format!(
        "kind: ConfigMap\napiVersion: v1\nmetadata: {{name: x}}\n---\n{HEAD}metadata:\n  name: chat\nspec:\n  useCase: chatbot\n  slo:\n    ttftP95Ms: 0\n---\n{HEAD}metadata: {{name: rag}}\nspec:\n  useCase: document_analysis_rag\n  demand:\n    requestsPerSecond: 5\n    users: 7\n"
    );
    let (code, told, summary) = lint(&intents, &[]);
    assert_eq!(code, 1);
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(lines.len(), 3, "{told}");
    assert!(
        lines[0].starts_with("intents.yaml:12: error: spec.slo.ttftP95Ms: 0 is less than"),
        "{told}"
    );
    assert!(
        lines[1].starts_with("intents.yaml:10: error: spec.useCase: \"chatbot\" is none of")
            && lines[1].ends_with("did you mean chatbot_conversational?"),
        "{told}"
    );
    assert!(
        lines[2].starts_with(
            "intents.yaml:20: error: spec.demand: give either requestsPerSecond or users"
        ),
        "{told}"
    );
    assert_eq!(summary, "2 intents: 3 errors, 0 warnings\n");

    let (code, json, _) = lint(&intents, &["-o", "json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, json.as_array().unwrap().len()), (1, 3));
    assert_eq!(
        (&json[1]["line"], &json[1]["level"]),
        (&10.into(), &"error".into())
    );

    let (_, github, _) = lint(&intents, &["-o", "github"]);
    assert!(
        github.starts_with("::error file=intents.yaml,line=12::spec.slo.ttftP95Ms"),
        "{github}"
    );
}

#[test]
fn a_name_that_nobody_knows_is_a_warning() {
    let intent = format!(
        "{HEAD}metadata: {{name: chat}}\nspec:\n  useCase: translation\n  models:\n    allow:\n    - Qwen/Qwen3-32B\n    - Qwen/Qwen-3-8B\n  hardware:\n    deny: [TPU-v5e]\n"
    );
    let (code, told, summary) = lint(&intent, &[]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(
        told,
        "intents.yaml:9: warning: spec.models.allow: `Qwen/Qwen-3-8B` is not in the catalog; did you mean Qwen/Qwen3-8B?\n\
         intents.yaml:11: warning: spec.hardware.deny: `TPU-v5e` is not in the catalog; benchmarks may know it\n"
    );
    assert_eq!(summary, "1 intent: 0 errors, 2 warnings\n");
}

#[test]
fn what_is_not_readable_or_there_twice_is_told() {
    let intent = format!("{HEAD}metadata: {{name: chat}}\nspec: {{useCase: translation}}\n");
    let (code, told, _) = lint(&format!("{intent}---\n{intent}"), &[]);
    assert_eq!(code, 1);
    assert_eq!(
        told,
        "intents.yaml:8: error: there is another intent default/chat in intents.yaml:1\n"
    );
    let (code, told, _) = lint(&format!("{HEAD}metadata: {{name: chat\nspec: x\n"), &[]);
    assert_eq!(code, 1);
    assert!(told.contains(": error: not readable as YAML"), "{told}");
    let (code, told, _) = lint("kind: DeploymentIntent\nspec: {}\n", &[]);
    assert_eq!(code, 1);
    assert!(
        told.contains("expected apiVersion compass.dev/v1alpha1"),
        "{told}"
    );
    let (code, _, told) = lint(&intent, &["--manifests", "."]);
    assert_eq!(code, 1);
    assert!(told.contains("--manifests needs evidence"), "{told}");
}

#[test]
fn folders_may_hold_other_things() {
    let folder = Scratch::create().unwrap();
    fs::create_dir_all(folder.join("charts/templates")).unwrap();
    fs::write(
        folder.join("charts/templates/a.yaml"),
        "{{- if .Values.x }}\na: {{ .b }}\n",
    )
    .unwrap();
    fs::write(folder.join("values.yaml"), "replicas: 2\n").unwrap();
    fs::write(folder.join("notes.txt"), "kind: DeploymentIntent").unwrap();
    let output = compass(folder.path(), &["lint", ".", "-v"]);
    let (told, summary) = texts(&output);
    assert_eq!((output.status.code(), told.as_str()), (Some(0), ""));
    assert!(summary.contains("passed over: ./values.yaml"), "{summary}");
    assert!(
        summary.ends_with("0 intents: 0 errors, 0 warnings\n"),
        "{summary}"
    );
    let output = compass(folder.path(), &["lint", "nowhere.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(texts(&output).1.contains("cannot read nowhere.yaml"));
}

#[test]
fn examples_pass_and_refused_ones_do_not() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let output = compass(&examples, &["lint", "use-cases", "infeasible"]);
    assert_eq!(output.status.code(), Some(0), "{}", texts(&output).0);
    for refused in fs::read_dir(examples.join("refused")).unwrap() {
        let file = refused.unwrap().path();
        let output = compass(&examples, &["lint", file.to_str().unwrap()]);
        let (told, _) = texts(&output);
        assert_eq!(output.status.code(), Some(1), "{}", file.display());
        let line = told
            .trim_start_matches(file.to_str().unwrap())
            .split(':')
            .nth(1)
            .unwrap();
        assert!(
            line.parse::<usize>().unwrap() > 1 && told.contains(": error: "),
            "{told}"
        );
    }
}
