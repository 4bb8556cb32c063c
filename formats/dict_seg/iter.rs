//! Sorted iteration.

use std::ops::Range;

use super::block::Block;
use super::layout::{MAX_BLOCK_ENTRIES, MAX_KEY_LEN};
use super::{DictSeg, Entry};
use crate::{Error, Result};

/// One pair, borrowed from a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryRef<'a> {
    pub label: &'a [u8],
    pub key: &'a [u8],
    pub id: u64,
}

/// The entries of one block, put together.
pub(super) struct Unpacked {
    text: Vec<u8>,
    /// Where each key ends in `text`; the one before it begins there.
    ends: [u32; MAX_BLOCK_ENTRIES + 1],
    ids: [u64; MAX_BLOCK_ENTRIES],
    pub count: usize,
}

impl Default for Unpacked {
    fn default() -> Self {
        Unpacked { text: Vec::new(), ends: [0; MAX_BLOCK_ENTRIES + 1], ids: [0; MAX_BLOCK_ENTRIES], count: 0 }
    }
}

/// Copies `from` to the beginning of `to`, in pieces of a fixed size that may overlap: for keys that is faster than a
/// call which first finds out how many bytes there are.
#[inline]
fn put(to: &mut [u8], from: &[u8]) {
    let Some(to) = to.get_mut(..from.len()) else { return };
    if let (Some(end), Some(last)) = (to.len().checked_sub(16), from.last_chunk::<16>()) {
        to.as_chunks_mut::<16>().0.iter_mut().zip(from.as_chunks::<16>().0).for_each(|(to, from)| *to = *from);
        to[end..].copy_from_slice(last);
    } else if let (Some(end), Some(last), Some(first)) =
        (to.len().checked_sub(8), from.last_chunk::<8>(), from.first_chunk::<8>())
    {
        to[..8].copy_from_slice(first);
        to[end..].copy_from_slice(last);
    } else {
        to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    }
}

impl Unpacked {
    /// Unpacks a block; `None` where it is damaged.
    #[inline]
    pub fn fill(&mut self, block: &Block<'_>) -> Option<()> {
        self.count = 0;
        let mut at = 0;
        for i in 0..block.count() {
            let (shared, tail) = block.key(i)?;
            let end = at + shared.len() + tail.len();
            if end - at > MAX_KEY_LEN {
                return None;
            }
            if self.text.len() < end {
                self.text.resize(end * 2, 0);
            }
            put(self.text.get_mut(at..)?, shared);
            put(self.text.get_mut(at + shared.len()..)?, tail);
            at = end;
            *self.ends.get_mut(i + 1)? = end as u32;
            *self.ids.get_mut(i)? = block.id(i)?;
        }
        self.count = block.count();
        Some(())
    }

    #[inline]
    pub fn get(&self, i: usize) -> Option<(&[u8], u64)> {
        let (from, to) = (*self.ends.get(i)?, *self.ends.get(i + 1)?);
        Some((self.text.get(from as usize..to as usize)?, *self.ids.get(i)?))
    }
}

/// Walks pairs in order of (label, key). After an error it stands at its end.
pub struct Cursor<'a, B: AsRef<[u8]>> {
    seg: &'a DictSeg<B>,
    rank: u64,
    end: u64,
    block: Unpacked,
    /// Place within the block of the next rank.
    place: usize,
    /// The label that the next rank belongs to, and where its ranks end.
    label: u64,
    text: &'a [u8],
    label_end: u64,
}

impl<'a, B: AsRef<[u8]>> Cursor<'a, B> {
    pub(super) fn new(seg: &'a DictSeg<B>, ranks: Range<u64>) -> Self {
        Cursor {
            seg,
            rank: ranks.start,
            end: ranks.end,
            block: Unpacked::default(),
            place: 0,
            label: 0,
            text: &[],
            label_end: 0,
        }
    }

    /// Pairs still to come.
    pub fn left(&self) -> u64 {
        self.end - self.rank
    }

    /// The next pair; `None` at the end.
    ///
    /// # Errors
    /// `Corrupt` where the walk meets damage.
    #[inline]
    pub fn next_entry(&mut self) -> Result<Option<EntryRef<'_>>> {
        if self.rank >= self.end {
            return Ok(None);
        }
        if (self.place >= self.block.count || self.rank >= self.label_end)
            && let Err(e) = self.turn()
        {
            self.end = self.rank;
            return Err(e);
        }
        let at = self.place;
        self.place += 1;
        self.rank += 1;
        match self.block.get(at) {
            Some((key, id)) => Ok(Some(EntryRef { label: self.text, key, id })),
            None => {
                self.end = self.rank;
                Err(self.seg.block_error(self.rank - 1))
            }
        }
    }

    /// Goes on to the next block or label.
    fn turn(&mut self) -> Result<()> {
        let rank = self.rank;
        if rank >= self.label_end {
            if self.label_end == 0 {
                self.label = self.seg.label_of_rank(rank)?;
            }
            let ranks = self.seg.label_ranks(self.label)?;
            if !ranks.contains(&rank) || (self.label_end != 0 && ranks.start != rank) {
                return Err(Error::corrupt("the label table leaves entries out")
                    .offset(self.seg.labels.range.start as u64)
                    .expected(rank)
                    .got(ranks.start));
            }
            self.text = self.seg.label(self.label)?;
            self.label_end = ranks.end;
            self.label += 1;
        }
        if self.place >= self.block.count {
            let (number, place) = self.seg.block_and_place(rank);
            let bytes = self.seg.block_bytes(number)?;
            let block = self.seg.parse(&bytes, number)?;
            if place >= block.count() || self.block.fill(&block).is_none() {
                return Err(self.seg.block_error(rank));
            }
            self.place = place;
        }
        Ok(())
    }
}

/// As [`Cursor`], with owned pairs.
pub struct Iter<'a, B: AsRef<[u8]>>(Cursor<'a, B>);

impl<B: AsRef<[u8]>> DictSeg<B> {
    /// Every pair, sorted by (label, key). Ends after the first error.
    pub fn iter(&self) -> Iter<'_, B> {
        Iter(self.cursor())
    }

    /// As [`DictSeg::iter`], without an allocation per pair.
    pub fn cursor(&self) -> Cursor<'_, B> {
        Cursor::new(self, 0..self.len())
    }
}

impl<B: AsRef<[u8]>> Iterator for Iter<'_, B> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Result<Entry>> {
        let next = self.0.next_entry().transpose()?;
        Some(next.map(|e| Entry { label: e.label.to_vec(), key: e.key.to_vec(), id: e.id }))
    }
}
