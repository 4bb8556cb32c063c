//! Many lookups at once: each stage asks for the lines that the next one reads, so that their loads overlap.

use super::DictSeg;
use super::decode::{Ids, Table};
use super::fetch::fetch;
use super::layout::BUCKET_LEN;
use super::table;
use crate::Result;

/// Lookups whose loads overlap.
const GROUP: usize = 32;

/// What is known of one question between the stages.
#[derive(Clone, Copy, Default)]
struct Asked {
    hash: u64,
    /// The first entry whose check value fits, `NONE` without one.
    rank: u64,
    /// Nothing in the first bucket fits, and nobody went on from it with this hash.
    missing: bool,
}

const NONE: u64 = u64::MAX;

impl<B: AsRef<[u8]>> DictSeg<B> {
    /// The ids of many keys, in their order: [`DictSeg::get`] for each under a label, [`DictSeg::get_any_label`]
    /// without one, but several times as fast on a segment that is larger than the processor's caches.
    ///
    /// # Errors
    /// `Corrupt` where a search meets damage.
    pub fn get_batch(&self, label: Option<&[u8]>, keys: &[&[u8]], ids: &mut Vec<Option<u64>>) -> Result<()> {
        ids.reserve(keys.len());
        let plain = |key: &[u8]| match label {
            Some(label) => self.get(label, key),
            None => self.get_any_label(key),
        };
        // A single label answers for any; its hash is the one that is there.
        let table = if label.is_some() || self.any.is_none() { self.hash.as_ref() } else { self.any.as_ref() };
        let (Some(table), None, false, false) = (table, &self.chunks, self.checked, self.is_empty()) else {
            return keys.iter().try_for_each(|key| plain(key).map(|id| ids.push(id)));
        };
        let with_label = label.is_some() || self.any.is_none();
        let (seed, ranks) = if with_label {
            let label = match label {
                Some(label) => label,
                None => self.label(0)?,
            };
            (table::hash_bytes(label, self.meta.hash_seed), self.ranks_of(label)?)
        } else {
            (self.meta.hash_seed, 0..self.len())
        };
        let mut asked = [Asked::default(); GROUP];
        for group in keys.chunks(GROUP) {
            for (a, key) in asked.iter_mut().zip(group) {
                a.hash = table::hash_bytes(key, seed);
                self.fetch_bucket(table, a.hash);
            }
            for a in asked.iter_mut().take(group.len()) {
                self.look(table, a)?;
            }
            for a in asked.iter().take(group.len()) {
                self.fetch_block(a.rank);
            }
            for (a, key) in asked.iter().zip(group) {
                ids.push(match (a.missing, a.rank) {
                    (true, _) => None,
                    (false, NONE) => plain(key)?,
                    // What fits by its check value is the key, but for one time in thousands.
                    (false, rank) if ranks.contains(&rank) => match self.id_if_key(rank, key)? {
                        Some(id) => Some(id),
                        None => plain(key)?,
                    },
                    _ => plain(key)?,
                });
            }
        }
        Ok(())
    }

    #[inline]
    fn fetch_bucket(&self, table: &Table, hash: u64) {
        let at = table.section.range.start + table::home(hash, table.home) as usize * BUCKET_LEN;
        if let Some(bucket) = self.bytes().get(at..at + 1) {
            fetch(bucket);
        }
    }

    /// Looks into the first bucket.
    #[inline]
    fn look(&self, table: &Table, a: &mut Asked) -> Result<()> {
        let bucket = self.bucket(table, table::home(a.hash, table.home))?;
        let matches = bucket.matches(a.hash);
        a.missing = matches == 0 && !bucket.goes_on(a.hash);
        a.rank = if matches == 0 { NONE } else { bucket.rank(matches.trailing_zeros() as usize).unwrap_or(NONE) };
        if a.rank >= self.meta.entries {
            // Either none, or damage that the plain lookup will name.
            a.rank = NONE;
        } else {
            let width = usize::from(self.meta.offset_bytes);
            let at = self.blocks.range.start + self.block_and_place(a.rank).0 as usize * width;
            if let Some(offset) = self.bytes().get(at..at + 1) {
                fetch(offset);
            }
        }
        Ok(())
    }

    #[inline]
    fn fetch_block(&self, rank: u64) {
        if rank == NONE {
            return;
        }
        // A range that does not hold is for the lookup to name.
        if let Ok((from, to)) = self.block_range(self.block_and_place(rank).0)
            && let Some(block) =
                self.bytes().get(self.keys.range.start + from as usize..self.keys.range.start + to as usize)
        {
            fetch(block);
        }
    }

    /// The labels and keys of many ids, in their order: `each` is given the place of an id, and its pair if there is
    /// one.
    ///
    /// # Errors
    /// `Corrupt` where a search meets damage; whatever `each` says.
    pub fn keys_of_batch(
        &self,
        ids: &[u64],
        mut each: impl FnMut(usize, Option<(&[u8], &[u8])>) -> Result<()>,
    ) -> Result<()> {
        let mut key = Vec::new();
        let staged = self.chunks.is_none() && !self.checked && !self.is_empty();
        let mut ranks = [NONE; GROUP];
        for (start, group) in (0..).step_by(GROUP).zip(ids.chunks(GROUP)) {
            if staged {
                self.fetch_ranks(group, &mut ranks);
            }
            for (i, &id) in group.iter().enumerate() {
                key.clear();
                let found = if staged && matches!(self.ids, Ids::Dense(_)) {
                    let rank = ranks.get(i).copied().filter(|&r| r != NONE);
                    match rank {
                        Some(rank) => {
                            self.key_at(rank, id, &mut key)?;
                            Some(self.label_at(rank)?)
                        }
                        // A hole, or damage that the plain lookup names.
                        None => self.key_of(id, &mut key)?,
                    }
                } else {
                    self.key_of(id, &mut key)?
                };
                each(start + i, found.map(|label| (label, &key[..])))?;
            }
        }
        Ok(())
    }

    /// Finds the ranks of ids in the dense index, and asks for their blocks.
    fn fetch_ranks(&self, ids: &[u64], ranks: &mut [u64; GROUP]) {
        match &self.ids {
            Ids::Hashed(table) => {
                for &id in ids {
                    self.fetch_bucket(table, table::hash_id(id, self.meta.hash_seed));
                }
            }
            Ids::Dense(section) => {
                for &id in ids.iter().filter(|&&id| id >= self.meta.id_min) {
                    let at = section.range.start.saturating_add(self.dense_place(id));
                    if let Some(place) = self.bytes().get(at..at.saturating_add(1)) {
                        fetch(place);
                    }
                }
                for (rank, &id) in ranks.iter_mut().zip(ids) {
                    *rank = self.rank_of_id(id).ok().flatten().unwrap_or(NONE);
                }
                for rank in ranks.iter().take(ids.len()) {
                    self.fetch_block(*rank);
                }
            }
        }
    }
}
