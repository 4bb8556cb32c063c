//! One lookup: by (label, key), by key alone, by id.

use std::ops::Range;

use super::block::Form;
use super::decode::{DictSeg, Ids, Table};
use super::fetch::{self, fetch};
use super::head;
use super::layout::*;
use super::table::{self, Bucket};
use super::{Entry, bits, chain, labels, plain};
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
        if let Some(hot) = self.hot_way()
            // Most have the empty label, which need not be compared.
            && label.len() == hot.label.len()
            && (label.is_empty() || self.bytes().get(hot.label.clone()) == Some(label))
            && let Some(answer) = self.get_hot(hot, key)
        {
            return Ok(answer);
        }
        self.get_anyhow(label, key)
    }

    /// As [`DictSeg::get`], for every segment and question.
    #[inline(never)]
    fn get_anyhow(&self, label: &[u8], key: &[u8]) -> Result<Option<u64>> {
        if key.len() as u64 > self.longest_key() {
            return Ok(None);
        }
        if let (Some(one), Some(hash)) = (self.one_label(), &self.hash) {
            if !self.bytes().get(one.text.clone()).is_some_and(|text| labels::same_label(text, label)) {
                return Ok(None);
            }
            let found = self.search(hash, table::hash_bytes(key, one.seed), |r| self.id_if_key(r, key))?;
            return Ok(found.map(|(_, id)| id));
        }
        let Some(at) = self.find_label(label)? else { return Ok(None) };
        let Some(hash) = &self.hash else { return self.get_by_order(self.label_ranks(at)?, key) };
        let within = self.label_references(at)?;
        let accept = |r| if within.contains(&r) { self.id_if_key(r, key) } else { Ok(None) };
        let found = self.search(hash, table::hash_pair(label, key, self.meta.hash_seed), accept)?;
        Ok(found.map(|(_, id)| id))
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
        Ok(self.search(any, hash, |r| self.id_if_key(r, key))?.map(|(_, id)| id))
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
        if let Some(hot) = self.hot_way()
            && let Some(true) = self.key_hot(hot, id, key)
            && let Some(label) = self.bytes().get(hot.label.clone())
        {
            return Ok(Some(label));
        }
        self.key_of_anyhow(id, key)
    }

    /// As [`DictSeg::key_of`], for every segment and id.
    #[inline(never)]
    fn key_of_anyhow(&self, id: u64, key: &mut Vec<u8>) -> Result<Option<&[u8]>> {
        key.clear();
        let Some(reference) = self.reference_of_id(id)? else { return Ok(None) };
        self.key_at(reference, id, key)?;
        self.label_at(reference).map(Some)
    }

    /// The label of an entry.
    #[inline]
    pub(super) fn label_at(&self, reference: u64) -> Result<&[u8]> {
        match self.one_label().and_then(|one| self.bytes().get(one.text.clone())) {
            Some(label) => Ok(label),
            None => self.label(self.label_of(|row| row.reference <= reference)?),
        }
    }

    /// Appends the key of an entry, whose id must be `id`, to `key`.
    #[inline(always)]
    pub(super) fn key_at(&self, reference: u64, id: u64, key: &mut Vec<u8>) -> Result<()> {
        let (from, place) = self.refs.split(reference);
        let found = match self.refs.form {
            Form::Head => self.with_block(from, |bytes| {
                fetch(bytes, fetch::BLOCK);
                head::append(bytes, place, key)
            })?,
            Form::Plain => self.with_block(from, |bytes| plain::append(bytes, key))?,
            Form::Chain => self.chained(reference, key)?,
        };
        let found = found.ok_or_else(|| self.reference_error(reference))?;
        if found == id { Ok(()) } else { Err(self.other_id(reference, id, found)) }
    }

    /// A hole of the dense form is all ones; another id means that the two directions disagree.
    #[cold]
    fn other_id(&self, reference: u64, id: u64, found: u64) -> Error {
        let e = Error::corrupt("the id index leads to an entry with another id").expected(id).got(found);
        match self.reference_error(reference).get_offset() {
            Some(at) => e.offset(at),
            None => e,
        }
    }

    /// Appends the key of an entry of the chain form; its id. `None` where its block has no such place.
    pub(super) fn chained(&self, rank: u64, key: &mut Vec<u8>) -> Result<Option<u64>> {
        let (number, place) = self.refs.split(rank);
        let bytes = self.block_bytes(number)?;
        Ok(chain::nth(&bytes, self.block_count(number), place, key))
    }

    /// The bytes of bucket `at` of a hash section.
    #[inline(always)]
    pub(super) fn bucket(&self, table: &Table, at: u64) -> Result<Bucket<'_>> {
        let bytes = self.slice(&table.section, (at as usize).saturating_mul(BUCKET_LEN), BUCKET_LEN)?;
        let bytes = bytes.first_chunk().ok_or_else(|| Error::corrupt("a bucket is cut short"))?;
        Ok(Bucket::new(bytes, self.refs.slots, self.refs.bits))
    }

    /// Visits the entries whose check value fits `hash`, until `accept` takes one; returns its reference and bucket,
    /// too.
    #[inline(always)]
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
                let reference = bucket.reference(matches.trailing_zeros() as usize);
                matches &= matches - 1;
                if reference >= self.refs.end {
                    return Err(self.slot_error(table, at, reference));
                }
                if let Some(found) = accept(reference)? {
                    return Ok(Some((reference, at, found)));
                }
            }
            if !bucket.goes_on(hash) {
                break;
            }
        }
        Ok(None)
    }

    #[cold]
    fn slot_error(&self, table: &Table, at: u64, reference: u64) -> Error {
        Error::corrupt("a hash slot refers to no entry")
            .offset((table.section.range.start + at as usize * BUCKET_LEN) as u64)
            .expected(format!("below {}", self.refs.end))
            .got(reference)
    }

    /// As [`DictSeg::locate`], without the bucket.
    #[inline(always)]
    pub(super) fn search<T>(
        &self,
        table: &Table,
        hash: u64,
        accept: impl FnMut(u64) -> Result<Option<T>>,
    ) -> Result<Option<(u64, T)>> {
        Ok(self.locate(table, hash, accept)?.map(|(reference, _, found)| (reference, found)))
    }

    /// The block of an entry, and its place in there.
    #[inline]
    pub(super) fn block_and_place(&self, rank: u64) -> (u64, usize) {
        (rank >> self.refs.entries, (rank & ((1 << self.refs.entries) - 1)) as usize)
    }

    #[inline(always)]
    pub(super) fn id_if_key(&self, reference: u64, key: &[u8]) -> Result<Option<u64>> {
        let (from, place) = self.refs.split(reference);
        let found = match self.refs.form {
            Form::Head => self.with_block(from, |bytes| {
                fetch(bytes, fetch::BLOCK);
                head::id_if_key(bytes, place, key)
            })?,
            Form::Plain => self.with_block(from, |bytes| plain::id_if_key(bytes, key))?,
            Form::Chain => {
                let mut found = Vec::with_capacity(key.len());
                self.chained(reference, &mut found)?.map(|id| (found == key).then_some(id))
            }
        };
        found.ok_or_else(|| self.reference_error(reference))
    }

    /// The id of an entry.
    fn id_at(&self, reference: u64) -> Result<u64> {
        let (from, place) = self.refs.split(reference);
        let found = match self.refs.form {
            Form::Head => self.with_block(from, |bytes| head::id(bytes, place))?,
            Form::Plain => self.with_block(from, |bytes| Some(plain::place(bytes)?.id))?,
            Form::Chain => self.chained(reference, &mut Vec::new())?,
        };
        found.ok_or_else(|| self.reference_error(reference))
    }

    /// Where the dense id index says, as a bit, which entry has `id`, an id within its range.
    #[inline]
    pub(super) fn dense_place(&self, id: u64) -> u64 {
        (id - self.meta.id_min).saturating_mul(self.refs.bits as u64)
    }

    /// The entry that the id index names for `id`.
    #[inline]
    pub(super) fn reference_of_id(&self, id: u64) -> Result<Option<u64>> {
        if self.is_empty() || id < self.meta.id_min || id > self.meta.id_max {
            return Ok(None);
        }
        let dense = match &self.ids {
            Ids::Dense(section) => section,
            Ids::Hashed(t) => {
                let hash = table::hash_id(id, self.meta.hash_seed);
                let found = self.search(t, hash, |r| Ok((self.id_at(r)? == id).then_some(())))?;
                return Ok(found.map(|(reference, ())| reference));
            }
        };
        let bits = self.refs.bits;
        let bit = self.dense_place(id);
        let at = (bit / 8) as usize;
        if self.checked {
            self.slice(dense, at, ((bit % 8) as usize + bits).div_ceil(8))?;
        }
        let all = self.bytes().get(dense.range.clone()).unwrap_or(&[]);
        let reference = bits::get(all, bit, bits).unwrap_or(u64::MAX);
        if reference == u64::MAX >> (64 - bits) {
            return Ok(None);
        }
        if reference >= self.refs.end { Err(self.dense_error(dense, at, reference)) } else { Ok(Some(reference)) }
    }

    #[cold]
    fn dense_error(&self, dense: &Section, at: usize, reference: u64) -> Error {
        Error::corrupt("the id index refers to no entry")
            .offset((dense.range.start + at) as u64)
            .expected(format!("below {}", self.refs.end))
            .got(reference)
    }

    pub(super) fn label_row(&self, i: u64) -> Result<labels::Row> {
        let at = usize::try_from(i).ok().and_then(|i| i.checked_mul(LABEL_ROW_LEN)).unwrap_or(usize::MAX);
        let row = self.slice(&self.labels, at, LABEL_ROW_LEN)?;
        labels::row(row).ok_or_else(|| self.label_error(i))
    }

    #[cold]
    fn label_error(&self, i: u64) -> Error {
        let at = (self.labels.range.start as u64).saturating_add(i.saturating_mul(LABEL_ROW_LEN as u64));
        Error::corrupt("the label table is out of order").offset(at)
    }

    pub(super) fn label(&self, i: u64) -> Result<&[u8]> {
        let (from, to) = (self.label_row(i)?.text, self.label_row(i + 1)?.text);
        let text = labels::rows_len(self.meta.labels).ok_or_else(|| self.label_error(i))?;
        let len = to.checked_sub(from).and_then(|n| usize::try_from(n).ok()).filter(|&n| n <= MAX_LABEL_LEN);
        let at = usize::try_from(from).ok().and_then(|from| text.checked_add(from));
        let (Some(at), Some(len)) = (at, len) else { return Err(self.label_error(i)) };
        self.slice(&self.labels, at, len)
    }

    /// Ranks of the entries under label `i`.
    pub(super) fn label_ranks(&self, i: u64) -> Result<Range<u64>> {
        let (from, to) = (self.label_row(i)?.rank, self.label_row(i + 1)?.rank);
        if from >= to || to > self.meta.entries { Err(self.label_error(i)) } else { Ok(from..to) }
    }

    /// References to the entries under label `i`.
    pub(super) fn label_references(&self, i: u64) -> Result<Range<u64>> {
        let (from, to) = (self.label_row(i)?.reference, self.label_row(i + 1)?.reference);
        if from >= to || to > self.refs.end { Err(self.label_error(i)) } else { Ok(from..to) }
    }

    /// References to the entries of a label; an empty range for a label that is not there.
    pub(super) fn references_of(&self, label: &[u8]) -> Result<Range<u64>> {
        match self.find_label(label)? {
            Some(i) => self.label_references(i),
            None => Ok(0..0),
        }
    }

    pub(super) fn find_label(&self, label: &[u8]) -> Result<Option<u64>> {
        let (mut low, mut high) = (0, self.meta.labels);
        while low < high {
            let mid = low + (high - low) / 2;
            match labels::compare_labels(self.label(mid)?, label) {
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
        self.label_of(|row| row.rank <= rank)
    }

    /// The last label whose row lies `before` something.
    #[inline]
    fn label_of(&self, before: impl Fn(labels::Row) -> bool) -> Result<u64> {
        let (mut low, mut high) = (0, self.meta.labels);
        while high - low > 1 {
            let mid = low + (high - low) / 2;
            if before(self.label_row(mid)?) { low = mid } else { high = mid }
        }
        Ok(low)
    }
}
