//! Where things are sorted: in memory up to a bound, beyond it in files without names.

use std::fs::File;
use std::io::{BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use qx_formats::dict_seg::{Numbers, Records, Room};
use qx_formats::{Error, Result};

use crate::numbers::SpilledNumbers;
use crate::records::SpilledRecords;

/// Files that are merged at once; each takes a buffer and a descriptor.
pub const FAN_IN: usize = 32;
/// The least that a buffer of numbers or texts is given, whatever the bound says.
const LEAST: usize = 1 << 20;

/// A bound on memory, and the folder for what goes beyond it.
#[derive(Debug, Clone)]
pub struct Space {
    /// Bytes that one sorter may keep in memory.
    pub each: usize,
    /// Bytes that labels may take, which stay in memory: half of all.
    pub labels: usize,
    dir: PathBuf,
}

impl Space {
    /// `memory` bytes for everything together: up to five sorters hold something at the same time.
    pub fn new(memory: u64, dir: &Path) -> Space {
        let each = usize::try_from(memory / 5).unwrap_or(usize::MAX).max(LEAST);
        Space { each, labels: each.saturating_mul(5) / 2, dir: dir.to_path_buf() }
    }

    /// What is left for sorters beside so many bytes that stay in memory.
    pub fn beside(&self, bytes: usize) -> Space {
        let each = self.each.saturating_sub(bytes / 5).max(self.each.min(LEAST));
        Space { each, ..self.clone() }
    }

    /// A file without a name: the system takes it back when the process ends, in whatever way.
    pub fn file(&self) -> Result<File> {
        tempfile::tempfile_in(&self.dir).map_err(|e| Error::io("create a temporary file", e).path(&self.dir))
    }

    pub fn error(&self, e: std::io::Error) -> Error {
        Error::io("write a temporary file", e)
            .path(&self.dir)
            .hint("give --temp-dir a folder with more room, or --memory more")
    }
}

impl Room for Space {
    fn numbers(&mut self) -> Result<Box<dyn Numbers>> {
        Ok(Box::new(SpilledNumbers::new(self.clone())))
    }

    fn hashes(&mut self) -> Result<Box<dyn Numbers>> {
        Ok(Box::new(SpilledNumbers::of_hashes(self.clone())))
    }

    fn records(&mut self) -> Result<Box<dyn Records>> {
        Ok(Box::new(SpilledRecords::new(self.clone())))
    }
}

/// A sorted run in a file.
pub struct Run {
    file: File,
}

/// Writes a run.
pub struct RunWriter {
    out: BufWriter<File>,
    space: Space,
}

impl RunWriter {
    pub fn new(space: &Space) -> Result<RunWriter> {
        let out = BufWriter::with_capacity(256 << 10, space.file()?);
        Ok(RunWriter { out, space: space.clone() })
    }

    #[inline]
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(|e| self.space.error(e))
    }

    pub fn finish(self) -> Result<Run> {
        let file = self.out.into_inner().map_err(|e| self.space.error(e.into_error()))?;
        Ok(Run { file })
    }
}

impl Run {
    /// Reads the run from its start. Two readers of one run share their place, so there is one at a time.
    pub fn reader(&self) -> Result<BufReader<File>> {
        let io = |e| Error::io("read a temporary file", e);
        let mut file = self.file.try_clone().map_err(io)?;
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        Ok(BufReader::with_capacity(128 << 10, file))
    }
}

/// Fills `buf` from a run; `false` at its end.
pub fn read_whole(from: &mut impl std::io::Read, buf: &mut [u8]) -> Result<bool> {
    match from.read_exact(buf) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(e) => Err(Error::io("read a temporary file", e)),
    }
}
