//! Live, durable and what is between them; and the changes that lead from one state to the next.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One change, as it is recorded.
#[derive(Debug, Clone)]
pub(super) enum Step {
    MakeDir(PathBuf),
    RemoveDir(PathBuf),
    /// A new name and the inode behind it.
    Create(PathBuf, usize),
    Write {
        inode: usize,
        at: usize,
        bytes: Arc<[u8]>,
    },
    Sync(usize),
    SyncFailed(usize),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    SyncDir(PathBuf),
    /// Other bytes than were written, on disk.
    Damage(usize, Arc<[u8]>),
}

#[derive(Debug, Default, Clone)]
pub(super) struct Inode {
    pub live: Arc<Vec<u8>>,
    pub durable: Arc<Vec<u8>>,
    /// Writes since the last sync.
    pub pending: Vec<(usize, Arc<[u8]>)>,
}

#[derive(Debug, Default, Clone)]
pub(super) struct Names {
    pub dirs: BTreeSet<PathBuf>,
    pub files: BTreeMap<PathBuf, usize>,
}

#[derive(Debug, Default, Clone)]
pub(super) struct Snapshot {
    pub inodes: Vec<Inode>,
    pub live: Names,
    pub durable: Names,
    /// Changes of names that are not durable yet: (folder, change).
    pub pending_names: Vec<(PathBuf, Step)>,
}

pub(super) fn missing() -> Error {
    Error::from(ErrorKind::NotFound)
}

pub(super) fn parent(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new("")).to_path_buf()
}

impl Inode {
    /// A file whose bytes are on disk.
    pub fn of(bytes: Vec<u8>) -> Inode {
        let bytes = Arc::new(bytes);
        Inode { live: Arc::clone(&bytes), durable: bytes, pending: Vec::new() }
    }

    pub fn put(bytes: &mut Arc<Vec<u8>>, at: usize, data: &[u8]) {
        let bytes = Arc::make_mut(bytes);
        if bytes.len() < at + data.len() {
            bytes.resize(at + data.len(), 0);
        }
        if let Some(place) = bytes.get_mut(at..at + data.len()) {
            place.copy_from_slice(data);
        }
    }
}

impl Names {
    fn apply(&mut self, step: &Step) {
        match step {
            Step::MakeDir(dir) => {
                self.dirs.insert(dir.clone());
            }
            Step::RemoveDir(dir) => {
                self.dirs.remove(dir);
            }
            Step::Create(path, inode) => {
                self.files.insert(path.clone(), *inode);
            }
            Step::Rename(from, to) => self.rename(from, to),
            Step::Remove(path) => {
                self.files.remove(path);
            }
            Step::Write { .. } | Step::Sync(_) | Step::SyncFailed(_) | Step::SyncDir(_) | Step::Damage(..) => {}
        }
    }

    /// Drops what stands in folders whose own names are lost.
    pub fn drop_lost(&mut self, live: &Names) {
        let lost: BTreeSet<PathBuf> = live.dirs.difference(&self.dirs).cloned().collect();
        if !lost.is_empty() {
            let stays = |path: &Path| !path.ancestors().skip(1).any(|a| lost.contains(a));
            self.dirs.retain(|d| stays(d));
            self.files.retain(|f, _| stays(f));
        }
    }

    fn rename(&mut self, from: &Path, to: &Path) {
        if let Some(inode) = self.files.remove(from) {
            self.files.insert(to.to_path_buf(), inode);
            return;
        }
        // A folder takes along what is in it.
        if !self.dirs.contains(from) {
            return;
        }
        let moved = |path: &Path| path.strip_prefix(from).ok().map(|rest| to.join(rest));
        self.dirs = std::mem::take(&mut self.dirs).into_iter().map(|d| moved(&d).unwrap_or(d)).collect();
        self.files = std::mem::take(&mut self.files).into_iter().map(|(p, i)| (moved(&p).unwrap_or(p), i)).collect();
    }
}

impl Snapshot {
    pub fn apply(&mut self, step: &Step) {
        match step {
            Step::Write { inode, at, bytes } => {
                if let Some(i) = self.inodes.get_mut(*inode) {
                    Inode::put(&mut i.live, *at, bytes);
                    i.pending.push((*at, Arc::clone(bytes)));
                }
            }
            Step::Sync(inode) => {
                if let Some(i) = self.inodes.get_mut(*inode) {
                    for (at, data) in std::mem::take(&mut i.pending) {
                        Inode::put(&mut i.durable, at, &data);
                    }
                }
            }
            Step::Damage(inode, bytes) => {
                if let Some(i) = self.inodes.get_mut(*inode) {
                    *i = Inode::of(bytes.to_vec());
                }
            }
            Step::SyncFailed(inode) => {
                if let Some(i) = self.inodes.get_mut(*inode) {
                    i.pending.clear();
                }
            }
            Step::SyncDir(dir) => {
                let pending = std::mem::take(&mut self.pending_names);
                for (folder, step) in pending {
                    if folder == *dir {
                        self.durable.apply(&step);
                    } else {
                        self.pending_names.push((folder, step));
                    }
                }
            }
            Step::Create(path, inode) => {
                if self.inodes.len() <= *inode {
                    self.inodes.resize_with(inode + 1, Inode::default);
                }
                self.name(path, step);
            }
            Step::MakeDir(path) | Step::RemoveDir(path) | Step::Rename(path, _) | Step::Remove(path) => {
                self.name(path, step);
            }
        }
    }

    fn name(&mut self, path: &Path, step: &Step) {
        self.live.apply(step);
        self.pending_names.push((parent(path), step.clone()));
    }

    /// Makes one change of names durable that no sync of a folder did.
    pub fn settle_name(&mut self, step: &Step) {
        self.durable.apply(step);
    }

    /// What stands under `dir`, without what stands deeper.
    pub fn list(&self, dir: &Path) -> io::Result<Vec<std::ffi::OsString>> {
        if !self.live.dirs.contains(dir) {
            return Err(missing());
        }
        let all = self.live.files.keys().chain(&self.live.dirs);
        Ok(all.filter(|p| p.parent() == Some(dir)).filter_map(|p| p.file_name().map(Into::into)).collect())
    }
}
