//! A file is replaced at once: whoever reads it sees all of the old content or all of the new.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Context;

/// Gives a file this content, whether it is there or not.
pub(super) fn replace(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let cannot_write = || format!("cannot write {}", path.display());
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let mut file = tempfile::Builder::new()
        .prefix(".compass-")
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(folder.unwrap_or(Path::new(".")))
        .with_context(cannot_write)?;
    file.write_all(content)
        .and_then(|()| file.as_file().sync_all())
        .with_context(cannot_write)?;
    file.persist(path).with_context(cannot_write)?;
    Ok(())
}
