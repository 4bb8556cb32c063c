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

/// Chunks that are kept, at most, and bytes of their blocks: more than a search by halving meets, unless keys are long.
const KEPT: usize = 64;
const KEPT_LEN: usize = 16 << 20;

/// The chunks that were looked into last, the latest one at the end: scans stay in one, lookups of neighbours come back to all
/// that halving led through, and `verify` looks every key up.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<Vec<(u64, Arc<Vec<u8>>)>>);

impl Cache {
    /// The blocks of chunk `chunk`: those kept from before, or the ones that `frame` holds. `len` is what they take.
    pub fn get(
        &self,
        chunk: u64,
        len: usize,
        frame: impl FnOnce() -> Result<Option<Vec<u8>>>,
    ) -> Result<Option<Arc<Vec<u8>>>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = kept.iter().rposition(|(number, blocks)| *number == chunk && blocks.len() == len) {
            kept[at..].rotate_left(1);
            return Ok(kept.last().map(|(_, blocks)| Arc::clone(blocks)));
        }
        let Some(blocks) = frame()? else { return Ok(None) };
        let blocks = Arc::new(blocks);
        kept.push((chunk, Arc::clone(&blocks)));
        let mut bytes = 0;
        let fit = kept.iter().rev().take(KEPT).take_while(|(_, blocks)| {
            bytes += blocks.len();
            bytes <= KEPT_LEN
        });
        // The one that is asked for stays, however long.
        let old = kept.len() - fit.count().max(1);
        kept.drain(..old);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks for a chunk; whether it had to be unpacked.
    fn unpacks(cache: &Cache, chunk: u64, len: usize) -> bool {
        let mut unpacked = false;
        let blocks = cache.get(chunk, len, || {
            unpacked = true;
            Ok(Some(vec![chunk as u8; len]))
        });
        let blocks = blocks.unwrap().unwrap();
        assert!(blocks.len() == len && blocks.first() == Some(&(chunk as u8)), "{chunk}");
        unpacked
    }

    #[test]
    fn chunks_that_searches_come_back_to_are_unpacked_once() {
        let cache = Cache::default();
        for turn in 0..3 {
            for chunk in 0..KEPT as u64 {
                assert_eq!(unpacks(&cache, chunk, 100), turn == 0, "{turn} {chunk}");
            }
        }
        // One more takes the place of the one that was not asked for the longest.
        assert!(!unpacks(&cache, 0, 100) && unpacks(&cache, 1000, 100));
        assert!(!unpacks(&cache, 0, 100) && !unpacks(&cache, 2, 100) && unpacks(&cache, 1, 100));
        assert!(cache.0.lock().unwrap().len() == KEPT);
    }

    #[test]
    fn long_chunks_are_kept_within_a_bound_and_the_last_one_always() {
        let cache = Cache::default();
        let half = KEPT_LEN / 2;
        assert!(unpacks(&cache, 0, half) && unpacks(&cache, 1, half) && !unpacks(&cache, 0, half));
        assert!(unpacks(&cache, 2, half) && !unpacks(&cache, 0, half) && unpacks(&cache, 1, half));
        assert!(unpacks(&cache, 3, KEPT_LEN + 1) && !unpacks(&cache, 3, KEPT_LEN + 1) && unpacks(&cache, 1, half));
    }
}
