//! What an on-call engineer reads, held together: the table of metrics, the alerts, their runbook,
//! and the dashboard. `src/controller/metrics/tests.rs` holds the table to the code, and
//! `tests/e2e/metrics.rs` the queries to real series.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use compass_testbed::process::Program;
use compass_testbed::tools::program;
use serde_json::Value;

const OPERATIONS: &str = include_str!("../docs/operations.md");
const ALERTS: &str = include_str!("../charts/compass/files/alerts.yaml");
const DASHBOARD: &str = include_str!("../charts/compass/files/dashboard.json");
const BUNDLE: &str = include_str!("fixtures/bundle/chatbot_conversational.yaml");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn rules() -> Vec<Value> {
    let alerts: Value = serde_yaml_ng::from_str(ALERTS).unwrap();
    let groups = alerts["groups"].as_array().unwrap();
    let rules = groups
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap());
    rules.cloned().collect()
}

fn panels() -> Vec<Value> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    dashboard["panels"].as_array().unwrap().clone()
}

/// The names of metrics in a text, without what a histogram appends.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|it: char| !it.is_ascii_alphanumeric() && it != '_');
    let is_metric = |word: &&str| word.starts_with("compass_") || word.starts_with("process_");
    let metrics = words.filter(is_metric).map(|word| {
        let histogram = ["_bucket", "_sum", "_count"];
        let base = histogram
            .iter()
            .find_map(|suffix| word.strip_suffix(suffix));
        base.unwrap_or(word).to_owned()
    });
    metrics.collect()
}

fn documented() -> BTreeSet<String> {
    let rows = OPERATIONS
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    rows.map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn every_alert_has_a_severity_a_text_and_a_place_in_the_runbook() {
    let mut names = BTreeSet::new();
    for rule in rules() {
        let name = rule["alert"].as_str().unwrap();
        let severity = rule["labels"]["severity"].as_str().unwrap();
        assert!(
            ["critical", "warning", "info"].contains(&severity),
            "{name}: {severity}"
        );
        let annotations = &rule["annotations"];
        for text in ["summary", "description"] {
            let text = annotations[text].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{name} lacks an annotation");
        }
        assert_eq!(
            annotations["runbook_url"],
            format!("docs/operations.md#{}", name.to_lowercase())
        );
        names.insert(name.to_owned());
    }
    let entries = OPERATIONS
        .lines()
        .filter_map(|line| line.strip_prefix("### Compass"));
    let entries: BTreeSet<_> = entries.map(|rest| format!("Compass{rest}")).collect();
    assert_eq!(
        entries, names,
        "the runbook has an entry for each alert, and no other"
    );
}

#[test]
fn alerts_runbook_and_dashboard_name_metrics_that_there_are() {
    let documented = documented();
    for (what, text) in [
        ("alerts", ALERTS),
        ("dashboard", DASHBOARD),
        ("docs", OPERATIONS),
    ] {
        let named = metrics_in(text);
        assert!(named.len() > 5, "{what}: {named:?}");
        let unknown: Vec<_> = named.difference(&documented).collect();
        assert!(unknown.is_empty(), "{what}: {unknown:?}");
    }
}

#[test]
fn panels_have_queries_and_do_not_overlap() {
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in panels() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        let is_row = panel["type"] == "row";
        let queries = panel["targets"].as_array().map_or(0, Vec::len);
        assert_eq!(queries == 0, is_row, "{}", panel["title"]);
        let place = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        for x in place("x")..place("x") + place("w") {
            assert!(x < 24, "{}", panel["title"]);
            for y in place("y")..place("y") + place("h") {
                assert!(taken.insert((x, y)), "{} overlaps", panel["title"]);
            }
        }
    }
}

fn promtool(arguments: &[&str], folder: &Path) {
    Program::new(program("promtool").unwrap())
        .args(arguments.iter().copied())
        .current_dir(folder)
        .output()
        .unwrap();
}

#[test]
fn alerts_fire_on_what_they_are_for_and_on_nothing_else() {
    promtool(
        &["check", "rules", "charts/compass/files/alerts.yaml"],
        &root(),
    );
    let folder = root().join("tests/fixtures/promtool");
    let cases = std::fs::read_to_string(folder.join("alerts.test.yaml")).unwrap();
    for rule in rules() {
        let fires = format!("alertname: {}\n", rule["alert"].as_str().unwrap());
        assert!(cases.contains(&fires), "no case in which it fires: {fires}");
    }
    promtool(&["test", "rules", "alerts.test.yaml"], &folder);
}

/// Those of a workload, which Compass renders.
#[test]
fn alerts_of_the_bundle_fire_on_what_they_are_for() {
    let rule = BUNDLE
        .split("\n---\n")
        .map(|document| serde_yaml_ng::from_str::<Value>(document).unwrap())
        .find(|object| object["kind"] == "PrometheusRule")
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let rules = serde_yaml_ng::to_string(&rule["spec"]).unwrap();
    std::fs::write(folder.path().join("rules.yaml"), rules).unwrap();
    let cases = root().join("tests/fixtures/promtool/rules.test.yaml");
    std::fs::copy(cases, folder.path().join("rules.test.yaml")).unwrap();
    promtool(&["check", "rules", "rules.yaml"], folder.path());
    promtool(&["test", "rules", "rules.test.yaml"], folder.path());
}
