//! One thing that was looked at, and how all of them are told.

use std::fmt::Write;

use serde::Serialize;

use crate::commands::style::{BAD, GOOD, HEADLINE, WARNING, styled};

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// As it should be.
    Ok,
    /// Compass works, but not as well or as safely as it could.
    Warn,
    /// Compass does not work.
    Fail,
    /// Not looked at.
    Skip,
}

/// What a check is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Section {
    Cluster,
    Database,
    Data,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    section: Section,
    name: &'static str,
    pub(super) verdict: Verdict,
    found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

impl Section {
    pub(super) fn ok(self, name: &'static str, found: impl Into<String>) -> Check {
        self.check(name, Verdict::Ok, found, None)
    }

    pub(super) fn skip(self, name: &'static str, why: impl Into<String>) -> Check {
        self.check(name, Verdict::Skip, why, None)
    }

    pub(super) fn warn(
        self,
        name: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Check {
        self.check(name, Verdict::Warn, found, Some(remedy.into()))
    }

    pub(super) fn fail(
        self,
        name: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Check {
        self.check(name, Verdict::Fail, found, Some(remedy.into()))
    }

    fn check(
        self,
        name: &'static str,
        verdict: Verdict,
        found: impl Into<String>,
        remedy: Option<String>,
    ) -> Check {
        Check {
            section: self,
            name,
            verdict,
            found: found.into(),
            remedy,
        }
    }
}

/// Everything that was looked at.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Nothing failed.
    pub(super) healthy: bool,
    checks: Vec<Check>,
}

impl Report {
    pub(super) fn new(checks: Vec<Check>) -> Self {
        Self {
            healthy: checks.iter().all(|check| check.verdict != Verdict::Fail),
            checks,
        }
    }

    /// A line for each check, and one for what to do.
    pub(super) fn for_people(&self) -> String {
        let mut page = String::new();
        let mut section = None;
        let width = self.checks.iter().map(|check| check.name.len()).max();
        let width = width.unwrap_or_default();
        for check in &self.checks {
            if section.replace(check.section) != Some(check.section) {
                let gap = if page.is_empty() { "" } else { "\n" };
                let title = match check.section {
                    Section::Cluster => "Cluster",
                    Section::Database => "Database",
                    Section::Data => "Data",
                };
                let _ = writeln!(page, "{gap}{}", styled(HEADLINE, title));
            }
            let verdict = match check.verdict {
                Verdict::Ok => styled(GOOD, "ok  "),
                Verdict::Warn => styled(WARNING, "warn"),
                Verdict::Fail => styled(BAD, "fail"),
                Verdict::Skip => "skip".to_owned(),
            };
            let _ = writeln!(page, "  {verdict}  {:width$}  {}", check.name, check.found);
            if let Some(remedy) = &check.remedy {
                let _ = writeln!(page, "        {:width$}  -> {remedy}", "");
            }
        }
        page
    }
}
