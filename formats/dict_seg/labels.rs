//! The label table: sorted labels, each with the rank of its first entry.

use super::layout::*;
use super::meta::uint;

/// Encodes the table of `labels` (text, first rank), sorted, for `entries` entries.
pub(super) fn encode(labels: &[(&[u8], u64)], entries: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let mut text = 0u64;
    for (label, first) in labels {
        out.extend(first.to_le_bytes());
        out.extend(text.to_le_bytes());
        text += label.len() as u64;
    }
    out.extend(entries.to_le_bytes());
    out.extend(text.to_le_bytes());
    labels.iter().for_each(|(label, _)| out.extend(*label));
    out
}

/// First rank and text offset in row `i` of the table.
#[inline]
pub(super) fn row(row: &[u8]) -> Option<(u64, u64)> {
    Some((uint(row, 0, 8)?, uint(row, 8, 8)?))
}

/// Bytes of the rows of a table of `labels`, the closing row included.
pub(super) fn rows_len(labels: u64) -> Option<usize> {
    usize::try_from(labels.checked_add(1)?).ok()?.checked_mul(LABEL_ROW_LEN)
}
