//! Sorted iteration.

use std::ops::Range;

use super::block::{Form, Unpacked};
use super::decode::BlockBytes;
use super::fetch::{self, fetch};
use super::lines::Lines;
use super::{DictSeg, Entry, chain, head, plain};
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
    /// The block that is being walked, from its start on, and how.
    bytes: &'a [u8],
    walk: Walk,
    /// The keys of a block that is walked by them.
    lines: Option<Box<Lines>>,
    /// The key that was read last, where it does not stand in the block as it is; only ever as long as it has to be.
    line: Vec<u8>,
    /// Place within the block of the next rank, and the one where block, label or range end.
    place: usize,
    stop: usize,
    /// The label that the next rank belongs to, and where its ranks end.
    label: u64,
    text: &'a [u8],
    label_end: u64,
}

/// How a block is walked, and where.
enum Walk {
    None,
    /// A block in the head form, put together.
    Lines,
    Head(head::Steps),
    Chain(chain::Steps),
    /// Where the next entry begins.
    Plain(usize),
    /// A block of a chunk that was decompressed, put together.
    Unpacked(Box<Unpacked>),
}

impl<'a, B: AsRef<[u8]>> Cursor<'a, B> {
    pub(super) fn new(seg: &'a DictSeg<B>, ranks: Range<u64>) -> Self {
        Cursor {
            seg,
            rank: ranks.start,
            end: ranks.end,
            bytes: &[],
            walk: Walk::None,
            lines: None,
            line: Vec::new(),
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
        let (key, id) = match &mut self.walk {
            Walk::Lines => {
                let entry = self.lines.as_deref().and_then(|lines| lines.get(at));
                return Ok(entry.map(|(key, id)| EntryRef { label: self.text, key, id }));
            }
            Walk::Head(steps) => match steps.next(self.bytes, &mut self.line) {
                Some((len, id)) => (self.line.get(..len), id),
                None => return Err(self.broken()),
            },
            Walk::Plain(at) => match plain::step(self.bytes, *at, self.seg.refs.unit) {
                Some((from, to, id, next)) => {
                    *at = next;
                    (self.bytes.get(from..to), id)
                }
                None => return Err(self.broken()),
            },
            Walk::Chain(steps) => match steps.next(self.bytes, &mut self.line) {
                Some((len, id)) => (self.line.get(..len), id),
                None => return Err(self.broken()),
            },
            Walk::Unpacked(_) | Walk::None => return Ok(self.unpacked(at)),
        };
        Ok(key.map(|key| EntryRef { label: self.text, key, id }))
    }

    #[cold]
    fn unpacked(&self, at: usize) -> Option<EntryRef<'_>> {
        let Walk::Unpacked(block) = &self.walk else { return None };
        block.get(at).map(|(key, id)| EntryRef { label: self.text, key, id })
    }

    /// The block is damaged: the walk is at its end.
    #[cold]
    fn broken(&mut self) -> Error {
        let (number, _) = self.seg.block_and_place(self.rank);
        self.walk = Walk::None;
        (self.end, self.place, self.stop) = (self.rank, 0, 0);
        self.seg.block_error(number)
    }

    /// Begins a block at one of its places.
    fn open_block(&mut self, number: u64, place: usize) -> Result<()> {
        let count = self.seg.block_count(number);
        let bytes = match self.seg.block_bytes(number)? {
            BlockBytes::Mapped(bytes) => bytes,
            BlockBytes::Chunk(..) => {
                let mut block = match std::mem::replace(&mut self.walk, Walk::None) {
                    Walk::Unpacked(block) => block,
                    _ => Box::default(),
                };
                self.seg.unpack(number, &mut block)?;
                self.walk = Walk::Unpacked(block);
                return if place < count { Ok(()) } else { Err(self.seg.block_error(number)) };
            }
        };
        self.bytes = bytes;
        let soon = match self.seg.refs.form {
            Form::Head => fetch::BLOCK,
            Form::Plain => fetch::ENTRIES,
            Form::Chain => 0,
        };
        fetch(bytes.get(fetch::AHEAD..).unwrap_or(&[]), soon);
        let walk = match self.seg.refs.form {
            Form::Head if self.lines.get_or_insert_default().fill(bytes, count) => Some(Walk::Lines),
            Form::Head => head::Steps::new(bytes, count, place).map(Walk::Head),
            Form::Plain => self.skip_plain(place).map(Walk::Plain),
            Form::Chain => self.skip_chain(count, place).map(Walk::Chain),
        };
        self.walk = walk.filter(|_| place < count).ok_or_else(|| self.seg.block_error(number))?;
        Ok(())
    }

    fn skip_plain(&self, place: usize) -> Option<usize> {
        (0..place).try_fold(0, |at, _| Some(plain::step(self.bytes, at, self.seg.refs.unit)?.3))
    }

    fn skip_chain(&mut self, count: usize, place: usize) -> Option<chain::Steps> {
        let mut steps = chain::Steps::new(self.bytes, count)?;
        for _ in 0..place {
            steps.next(self.bytes, &mut self.line)?;
        }
        Some(steps)
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
        if matches!(self.walk, Walk::None) || self.rank != first {
            self.open_block(number, place)?;
        }
        (self.rank, self.place) = (first, place);
        self.stop = (self.end.min(self.label_end) - first).min(self.seg.block_count(number) as u64) as usize;
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
