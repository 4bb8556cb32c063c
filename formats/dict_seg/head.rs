//! The head form of a block: each key coded against the block's first one, so that any is read alone.
//!
//! ```text
//! block  = widths count base *record end texts
//! record = start shared id
//! ```
//!
//! A lookup makes few loads, none of which waits for another but the first, and takes no branch that depends on what
//! they bring: so the processor can begin the next lookup while it waits for this one.

use super::block::{Unpacked, Window, common, parts_are, parts_in, word, word_in};
use super::layout::*;
use super::meta::{uint, width_of};

/// Appends the block of `entries` (key, id), sorted and at most [`MAX_BLOCK_ENTRIES`].
pub(super) fn encode<K: AsRef<[u8]>>(out: &mut Vec<u8>, entries: &[(K, u64)]) {
    let Some((head, _)) = entries.first() else { return };
    let head = head.as_ref();
    let mut shared = [0u32; MAX_BLOCK_ENTRIES];
    let (mut len, mut low, mut high) = (0, u64::MAX, 0);
    for (i, (key, id)) in entries.iter().enumerate() {
        let key = key.as_ref();
        let same = if i == 0 { 0 } else { common(head, key) };
        shared[i] = same as u32;
        len += key.len() - same;
        (low, high) = (low.min(*id), high.max(*id));
    }
    let (base_width, id_width, width) = (width_of(low), width_of(high - low), width_of(len as u64));
    let widths =
        (id_width - 1) << WIDTH_ID_SHIFT | (base_width - 1) << WIDTH_BASE_SHIFT | (width - 1) << WIDTH_TEXT_SHIFT;
    out.extend([widths as u8, entries.len() as u8]);
    out.extend(&low.to_le_bytes()[..base_width]);
    let mut at = 0u32;
    for ((key, id), shared) in entries.iter().zip(shared) {
        if 2 * width + id_width <= 8 {
            // One store of a fixed size, of which the end is cut off again.
            let record = u64::from(at) | u64::from(shared) << (8 * width) | (id - low) << (16 * width);
            let end = out.len() + 2 * width + id_width;
            out.extend_from_slice(&record.to_le_bytes());
            out.truncate(end);
        } else {
            out.extend(&at.to_le_bytes()[..width]);
            out.extend(&shared.to_le_bytes()[..width]);
            out.extend(&(id - low).to_le_bytes()[..id_width]);
        }
        at += key.as_ref().len() as u32 - shared;
    }
    out.extend(&at.to_le_bytes()[..width]);
    entries.iter().zip(shared).for_each(|((key, _), same)| out.extend(&key.as_ref()[same as usize..]));
}

/// Where the parts of a block stand in it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Head {
    pub count: usize,
    pub base: u64,
    pub id_width: usize,
    /// Bytes of a start, and of a shared length.
    pub width: usize,
    pub records: usize,
    pub texts: usize,
}

/// One entry: where the block's first key begins, how much of it is shared, where the own text begins and ends, the id.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub head: usize,
    pub shared: usize,
    pub from: usize,
    pub to: usize,
    pub id: u64,
}

/// The low 1 to 8 bytes of a word.
const MASKS: [u64; 8] = {
    let mut masks = [0; 8];
    let mut i = 0;
    while i < 8 {
        masks[i] = u64::MAX >> (56 - 8 * i);
        i += 1;
    }
    masks
};

#[inline(always)]
pub(super) fn mask(width: usize) -> u64 {
    MASKS[(width - 1) & 7]
}

impl Head {
    /// What the first bytes of a block say: `first` are those from its start on, `base` those behind the count.
    #[inline(always)]
    fn new(first: u64, base: u64) -> Head {
        let widths = first as usize;
        let count = widths >> 8 & 0xFF;
        let id_width = (widths >> WIDTH_ID_SHIFT & 7) + 1;
        let base_width = (widths >> WIDTH_BASE_SHIFT & 7) + 1;
        let width = (widths >> WIDTH_TEXT_SHIFT & 3) + 1;
        let records = 2 + base_width;
        let texts = records + count * (2 * width + id_width) + width;
        Head { count, base: base & mask(base_width), id_width, width, records, texts }
    }

    /// Parses the block that these bytes begin with. `None` when they do not begin with one.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Option<Head> {
        let head = Head::new(word(bytes, 0)?, word(bytes, 2)?);
        (head.count > 0 && head.count <= MAX_BLOCK_ENTRIES && head.width <= 3).then_some(head)
    }

    /// Where an entry is.
    #[inline]
    fn place(&self, bytes: &[u8], i: usize) -> Option<Place> {
        if i >= self.count {
            return None;
        }
        let stride = 2 * self.width + self.id_width;
        let at = self.records + i * stride;
        let start = |at: usize| Some(uint(bytes, at, self.width)? as usize);
        let (from, to, shared) = (start(at)?, start(at + stride)?, start(at + self.width)?);
        let head_len = start(self.records + stride)?;
        let id = self.base.checked_add(uint(bytes, at + 2 * self.width, self.id_width)?)?;
        // A start is at most three bytes: nothing here overflows.
        let holds = from <= to && shared <= head_len && (i > 0 || from + shared == 0);
        holds.then_some(Place { head: self.texts, shared, from: self.texts + from, to: self.texts + to, id })
    }

    /// As [`Head::place`], where the block lies in a window. `None` when it does not, or is damaged.
    #[inline(always)]
    pub fn place_in(window: &Window, i: usize) -> Option<Place> {
        let head = Head::new(word_in(window, 0), word_in(window, 2));
        let stride = 2 * head.width + head.id_width;
        let at = head.records + i * stride;
        let record = word_in(window, at);
        let starts = mask(head.width);
        let from = (record & starts) as usize;
        let shared = (record >> (8 * head.width) & starts) as usize;
        let id = head.base.wrapping_add(record >> ((16 * head.width) & 63) & mask(head.id_width));
        let to = (word_in(window, at + stride) & starts) as usize;
        let fits = (i < head.count) & (stride <= 8) & (from <= to) & (head.texts + to <= WINDOW);
        fits.then_some(Place { head: head.texts, shared, from: head.texts + from, to: head.texts + to, id })
    }
}

/// Bytes of a block, at most, that is read through a window.
const WINDOW: usize = 1024;

/// The id at place `i` of a block, if its key is `key`: `Some(None)` for another key, `None` for a damaged block.
#[inline(always)]
pub(super) fn id_if_key(bytes: &[u8], i: usize, key: &[u8]) -> Option<Option<u64>> {
    if let Some(window) = bytes.first_chunk()
        && let Some(place) = Head::place_in(window, i)
        && let Some(is) = parts_in(window, &place, key)
    {
        return Some(is.then_some(place.id));
    }
    id_if_key_slowly(bytes, i, key)
}

#[cold]
fn id_if_key_slowly(bytes: &[u8], i: usize, key: &[u8]) -> Option<Option<u64>> {
    let place = Head::parse(bytes)?.place(bytes, i)?;
    Some(parts_are(bytes, &place, key)?.then_some(place.id))
}

/// The id at place `i` of a block.
pub(super) fn id(bytes: &[u8], i: usize) -> Option<u64> {
    Some(Head::parse(bytes)?.place(bytes, i)?.id)
}

/// Appends the key at place `i` of a block; its id.
#[inline(always)]
pub(super) fn append(bytes: &[u8], i: usize, out: &mut Vec<u8>) -> Option<u64> {
    const HEAD: usize = 64;
    const TAIL: usize = 32;
    // Copies of a fixed size, of which the end is cut off again: how long the parts are is known late, and a copy that
    // has to ask for it waits.
    if let Some(window) = bytes.first_chunk::<{ super::block::WINDOW_LEN }>()
        && let Some(place) = Head::place_in(window, i)
        && place.shared <= HEAD
        && place.to - place.from <= TAIL
    {
        let (start, len) = (out.len(), place.shared + place.to - place.from);
        out.resize(start + HEAD + TAIL, 0);
        let to = out.get_mut(start..).and_then(<[u8]>::first_chunk_mut::<{ HEAD + TAIL }>)?;
        let head = window.get(place.head & (WINDOW - 1)..)?.first_chunk::<HEAD>()?;
        let tail = window.get(place.from & (WINDOW - 1)..)?.first_chunk::<TAIL>()?;
        to[..HEAD].copy_from_slice(head);
        to.get_mut(place.shared..)?.first_chunk_mut::<TAIL>()?.copy_from_slice(tail);
        out.truncate(start + len);
        return Some(place.id);
    }
    append_slowly(bytes, i, out)
}

#[cold]
fn append_slowly(bytes: &[u8], i: usize, out: &mut Vec<u8>) -> Option<u64> {
    let place = Head::parse(bytes)?.place(bytes, i)?;
    let (shared, own) = (bytes.get(place.head..place.head + place.shared)?, bytes.get(place.from..place.to)?);
    out.extend_from_slice(shared);
    out.extend_from_slice(own);
    Some(place.id)
}

/// Bytes of the block that these begin with, as far as its fields tell.
pub(super) fn extent(bytes: &[u8]) -> Option<usize> {
    let head = Head::parse(bytes)?;
    Some(head.place(bytes, head.count - 1).map_or(head.texts, |last| last.to))
}

/// The key of the first entry.
pub(super) fn first(bytes: &[u8]) -> Option<&[u8]> {
    let place = Head::parse(bytes)?.place(bytes, 0)?;
    bytes.get(place.from..place.to)
}

/// A walk over a block, entry by entry.
#[derive(Debug, Default)]
pub(super) struct Steps {
    head: Head,
    /// The next entry, and where its record begins.
    i: usize,
    at: usize,
    stride: usize,
}

impl Steps {
    /// Begins at place `i` of the block that these bytes begin with, which must have `count` entries.
    #[inline]
    pub fn new(bytes: &[u8], count: usize, i: usize) -> Option<Steps> {
        let head = Head::parse(bytes).filter(|head| head.count == count && i < count)?;
        let stride = 2 * head.width + head.id_width;
        Some(Steps { head, i, at: head.records + i * stride, stride })
    }

    /// Puts the next key at the front of `line`: its length, and its id. `None` where the block is damaged.
    #[inline(always)]
    pub fn next(&mut self, bytes: &[u8], line: &mut Vec<u8>) -> Option<(usize, u64)> {
        let head = &self.head;
        if let Some(window) = bytes.first_chunk::<{ super::block::WINDOW_LEN }>()
            && let Some(line) = line.first_chunk_mut::<{ LINE_HEAD + LINE_TAIL }>()
        {
            let (record, next) = (word_in(window, self.at), word_in(window, self.at + self.stride));
            let starts = mask(head.width);
            let (from, to) = ((record & starts) as usize, (next & starts) as usize);
            let shared = (record >> (8 * head.width) & starts) as usize;
            let own = to.wrapping_sub(from);
            if (self.i < head.count)
                & (self.stride <= 8)
                & (own <= LINE_TAIL)
                & (shared <= LINE_HEAD)
                & (head.texts + to <= WINDOW)
            {
                let id = head.base.checked_add(record >> ((16 * head.width) & 63) & mask(head.id_width))?;
                let first = window.get(head.texts & (WINDOW - 1)..)?.first_chunk::<LINE_HEAD>()?;
                let tail = window.get((head.texts + from) & (WINDOW - 1)..)?.first_chunk::<LINE_TAIL>()?;
                line[..LINE_HEAD].copy_from_slice(first);
                line.get_mut(shared..)?.first_chunk_mut::<LINE_TAIL>()?.copy_from_slice(tail);
                (self.i, self.at) = (self.i + 1, self.at + self.stride);
                return Some((shared + own, id));
            }
        }
        self.next_slowly(bytes, line)
    }

    #[cold]
    fn next_slowly(&mut self, bytes: &[u8], line: &mut Vec<u8>) -> Option<(usize, u64)> {
        let place = self.head.place(bytes, self.i)?;
        let (shared, own) = (bytes.get(place.head..place.head + place.shared)?, bytes.get(place.from..place.to)?);
        let len = shared.len() + own.len();
        if len > MAX_KEY_LEN {
            return None;
        }
        line.resize(line.len().max(len).max(LINE_HEAD + LINE_TAIL), 0);
        line.get_mut(..shared.len())?.copy_from_slice(shared);
        line.get_mut(shared.len()..len)?.copy_from_slice(own);
        (self.i, self.at) = (self.i + 1, self.at + self.stride);
        Some((len, place.id))
    }
}

/// Bytes of the head, and of an entry's own text, that a walk copies at once.
const LINE_HEAD: usize = 64;
const LINE_TAIL: usize = 32;

/// Unpacks a block; its length.
#[inline]
pub(super) fn unpack(bytes: &[u8], into: &mut Unpacked) -> Option<usize> {
    let head = Head::parse(bytes)?;
    into.clear();
    let stride = 2 * head.width + head.id_width;
    let (starts, ids) = (mask(head.width), mask(head.id_width));
    let simple = stride <= 8;
    let mut to = 0;
    for i in 0..head.count {
        let at = head.records + i * stride;
        let place = match (simple, word(bytes, at), word(bytes, at + stride)) {
            (true, Some(record), Some(next)) => {
                let from = (record & starts) as usize;
                let shared = (record >> (8 * head.width) & starts) as usize;
                let id = head.base.checked_add(record >> ((16 * head.width) & 63) & ids)?;
                let to = (next & starts) as usize;
                if from > to || (i == 0 && from + shared > 0) {
                    return None;
                }
                Place { head: head.texts, shared, from: head.texts + from, to: head.texts + to, id }
            }
            _ => head.place(bytes, i)?,
        };
        into.push(bytes, &place)?;
        to = place.to;
    }
    Some(to)
}
