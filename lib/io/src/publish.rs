//! A file appears whole or not at all: temporary file in the same folder, write, fsync, rename, fsync the folder.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use qx_formats::{Error, Kind, Result};

use crate::record::Shadow;
use crate::tree;

/// What to do when the target is already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publish {
    /// Refuse (`Exists`).
    New,
    /// Replace it, atomically.
    Replace,
}

/// Runs `fill` on a temporary file beside `path` and gives it the name `path` once its bytes are on disk.
///
/// On any failure the target is as it was and the temporary file is gone; one that a killed process left behind is
/// removed by the next call for the same target. A target that is a device or a pipe is written directly. A symbolic link
/// stays as it is, as under `>`, `cp` and `sort -o`: the file that it names is made or replaced, in that file's own folder.
/// What replaces a file has its permissions.
///
/// # Errors
/// `Exists` under [`Publish::New`]; `Io`; whatever `fill` says.
pub fn publish<T>(path: &Path, mode: Publish, fill: impl FnOnce(&mut BufWriter<File>) -> Result<T>) -> Result<T> {
    let existing = match fs::metadata(path) {
        Ok(meta) => Some(meta),
        Err(e) if e.kind() == io::ErrorKind::NotFound => None,
        Err(e) => return Err(Error::io("write", e).path(path)),
    };
    if let Some(meta) = &existing {
        if meta.is_dir() {
            return Err(Error::io("write", io::Error::from(io::ErrorKind::IsADirectory)).path(path));
        }
        if !meta.is_file() {
            return write_device(path, fill);
        }
        if mode == Publish::New {
            return Err(exists(path));
        }
    }
    let target = behind_links(path);
    remove_stale(&target);
    let (temp, file) = create_temp(&target)?;
    if let Some(meta) = &existing {
        // Before the first byte is in it: what was private stays so. A file system without permissions has none to lose.
        let _ = file.set_permissions(meta.permissions());
    }
    let shadow = Shadow::created(&temp);
    let done = fill_temp(&file, &shadow, fill).and_then(|value| {
        rename(&temp, &target, mode)?;
        sync_dir(parent(&target))?;
        Ok(value)
    });
    if done.is_err() {
        // Best effort: the error that is already on its way matters more.
        let _ = tree::remove_file(&temp);
    }
    done.map_err(|e| e.path(path))
}

/// [`publish`] for bytes that are already in memory.
///
/// # Errors
/// As [`publish`].
pub fn write_atomic(path: &Path, mode: Publish, bytes: &[u8]) -> Result<()> {
    publish(path, mode, |out| out.write_all(bytes).map_err(|e| Error::io("write", e)))
}

/// Makes the names in a folder durable.
///
/// # Errors
/// `Io` with the folder's path.
pub fn sync_dir(dir: &Path) -> Result<()> {
    tree::sync_dir(dir).map_err(|e| Error::io("sync folder", e).path(dir))
}

fn exists(path: &Path) -> Error {
    Error::new(Kind::Exists, "the target is already there").path(path).hint("give --force to replace it")
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    }
}

/// Links that are followed at most, as the system does.
const MOST_LINKS: usize = 40;

/// The file that a name leads to, there or not: its folder is where a rename is atomic.
fn behind_links(path: &Path) -> PathBuf {
    let mut target = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        let Ok(named) = fs::read_link(&target) else { break };
        target = parent(&target).join(named);
    }
    target
}

fn write_device<T>(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> Result<T>) -> Result<T> {
    let run = || {
        let file = OpenOptions::new().write(true).open(path).map_err(|e| Error::io("write", e))?;
        let mut out = BufWriter::new(file);
        let value = fill(&mut out)?;
        out.flush().map_err(|e| Error::io("write", e))?;
        Ok(value)
    };
    run().map_err(|e: Error| e.path(path))
}

fn fill_temp<T>(file: &File, shadow: &Shadow, fill: impl FnOnce(&mut BufWriter<File>) -> Result<T>) -> Result<T> {
    let io = |e| Error::io("write", e);
    let mut out = BufWriter::with_capacity(256 << 10, file.try_clone().map_err(io)?);
    let value = fill(&mut out)?;
    out.seek(SeekFrom::End(0)).map_err(io)?;
    let file = out.into_inner().map_err(|e| io(e.into_error()))?;
    shadow.filled(&file);
    file.sync_all().map_err(io)?;
    shadow.synced();
    Ok(value)
}

fn rename(temp: &Path, path: &Path, mode: Publish) -> Result<()> {
    let done = match mode {
        Publish::Replace => tree::rename(temp, path),
        Publish::New => tree::rename_new(temp, path),
    };
    done.map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists if mode == Publish::New => exists(path),
        _ => Error::io("rename into place", e),
    })
}

fn temp_prefix(path: &Path) -> OsString {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".tmp-");
    name
}

/// Creates and locks a temporary file. The lock tells a live one from one whose writer was killed.
fn create_temp(path: &Path) -> Result<(PathBuf, File)> {
    loop {
        let mut name = temp_prefix(path);
        name.push(format!("{:016x}", rand::random::<u64>()));
        let temp = parent(path).join(name);
        let io = |e| Error::io("create", e).path(&temp);
        let file = match OpenOptions::new().read(true).write(true).create_new(true).open(&temp) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(e) => return Err(Error::io("create", e).path(path)),
        };
        // Another process may have taken the file for stale between its creation and the lock: then its name is gone.
        match file.try_lock() {
            Ok(()) if temp.exists() => return Ok((temp, file)),
            Ok(()) | Err(TryLockError::WouldBlock) => continue,
            Err(TryLockError::Error(e)) if e.kind() == io::ErrorKind::Unsupported => return Ok((temp, file)),
            Err(TryLockError::Error(e)) => return Err(io(e)),
        }
    }
}

/// Removes temporary files for the same target whose writers are gone. Failures only leave them for the next time.
///
/// [`publish`] does so itself; what works for long before it gets there does it first, lest what a killed run left takes
/// the room that this one needs, or stays where this one ends early.
pub fn remove_stale(path: &Path) {
    let target = behind_links(path);
    let prefix = temp_prefix(&target);
    let Ok(entries) = fs::read_dir(parent(&target)) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if !name.as_encoded_bytes().starts_with(prefix.as_encoded_bytes()) {
            continue;
        }
        let Ok(file) = File::open(entry.path()) else { continue };
        if file.try_lock().is_ok() {
            tracing::info!(target: "qx::io", path = %entry.path().display(), "removing a temporary file whose writer is gone");
            let _ = tree::remove_file(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut v: Vec<_> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        v.sort();
        v
    }

    #[test]
    fn an_existing_target_is_refused_or_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        write_atomic(&path, Publish::New, b"one").unwrap();
        assert_eq!(write_atomic(&path, Publish::New, b"two").unwrap_err().kind(), Kind::Exists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        write_atomic(&path, Publish::Replace, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(names(dir.path()), ["x"]);
    }

    #[test]
    fn a_failed_fill_leaves_the_old_file_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        write_atomic(&path, Publish::New, b"one").unwrap();
        let failed: Result<()> = publish(&path, Publish::Replace, |out| {
            out.write_all(b"half").unwrap();
            Err(Error::invalid("no"))
        });
        assert_eq!(failed.unwrap_err().kind(), Kind::Invalid);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(names(dir.path()), ["x"]);
    }

    #[test]
    fn what_a_killed_writer_left_is_removed_and_what_a_live_one_writes_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        fs::write(dir.path().join(".x.tmp-dead"), b"half").unwrap();
        let live = File::create(dir.path().join(".x.tmp-live")).unwrap();
        live.try_lock().unwrap();
        write_atomic(&path, Publish::New, b"one").unwrap();
        assert_eq!(names(dir.path()), [".x.tmp-live", "x"]);
    }

    #[test]
    fn a_link_stays_and_what_it_names_is_made_or_replaced() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("far")).unwrap();
        symlink("far/x", at("near")).unwrap();
        symlink(at("near"), at("link")).unwrap();
        fs::write(at("far/.x.tmp-dead"), b"half").unwrap();
        for (mode, text) in [(Publish::New, "one"), (Publish::Replace, "two")] {
            write_atomic(&at("link"), mode, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(at("far/x")).unwrap(), text);
        }
        let e = write_atomic(&at("link"), Publish::New, b"three").unwrap_err();
        assert_eq!((e.kind(), e.get_path()), (Kind::Exists, Some(at("link").as_path())));
        assert_eq!(names(dir.path()), ["far", "link", "near"]);
        assert_eq!(names(&at("far")), ["x"]);
        assert!(at("link").is_symlink() && at("near").is_symlink());
        symlink("round", at("round")).unwrap();
        assert_eq!(write_atomic(&at("round"), Publish::Replace, b"no").unwrap_err().kind(), Kind::Io);
    }

    #[test]
    fn what_replaces_a_private_file_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        write_atomic(&path, Publish::New, b"one").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        write_atomic(&path, Publish::Replace, b"two").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_device_is_written_and_not_replaced() {
        write_atomic(Path::new("/dev/null"), Publish::New, b"gone").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        assert_eq!(write_atomic(Path::new("/dev/full"), Publish::New, b"x").unwrap_err().kind(), Kind::Io);
    }
}
