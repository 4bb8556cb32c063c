//! Payloads of the frames that are not operations.

use bincode::{BorrowDecode, Encode};

use super::fast::number;
use super::layout::MAX_NUMBER;
use super::op::{put, take};
use crate::Result;

/// Ends a transaction. In a frame that is a whole transaction it follows the operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, BorrowDecode)]
pub struct CommitInfo {
    /// UTC, microseconds since 1970.
    pub time_us: u64,
    /// Highest LSN that was known to be durable when this was written.
    pub watermark: u64,
    /// Operations of the transaction in this log.
    pub ops: u32,
}

/// Starts a transaction of several frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, BorrowDecode)]
pub struct BeginInfo {
    /// Operations to come.
    pub ops: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, BorrowDecode)]
pub struct AbortInfo {
    /// One of `layout::ABORT_*`.
    pub reason: u8,
}

/// What a recovery left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, BorrowDecode)]
pub struct CutInfo {
    pub segment: u64,
    pub offset: u64,
    pub bytes: u64,
    pub records: u64,
}

/// A durable watermark without a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, BorrowDecode)]
pub struct CheckpointInfo {
    /// One of `layout::CHECKPOINT_*`.
    pub reason: u8,
    pub time_us: u64,
    pub watermark: u64,
    /// The next LSN: higher than the frame's own where LSNs were cut and are not used again.
    pub next_lsn: u64,
    pub next_txn: u64,
    pub cut: Option<CutInfo>,
}

impl CheckpointInfo {
    /// Its numbers are within their limits, and it does not vouch for what it has not seen.
    pub(super) fn in_bounds(&self) -> bool {
        self.next_lsn <= MAX_NUMBER && self.next_txn <= MAX_NUMBER && self.watermark < self.next_lsn
    }
}

macro_rules! payload {
    ($($t:ty),*) => {$(
        impl $t {
            pub fn encode(&self, out: &mut Vec<u8>) {
                put(out, self);
            }

            /// Decodes from the front of `bytes` and moves past it.
            ///
            /// # Errors
            /// `Corrupt`.
            pub fn decode(bytes: &mut &[u8]) -> Result<Self> {
                take(bytes)
            }
        }
    )*};
}

payload!(CommitInfo, BeginInfo, AbortInfo, CheckpointInfo);

impl CommitInfo {
    /// [`CommitInfo::encode`] by hand: every transaction has one.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        number(out, self.time_us);
        number(out, self.watermark);
        number(out, u64::from(self.ops));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_by_hand_has_the_bytes_of_bincode() {
        for n in [0, 250, 251, 65_535, 65_536, u64::from(u32::MAX), u64::from(u32::MAX) + 1, u64::MAX] {
            let info = CommitInfo { time_us: n, watermark: n / 3, ops: n as u32 };
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            info.put(&mut ours);
            info.encode(&mut theirs);
            assert_eq!(ours, theirs);
        }
    }
}
