//! Names by which the program is called, and what shells and kubectl ask it.

use std::os::unix::fs::symlink;

use crate::support::{Scratch, compass, program, texts};

fn linked(name: &str, arguments: &[&str]) -> (i32, String, String) {
    let folder = Scratch::create().unwrap();
    let link = folder.join(name);
    symlink(env!("CARGO_BIN_EXE_compass"), &link).unwrap();
    let output = program(&link).args(arguments).output().unwrap();
    let (out, err) = texts(&output);
    (output.status.code().unwrap(), out, err)
}

#[test]
fn a_plugin_of_kubectl_shows_how_kubectl_calls_it() {
    let (code, help, _) = linked("kubectl-compass", &["explain", "--help"]);
    assert_eq!(code, 0);
    assert!(help.contains("Usage: kubectl compass explain"), "{help}");
    for flag in ["--namespace", "--context", "--kubeconfig", "--snapshot"] {
        assert!(help.contains(flag), "{flag}");
    }
    let (code, _, told) = linked("kubectl-compass", &["explainn"]);
    assert_eq!(code, 2);
    assert!(told.contains("Usage: kubectl compass <COMMAND>"), "{told}");
    assert!(!told.contains('\u{1b}'), "colours belong on a terminal");
}

#[test]
fn kubectl_is_told_what_may_come_next() {
    let complete = |words: &[&str]| {
        let (code, answer, told) = linked("kubectl_complete-compass", words);
        assert_eq!((code, told.as_str()), (0, ""));
        answer
    };
    let commands = complete(&["re"]);
    assert!(
        commands.starts_with("recommend\tRecommend a model"),
        "{commands}"
    );
    assert!(commands.ends_with("\n:4\n"), "{commands}");
    let flags = complete(&["recommend", "--use"]);
    assert!(flags.starts_with("--use-case\t"), "{flags}");
    assert!(flags.contains("--users\t"), "{flags}");
    let values = complete(&["recommend", "--use-case", "tr"]);
    assert!(values.starts_with("translation\t"), "{values}");
    assert_eq!(complete(&["nothing", "of", "the", "kind"]), ":0\n");
}

#[test]
fn shells_get_a_script() {
    let folder = Scratch::create().unwrap();
    for (shell, part) in [
        ("bash", "complete -F _compass"),
        ("zsh", "#compdef compass"),
        ("fish", "complete -c compass"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let output = compass(folder.path(), &["completion", shell]);
        let (script, _) = texts(&output);
        assert!(
            script.contains(part) && script.contains("snapshot"),
            "{shell}"
        );
    }
}

#[test]
fn an_object_is_printed_as_kubectl_prints_it() {
    let folder = Scratch::create().unwrap();
    let crd = |format| texts(&compass(folder.path(), &["crd", "-o", format])).0;
    let name = crd("name");
    assert_eq!(
        name,
        "customresourcedefinition.apiextensions.k8s.io/deploymentintents.compass.dev\n"
    );
    let json: serde_json::Value = serde_json::from_str(&crd("json")).unwrap();
    let yaml: serde_json::Value = serde_saphyr::from_str(&crd("yaml")).unwrap();
    assert_eq!(json, yaml);
}

#[test]
fn a_question_is_an_intent_a_file_or_flags() {
    let folder = Scratch::create().unwrap();
    let ask = |arguments: &str| {
        let output = compass(folder.path(), &arguments.split(' ').collect::<Vec<_>>());
        (output.status.code().unwrap(), texts(&output).1)
    };
    let intent = "apiVersion: compass.dev/v1alpha1\nkind: DeploymentIntent\nmetadata: {name: a}\nspec: {useCase: translation}\n";
    std::fs::write(folder.join("a.yaml"), intent).unwrap();
    for question in [
        "-f a.yaml",
        "--use-case translation",
        "--use-case custom --profile 1/1 --experience-class batch --rps 2",
    ] {
        for command in ["recommend", "explain"] {
            let (code, told) = ask(&format!("{command} {question}"));
            assert_eq!(code, 1, "{told}");
            assert!(told.contains("which knowledge base?"), "{told}");
        }
    }
    for (call, part) in [
        ("recommend", "--file <FILE>|--use-case <USE_CASE>"),
        ("recommend --rps 2", "--file <FILE>|--use-case <USE_CASE>"),
        ("recommend -f a.yaml --rps 2", "cannot be used with"),
        (
            "recommend -f a.yaml --use-case custom",
            "cannot be used with",
        ),
        ("explain a --use-case custom", "cannot be used with"),
        ("explain a --rps 2", "cannot be used with"),
        ("explain", "required"),
    ] {
        let (code, told) = ask(call);
        assert_eq!(code, 2, "{call}: {told}");
        assert!(told.contains(part), "{call}: {told}");
    }
}
