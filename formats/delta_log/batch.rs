//! A transaction as frames. What can be done before its LSNs are known is done first, outside any lock.

use super::crc::{crc32c, crc32c_append};
use super::frame::{FrameHead, FrameKind, frame_len, put_frame, put_frame_around};
use super::layout::*;
use super::op::Op;
use super::payload::{BeginInfo, CommitInfo};
use crate::{Error, Result};

/// A Data frame is closed once its payload has this length, so that damage costs one frame and not all.
const SPLIT_LEN: usize = 1 << 20;
/// The count of a frame's operations stands before them and is known after them: as many bytes as the highest takes.
const COUNT_LEN: usize = 3;

/// Where a transaction stands in its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// LSN of the operation with index 0, whether or not this log holds it.
    pub base_lsn: u64,
    pub commit_lsn: u64,
    pub txn: u64,
    pub time_us: u64,
    pub watermark: u64,
}

/// The operations of one transaction, encoded and summed. One that is filled again keeps its memory.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// The payloads of all chunks.
    bytes: Vec<u8>,
    chunks: Vec<Chunk>,
    ops: u32,
}

#[derive(Debug, Clone, Copy)]
struct Chunk {
    first: u32,
    last: u32,
    count: u32,
    /// Where its payload stands in `Batch::bytes`.
    start: usize,
    end: usize,
    crc: u32,
}

impl Batch {
    /// Encodes operations with their indexes, which must grow.
    ///
    /// # Errors
    /// `Limit` or `Invalid` when an operation breaks a rule of the format.
    pub fn new<'a>(ops: impl IntoIterator<Item = (u32, &'a Op)>) -> Result<Batch> {
        let mut batch = Batch::default();
        batch.fill(ops)?;
        Ok(batch)
    }

    /// [`Batch::new`] in the memory that is here already; what was here is forgotten.
    ///
    /// # Errors
    /// As [`Batch::new`]; nothing is in the batch then.
    pub fn fill<'a>(&mut self, ops: impl IntoIterator<Item = (u32, &'a Op)>) -> Result<()> {
        self.bytes.clear();
        self.chunks.clear();
        self.ops = 0;
        self.encode(ops).inspect_err(|_| self.chunks.clear())
    }

    fn encode<'a>(&mut self, ops: impl IntoIterator<Item = (u32, &'a Op)>) -> Result<()> {
        let mut total = 0u64;
        let mut open: Option<Chunk> = None;
        let mut last_index = None;
        for (index, op) in ops {
            op.check()?;
            if last_index.is_some_and(|last| index <= last) {
                return Err(Error::invalid("operation indexes of a transaction do not grow").got(index));
            }
            last_index = Some(index);
            total += 1;
            if let Some(c) = open.take_if(|c| {
                index - c.first >= MAX_FRAME_OPS as u32 || self.bytes.len() - c.start >= SPLIT_LEN + COUNT_LEN
            }) {
                self.close(c);
            }
            let chunk = open.get_or_insert_with(|| {
                let start = self.bytes.len();
                self.bytes.extend_from_slice(&[0; COUNT_LEN]);
                Chunk { first: index, last: index, count: 0, start, end: start, crc: 0 }
            });
            op.encode(index, &mut self.bytes);
            chunk.last = index;
            chunk.count += 1;
        }
        if let Some(c) = open {
            self.close(c);
        }
        self.ops = u32::try_from(total)
            .map_err(|_| Error::limit("operations in a transaction", MAX_TRANSACTION_OPS, total))?;
        Ok(())
    }

    /// Puts the count where it ends before the first record.
    fn close(&mut self, mut c: Chunk) {
        let len = self.bytes.len();
        // A chunk holds no more than MAX_FRAME_OPS.
        let [low, high] = (c.count as u16).to_le_bytes();
        let (width, bytes) = if c.count <= 250 { (1, [low, 0, 0]) } else { (3, [251, low, high]) };
        let start = c.start + COUNT_LEN - width;
        self.bytes[start..start + width].copy_from_slice(&bytes[..width]);
        (c.start, c.end) = (start, len);
        c.crc = crc32c(&self.bytes[start..len]);
        self.chunks.push(c);
    }

    fn payload(&self, c: &Chunk) -> &[u8] {
        &self.bytes[c.start..c.end]
    }

    pub fn ops(&self) -> u32 {
        self.ops
    }

    /// Index of the first operation.
    pub fn first_index(&self) -> Option<u32> {
        self.chunks.first().map(|c| c.first)
    }

    /// An upper bound of the bytes that [`Batch::put`] appends.
    pub fn max_len(&self) -> u64 {
        let data: usize = self.chunks.iter().map(|c| frame_len(c.end - c.start)).sum();
        data as u64 + 3 * 64
    }

    /// Bytes that this holds on to.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Appends the frames of the transaction: one when it fits, else Begin, Data, Commit. Returns how many.
    pub fn put(&self, out: &mut Vec<u8>, seed: u32, at: &Place) -> u64 {
        let info = CommitInfo { time_us: at.time_us, watermark: at.watermark, ops: self.ops };
        let empty = [0u8];
        let whole = match self.chunks.as_slice() {
            [] => Some((&empty[..], crc32c(&empty), at.commit_lsn)),
            [c] => Some((self.payload(c), c.crc, at.base_lsn + u64::from(c.first))),
            _ => None,
        };
        if let Some((records, crc, lsn)) = whole
            && let Ok(lsn_count) = u16::try_from(at.commit_lsn - lsn + 1)
        {
            let head = FrameHead { kind: FrameKind::Data, whole: true, lsn_count, lsn, txn: at.txn };
            put_frame_around(out, seed, &head, |out| {
                out.extend_from_slice(records);
                let from = out.len();
                info.put(out);
                crc32c_append(crc, &out[from..])
            });
            return 1;
        }
        let marker = |kind, lsn_count, lsn| FrameHead { kind, whole: false, lsn_count, lsn, txn: at.txn };
        let first = self.chunks.first().map_or(0, |c| c.first);
        let mut begin = Vec::new();
        BeginInfo { ops: self.ops }.encode(&mut begin);
        let head = marker(FrameKind::Begin, 0, at.base_lsn + u64::from(first));
        put_frame(out, seed, &head, &begin, crc32c(&begin));
        for c in &self.chunks {
            // The span fits: a chunk is closed before its indexes span more than MAX_FRAME_OPS.
            let span = (c.last - c.first + 1) as u16;
            debug_assert!(c.count <= u32::from(span));
            let head = marker(FrameKind::Data, span, at.base_lsn + u64::from(c.first));
            put_frame(out, seed, &head, self.payload(c), c.crc);
        }
        let mut commit = Vec::new();
        info.put(&mut commit);
        put_frame(out, seed, &marker(FrameKind::Commit, 1, at.commit_lsn), &commit, crc32c(&commit));
        2 + self.chunks.len() as u64
    }
}
