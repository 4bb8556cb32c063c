//! Key blocks in their three forms: what is common to them.

use super::head::{self, Place};
use super::layout::*;
use super::{chain, plain};

/// How keys are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Each key against the head of its block; references lead to blocks.
    Head,
    /// Each key against the one before it; references are ranks.
    Chain,
    /// Each key whole; references lead to entries.
    Plain,
}

impl Form {
    pub fn of(byte: u8) -> Form {
        match byte {
            FORM_CHAIN => Form::Chain,
            FORM_PLAIN => Form::Plain,
            _ => Form::Head,
        }
    }

    pub fn byte(self) -> u8 {
        match self {
            Form::Head => FORM_HEAD,
            Form::Chain => FORM_CHAIN,
            Form::Plain => FORM_PLAIN,
        }
    }

    /// The unit in which writers of this form count, as a power of two.
    pub fn unit(self) -> u8 {
        match self {
            Form::Head => HEAD_UNIT,
            Form::Chain => 0,
            Form::Plain => PLAIN_UNIT,
        }
    }

    /// Appends the block of `entries` (key, id), sorted and at most [`MAX_BLOCK_ENTRIES`], filled up to a whole unit.
    pub fn encode<K: AsRef<[u8]>>(self, unit: u8, out: &mut Vec<u8>, entries: &[(K, u64)]) {
        let start = out.len();
        match self {
            Form::Head => head::encode(out, entries),
            Form::Chain => chain::encode(out, entries),
            Form::Plain => entries.iter().for_each(|(key, id)| plain::encode(out, key.as_ref(), *id, unit)),
        }
        let whole = (out.len() - start).next_multiple_of(1 << unit);
        out.resize(start + whole, 0);
    }

    /// How many bytes the block, or the plain entry, takes that these bytes begin with, as far as they tell.
    pub fn extent(self, bytes: &[u8]) -> Option<usize> {
        match self {
            Form::Head => head::extent(bytes),
            Form::Chain => chain::unpack(bytes, &mut Unpacked::default()),
            Form::Plain => plain::place(bytes).map(|p| p.to),
        }
    }

    /// How the first key of a block compares with `key`.
    pub fn compare_first(self, bytes: &[u8], key: &[u8]) -> Option<std::cmp::Ordering> {
        Some(self.first(bytes)?.cmp(key))
    }

    /// The first key of the block that these bytes begin with.
    pub fn first(self, bytes: &[u8]) -> Option<&[u8]> {
        match self {
            Form::Head => head::first(bytes),
            Form::Chain => chain::first(bytes),
            Form::Plain => bytes.get(plain::place(bytes).map(|p| p.from..p.to)?),
        }
    }

    /// Unpacks the block that these bytes begin with; how many of them it takes, without what fills its last unit.
    /// `None` where it is damaged. Only the plain form has to be told how many entries there are.
    #[inline]
    pub fn unpack(self, unit: u8, bytes: &[u8], count: usize, into: &mut Unpacked) -> Option<usize> {
        match self {
            Form::Head => head::unpack(bytes, into),
            Form::Chain => chain::unpack(bytes, into),
            Form::Plain => plain::unpack(bytes, count, unit, into),
        }
    }
}

/// The entries of one block, put together.
pub(super) struct Unpacked {
    text: Vec<u8>,
    /// Bytes of `text` in use.
    used: usize,
    /// Where each key ends in `text`; the one before it begins there.
    ends: [u32; MAX_BLOCK_ENTRIES + 1],
    ids: [u64; MAX_BLOCK_ENTRIES],
    pub count: usize,
}

impl Default for Unpacked {
    fn default() -> Self {
        Unpacked { text: Vec::new(), used: 0, ends: [0; MAX_BLOCK_ENTRIES + 1], ids: [0; MAX_BLOCK_ENTRIES], count: 0 }
    }
}

/// Bytes that are copied at once; what is too much is written over by the next key.
const HEAD_COPY: usize = 64;
const TAIL_COPY: usize = 16;

impl Unpacked {
    pub fn clear(&mut self) {
        (self.count, self.used) = (0, 0);
    }

    #[inline]
    pub fn get(&self, i: usize) -> Option<(&[u8], u64)> {
        let (from, to) = (*self.ends.get(i)?, *self.ends.get(i + 1)?);
        Some((self.text.get(from as usize..to as usize)?, *self.ids.get(i)?))
    }

    /// The entries, keys borrowed.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], u64)> {
        (0..self.count).map_while(|i| self.get(i))
    }

    #[inline]
    fn close(&mut self, end: usize, id: u64) -> Option<()> {
        *self.ends.get_mut(self.count + 1)? = end as u32;
        *self.ids.get_mut(self.count)? = id;
        self.count += 1;
        self.used = end;
        Some(())
    }

    /// Adds an entry whose parts stand in `bytes`: what it shares with the head, then its own.
    #[inline(always)]
    pub fn push(&mut self, bytes: &[u8], place: &Place) -> Option<()> {
        let head = place.head;
        let (start, own) = (self.used, place.to - place.from);
        let end = start + place.shared + own;
        if self.text.len() < end + HEAD_COPY + TAIL_COPY {
            if end - start > MAX_KEY_LEN {
                return None;
            }
            self.text.resize((end + HEAD_COPY + TAIL_COPY) * 2, 0);
        }
        if place.shared <= HEAD_COPY
            && own <= TAIL_COPY
            && let Some(shared) = bytes.get(head..).and_then(<[u8]>::first_chunk::<HEAD_COPY>)
            && let Some(tail) = bytes.get(place.from..).and_then(<[u8]>::first_chunk::<TAIL_COPY>)
        {
            *self.text.get_mut(start..)?.first_chunk_mut::<HEAD_COPY>()? = *shared;
            *self.text.get_mut(start + place.shared..)?.first_chunk_mut::<TAIL_COPY>()? = *tail;
        } else {
            if end - start > MAX_KEY_LEN {
                return None;
            }
            let to = self.text.get_mut(start..end)?;
            to[..place.shared].copy_from_slice(bytes.get(head..head + place.shared)?);
            to[place.shared..].copy_from_slice(bytes.get(place.from..place.to)?);
        }
        self.close(end, place.id)
    }

    /// Adds an entry that takes `shared` bytes from the one before it, then `own`.
    #[inline]
    pub fn push_after(&mut self, shared: usize, own: &[u8], id: u64) -> Option<()> {
        let start = self.used;
        let end = start + shared + own.len();
        let last = *self.ends.get(self.count.saturating_sub(1))? as usize;
        if end - start > MAX_KEY_LEN || shared > start - last.min(start) {
            return None;
        }
        if self.text.len() < end {
            self.text.resize(end * 2, 0);
        }
        self.text.copy_within(last..last + shared, start);
        self.text.get_mut(start + shared..end)?.copy_from_slice(own);
        self.close(end, id)
    }
}

/// Bytes that two keys share at their beginning.
pub(super) fn common(a: &[u8], b: &[u8]) -> usize {
    let mut same = 0;
    for (a, b) in a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0) {
        let differs = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if differs != 0 {
            return same + differs.trailing_zeros() as usize / 8;
        }
        same += 8;
    }
    same + a[same..].iter().zip(&b[same..]).take_while(|(a, b)| a == b).count()
}

/// The eight bytes at `at`, zeros where there are fewer.
#[inline(always)]
pub(super) fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let rest = bytes.get(at..)?;
    match rest.first_chunk::<8>() {
        Some(eight) => Some(u64::from_le_bytes(*eight)),
        None => Some(rest.iter().rev().fold(0, |v, &b| v << 8 | u64::from(b))),
    }
}

/// Bytes of a [`Window`]: a block of at most 1024, and what a wide load reads beyond it.
pub(super) const WINDOW_LEN: usize = 1024 + 64;

/// The bytes from the start of a block on. Offsets below 1024 in there need no check of their own.
pub(super) type Window = [u8; WINDOW_LEN];

/// The eight bytes at `at` of a window.
#[inline(always)]
pub(super) fn word_in(window: &Window, at: usize) -> u64 {
    window.get(at & 1023..).and_then(<[u8]>::first_chunk::<8>).map_or(0, |c| u64::from_le_bytes(*c))
}

/// The sixteen bytes at `at` of a window.
#[inline(always)]
fn line_in(window: &Window, at: usize) -> Option<&[u8; 16]> {
    window.get(at & 1023..)?.first_chunk::<16>()
}

/// Whether `key` is what stands at a place of a block: what it shares with the head, then its own.
///
/// Where one part ends and the other begins is known late, when the block has come from memory. So no branch depends on
/// it: sixteen bytes of the key at a time are compared with both parts, and a mask says which comparison counts.
/// `None` where the place does not lie in the window.
#[inline(always)]
pub(super) fn parts_in(window: &Window, place: &Place, key: &[u8]) -> Option<bool> {
    let shared = place.shared;
    // Where the key would begin if all of it were its own text.
    let own = place.from.wrapping_sub(shared);
    let as_long = shared + (place.to - place.from) == key.len();
    let Some(last) = key.len().checked_sub(16) else {
        let text = short(key);
        let mask = (1u32 << shared.min(16)) - 1;
        let (a, b) = (simd::equal(line_in(window, place.head)?, &text), simd::equal(line_in(window, own)?, &text));
        let inside = (1u32 << key.len()) - 1;
        return Some(((a & mask) | (b & !mask)) & inside == inside && as_long);
    };
    if key.len() <= 64 {
        return short_parts_in(window, place, key).map(|is| is && as_long);
    }
    // A key that is longer than a block has no place in one.
    let mut same = if key.len() <= 1024 { 0xFFFF } else { return Some(false) };
    let mut at = 0;
    while at < key.len() {
        let from = at.min(last);
        let text = key.get(from..)?.first_chunk::<16>()?;
        let mask = (1u32 << shared.saturating_sub(from).min(16)) - 1;
        let a = simd::equal(line_in(window, place.head + from)?, text);
        let b = simd::equal(line_in(window, own.wrapping_add(from))?, text);
        same &= (a & mask) | (b & !mask);
        at += 16;
    }
    Some(same == 0xFFFF && as_long)
}

/// [`parts_in`] for a key of 16 to 64 bytes, all comparisons side by side: one bit for each byte of the key.
#[inline(always)]
fn short_parts_in(window: &Window, place: &Place, key: &[u8]) -> Option<bool> {
    let own = place.from.wrapping_sub(place.shared);
    let look = |from: usize, text: &[u8; 16]| {
        let a = simd::equal(line_in(window, place.head + from)?, text);
        let b = simd::equal(line_in(window, own.wrapping_add(from))?, text);
        Some((u64::from(a) << from, u64::from(b) << from))
    };
    let last = key.len() - 16;
    // Where two windows overlap they agree.
    let (first, end) = (look(0, key.first_chunk()?)?, look(last, key.last_chunk()?)?);
    let (mut a, mut b) = (first.0 | end.0, first.1 | end.1);
    if key.len() > 32 {
        let (first, end) = (look(16, key.get(16..)?.first_chunk()?)?, look(last - 16, key.get(..last)?.last_chunk()?)?);
        (a, b) = (a | first.0 | end.0, b | first.1 | end.1);
    }
    let mask = if place.shared < 64 { (1u64 << place.shared) - 1 } else { u64::MAX };
    let inside = u64::MAX >> (64 - key.len());
    Some(((a & mask) | (b & !mask)) & inside == inside)
}

/// As [`parts_in`], of a block that is too long for a window or near the end of the segment.
#[cold]
pub(super) fn parts_are(bytes: &[u8], place: &Place, key: &[u8]) -> Option<bool> {
    let (shared, own) = (bytes.get(place.head..place.head + place.shared)?, bytes.get(place.from..place.to)?);
    Some(key.strip_prefix(shared) == Some(own))
}

/// At most fifteen bytes, zeros behind them: put together in registers, since a load of what was just stored in
/// pieces would wait for all loads before it.
#[inline(always)]
fn short(key: &[u8]) -> [u8; 16] {
    let long = |c: Option<&[u8; 8]>| c.map_or(0, |c| u128::from(u64::from_le_bytes(*c)));
    let int = |c: Option<&[u8; 4]>| c.map_or(0, |c| u128::from(u32::from_le_bytes(*c)));
    let n = key.len();
    let v = match n {
        8.. => long(key.first_chunk()) | long(key.last_chunk()) << (8 * (n - 8)),
        4.. => int(key.first_chunk()) | int(key.last_chunk()) << (8 * (n - 4)),
        _ => key.iter().rev().fold(0, |v, &b| v << 8 | u128::from(b)),
    };
    v.to_le_bytes()
}

/// One wide comparison where the processor has it; every x86-64 does.
mod simd {
    /// One bit for each byte that is the same in both.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub fn equal(a: &[u8; 16], b: &[u8; 16]) -> u32 {
        use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8};
        // SAFETY: SSE2 is part of x86-64 itself, and the loads, which need no alignment, read the sixteen bytes that
        // the arrays have.
        unsafe {
            let (a, b) = (_mm_loadu_si128(a.as_ptr().cast()), _mm_loadu_si128(b.as_ptr().cast()));
            _mm_movemask_epi8(_mm_cmpeq_epi8(a, b)) as u32
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    #[inline]
    pub fn equal(a: &[u8; 16], b: &[u8; 16]) -> u32 {
        (0..).zip(a.iter().zip(b)).fold(0, |mask, (i, (a, b))| mask | u32::from(a == b) << i)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_its_parts_wherever_they_meet() {
        for len in 0..80 {
            let key: Vec<u8> = (0..len).map(|i| i as u8 + 1).collect();
            for shared in 0..=len {
                // The head goes on in its own way behind what is shared.
                let mut window = [0xEE; WINDOW_LEN];
                window[5..5 + shared].copy_from_slice(&key[..shared]);
                let from = 5 + shared + 7;
                let to = from + len - shared;
                window[from..to].copy_from_slice(&key[shared..]);
                let place = Place { head: 5, shared, from, to, id: 0 };
                let is = |key: &[u8]| {
                    let answer = parts_in(&window, &place, key);
                    assert_eq!(answer, parts_are(&window, &place, key));
                    answer.unwrap()
                };
                assert!(is(&key), "{len} {shared}");
                assert!(!is(&[&key[..], b"x"].concat()) && (len == 0 || !is(&key[..len - 1])));
                for wrong in 0..len {
                    let mut other = key.clone();
                    other[wrong] ^= 0x40;
                    assert!(!is(&other), "{len} {shared} {wrong}");
                }
            }
        }
    }
}
