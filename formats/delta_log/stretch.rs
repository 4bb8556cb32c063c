//! Transactions by the stretch: a scan that says of each one where it stands spends more on that than on its checksum.

use super::assemble::TxHead;

/// Whole transactions that stand one behind the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    pub transactions: u64,
    pub ops: u64,
    pub frames: u64,
    /// Of the first operation.
    pub first_lsn: u64,
    /// Of the last commit.
    pub commit_lsn: u64,
    /// The highest id.
    pub txn: u64,
    /// The highest durable watermark.
    pub watermark: u64,
    /// Of the first commit.
    pub first_time_us: u64,
    /// Of the last commit.
    pub last_time_us: u64,
    pub offset: u64,
    pub end: u64,
    /// They stand before any damage.
    pub clean: bool,
}

impl Stretch {
    /// Of one transaction.
    #[inline(always)]
    pub(super) fn of(tx: &TxHead, (offset, end): (u64, u64), frames: u64, clean: bool) -> Stretch {
        Stretch {
            transactions: 1,
            ops: tx.ops,
            frames,
            first_lsn: tx.first_lsn,
            commit_lsn: tx.commit_lsn,
            txn: tx.txn,
            watermark: tx.watermark,
            first_time_us: tx.time_us,
            last_time_us: tx.time_us,
            offset,
            end,
            clean,
        }
    }

    /// One more, of one frame, which ends at `end`.
    #[inline(always)]
    pub(super) fn add(&mut self, tx: &TxHead, end: u64) {
        self.transactions += 1;
        self.ops += tx.ops;
        self.frames += 1;
        self.commit_lsn = tx.commit_lsn;
        self.txn = self.txn.max(tx.txn);
        self.watermark = self.watermark.max(tx.watermark);
        self.last_time_us = tx.time_us;
        self.end = end;
    }
}

/// What takes the stretches of a lane.
pub(super) trait Taker {
    /// A stretch that begins at `offset` ends before the first frame that stands here or behind.
    fn bound(&self, offset: u64) -> u64;

    fn take(&mut self, stretch: &Stretch) -> crate::Result<()>;
}
