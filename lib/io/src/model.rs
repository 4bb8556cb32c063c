//! A disk in memory that knows what a crash would leave of it.
//!
//! It separates what is live (what a running process reads back) from what is durable (what is there after the power
//! went), and records every change. A crash state is derived from a prefix of that record, so one run of a workload
//! gives as many crashes as it made steps, and a failing case is named by the step and a seed.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{self, Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use qx_formats::{Kind, Result};

use crate::disk::{Disk, DiskFile};

/// A disk writes this much at once, or not at all.
pub const SECTOR: usize = 512;

/// What becomes of that which was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// All of it is lost.
    Lost,
    /// All of it stays: only the process died.
    Kept,
    /// Each sector is lost or stays by itself, as this seed says; names are lost from some point on.
    Torn(u64),
}

/// What goes wrong while the disk is used. Counts are of calls from now on, the next one being 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// This sync fails, and what it should have made durable never is, though it can still be read.
    Sync(u64),
    /// This write stops half way.
    Write(u64),
    /// Files may grow by so many bytes together.
    Space(u64),
}

#[derive(Debug, Clone)]
enum Step {
    MakeDir(PathBuf),
    Create(PathBuf),
    Write { inode: usize, at: usize, bytes: Arc<[u8]> },
    Sync(usize),
    SyncFailed(usize),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    SyncDir(PathBuf),
}

#[derive(Debug, Default, Clone)]
struct Inode {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// Writes since the last sync.
    pending: Vec<(usize, Arc<[u8]>)>,
}

#[derive(Debug, Default, Clone)]
struct Names {
    dirs: BTreeSet<PathBuf>,
    files: BTreeMap<PathBuf, usize>,
}

#[derive(Debug, Default)]
struct State {
    inodes: Vec<Inode>,
    live: Names,
    durable: Names,
    /// Changes of names since they were made durable: (folder, step).
    pending_names: Vec<(PathBuf, Step)>,
    trace: Vec<Step>,
    locks: BTreeSet<PathBuf>,
    fail_sync: Option<u64>,
    fail_write: Option<u64>,
    space: Option<u64>,
}

/// The modelled disk. Clones are the same disk.
#[derive(Debug, Default, Clone)]
pub struct ModelDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct ModelFile {
    disk: ModelDisk,
    inode: usize,
}

#[derive(Debug)]
struct ModelLock(ModelDisk, PathBuf);

impl Drop for ModelLock {
    fn drop(&mut self) {
        self.0.state().locks.remove(&self.1);
    }
}

/// A small generator whose numbers stay the same for ever, so that a seed names a case.
#[derive(Debug, Clone)]
pub struct SplitMix(pub u64);

impl SplitMix {
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n` (which is not zero).
    pub fn below(&mut self, n: u64) -> u64 {
        self.next_u64() % n.max(1)
    }
}

fn missing() -> Error {
    Error::from(ErrorKind::NotFound)
}

fn parent(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new("")).to_path_buf()
}

impl Inode {
    fn put(bytes: &mut Vec<u8>, at: usize, data: &[u8]) {
        if bytes.len() < at + data.len() {
            bytes.resize(at + data.len(), 0);
        }
        if let Some(place) = bytes.get_mut(at..at + data.len()) {
            place.copy_from_slice(data);
        }
    }

    /// What a crash leaves.
    fn after(&self, crash: Crash, random: &mut SplitMix) -> Vec<u8> {
        let mut bytes = match crash {
            Crash::Kept => return self.live.clone(),
            _ => self.durable.clone(),
        };
        if let Crash::Torn(_) = crash {
            for (at, data) in &self.pending {
                let mut from = 0;
                while let Some(rest) = data.get(from..).filter(|r| !r.is_empty()) {
                    // Sectors are those of the file, not of the write.
                    let len = (SECTOR - (at + from) % SECTOR).min(rest.len());
                    if random.below(2) == 0 {
                        Self::put(&mut bytes, at + from, rest.get(..len).unwrap_or(rest));
                    }
                    from += len;
                }
            }
        }
        bytes
    }
}

impl Names {
    fn apply(&mut self, step: &Step, inodes: usize) {
        match step {
            Step::MakeDir(dir) => {
                self.dirs.insert(dir.clone());
            }
            Step::Create(path) => {
                self.files.insert(path.clone(), inodes);
            }
            Step::Rename(from, to) => {
                if let Some(inode) = self.files.remove(from) {
                    self.files.insert(to.clone(), inode);
                }
            }
            Step::Remove(path) => {
                self.files.remove(path);
            }
            Step::Write { .. } | Step::Sync(_) | Step::SyncFailed(_) | Step::SyncDir(_) => {}
        }
    }
}

impl State {
    /// Does a step to the live state and to what is pending. The inode of a `Create` is the next one.
    fn apply(&mut self, step: Step) {
        match &step {
            Step::Write { inode, at, bytes } => {
                if let Some(i) = self.inodes.get_mut(*inode) {
                    Inode::put(&mut i.live, *at, bytes);
                    i.pending.push((*at, Arc::clone(bytes)));
                }
            }
            Step::Sync(inode) | Step::SyncFailed(inode) => {
                if let Some(i) = self.inodes.get_mut(*inode) {
                    let pending = std::mem::take(&mut i.pending);
                    if let Step::Sync(_) = step {
                        for (at, data) in pending {
                            Inode::put(&mut i.durable, at, &data);
                        }
                    }
                }
            }
            Step::SyncDir(dir) => {
                let (due, rest) = std::mem::take(&mut self.pending_names).into_iter().partition(|(d, _)| d == dir);
                self.pending_names = rest;
                let due: Vec<(PathBuf, Step)> = due;
                for (_, step) in &due {
                    self.settle_name(step);
                }
            }
            Step::Create(path) => {
                self.live.apply(&step, self.inodes.len());
                self.inodes.push(Inode::default());
                self.pending_names.push((parent(path), step.clone()));
            }
            Step::MakeDir(path) | Step::Rename(path, _) | Step::Remove(path) => {
                self.live.apply(&step, 0);
                self.pending_names.push((parent(path), step.clone()));
            }
        }
        self.trace.push(step);
    }

    /// Makes one change of names durable. A created file keeps the inode that it has.
    fn settle_name(&mut self, step: &Step) {
        let inode = match step {
            Step::Create(path) => self.inode_of_created(path),
            _ => 0,
        };
        self.durable.apply(step, inode);
    }

    /// The inode that the latest creation of `path` made.
    fn inode_of_created(&self, path: &Path) -> usize {
        let mut inode = 0;
        let mut found = 0;
        for step in &self.trace {
            if let Step::Create(p) = step {
                if p == path {
                    found = inode;
                }
                inode += 1;
            }
        }
        found
    }

    fn grow(&mut self, inode: usize, end: usize) -> io::Result<()> {
        let len = self.inodes.get(inode).map_or(0, |i| i.live.len());
        let more = end.saturating_sub(len) as u64;
        match &mut self.space {
            Some(left) if *left < more => Err(Error::from(ErrorKind::StorageFull)),
            Some(left) => {
                *left -= more;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// Counts a call down; true when it is the one that fails.
fn due(count: &mut Option<u64>) -> bool {
    match count {
        Some(0) => {
            *count = None;
            true
        }
        Some(n) => {
            *n -= 1;
            false
        }
        None => false,
    }
}

impl ModelDisk {
    pub fn new() -> ModelDisk {
        ModelDisk::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes so far: a crash may come after any of them.
    pub fn steps(&self) -> usize {
        self.state().trace.len()
    }

    pub fn inject(&self, fault: Fault) {
        let mut s = self.state();
        match fault {
            Fault::Sync(n) => s.fail_sync = Some(n),
            Fault::Write(n) => s.fail_write = Some(n),
            Fault::Space(n) => s.space = Some(n),
        }
    }

    /// The disk as it is found after a crash that came when the first `step` changes were made. What it holds is
    /// durable; its own record starts anew.
    pub fn crash(&self, step: usize, crash: Crash) -> ModelDisk {
        let trace: Vec<Step> = self.state().trace.iter().take(step).cloned().collect();
        let mut s = State::default();
        trace.into_iter().for_each(|step| s.apply(step));
        let mut random = SplitMix(if let Crash::Torn(seed) = crash { seed } else { 0 });
        let pending = std::mem::take(&mut s.pending_names);
        let kept = match crash {
            Crash::Lost => 0,
            Crash::Kept => pending.len(),
            // A journal keeps the order of changes to names.
            Crash::Torn(_) => random.below(pending.len() as u64 + 1) as usize,
        };
        for (_, step) in pending.iter().take(kept) {
            s.settle_name(step);
        }
        let mut after = State { durable: s.durable.clone(), live: s.durable, ..State::default() };
        for inode in &s.inodes {
            let bytes = inode.after(crash, &mut random);
            after.inodes.push(Inode { live: bytes.clone(), durable: bytes, pending: Vec::new() });
        }
        // The record of the new disk starts with what it found, so that it can crash again.
        let mut begin = State::default();
        for dir in &after.live.dirs {
            begin.apply(Step::MakeDir(dir.clone()));
        }
        for (n, (path, inode)) in after.live.files.iter().enumerate() {
            begin.apply(Step::Create(path.clone()));
            let bytes = after.inodes.get(*inode).map(|i| Arc::from(i.live.as_slice())).unwrap_or_default();
            begin.apply(Step::Write { inode: n, at: 0, bytes });
            begin.apply(Step::Sync(n));
        }
        let dirs: BTreeSet<PathBuf> = begin.pending_names.iter().map(|p| p.0.clone()).collect();
        dirs.into_iter().for_each(|dir| begin.apply(Step::SyncDir(dir)));
        ModelDisk(Arc::new(Mutex::new(begin)))
    }

    /// The live bytes of a file.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let s = self.state();
        let inode = *s.live.files.get(path).ok_or_else(missing)?;
        s.inodes.get(inode).map(|i| i.live.clone()).ok_or_else(missing)
    }

    /// Replaces the bytes of a file from outside, durably, as damage does.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn damage(&self, path: &Path, bytes: Vec<u8>) -> io::Result<()> {
        let mut s = self.state();
        let inode = *s.live.files.get(path).ok_or_else(missing)?;
        let i = s.inodes.get_mut(inode).ok_or_else(missing)?;
        *i = Inode { live: bytes.clone(), durable: bytes, pending: Vec::new() };
        Ok(())
    }

    /// Every file, in order of its path.
    pub fn files(&self) -> Vec<PathBuf> {
        self.state().live.files.keys().cloned().collect()
    }

    fn handle(&self, inode: usize) -> Arc<dyn DiskFile> {
        Arc::new(ModelFile { disk: self.clone(), inode })
    }
}

impl Disk for ModelDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut all: Vec<PathBuf> = dir.ancestors().map(Path::to_path_buf).collect();
        all.reverse();
        for dir in all {
            let known = self.state().live.dirs.contains(&dir);
            if !known {
                let mut s = self.state();
                s.apply(Step::MakeDir(dir.clone()));
                s.apply(Step::SyncDir(parent(&dir)));
            }
        }
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        let s = self.state();
        if !s.live.dirs.contains(dir) {
            return Err(missing());
        }
        let inside = s.live.files.keys().filter(|p| p.parent() == Some(dir));
        Ok(inside.filter_map(|p| p.file_name().map(OsString::from)).collect())
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let inode = self.state().live.files.get(path).copied().ok_or_else(missing)?;
        Ok(self.handle(inode))
    }

    fn open_write(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.open(path)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut s = self.state();
        if s.live.files.contains_key(path) {
            return Err(Error::from(ErrorKind::AlreadyExists));
        }
        let inode = s.inodes.len();
        s.apply(Step::Create(path.to_path_buf()));
        drop(s);
        Ok(self.handle(inode))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut s = self.state();
        if !s.live.files.contains_key(from) {
            return Err(missing());
        }
        s.apply(Step::Rename(from.to_path_buf(), to.to_path_buf()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut s = self.state();
        if !s.live.files.contains_key(path) {
            return Err(missing());
        }
        s.apply(Step::Remove(path.to_path_buf()));
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut s = self.state();
        if due(&mut s.fail_sync) {
            return Err(Error::other("injected: the sync of a folder failed"));
        }
        s.apply(Step::SyncDir(dir.to_path_buf()));
        Ok(())
    }

    fn lock(&self, path: &Path, _wait: Duration) -> Result<Box<dyn std::fmt::Debug + Send + Sync>> {
        if self.state().locks.insert(path.to_path_buf()) {
            return Ok(Box::new(ModelLock(self.clone(), path.to_path_buf())));
        }
        Err(qx_formats::Error::new(Kind::Locked, "locked by another process").path(path))
    }
}

impl DiskFile for ModelFile {
    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        let s = self.disk.state();
        let from = usize::try_from(at).map_err(Error::other)?;
        let bytes = s.inodes.get(self.inode).and_then(|i| i.live.get(from..)).unwrap_or(&[]);
        let n = bytes.len().min(buf.len());
        if let (Some(to), Some(bytes)) = (buf.get_mut(..n), bytes.get(..n)) {
            to.copy_from_slice(bytes);
        }
        Ok(n)
    }

    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let at = usize::try_from(at).map_err(Error::other)?;
        let mut s = self.disk.state();
        s.grow(self.inode, at + bytes.len())?;
        let fails = due(&mut s.fail_write);
        let part = if fails { bytes.get(..bytes.len() / 2).unwrap_or(bytes) } else { bytes };
        s.apply(Step::Write { inode: self.inode, at, bytes: Arc::from(part) });
        if fails { Err(Error::other("injected: the write stopped half way")) } else { Ok(()) }
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().inodes.get(self.inode).map_or(0, |i| i.live.len() as u64))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut s = self.disk.state();
        if due(&mut s.fail_sync) {
            s.apply(Step::SyncFailed(self.inode));
            return Err(Error::other("injected: the sync failed"));
        }
        s.apply(Step::Sync(self.inode));
        Ok(())
    }
}
