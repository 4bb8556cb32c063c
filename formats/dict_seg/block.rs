//! A key block: a few entries, each coded against the block's first key, so that any one is read alone.

use super::layout::*;
use super::meta::{uint, width_of};

/// Bytes of a shared length: two once a key is longer than one byte can say.
fn shared_width(longest: usize) -> usize {
    if longest > 0xFF { 2 } else { 1 }
}

/// Appends the block of `entries` (key, id), sorted and at most [`MAX_BLOCK_ENTRIES`].
pub(super) fn encode<K: AsRef<[u8]>>(out: &mut Vec<u8>, entries: &[(K, u64)]) {
    let Some((head, _)) = entries.first() else { return };
    let head = head.as_ref();
    let mut shared = [0u16; MAX_BLOCK_ENTRIES];
    let mut ends = [0u32; MAX_BLOCK_ENTRIES];
    let (mut at, mut longest, mut low, mut high) = (0, 0, u64::MAX, 0);
    for (i, (key, id)) in entries.iter().enumerate() {
        let key = key.as_ref();
        let same = if i == 0 { 0 } else { common(head, key) };
        at += key.len() - same;
        (shared[i], ends[i]) = (same as u16, at as u32);
        longest = longest.max(key.len());
        (low, high) = (low.min(*id), high.max(*id));
    }
    let (base_width, id_width, end_width) = (width_of(low), width_of(high - low), width_of(at as u64));
    let shared_width = shared_width(longest);
    let form =
        (id_width - 1) << FORM_ID_SHIFT | (base_width - 1) << FORM_BASE_SHIFT | (end_width - 1) << FORM_END_SHIFT;
    let wide = if shared_width == 2 { COUNT_WIDE } else { 0 };
    out.extend([form as u8, entries.len() as u8 | wide]);
    out.extend(&low.to_le_bytes()[..base_width]);
    ends[..entries.len()].iter().for_each(|e| out.extend(&e.to_le_bytes()[..end_width]));
    shared[1..entries.len().max(1)].iter().for_each(|s| out.extend(&s.to_le_bytes()[..shared_width]));
    entries.iter().for_each(|(_, id)| out.extend(&(id - low).to_le_bytes()[..id_width]));
    entries.iter().zip(&shared).for_each(|((key, _), &same)| out.extend(&key.as_ref()[usize::from(same)..]));
}

/// Bytes that two keys share at their beginning.
fn common(a: &[u8], b: &[u8]) -> usize {
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

/// Whether two strings of one length are the same; inline, since most keys are too short to be worth a call.
#[inline]
fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    if a.len() < 16 {
        let half = |bytes: &[u8]| {
            let first = bytes.first_chunk::<8>().map(|c| u64::from_le_bytes(*c));
            first.zip(bytes.last_chunk::<8>().map(|c| u64::from_le_bytes(*c)))
        };
        return match (half(a), half(b)) {
            (Some(a), Some(b)) => a == b,
            _ => a == b,
        };
    }
    let whole = a.as_chunks::<16>().0.iter().zip(b.as_chunks::<16>().0);
    let differs = whole.fold(0, |d, (a, b)| d | (u128::from_le_bytes(*a) ^ u128::from_le_bytes(*b)));
    differs == 0 && a.last_chunk::<16>() == b.last_chunk::<16>()
}

/// A parsed block. Bounds are checked where they are used: a block of a damaged file gives `None`, never more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block<'a> {
    count: usize,
    base: u64,
    base_width: usize,
    id_width: usize,
    end_width: usize,
    shared_width: usize,
    /// Where each key's own part ends in `texts`.
    ends: &'a [u8],
    /// What each key but the first shares with the first.
    shared: &'a [u8],
    ids: &'a [u8],
    texts: &'a [u8],
}

impl<'a> Block<'a> {
    /// Parses the block that these bytes begin with. `None` when they do not begin with one.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Option<Block<'a>> {
        let [form, count, ..] = *bytes else { return None };
        let shared_width = if count & COUNT_WIDE == 0 { 1 } else { 2 };
        let count = usize::from(count & !COUNT_WIDE);
        let end_width = usize::from(form >> FORM_END_SHIFT) + 1;
        if count == 0 || count > MAX_BLOCK_ENTRIES || end_width > 3 {
            return None;
        }
        let id_width = usize::from(form >> FORM_ID_SHIFT & 7) + 1;
        let base_width = usize::from(form >> FORM_BASE_SHIFT & 7) + 1;
        let base = uint(bytes, 2, base_width)?;
        let (ends, rest) = bytes.get(2 + base_width..)?.split_at_checked(end_width * count)?;
        let (shared, rest) = rest.split_at_checked(shared_width * (count - 1))?;
        let (ids, texts) = rest.split_at_checked(id_width * count)?;
        Some(Block { count, base, base_width, id_width, end_width, shared_width, ends, shared, ids, texts })
    }

    pub fn count(&self) -> usize {
        self.count
    }

    #[inline]
    pub fn id(&self, i: usize) -> Option<u64> {
        // A load of eight bytes may run over the ids only where `uint` sees the end of their slice.
        self.base.checked_add(uint(self.ids, i.checked_mul(self.id_width)?, self.id_width)?)
    }

    #[inline]
    fn end(&self, i: usize) -> Option<usize> {
        if self.end_width == 1 {
            return self.ends.get(i).map(|&b| usize::from(b));
        }
        Some(uint(self.ends, i * self.end_width, self.end_width)? as usize)
    }

    #[inline]
    fn shared(&self, i: usize) -> Option<usize> {
        let at = i.wrapping_sub(1);
        if self.shared_width == 1 {
            return self.shared.get(at).map(|&b| usize::from(b));
        }
        Some(uint(self.shared, at.checked_mul(2)?, 2)? as usize)
    }

    /// The key of the first entry.
    #[inline]
    pub fn head(&self) -> Option<&'a [u8]> {
        self.texts.get(..self.end(0)?)
    }

    /// The two parts of a key: what it shares with the head, and the rest.
    #[inline]
    pub fn key(&self, i: usize) -> Option<(&'a [u8], &'a [u8])> {
        if i == 0 {
            return Some((&[], self.head()?));
        }
        let tail = self.texts.get(self.end(i - 1)?..self.end(i)?)?;
        let shared = self.shared(i)?;
        // The head ends where the first key does; a longer share would be text of another key.
        Some((self.head()?.get(..shared)?, tail))
    }

    /// Whether key `i` is `key`.
    #[inline]
    pub fn is_key(&self, i: usize, key: &[u8]) -> Option<bool> {
        let (shared, tail) = self.key(i)?;
        if key.len() != shared.len() + tail.len() {
            return Some(false);
        }
        let (first, rest) = key.split_at(shared.len());
        Some(same(first, shared) & self.same_tail(key, rest.len(), tail))
    }

    /// Whether the last `len` bytes of `key` are `tail`, a part of this block's texts. How long a tail is differs from
    /// key to key, and a branch on it would have to wait for the block: so the last sixteen bytes are compared at once,
    /// and those before the tail are shifted out.
    #[inline]
    fn same_tail(&self, key: &[u8], len: usize, tail: &[u8]) -> bool {
        let end = tail.as_ptr() as usize + tail.len() - self.texts.as_ptr() as usize;
        let last = |bytes: &[u8]| bytes.last_chunk::<16>().map(|c| u128::from_le_bytes(*c));
        match (last(key), self.texts.get(..end).and_then(last)) {
            (Some(a), Some(b)) if len <= 16 => (a ^ b).checked_shr(128 - 8 * len as u32).unwrap_or(0) == 0,
            _ => same(&key[key.len() - len..], tail),
        }
    }

    /// How key `i` compares with `key`.
    pub fn compare(&self, i: usize, key: &[u8]) -> Option<std::cmp::Ordering> {
        let (shared, tail) = self.key(i)?;
        let (first, rest) = key.split_at(shared.len().min(key.len()));
        Some(shared.cmp(first).then_with(|| tail.cmp(rest)))
    }

    /// Bytes of the whole block.
    pub fn len(&self) -> Option<usize> {
        let fields = 2 + self.base_width + self.ends.len() + self.shared.len() + self.ids.len();
        let texts = self.end(self.count - 1)?;
        (texts <= self.texts.len()).then_some(fields + texts)
    }

    /// Whether widths are no wider and shared parts no shorter than they must be: one block, one coding.
    pub fn is_canonical(&self) -> Option<bool> {
        let head = self.head()?;
        let mut longest = head.len();
        let (mut low, mut high) = (u64::MAX, 0);
        for i in 0..self.count {
            let (shared, tail) = self.key(i)?;
            longest = longest.max(shared.len() + tail.len());
            let next = head.get(shared.len());
            if i > 0 && next.is_some() && next == tail.first() {
                return Some(false);
            }
            low = low.min(self.id(i)?);
            high = high.max(self.id(i)?);
        }
        let ends = width_of(self.end(self.count - 1)? as u64);
        let widths = (self.shared_width, self.id_width, self.base_width, self.end_width);
        Some(low == self.base && widths == (shared_width(longest), width_of(high - low), width_of(low), ends))
    }
}
