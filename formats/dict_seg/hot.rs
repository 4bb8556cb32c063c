//! The way that nearly all lookups take: one label, blocks in place, the key behind the first slot that fits. It has few
//! enough instructions that the processor begins the next lookup while this one waits for memory; whatever else may
//! happen is left to the general way.

use super::DictSeg;
use super::block::Form;
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

    /// What [`DictSeg::get_hot`] needs, where it can be used.
    pub(super) fn hot(&self) -> Option<Hot> {
        let hash = self.hash.as_ref().filter(|_| self.in_place && !self.is_empty())?;
        let one = self.one_label().filter(|_| self.refs.form != Form::Chain)?;
        let (start, home) = (hash.section.range.start, hash.home);
        Some(Hot { label: one.text.clone(), seed: one.seed, hash: start, home, keys: self.keys.range.start })
    }
}
