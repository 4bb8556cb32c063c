//! Changes of a folder tree. The parts of a database go through here for all that [`crate::publish()`] and
//! [`crate::Disk`] do not do, so that a drill sees every change that a crash could interrupt.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::model::ModelDisk;
use crate::{Disk, record};

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    }
}

/// Makes a folder and those above it that are missing, each with a durable name.
///
/// # Errors
/// As the operating system says.
pub fn create_dir_all(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = parent(dir);
    create_dir_all(parent)?;
    match fs::create_dir(dir) {
        Ok(()) => record::done(dir, "make", ModelDisk::make_dir),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => {}
        Err(e) => return Err(e),
    }
    // The new name has to last as long as what is put under it.
    sync_dir(parent)
}

/// Renames a file or folder, over what stands under the new name.
///
/// # Errors
/// As the operating system says.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    record::renamed(from, to);
    Ok(())
}

/// Renames a file only if nothing stands under the new name, atomically.
///
/// # Errors
/// As the operating system says; `AlreadyExists`.
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    // A hard link refuses to replace, which a rename cannot; file systems without links fall back to looking first.
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from)?,
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists || to.exists() => {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        Err(_) => fs::rename(from, to)?,
    }
    record::renamed(from, to);
    Ok(())
}

/// # Errors
/// As the operating system says.
pub fn remove_file(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    record::done(path, "remove", |disk, path| disk.remove(path));
    Ok(())
}

/// Removes an empty folder.
///
/// # Errors
/// As the operating system says.
pub fn remove_dir(dir: &Path) -> io::Result<()> {
    fs::remove_dir(dir)?;
    record::done(dir, "remove", |disk, dir| disk.remove_dir(dir));
    Ok(())
}

/// Removes a folder and what is in it.
///
/// # Errors
/// As the operating system says.
pub fn remove_dir_all(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_dir_all(&entry.path())?;
        } else {
            remove_file(&entry.path())?;
        }
    }
    remove_dir(dir)
}

/// Makes the names in a folder durable.
///
/// # Errors
/// As the operating system says.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()?;
    record::synced_dir(dir);
    Ok(())
}
