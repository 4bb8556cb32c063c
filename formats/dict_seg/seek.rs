//! Searching by order: where a key stands, ranges, prefixes.

use std::cmp::Ordering;
use std::ops::{Bound, Range};

use super::block::{Form, Unpacked};
use super::decode::DictSeg;
use super::fetch::{self, fetch};
use super::iter::Cursor;
use super::marks::{Copied, Halved};
use super::{Entry, chain};
use crate::Result;

impl<B: AsRef<[u8]>> DictSeg<B> {
    /// The pairs of a label whose keys lie within bounds, in order. A label that is not there has none.
    ///
    /// # Errors
    /// `Corrupt` where the search meets damage.
    pub fn range(&self, label: &[u8], from: Bound<&[u8]>, to: Bound<&[u8]>) -> Result<Cursor<'_, B>> {
        let ranks = self.ranks_of(label)?;
        let start = match from {
            Bound::Unbounded => ranks.start,
            Bound::Included(key) => self.rank_from(ranks.clone(), key, false)?,
            Bound::Excluded(key) => self.rank_from(ranks.clone(), key, true)?,
        };
        let end = match to {
            Bound::Unbounded => ranks.end,
            Bound::Included(key) => self.rank_from(ranks, key, true)?,
            Bound::Excluded(key) => self.rank_from(ranks, key, false)?,
        };
        Ok(Cursor::new(self, start..end.max(start)))
    }

    /// The pairs of a label whose keys begin with `prefix`, in order.
    ///
    /// # Errors
    /// `Corrupt` where the search meets damage.
    pub fn prefix(&self, label: &[u8], prefix: &[u8]) -> Result<Cursor<'_, B>> {
        match successor(prefix) {
            Some(end) => self.range(label, Bound::Included(prefix), Bound::Excluded(&end)),
            None => self.range(label, Bound::Included(prefix), Bound::Unbounded),
        }
    }

    /// The `n`th pair of a label, from 0.
    ///
    /// # Errors
    /// `Corrupt` where the search meets damage.
    pub fn nth(&self, label: &[u8], n: u64) -> Result<Option<Entry>> {
        let ranks = self.ranks_of(label)?;
        let Some(rank) = ranks.start.checked_add(n).filter(|rank| ranks.contains(rank)) else { return Ok(None) };
        let mut cursor = Cursor::new(self, rank..rank + 1);
        Ok(cursor.next_entry()?.map(|e| Entry { label: e.label.to_vec(), key: e.key.to_vec(), id: e.id }))
    }

    /// The first rank among `ranks`, those of a label, whose key is not below `key` (`above`: is above it).
    pub(super) fn rank_from(&self, ranks: Range<u64>, key: &[u8], above: bool) -> Result<u64> {
        if ranks.is_empty() {
            return Ok(ranks.start);
        }
        let block = self.block_before(&ranks, key, above)?;
        Ok(self.place_in(block, &ranks, key, above)?.0)
    }

    /// The last block whose first key lies before the place of `key` among `ranks`; the first one may begin under another
    /// label.
    fn block_before(&self, ranks: &Range<u64>, key: &[u8], above: bool) -> Result<u64> {
        let size = u64::from(self.meta.block_entries);
        let (start, end) = (ranks.start / size, (ranks.end - 1) / size + 1);
        let mut at = Halved { low: start, high: end, step: 1 };
        let marks = if *ranks == (0..self.len()) { self.marks_for(key) } else { None };
        let copy = Copied::new(key);
        loop {
            if let (Some(marks), Some(copy)) = (marks, &copy) {
                at = marks.halve(copy, at, |low, high| self.fetch_offsets(low, high));
            }
            if at.high - at.low <= 1 {
                return Ok(at.low);
            }
            let mid = at.middle();
            let order = match marks.and_then(|marks| marks.order(at.step, key)) {
                Some(order) => order,
                None => {
                    // Where others were before, what comes next is remembered.
                    if !marks.is_some_and(|marks| marks.knows(at.step)) {
                        self.fetch_next(at.low, mid, at.high);
                    }
                    let bytes = self.block_bytes(mid)?;
                    let order = self.refs.form.compare_first(&bytes, key).ok_or_else(|| self.block_error(mid))?;
                    if let Some(marks) = marks.filter(|marks| marks.wants(at.step)) {
                        let bounds = (Some(at.low).filter(|_| at.low > start), Some(at.high).filter(|_| at.high < end));
                        self.mark(marks, at.step, mid, bounds);
                    }
                    order
                }
            };
            at.go(is_before(order, above));
        }
    }

    /// Blocks of which one comes next in a search between `low` and `high`, or after that: all are on their way while the
    /// one at `mid` is waited for. Between blocks that are far from each other searches meet again and again, and those
    /// are near.
    #[inline]
    fn fetch_next(&self, low: u64, mid: u64, high: u64) {
        let (left, right) = (low + (mid - low) / 2, mid + (high - mid) / 2);
        if high - low > FAR / 2 {
            self.fetch_first(left);
            self.fetch_first(right);
        }
        if high - low <= FAR {
            self.fetch_first(low + (left - low) / 2);
            self.fetch_first(left + (mid - left) / 2);
            self.fetch_first(mid + (right - mid) / 2);
            self.fetch_first(right + (high - right) / 2);
        }
    }

    /// As [`DictSeg::rank_from`], for a place in a block or behind it; and the id, if it is the very key.
    fn place_in(&self, block: u64, ranks: &Range<u64>, key: &[u8], above: bool) -> Result<(u64, Option<u64>)> {
        let count = self.block_count(block);
        let first = block * u64::from(self.meta.block_entries);
        let from = ranks.start.max(first) - first;
        let to = ranks.end.min(first + count as u64).max(first + from) - first;
        let places = from as usize..to as usize;
        let before = |order| is_before(order, above);
        let found = if self.refs.form == Form::Chain {
            let bytes = self.block_bytes(block)?;
            fetch(&bytes, fetch::CHAIN);
            chain::find(&bytes, count, places, key, before).ok_or_else(|| self.block_error(block))?
        } else {
            let mut unpacked = Unpacked::default();
            self.unpack(block, &mut unpacked)?;
            let place = places.clone().find(|&i| unpacked.get(i).is_some_and(|(k, _)| !before(k.cmp(key))));
            let id = place.and_then(|i| unpacked.get(i)).and_then(|(k, id)| (k == key).then_some(id));
            (place.unwrap_or(places.end), id)
        };
        Ok((first + found.0 as u64, found.1))
    }

    /// Asks for where blocks begin.
    #[inline(always)]
    fn fetch_offsets(&self, low: u64, high: u64) {
        let (start, width) = (self.blocks.range.start, u64::from(self.meta.offset_bytes));
        for block in [low, high] {
            let at = start.saturating_add((block * width) as usize);
            fetch(self.bytes().get(at..).unwrap_or(&[]), 1);
        }
    }

    /// Asks for the lines with the first key of a block.
    #[inline]
    fn fetch_first(&self, block: u64) {
        if !self.in_place {
            return;
        }
        // A range that does not hold is for the search to name.
        if let Ok(bytes) = self.block_range(block).and_then(|(from, _)| self.keys_from(from)) {
            fetch(bytes, 1);
            let at = if self.refs.form == Form::Plain { 0 } else { usize::from(self.meta.block_entries) * 3 };
            fetch(bytes.get(at..).unwrap_or(&[]), fetch::PLAIN);
        }
    }

    /// The id of a key among the entries of one label, found by halving.
    pub(super) fn get_by_order(&self, ranks: Range<u64>, key: &[u8]) -> Result<Option<u64>> {
        if ranks.is_empty() {
            return Ok(None);
        }
        let block = self.block_before(&ranks, key, false)?;
        let (rank, id) = self.place_in(block, &ranks, key, false)?;
        let (next, _) = self.block_and_place(rank);
        if id.is_some() || next == block || rank >= ranks.end {
            return Ok(id);
        }
        // The next block begins with it, if it is there.
        Ok(self.place_in(next, &ranks, key, false)?.1)
    }
}

/// Blocks between which a search asks for less.
const FAR: u64 = 1 << 10;

fn is_before(order: Ordering, above: bool) -> bool {
    order == Ordering::Less || (above && order == Ordering::Equal)
}

/// The lowest byte string that is above every one with this prefix; `None` when there is none.
pub(super) fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let at = prefix.iter().rposition(|&b| b != 0xFF)?;
    let mut end = prefix.get(..=at)?.to_vec();
    *end.last_mut()? += 1;
    Some(end)
}
