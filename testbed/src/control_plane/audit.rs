//! The API server's audit log: who wrote what, in the order of the answers.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::ControlPlane;

const POLICY: &str = "audit-policy.yaml";
const LOG: &str = "audit.log";

/// A write that somebody other than an administrator asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Who.
    pub user: String,
    /// `create`, `update`, `patch` or `delete`.
    pub verb: String,
    /// Plural name, e.g. `deploymentintents`.
    pub resource: String,
    /// Namespace; empty where there is none.
    pub namespace: String,
    /// Name; empty where the API server chose it.
    pub name: String,
    /// HTTP status of the answer.
    pub code: u64,
    /// When the API server had the request, in RFC 3339 with microseconds: texts compare as times do.
    pub received: String,
    /// When it had answered.
    pub answered: String,
}

impl ControlPlane {
    /// The writes so far.
    pub fn writes(&self) -> Result<Vec<Write>> {
        let log = self.directory().join(LOG);
        let log =
            fs::read_to_string(&log).with_context(|| format!("cannot read {}", log.display()))?;
        // The last line may not be complete yet.
        let lines = log
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        lines
            .map(|line| Ok(write(&serde_json::from_str(line)?)))
            .collect()
    }
}

fn write(event: &Value) -> Write {
    let text = |pointer: &str| {
        let text = event.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    Write {
        user: text("/user/username"),
        verb: text("/verb"),
        resource: text("/objectRef/resource"),
        namespace: text("/objectRef/namespace"),
        name: text("/objectRef/name"),
        code: event["responseStatus"]["code"].as_u64().unwrap_or_default(),
        received: text("/requestReceivedTimestamp"),
        answered: text("/stageTimestamp"),
    }
}

/// The API server's flags; its policy is put into the folder.
pub(super) fn flags(directory: &Path) -> Result<[String; 2]> {
    let policy = directory.join(POLICY);
    fs::write(&policy, include_str!("audit-policy.yaml"))
        .with_context(|| format!("cannot write {}", policy.display()))?;
    Ok([
        format!("--audit-policy-file={}", policy.display()),
        format!("--audit-log-path={}", directory.join(LOG).display()),
    ])
}
