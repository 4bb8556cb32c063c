//! Files written and read without any format: the least that a log on this disk can cost.

use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use qx_formats::delta_log::crc32c_append;
use qx_formats::{Error, Result};

/// As long as a log's segment, so that writing goes around about as often as a log rotates.
const LEN: u64 = 64 << 20;

/// A file of zeros that are overwritten: a sync then has data to write and no change of length to record.
pub struct Prepared {
    file: File,
    at: u64,
}

impl Prepared {
    pub fn create(path: &Path) -> Result<Prepared> {
        let create = || {
            let mut file = File::create(path)?;
            let zeros = vec![0u8; 1 << 20];
            for _ in 0..LEN / zeros.len() as u64 {
                file.write_all(&zeros)?;
            }
            file.sync_all()?;
            Ok(file)
        };
        let file = create().map_err(|e: std::io::Error| Error::io("prepare a file", e).path(path))?;
        Ok(Prepared { file, at: 0 })
    }

    pub fn write_synced(&mut self, bytes: &[u8]) -> Result<()> {
        if self.at + bytes.len() as u64 > LEN {
            self.at = 0;
        }
        let written = self.file.write_all_at(bytes, self.at).and_then(|()| self.file.sync_data());
        self.at += bytes.len() as u64;
        written.map_err(|e| Error::io("write", e))
    }
}

/// A file that grows with each write, as a program without a log would keep one. It begins again when it is long.
pub struct Growing {
    file: File,
    path: PathBuf,
    len: u64,
}

impl Growing {
    pub fn create(path: &Path) -> Result<Growing> {
        let file = File::create(path).map_err(|e| Error::io("create", e).path(path))?;
        Ok(Growing { file, path: path.to_path_buf(), len: 0 })
    }

    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        if self.len > 8 * LEN {
            std::fs::remove_file(&self.path).map_err(|e| Error::io("remove", e).path(&self.path))?;
            *self = Growing::create(&self.path)?;
        }
        self.len += bytes.len() as u64;
        self.file.write_all(bytes).map_err(|e| Error::io("write", e))
    }

    pub fn append_synced(&mut self, bytes: &[u8]) -> Result<()> {
        self.append(bytes)?;
        self.file.sync_data().map_err(|e| Error::io("sync", e))
    }
}

/// Bytes that are read together.
const WINDOW: usize = 256 << 10;

/// Reads files from front to end, with the checksum of their bytes if asked for.
pub fn read(paths: &[PathBuf], sum: bool) -> Result<()> {
    let mut window = vec![0; WINDOW];
    for path in paths {
        let fail = |e| Error::io("read", e).path(path);
        let mut file = File::open(path).map_err(fail)?;
        let mut crc = 0;
        loop {
            let n = file.read(&mut window).map_err(fail)?;
            let Some(bytes) = window.get(..n).filter(|b| !b.is_empty()) else { break };
            if sum {
                crc = crc32c_append(crc, bytes);
            }
        }
        black_box((crc, &window));
    }
    Ok(())
}

/// Makes sure that the next read of these files comes from the disk.
pub fn forget(paths: &[PathBuf]) -> Result<()> {
    for path in paths {
        let file = File::open(path).and_then(|file| file.sync_all().map(|()| file));
        let file = file.map_err(|e| Error::io("sync", e).path(path))?;
        // SAFETY: the call takes numbers alone, and the file is open.
        let e = unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
        if e != 0 {
            return Err(Error::io("drop from the page cache", std::io::Error::from_raw_os_error(e)).path(path));
        }
    }
    Ok(())
}
