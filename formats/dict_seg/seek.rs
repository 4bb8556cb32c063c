//! Searching by order: where a key stands, ranges, prefixes.

use std::cmp::Ordering;
use std::ops::{Bound, Range};

use super::Entry;
use super::block::{Form, Unpacked};
use super::decode::DictSeg;
use super::fetch::{self, fetch};
use super::iter::Cursor;
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
        let mut block = Unpacked::default();
        self.place_from(ranks, key, above, &mut block).map(|(first, place)| first + place)
    }

    /// As [`DictSeg::rank_from`], as the first rank of a block and a place in there; leaves the block unpacked.
    fn place_from(&self, ranks: Range<u64>, key: &[u8], above: bool, block: &mut Unpacked) -> Result<(u64, u64)> {
        if ranks.is_empty() {
            return Ok((ranks.start, 0));
        }
        let size = u64::from(self.meta.block_entries);
        let before = |order: Ordering| order == Ordering::Less || (above && order == Ordering::Equal);
        // The last block whose first key lies before the place; the first one may begin under another label.
        let (mut low, mut high) = (ranks.start / size, (ranks.end - 1) / size + 1);
        while high - low > 1 {
            let mid = low + (high - low) / 2;
            // One of these two comes next: both are on their way while this one is waited for.
            self.fetch_first(low + (mid - low) / 2);
            self.fetch_first(mid + (high - mid) / 2);
            let bytes = self.block_bytes(mid)?;
            let order = self.refs.form.compare_first(&bytes, key).ok_or_else(|| self.block_error(mid))?;
            if before(order) { low = mid } else { high = mid }
        }
        self.unpack(low, block)?;
        let first = low * size;
        let from = ranks.start.max(first) - first;
        let to = ranks.end.min(first + block.count as u64).max(first + from) - first;
        let place = (from..to).find(|&i| block.get(i as usize).is_some_and(|(k, _)| !before(k.cmp(key))));
        Ok((first, place.unwrap_or(to)))
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
        let mut block = Unpacked::default();
        let (first, place) = self.place_from(ranks.clone(), key, false, &mut block)?;
        if first + place >= ranks.end {
            return Ok(None);
        }
        if let Some((k, id)) = block.get(place as usize) {
            return Ok((k == key).then_some(id));
        }
        // The next block begins with it, if it is there.
        let (number, at) = self.block_and_place(first + place);
        self.unpack(number, &mut block)?;
        Ok(block.get(at).and_then(|(k, id)| (k == key).then_some(id)))
    }
}

/// The lowest byte string that is above every one with this prefix; `None` when there is none.
pub(super) fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let at = prefix.iter().rposition(|&b| b != 0xFF)?;
    let mut end = prefix.get(..=at)?.to_vec();
    *end.last_mut()? += 1;
    Some(end)
}
