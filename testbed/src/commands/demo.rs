//! `compass-testbed demo` and `dev`: what a user sees, on real parts, with the manifests of
//! `examples/`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use compass_testbed::{interrupt, tools};

use super::stack::Stack;
use super::steps::{command, heading, show, step};

const USE_CASES: &str = "examples/use-cases";
const INFEASIBLE: &str = "examples/infeasible";
const REFUSED: &str = "examples/refused";
const PATIENCE: &str = "--timeout=120s";

/// Run from the root of the clone.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The compass program [default: the one beside this program]
    #[arg(long, env = "COMPASS_PROGRAM", value_name = "FILE")]
    compass: Option<PathBuf>,
}

impl Arguments {
    fn compass(&self) -> Result<PathBuf> {
        let beside = || Ok(std::env::current_exe()?.with_file_name("compass"));
        let compass = self
            .compass
            .clone()
            .map_or_else(beside, Ok::<_, std::io::Error>)?;
        if !compass.is_file() {
            bail!("there is no {}: run `cargo build` first", compass.display());
        }
        Ok(std::path::absolute(compass)?)
    }
}

/// Shows everything, then stops it.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let start = Instant::now();
    let stack = start_and_show(arguments)?;
    heading("The end");
    step("Stopping everything", || {
        drop(stack);
        Ok(())
    })?;
    println!("The demo took {:.0} s.", start.elapsed().as_secs_f64());
    Ok(())
}

/// Shows everything, then stays up until Ctrl-C.
pub(super) fn run_until_interrupted(arguments: &Arguments) -> Result<()> {
    let mut stack = start_and_show(arguments)?;
    print_what_to_try(&stack);
    while !interrupt::happened() {
        if let Some(status) = stack.operator().ended()? {
            bail!(
                "the operator ended with {status}; the end of its log:\n{}",
                stack.operator().log_tail()
            );
        }
        sleep(Duration::from_millis(100));
    }
    println!();
    step("Stopping everything", || {
        drop(stack);
        Ok(())
    })
}

fn print_what_to_try(stack: &Stack) {
    heading("Running; Ctrl-C stops everything");
    println!(
        "export KUBECONFIG={}",
        stack.control_plane.kubeconfig().display()
    );
    println!("export DATABASE_URL={}", stack.postgres.url());
    if let Ok(kubectl) = tools::program("kubectl")
        && let Some(folder) = kubectl.parent()
    {
        println!("export PATH=$PATH:{}    # kubectl", folder.display());
    }
    println!("\nThe operator's log: {}", stack.operator_log().display());
    println!("\nWith these set, in another terminal:");
    println!("  kubectl get di -A --watch");
    println!("  kubectl describe di -n <namespace> <name>");
    println!("  kubectl edit di -n <namespace> <name>    # another target or demand");
    println!("  target/debug/compass recommend --use-case chatbot_conversational --rps 5");
}

fn start_and_show(arguments: &Arguments) -> Result<Stack> {
    let compass = arguments.compass()?;
    if !Path::new(USE_CASES).is_dir() {
        bail!("there is no folder {USE_CASES} here: run this from the root of the clone");
    }
    let mut stack = Stack::start(&compass)?;
    match show_intents(&stack) {
        Ok(()) => Ok(stack),
        Err(error) if interrupt::happened() => Err(error),
        Err(error) => {
            let intents = stack
                .kubectl("get di -A -o wide")
                .and_then(|program| program.output())
                .unwrap_or_default();
            Err(anyhow!(
                "{error:#}\n\nthe intents then:\n{intents}\nthe end of the operator's log:\n{}",
                stack.operator().log_tail()
            ))
        }
    }
}

fn show_intents(stack: &Stack) -> Result<()> {
    heading("One intent for each use case");
    create_namespaces(stack)?;
    apply_and_wait(stack, USE_CASES, "Ready")?;
    if Path::new(INFEASIBLE).is_dir() {
        heading("Intents that no benchmark meets: an answer, not an error");
        apply_and_wait(stack, INFEASIBLE, "Stalled")?;
    }
    if Path::new(REFUSED).is_dir() {
        heading("Intents that the API server refuses");
        for file in manifests(Path::new(REFUSED))? {
            let apply = format!("apply --server-side -f {}", file.display());
            let message = step(&format!("$ kubectl {apply}"), || {
                stack.kubectl(&apply)?.refusal()
            })?;
            println!("{}\n", message.trim_end());
        }
    }
    heading("What Compass says");
    show("kubectl get di -A", stack.kubectl("get di -A")?)?;
    if let Some(memory) = stack.operator_memory_mib() {
        println!("The operator uses {memory} MiB of memory.\n");
    }
    let intents = Intent::all(stack)?;
    show_one(stack, &intents)?;
    show_applied(stack, &intents)
}

fn apply_and_wait(stack: &Stack, folder: &str, condition: &str) -> Result<()> {
    let apply = format!("apply --server-side -f {folder}");
    show(&format!("kubectl {apply}"), stack.kubectl(&apply)?)?;
    let wait = format!("wait --for=condition={condition} -f {folder} {PATIENCE}");
    show(&format!("kubectl {wait}"), stack.kubectl(&wait)?)
}

/// Makes the namespaces that the manifests name.
fn create_namespaces(stack: &Stack) -> Result<()> {
    let mut namespaces = BTreeSet::new();
    for folder in [USE_CASES, INFEASIBLE]
        .into_iter()
        .filter(|folder| Path::new(folder).is_dir())
    {
        let namespace = r#"jsonpath={.metadata.namespace}{"\n"}"#;
        let list = format!("create --dry-run=client -f {folder} -o {namespace}");
        namespaces.extend(
            stack
                .kubectl(&list)?
                .output()?
                .split_whitespace()
                .map(String::from),
        );
    }
    namespaces.remove("default");
    for namespace in namespaces {
        let create = format!("create namespace {namespace}");
        command(&format!("kubectl {create}"), stack.kubectl(&create)?)?;
    }
    Ok(())
}

fn manifests(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "yaml")
    });
    files.sort();
    Ok(files)
}

/// An intent in the cluster, as far as the demo needs it.
struct Intent {
    namespace: String,
    name: String,
    mode: String,
    has_manifests: bool,
}

impl Intent {
    fn all(stack: &Stack) -> Result<Vec<Intent>> {
        let list = stack.kubectl("get di -A -o json")?.output()?;
        let list: serde_json::Value =
            serde_json::from_str(&list).context("kubectl printed no JSON")?;
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let intent = |item: &serde_json::Value| Intent {
            namespace: text(&item["metadata"]["namespace"]),
            name: text(&item["metadata"]["name"]),
            mode: text(&item["spec"]["delivery"]["mode"]),
            has_manifests: item["status"]["manifests"]["configMap"].is_string(),
        };
        Ok(list["items"]
            .as_array()
            .into_iter()
            .flatten()
            .map(intent)
            .collect())
    }
}

/// One whole status, and the Deployment that was generated from it.
fn show_one(stack: &Stack, intents: &[Intent]) -> Result<()> {
    let rendered = intents
        .iter()
        .find(|intent| intent.has_manifests && intent.mode != "Apply");
    let Intent {
        namespace, name, ..
    } = rendered.context("no intent has manifests in a ConfigMap")?;
    let status = format!("get di -n {namespace} {name} -o yaml");
    show(&format!("kubectl {status}"), stack.kubectl(&status)?)?;

    let get = format!("get configmap -n {namespace} {name} -o json");
    let config_map = command(
        &format!("kubectl {get}   (the Deployment in it)"),
        stack.kubectl(&get)?,
    )?;
    let config_map: serde_json::Value =
        serde_json::from_str(&config_map).context("kubectl printed no JSON")?;
    let files = config_map["data"].as_object().into_iter().flatten();
    let mut documents = files
        .filter_map(|(_, file)| file.as_str())
        .flat_map(|file| file.split("---\n"));
    let deployment =
        documents.find(|document| document.lines().any(|line| line == "kind: Deployment"));
    println!(
        "{}\n",
        deployment
            .context("there is no Deployment in the ConfigMap")?
            .trim()
    );
    Ok(())
}

/// What runs for the intents in mode Apply.
fn show_applied(stack: &Stack, intents: &[Intent]) -> Result<()> {
    for Intent {
        namespace, name, ..
    } in intents.iter().filter(|intent| intent.mode == "Apply")
    {
        heading(&format!("{name} is delivered to the cluster"));
        // Not condition Available: it holds from the start where a rollout may take every replica.
        let rollout = format!("rollout status -n {namespace} deployment/{name} {PATIENCE}");
        show(&format!("kubectl {rollout}"), stack.kubectl(&rollout)?)?;
        let list = format!("get deployment,service,pod -n {namespace} -o wide");
        show(&format!("kubectl {list}"), stack.kubectl(&list)?)?;
    }
    Ok(())
}
