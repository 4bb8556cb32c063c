//! The plain form: each entry stands for itself, so that a lookup reads a line or two.
//!
//! ```text
//! entry = widths length id key
//! ```

use super::block::{Unpacked, Window, parts_are, parts_in, word, word_in};
use super::head::{Place, mask};
use super::layout::*;
use super::meta::{uint, width_of};

/// Appends an entry, filled up to a whole unit.
pub(super) fn encode(out: &mut Vec<u8>, key: &[u8], id: u64, unit: u8) {
    let start = out.len();
    let id_width = width_of(id);
    let long = key.len() > 0xFF;
    out.push((id_width - 1) as u8 | if long { PLAIN_LONG } else { 0 });
    out.extend(&(key.len() as u32).to_le_bytes()[..if long { 3 } else { 1 }]);
    out.extend(&id.to_le_bytes()[..id_width]);
    out.extend(key);
    let whole = (out.len() - start).next_multiple_of(1 << unit);
    out.resize(start + whole, 0);
}

/// Bytes of an entry with what fills its last unit.
pub(super) fn entry_len(key: usize, id: u64, unit: u8) -> usize {
    (1 + if key > 0xFF { 3 } else { 1 } + width_of(id) + key).next_multiple_of(1 << unit)
}

/// The entry that these bytes begin with.
#[inline(always)]
pub(super) fn place(bytes: &[u8]) -> Option<Place> {
    let first = word(bytes, 0)?;
    let long = usize::from(first as u8 & PLAIN_LONG != 0);
    let id_width = (first as usize & 7) + 1;
    let len = (first >> 8) as usize & (0xFF | (0xFF_FF00 * long));
    let id_at = 2 + 2 * long;
    let from = id_at + id_width;
    (first & 0xF0 == 0 && len <= MAX_KEY_LEN).then_some(())?;
    Some(Place { head: from, shared: 0, from, to: from + len, id: uint(bytes, id_at, id_width)? })
}

/// As [`place`], of an entry whose key is short: `None` for others. No branch depends on what the entry says but whether it is
/// one.
#[inline(always)]
pub(super) fn place_in(window: &Window) -> Option<Place> {
    let first = word_in(window, 0);
    let id_width = (first as usize & 7) + 1;
    let (from, len) = (2 + id_width, (first >> 8 & 0xFF) as usize);
    let id = word_in(window, 2) & mask(id_width);
    (first & 0xF8 == 0).then_some(Place { head: from, shared: 0, from, to: from + len, id })
}

/// As [`super::head::id_if_key`], of the entry that these bytes begin with.
#[inline(always)]
pub(super) fn id_if_key(bytes: &[u8], key: &[u8]) -> Option<Option<u64>> {
    let place = place(bytes)?;
    let is = match bytes.first_chunk() {
        Some(window) if place.to <= 1024 => parts_in(window, &place, key)?,
        _ => parts_are(bytes, &place, key)?,
    };
    Some(is.then_some(place.id))
}

/// Appends the key of the entry that these bytes begin with; its id.
#[inline(always)]
pub(super) fn append(bytes: &[u8], out: &mut Vec<u8>) -> Option<u64> {
    const COPY: usize = 64;
    let place = place(bytes)?;
    let (start, len) = (out.len(), place.to - place.from);
    // A copy of a fixed size does not wait for the length, which comes from memory; its end is cut off again.
    if len <= COPY
        && let Some(key) = bytes.get(place.from..).and_then(<[u8]>::first_chunk::<COPY>)
    {
        out.extend_from_slice(key);
        out.truncate(start + len);
    } else {
        out.extend_from_slice(bytes.get(place.from..place.to)?);
    }
    Some(place.id)
}

/// As [`append`], of a key of at most 64 bytes that does not stand near the end of the file; `None` otherwise.
#[inline(always)]
pub(super) fn append_short(bytes: &[u8], out: &mut Vec<u8>) -> Option<u64> {
    const COPY: usize = 64;
    let entry = bytes.first_chunk::<{ 2 + 8 + COPY }>()?;
    let first = u64::from_le_bytes(*entry.first_chunk()?);
    let (id_width, len) = ((first & 7) as usize + 1, (first >> 8 & 0xFF) as usize);
    if first & 0xF8 != 0 || len > COPY {
        return None;
    }
    let id = u64::from_le_bytes(*entry.get(2..)?.first_chunk()?) & mask(id_width);
    let start = out.len();
    out.extend_from_slice(entry.get(2 + id_width..)?.first_chunk::<COPY>()?);
    out.truncate(start + len);
    Some(id)
}

/// Where the key of the entry at `at` of a block begins and ends, its id, and where the next entry begins.
#[inline(always)]
pub(super) fn step(bytes: &[u8], at: usize, unit: u8) -> Option<(usize, usize, u64, usize)> {
    let rest = bytes.get(at..)?;
    let place = place(rest)?;
    let to = at + place.to;
    (place.to <= rest.len()).then_some((at + place.from, to, place.id, to.next_multiple_of(1 << unit)))
}

/// Unpacks `count` entries; the length of all but what fills the last one's unit.
#[inline]
pub(super) fn unpack(bytes: &[u8], count: usize, unit: u8, into: &mut Unpacked) -> Option<usize> {
    into.clear();
    let (mut at, mut end) = (0, 0);
    for _ in 0..count {
        let rest = bytes.get(at..)?;
        let place = place(rest)?;
        if place.to > rest.len() {
            return None;
        }
        into.push_after(0, rest.get(place.from..place.to)?, place.id)?;
        end = at + place.to;
        at = end.next_multiple_of(1 << unit);
    }
    Some(end)
}
