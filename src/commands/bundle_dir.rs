//! The manifests as a folder: a file for each object, and a kustomization.yaml.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, bail};

use super::replace::replace;
use crate::manifest::{KUSTOMIZATION, Object, file_name, kustomization};

/// First line of every file that is written here: only such files are ever changed or removed.
const MARKER: &str = "# Written by compass render, which overwrites and removes it.\n";

/// What was done to a folder.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// Files that are new or changed.
    pub(super) written: usize,
    /// Files that were as they are to be.
    pub(super) unchanged: usize,
    /// Files that an earlier call wrote and that are no longer wanted.
    pub(super) removed: usize,
}

impl std::fmt::Display for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            written,
            unchanged,
            removed,
        } = self;
        write!(
            f,
            "{written} files written, {unchanged} unchanged, {removed} removed"
        )
    }
}

/// Makes a folder hold these objects. Other people's files stay; one with a name that is needed is
/// an error, and then nothing is written. Each file is replaced at once, kustomization.yaml after
/// those that it names and before those that it no longer names are removed.
pub(super) fn write<'a>(
    directory: &Path,
    objects: impl Iterator<Item = &'a Object> + Clone,
) -> anyhow::Result<Changes> {
    one_file_for_each(objects.clone())?;
    let files = kustomization(objects);
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    let mut present = files_of(directory)?;
    let foreign: Vec<_> = files
        .keys()
        .filter(|name| present.get(*name).is_some_and(Option::is_none))
        .map(String::as_str)
        .collect();
    if !foreign.is_empty() {
        bail!(
            "{}: not written by compass render: {}. Move them away, or choose another folder",
            directory.display(),
            foreign.join(", ")
        );
    }
    let mut changes = Changes::default();
    let (last, objects): (Vec<_>, Vec<_>) =
        files.iter().partition(|(name, _)| *name == KUSTOMIZATION);
    for (name, yaml) in objects.into_iter().chain(last) {
        let content = format!("{MARKER}{yaml}");
        if present.remove(name).flatten().as_ref() == Some(&content) {
            changes.unchanged += 1;
        } else {
            replace(&directory.join(name), content.as_bytes())?;
            changes.written += 1;
        }
    }
    for (name, own) in present {
        if own.is_some() {
            let path = directory.join(name);
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            changes.removed += 1;
        }
    }
    Ok(changes)
}

/// Objects of two namespaces may have the same kind and name.
fn one_file_for_each<'a>(objects: impl Iterator<Item = &'a Object>) -> anyhow::Result<()> {
    let mut seen = BTreeMap::new();
    for object in objects {
        let namespace = object.content["metadata"]["namespace"].as_str();
        if let Some(other) = seen.insert(file_name(object), namespace) {
            bail!(
                "{} {} stands in the namespaces {} and {}: render each namespace into a folder of its own",
                object.kind,
                object.name(),
                other.unwrap_or_default(),
                namespace.unwrap_or_default()
            );
        }
    }
    Ok(())
}

/// The YAML files of a folder; the content of those that were written here.
fn files_of(directory: &Path) -> anyhow::Result<BTreeMap<String, Option<String>>> {
    let cannot_read = || format!("cannot read {}", directory.display());
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory).with_context(cannot_read)? {
        let entry = entry.with_context(cannot_read)?;
        // What is no text is no name of an object either.
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if !name.ends_with(".yaml") {
            continue;
        }
        let is_file = entry.file_type().with_context(cannot_read)?.is_file();
        let content = match fs::read_to_string(entry.path()) {
            Ok(content) => Some(content),
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(_) => None,
        };
        let own = content.filter(|content| is_file && content.starts_with(MARKER));
        files.insert(name, own);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use serde_json::json;

    use super::*;
    use crate::manifest::Kind;

    fn object(kind: Kind, name: &str, namespace: &str) -> Object {
        let content = json!({"metadata": {"name": name, "namespace": namespace}});
        Object { kind, content }
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_second_call_writes_and_removes_what_has_changed_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("new/folder");
        let both = [
            object(Kind::Deployment, "chat", "a"),
            object(Kind::Service, "chat", "a"),
        ];
        let changes = write(&directory, both.iter()).unwrap();
        assert_eq!((changes.written, changes.removed), (3, 0));
        fs::write(directory.join("namespace.yaml"), "kind: Namespace\n").unwrap();
        fs::write(directory.join("README"), MARKER).unwrap();
        let again = write(&directory, both.iter()).unwrap();
        assert_eq!((again.written, again.unchanged, again.removed), (0, 3, 0));

        let changes = write(&directory, both[..1].iter()).unwrap();
        let expected = Changes {
            written: 1,
            unchanged: 1,
            removed: 1,
        };
        assert_eq!(changes, expected);
        assert_eq!(
            names(&directory),
            [
                "README",
                "deployment-chat.yaml",
                "kustomization.yaml",
                "namespace.yaml"
            ]
        );
        let mode = fs::metadata(directory.join("deployment-chat.yaml")).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o644);
    }

    #[test]
    fn a_file_of_somebody_else_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(KUSTOMIZATION), "resources: []\n").unwrap();
        let objects = [object(Kind::Deployment, "chat", "a")];
        let error = write(folder.path(), objects.iter()).unwrap_err();
        assert!(error.to_string().contains("kustomization.yaml"), "{error}");
        assert_eq!(names(folder.path()), [KUSTOMIZATION]);
    }

    #[test]
    fn what_looks_like_a_file_of_ours_and_is_a_link_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = folder.path().join("elsewhere");
        fs::write(&elsewhere, MARKER).unwrap();
        let directory = folder.path().join("out");
        fs::create_dir(&directory).unwrap();
        std::os::unix::fs::symlink(&elsewhere, directory.join("old.yaml")).unwrap();
        let objects = [object(Kind::Deployment, "chat", "a")];
        write(&directory, objects.iter()).unwrap();
        assert!(names(&directory).contains(&"old.yaml".to_owned()));
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), MARKER);
    }

    #[test]
    fn two_objects_never_share_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let objects = [
            object(Kind::Deployment, "chat", "a"),
            object(Kind::Deployment, "chat", "b"),
        ];
        let error = write(folder.path(), objects.iter()).unwrap_err();
        assert!(error.to_string().contains("namespaces a and b"), "{error}");
        assert!(names(folder.path()).is_empty());
    }
}
