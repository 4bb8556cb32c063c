//! A disk in memory that knows what a crash would leave of it.
//!
//! It separates what is live (what a running process reads back) from what is durable (what is there after the power
//! went), and records every change. A crash state is derived from a prefix of that record, so one run of a workload
//! gives as many crashes as it made steps, and a failing case is named by the step and a seed.
//!
//! ```
//! # use std::path::Path;
//! # use qx_io::{Disk, model::{Crash, ModelDisk}};
//! let disk = ModelDisk::new();
//! disk.create_dir_all(Path::new("/db"))?;
//! // Run anything that takes a `&dyn Disk` on it, and note `disk.steps()` whenever something is promised.
//! disk.create(Path::new("/db/x"))?.write_all_at(b"hello", 0)?;
//! let mut replay = disk.replay();
//! for step in 0..=replay.steps() {
//!     for crash in Crash::all(step as u64) {
//!         let after: ModelDisk = replay.crash(step, crash);
//!         // Open what stands on `after`, and compare it with what was promised by `step`.
//!     }
//! }
//! # std::io::Result::Ok(())
//! ```

mod crash;
mod disk;
mod random;
mod state;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use crash::{Crash, Replay};
pub use random::SplitMix;
use state::{Snapshot, Step, missing};

/// A disk writes this much at once, or not at all.
pub const SECTOR: usize = 512;

/// What goes wrong while the disk is used. Counts are of calls from now on, the next one being 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// This sync fails, and what it should have made durable never is, though it can still be read.
    Sync(u64),
    /// This write stops half way, with an I/O error.
    Write(u64),
    /// This write fails for want of space, having written some of its bytes.
    FullWrite(u64),
    /// This read fails.
    Read(u64),
    /// Every read gives at most so many bytes.
    ShortReads(usize),
    /// Files may grow by so many bytes together.
    Space(u64),
}

#[derive(Debug, Default)]
struct Faults {
    sync: Option<u64>,
    write: Option<u64>,
    full_write: Option<u64>,
    read: Option<u64>,
    short_reads: Option<usize>,
    space: Option<u64>,
}

/// How often a disk was asked for what, and by how much files grew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Calls {
    pub reads: u64,
    pub writes: u64,
    /// Of files and of folders.
    pub syncs: u64,
    /// Bytes by which files grew.
    pub grown: u64,
}

#[derive(Debug, Default)]
struct Inner {
    calls: Calls,
    /// What the record starts from.
    begin: Snapshot,
    now: Snapshot,
    trace: Vec<Step>,
    locks: std::collections::BTreeSet<PathBuf>,
    faults: Faults,
}

/// The modelled disk. Clones are the same disk.
#[derive(Debug, Default, Clone)]
pub struct ModelDisk(Arc<Mutex<Inner>>);

impl Inner {
    fn apply(&mut self, step: Step) {
        self.now.apply(&step);
        self.trace.push(step);
    }
}

impl ModelDisk {
    pub fn new() -> ModelDisk {
        ModelDisk::default()
    }

    fn holding(found: Snapshot) -> ModelDisk {
        let inner = Inner { begin: found.clone(), now: found, ..Inner::default() };
        ModelDisk(Arc::new(Mutex::new(inner)))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes so far: a crash may come after any of them.
    pub fn steps(&self) -> usize {
        self.inner().trace.len()
    }

    /// Calls so far: the range in which a fault strikes.
    pub fn calls(&self) -> Calls {
        self.inner().calls
    }

    /// The record so far, to derive crashes from.
    pub fn replay(&self) -> Replay {
        let inner = self.inner();
        Replay::new(inner.begin.clone(), inner.trace.clone())
    }

    /// One crash: the disk as it is found when the first `step` changes were made. For many, [`ModelDisk::replay`].
    pub fn crash(&self, step: usize, crash: Crash) -> ModelDisk {
        self.replay().crash(step, crash)
    }

    pub fn inject(&self, fault: Fault) {
        let f = &mut self.inner().faults;
        match fault {
            Fault::Sync(n) => f.sync = Some(n),
            Fault::Write(n) => f.write = Some(n),
            Fault::FullWrite(n) => f.full_write = Some(n),
            Fault::Read(n) => f.read = Some(n),
            Fault::ShortReads(most) => f.short_reads = Some(most.max(1)),
            Fault::Space(n) => f.space = Some(n),
        }
    }

    /// Takes back every fault that has not struck yet.
    pub fn heal(&self) {
        self.inner().faults = Faults::default();
    }

    /// The live bytes of a file.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let inner = self.inner();
        let inode = *inner.now.live.files.get(path).ok_or_else(missing)?;
        inner.now.inodes.get(inode).map(|i| i.live.to_vec()).ok_or_else(missing)
    }

    /// Replaces the bytes of a file from outside, durably, as damage does.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn damage(&self, path: &Path, bytes: Vec<u8>) -> io::Result<()> {
        let mut inner = self.inner();
        let inode = *inner.now.live.files.get(path).ok_or_else(missing)?;
        inner.apply(Step::Damage(inode, Arc::from(bytes)));
        Ok(())
    }

    /// Flips one bit of a file, durably.
    ///
    /// # Errors
    /// `NotFound`; `InvalidInput` when the file ends before.
    pub fn flip(&self, path: &Path, byte: usize, bit: u8) -> io::Result<()> {
        let mut bytes = self.read(path)?;
        *bytes.get_mut(byte).ok_or(io::ErrorKind::InvalidInput)? ^= 1 << (bit % 8);
        self.damage(path, bytes)
    }

    /// Writes every folder and file below `root` out to the folder `to` of the real file system, so that code which
    /// opens files by itself can be run on a crash state.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn write_out(&self, root: &Path, to: &Path) -> io::Result<()> {
        let inner = self.inner();
        let below = |path: &Path| path.strip_prefix(root).ok().map(|rest| to.join(rest));
        std::fs::create_dir_all(to)?;
        for dir in inner.now.live.dirs.iter().filter_map(|d| below(d)) {
            std::fs::create_dir_all(dir)?;
        }
        for (path, inode) in &inner.now.live.files {
            if let (Some(path), Some(inode)) = (below(path), inner.now.inodes.get(*inode)) {
                std::fs::write(path, inode.live.as_slice())?;
            }
        }
        Ok(())
    }

    /// A number that two disks share only if they hold the same names and bytes, but for chance.
    pub fn digest(&self) -> u64 {
        let inner = self.inner();
        let mut hasher = DefaultHasher::new();
        inner.now.live.dirs.hash(&mut hasher);
        for (path, inode) in &inner.now.live.files {
            path.hash(&mut hasher);
            inner.now.inodes.get(*inode).map(|i| i.live.as_slice()).hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Every file, in order of its path.
    pub fn files(&self) -> Vec<PathBuf> {
        self.inner().now.live.files.keys().cloned().collect()
    }
}
