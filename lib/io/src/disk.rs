//! The few things that a log asks of a disk, so that a modelled one can stand in for the real one.

use std::ffi::OsString;
use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use qx_formats::Result;

use crate::record::Shadow;
use crate::{Lock, Window, tree};

/// A folder tree. What was written is live at once and durable after a sync; a name is durable after a sync of its folder.
pub trait Disk: Send + Sync + Debug {
    /// # Errors
    /// As the operating system says.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// Names in a folder, in no order.
    ///
    /// # Errors
    /// As the operating system says.
    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>>;
    /// Length and kind of what stands under a name.
    ///
    /// # Errors
    /// As the operating system says.
    fn stat(&self, path: &Path) -> io::Result<DiskStat>;
    /// Opens a file for reading.
    ///
    /// # Errors
    /// As the operating system says.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens a file for reading and writing.
    ///
    /// # Errors
    /// As the operating system says.
    fn open_write(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Makes a new file for reading and writing.
    ///
    /// # Errors
    /// As the operating system says; `AlreadyExists`.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// # Errors
    /// As the operating system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Renames a file only if nothing stands under the new name, atomically.
    ///
    /// # Errors
    /// As the operating system says; `AlreadyExists`.
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// # Errors
    /// As the operating system says.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty folder.
    ///
    /// # Errors
    /// As the operating system says.
    fn remove_dir(&self, dir: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// As the operating system says.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Takes the lock on `path`; it is held until the guard is dropped.
    ///
    /// # Errors
    /// `Locked` when another holds it for longer than `wait`; `Io`.
    fn lock(&self, path: &Path, wait: Duration) -> Result<Box<dyn Debug + Send + Sync>>;
}

static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// What stands under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskStat {
    pub len: u64,
    pub is_dir: bool,
    /// UTC, microseconds since 1970; 0 where a disk keeps no times.
    pub modified_us: u64,
}

impl dyn Disk + '_ {
    /// All bytes of a file.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = self.open(path)?;
        let len = usize::try_from(file.len()?).map_err(io::Error::other)?;
        let mut bytes = vec![0; len];
        let mut done = 0;
        while let Some(rest) = bytes.get_mut(done..).filter(|r| !r.is_empty()) {
            match file.read_at(rest, done as u64)? {
                0 => break,
                n => done += n,
            }
        }
        bytes.truncate(done);
        Ok(bytes)
    }

    /// A file that appears whole or not at all: temporary file beside it, sync, rename, sync of the folder. One process
    /// at a time may publish under a name (its lock is the caller's).
    ///
    /// # Errors
    /// As the operating system says; `AlreadyExists` under [`crate::Publish::New`].
    pub fn publish(&self, path: &Path, mode: crate::Publish, bytes: &[u8]) -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut name = OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(".tmp");
        let temp = folder.join(name);
        match self.remove(&temp) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let fill = || {
            let file = self.create(&temp)?;
            file.write_all_at(bytes, 0)?;
            file.sync_data()?;
            match mode {
                crate::Publish::New => self.rename_new(&temp, path)?,
                crate::Publish::Replace => self.rename(&temp, path)?,
            }
            self.sync_dir(folder)
        };
        fill().inspect_err(|_| {
            // Best effort: the error that is already on its way matters more.
            let _ = self.remove(&temp);
        })
    }
}

/// An open file. Reads and writes name their place, so threads share it without a lock.
pub trait DiskFile: Send + Sync + Debug {
    /// Reads at least one byte unless the file ends at `at`.
    ///
    /// # Errors
    /// As the operating system says.
    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize>;
    /// Writes all of `bytes`, or fails having written some of them.
    ///
    /// # Errors
    /// As the operating system says.
    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;
    /// # Errors
    /// As the operating system says.
    fn len(&self) -> io::Result<u64>;
    /// # Errors
    /// As the operating system says.
    fn is_empty(&self) -> io::Result<bool> {
        self.len().map(|n| n == 0)
    }
    /// Writes zeros from `from` to `to`.
    ///
    /// # Errors
    /// As the operating system says; some of them may be written then.
    fn zero_fill(&self, from: u64, to: u64) -> io::Result<()> {
        let mut at = from;
        while at < to {
            let part = ZEROS.get(..(to - at).min(ZEROS.len() as u64) as usize).unwrap_or(&ZEROS);
            self.write_all_at(part, at)?;
            at += part.len() as u64;
        }
        Ok(())
    }
    /// Makes a file that ends at `from` reach to `to`, by space that reads as zeros. Cheaper than [`DiskFile::zero_fill`]
    /// where the file system keeps space without writing it - and then a sync of what is written there later has the
    /// file system's own records to write, too. Gives the space as memory as well, where that is possible.
    ///
    /// # Errors
    /// As the operating system says; the file may be longer then.
    fn allocate(&self, from: u64, to: u64) -> io::Result<Option<Window>> {
        self.zero_fill(from, to).map(|()| None)
    }
    /// Whether a read at `at` would not have to wait for the disk. True where nobody can tell.
    ///
    /// # Errors
    /// As the operating system says.
    fn in_memory(&self, _at: u64) -> io::Result<bool> {
        Ok(true)
    }
    /// Makes the bytes, and the length, durable.
    ///
    /// # Errors
    /// As the operating system says. What was written before a failure may never become durable, whatever a later
    /// sync says.
    fn sync_data(&self) -> io::Result<()>;
}

/// The operating system's files.
#[derive(Debug, Default, Clone, Copy)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        tree::create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        fs::read_dir(dir)?.map(|e| e.map(|e| e.file_name())).collect()
    }

    fn stat(&self, path: &Path) -> io::Result<DiskStat> {
        let meta = fs::metadata(path)?;
        let modified = meta.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let modified_us = u64::try_from(modified.as_micros()).unwrap_or(u64::MAX);
        Ok(DiskStat { len: meta.len(), is_dir: meta.is_dir(), modified_us })
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(RealFile { file: File::open(path)?, shadow: Shadow::default() }))
    }

    fn open_write(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Arc::new(RealFile { file, shadow: Shadow::opened(path) }))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        Ok(Arc::new(RealFile { file, shadow: Shadow::created(path) }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        tree::rename(from, to)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        tree::rename_new(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        tree::remove_file(path)
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        tree::remove_dir(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        tree::sync_dir(dir)
    }

    fn lock(&self, path: &Path, wait: Duration) -> Result<Box<dyn Debug + Send + Sync>> {
        Ok(Box::new(Lock::acquire(path, wait)?))
    }
}

#[derive(Debug)]
struct RealFile {
    file: File,
    shadow: Shadow,
}

impl DiskFile for RealFile {
    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        loop {
            match self.file.read_at(buf, at) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }

    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, at)?;
        self.shadow.wrote(bytes, at);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        self.file.metadata().map(|m| m.len())
    }

    fn allocate(&self, from: u64, to: u64) -> io::Result<Option<Window>> {
        #[cfg(target_os = "linux")]
        loop {
            use std::os::fd::AsRawFd;
            let (Ok(at), Ok(len)) = (i64::try_from(from), i64::try_from(to.saturating_sub(from))) else { break };
            if len == 0 {
                return Ok(None);
            }
            // SAFETY: the call takes numbers alone, and the file is open as long as `self` is.
            if unsafe { libc::fallocate64(self.file.as_raw_fd(), 0, at, len) } == 0 {
                self.shadow.zeroed(from, to);
                // What is recorded must come by a call; and where memory cannot be had, calls do as well.
                let window = if self.shadow.records() { None } else { Window::open(&self.file, from, to).ok() };
                return Ok(window.flatten());
            }
            let e = io::Error::last_os_error();
            match e.raw_os_error() {
                Some(libc::EINTR) => {}
                // This file system, or this kind of file, cannot.
                Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::EINVAL) => break,
                _ => return Err(e),
            }
        }
        self.zero_fill(from, to).map(|()| None)
    }

    #[cfg(target_os = "linux")]
    fn in_memory(&self, at: u64) -> io::Result<bool> {
        use std::os::fd::AsRawFd;
        let mut byte = 0u8;
        let to = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
        let at = libc::off_t::try_from(at).map_err(io::Error::other)?;
        // SAFETY: the file is open, and the one part that is read into is one byte long and outlives the call.
        if unsafe { libc::preadv2(self.file.as_raw_fd(), &raw const to, 1, at, libc::RWF_NOWAIT) } >= 0 {
            return Ok(true);
        }
        let e = io::Error::last_os_error();
        match e.raw_os_error() {
            Some(libc::EAGAIN) => Ok(false),
            // This file system, or this kernel, does not tell.
            Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::EINTR) => Ok(true),
            _ => Err(e),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()?;
        self.shadow.synced();
        Ok(())
    }
}
