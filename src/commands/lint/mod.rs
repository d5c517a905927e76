//! `compass lint`: intents of a pull request, held against the API's rules, the catalog and, where
//! there is any, the evidence.

mod location;
mod manifests;
mod problem;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde_json::Value;

use super::documents::{Document, documents};
use super::evidence::{EvidenceArguments, Opened};
use super::output::{show, tell};
use super::{CatalogArguments, VllmArguments};
use crate::advise::{AdviseError, Question, SourceError, advise, answer, unknown_names, words};
use crate::api::{DeploymentIntent, InvalidIntent, validate_intent};
use crate::catalog::Catalog;
use crate::controller::message;
use crate::manifest::Settings;
use crate::recommend::Decision;
use location::Lines;
use manifests::{Committed, Identity, IntentName, identity};
use problem::{Level, Problem};

/// Arguments of `compass lint`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Files and folders with DeploymentIntents and whatever else; - reads standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Files and folders with committed manifests, which have to be what the evidence says now
    #[arg(long, value_name = "FILE", num_args = 1..)]
    manifests: Vec<PathBuf>,
    /// Namespace, where an intent names none
    #[arg(short, long, default_value = "default", value_name = "NAME")]
    namespace: String,
    /// How to tell what is wrong
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    /// Also tell which documents were passed over
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    vllm: VllmArguments,
    #[command(flatten)]
    evidence: EvidenceArguments,
    #[command(flatten)]
    catalog: CatalogArguments,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Output {
    /// file:line: error: message
    #[default]
    Text,
    /// A list of file, line, level and message
    Json,
    /// Annotations of a GitHub workflow
    Github,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let catalog = Arc::new(arguments.catalog.load()?);
    let evidence = arguments.evidence.open_if_given(&catalog)?;
    if evidence.is_none() && !arguments.manifests.is_empty() {
        anyhow::bail!("--manifests needs evidence: give --snapshot, or DATABASE_URL");
    }
    let committed = Committed::read(&arguments.manifests)?;
    let mut lint = Lint {
        catalog: &catalog,
        evidence: evidence.as_ref(),
        committed: (!arguments.manifests.is_empty()).then_some(&committed),
        settings: arguments.vllm.settings(),
        namespace: &arguments.namespace,
        seen: BTreeMap::new(),
        answered: BTreeSet::new(),
        rendered: BTreeSet::new(),
        has_unread: false,
        problems: Vec::new(),
    };
    let mut without: BTreeSet<String> = BTreeSet::new();
    let mut count = 0;
    for document in documents(&arguments.files)? {
        if lint.document(&document).await? {
            count += 1;
        } else {
            if arguments.verbose {
                tell(&format!(
                    "passed over: {}: no DeploymentIntent\n",
                    document.place()
                ));
            }
            without.insert(document.file);
        }
    }
    lint.find_stale(arguments.files.iter().any(|file| file.is_dir()));
    let problems = lint.problems;
    match arguments.output {
        Output::Text => show(&problem::for_people(&problems)),
        Output::Json => outln!("{}", serde_json::to_string_pretty(&problems)?),
        Output::Github => out!("{}", problem::for_github(&problems)),
    }
    let of = |level| problems.iter().filter(|it| it.level == level).count() as i64;
    let (errors, warnings) = (of(Level::Error), of(Level::Warning));
    tell(&format!(
        "{}: {}, {}\n",
        words::counted(count, "intent"),
        words::counted(errors, "error"),
        words::counted(warnings, "warning")
    ));
    Ok(if errors == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What is looked at, and what was found so far.
struct Lint<'a> {
    catalog: &'a Catalog,
    evidence: Option<&'a Opened>,
    committed: Option<&'a Committed>,
    settings: Settings,
    namespace: &'a str,
    /// Place of each intent, by namespace and name.
    seen: BTreeMap<IntentName, String>,
    /// Those of which manifests could be made, and what they consist of.
    answered: BTreeSet<IntentName>,
    rendered: BTreeSet<Identity>,
    /// Some document may be an intent, and nobody knows of which name.
    has_unread: bool,
    problems: Vec<Problem>,
}

impl Lint<'_> {
    /// Looks at a document; `false` for one that is no intent.
    async fn document(&mut self, document: &Document) -> anyhow::Result<bool> {
        let content: Value = match serde_saphyr::from_str(&document.text) {
            Ok(content) => content,
            Err(error) if document.may_be_intent() => {
                let line = error.location().map_or(1, |location| location.line());
                let line = usize::try_from(line).unwrap_or(1).max(1);
                let first = error.to_string();
                let first = first.lines().next().unwrap_or_default();
                self.add(
                    document,
                    line,
                    Level::Error,
                    format!("not readable as YAML: {first}"),
                );
                self.has_unread = true;
                return Ok(true);
            }
            Err(_) => return Ok(false),
        };
        if !document.is_intent(&content) {
            return Ok(false);
        }
        let lines = Lines::of(&document.text);
        match validate_intent(content) {
            Ok(intent) => self.intent(document, &lines, &intent).await?,
            Err(InvalidIntent::Rules(rules)) => {
                self.has_unread = true;
                for rule in rules {
                    let line = lines.line(&rule.field);
                    self.add(document, line, Level::Error, rule.to_string());
                }
            }
            Err(error) => {
                self.has_unread = true;
                self.add(document, lines.line(""), Level::Error, error.to_string());
            }
        }
        Ok(true)
    }

    async fn intent(
        &mut self,
        document: &Document,
        lines: &Lines,
        intent: &DeploymentIntent,
    ) -> anyhow::Result<()> {
        let start = lines.line("");
        let Some(name) = intent.metadata.name.clone() else {
            let message = "metadata.name is missing: objects are named after it".to_owned();
            self.add(document, lines.line("metadata"), Level::Error, message);
            self.has_unread = true;
            return Ok(());
        };
        let namespace = intent.metadata.namespace.clone();
        let namespace = namespace.unwrap_or_else(|| self.namespace.to_owned());
        let place = format!("{}:{}", document.file, document.lines_before + start);
        let before = self.seen.insert((namespace.clone(), name.clone()), place);
        if let Some(before) = before {
            let message = format!("there is another intent {namespace}/{name} in {before}");
            self.add(document, lines.line("metadata.name"), Level::Error, message);
        }
        let Some(evidence) = self.evidence else {
            match unknown_names(&intent.spec, self.catalog, Timestamp::now()) {
                Ok(names) => {
                    for unknown in names {
                        let alike = unknown.did_you_mean;
                        let alike = alike.map_or_else(
                            || "benchmarks may know it".to_owned(),
                            |known| format!("did you mean {known}?"),
                        );
                        let message = format!(
                            "spec.{}: `{}` is not in the catalog; {alike}",
                            unknown.field, unknown.name
                        );
                        let line = name_line(lines, intent, unknown.field, &unknown.name);
                        self.add(document, line, Level::Warning, message);
                    }
                }
                Err(error) => self.add(document, start, Level::Error, error.to_string()),
            }
            return Ok(());
        };
        let question = Question {
            name: &name,
            namespace: &namespace,
            availability: None,
            spec: &intent.spec,
        };
        let advice = advise(
            question,
            &evidence.source,
            self.catalog,
            &self.settings,
            evidence.now,
        );
        let advice = match advice.await {
            Ok(advice) => advice,
            Err(AdviseError::Gather(SourceError::KnowledgeBase(error))) => return Err(error.into()),
            Err(error) => {
                self.add(document, start, Level::Error, error.to_string());
                return Ok(());
            }
        };
        for unknown in &advice.decision.explanation.gaps.unknown_names {
            let line = name_line(lines, intent, unknown.field, &unknown.name);
            let message = format!("spec.{}", words::unknown_name(unknown));
            self.add(document, line, Level::Warning, message);
        }
        match &advice.manifests {
            None => self.add(document, start, Level::Error, why_nothing(&advice.decision)),
            Some(Err(error)) => {
                let message = format!("no manifests can be made of the recommendation: {error}");
                self.add(document, start, Level::Error, message);
            }
            Some(Ok(manifests)) => {
                for note in manifests.notes() {
                    let line = lines.line("spec.runtime");
                    self.add(document, line, Level::Warning, note.to_string());
                }
                if let Some(committed) = self.committed {
                    let here = Problem {
                        file: document.file.clone(),
                        line: document.lines_before + start,
                        level: Level::Error,
                        message: String::new(),
                    };
                    let rendered = serde_saphyr::from_multiple::<Value>(&manifests.yaml())?;
                    self.problems.extend(committed.compare(&rendered, &here));
                    self.rendered.extend(rendered.iter().map(identity));
                    self.answered.insert((namespace, name));
                }
            }
        }
        Ok(())
    }

    /// Manifests of intents that are rendered otherwise now and, where the files hold `all` intents,
    /// of those that are gone.
    fn find_stale(&mut self, all: bool) {
        let Some(committed) = self.committed else {
            return;
        };
        let tells_of_gone = all && !self.has_unread;
        let stale = committed.stale(&self.rendered, |intent| {
            self.answered.contains(intent) || (tells_of_gone && !self.seen.contains_key(intent))
        });
        self.problems.extend(stale);
    }

    fn add(&mut self, document: &Document, line: usize, level: Level, message: String) {
        self.problems.push(Problem {
            file: document.file.clone(),
            line: document.lines_before + line,
            level,
            message,
        });
    }
}

/// The line of a name in one of the lists of names.
fn name_line(lines: &Lines, intent: &DeploymentIntent, field: &str, name: &str) -> usize {
    let (models, hardware) = (&intent.spec.models, &intent.spec.hardware);
    let list = match field {
        "models.allow" => models.as_ref().and_then(|models| models.allow.as_ref()),
        "models.deny" => models.as_ref().and_then(|models| models.deny.as_ref()),
        "hardware.allow" => hardware
            .as_ref()
            .and_then(|hardware| hardware.allow.as_ref()),
        _ => hardware
            .as_ref()
            .and_then(|hardware| hardware.deny.as_ref()),
    };
    let is_it = |it: &String| it.trim().eq_ignore_ascii_case(name);
    let index = list.and_then(|list| list.iter().position(is_it));
    lines.line(&index.map_or_else(
        || format!("spec.{field}"),
        |index| format!("spec.{field}.{index}"),
    ))
}

/// Why nothing complies, as the status says it.
fn why_nothing(decision: &Decision) -> String {
    let answer = answer(decision);
    if decision.explanation.counts.configurations == 0 {
        message::no_evidence(&answer)
    } else {
        message::nothing_complies(&answer, decision.explanation.over_limit.as_ref())
    }
}
