//! Writing the segment that supersedes what a recovery left behind. Nothing that is there is changed.

use std::path::Path;

use qx_formats::delta_log::layout::{ABORT_CUT, CHECKPOINT_RECOVERY};
use qx_formats::delta_log::{
    AbortInfo, Assembler, Batch, CheckpointInfo, CutInfo, Entry, FrameHead, FrameKind, Place, SegmentHeader, Step,
    Transaction, Walker, put_frame,
};
use qx_formats::{Error, Result};

use crate::chain::{Chain, Segment};
use crate::files::FileSource;
use crate::recovery::Supersede;
use crate::report::RecoveryReport;
use crate::scanning::Run;
use crate::segment_out::SegmentOut;

/// Copied frames are written once so many bytes have gathered.
const FLUSH_LEN: usize = 4 << 20;

struct Builder {
    out: SegmentOut,
    buf: Vec<u8>,
    watermark: u64,
    now_us: u64,
}

/// Writes the new segment, syncs it and gives it its name.
///
/// # Errors
/// `Io`; `Corrupt` when what the plan saw is not there any more.
pub(crate) fn rebuild(
    chain: &Chain,
    dir: &Path,
    todo: &Supersede,
    report: &RecoveryReport,
    now_us: u64,
) -> Result<SegmentOut> {
    let header = SegmentHeader {
        uuid: chain.uuid,
        segment: chain.last_number + 1,
        given: chain.given,
        base_lsn: todo.base_lsn,
        base_txn: todo.base_txn,
        created_us: now_us,
        watermark: report.watermark.min(todo.base_lsn - 1),
        cut: Some(todo.cut),
        features_ro: 0,
    };
    let out = SegmentOut::create(chain.disk.as_ref(), dir, header)?;
    let mut b = Builder { out, buf: Vec::new(), watermark: report.watermark, now_us };
    let mut open: Option<(&usize, FileSource)> = None;
    for (i, run) in &todo.copy {
        let seg = chain.live.get(*i).ok_or_else(|| Error::corrupt("a segment vanished").path(dir))?;
        let src = match &mut open {
            Some((at, src)) if *at == i => src,
            slot => &mut slot.insert((i, seg.source(chain.disk.as_ref())?)).1,
        };
        read_run(src, seg, run, |tx| {
            b.jump(tx.first_lsn);
            b.transaction(&tx)
        })?;
    }
    for &txn in &todo.aborted {
        b.abort(txn);
    }
    b.watermark = report.next_lsn - 1;
    let dropped = CutInfo {
        segment: todo.cut.segment,
        offset: todo.cut.offset,
        bytes: report.dropped_bytes,
        records: report.dropped_records,
    };
    b.checkpoint(report.next_lsn, report.next_txn, Some(dropped));
    b.flush()?;
    b.out.publish(chain.disk.as_ref(), dir)?;
    Ok(b.out)
}

/// Reads the transactions of a run.
fn read_run(
    src: &mut FileSource,
    seg: &Segment,
    run: &Run,
    mut each: impl FnMut(Transaction) -> Result<()>,
) -> Result<()> {
    let header = seg.scan_header();
    let mut walker = Walker::from(header.seed(), true, 1, Some(run.end), run.offset);
    let mut asm = Assembler::new(header.given);
    let mut left = run.transactions;
    while left > 0 {
        let at = walker.at();
        match walker.step(src)? {
            Step::Frame(frame) => {
                if let Some(tx) = asm.push(&frame).map_err(|e| e.path(&seg.path))? {
                    each(tx)?;
                    left -= 1;
                }
            }
            Step::Stop(_) => {
                let e = Error::corrupt("a transaction that was there is damaged now");
                return Err(e.path(&seg.path).offset(at));
            }
        }
    }
    Ok(())
}

/// Where a transaction that was read stands in LSNs.
pub(crate) fn place_of(tx: &Transaction) -> Place {
    let base_lsn = tx.ops.first().map_or(tx.first_lsn, |(lsn, index, _)| lsn.saturating_sub(u64::from(*index)));
    Place { base_lsn, commit_lsn: tx.commit_lsn, txn: tx.txn, time_us: tx.time_us, watermark: tx.watermark }
}

impl Builder {
    fn next_lsn(&self) -> u64 {
        self.out.tally.counts.next_lsn
    }

    /// LSNs between here and `lsn` are gone: a checkpoint says so.
    fn jump(&mut self, lsn: u64) {
        if lsn > self.next_lsn() && !self.out.header.given {
            let txn = self.out.tally.counts.next_txn;
            self.checkpoint(lsn, txn, None);
        }
    }

    fn checkpoint(&mut self, next_lsn: u64, next_txn: u64, cut: Option<CutInfo>) {
        let info = CheckpointInfo {
            reason: CHECKPOINT_RECOVERY,
            time_us: self.now_us,
            watermark: self.watermark.min(next_lsn - 1),
            next_lsn,
            next_txn,
            cut,
        };
        let mut payload = Vec::new();
        info.encode(&mut payload);
        self.marker(FrameKind::Checkpoint, 0, &payload);
        self.out.tally.marker(next_lsn, next_txn);
    }

    fn abort(&mut self, txn: u64) {
        let mut payload = Vec::new();
        AbortInfo { reason: ABORT_CUT }.encode(&mut payload);
        self.marker(FrameKind::Abort, txn, &payload);
        let next_lsn = self.next_lsn();
        self.out.tally.marker(next_lsn, txn.saturating_add(1));
    }

    fn marker(&mut self, kind: FrameKind, txn: u64, payload: &[u8]) {
        let head = FrameHead { kind, whole: false, lsn_count: 0, lsn: self.next_lsn(), txn };
        put_frame(&mut self.buf, self.out.seed, &head, payload, crc32c::crc32c(payload));
    }

    fn transaction(&mut self, tx: &Transaction) -> Result<()> {
        let batch = Batch::new(tx.ops.iter().map(|(_, index, op)| (*index, op)))?;
        let offset = self.out.pos + self.buf.len() as u64;
        let frames = batch.put(&mut self.buf, self.out.seed, &place_of(tx));
        self.out.tally.transaction(&Entry::new(tx, offset, frames), tx.ops.iter().map(|o| &o.2));
        if self.buf.len() >= FLUSH_LEN { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        self.out.extend(&self.buf)?;
        self.buf.clear();
        Ok(())
    }
}
