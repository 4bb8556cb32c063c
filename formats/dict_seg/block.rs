//! A key block: up to sixteen entries, each coded against the block's first key, so that any one is read alone.

use super::layout::*;
use super::meta::{uint, width_of};

/// Appends the block of `entries` (key, id), sorted and at most [`BLOCK_ENTRIES`].
pub(super) fn encode(out: &mut Vec<u8>, entries: &[(&[u8], u64)]) {
    let Some(&(head, _)) = entries.first() else { return };
    let shared: Vec<usize> = entries[1..].iter().map(|(key, _)| common(head, key)).collect();
    let wide = entries.iter().any(|(key, _)| key.len() > 0xFF);
    let base = entries.iter().map(|&(_, id)| id).min().unwrap_or(0);
    let span = entries.iter().map(|&(_, id)| id - base).max().unwrap_or(0);
    let (base_width, id_width) = (width_of(base), width_of(span));
    let form = u8::from(wide) | ((id_width as u8 - 1) << FORM_ID_SHIFT) | ((base_width as u8 - 1) << FORM_BASE_SHIFT);
    out.extend([form, entries.len() as u8]);
    out.extend(&base.to_le_bytes()[..base_width]);
    let mut len = |n: usize| out.extend(&(n as u32).to_le_bytes()[..if wide { 4 } else { 1 }]);
    len(head.len());
    shared.iter().for_each(|&n| len(n));
    entries[1..].iter().zip(&shared).for_each(|((key, _), n)| len(key.len() - n));
    for &(_, id) in entries {
        out.extend(&(id - base).to_le_bytes()[..id_width]);
    }
    out.extend(head);
    entries[1..].iter().zip(&shared).for_each(|((key, _), &n)| out.extend(&key[n..]));
}

fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// A parsed block. Bounds are checked where they are used: a block of a damaged file gives `None`, never more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block<'a> {
    count: usize,
    base: u64,
    base_width: usize,
    id_width: usize,
    /// Bytes of one length.
    width: usize,
    /// Lengths: head, then what each later key shares with it, then what each adds to it.
    lens: &'a [u8],
    ids: &'a [u8],
    head: &'a [u8],
    tails: &'a [u8],
}

impl<'a> Block<'a> {
    /// Parses the block that these bytes are. `None` when they are not one.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Option<Block<'a>> {
        let (&form, &count) = (bytes.first()?, bytes.get(1)?);
        let count = usize::from(count);
        if form & FORM_RESERVED != 0 || count == 0 || count > BLOCK_ENTRIES {
            return None;
        }
        let width = if form & FORM_WIDE == 0 { 1 } else { 4 };
        let id_width = usize::from(form >> FORM_ID_SHIFT & 7) + 1;
        let base_width = usize::from(form >> FORM_BASE_SHIFT & 7) + 1;
        let base = uint(bytes, 2, base_width)?;
        let (lens, rest) = bytes.get(2 + base_width..)?.split_at_checked(width * (2 * count - 1))?;
        let (ids, rest) = rest.split_at_checked(id_width * count)?;
        let head_len = usize::try_from(uint(lens, 0, width)?).ok()?;
        let (head, tails) = rest.split_at_checked(head_len)?;
        Some(Block { count, base, base_width, id_width, width, lens, ids, head, tails })
    }

    pub fn count(&self) -> usize {
        self.count
    }

    #[inline]
    pub fn id(&self, i: usize) -> Option<u64> {
        // A load of eight bytes may run over the slice of ids only where `uint` sees its end.
        self.base.checked_add(uint(self.ids, i.checked_mul(self.id_width)?, self.id_width)?)
    }

    #[inline]
    fn len(&self, i: usize) -> Option<usize> {
        if self.width == 1 {
            self.lens.get(i).map(|&b| usize::from(b))
        } else {
            Some(uint(self.lens, i * 4, 4)? as usize)
        }
    }

    /// The two parts of a key: what it shares with the head, and the rest.
    #[inline]
    pub fn key(&self, i: usize) -> Option<(&'a [u8], &'a [u8])> {
        if i == 0 {
            return Some((self.head, &[]));
        }
        if i >= self.count {
            return None;
        }
        let shared = self.head.get(..self.len(i)?)?;
        let mut at = 0usize;
        if self.width == 1 {
            at = self.lens.get(self.count..self.count + i - 1)?.iter().map(|&b| usize::from(b)).sum();
        } else {
            for k in 0..i - 1 {
                at = at.checked_add(self.len(self.count + k)?)?;
            }
        }
        let tail = self.tails.get(at..at.checked_add(self.len(self.count + i - 1)?)?)?;
        Some((shared, tail))
    }

    /// Whether key `i` is `key`.
    #[inline]
    pub fn is_key(&self, i: usize, key: &[u8]) -> Option<bool> {
        let (shared, tail) = self.key(i)?;
        Some(key.len() == shared.len() + tail.len() && key.ends_with(tail) && key.starts_with(shared))
    }

    /// Bytes after the last key: zero in a whole block.
    pub fn excess(&self) -> Option<usize> {
        let mut used = 0usize;
        for i in self.count..2 * self.count - 1 {
            used = used.checked_add(self.len(i)?)?;
        }
        self.tails.len().checked_sub(used)
    }

    /// Whether lengths and ids are no wider and shared parts no shorter than they must be: one block, one coding.
    pub fn is_canonical(&self) -> Option<bool> {
        let mut long = self.head.len();
        let (mut low, mut high) = (u64::MAX, 0);
        for i in 0..self.count {
            let (shared, tail) = self.key(i)?;
            long = long.max(shared.len() + tail.len());
            let next = self.head.get(shared.len());
            if i > 0 && next.is_some() && next == tail.first() {
                return Some(false);
            }
            low = low.min(self.id(i)?);
            high = high.max(self.id(i)?);
        }
        let widths = (self.width, self.id_width, self.base_width);
        Some(low == self.base && widths == (if long > 0xFF { 4 } else { 1 }, width_of(high - low), width_of(low)))
    }
}
