//! Files that are replaced whole or not at all.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::Path;

/// Writes a file: whoever reads it sees the old text or the new one, never half of it. A link stays a link, and
/// what it leads to is replaced; its owner and mode stay. A device or a pipe is written to.
///
/// # Errors
/// The system's error; then the file is as it was.
pub fn replace(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let old = std::fs::metadata(path).ok();
    if old.as_ref().is_some_and(|old| !old.is_file()) {
        let mut file = io::BufWriter::new(std::fs::OpenOptions::new().write(true).open(path)?);
        write(&mut file)?;
        return file.flush();
    }
    let place = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = match place.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // The mode of a new file is what the user's mask makes of this.
    let mode = old.as_ref().map_or(0o666, |old| old.mode() & 0o7777);
    let mut fresh = tempfile::Builder::new()
        .prefix(".ipvsh-")
        .suffix(".new")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)?;
    {
        let mut file = io::BufWriter::new(fresh.as_file_mut());
        write(&mut file)?;
        file.flush()?;
    }
    if let Some(old) = old {
        // Only root may give a file away; the owner comes first, as the change takes special bits off the mode.
        let _best_effort = fchown(fresh.as_file(), Some(old.uid()), Some(old.gid()));
        fresh
            .as_file()
            .set_permissions(Permissions::from_mode(mode))?;
    }
    fresh.as_file().sync_all()?;
    fresh.persist(&place)?;
    Ok(())
}
