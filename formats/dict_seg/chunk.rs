//! Compressed key blocks: whole blocks, put together into chunks, each a zstd frame.

use std::io::{Seek, Write};
use std::sync::{Arc, Mutex, PoisonError};

use super::layout::*;
use super::meta::uint;
use crate::container::Writer;
use crate::{Error, Result};

/// Writes blocks into KEYS, compressed or as they are.
pub(super) struct ChunkWriter {
    zstd: Option<zstd::bulk::Compressor<'static>>,
    open: Vec<u8>,
    /// Where the open chunk begins among the blocks.
    first: u64,
    /// Where each chunk begins among the blocks, offset of its frame; at the end a row that closes the table.
    rows: Vec<(u64, u64)>,
}

fn io(e: std::io::Error) -> Error {
    Error::io("write", e)
}

impl ChunkWriter {
    pub fn new(level: Option<i32>) -> Result<Self> {
        let zstd = level.map(zstd::bulk::Compressor::new).transpose().map_err(io)?;
        Ok(ChunkWriter { zstd, open: Vec::new(), first: 0, rows: Vec::new() })
    }

    pub fn push<W: Write + Seek>(&mut self, block: &[u8], w: &mut Writer<W>) -> Result<()> {
        if self.zstd.is_none() {
            return w.write(block).map_err(io);
        }
        self.open.extend_from_slice(block);
        if self.open.len() >= CHUNK_LEN { self.close(w) } else { Ok(()) }
    }

    fn close<W: Write + Seek>(&mut self, w: &mut Writer<W>) -> Result<()> {
        let Some(zstd) = self.zstd.as_mut().filter(|_| !self.open.is_empty()) else { return Ok(()) };
        self.rows.push((self.first, w.section_len()));
        let frame = zstd.compress(&self.open).map_err(io)?;
        w.write(&frame).map_err(io)?;
        self.first += self.open.len() as u64;
        self.open.clear();
        Ok(())
    }

    /// Writes what is left and returns the rows of the chunk table.
    pub fn finish<W: Write + Seek>(mut self, w: &mut Writer<W>) -> Result<Vec<(u64, u64)>> {
        self.close(w)?;
        self.rows.push((self.first, w.section_len()));
        Ok(self.rows)
    }
}

/// A row of the chunk table.
pub(super) fn row(bytes: &[u8]) -> Option<(u64, u64)> {
    Some((uint(bytes, 0, 8)?, uint(bytes, 8, 8)?))
}

/// The chunk that was looked into last: scans and neighbouring lookups stay in it.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<Option<(u64, Arc<Vec<u8>>)>>);

impl Cache {
    /// The blocks of chunk `chunk`: those kept from before, or the ones that `frame` holds. `len` is what they take.
    pub fn get(
        &self,
        chunk: u64,
        len: usize,
        frame: impl FnOnce() -> Result<Option<Vec<u8>>>,
    ) -> Result<Option<Arc<Vec<u8>>>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((number, blocks)) = kept.as_ref()
            && *number == chunk
            && blocks.len() == len
        {
            return Ok(Some(Arc::clone(blocks)));
        }
        let Some(blocks) = frame()? else { return Ok(None) };
        let blocks = Arc::new(blocks);
        *kept = Some((chunk, Arc::clone(&blocks)));
        Ok(Some(blocks))
    }
}

/// The blocks in a frame; `None` where it does not hold exactly `len` bytes.
pub(super) fn decompress(frame: &[u8], len: usize) -> Option<Vec<u8>> {
    if len > MAX_CHUNK_LEN {
        return None;
    }
    let blocks = zstd::bulk::decompress(frame, len).ok()?;
    (blocks.len() == len).then_some(blocks)
}
