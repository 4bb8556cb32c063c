//! A file's bytes without a copy.

use std::fs::File;
use std::io::Read;
use std::ops::Deref;
use std::path::Path;

use qx_formats::{Error, Result};

/// The bytes of a file: mapped for a regular file, read into memory for a pipe or device.
#[derive(Debug)]
pub struct Map(Bytes);

#[derive(Debug)]
enum Bytes {
    Mapped(memmap2::Mmap),
    Owned(Vec<u8>),
}

impl Map {
    /// # Errors
    /// `Io` with the path: missing, a directory, no permission.
    pub fn open(path: &Path) -> Result<Map> {
        let open = || -> std::io::Result<Bytes> {
            let mut file = File::open(path)?;
            let meta = file.metadata()?;
            if meta.is_dir() {
                return Err(std::io::Error::from(std::io::ErrorKind::IsADirectory));
            }
            if !meta.is_file() {
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes)?;
                return Ok(Bytes::Owned(bytes));
            }
            if meta.len() == 0 {
                return Ok(Bytes::Owned(Vec::new()));
            }
            // SAFETY: the files that are mapped are immutable once published (replaced by rename, never written in
            // place), so the bytes do not change under the slice. Truncating one from outside is the one thing that
            // breaks this, for every program that maps files.
            Ok(Bytes::Mapped(unsafe { memmap2::Mmap::map(&file)? }))
        };
        open().map(Map).map_err(|e| Error::io("read", e).path(path))
    }

    /// Tells the kernel that access will be random, so that it reads single pages and not ahead.
    pub fn advise_random(&self) {
        self.advise(memmap2::Advice::Random);
    }

    /// Takes [`Map::advise_random`] back.
    pub fn advise_normal(&self) {
        self.advise(memmap2::Advice::Normal);
    }

    fn advise(&self, advice: memmap2::Advice) {
        if let Bytes::Mapped(m) = &self.0 {
            // Advice that the kernel does not take changes nothing but speed.
            let _ = m.advise(advice);
        }
    }
}

impl From<Vec<u8>> for Map {
    fn from(bytes: Vec<u8>) -> Self {
        Map(Bytes::Owned(bytes))
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Bytes::Mapped(m) => m,
            Bytes::Owned(v) => v,
        }
    }
}

impl AsRef<[u8]> for Map {
    fn as_ref(&self) -> &[u8] {
        self
    }
}
