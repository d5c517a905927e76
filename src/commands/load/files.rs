//! Which files the arguments of `compass load` mean.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::knowledge_base::default_source;

/// Standard input, as an argument and as the name in reports.
const STANDARD_INPUT: &str = "-";

/// A file that is to be read.
pub(super) struct Found {
    /// Its name in reports.
    pub(super) name: String,
    /// `None` is standard input.
    path: Option<PathBuf>,
    /// It was found in a folder and not named by itself.
    pub(super) was_searched_for: bool,
}

impl Found {
    fn new(path: PathBuf, was_searched_for: bool) -> Self {
        Self {
            name: path.display().to_string(),
            path: Some(path),
            was_searched_for,
        }
    }

    /// Its length, where that is known.
    pub(super) fn bytes(&self) -> Option<u64> {
        let metadata = fs::metadata(self.path.as_ref()?).ok()?;
        metadata.is_file().then_some(metadata.len())
    }

    /// The source of its rows, where nobody names one.
    pub(super) fn default_source(&self) -> String {
        self.path
            .as_deref()
            .map_or_else(|| "stdin".to_owned(), default_source)
    }

    /// What opens it.
    pub(super) fn open(self) -> impl FnOnce() -> io::Result<Box<dyn io::Read + Send>> + Send {
        move || {
            Ok(match self.path {
                Some(path) => Box::new(fs::File::open(path)?),
                None => Box::new(io::stdin()),
            })
        }
    }
}

/// The files that the arguments name: files, folders with all that is in them, globs, `-`. In the
/// arguments' order, then by name.
pub(super) fn find(arguments: &[String]) -> anyhow::Result<Vec<Found>> {
    let mut found: Vec<Found> = Vec::new();
    for argument in arguments {
        let path = Path::new(argument);
        if argument == STANDARD_INPUT {
            found.push(Found {
                name: "standard input".to_owned(),
                path: None,
                was_searched_for: false,
            });
        } else if path.is_dir() {
            let before = found.len();
            search(path, &mut found)?;
            if found.len() == before {
                bail!("{argument}: the folder holds no files");
            }
        } else if !path.exists() && argument.contains(['*', '?', '[']) {
            let before = found.len();
            let paths = glob::glob(argument).with_context(|| format!("`{argument}` is no glob"))?;
            for path in paths {
                let path = path.with_context(|| format!("cannot search {argument}"))?;
                if path.is_file() {
                    found.push(Found::new(path, true));
                }
            }
            if found.len() == before {
                bail!("{argument}: no file matches");
            }
        } else {
            if !path.exists() {
                bail!("cannot read {argument}: there is no such file");
            }
            found.push(Found::new(path.to_owned(), false));
        }
    }
    Ok(found)
}

/// All files below a folder, without hidden ones.
fn search(folder: &Path, found: &mut Vec<Found>) -> anyhow::Result<()> {
    let entries = fs::read_dir(folder)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let is_hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if is_hidden || path.is_symlink() && path.is_dir() {
            continue;
        }
        if path.is_dir() {
            search(&path, found)?;
        } else {
            found.push(Found::new(path, true));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_globs_are_searched_and_hidden_files_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        for name in ["b.json", "a.csv", ".hidden", "inner/c.json"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let names = |argument: String| -> Vec<String> {
            find(&[argument])
                .unwrap()
                .iter()
                .map(Found::default_source)
                .collect()
        };
        let root = folder.path().display().to_string();
        assert_eq!(names(root.clone()), ["a", "b", "c"]);
        assert_eq!(names(format!("{root}/*.json")), ["b"]);
        for missing in ["/*.zip", "/missing.json"] {
            assert!(find(&[format!("{root}{missing}")]).is_err());
        }
    }
}
