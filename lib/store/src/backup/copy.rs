//! Copying files with their checksums.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use qx_formats::{Error, Kind, Result};
use qx_io::Job;

use super::{BackupFile, LIST};
use crate::repair::LOST_AND_FOUND;

/// Names in a database folder that are no part of what it holds.
fn passes(name: &str) -> bool {
    matches!(name, "LOCK" | LIST | LOST_AND_FOUND)
        || name == crate::LIVE
        || (name.starts_with('.') && name.contains(".tmp"))
}

/// The files of a folder, relative to it. Those of the log come last, in the order of their numbers.
pub(super) fn list(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    walk(root, Path::new(""), &mut files)?;
    files.sort_by_key(|f| (is_log(f), f.clone()));
    Ok(files)
}

fn is_log(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "dlog") && path.parent().is_some_and(|p| p.ends_with("wal"))
}

fn walk(root: &Path, at: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let dir = root.join(at);
    let entries = fs::read_dir(&dir).map_err(|e| Error::io("list", e).path(&dir))?;
    for entry in entries {
        let entry = entry.map_err(|e| Error::io("list", e).path(&dir))?;
        let name = entry.file_name();
        if passes(&name.to_string_lossy()) {
            continue;
        }
        let path = at.join(&name);
        if name.to_str().is_none() {
            return Err(Error::unsupported("a file name that is not UTF-8").path(root.join(path)));
        }
        if entry.path().is_dir() {
            walk(root, &path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// What was copied so far.
#[derive(Debug, Default)]
pub(super) struct Copied {
    files: BTreeMap<PathBuf, BackupFile>,
}

/// Files that are written once and never again: what was copied of them stays right.
fn immutable(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let parquet = name.ends_with(".parquet");
    let named_by_content = name.ends_with(".seg") || name.ends_with(".vdata") || name.ends_with(".kv");
    parquet || named_by_content || (name.ends_with(".json") && path.parent().is_some_and(|p| p.ends_with("_delta_log")))
}

impl Copied {
    /// Brings the copy up to what the folder holds now.
    pub(super) fn all(&mut self, root: &Path, to: &Path, job: &Job) -> Result<()> {
        let files = list(root)?;
        job.progress.phase("copy", Some(files.len() as u64), "files");
        let gone: Vec<PathBuf> = self.files.keys().filter(|f| !files.contains(f)).cloned().collect();
        for path in gone {
            self.files.remove(&path);
            let path = to.join(path);
            fs::remove_file(&path).map_err(|e| Error::io("remove", e).path(&path))?;
        }
        for path in files {
            job.step(1)?;
            let source = root.join(&path);
            let len = fs::metadata(&source).map_err(|e| Error::io("read", e).path(&source))?.len();
            if immutable(&path) && self.files.get(&path).is_some_and(|f| f.bytes == len) {
                continue;
            }
            let file = one(&source, &to.join(&path), &path)?;
            self.files.insert(path, file);
        }
        // A segment of the log that was begun meanwhile belongs to the log's end.
        for path in list(root)?.into_iter().filter(|f| is_log(f)) {
            if let Entry::Vacant(new) = self.files.entry(path) {
                let file = one(&root.join(new.key()), &to.join(new.key()), new.key())?;
                new.insert(file);
            }
        }
        Ok(())
    }

    pub(super) fn finish(self, _to: &Path) -> Result<Vec<BackupFile>> {
        if self.files.is_empty() {
            return Err(Error::new(Kind::NotFound, "the folder holds nothing to copy"));
        }
        Ok(self.files.into_values().collect())
    }
}

/// Copies one file and makes its bytes durable; the names are when the tree is synced.
pub(super) fn one(from: &Path, to: &Path, relative: &Path) -> Result<BackupFile> {
    if let Some(dir) = to.parent() {
        fs::create_dir_all(dir).map_err(|e| Error::io("create folder", e).path(dir))?;
    }
    let read = |e| Error::io("read", e).path(from);
    let write = |e| Error::io("write", e).path(to);
    let mut source = File::open(from).map_err(read)?;
    let mut target = File::create(to).map_err(write)?;
    let (mut bytes, mut crc) = (0u64, 0u32);
    let mut buffer = vec![0u8; 256 << 10];
    loop {
        let n = source.read(&mut buffer).map_err(read)?;
        let Some(part) = buffer.get(..n).filter(|p| !p.is_empty()) else { break };
        target.write_all(part).map_err(write)?;
        crc = crc32c::crc32c_append(crc, part);
        bytes += n as u64;
    }
    target.sync_all().map_err(write)?;
    Ok(BackupFile { path: relative.to_string_lossy().into_owned(), bytes, crc32c: crc })
}

/// Makes every name in a folder durable, from the inside out.
pub(super) fn sync_tree(dir: &Path) -> Result<()> {
    let entries = fs::read_dir(dir).map_err(|e| Error::io("list", e).path(dir))?;
    for entry in entries.flatten().filter(|e| e.path().is_dir()) {
        sync_tree(&entry.path())?;
    }
    qx_io::sync_dir(dir)
}
