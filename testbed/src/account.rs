//! The unprivileged user of servers that refuse to run as root.

use std::os::unix::fs::chown;
use std::path::Path;

use anyhow::{Context, Result, bail};
use nix::unistd::{User, geteuid};

/// A user and its group.
#[derive(Clone, Debug)]
pub struct Account {
    pub(crate) user: u32,
    pub(crate) group: u32,
    pub(crate) name: String,
}

impl Account {
    /// Who runs PostgreSQL: nobody else than the caller, but for root `postgres`, or `nobody` where
    /// there is no such user.
    pub fn for_postgres() -> Result<Option<Account>> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        for name in ["postgres", "nobody"] {
            let user =
                User::from_name(name).with_context(|| format!("cannot look up user {name}"))?;
            if let Some(user) = user {
                return Ok(Some(Account {
                    user: user.uid.as_raw(),
                    group: user.gid.as_raw(),
                    name: name.to_owned(),
                }));
            }
        }
        bail!(
            "PostgreSQL does not run as root, and this machine has neither user postgres \
             nor nobody: run as another user"
        )
    }

    /// Makes the account the owner of a file or folder.
    pub fn own(&self, path: &Path) -> Result<()> {
        chown(path, Some(self.user), Some(self.group))
            .with_context(|| format!("cannot give {} to user {}", path.display(), self.name))
    }
}
