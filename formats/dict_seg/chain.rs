//! The chain form: each key coded against the one before it. The smallest, and read from its beginning on.
//!
//! ```text
//! block = widths count base ids key *(shared own text)
//! ```

use std::cmp::Ordering;

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

/// What stands before the keys of a block.
#[derive(Debug, Default)]
struct Front {
    count: usize,
    base: u64,
    ids: usize,
    id_width: usize,
    keys: usize,
}

impl Front {
    #[inline]
    fn parse(bytes: &[u8]) -> Option<Front> {
        let [widths, count, ..] = *bytes else { return None };
        let (widths, count) = (usize::from(widths), usize::from(count));
        if count == 0 || count > MAX_BLOCK_ENTRIES || widths >> WIDTH_TEXT_SHIFT != 0 {
            return None;
        }
        let id_width = (widths >> WIDTH_ID_SHIFT & 7) + 1;
        let base_width = (widths >> WIDTH_BASE_SHIFT & 7) + 1;
        let ids = 2 + base_width;
        Some(Front { count, base: uint(bytes, 2, base_width)?, ids, id_width, keys: ids + id_width * count })
    }

    #[inline(always)]
    fn id(&self, bytes: &[u8], i: usize) -> Option<u64> {
        self.base.checked_add(uint(bytes, self.ids + i * self.id_width, self.id_width)?)
    }
}

/// Unpacks the block that these bytes begin with; its length.
pub(super) fn unpack(bytes: &[u8], into: &mut Unpacked) -> Option<usize> {
    into.clear();
    let front = Front::parse(bytes)?;
    let mut at = front.keys;
    for i in 0..front.count {
        let (shared, text) = take_key(bytes, i, &mut at)?;
        into.push_after(shared, text, front.id(bytes, i)?)?;
    }
    Some(at)
}

/// How much an entry shares with the one before it, and its own text.
#[inline(always)]
fn take_key<'a>(bytes: &'a [u8], i: usize, at: &mut usize) -> Option<(usize, &'a [u8])> {
    // Nearly always both lengths take a byte, and both are there.
    if i > 0
        && let Some(&[shared, own]) = bytes.get(*at..).and_then(<[u8]>::first_chunk)
        && (shared | own) < 0x80
    {
        let from = *at + 2;
        *at = from + usize::from(own);
        return Some((usize::from(shared), bytes.get(from..*at)?));
    }
    let shared = if i == 0 { 0 } else { take(bytes, at)? };
    let own = take(bytes, at)?;
    let text = bytes.get(*at..*at + own)?;
    *at += own;
    Some((shared, text))
}

/// A walk over a block, entry by entry.
#[derive(Debug, Default)]
pub(super) struct Steps {
    front: Front,
    /// The next entry, where its key begins in the block, and the length of the key before it.
    i: usize,
    at: usize,
    len: usize,
}

/// Bytes of an entry's own text that a walk copies at once.
const COPY: usize = 16;

impl Steps {
    /// Begins with the first entry of the block that these bytes begin with, which must have `count` of them.
    #[inline]
    pub fn new(bytes: &[u8], count: usize) -> Option<Steps> {
        let front = Front::parse(bytes).filter(|front| front.count == count)?;
        Some(Steps { i: 0, at: front.keys, len: 0, front })
    }

    /// Puts the next key at the front of `line`, where the one before it stands: its length, and its id. `None` where the
    /// block is damaged.
    #[inline(always)]
    pub fn next(&mut self, bytes: &[u8], line: &mut Vec<u8>) -> Option<(usize, u64)> {
        if self.i >= self.front.count {
            return None;
        }
        let (shared, text) = take_key(bytes, self.i, &mut self.at)?;
        let len = shared + text.len();
        if shared > self.len || len > MAX_KEY_LEN {
            return None;
        }
        let from = self.at - text.len();
        if text.len() <= COPY
            && let Some(text) = bytes.get(from..).and_then(<[u8]>::first_chunk::<COPY>)
            && let Some(to) = line.get_mut(shared..).and_then(<[u8]>::first_chunk_mut::<COPY>)
        {
            *to = *text;
        } else {
            line.resize(line.len().max(len + COPY), 0);
            line.get_mut(shared..len)?.copy_from_slice(text);
        }
        let id = self.front.id(bytes, self.i)?;
        (self.i, self.len) = (self.i + 1, len);
        Some((len, id))
    }
}

/// Appends the key at `place` of a block of `count` entries to `key`; its id. What stands behind it is not read.
pub(super) fn nth(bytes: &[u8], count: usize, place: usize, key: &mut Vec<u8>) -> Option<u64> {
    let front = Front::parse(bytes).filter(|f| f.count == count && place < count)?;
    let (start, mut at) = (key.len(), front.keys);
    for i in 0..=place {
        let (shared, text) = take_key(bytes, i, &mut at)?;
        if shared > key.len() - start || shared + text.len() > MAX_KEY_LEN {
            return None;
        }
        key.truncate(start + shared);
        key.extend_from_slice(text);
    }
    front.id(bytes, place)
}

/// The first of some places of a block whose key is not `before` what is looked for, or where they end; and the id if
/// it is the very key. No key is put together: how far one agrees with what is looked for follows from how far the one
/// before it does.
pub(super) fn find(
    bytes: &[u8],
    count: usize,
    places: std::ops::Range<usize>,
    key: &[u8],
    before: impl Fn(Ordering) -> bool,
) -> Option<(usize, Option<u64>)> {
    let front = Front::parse(bytes).filter(|f| f.count == count)?;
    let mut at = front.keys;
    let (mut len, mut agrees, mut order) = (0, 0, Ordering::Less);
    for i in 0..places.end.min(count) {
        let (shared, text) = take_key(bytes, i, &mut at)?;
        if shared > len {
            return None;
        }
        len = shared + text.len();
        // What it shares beyond the byte in which the last one differs, it differs in, too.
        if shared <= agrees {
            let rest = key.get(shared..)?;
            let more = common(text, rest);
            agrees = shared + more;
            order = text.get(more).cmp(&rest.get(more));
        }
        if i >= places.start && !before(order) {
            let id = if order == Ordering::Equal { Some(front.id(bytes, i)?) } else { None };
            return Some((i, id));
        }
    }
    Some((places.end, None))
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
#[inline(always)]
fn take(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let (v, n) = varint::get(bytes.get(*at..)?)?;
    *at += n;
    usize::try_from(v).ok().filter(|&v| v <= MAX_KEY_LEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_without_putting_any_together() {
        let mut keys: Vec<Vec<u8>> =
            ["", "a", "ab", "abc", "abcd", "abd", "b", "ba", "bab", "bb", "c"].map(Vec::from).into();
        keys.extend((0..40u8).map(|i| vec![b'd', i / 7, i]));
        let entries: Vec<(&[u8], u64)> = keys.iter().zip(7..).map(|(k, id)| (&k[..], id)).collect();
        let mut bytes = Vec::new();
        encode(&mut bytes, &entries);
        let mut asked = keys.clone();
        asked.extend(keys.iter().flat_map(|k| [[&k[..], &[0]].concat(), [&k[..], b"z"].concat()]));
        asked.extend(keys.iter().filter_map(|k| Some(k.split_last()?.1.to_vec())));
        for key in &asked {
            for (from, to) in [(0, keys.len()), (3, keys.len()), (0, 9), (5, 20), (4, 4)] {
                for above in [false, true] {
                    let before = |o: Ordering| o == Ordering::Less || (above && o == Ordering::Equal);
                    let place = (from..to).find(|&i| !before(keys[i].cmp(key))).unwrap_or(to);
                    let id = (place < to && keys[place] == *key).then_some(place as u64 + 7);
                    let found = find(&bytes, keys.len(), from..to, key, before);
                    assert_eq!(found, Some((place, id)), "{key:?} {from}..{to} {above}");
                }
            }
        }
        for (i, want) in keys.iter().enumerate() {
            let mut key = b"x".to_vec();
            assert_eq!(nth(&bytes, keys.len(), i, &mut key), Some(i as u64 + 7));
            assert_eq!(key, [b"x", &want[..]].concat());
        }
        assert_eq!(nth(&bytes, keys.len(), keys.len(), &mut Vec::new()), None);
        assert_eq!(nth(&bytes, keys.len() + 1, 0, &mut Vec::new()), None);
    }
}
