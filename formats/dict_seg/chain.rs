//! The chain form: each key coded against the one before it. The smallest, and read from its beginning on.
//!
//! ```text
//! block = widths count base ids key *(shared own text)
//! ```

use super::block::{Unpacked, common};
use super::layout::*;
use super::meta::{uint, width_of};
use crate::container::varint;

/// Appends the block of `entries` (key, id), sorted and at most [`MAX_BLOCK_ENTRIES`].
pub(super) fn encode<K: AsRef<[u8]>>(out: &mut Vec<u8>, entries: &[(K, u64)]) {
    let Some(low) = entries.iter().map(|e| e.1).min() else { return };
    let high = entries.iter().map(|e| e.1).max().unwrap_or(low);
    let (base_width, id_width) = (width_of(low), width_of(high - low));
    out.extend([((id_width - 1) << WIDTH_ID_SHIFT | (base_width - 1) << WIDTH_BASE_SHIFT) as u8, entries.len() as u8]);
    out.extend(&low.to_le_bytes()[..base_width]);
    entries.iter().for_each(|(_, id)| out.extend(&(id - low).to_le_bytes()[..id_width]));
    let mut last: &[u8] = &[];
    for (i, (key, _)) in entries.iter().enumerate() {
        let key = key.as_ref();
        let shared = if i == 0 { 0 } else { common(last, key) };
        if i > 0 {
            varint::put(out, shared as u64);
        }
        varint::put(out, (key.len() - shared) as u64);
        out.extend(&key[shared..]);
        last = key;
    }
}

/// Unpacks the block that these bytes begin with; its length.
pub(super) fn unpack(bytes: &[u8], into: &mut Unpacked) -> Option<usize> {
    into.clear();
    let [widths, count, ..] = *bytes else { return None };
    let (widths, count) = (usize::from(widths), usize::from(count));
    if count == 0 || count > MAX_BLOCK_ENTRIES || widths >> WIDTH_TEXT_SHIFT != 0 {
        return None;
    }
    let id_width = (widths >> WIDTH_ID_SHIFT & 7) + 1;
    let base_width = (widths >> WIDTH_BASE_SHIFT & 7) + 1;
    let base = uint(bytes, 2, base_width)?;
    let ids = 2 + base_width;
    let mut at = ids + id_width * count;
    for i in 0..count {
        let shared = if i == 0 { 0 } else { take(bytes, &mut at)? };
        let own = take(bytes, &mut at)?;
        let text = bytes.get(at..at + own)?;
        at += own;
        let id = base.checked_add(uint(bytes, ids + i * id_width, id_width)?)?;
        into.push_after(shared, text, id)?;
    }
    Some(at)
}

/// The key of the first entry.
pub(super) fn first(bytes: &[u8]) -> Option<&[u8]> {
    let [widths, count, ..] = *bytes else { return None };
    let (widths, count) = (usize::from(widths), usize::from(count));
    let mut at = 2 + (widths >> WIDTH_BASE_SHIFT & 7) + 1 + ((widths >> WIDTH_ID_SHIFT & 7) + 1) * count;
    let own = take(bytes, &mut at)?;
    bytes.get(at..at + own)
}

/// A length, at most that of a key.
#[inline]
fn take(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let (v, n) = varint::get(bytes.get(*at..)?)?;
    *at += n;
    usize::try_from(v).ok().filter(|&v| v <= MAX_KEY_LEN)
}
