//! A Prometheus that scrapes operators.

use std::time::Duration;

use compass_testbed::port;
use compass_testbed::process::{Program, Server};
use compass_testbed::tools::program;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::cluster::root;
use super::http;
use super::operator::Operator;

/// A running Prometheus with the chart's alerts; dropping it stops it.
pub struct Prometheus {
    server: Server,
    port: u16,
    _directory: TempDir,
}

impl Prometheus {
    /// Scrapes each operator twice a second, under the labels that a ServiceMonitor gives.
    pub fn start(operators: &[&Operator]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let targets: Vec<_> = operators.iter().map(|it| it.address()).collect();
        // JSON is YAML.
        let configuration = json!({
            "global": {"scrape_interval": "500ms", "evaluation_interval": "1s"},
            "rule_files": [root().join("charts/compass/files/alerts.yaml")],
            "scrape_configs": [{
                "job_name": "compass",
                "static_configs": [{"targets": targets, "labels": {"namespace": "compass-system"}}],
            }],
        });
        let file = directory.path().join("prometheus.yml");
        std::fs::write(&file, configuration.to_string()).unwrap();
        let port = port::free().unwrap();
        let data = directory.path().join("data");
        let mut server = Program::new(program("prometheus").unwrap())
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .start(&directory.path().join("log"))
            .unwrap();
        let ready = || Ok(http::get(port, "/-/ready").is_ok_and(|it| it.status == 200));
        server
            .wait_until_ready(Duration::from_secs(60), ready)
            .unwrap();
        Self {
            server,
            port,
            _directory: directory,
        }
    }

    /// The series that a query gives now.
    pub fn query(&self, query: &str) -> Vec<Value> {
        let data = self.get("query", query);
        data["result"].as_array().unwrap().clone()
    }

    /// The syntax tree of a query.
    pub fn parse(&self, query: &str) -> Value {
        self.get("parse_query", query)
    }

    fn get(&self, what: &str, query: &str) -> Value {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let answer = http::get(self.port, &format!("/api/v1/{what}?query={encoded}")).unwrap();
        let (status, body) = (answer.status, answer.text());
        assert_eq!(status, 200, "{query}: {body}\n{}", self.server.log_tail());
        let mut answer: Value = serde_json::from_str(body).unwrap();
        answer["data"].take()
    }
}
