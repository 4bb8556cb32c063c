//! Files written without any format: the least that a log on this disk can cost.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

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

    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if self.at + bytes.len() as u64 > LEN {
            self.at = 0;
        }
        self.file.write_all_at(bytes, self.at).map_err(|e| Error::io("write", e))?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    pub fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(|e| Error::io("sync", e))
    }
}

/// A file that grows with each write, as a program without a log would keep one.
pub struct Growing(File);

impl Growing {
    pub fn create(path: &Path) -> Result<Growing> {
        File::create(path).map(Growing).map_err(|e| Error::io("create", e).path(path))
    }

    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write_all(bytes).map_err(|e| Error::io("write", e))
    }

    pub fn sync(&self) -> Result<()> {
        self.0.sync_data().map_err(|e| Error::io("sync", e))
    }
}
