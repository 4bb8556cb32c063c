//! Sorted iteration.

use std::ops::Range;

use super::block::Unpacked;
use super::{DictSeg, Entry};
use crate::{Error, Result};

/// One pair, borrowed from a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryRef<'a> {
    pub label: &'a [u8],
    pub key: &'a [u8],
    pub id: u64,
}

/// Walks pairs in order of (label, key). After an error it stands at its end.
pub struct Cursor<'a, B: AsRef<[u8]>> {
    seg: &'a DictSeg<B>,
    rank: u64,
    end: u64,
    block: Unpacked,
    /// Place within the block of the next rank, and the one where block, label or range end.
    place: usize,
    stop: usize,
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
            stop: 0,
            label: 0,
            text: &[],
            label_end: 0,
        }
    }

    /// Pairs still to come.
    pub fn left(&self) -> u64 {
        self.end - self.rank - self.place as u64
    }

    /// The next pair; `None` at the end.
    ///
    /// # Errors
    /// `Corrupt` where the walk meets damage.
    #[inline]
    pub fn next_entry(&mut self) -> Result<Option<EntryRef<'_>>> {
        if self.place >= self.stop && !self.turn()? {
            return Ok(None);
        }
        let at = self.place;
        self.place += 1;
        // A block has all the entries that were counted when it was unpacked.
        Ok(self.block.get(at).map(|(key, id)| EntryRef { label: self.text, key, id }))
    }

    /// Goes on to the next block or label; `false` at the end.
    fn turn(&mut self) -> Result<bool> {
        // From here on `rank` is that of the next entry, and a place counts from the start of its block.
        let rank = self.rank + self.place as u64;
        if rank >= self.end {
            (self.rank, self.end, self.place, self.stop) = (rank, rank, 0, 0);
            return Ok(false);
        }
        let turned = self.turn_to(rank);
        if turned.is_err() {
            (self.rank, self.end, self.place, self.stop) = (rank, rank, 0, 0);
        }
        turned.map(|()| true)
    }

    fn turn_to(&mut self, rank: u64) -> Result<()> {
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
        let (number, place) = self.seg.block_and_place(rank);
        let first = rank - place as u64;
        if self.block.count == 0 || self.rank != first {
            self.seg.unpack(number, &mut self.block)?;
        }
        if place >= self.block.count {
            return Err(self.seg.block_error(number));
        }
        (self.rank, self.place) = (first, place);
        self.stop = (self.end.min(self.label_end) - first).min(self.block.count as u64) as usize;
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

    /// Unpacks a block, all of its entries.
    #[inline]
    pub(super) fn unpack(&self, number: u64, into: &mut Unpacked) -> Result<()> {
        let bytes = self.block_bytes(number)?;
        let count = self.block_count(number);
        let whole = self.refs.form.unpack(self.refs.unit, &bytes, count, into);
        if whole.is_none() || into.count != count {
            into.clear();
            return Err(self.block_error(number));
        }
        Ok(())
    }
}

impl<B: AsRef<[u8]>> Iterator for Iter<'_, B> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Result<Entry>> {
        let next = self.0.next_entry().transpose()?;
        Some(next.map(|e| Entry { label: e.label.to_vec(), key: e.key.to_vec(), id: e.id }))
    }
}
