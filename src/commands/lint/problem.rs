//! What is wrong, where, and how it is told: to people, to programs, and in a pull request.

use std::fmt::Write;

use serde::Serialize;

use crate::commands::style::{BAD, WARNING, styled};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// It would not work.
    Error,
    /// It may not be what is meant.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Problem {
    pub(super) file: String,
    /// From 1.
    pub(super) line: usize,
    pub(super) level: Level,
    pub(super) message: String,
}

/// `file:line: error: message`, a line each.
pub(super) fn for_people(problems: &[Problem]) -> String {
    let mut out = String::new();
    for problem in problems {
        let level = match problem.level {
            Level::Error => styled(BAD, "error"),
            Level::Warning => styled(WARNING, "warning"),
        };
        let message = problem.message.replace('\n', " ");
        let _ = writeln!(out, "{}:{}: {level}: {message}", problem.file, problem.line);
    }
    out
}

/// GitHub's workflow commands, which annotate the lines of a pull request.
pub(super) fn for_github(problems: &[Problem]) -> String {
    let mut out = String::new();
    for problem in problems {
        let level = match problem.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        let file = escaped(&problem.file)
            .replace(':', "%3A")
            .replace(',', "%2C");
        let message = escaped(&problem.message);
        let _ = writeln!(
            out,
            "::{level} file={file},line={}::{message}",
            problem.line
        );
    }
    out
}

/// As the runner takes it apart again.
fn escaped(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workflow_command_holds_any_text() {
        let problem = Problem {
            file: "a,b:c.yaml".to_owned(),
            line: 7,
            level: Level::Error,
            message: "50 %\nof: it".to_owned(),
        };
        assert_eq!(
            for_github(&[problem]),
            "::error file=a%2Cb%3Ac.yaml,line=7::50 %25%0Aof: it\n"
        );
    }
}
