//! The label table: sorted labels, each with rank and reference of its first entry.

use std::cmp::Ordering;

use super::layout::*;
use super::meta::uint;

/// How two labels compare. Most are empty, and an empty slice may stand nowhere. To compare nothing that stands nowhere is a
/// load under an empty mask, of which a processor with AVX-512 takes more than a hundred nanoseconds to find out that it
/// does not fault: half of what a build took.
#[inline]
pub fn compare_labels(a: &[u8], b: &[u8]) -> Ordering {
    if a.is_empty() || b.is_empty() { a.len().cmp(&b.len()) } else { a.cmp(b) }
}

/// Whether two labels are the same, as [`compare_labels`] finds out.
#[inline]
pub fn same_label(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && (a.is_empty() || a == b)
}

/// What a row says of a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    /// Rank of its first entry.
    pub rank: u64,
    /// Reference to its first entry.
    pub reference: u64,
    /// Where its text begins.
    pub text: u64,
}

/// Encodes the table of `labels` (text, first rank, first reference), sorted; `end` are rank and reference behind the
/// last entry.
pub(super) fn encode(labels: &[(&[u8], u64, u64)], end: (u64, u64)) -> Vec<u8> {
    let mut out = Vec::new();
    let mut text = 0u64;
    let mut row =
        |rank: u64, reference: u64, text: u64| [rank, reference, text].iter().for_each(|v| out.extend(v.to_le_bytes()));
    for (label, rank, reference) in labels {
        row(*rank, *reference, text);
        text += label.len() as u64;
    }
    row(end.0, end.1, text);
    labels.iter().for_each(|(label, ..)| out.extend(*label));
    out
}

/// A row of the table.
#[inline]
pub(super) fn row(row: &[u8]) -> Option<Row> {
    Some(Row { rank: uint(row, 0, 8)?, reference: uint(row, 8, 8)?, text: uint(row, 16, 8)? })
}

/// Bytes of the rows of a table of `labels`, the closing row included.
pub(super) fn rows_len(labels: u64) -> Option<usize> {
    usize::try_from(labels.checked_add(1)?).ok()?.checked_mul(LABEL_ROW_LEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_compare_as_bytes_do() {
        let labels = [&b""[..], b"\0", b"a", b"aa", b"b", b"\xFF"];
        for a in labels {
            for b in labels {
                assert_eq!((compare_labels(a, b), same_label(a, b)), (a.cmp(b), a == b), "{a:?} {b:?}");
            }
        }
    }
}
