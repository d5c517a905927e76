//! What the form brought, read with bounds.

use std::collections::BTreeMap;

use axum::extract::Multipart;
use axum::extract::multipart::{Field, MultipartError};
use axum::http::StatusCode;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::super::writer::{Writer, hexadecimal};

/// The largest file; for larger ones there is `compass load`.
pub(super) const LARGEST_FILE: usize = 32 * 1024 * 1024;
/// The longest text beside the file, and the longest name of one.
const LONGEST_TEXT: usize = 1024;
const LONGEST_NAME: usize = 200;

pub(super) const FILE: &str = "file";
pub(super) const FORM_TOKEN: &str = "form-token";
/// Names the digest of what was checked; the button that loads sends it.
pub(super) const CHECKED: &str = "checked";

/// A file, and what was said of it.
#[derive(Debug, Default)]
pub(super) struct Submission {
    /// By the names of the form.
    fields: BTreeMap<String, String>,
    /// As the browser has it.
    pub(super) file_name: String,
    pub(super) content: Vec<u8>,
}

/// Why it cannot be read.
#[derive(Debug, Error)]
pub(super) enum Unread {
    #[error("It is not of this page, or you signed in again since: check the file once more.")]
    Foreign,
    #[error(
        "At most {} MiB are taken here, compressed or not. `compass load` has no limit.",
        LARGEST_FILE / 1024 / 1024
    )]
    TooLarge,
    #[error("Choose a file.")]
    NoFile,
    #[error("A field is longer than {LONGEST_TEXT} characters.")]
    TooLong,
    #[error("It did not arrive whole: {0}")]
    Broken(String),
}

impl Unread {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Foreign => StatusCode::FORBIDDEN,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NoFile | Self::TooLong => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Broken(_) => StatusCode::BAD_REQUEST,
        }
    }

    pub(super) fn title(&self) -> &'static str {
        match self {
            Self::Foreign => "This form is not taken",
            Self::TooLarge => "The file is too large",
            Self::NoFile => "There is no file",
            Self::TooLong | Self::Broken(_) => "This form cannot be read",
        }
    }
}

impl From<MultipartError> for Unread {
    fn from(error: MultipartError) -> Self {
        Self::Broken(error.body_text())
    }
}

impl Submission {
    /// What a field holds; empty where there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// The digest of what was checked before.
    pub(super) fn checked(&self) -> Option<&str> {
        self.fields.get(CHECKED).map(String::as_str)
    }

    /// Of the file and all that is said of it.
    pub(super) fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        let said = self.fields.iter();
        for (name, value) in said.filter(|(name, _)| ![FORM_TOKEN, CHECKED].contains(&&***name)) {
            part(name.as_bytes());
            part(value.as_bytes());
        }
        part(self.file_name.as_bytes());
        part(&self.content);
        hexadecimal(&hash.finalize())
    }
}

/// Reads it all. Nothing of a file is read before it is known that the form is the writer's own.
pub(super) async fn read(mut sent: Multipart, writer: &Writer) -> Result<Submission, Unread> {
    let mut submission = Submission::default();
    while let Some(field) = sent.next_field().await? {
        let name = field.name().unwrap_or_default().to_owned();
        if name != FILE {
            let text = bounded(field, LONGEST_TEXT).await?.ok_or(Unread::TooLong)?;
            let text = String::from_utf8_lossy(&text).trim().to_owned();
            if !text.is_empty() {
                submission.fields.insert(name, text);
            }
            if submission.fields.len() > super::form::FIELDS {
                return Err(Unread::Foreign);
            }
            continue;
        }
        if !writer.sent(submission.get(FORM_TOKEN)) {
            return Err(Unread::Foreign);
        }
        submission.file_name = file_name(field.file_name().unwrap_or_default());
        let content = bounded(field, LARGEST_FILE).await?;
        submission.content = content.ok_or(Unread::TooLarge)?;
    }
    if submission.content.is_empty() {
        return Err(Unread::NoFile);
    }
    Ok(submission)
}

/// `None` where it is longer. It is read to its end all the same: a browser that still sends does
/// not listen.
async fn bounded(mut field: Field<'_>, most: usize) -> Result<Option<Vec<u8>>, MultipartError> {
    let mut content = Vec::new();
    let mut is_within = true;
    while let Some(chunk) = field.chunk().await? {
        is_within &= content.len() + chunk.len() <= most;
        if is_within {
            content.extend_from_slice(&chunk);
        } else {
            content = Vec::new();
        }
    }
    Ok(is_within.then_some(content))
}

/// The last part of a path, in one line.
fn file_name(given: &str) -> String {
    let name = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let name = name.chars().filter(|it| !it.is_control());
    let name: String = name.take(LONGEST_NAME).collect();
    let name = name.trim();
    if name.is_empty() { "upload" } else { name }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submission() -> Submission {
        Submission {
            fields: BTreeMap::from([("source".to_owned(), "lab".to_owned())]),
            file_name: "a.json".to_owned(),
            content: b"{}".to_vec(),
        }
    }

    #[test]
    fn the_digest_is_of_the_file_and_all_that_is_said_of_it() {
        let digest = submission().digest();
        let mut same = submission();
        for name in [FORM_TOKEN, CHECKED] {
            same.fields.insert(name.to_owned(), "x".to_owned());
        }
        assert_eq!(same.digest(), digest);
        let changes: [fn(&mut Submission); 4] = [
            |it| it.content.push(b' '),
            |it| it.file_name = "b.json".to_owned(),
            |it| it.fields.clear(),
            |it| {
                it.fields.insert("model".to_owned(), "m".to_owned());
            },
        ];
        for change in changes {
            let mut other = submission();
            change(&mut other);
            assert_ne!(other.digest(), digest, "{other:?}");
        }
    }

    #[test]
    fn a_files_name_is_one_short_line() {
        for (given, name) in [
            ("runs.json", "runs.json"),
            ("../../etc/passwd", "passwd"),
            ("C:\\runs\\a.csv", "a.csv"),
            ("a\r\nb\u{1b}[2J.json", "ab[2J.json"),
            ("", "upload"),
            (" / ", "upload"),
        ] {
            assert_eq!(file_name(given), name);
        }
        assert_eq!(file_name(&"x".repeat(5000)).len(), LONGEST_NAME);
    }
}
