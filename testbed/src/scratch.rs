//! Folders for the files of running servers, removed with their owner.
//!
//! An owner holds a lock on a file in its folder; the system releases it however the owner ends.
//! The next start removes the folders whose lock is free.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

const PREFIX: &str = "compass-testbed-";
const LOCK: &str = "owner.lock";
/// A folder is created a moment before it is locked.
const YOUNGEST_ORPHAN: Duration = Duration::from_secs(10);

/// A folder that is removed on drop.
pub struct Scratch {
    directory: TempDir,
    _lock: File,
}

impl Scratch {
    /// Makes a folder below the system's temporary folder, and removes those of dead owners.
    pub fn create() -> Result<Scratch> {
        let parent = std::env::temp_dir();
        sweep(&parent);
        let directory = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(&parent)
            .with_context(|| format!("cannot make a folder in {}", parent.display()))?;
        let lock =
            File::create(directory.path().join(LOCK)).context("cannot make the owner's lock")?;
        lock.lock()
            .context("cannot lock the folder of this process")?;
        Ok(Scratch {
            directory,
            _lock: lock,
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A file or folder in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }
}

/// Errors are left: what cannot be removed belongs to another user, or another sweep was quicker.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX)
            && is_orphan(&entry.path()).unwrap_or(false)
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_orphan(directory: &Path) -> std::io::Result<bool> {
    if directory
        .metadata()?
        .modified()?
        .elapsed()
        .unwrap_or_default()
        < YOUNGEST_ORPHAN
    {
        return Ok(false);
    }
    match File::open(directory.join(LOCK)) {
        Ok(lock) => Ok(lock.try_lock().is_ok()),
        Err(error) => Ok(error.kind() == std::io::ErrorKind::NotFound),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn only_the_old_folder_of_a_dead_owner_is_swept() {
        let parent = tempfile::tempdir().unwrap();
        let folder = |name: &str, age_s: u64| {
            let folder = parent.path().join(format!("{PREFIX}{name}"));
            fs::create_dir(&folder).unwrap();
            let lock = File::create(folder.join(LOCK)).unwrap();
            File::open(&folder)
                .unwrap()
                .set_modified(SystemTime::now() - Duration::from_secs(age_s))
                .unwrap();
            (folder, lock)
        };
        let (dead, _) = folder("dead", 60);
        let (young, _) = folder("young", 0);
        let (alive, lock) = folder("alive", 60);
        lock.lock().unwrap();

        sweep(parent.path());

        assert!(!dead.exists());
        assert!(young.exists());
        assert!(alive.exists());
    }
}
