//! Copies of a whole database folder, taken while others work in it, and back.
//!
//! A backup takes no lock at first: it copies what stands there, the log last, and looks whether anything but the log
//! moved meanwhile. Segments and Parquet files never change, so another try copies only what is new. A database that
//! never stands still is locked for the last try.

mod copy;
mod restore;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use qx_formats::manifest::Status;
use qx_formats::{Error, Kind, Result, manifest};
use qx_io::{Job, Lock, Publish};
use serde::{Deserialize, Serialize};

use crate::delta_sums::DELTA_LOG;
use crate::{Store, manifests};

pub use restore::{RestoreReport, restore};

/// Format name of the list that a backup carries.
pub const FORMAT: &str = "qx.backup";
/// Its file name.
pub const LIST: &str = "backup.json";
/// Tries without a lock.
const TRIES: u32 = 4;

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupFile {
    /// Relative to the database folder.
    pub path: String,
    pub bytes: u64,
    pub crc32c: u32,
}

/// The list of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    format: String,
    version: u64,
    pub generation: u64,
    /// UTC, RFC 3339.
    pub taken_at: String,
    /// The database as of this commit.
    pub lsn: String,
    pub files: Vec<BackupFile>,
    /// Of these, those that are not what the database's own manifests say: they were damaged before they were copied.
    #[serde(skip)]
    pub damaged: Vec<String>,
}

impl Backup {
    fn decode(bytes: &[u8]) -> Result<Backup> {
        let value = manifest::open(bytes, FORMAT)?;
        serde_json::from_value(value).map_err(|e| Error::invalid(format!("not the list of a backup: {e}")))
    }

    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|f| f.bytes).sum()
    }
}

/// Copies the database folder `root` to the new folder `target`. With `dry_run`, counts what would be copied.
///
/// # Errors
/// `Exists` when the target is there; `Locked` when the database never stood still and another process held its lock
/// for longer than `wait`; `Io`; `Corrupt` when a manifest or the log is damaged.
pub fn backup(root: &Path, target: &Path, wait: Duration, dry_run: bool, job: &Job) -> Result<Backup> {
    let store = Store::open(root)?;
    if target.exists() {
        return Err(Error::new(Kind::Exists, "the target is already there").path(target));
    }
    if inside(target, root) {
        return Err(Error::usage("a backup does not stand inside the database that it is of").path(target));
    }
    if dry_run {
        let files = copy::list(root)?;
        let size = |f: &PathBuf| fs::metadata(root.join(f)).map_or(0, |m| m.len());
        let files = files.iter().map(|f| BackupFile { path: f.to_string_lossy().into(), bytes: size(f), crc32c: 0 });
        return Ok(done(files.collect(), store.last_lsn()?));
    }
    let (staging, _held) = stage(target)?;
    let result = take(&store, root, &staging, wait, job).and_then(|mut backup| {
        backup.damaged = damaged(&staging, &backup.files);
        qx_io::write_atomic(&staging.join(LIST), Publish::New, &manifest::seal(&backup)?)?;
        copy::sync_tree(&staging)?;
        qx_io::rename(&staging, target).map_err(|e| Error::io("rename into place", e).path(target))?;
        qx_io::sync_dir(parent(target))?;
        Ok(backup)
    });
    if result.is_err() {
        // What was copied is of no use without its list; the error that is on its way matters more.
        let _ = fs::remove_dir_all(&staging);
    }
    result
}

fn done(files: Vec<BackupFile>, lsn: u64) -> Backup {
    Backup {
        format: FORMAT.to_owned(),
        version: 1,
        generation: 1,
        taken_at: qx_log::format_time_us(qx_log::now_us()),
        lsn: lsn.to_string(),
        files,
        damaged: Vec::new(),
    }
}

/// The files of a copy that are missing, or others than its manifests say. Manifests that cannot be read say nothing.
fn damaged(copy: &Path, files: &[BackupFile]) -> Vec<String> {
    let named = Store::open(copy).and_then(|store| manifests::segments(&store, &store.catalog()?));
    let have: BTreeMap<&str, &BackupFile> = files.iter().map(|f| (f.path.as_str(), f)).collect();
    let other = |n: &manifests::Named| {
        let sum = (n.segment.bytes, n.segment.crc32c);
        n.segment.status == Status::Committed && have.get(n.path.as_str()).is_none_or(|f| (f.bytes, f.crc32c) != sum)
    };
    named.unwrap_or_default().into_iter().filter(other).map(|n| n.path).collect()
}

fn take(store: &Store, root: &Path, staging: &Path, wait: Duration, job: &Job) -> Result<Backup> {
    let mut copied = copy::Copied::default();
    for _ in 0..TRIES {
        let before = state(store)?;
        match copied.all(root, staging, job) {
            Ok(()) if state(store)? == before => {
                return Ok(done(copied.finish(staging)?, log_end(staging, store)?));
            }
            Ok(()) => {}
            // A file that was listed went away: a writer moved on.
            Err(e) if e.io_kind() == Some(std::io::ErrorKind::NotFound) => {}
            Err(e) => return Err(e),
        }
    }
    tracing::info!(target: "qx::store", path = %root.display(), "a backup takes the lock, the database does not stand still");
    let _lock = Lock::acquire(&root.join("LOCK"), wait)?;
    copied.all(root, staging, job)?;
    Ok(done(copied.finish(staging)?, log_end(staging, store)?))
}

/// The last commit that the copied log holds.
fn log_end(staging: &Path, store: &Store) -> Result<u64> {
    let wal = staging.join(store.database()).join("wal");
    if !wal.is_dir() {
        return Ok(0);
    }
    let mut last = 0;
    let reader = qx_log::Reader::open(&wal)?;
    for transaction in reader.transactions(1) {
        last = transaction?.commit_lsn;
    }
    let begins = reader.segments().first().map_or(1, |s| s.base_lsn);
    Ok(if last == 0 { begins.saturating_sub(1) } else { last })
}

/// What has to stand still while files are copied: every manifest, and every Delta log. The log may grow.
fn state(store: &Store) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut state = BTreeMap::new();
    // Without what the log adds: a definition that came meanwhile has no files that count yet, or a new manifest.
    for place in manifests::places(store, &store.catalog()?) {
        let path = place.path();
        match fs::read(&path) {
            Ok(bytes) => drop(state.insert(path, bytes)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => drop(state.insert(path, Vec::new())),
            Err(e) => return Err(Error::io("read", e).path(path)),
        }
        let log = place.dir.join("cold").join(DELTA_LOG);
        let mut names: Vec<OsString> =
            fs::read_dir(&log).into_iter().flatten().flatten().map(|e| e.file_name()).collect();
        names.sort();
        let names: Vec<u8> = names.iter().flat_map(|n| n.as_encoded_bytes().iter().copied().chain([0])).collect();
        state.insert(log, names);
    }
    Ok(state)
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    }
}

/// What the names begin with under which folders are put together before they become `target`.
fn staging_prefix(target: &Path) -> OsString {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(".tmp-");
    name
}

/// Makes the folder in which `target` is put together. It counts as somebody's as long as the file is open: those that
/// killed processes left are removed.
fn stage(target: &Path) -> Result<(PathBuf, fs::File)> {
    let prefix = staging_prefix(target);
    for entry in fs::read_dir(parent(target)).into_iter().flatten().flatten() {
        let ours = entry.file_name().as_encoded_bytes().starts_with(prefix.as_encoded_bytes());
        if ours && fs::File::open(entry.path()).is_ok_and(|folder| folder.try_lock().is_ok()) {
            // One that stays only takes room.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let mut name = prefix;
    name.push(std::process::id().to_string());
    let staging = parent(target).join(name);
    fs::create_dir_all(&staging).map_err(|e| Error::io("create folder", e).path(&staging))?;
    let held = fs::File::open(&staging).map_err(|e| Error::io("read", e).path(&staging))?;
    // Where folders cannot be locked, the next one takes this for nobody's only once it has a name of its own.
    let _ = held.try_lock();
    Ok((staging, held))
}

fn inside(target: &Path, root: &Path) -> bool {
    let (Ok(root), Ok(parent)) = (root.canonicalize(), parent(target).canonicalize()) else { return false };
    parent.starts_with(root)
}
