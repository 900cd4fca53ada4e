use std::io::Write;
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

use crate::Failure;

/// Writes a file beside `path` and then renames it to `path`: whoever looks sees the old file or the
/// new one, whole.
///
/// # Errors
/// When the folder or the disk refuses; `path` is then as it was.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let attempt = || {
        let mut file = beside(path.parent().unwrap_or(Path::new("")))?;
        file.write_all(bytes)?;
        // Without this a power cut after the rename could leave an empty file.
        file.as_file().sync_all()?;
        file.persist(path)?;
        std::io::Result::Ok(())
    };
    attempt().map_err(|error| Failure::at(path, error))
}

/// Makes `folder` if it is missing and sees that a file can be written there.
///
/// # Errors
/// When it cannot.
pub fn make_writable(folder: &Path) -> Result<(), Failure> {
    let attempt = || {
        std::fs::create_dir_all(folder)?;
        beside(folder)?.close()
    };
    attempt().map_err(|error| Failure::at(folder, format!("cannot be written to: {error}")))
}

fn beside(folder: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(".tconv-");
    #[cfg(unix)]
    {
        // As any new file: everybody's, less the process's umask.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    })
}
