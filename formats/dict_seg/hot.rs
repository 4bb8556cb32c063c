//! The way that nearly all lookups take: one label, blocks in place, the key behind the first slot that fits. It has few
//! enough instructions that the processor begins the next lookup while this one waits for memory; whatever else may
//! happen is left to the general way.

use super::DictSeg;
use super::block::Form;
use super::decode::Ids;
use super::fetch::{self, fetch};
use super::layout::BUCKET_LEN;
use super::table::{self, Bucket};
use super::{head, plain};

/// What such a lookup has to know, found once.
#[derive(Debug, Clone)]
pub(super) struct Hot {
    /// Length of the only label, and where it stands in the file.
    pub label: std::ops::Range<usize>,
    /// The seed of the keys under it.
    pub seed: u64,
    /// Where `HASH` begins, and its home buckets.
    pub hash: usize,
    pub home: u64,
    /// Where `KEYS` begins.
    pub keys: usize,
    /// Where `RIDS` begins, and for how many ids it has a reference: none where ids are hashed.
    pub rids: usize,
    pub ids: u64,
}

impl<B: AsRef<[u8]>> DictSeg<B> {
    /// The id of a key, or that there is none; `None` where the general way has to tell.
    #[inline(always)]
    pub(super) fn get_hot(&self, hot: &Hot, key: &[u8]) -> Option<Option<u64>> {
        let all = self.bytes();
        let hash = table::hash_bytes(key, hot.seed);
        let at = hot.hash + table::home(hash, hot.home) as usize * BUCKET_LEN;
        let bucket = Bucket::new(all.get(at..)?.first_chunk()?, self.refs.slots, self.refs.bits);
        let matches = bucket.matches(hash);
        if matches == 0 {
            return if bucket.goes_on(hash) { None } else { Some(None) };
        }
        let reference = bucket.reference(matches.trailing_zeros() as usize);
        if reference >= self.refs.end {
            return None;
        }
        let (from, place) = self.refs.split(reference);
        let bytes = all.get(hot.keys + from as usize..)?;
        if self.refs.form == Form::Plain {
            return plain::id_if_key(bytes, key)?.map(Some);
        }
        fetch(bytes, fetch::BLOCK);
        head::id_if_key(bytes, place, key)?.map(Some)
    }

    /// Puts the key that has an id into `key`, which is empty, and says whether it did: where not, the general way has to
    /// tell, and `key` may hold anything.
    #[inline(always)]
    pub(super) fn key_hot(&self, hot: &Hot, id: u64, key: &mut Vec<u8>) -> Option<bool> {
        let all = self.bytes();
        let nth = id.wrapping_sub(self.meta.id_min);
        if nth >= hot.ids {
            return None;
        }
        let bit = nth * self.refs.bits as u64;
        let word = u64::from_le_bytes(*all.get(hot.rids + (bit / 8) as usize..)?.first_chunk()?);
        let reference = word >> (bit % 8) & (u64::MAX >> (64 - self.refs.bits));
        // Behind the end is a hole, too.
        if reference >= self.refs.end {
            return None;
        }
        let (from, place) = self.refs.split(reference);
        let bytes = all.get(hot.keys + from as usize..)?;
        if self.refs.form == Form::Plain {
            return Some(plain::append_short(bytes, key)? == id);
        }
        fetch(bytes, fetch::BLOCK);
        Some(head::append(bytes, place, key)? == id)
    }

    /// What [`DictSeg::get_hot`] needs, where it can be used.
    pub(super) fn hot(&self) -> Option<Hot> {
        let hash = self.hash.as_ref().filter(|_| self.in_place && !self.is_empty())?;
        let one = self.one_label().filter(|_| self.refs.form != Form::Chain)?;
        let (start, home) = (hash.section.range.start, hash.home);
        let (rids, ids) = match &self.ids {
            Ids::Dense(rids) => (rids.range.start, self.meta.id_max - self.meta.id_min + 1),
            Ids::Hashed(_) => (0, 0),
        };
        let keys = self.keys.range.start;
        Some(Hot { label: one.text.clone(), seed: one.seed, hash: start, home, keys, rids, ids })
    }
}
