//! The YAML documents of files, of folders and of standard input, each with the line it begins on.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::Value;

use crate::api::{DeploymentIntent, GROUP, validate_intent};

const KIND: &str = "DeploymentIntent";

/// What a folder is searched for.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// One document of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Document {
    /// The file, `-` for standard input.
    pub(super) file: String,
    /// The line of the file before the document's first one.
    pub(super) lines_before: usize,
    /// Its text.
    pub(super) text: String,
    /// The file was named, and not found in a folder.
    pub(super) is_named: bool,
}

impl Document {
    /// The document's place, e.g. `intents.yaml:7`.
    pub(super) fn place(&self) -> String {
        match self.lines_before {
            0 => self.file.clone(),
            lines => format!("{}:{}", self.file, lines + 1),
        }
    }

    /// Whether a document that cannot be read may be an intent: a folder may hold templates.
    pub(super) fn may_be_intent(&self) -> bool {
        self.is_named || self.text.contains(GROUP)
    }

    /// Whether it is meant to be an intent, by what it says of itself. One that says nothing is,
    /// where its file was named: then it is told what it lacks.
    pub(super) fn is_intent(&self, content: &Value) -> bool {
        let field = |name: &str| content.get(name).and_then(Value::as_str);
        let group = field("apiVersion").map(|version| version.split('/').next());
        match (group, field("kind")) {
            (Some(group), Some(kind)) => group == Some(GROUP) || kind == KIND,
            (Some(group), None) => group == Some(GROUP) || self.is_named,
            (None, Some(kind)) => kind == KIND,
            (None, None) => self.is_named,
        }
    }
}

/// Every document of these files, and of the YAML files in folders and below, in order; `-` is
/// standard input.
pub(super) fn documents(paths: &[PathBuf]) -> anyhow::Result<Vec<Document>> {
    let mut documents = Vec::new();
    for path in paths {
        if path == Path::new("-") {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .context("cannot read standard input")?;
            documents.extend(split("-", &text, true));
        } else if path.is_dir() {
            let mut files = Vec::new();
            files_below(path, &mut files)?;
            for file in files {
                documents.extend(of_file(&file, false)?);
            }
        } else {
            documents.extend(of_file(path, true)?);
        }
    }
    Ok(documents)
}

fn of_file(path: &Path, is_named: bool) -> anyhow::Result<Vec<Document>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(split(&path.display().to_string(), &text, is_named))
}

/// In order; hidden files and folders (`.git`) are none of the user's manifests.
fn files_below(folder: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let unreadable = || format!("cannot read the folder {}", folder.display());
    let entries = std::fs::read_dir(folder).with_context(unreadable)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<_> = paths.collect::<Result<_, _>>().with_context(unreadable)?;
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if path.is_dir() {
            files_below(&path, found)?;
        } else if extension.is_some_and(|extension| EXTENSIONS.contains(&extension)) {
            found.push(path);
        }
    }
    Ok(())
}

/// Splits a text at its document markers, which YAML allows nowhere else at the beginning of a line.
/// A part without content is no document.
fn split(file: &str, text: &str, is_named: bool) -> Vec<Document> {
    let begin = |lines_before| Document {
        file: file.to_owned(),
        lines_before,
        text: String::new(),
        is_named,
    };
    let mut documents = vec![begin(0)];
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let is_marker = |marker: &str| {
            let rest = line.strip_prefix(marker);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
        };
        if is_marker("---") || is_marker("...") {
            documents.push(begin(number));
        }
        if let Some(document) = documents.last_mut()
            && !is_marker("...")
        {
            document.text.push_str(line);
        }
    }
    documents.retain(|document| {
        let mut lines = document.text.lines();
        lines.any(|line| {
            let line = line.strip_prefix("---").unwrap_or(line).trim_start();
            !line.is_empty() && !line.starts_with('#')
        })
    });
    documents
}

/// Every intent in files that may hold other objects too.
///
/// # Errors
/// A document cannot be read, an intent is invalid, or there is none at all.
pub(super) fn intents(paths: &[PathBuf]) -> anyhow::Result<Vec<DeploymentIntent>> {
    let mut intents = Vec::new();
    for document in documents(paths)? {
        let place = || document.place();
        let content: Value = match serde_saphyr::from_str(&document.text) {
            Ok(content) => content,
            Err(_) if !document.may_be_intent() => continue,
            Err(error) => anyhow::bail!("{}: not readable as YAML: {error}", place()),
        };
        if document.is_intent(&content) {
            intents.push(validate_intent(content).with_context(place)?);
        }
    }
    if intents.is_empty() {
        let files: Vec<_> = paths
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        anyhow::bail!("there is no DeploymentIntent in {}", files.join(", "));
    }
    Ok(intents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_split_at_markers_and_know_their_lines() {
        let text =
            "# nothing\n---\na: 1\nb: |\n  ---\n--- # c\nc: 1\n...\n\n---\n--- {d: 1}\n----\n";
        let found: Vec<_> = split("x", text, true)
            .into_iter()
            .map(|it| (it.lines_before, it.text))
            .collect();
        let expected = [
            (1, "---\na: 1\nb: |\n  ---\n"),
            (5, "--- # c\nc: 1\n"),
            (10, "--- {d: 1}\n----\n"),
        ];
        assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned())));
        assert_eq!(split("x", "a: 1", true)[0].lines_before, 0);
    }
}
