//! Files that are there whole or not at all.

use std::fs::{Metadata, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// The most symbolic links that are followed one after the other; Linux's own limit.
const MAX_LINKS: usize = 40;

/// Writes a file beside `path`, then renames it to `path`: whoever looks sees the old file or the new
/// one, whole. The new one has the old one's permissions; a symbolic link stays, and the file that it
/// points to is replaced. What is no regular file (a pipe, `/dev/stdout`) is written to as it stands.
///
/// # Errors
/// What the system or `write` says, naming the folder where no file can be made in it; `path` is then
/// as it was.
pub fn replace_file(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let path = path.as_ref();
    let old = match path.metadata() {
        Ok(found) => Some(found),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if let Some(found) = &old
        && !found.is_file()
        && !found.is_dir()
    {
        let mut file = BufWriter::new(OpenOptions::new().write(true).open(path)?);
        write(&mut file)?;
        return file.flush();
    }
    let target = link_target(path);
    let folder = folder_of(&target);
    // Opened here for the permissions of any new file: everybody's, less the process's umask.
    let file = tempfile::Builder::new()
        .prefix(".tconv-")
        .make_in(folder, |path| {
            OpenOptions::new().write(true).create_new(true).open(path)
        })
        .map_err(|error| {
            let problem = format!(
                "no file can be made in folder {}: {error}",
                folder.display()
            );
            io::Error::new(error.kind(), problem)
        })?;
    if let Some(found) = old.filter(Metadata::is_file) {
        file.as_file().set_permissions(found.permissions())?;
    }
    // Not through the temporary file itself, whose errors would give its name.
    let mut writer = BufWriter::new(file.as_file());
    write(&mut writer)?;
    writer.flush()?;
    drop(writer);
    // Without this a power cut after the rename could leave an empty file.
    file.as_file().sync_all()?;
    file.persist(&target)?;
    Ok(())
}

/// Where `path` leads when its last part is a symbolic link, whether or not anything is there.
fn link_target(path: &Path) -> PathBuf {
    let mut target = path.to_owned();
    for _ in 0..MAX_LINKS {
        match target.read_link() {
            Ok(link) => target = folder_of(&target).join(link),
            Err(_) => break,
        }
    }
    target
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_a_device_stays_one() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("x");
        replace_file(&path, |file| file.write_all(b"old")).unwrap();
        let failed = replace_file(&path, |file| {
            file.write_all(b"new")?;
            Err(io::Error::other("no"))
        });
        assert!(failed.is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::FileTypeExt;
            replace_file("/dev/null", |file| file.write_all(b"new")).unwrap();
            assert!(
                std::fs::metadata("/dev/null")
                    .unwrap()
                    .file_type()
                    .is_char_device()
            );
        }
    }
    #[cfg(unix)]
    #[test]
    fn links_stay_and_their_targets_are_written() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("there")).unwrap();
        std::fs::write(at("there/old"), b"old").unwrap();
        symlink("there/old", at("relative")).unwrap();
        symlink(at("relative"), at("twice")).unwrap();
        symlink("there/new", at("dangling")).unwrap();
        symlink("circle", at("circle")).unwrap();
        for (link, target) in [("twice", "there/old"), ("dangling", "there/new")] {
            replace_file(at(link), |file| file.write_all(link.as_bytes())).unwrap();
            assert!(at(link).is_symlink(), "{link}");
            assert!(!at(target).is_symlink(), "{link}");
            assert_eq!(std::fs::read(at(target)).unwrap(), link.as_bytes());
        }
        assert!(at("relative").is_symlink());
        assert!(replace_file(at("circle"), |file| file.write_all(b"new")).is_err());
        assert!(at("circle").is_symlink());
    }

    #[cfg(unix)]
    #[test]
    fn the_old_files_permissions_are_kept() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("x");
        for mode in [0o600, 0o666, 0o751] {
            std::fs::write(&path, b"old").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            replace_file(&path, |file| file.write_all(b"new")).unwrap();
            let found = path.metadata().unwrap().permissions().mode() & 0o7777;
            assert_eq!(found, mode, "{found:o}");
            assert_eq!(std::fs::read(&path).unwrap(), b"new");
        }
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::TempDir::new().unwrap();
        let missing = folder.path().join("none");
        let error = replace_file(missing.join("x"), |file| file.write_all(b"new")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        let text = error.to_string();
        let start = format!("no file can be made in folder {}: ", missing.display());
        assert!(
            text.starts_with(&start) && !text.contains(".tconv-"),
            "{text}"
        );
    }
}
