//! `compass lint` with evidence: whether something complies, and whether what is committed is what
//! the evidence says.

use std::fs;
use std::path::Path;
use std::process::Command;

use compass_testbed::Scratch;
use serde_json::{Value, json};

use crate::support::Database;

struct Repository {
    folder: Scratch,
    database: Database,
}

impl Repository {
    /// Exit code, standard output, and standard error of a command in the repository's folder.
    fn run(&self, arguments: &str) -> (i32, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_compass"))
            .args(arguments.split_whitespace())
            .current_dir(self.folder.path())
            .env("DATABASE_URL", &self.database.url)
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap();
        (code, text(output.stdout), text(output.stderr))
    }

    fn write(&self, file: &str, content: &str) {
        fs::write(self.folder.join(file), content).unwrap();
    }
}

fn intent(name: &str, more: &str) -> String {
    format!(
        "apiVersion: compass.dev/v1alpha1\nkind: DeploymentIntent\nmetadata: {{name: {name}, namespace: ai}}\n\
         spec: {{useCase: chatbot_conversational, demand: {{requestsPerSecond: 2}}{more}}}\n"
    )
}

#[tokio::test]
async fn a_pull_request_is_held_against_the_evidence() {
    let database = Database::migrated().await;
    database.load("lab", &[json!({})]).await;
    let folder = Scratch::create().unwrap();
    fs::create_dir(folder.join("intents")).unwrap();
    fs::create_dir(folder.join("rendered")).unwrap();
    let repository = Repository { folder, database };
    repository.write("intents/chat.yaml", &intent("chat", ""));
    let taken = repository.run("snapshot -f intents -o evidence.json.gz");
    assert_eq!(taken.0, 0, "{}", taken.2);
    let lint = "lint intents --manifests rendered --snapshot evidence.json.gz";

    let (code, told, _) = repository.run(lint);
    assert_eq!(code, 1);
    assert!(
        told.contains(
            "intents/chat.yaml:1: error: no manifest of its Deployment chat is committed"
        ),
        "{told}"
    );
    let rendered = repository
        .run("render -f intents --snapshot evidence.json.gz")
        .1;
    repository.write("rendered/chat.yaml", &format!("# by CI\n---\n{rendered}"));
    let (code, told, summary) = repository.run(lint);
    assert_eq!((code, told.as_str()), (0, ""), "{summary}");

    // Somebody edits what was generated.
    let edited = rendered.replace("replicas: 1", "replicas: 2");
    assert_ne!(edited, rendered);
    repository.write("rendered/chat.yaml", &edited);
    let (code, told, _) = repository.run(lint);
    assert_eq!(code, 1);
    assert!(
        told.contains("rendered/chat.yaml:")
            && told.contains(
                "Deployment chat is not what the evidence says now: spec.replicas 2 -> 1"
            ),
        "{told}"
    );

    // What is not rendered any more is told, and what is somebody else's is not.
    repository.write(
        "intents/chat.yaml",
        &intent(
            "chat",
            ", runtime: {networkPolicy: {allowFrom: [{namespaceLabels: {a: b}}]}}",
        ),
    );
    let render = "render -f intents --snapshot evidence.json.gz";
    repository.write("rendered/chat.yaml", &repository.run(render).1);
    assert_eq!(repository.run(lint).0, 0);
    repository.write("intents/chat.yaml", &intent("chat", ""));
    let theirs = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: theirs, namespace: ai}\n";
    repository.write("rendered/theirs.yaml", theirs);
    let (code, told, _) = repository.run(lint);
    let stale = "error: NetworkPolicy chat is not rendered any more: remove it\n";
    assert_eq!((code, told.lines().count()), (1, 1), "{told}");
    assert!(
        told.starts_with("rendered/chat.yaml:") && told.ends_with(stale),
        "{told}"
    );
    repository.write("rendered/chat.yaml", &repository.run(render).1);
    assert_eq!(repository.run(lint).0, 0);

    // So are those of an intent that is gone, where a folder holds them all.
    repository.write("intents/more.yaml", &intent("more", ""));
    let lint_more = lint.replace("intents ", "intents/more.yaml ");
    repository.write(
        "rendered/more.yaml",
        &repository
            .run(&render.replace("intents", "intents/more.yaml"))
            .1,
    );
    assert_eq!(
        repository.run(&lint_more).0,
        0,
        "{}",
        repository.run(&lint_more).1
    );
    fs::remove_file(repository.folder.join("intents/more.yaml")).unwrap();
    let (code, told, _) = repository.run(lint);
    assert_eq!((code, told.lines().count()), (1, 2), "{told}");
    for kind in ["Deployment", "Service"] {
        let stale = format!("error: {kind} more is not rendered any more: remove it\n");
        assert!(told.contains(&stale), "{told}");
    }
    // Nobody knows which intent this is.
    repository.write("intents/more.yaml", "kind: DeploymentIntent\nspec: {}\n");
    let told = repository.run(lint).1;
    assert!(!told.contains("any more"), "{told}");
    fs::remove_file(repository.folder.join("intents/more.yaml")).unwrap();
    fs::remove_file(repository.folder.join("rendered/more.yaml")).unwrap();

    // The intent asks for what nobody can give, or for what the snapshot does not hold.
    repository.write(
        "intents/fast.yaml",
        &intent("fast", ", slo: {ttftP95Ms: 1}"),
    );
    repository.write(
        "intents/long.yaml",
        &intent(
            "long",
            ", trafficProfile: {promptTokens: 9, outputTokens: 9}",
        ),
    );
    let (code, told, summary) = repository.run("lint intents --snapshot evidence.json.gz");
    assert_eq!(code, 1);
    assert!(
        told.contains("intents/fast.yaml:1: error: none of 1 benchmarked configuration meets the intent; nearest is Qwen/Qwen3-32B on 1xH100: TTFT p95 50.0 ms, target 1 ms"),
        "{told}"
    );
    assert!(
        told.contains(
            "intents/long.yaml:1: error: evidence.json.gz: the snapshot holds 512/256 and not 9/9"
        ),
        "{told}"
    );
    assert_eq!(summary, "3 intents: 2 errors, 0 warnings\n");
    // The database knows, and says so.
    let (_, told, _) = repository.run("lint intents/long.yaml");
    assert!(
        told.contains("nothing was benchmarked under the traffic profile 9/9"),
        "{told}"
    );
}

/// The commands of a workflow in examples/gitops/ci, in order.
fn steps(workflow: &str) -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/gitops/ci");
    let workflow = fs::read_to_string(file.join(workflow)).unwrap();
    let workflow: Value = serde_saphyr::from_str(&workflow).unwrap();
    let jobs = workflow["jobs"].as_object().unwrap().values();
    let steps = jobs.flat_map(|job| job["steps"].as_array().unwrap());
    let commands = steps.filter_map(|step| Some(step["run"].as_str()?.to_owned()));
    commands.collect()
}

#[tokio::test]
async fn the_workflows_of_the_examples_do_what_they_say() {
    let database = Database::migrated().await;
    database.load("lab", &[json!({})]).await;
    let folder = Scratch::create().unwrap();
    fs::create_dir(folder.join("intents")).unwrap();
    fs::create_dir(folder.join("rendered")).unwrap();
    let repository = Repository { folder, database };
    repository.write("intents/chat.yaml", &intent("chat", ""));
    repository.write("intents/more.yaml", &intent("more", ""));
    let shell = |command: &str, has_database: bool| {
        let program = Path::new(env!("CARGO_BIN_EXE_compass"));
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", program.parent().unwrap().display());
        let mut shell = Command::new("sh");
        shell.args(["-ec", command]).env("PATH", path);
        shell
            .current_dir(repository.folder.path())
            .env_remove("DATABASE_URL");
        if has_database {
            shell.env("DATABASE_URL", &repository.database.url);
        }
        let output = shell.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {told}");
        String::from_utf8(output.stdout).unwrap()
    };
    shell(
        "git init --quiet && git add . && git -c user.name=a -c user.email=a@b commit --quiet -m a",
        false,
    );
    for step in steps("evidence.yaml") {
        shell(&step, step.starts_with("compass snapshot"));
    }
    for step in steps("pull-request.yaml") {
        assert_eq!(shell(&step, false), "");
    }
}
