//! Sorted iteration.

use std::ops::Range;

use super::block::Block;
use super::layout::BLOCK_ENTRIES;
use super::{DictSeg, Entry};
use crate::{Error, Result};

/// One pair, borrowed from a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryRef<'a> {
    pub label: &'a [u8],
    pub key: &'a [u8],
    pub id: u64,
}

/// Walks the pairs in order of (label, key). After an error it stands at its end.
pub struct Cursor<'a, B: AsRef<[u8]>> {
    seg: &'a DictSeg<B>,
    rank: u64,
    end: u64,
    block: Option<Block<'a>>,
    /// The label that the next rank belongs to, and the ranks that it covers.
    label: u64,
    text: &'a [u8],
    ranks: Range<u64>,
    key: Vec<u8>,
}

impl<'a, B: AsRef<[u8]>> Cursor<'a, B> {
    pub(super) fn new(seg: &'a DictSeg<B>) -> Self {
        Cursor { seg, rank: 0, end: seg.len(), block: None, label: 0, text: &[], ranks: 0..0, key: Vec::new() }
    }

    /// The next pair; `None` at the end.
    ///
    /// # Errors
    /// `Corrupt` where the walk meets damage.
    pub fn next_entry(&mut self) -> Result<Option<EntryRef<'_>>> {
        if self.rank >= self.end {
            return Ok(None);
        }
        match self.step() {
            Ok(id) => Ok(Some(EntryRef { label: self.text, key: &self.key, id })),
            Err(e) => {
                self.end = 0;
                Err(e)
            }
        }
    }

    fn step(&mut self) -> Result<u64> {
        let rank = self.rank;
        if rank >= self.ranks.end {
            let ranks = self.seg.label_ranks(self.label)?;
            if ranks.start != rank {
                return Err(Error::corrupt("the label table leaves entries out")
                    .offset(self.seg.labels.range.start as u64)
                    .expected(rank)
                    .got(ranks.start));
            }
            self.text = self.seg.label(self.label)?;
            self.ranks = ranks;
            self.label += 1;
        }
        let i = (rank % BLOCK_ENTRIES as u64) as usize;
        let block = match self.block {
            Some(block) if i > 0 => block,
            _ => *self.block.insert(self.seg.block(rank / BLOCK_ENTRIES as u64)?),
        };
        let (Some((shared, tail)), Some(id)) = (block.key(i), block.id(i)) else {
            return Err(self.seg.block_error(rank));
        };
        self.key.clear();
        self.key.extend_from_slice(shared);
        self.key.extend_from_slice(tail);
        self.rank += 1;
        Ok(id)
    }
}

/// As [`Cursor`], with owned pairs.
pub struct Iter<'a, B: AsRef<[u8]>>(Cursor<'a, B>);

impl<'a, B: AsRef<[u8]>> Iter<'a, B> {
    pub(super) fn new(cursor: Cursor<'a, B>) -> Self {
        Iter(cursor)
    }
}

impl<B: AsRef<[u8]>> Iterator for Iter<'_, B> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Result<Entry>> {
        let next = self.0.next_entry().transpose()?;
        Some(next.map(|e| Entry { label: e.label.to_vec(), key: e.key.to_vec(), id: e.id }))
    }
}
