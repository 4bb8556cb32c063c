//! The modelled disk as a [`Disk`].

use std::ffi::OsString;
use std::io::{self, Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use qx_formats::{Kind, Result};

use super::state::{Step, missing, parent};
use super::{Inner, ModelDisk};
use crate::disk::{Disk, DiskFile, DiskStat};

#[derive(Debug)]
struct ModelFile {
    disk: ModelDisk,
    inode: usize,
}

#[derive(Debug)]
struct ModelLock(ModelDisk, PathBuf);

impl Drop for ModelLock {
    fn drop(&mut self) {
        self.0.inner().locks.remove(&self.1);
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

impl Inner {
    fn grow(&mut self, inode: usize, end: usize) -> io::Result<()> {
        let len = self.now.inodes.get(inode).map_or(0, |i| i.live.len());
        let more = end.saturating_sub(len) as u64;
        self.calls.grown += more;
        match &mut self.faults.space {
            Some(left) if *left < more => Err(Error::from(ErrorKind::StorageFull)),
            Some(left) => {
                *left -= more;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn is_name(&self, path: &Path) -> bool {
        self.now.live.files.contains_key(path) || self.now.live.dirs.contains(path)
    }
}

impl ModelDisk {
    fn handle(&self, inode: usize) -> Arc<dyn DiskFile> {
        Arc::new(ModelFile { disk: self.clone(), inode })
    }

    /// Makes one folder, whose name is not durable yet.
    ///
    /// # Errors
    /// `AlreadyExists`.
    pub fn make_dir(&self, dir: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        if inner.is_name(dir) {
            return Err(Error::from(ErrorKind::AlreadyExists));
        }
        inner.apply(Step::MakeDir(dir.to_path_buf()));
        Ok(())
    }
}

impl Disk for ModelDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut all: Vec<PathBuf> = dir.ancestors().map(Path::to_path_buf).collect();
        all.reverse();
        for dir in all {
            let mut inner = self.inner();
            if !inner.now.live.dirs.contains(&dir) {
                inner.apply(Step::MakeDir(dir.clone()));
                inner.apply(Step::SyncDir(parent(&dir)));
            }
        }
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        self.inner().now.list(dir)
    }

    fn stat(&self, path: &Path) -> io::Result<DiskStat> {
        let inner = self.inner();
        if inner.now.live.dirs.contains(path) {
            return Ok(DiskStat { len: 0, is_dir: true, modified_us: 0 });
        }
        let inode = *inner.now.live.files.get(path).ok_or_else(missing)?;
        let len = inner.now.inodes.get(inode).map_or(0, |i| i.live.len() as u64);
        Ok(DiskStat { len, is_dir: false, modified_us: 0 })
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let inode = self.inner().now.live.files.get(path).copied().ok_or_else(missing)?;
        Ok(self.handle(inode))
    }

    fn open_write(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.open(path)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut inner = self.inner();
        if inner.is_name(path) {
            return Err(Error::from(ErrorKind::AlreadyExists));
        }
        let inode = inner.now.inodes.len();
        inner.apply(Step::Create(path.to_path_buf(), inode));
        drop(inner);
        Ok(self.handle(inode))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        if !inner.is_name(from) {
            return Err(missing());
        }
        inner.apply(Step::Rename(from.to_path_buf(), to.to_path_buf()));
        Ok(())
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        if inner.is_name(to) {
            return Err(Error::from(ErrorKind::AlreadyExists));
        }
        if !inner.is_name(from) {
            return Err(missing());
        }
        inner.apply(Step::Rename(from.to_path_buf(), to.to_path_buf()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        if !inner.now.live.files.contains_key(path) {
            return Err(missing());
        }
        inner.apply(Step::Remove(path.to_path_buf()));
        Ok(())
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        if !inner.now.list(dir)?.is_empty() {
            return Err(Error::from(ErrorKind::DirectoryNotEmpty));
        }
        inner.apply(Step::RemoveDir(dir.to_path_buf()));
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        inner.calls.syncs += 1;
        if due(&mut inner.faults.sync) {
            return Err(Error::other("injected: the sync of a folder failed"));
        }
        inner.apply(Step::SyncDir(dir.to_path_buf()));
        Ok(())
    }

    fn lock(&self, path: &Path, _wait: Duration) -> Result<Box<dyn std::fmt::Debug + Send + Sync>> {
        if self.inner().locks.insert(path.to_path_buf()) {
            return Ok(Box::new(ModelLock(self.clone(), path.to_path_buf())));
        }
        Err(qx_formats::Error::new(Kind::Locked, "locked by another process").path(path))
    }
}

impl DiskFile for ModelFile {
    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        let mut inner = self.disk.inner();
        inner.calls.reads += 1;
        if due(&mut inner.faults.read) {
            return Err(Error::other("injected: the read failed"));
        }
        let most = inner.faults.short_reads.unwrap_or(usize::MAX);
        let from = usize::try_from(at).map_err(Error::other)?;
        let bytes = inner.now.inodes.get(self.inode).and_then(|i| i.live.get(from..)).unwrap_or(&[]);
        let n = bytes.len().min(buf.len()).min(most);
        if let (Some(to), Some(bytes)) = (buf.get_mut(..n), bytes.get(..n)) {
            to.copy_from_slice(bytes);
        }
        Ok(n)
    }

    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let at = usize::try_from(at).map_err(Error::other)?;
        let mut inner = self.disk.inner();
        inner.calls.writes += 1;
        inner.grow(self.inode, at + bytes.len())?;
        let full = due(&mut inner.faults.full_write);
        let fails = due(&mut inner.faults.write) || full;
        let part = if fails { bytes.get(..bytes.len() / 2).unwrap_or(bytes) } else { bytes };
        inner.apply(Step::Write { inode: self.inode, at, bytes: Arc::from(part) });
        match (fails, full) {
            (false, _) => Ok(()),
            (true, true) => Err(Error::from(ErrorKind::StorageFull)),
            (true, false) => Err(Error::other("injected: the write stopped half way")),
        }
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.inner().now.inodes.get(self.inode).map_or(0, |i| i.live.len() as u64))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut inner = self.disk.inner();
        inner.calls.syncs += 1;
        if due(&mut inner.faults.sync) {
            inner.apply(Step::SyncFailed(self.inode));
            return Err(Error::other("injected: the sync failed"));
        }
        inner.apply(Step::Sync(self.inode));
        Ok(())
    }
}
