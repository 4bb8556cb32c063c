//! Writing a log anew, with the numbers that its transactions have already.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use qx_formats::delta_log::layout::{CHECKPOINT_CLOSE, CHECKPOINT_RECOVERY};
use qx_formats::delta_log::{
    Batch, CheckpointInfo, Entry, FrameHead, FrameKind, SegmentHeader, Transaction, put_frame,
};
use qx_formats::{Error, Result};
use qx_io::Disk;
use serde::Serialize;
use uuid::Uuid;

use crate::rebuild::place_of;
use crate::segment_out::SegmentOut;

/// What the copy is.
#[derive(Debug, Clone, Copy)]
pub struct CopyOptions {
    pub uuid: Uuid,
    /// Numbers may leave gaps, and transactions hold only some of their operations.
    pub given: bool,
    pub base_lsn: u64,
    pub base_txn: u64,
    pub rotate_size: u64,
    pub clock: fn() -> u64,
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Copied {
    pub segments: u64,
    pub transactions: u64,
    pub operations: u64,
    pub bytes: u64,
}

/// Frames are written once so many bytes have gathered.
const FLUSH_LEN: usize = 512 << 10;

/// A log that is written from the front, by one thread, and closed cleanly at the end.
#[derive(Debug)]
pub struct LogCopy {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    opts: CopyOptions,
    out: SegmentOut,
    buf: Vec<u8>,
    done: Copied,
}

impl LogCopy {
    /// Begins in an empty folder, or makes it.
    ///
    /// # Errors
    /// `Io`; `Exists` when the folder is not empty.
    pub fn create(disk: &Arc<dyn Disk>, dir: &Path, opts: CopyOptions) -> Result<LogCopy> {
        disk.create_dir_all(dir).map_err(|e| Error::io("create folder", e).path(dir))?;
        let names = disk.list(dir).map_err(|e| Error::io("read the folder", e).path(dir))?;
        if !names.is_empty() {
            return Err(Error::new(qx_formats::Kind::Exists, "the folder is not empty").path(dir));
        }
        let header = SegmentHeader {
            uuid: opts.uuid,
            segment: 1,
            given: opts.given,
            base_lsn: opts.base_lsn.max(1),
            base_txn: opts.base_txn,
            created_us: (opts.clock)(),
            watermark: opts.base_lsn.max(1) - 1,
            cut: None,
            features_ro: 0,
        };
        let out = begin(disk, dir, header)?;
        let done = Copied { segments: 1, ..Copied::default() };
        Ok(LogCopy { disk: Arc::clone(disk), dir: dir.to_path_buf(), opts, out, buf: Vec::new(), done })
    }

    fn next_lsn(&self) -> u64 {
        self.out.tally.counts.next_lsn
    }

    /// Appends a transaction with its numbers. Where LSNs are missing before it, the copy says so.
    ///
    /// # Errors
    /// `Io`; `Invalid` when its numbers are lower than those before.
    pub fn append(&mut self, tx: &Transaction) -> Result<()> {
        let batch = Batch::new(tx.ops.iter().map(|(_, index, op)| (*index, op)))?;
        if tx.first_lsn < self.next_lsn() {
            return Err(Error::invalid("the transaction overlaps the one before it")
                .path(&self.dir)
                .expected(format!("LSN {} or higher", self.next_lsn()))
                .got(tx.first_lsn));
        }
        let full = self.out.pos + self.buf.len() as u64 + batch.max_len() > self.opts.rotate_size;
        if full && self.out.tally.counts.frames > 0 {
            self.rotate()?;
        }
        if tx.first_lsn > self.next_lsn() && !self.opts.given {
            let txn = self.out.tally.counts.next_txn;
            self.checkpoint(CHECKPOINT_RECOVERY, tx.first_lsn, txn);
        }
        let offset = self.out.pos + self.buf.len() as u64;
        let frames = batch.put(&mut self.buf, self.out.seed, &place_of(tx));
        self.out.tally.transaction(&Entry::new(tx, offset, frames), tx.ops.iter().map(|o| &o.2));
        self.done.transactions += 1;
        self.done.operations += tx.ops.len() as u64;
        if self.buf.len() >= FLUSH_LEN { self.flush() } else { Ok(()) }
    }

    fn checkpoint(&mut self, reason: u8, next_lsn: u64, next_txn: u64) {
        let here = self.next_lsn();
        let info =
            CheckpointInfo { reason, time_us: (self.opts.clock)(), watermark: here - 1, next_lsn, next_txn, cut: None };
        let mut payload = Vec::new();
        info.encode(&mut payload);
        let head = FrameHead { kind: FrameKind::Checkpoint, whole: false, lsn_count: 0, lsn: here, txn: 0 };
        put_frame(&mut self.buf, self.out.seed, &head, &payload, crc32c::crc32c(&payload));
        self.out.tally.marker(next_lsn, next_txn);
    }

    fn flush(&mut self) -> Result<()> {
        self.out.extend(&self.buf)?;
        self.buf.clear();
        Ok(())
    }

    fn rotate(&mut self) -> Result<()> {
        self.flush()?;
        self.out.seal(0)?;
        self.done.bytes += self.out.pos;
        self.done.segments += 1;
        let counts = self.out.tally.counts;
        let header = SegmentHeader {
            segment: self.out.header.segment + 1,
            base_lsn: counts.next_lsn,
            base_txn: counts.next_txn,
            created_us: (self.opts.clock)(),
            watermark: counts.next_lsn - 1,
            ..self.out.header.clone()
        };
        self.out = begin(&self.disk, &self.dir, header)?;
        Ok(())
    }

    /// Closes the copy cleanly. The numbers of what is appended to it later start at these, or behind its last ones.
    ///
    /// # Errors
    /// `Io`.
    pub fn finish(mut self, next_lsn: u64, next_txn: u64) -> Result<Copied> {
        let counts = self.out.tally.counts;
        let (next_lsn, next_txn) = (next_lsn.max(counts.next_lsn), next_txn.max(counts.next_txn));
        if counts.frames > 0 || next_lsn > counts.next_lsn || next_txn > counts.next_txn {
            self.checkpoint(CHECKPOINT_CLOSE, next_lsn, next_txn);
            self.rotate()?;
        }
        Ok(self.done)
    }
}

fn begin(disk: &Arc<dyn Disk>, dir: &Path, header: SegmentHeader) -> Result<SegmentOut> {
    let mut out = SegmentOut::create(disk.as_ref(), dir, header)?;
    out.publish(disk.as_ref(), dir)?;
    Ok(out)
}
