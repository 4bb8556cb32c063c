//! Proving a whole database folder, across formats: every file under its checksum, and what files say of one another.
//!
//! Nothing is changed and no lock is taken. Damage is a finding; each has a stable id, the file that it is about, and
//! the command that helps.

mod graphs;
mod help;
mod indexes;
mod log;
mod root;
mod stores;
mod strangers;
mod tables;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use qx_formats::container::{Finding, Severity};
use qx_formats::{Error, Kind, Result};
use qx_io::{Job, Map};
use serde::Serialize;

pub(crate) use tables::decoded;

use crate::Store;
use crate::catalog::Catalog;
use deltalake::datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// How deep to look. Each level includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Documents, the log's headers, Delta logs, and what they say of one another.
    Metadata,
    /// Also: every file that is named is there, with its length, and every file that is there is named.
    Presence,
    /// Also: every byte under its checksum.
    Bytes,
}

/// A finding, the file that it is about and what helps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    #[serde(flatten)]
    pub finding: Finding,
    /// Relative to the database folder.
    pub path: String,
    /// What `qx repair` would do; absent where it can do nothing by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repair: Option<&'static str>,
    /// The command that helps.
    pub help: String,
}

/// What a check came to.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub level: Level,
    pub found: Vec<Found>,
    /// Files that were looked at.
    pub files: u64,
    pub bytes: u64,
}

impl Report {
    /// Findings of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.found.iter().filter(|f| f.finding.severity == severity).count()
    }

    /// No error was found; notes and warnings do not count.
    pub fn sound(&self) -> bool {
        self.count(Severity::Error) == 0
    }
}

/// Checks the database folder `root`.
///
/// # Errors
/// `Io` when the folder cannot be read; `Invalid` when it is no database folder; `Unsupported` for a newer version;
/// `Cancelled`. Damage is a finding and no error, and so is a file that the system does not give.
pub async fn check(root: &Path, level: Level, job: &Job) -> Result<Report> {
    let mut report = once(root, level, job).await?;
    // A writer that is at work may have moved on between two files that were compared: damage is what stays.
    for _ in 0..LOOKS {
        if report.sound() || !is_written(root) {
            break;
        }
        let again = once(root, level, job).await?;
        let stays = |f: &Found| {
            let same = |o: &Found| (o.finding.id, &o.path, &o.finding.got) == (f.finding.id, &f.path, &f.finding.got);
            f.finding.severity != Severity::Error || report.found.iter().any(same)
        };
        let found = again.found.iter().filter(|f| stays(f)).cloned().collect();
        let settled = report.count(Severity::Error) == again.count(Severity::Error);
        report = Report { found, ..again };
        if settled {
            break;
        }
    }
    Ok(report)
}

/// How often a database that is being written is looked at again.
const LOOKS: u32 = 3;

/// Whether a writer holds the database's lock.
fn is_written(root: &Path) -> bool {
    let lock = std::fs::File::open(root.join("LOCK"));
    lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock)))
}

/// [`check`] of a database that nobody writes meanwhile.
pub(crate) async fn once(root: &Path, level: Level, job: &Job) -> Result<Report> {
    let mut c = Check::new(root, level, job);
    if let Some(store) = c.marker()? {
        let catalog = c.catalog(&store)?;
        let log = c.log(&store)?;
        if let Some(catalog) = &catalog {
            let at = log.as_ref();
            c.watermark("catalog", &store.layout().home.join(crate::catalog::FILE), catalog.lsn, at);
            c.tables(&store, catalog, at).await?;
            c.graphs(&store, catalog, at)?;
            c.indexes(&store, catalog, at).await?;
            c.dictionaries(&store, catalog)?;
            c.stores(&store, catalog, at)?;
        }
        c.runs()?;
        if level >= Level::Presence && catalog.is_some() {
            c.strangers()?;
        }
    }
    Ok(c.finish())
}

/// A check under way.
pub(crate) struct Check<'a> {
    root: &'a Path,
    level: Level,
    job: &'a Job,
    found: Vec<Found>,
    /// Files that something names.
    known: BTreeSet<PathBuf>,
    /// Folders that were looked through as a whole.
    covered: BTreeSet<PathBuf>,
    files: u64,
    bytes: u64,
}

impl<'a> Check<'a> {
    fn new(root: &'a Path, level: Level, job: &'a Job) -> Self {
        let (known, covered) = (BTreeSet::new(), BTreeSet::new());
        Check { root, level, job, found: Vec::new(), known, covered, files: 0, bytes: 0 }
    }

    fn finish(mut self) -> Report {
        // The worst first; within it, in the order of files.
        self.found.sort_by(|a, b| {
            let key = |f: &Found| (std::cmp::Reverse(f.finding.severity), f.path.clone(), f.finding.id);
            key(a).cmp(&key(b))
        });
        Report { level: self.level, found: self.found, files: self.files, bytes: self.bytes }
    }

    fn put(&mut self, path: &Path, finding: Finding) {
        let path = path.strip_prefix(self.root).unwrap_or(path).to_string_lossy().into_owned();
        let help = help::of(finding.id, self.root, &path);
        self.found.push(Found { finding, path, repair: help.repair, help: help.command });
    }

    fn put_all(&mut self, path: &Path, findings: impl IntoIterator<Item = Finding>) {
        findings.into_iter().for_each(|f| self.put(path, f));
    }

    fn know(&mut self, path: impl Into<PathBuf>) {
        self.known.insert(path.into());
    }

    /// Both generations of a document.
    fn know_generations(&mut self, dir: &Path, name: &str) {
        self.know(dir.join(name));
        self.know(qx_io::previous_path(dir, name));
    }

    /// A file that the system does not give: no permission, a folder in its place, a disk that fails. Of the others there
    /// is something to say all the same. Any other error goes on.
    fn unreadable(&mut self, path: &Path, e: Error) -> Result<()> {
        if e.kind() != Kind::Io {
            return Err(e);
        }
        let path = e.get_path().unwrap_or(path).to_path_buf();
        self.put(&path, Finding::from_error("db.unreadable", &e));
        Ok(())
    }

    /// The bytes of a file; a finding when it is not there or cannot be read.
    fn read(&mut self, path: &Path, missing: Finding) -> Result<Option<Map>> {
        self.job.step(1)?;
        match Map::open(path) {
            Ok(map) => {
                self.files += 1;
                self.bytes += map.len() as u64;
                Ok(Some(map))
            }
            Err(e) if e.io_kind() == Some(std::io::ErrorKind::NotFound) => {
                self.put(path, missing);
                Ok(None)
            }
            Err(e) => self.unreadable(path, e).map(|()| None),
        }
    }

    /// Length, and at the level of bytes the checksum, of a file that a manifest names. True when they hold.
    fn named_file(&mut self, path: &Path, bytes: u64, crc: u32) -> Result<bool> {
        self.know(path);
        if self.level < Level::Presence {
            return Ok(true);
        }
        let Some(map) = self.read(path, Finding::error("db.missing", "a manifest names a file that is not there"))?
        else {
            return Ok(false);
        };
        if map.len() as u64 != bytes {
            let f = Finding::error("db.length", "the file does not have the length that the manifest says");
            self.put(path, f.expected(format!("{bytes} bytes")).got(format!("{} bytes", map.len())));
            return Ok(false);
        }
        if self.level >= Level::Bytes {
            let have = crc32c::crc32c(&map);
            if have != crc {
                let f = Finding::error("db.checksum", "the file does not have the checksum that the manifest says");
                self.put(path, f.expected(format!("{crc:08x}")).got(format!("{have:08x}")));
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads a document of which two generations are kept. Damage is a finding.
    fn document<T>(
        &mut self,
        dir: &Path,
        name: &str,
        id: &'static str,
        decode: impl Fn(&[u8]) -> Result<T>,
    ) -> Result<Option<T>> {
        self.know_generations(dir, name);
        let path = dir.join(name);
        match qx_io::read_previous_generation(dir, name, &decode) {
            Ok(_) => {}
            Err(e) if matches!(e.kind(), Kind::Corrupt | Kind::Invalid | Kind::Limit) => {
                let mut f = Finding::from_error("db.previous", &e);
                f.severity = Severity::Warning;
                self.put(&qx_io::previous_path(dir, name), f);
            }
            Err(e) => self.unreadable(&qx_io::previous_path(dir, name), e)?,
        }
        match qx_io::read_generation(dir, name, decode) {
            Ok(found) => {
                self.files += u64::from(found.is_some());
                Ok(found)
            }
            Err(e) if damage(&e) => {
                self.put(&path, Finding::from_error(id, &e));
                Ok(None)
            }
            Err(e) => self.unreadable(&path, e).map(|()| None),
        }
    }

    /// Something was folded up to `lsn`, which the log has to have reached.
    fn watermark(&mut self, what: &str, path: &Path, lsn: u64, log: Option<&log::LogState>) {
        if let Some(log) = log
            && lsn >= log.next_lsn
        {
            let f = Finding::error("db.watermark", format!("the {what} holds more of the log than the log does"));
            self.put(path, f.expected(format!("an LSN below {}", log.next_lsn)).got(lsn));
        }
    }
}

/// Whether an error says that bytes are wrong, rather than that they cannot be had.
fn damage(e: &Error) -> bool {
    matches!(e.kind(), Kind::Corrupt | Kind::Invalid | Kind::Limit)
}

/// The catalog as a checker takes it: the published one, and what the log adds if it can be read.
fn catalog_of(store: &Store, published: Catalog) -> Catalog {
    store.catalog().unwrap_or(published)
}

/// Decodes every page of every column of a Parquet file, and counts its rows.
fn parquet_rows(path: &Path) -> Result<u64> {
    let bad = |e: &dyn std::fmt::Display| Error::corrupt(format!("the Parquet file cannot be read: {e}")).path(path);
    let file = std::fs::File::open(path).map_err(|e| Error::io("read", e).path(path))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| bad(&e))?.build().map_err(|e| bad(&e))?;
    let mut rows = 0;
    for batch in reader {
        rows += batch.map_err(|e| bad(&e))?.num_rows() as u64;
    }
    Ok(rows)
}
