//! Many lookups at once: each stage asks for the lines that the next one reads, so that their loads overlap.

use super::DictSeg;
use super::block::Form;
use super::decode::{Ids, Table};
use super::fetch::{self, fetch};
use super::hot::{GROUP, Hot};
use super::layout::BUCKET_LEN;
use super::table;
use crate::Result;

/// What is known of one question between the stages.
#[derive(Clone, Copy, Default)]
struct Asked {
    hash: u64,
    /// The first entry whose check value fits, `NONE` without one.
    reference: u64,
    /// Nothing fits.
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
        if let Some(hot) = self.hot_way()
            && label.is_none_or(|label| self.bytes().get(hot.label.clone()) == Some(label))
        {
            return self.get_hot_batch(hot, keys, ids, plain);
        }
        // A single label answers for any; its hash is the one that is there.
        let table = if label.is_some() || self.any.is_none() { self.hash.as_ref() } else { self.any.as_ref() };
        let (Some(table), true, false) = (table, self.in_place, self.is_empty()) else {
            return keys.iter().try_for_each(|key| plain(key).map(|id| ids.push(id)));
        };
        let with_label = label.is_some() || self.any.is_none();
        let (seed, within) = if with_label {
            let label = match label {
                Some(label) => label,
                None => self.label(0)?,
            };
            (table::hash_bytes(label, self.meta.hash_seed), self.references_of(label)?)
        } else {
            (self.meta.hash_seed, 0..self.refs.end)
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
            for (a, key) in asked.iter().zip(group) {
                ids.push(match (a.missing, a.reference) {
                    (true, _) => None,
                    (false, NONE) => plain(key)?,
                    // What fits by its check value is the key, but for one time in thousands.
                    (false, reference) if within.contains(&reference) => match self.id_if_key(reference, key)? {
                        Some(id) => Some(id),
                        None => plain(key)?,
                    },
                    _ => plain(key)?,
                });
            }
        }
        Ok(())
    }

    /// [`DictSeg::get_batch`] the way that nearly all lookups take; `plain` is for those that do not.
    fn get_hot_batch(
        &self,
        hot: &Hot,
        keys: &[&[u8]],
        ids: &mut Vec<Option<u64>>,
        plain: impl Fn(&[u8]) -> Result<Option<u64>>,
    ) -> Result<()> {
        let mut found = [None; GROUP];
        for group in keys.chunks(GROUP) {
            let mut left = self.get_hot_group(hot, group, &mut found);
            while left != 0 {
                let at = left.trailing_zeros() as usize;
                left &= left - 1;
                let Some(key) = group.get(at) else { break };
                // What was found before an error is still an answer.
                let answer = plain(key).inspect_err(|_| ids.extend(found.iter().take(at)))?;
                if let Some(id) = found.get_mut(at) {
                    *id = answer;
                }
            }
            ids.extend(found.iter().take(group.len()));
        }
        Ok(())
    }

    #[inline]
    fn fetch_bucket(&self, table: &Table, hash: u64) {
        let at = table.section.range.start + table::home(hash, table.home) as usize * BUCKET_LEN;
        if let Some(bucket) = self.bytes().get(at..at + 1) {
            fetch(bucket, 1);
        }
    }

    /// Looks for the first slot that fits, mostly in the first bucket.
    #[inline]
    fn look(&self, table: &Table, a: &mut Asked) -> Result<()> {
        let first = table::home(a.hash, table.home);
        (a.reference, a.missing) = (NONE, true);
        for at in first..(first + table.probe).min(table.buckets()) {
            let bucket = self.bucket(table, at)?;
            let matches = bucket.matches(a.hash);
            if matches != 0 {
                let found = bucket.reference(matches.trailing_zeros() as usize);
                // Damage is for the plain lookup to name.
                (a.reference, a.missing) = (if found < self.refs.end { found } else { NONE }, false);
                self.fetch_block(a.reference);
                break;
            }
            if !bucket.goes_on(a.hash) {
                break;
            }
        }
        Ok(())
    }

    /// Asks for what a reference leads to, where it says that by itself.
    #[inline]
    fn fetch_block(&self, reference: u64) {
        let len = match self.refs.form {
            Form::Head => fetch::BLOCK,
            Form::Plain => fetch::PLAIN,
            Form::Chain => return,
        };
        if reference < self.refs.end
            && let Ok(block) = self.keys_from(self.refs.split(reference).0)
        {
            fetch(block, len);
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
        let staged = self.in_place && !self.is_empty();
        let mut references = [NONE; GROUP];
        for (start, group) in (0..).step_by(GROUP).zip(ids.chunks(GROUP)) {
            if staged {
                self.fetch_entries(group, &mut references);
            }
            for (i, &id) in group.iter().enumerate() {
                key.clear();
                let known = references.get(i).copied().filter(|&r| staged && r != NONE);
                let found = match known {
                    Some(reference) => {
                        self.key_at(reference, id, &mut key)?;
                        Some(self.label_at(reference)?)
                    }
                    // A hole, or damage that the plain lookup names.
                    None => self.key_of(id, &mut key)?,
                };
                each(start + i, found.map(|label| (label, &key[..])))?;
            }
        }
        Ok(())
    }

    /// Finds the entries of ids in the dense index, and asks for their blocks.
    fn fetch_entries(&self, ids: &[u64], references: &mut [u64; GROUP]) {
        *references = [NONE; GROUP];
        match &self.ids {
            Ids::Hashed(table) => {
                for &id in ids {
                    self.fetch_bucket(table, table::hash_id(id, self.meta.hash_seed));
                }
            }
            Ids::Dense(section) => {
                for &id in ids.iter().filter(|&&id| id >= self.meta.id_min) {
                    let at = section.range.start.saturating_add((self.dense_place(id) / 8) as usize);
                    if let Some(place) = self.bytes().get(at..at.saturating_add(1)) {
                        fetch(place, 1);
                    }
                }
                for (reference, &id) in references.iter_mut().zip(ids) {
                    *reference = self.reference_of_id(id).ok().flatten().unwrap_or(NONE);
                    self.fetch_block(*reference);
                }
            }
        }
    }
}
