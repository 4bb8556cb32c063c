//! A transaction as frames. What can be done before its LSNs are known is done first, outside any lock.

use super::footer::Touches;
use super::frame::{FrameHead, FrameKind, frame_len, put_frame, put_frame_parts};
use super::layout::*;
use super::op::{Op, put};
use super::payload::{BeginInfo, CommitInfo};
use crate::{Error, Result};

/// A Data frame is closed once its payload has this length, so that damage costs one frame and not all.
const SPLIT_LEN: usize = 1 << 20;

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

/// The operations of one transaction, encoded and summed.
#[derive(Debug, Clone)]
pub struct Batch {
    chunks: Vec<Chunk>,
    ops: u32,
    pub touches: Touches,
}

#[derive(Debug, Clone)]
struct Chunk {
    first: u32,
    last: u32,
    count: u32,
    payload: Vec<u8>,
    crc: u32,
}

impl Chunk {
    fn close(first: u32, last: u32, count: u32, records: &[u8]) -> Chunk {
        let mut payload = Vec::with_capacity(records.len() + 5);
        put(&mut payload, u64::from(count));
        payload.extend_from_slice(records);
        let crc = crc32c::crc32c(&payload);
        Chunk { first, last, count, payload, crc }
    }
}

impl Batch {
    /// Encodes operations with their indexes, which must grow.
    ///
    /// # Errors
    /// `Limit` or `Invalid` when an operation breaks a rule of the format.
    pub fn new<'a>(ops: impl IntoIterator<Item = (u32, &'a Op)>) -> Result<Batch> {
        let mut chunks = Vec::new();
        let mut touches = Touches::default();
        let mut records = Vec::new();
        let mut total = 0u64;
        // First index, last index and count of the open chunk.
        let mut open: Option<(u32, u32, u32)> = None;
        let mut last_index = None;
        for (index, op) in ops {
            op.check()?;
            if last_index.is_some_and(|last| index <= last) {
                return Err(Error::invalid("operation indexes of a transaction do not grow").got(index));
            }
            last_index = Some(index);
            touches.add(op);
            total += 1;
            if let Some((first, last, count)) = open
                && (index - first >= MAX_FRAME_OPS as u32 || records.len() >= SPLIT_LEN)
            {
                chunks.push(Chunk::close(first, last, count, &records));
                records.clear();
                open = None;
            }
            op.encode(index, &mut records);
            open = Some(open.map_or((index, index, 1), |(first, _, count)| (first, index, count + 1)));
        }
        if let Some((first, last, count)) = open {
            chunks.push(Chunk::close(first, last, count, &records));
        }
        let ops = u32::try_from(total)
            .map_err(|_| Error::limit("operations in a transaction", MAX_TRANSACTION_OPS, total))?;
        Ok(Batch { chunks, ops, touches })
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
        let data: usize = self.chunks.iter().map(|c| frame_len(c.payload.len())).sum();
        data as u64 + 3 * 64
    }

    /// Appends the frames of the transaction: one when it fits, else Begin, Data, Commit. Returns how many.
    pub fn put(&self, out: &mut Vec<u8>, seed: u32, at: &Place) -> u64 {
        let mut commit = Vec::with_capacity(32);
        CommitInfo { time_us: at.time_us, watermark: at.watermark, ops: self.ops }.encode(&mut commit);
        let empty = [0u8];
        let whole = match self.chunks.as_slice() {
            [] => Some((&empty[..], crc32c::crc32c(&empty), at.commit_lsn)),
            [c] => Some((c.payload.as_slice(), c.crc, at.base_lsn + u64::from(c.first))),
            _ => None,
        };
        if let Some((records, crc, lsn)) = whole
            && let Ok(lsn_count) = u16::try_from(at.commit_lsn - lsn + 1)
        {
            let head = FrameHead { kind: FrameKind::Data, whole: true, lsn_count, lsn, txn: at.txn };
            put_frame_parts(out, seed, &head, &[records, &commit], crc32c::crc32c_append(crc, &commit));
            return 1;
        }
        let marker = |kind, lsn_count, lsn| FrameHead { kind, whole: false, lsn_count, lsn, txn: at.txn };
        let first = self.chunks.first().map_or(0, |c| c.first);
        let mut begin = Vec::new();
        BeginInfo { ops: self.ops }.encode(&mut begin);
        let head = marker(FrameKind::Begin, 0, at.base_lsn + u64::from(first));
        put_frame(out, seed, &head, &begin, crc32c::crc32c(&begin));
        for c in &self.chunks {
            // The span fits: a chunk is closed before its indexes span more than MAX_FRAME_OPS.
            let span = (c.last - c.first + 1) as u16;
            debug_assert!(c.count <= u32::from(span));
            put_frame(out, seed, &marker(FrameKind::Data, span, at.base_lsn + u64::from(c.first)), &c.payload, c.crc);
        }
        put_frame(out, seed, &marker(FrameKind::Commit, 1, at.commit_lsn), &commit, crc32c::crc32c(&commit));
        2 + self.chunks.len() as u64
    }
}
