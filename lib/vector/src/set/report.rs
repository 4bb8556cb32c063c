//! What changes of an index came to.

use serde::Serialize;

/// What an addition did.
#[derive(Debug, Clone, Serialize)]
pub struct AddReport {
    /// Rows in the new segment.
    pub added: u64,
    /// Of those, rows that took the place of older ones.
    pub replaced: u64,
    /// Rows left out because their id was there.
    pub kept_old: u64,
    /// Rows left out because they cannot be indexed.
    pub skipped: u64,
    /// Rows of the whole index.
    pub rows: u64,
    pub segments: usize,
    pub generation: u64,
}

/// What a deletion did.
#[derive(Debug, Clone, Serialize)]
pub struct DeleteReport {
    pub deleted: u64,
    /// Ids that no row has.
    pub missing: u64,
    pub rows: u64,
    pub segments: usize,
    pub generation: u64,
}

/// What a compaction did.
#[derive(Debug, Clone, Serialize)]
pub struct CompactReport {
    /// False when there was nothing to fold.
    pub changed: bool,
    pub segments_before: usize,
    pub bytes_before: u64,
    pub bytes: u64,
    /// Rows that deny lists hid and that are gone now.
    pub dropped: u64,
    /// Rows of a compact index that were coded anew, around the mean of the others: a little off what they were.
    pub recoded: u64,
    pub rows: u64,
    pub build_ms: u64,
    pub generation: u64,
}
