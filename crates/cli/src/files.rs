use std::path::Path;

use tconv_tensor::replace_file;

use crate::Failure;

/// Writes a file, whole or not at all.
///
/// # Errors
/// When the folder or the disk refuses; `path` is then as it was.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    replace_file(path, |file| file.write_all(bytes)).map_err(|error| Failure::at(path, error))
}

/// Makes `folder` if it is missing and sees that a file can be written there.
///
/// # Errors
/// When it cannot.
pub fn make_writable(folder: &Path) -> Result<(), Failure> {
    let attempt = || {
        std::fs::create_dir_all(folder)?;
        tempfile::tempfile_in(folder).map(drop)
    };
    attempt().map_err(|error| Failure::at(folder, format!("cannot be written to: {error}")))
}
