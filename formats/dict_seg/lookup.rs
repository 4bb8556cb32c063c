//! One lookup: by (label, key), by key alone, by id.

use std::ops::Range;

use super::decode::{DictSeg, Ids, Table};
use super::fetch::fetch;
use super::layout::*;
use super::meta::uint;
use super::table::{self, Bucket};
use super::{Entry, labels};
use crate::container::Section;
use crate::{Error, Result};

impl<B: AsRef<[u8]>> DictSeg<B> {
    /// The labels, sorted.
    pub fn labels(&self) -> impl Iterator<Item = Result<&[u8]>> {
        (0..self.meta.labels).map(|i| self.label(i))
    }

    /// The labels, sorted, each with the number of its entries.
    pub fn label_counts(&self) -> impl Iterator<Item = Result<(&[u8], u64)>> {
        (0..self.meta.labels).map(|i| {
            let ranks = self.label_ranks(i)?;
            Ok((self.label(i)?, ranks.end - ranks.start))
        })
    }

    /// The id of (label, key).
    ///
    /// # Errors
    /// `Corrupt` where the search meets damage.
    #[inline]
    pub fn get(&self, label: &[u8], key: &[u8]) -> Result<Option<u64>> {
        if key.len() as u64 > self.longest_key() {
            return Ok(None);
        }
        if let (Some(one), Some(hash)) = (self.one_label(), &self.hash) {
            if self.bytes().get(one.text.clone()) != Some(label) {
                return Ok(None);
            }
            let found = self.search(hash, table::hash_bytes(key, one.seed), |rank| self.id_if_key(rank, key))?;
            return Ok(found.map(|(_, id)| id));
        }
        let Some(at) = self.find_label(label)? else { return Ok(None) };
        let ranks = self.label_ranks(at)?;
        self.get_within(ranks, || table::hash_pair(label, key, self.meta.hash_seed), key)
    }

    /// The id of a key among the entries of one label.
    #[inline]
    pub(super) fn get_within(&self, ranks: Range<u64>, hash: impl Fn() -> u64, key: &[u8]) -> Result<Option<u64>> {
        let Some(hash_table) = &self.hash else { return self.get_by_order(ranks, key) };
        let accept = |rank| if ranks.contains(&rank) { self.id_if_key(rank, key) } else { Ok(None) };
        Ok(self.search(hash_table, hash(), accept)?.map(|(_, id)| id))
    }

    /// The lowest id that `key` has under any label.
    ///
    /// # Errors
    /// `Corrupt` where the search meets damage.
    pub fn get_any_label(&self, key: &[u8]) -> Result<Option<u64>> {
        if key.len() as u64 > self.longest_key() {
            return Ok(None);
        }
        let Some(any) = &self.any else {
            return if self.is_empty() { Ok(None) } else { self.get(self.label(0)?, key) };
        };
        let hash = table::hash_bytes(key, self.meta.hash_seed);
        Ok(self.search(any, hash, |rank| self.id_if_key(rank, key))?.map(|(_, id)| id))
    }

    /// The pair that has this id.
    ///
    /// # Errors
    /// `Corrupt` where the search meets damage.
    pub fn entry_of(&self, id: u64) -> Result<Option<Entry>> {
        let mut key = Vec::new();
        let label = self.key_of(id, &mut key)?;
        Ok(label.map(|label| Entry { label: label.to_vec(), key, id }))
    }

    /// Puts the key that has this id into `key` and returns its label; `None` leaves `key` empty.
    ///
    /// # Errors
    /// `Corrupt` where the search meets damage.
    #[inline]
    pub fn key_of(&self, id: u64, key: &mut Vec<u8>) -> Result<Option<&[u8]>> {
        key.clear();
        let Some(rank) = self.rank_of_id(id)? else { return Ok(None) };
        self.key_at(rank, id, key)?;
        self.label_at(rank).map(Some)
    }

    /// The label of an entry.
    #[inline]
    pub(super) fn label_at(&self, rank: u64) -> Result<&[u8]> {
        match self.one_label().and_then(|one| self.bytes().get(one.text.clone())) {
            Some(label) => Ok(label),
            None => self.label(self.label_of_rank(rank)?),
        }
    }

    /// Appends the key of an entry, whose id must be `id`, to `key`.
    #[inline]
    pub(super) fn key_at(&self, rank: u64, id: u64, key: &mut Vec<u8>) -> Result<()> {
        let (number, i) = self.block_and_place(rank);
        let bytes = self.block_bytes(number)?;
        fetch(&bytes);
        let block = self.parse(&bytes, number)?;
        if i >= block.count() {
            return Err(self.block_error(rank));
        }
        let (shared, tail) = block.key(i).ok_or_else(|| self.block_error(rank))?;
        if block.id(i) != Some(id) {
            // A hole of the dense form is all ones; another id here means that the two directions disagree.
            return Err(Error::corrupt("the id index leads to an entry with another id")
                .offset(self.block_offset(rank))
                .expected(id)
                .got(block.id(i).map_or_else(|| "none".to_owned(), |v| v.to_string())));
        }
        key.extend_from_slice(shared);
        key.extend_from_slice(tail);
        Ok(())
    }

    /// The bytes of bucket `at` of a hash section.
    #[inline]
    pub(super) fn bucket(&self, table: &Table, at: u64) -> Result<Bucket<'_>> {
        let bytes = self.slice(&table.section, (at as usize).saturating_mul(BUCKET_LEN), BUCKET_LEN)?;
        let bytes = bytes.first_chunk().ok_or_else(|| Error::corrupt("a bucket is cut short"))?;
        Ok(Bucket::new(bytes, self.meta.ref_bytes.into()))
    }

    /// Visits the entries whose check value fits `hash`, until `accept` takes one; returns its rank and bucket, too.
    #[inline]
    pub(super) fn locate<T>(
        &self,
        table: &Table,
        hash: u64,
        mut accept: impl FnMut(u64) -> Result<Option<T>>,
    ) -> Result<Option<(u64, u64, T)>> {
        let first = table::home(hash, table.home);
        for at in first..(first + table.probe).min(table.buckets()) {
            let bucket = self.bucket(table, at)?;
            let mut matches = bucket.matches(hash);
            while matches != 0 {
                let rank = bucket.rank(matches.trailing_zeros() as usize).unwrap_or(u64::MAX);
                matches &= matches - 1;
                if rank >= self.meta.entries {
                    return Err(self.slot_error(table, at, rank));
                }
                if let Some(found) = accept(rank)? {
                    return Ok(Some((rank, at, found)));
                }
            }
            if !bucket.goes_on(hash) {
                break;
            }
        }
        Ok(None)
    }

    #[cold]
    fn slot_error(&self, table: &Table, at: u64, rank: u64) -> Error {
        Error::corrupt("a hash slot refers to no entry")
            .offset((table.section.range.start + at as usize * BUCKET_LEN) as u64)
            .expected(format!("below {}", self.meta.entries))
            .got(rank)
    }

    /// As [`DictSeg::locate`], without the bucket.
    #[inline]
    pub(super) fn search<T>(
        &self,
        table: &Table,
        hash: u64,
        accept: impl FnMut(u64) -> Result<Option<T>>,
    ) -> Result<Option<(u64, T)>> {
        Ok(self.locate(table, hash, accept)?.map(|(rank, _, found)| (rank, found)))
    }

    #[inline]
    pub(super) fn block_and_place(&self, rank: u64) -> (u64, usize) {
        // A shift where it can be one: the size is 16 or 64, but may be anything in a file from elsewhere.
        match self.meta.block_entries {
            16 => (rank / 16, (rank % 16) as usize),
            n => (rank / u64::from(n), (rank % u64::from(n)) as usize),
        }
    }

    #[inline]
    pub(super) fn id_if_key(&self, rank: u64, key: &[u8]) -> Result<Option<u64>> {
        let (number, i) = self.block_and_place(rank);
        let bytes = self.block_bytes(number)?;
        fetch(&bytes);
        let block = self.parse(&bytes, number)?;
        if i >= block.count() {
            return Err(self.block_error(rank));
        }
        match block.is_key(i, key) {
            Some(true) => block.id(i).map(Some).ok_or_else(|| self.block_error(rank)),
            Some(false) => Ok(None),
            None => Err(self.block_error(rank)),
        }
    }

    /// The id of an entry.
    fn id_at(&self, rank: u64) -> Result<u64> {
        let (number, i) = self.block_and_place(rank);
        let bytes = self.block_bytes(number)?;
        let block = self.parse(&bytes, number)?;
        if i >= block.count() { None } else { block.id(i) }.ok_or_else(|| self.block_error(rank))
    }

    /// Where the dense id index says which entry has `id`, an id within its range.
    #[inline]
    pub(super) fn dense_place(&self, id: u64) -> usize {
        let width = usize::from(self.meta.ref_bytes);
        usize::try_from(id - self.meta.id_min).ok().and_then(|i| i.checked_mul(width)).unwrap_or(usize::MAX)
    }

    /// Rank of the entry that the id index names for `id`.
    #[inline]
    pub(super) fn rank_of_id(&self, id: u64) -> Result<Option<u64>> {
        if self.is_empty() || id < self.meta.id_min || id > self.meta.id_max {
            return Ok(None);
        }
        let dense = match &self.ids {
            Ids::Dense(section) => section,
            Ids::Hashed(t) => {
                let hash = table::hash_id(id, self.meta.hash_seed);
                let found = self.search(t, hash, |rank| Ok((self.id_at(rank)? == id).then_some(())))?;
                return Ok(found.map(|(rank, ())| rank));
            }
        };
        let width = usize::from(self.meta.ref_bytes);
        let at = self.dense_place(id);
        let rank = uint(self.slice(dense, at, width)?, 0, width).unwrap_or(u64::MAX);
        if rank == u64::MAX >> (64 - 8 * width) {
            return Ok(None);
        }
        if rank >= self.meta.entries { Err(self.dense_error(dense, at, rank)) } else { Ok(Some(rank)) }
    }

    #[cold]
    fn dense_error(&self, dense: &Section, at: usize, rank: u64) -> Error {
        Error::corrupt("the id index refers to no entry")
            .offset((dense.range.start + at) as u64)
            .expected(format!("below {}", self.meta.entries))
            .got(rank)
    }

    fn label_row(&self, i: u64) -> Result<(u64, u64)> {
        let at = usize::try_from(i).ok().and_then(|i| i.checked_mul(LABEL_ROW_LEN)).unwrap_or(usize::MAX);
        let row = self.slice(&self.labels, at, LABEL_ROW_LEN)?;
        Ok(labels::row(row).unwrap_or((u64::MAX, u64::MAX)))
    }

    #[cold]
    fn label_error(&self, i: u64) -> Error {
        let at = (self.labels.range.start as u64).saturating_add(i.saturating_mul(LABEL_ROW_LEN as u64));
        Error::corrupt("the label table is out of order").offset(at)
    }

    pub(super) fn label(&self, i: u64) -> Result<&[u8]> {
        let (from, to) = (self.label_row(i)?.1, self.label_row(i + 1)?.1);
        let text = labels::rows_len(self.meta.labels).ok_or_else(|| self.label_error(i))?;
        let len = to.checked_sub(from).and_then(|n| usize::try_from(n).ok()).filter(|&n| n <= MAX_LABEL_LEN);
        let at = usize::try_from(from).ok().and_then(|from| text.checked_add(from));
        let (Some(at), Some(len)) = (at, len) else { return Err(self.label_error(i)) };
        self.slice(&self.labels, at, len)
    }

    /// Ranks of the entries under label `i`.
    pub(super) fn label_ranks(&self, i: u64) -> Result<Range<u64>> {
        let (from, to) = (self.label_row(i)?.0, self.label_row(i + 1)?.0);
        if from >= to || to > self.meta.entries { Err(self.label_error(i)) } else { Ok(from..to) }
    }

    pub(super) fn find_label(&self, label: &[u8]) -> Result<Option<u64>> {
        let (mut low, mut high) = (0, self.meta.labels);
        while low < high {
            let mid = low + (high - low) / 2;
            match self.label(mid)?.cmp(label) {
                std::cmp::Ordering::Equal => return Ok(Some(mid)),
                std::cmp::Ordering::Less => low = mid + 1,
                std::cmp::Ordering::Greater => high = mid,
            }
        }
        Ok(None)
    }

    /// The ranks of a label's entries; an empty range for a label that is not there.
    ///
    /// # Errors
    /// `Corrupt` where the label table is damaged.
    pub(super) fn ranks_of(&self, label: &[u8]) -> Result<Range<u64>> {
        match self.find_label(label)? {
            Some(i) => self.label_ranks(i),
            None => Ok(0..0),
        }
    }

    #[inline]
    pub(super) fn label_of_rank(&self, rank: u64) -> Result<u64> {
        let (mut low, mut high) = (0, self.meta.labels);
        while high - low > 1 {
            let mid = low + (high - low) / 2;
            if self.label_row(mid)?.0 <= rank { low = mid } else { high = mid }
        }
        Ok(low)
    }
}
