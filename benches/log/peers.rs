//! Stores that programs commit to in place of a log, each as its documents recommend.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use qx_formats::{Error, Kind, Result};
use redb::{Database, Durability, TableDefinition};

/// Another store of numbered records.
pub trait Peer: Sync {
    fn name(&self) -> &'static str;

    /// A transaction of so many records, from one of several threads.
    ///
    /// # Errors
    /// What the store says.
    fn commit(&self, thread: usize, records: u64) -> Result<()>;
}

/// A store whose process has ended without a close.
pub trait Crashed {
    fn name(&self) -> &'static str;

    /// What a reader must know beside its numbers: that of a store which is given [`TOGETHER`] records a transaction.
    fn note(&self) -> &'static str {
        "64 records a transaction"
    }

    /// Puts the store back as the crash left it: not timed.
    ///
    /// # Errors
    /// `Io`.
    fn rewind(&self) -> Result<()> {
        Ok(())
    }

    /// Opens the store, so far that it could be read and written.
    ///
    /// # Errors
    /// What the store says.
    fn open(&self) -> Result<()>;
}

/// An error of a peer, in its own words.
pub fn theirs(e: impl std::fmt::Display) -> Error {
    Error::new(Kind::Engine, e.to_string())
}

/// Every peer of this build, in folders of their own below `dir`.
///
/// # Errors
/// What a store says.
pub fn open(dir: &Path, synced: bool, value: &[u8]) -> Result<Vec<Box<dyn Peer>>> {
    std::fs::create_dir_all(dir).map_err(|e| Error::io("create a folder", e).path(dir))?;
    let all: Vec<Box<dyn Peer>> = vec![Box::new(Redb::open(&dir.join("redb"), synced, value)?)];
    #[cfg(feature = "peers")]
    let all = more(all, Box::new(super::raft::Raft::open(&dir.join("raft"), synced, value)?));
    #[cfg(feature = "peers")]
    let all = more(all, Box::new(super::sqlite::Sqlite::open(&dir.join("sqlite"), synced, value)?));
    #[cfg(feature = "rocksdb")]
    let all = more(all, Box::new(super::rocks::Rocks::open(&dir.join("rocks"), synced, value)?));
    Ok(all)
}

/// Every peer of this build after a crash behind so many records.
///
/// # Errors
/// What a store says.
pub fn crashed(dir: &Path, value: &[u8], records: u64) -> Result<Vec<Box<dyn Crashed>>> {
    std::fs::create_dir_all(dir).map_err(|e| Error::io("create a folder", e).path(dir))?;
    let all: Vec<Box<dyn Crashed>> = vec![Box::new(CrashedRedb::make(&dir.join("redb"), value, records)?)];
    #[cfg(feature = "peers")]
    let all = more(all, Box::new(super::raft::CrashedRaft::make(&dir.join("raft"), value, records)?));
    #[cfg(feature = "peers")]
    let all = more(all, Box::new(super::sqlite::CrashedSqlite::make(&dir.join("sqlite"), value, records)?));
    #[cfg(feature = "rocksdb")]
    let all = more(all, Box::new(super::rocks::CrashedRocks::make(&dir.join("rocks"), value, records)?));
    Ok(all)
}

#[cfg(feature = "peers")]
fn more<T: ?Sized>(mut all: Vec<Box<T>>, another: Box<T>) -> Vec<Box<T>> {
    all.push(another);
    all
}

/// Threads that commit at the same time, at most.
pub const MOST_THREADS: usize = 32;

/// The next numbers of each thread.
#[derive(Default)]
pub struct Numbers([AtomicU64; MOST_THREADS]);

impl Numbers {
    /// The first of so many that follow one another, from 1.
    pub fn take(&self, thread: usize, records: u64) -> u64 {
        self.0.get(thread).map_or(0, |n| n.fetch_add(records, Ordering::Relaxed)) + 1
    }

    /// The same, with a range of numbers for each thread.
    pub fn take_unique(&self, thread: usize, records: u64) -> u64 {
        (thread as u64) << 40 | self.take(thread, records)
    }
}

/// Records of a transaction of a store that crashes: it is not asked for more transactions than it is good at.
pub const TOGETHER: u64 = 64;

const RECORDS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");

struct Redb {
    db: Database,
    durability: Durability,
    value: Vec<u8>,
    numbers: Numbers,
}

impl Redb {
    fn open(path: &Path, synced: bool, value: &[u8]) -> Result<Redb> {
        let db = Database::create(path).map_err(theirs)?;
        let durability = if synced { Durability::Immediate } else { Durability::None };
        Ok(Redb { db, durability, value: value.to_vec(), numbers: Numbers::default() })
    }
}

impl Peer for Redb {
    fn name(&self) -> &'static str {
        "redb"
    }

    fn commit(&self, thread: usize, records: u64) -> Result<()> {
        let mut tx = self.db.begin_write().map_err(theirs)?;
        tx.set_durability(self.durability).map_err(theirs)?;
        {
            let mut table = tx.open_table(RECORDS).map_err(theirs)?;
            let first = self.numbers.take_unique(thread, records);
            for key in first..first + records {
                table.insert(key, self.value.as_slice()).map_err(theirs)?;
            }
        }
        tx.commit().map_err(theirs)
    }
}

struct CrashedRedb {
    kept: std::path::PathBuf,
    used: std::path::PathBuf,
}

impl CrashedRedb {
    fn make(path: &Path, value: &[u8], records: u64) -> Result<CrashedRedb> {
        let mut store = Redb::open(path, false, value)?;
        for _ in 0..records / TOGETHER {
            store.commit(0, TOGETHER)?;
        }
        // What no durable commit follows would be gone.
        store.durability = Durability::Immediate;
        store.commit(0, records % TOGETHER)?;
        let kept = path.with_extension("kept");
        // Copied while the store is open: a close would say that all is well.
        copy(path, &kept)?;
        drop(store);
        Ok(CrashedRedb { kept, used: path.to_path_buf() })
    }
}

impl Crashed for CrashedRedb {
    fn name(&self) -> &'static str {
        "redb"
    }

    fn rewind(&self) -> Result<()> {
        copy(&self.kept, &self.used)
    }

    fn open(&self) -> Result<()> {
        Database::open(&self.used).map(drop).map_err(theirs)
    }
}

/// Copies a file.
///
/// # Errors
/// `Io`.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to).map(drop).map_err(|e| Error::io("copy", e).path(from))
}
