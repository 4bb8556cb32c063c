//! Small documents that are replaced as a whole: the newest under its name, the one before it beside it.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use qx_formats::{Error, Kind, Result};

use crate::publish::{Publish, write_atomic};

/// Where the generation before the newest stands: `manifest.json` and `manifest.prev.json`.
pub fn previous_path(dir: &Path, name: &str) -> PathBuf {
    let name = Path::new(name);
    let mut previous = OsString::from(name.file_stem().unwrap_or_default());
    previous.push(".prev");
    if let Some(extension) = name.extension() {
        previous.push(".");
        previous.push(extension);
    }
    dir.join(previous)
}

/// Makes `bytes` the newest generation of `dir/name`. What stood there becomes the previous one if `whole` accepts
/// it, so that a damaged document never takes the place of a good previous one.
///
/// At every moment there is a newest generation, the old or the new one; a process that is killed in between leaves
/// the old one under both names. One writer at a time: callers hold the lock of the folder.
///
/// # Errors
/// `Io`.
pub fn publish_generation(dir: &Path, name: &str, bytes: &[u8], whole: impl FnOnce(&[u8]) -> Result<()>) -> Result<()> {
    let path = dir.join(name);
    if let Some(old) = read(&path)? {
        if old == bytes {
            return Ok(());
        }
        if whole(&old).is_ok() {
            write_atomic(&previous_path(dir, name), Publish::Replace, &old)?;
        }
    }
    write_atomic(&path, Publish::Replace, bytes)
}

/// The newest generation of `dir/name`, decoded; `None` where there is none yet.
///
/// # Errors
/// `Io`; what `decode` says, with the path; `Corrupt` when the newest generation is gone and a previous one is there.
pub fn read_generation<T>(dir: &Path, name: &str, decode: impl FnOnce(&[u8]) -> Result<T>) -> Result<Option<T>> {
    let path = dir.join(name);
    match read(&path)? {
        Some(bytes) => decode(&bytes).map(Some).map_err(|e| with_previous(e.path(&path), dir, name)),
        None if previous_path(dir, name).exists() => Err(Error::corrupt("the newest generation is missing")
            .path(&path)
            .hint(format!("the previous one is {}", previous_path(dir, name).display()))),
        None => Ok(None),
    }
}

/// Says of a damaged document whether there is one before it.
fn with_previous(e: Error, dir: &Path, name: &str) -> Error {
    let previous = previous_path(dir, name);
    match e.kind() {
        _ if e.get_hint().is_some() => e,
        Kind::Corrupt | Kind::Invalid if previous.exists() => {
            e.hint(format!("the generation before it is {}", previous.display()))
        }
        Kind::Corrupt | Kind::Invalid => e.hint("it is the first generation, or the one before it is gone"),
        _ => e,
    }
}

/// The generation before the newest, decoded; `None` where there is none.
///
/// # Errors
/// `Io`; what `decode` says, with the path.
pub fn read_previous_generation<T>(
    dir: &Path,
    name: &str,
    decode: impl FnOnce(&[u8]) -> Result<T>,
) -> Result<Option<T>> {
    let path = previous_path(dir, name);
    match read(&path)? {
        Some(bytes) => decode(&bytes).map(Some).map_err(|e| e.path(&path)),
        None => Ok(None),
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io("read", e).path(path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> Result<()> {
        if bytes.starts_with(b"good") { Ok(()) } else { Err(Error::corrupt("bad")) }
    }

    fn text(bytes: &[u8]) -> Result<String> {
        whole(bytes)?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    #[test]
    fn the_generation_before_the_newest_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        assert_eq!(read_generation(dir, "m.json", text).unwrap(), None);
        for bytes in ["good 1", "good 2", "good 3", "good 3"] {
            publish_generation(dir, "m.json", bytes.as_bytes(), whole).unwrap();
        }
        assert_eq!(read_generation(dir, "m.json", text).unwrap().unwrap(), "good 3");
        assert_eq!(read_previous_generation(dir, "m.json", text).unwrap().unwrap(), "good 2");
        assert_eq!(previous_path(dir, "m.json"), dir.join("m.prev.json"));
        assert_eq!(previous_path(dir, "x.vindex"), dir.join("x.prev.vindex"));
    }

    #[test]
    fn a_damaged_newest_never_replaces_a_good_previous() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        publish_generation(dir, "m.json", b"good 1", whole).unwrap();
        publish_generation(dir, "m.json", b"good 2", whole).unwrap();
        fs::write(dir.join("m.json"), b"damaged").unwrap();
        let hint = || read_generation(dir, "m.json", text).unwrap_err().get_hint().unwrap().to_owned();
        assert!(hint().contains("m.prev.json"), "{}", hint());
        let previous = fs::read(previous_path(dir, "m.json")).unwrap();
        fs::remove_file(previous_path(dir, "m.json")).unwrap();
        assert!(!hint().contains("prev"), "{}", hint());
        fs::write(previous_path(dir, "m.json"), previous).unwrap();
        publish_generation(dir, "m.json", b"good 3", whole).unwrap();
        assert_eq!(read_previous_generation(dir, "m.json", text).unwrap().unwrap(), "good 1");
    }

    #[test]
    fn a_missing_newest_beside_a_previous_is_damage() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        publish_generation(dir, "m.json", b"good 1", whole).unwrap();
        publish_generation(dir, "m.json", b"good 2", whole).unwrap();
        fs::remove_file(dir.join("m.json")).unwrap();
        let e = read_generation(dir, "m.json", text).unwrap_err();
        assert_eq!(e.kind(), qx_formats::Kind::Corrupt);
        assert!(e.get_hint().unwrap().contains("m.prev.json"));
    }
}
