//! From a backup to a database folder.

use std::fs;
use std::path::Path;

use qx_formats::{Error, Kind, Result};
use qx_io::{Job, Map};
use serde::Serialize;

use super::{Backup, LIST, copy, parent, stage};
use crate::Store;

/// What is left to do without another backup.
const WITHOUT: &str =
    "take another backup; without one, copy this folder and `qx repair` the copy, which keeps what can be read";

/// What a restore came to.
#[derive(Debug, Clone, Serialize)]
pub struct RestoreReport {
    pub files: u64,
    pub bytes: u64,
    /// UTC, RFC 3339.
    pub taken_at: String,
    /// The database as of this commit.
    pub lsn: String,
}

/// Makes the new folder `target` the database that was backed up in `backup`. Every file is compared with the backup's
/// list before anything is made; with `dry_run`, that is all.
///
/// # Errors
/// `Exists` when the target is there; `Corrupt` with the path of the first file that is missing or damaged; `Invalid`
/// when the folder is no backup; `Io`.
pub fn restore(backup: &Path, target: &Path, dry_run: bool, job: &Job) -> Result<RestoreReport> {
    let list = read_list(backup)?;
    if target.exists() {
        return Err(Error::new(Kind::Exists, "the target is already there").path(target));
    }
    job.progress.phase("verify", Some(list.files.len() as u64), "files");
    for file in &list.files {
        let sound = !file.path.is_empty() && file.path.split('/').all(|p| !matches!(p, "" | "." | ".."));
        if !sound {
            return Err(Error::invalid("the list names a path outside of the backup").path(backup).got(&file.path));
        }
        let path = backup.join(&file.path);
        let map = Map::open(&path).map_err(|e| match e.io_kind() {
            Some(std::io::ErrorKind::NotFound) => {
                Error::corrupt("a file of the backup is missing").path(&path).hint(WITHOUT)
            }
            _ => e,
        })?;
        let crc = crc32c::crc32c(&map);
        if map.len() as u64 != file.bytes || crc != file.crc32c {
            return Err(Error::corrupt("a file is not the one that was backed up")
                .path(&path)
                .expected(format!("{} bytes, {:08x}", file.bytes, file.crc32c))
                .got(format!("{} bytes, {crc:08x}", map.len()))
                .hint(WITHOUT));
        }
        job.step(1)?;
    }
    let report = RestoreReport {
        files: list.files.len() as u64,
        bytes: list.bytes(),
        taken_at: list.taken_at.clone(),
        lsn: list.lsn.clone(),
    };
    if dry_run {
        return Ok(report);
    }
    let (staging, _held) = stage(target)?;
    let done = build(backup, &list, &staging, job).and_then(|()| {
        qx_io::rename(&staging, target).map_err(|e| Error::io("rename into place", e).path(target))?;
        qx_io::sync_dir(parent(target))
    });
    if done.is_err() {
        let _ = fs::remove_dir_all(&staging);
    }
    done.map(|()| report)
}

fn read_list(backup: &Path) -> Result<Backup> {
    let path = backup.join(LIST);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && backup.is_dir() => {
            return Err(Error::invalid("not a backup: it has no backup.json")
                .path(backup)
                .hint("`qx backup DIR -o OUT` makes one"));
        }
        Err(e) => return Err(Error::io("read", e).path(path)),
    };
    Backup::decode(&bytes).map_err(|e| e.path(path))
}

fn build(backup: &Path, list: &Backup, staging: &Path, job: &Job) -> Result<()> {
    job.progress.phase("copy", Some(list.files.len() as u64), "files");
    for file in &list.files {
        let relative = Path::new(&file.path);
        let copied = copy::one(&backup.join(relative), &staging.join(relative), relative)?;
        if copied != *file {
            return Err(Error::corrupt("a file changed while it was copied").path(backup.join(relative)));
        }
        job.step(1)?;
    }
    // Folders that hold no file are part of a database, too.
    for dir in ["runs", ""] {
        let dir = staging.join(dir);
        fs::create_dir_all(&dir).map_err(|e| Error::io("create folder", e).path(&dir))?;
    }
    copy::sync_tree(staging)?;
    // The log of a live database was copied as a crash would have left it: recover it before anyone asks.
    let store = Store::open(staging)?;
    if store.layout().wal().is_dir() {
        let (log, _) = qx_log::Log::open(store.layout().wal(), qx_log::Options::default())?;
        log.close()?;
    }
    copy::sync_tree(staging)
}
