//! The way that nearly all lookups take: one label, blocks in place, the key behind the first slot that fits. It has few
//! enough instructions that the processor begins the next lookup while this one waits for memory; whatever else may
//! happen is left to the general way.

use super::DictSeg;
use super::block::{Form, Window, parts_in};
use super::decode::Ids;
use super::fetch::{self, fetch, fetch_line};
use super::head::Place;
use super::layout::{BUCKET_LEN, CHECK_BYTES};
use super::table::{self, Bucket};
#[cfg(target_arch = "x86_64")]
use super::wide;
use super::{head, plain};

/// Lookups whose loads overlap.
pub(super) const GROUP: usize = 32;

/// What such a lookup has to know, found once.
#[derive(Debug, Clone)]
pub(super) struct Hot {
    /// Length of the only label, and where it stands in the file.
    pub label: std::ops::Range<usize>,
    /// The seed of the keys under it.
    seed: u64,
    /// Where `HASH` begins, and its home buckets.
    hash: usize,
    home: u64,
    /// The slots of a bucket, a bit each, and the bit at which its first reference begins.
    slots: u32,
    first: usize,
    /// The bits of a reference, and those that it has in a word.
    bits: usize,
    mask: u64,
    /// Where `KEYS` begins.
    keys: usize,
    /// Where `RIDS` begins, and for how many ids it has a reference: none where ids are hashed.
    rids: usize,
    ids: u64,
    plain: bool,
    /// The processor has the instructions of [`super::wide`].
    #[cfg(target_arch = "x86_64")]
    wide: bool,
}

impl<B: AsRef<[u8]>> DictSeg<B> {
    /// The id of a key, or that there is none; `None` where the general way has to tell.
    #[inline(always)]
    pub(super) fn get_hot(&self, hot: &Hot, key: &[u8]) -> Option<Option<u64>> {
        #[cfg(target_arch = "x86_64")]
        if hot.wide && key.len() <= wide::LONGEST {
            // SAFETY: it is set where the processor was found to have these instructions, and nowhere else.
            return unsafe { self.get_wide(hot, key) };
        }
        self.get_narrow(hot, key)
    }

    #[inline(always)]
    fn get_narrow(&self, hot: &Hot, key: &[u8]) -> Option<Option<u64>> {
        let Some((window, place)) = self.find(hot, key, table::equal_words)? else { return Some(None) };
        parts_in(window, &place, key)?.then_some(Some(place.id))
    }

    /// [`DictSeg::get_hot`] for a key of at most [`wide::LONGEST`] bytes.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,bmi1,bmi2")]
    fn get_wide(&self, hot: &Hot, key: &[u8]) -> Option<Option<u64>> {
        let words = |bytes: &[u8; BUCKET_LEN], word| wide::equal_words(bytes, word);
        let Some((window, place)) = self.find(hot, key, words)? else { return Some(None) };
        wide::parts_are!(window, place, key).then_some(Some(place.id))
    }

    /// Where the key behind the first slot that fits stands, or that no slot does; `words` is [`table::equal_words`], or as good.
    #[inline(always)]
    fn find(
        &self,
        hot: &Hot,
        key: &[u8],
        words: impl Fn(&[u8; BUCKET_LEN], u16) -> u32,
    ) -> Option<Option<(&Window, Place)>> {
        let hash = table::hash_bytes(key, hot.seed);
        match self.reference(hot, hash, words)? {
            Some(reference) => self.place::<true>(hot, reference).map(Some),
            None => Some(None),
        }
    }

    /// Where the bucket begins in which the search for a hash does.
    #[inline(always)]
    fn home(hot: &Hot, hash: u64) -> usize {
        hot.hash + table::home(hash, hot.home) as usize * BUCKET_LEN
    }

    /// What the first slot says that fits, or that none does.
    #[inline(always)]
    fn reference(&self, hot: &Hot, hash: u64, words: impl Fn(&[u8; BUCKET_LEN], u16) -> u32) -> Option<Option<u64>> {
        let (all, at) = (self.bytes(), Self::home(hot, hash));
        let mut bucket: &[u8; BUCKET_LEN] = all.get(at..)?.first_chunk()?;
        let mut matches = words(bucket, table::check(hash)) & hot.slots;
        if matches == 0 {
            if !Bucket::new(bucket, 0, 0).goes_on(hash) {
                return Some(None);
            }
            // Nearly all who had to pass one bucket stand in the next; if what is there is no bucket, no key fits it.
            bucket = all.get(at + BUCKET_LEN..)?.first_chunk()?;
            matches = words(bucket, table::check(hash)) & hot.slots;
            if matches == 0 {
                return None;
            }
        }
        // As `Bucket::reference`.
        let bit = hot.first + matches.trailing_zeros() as usize * hot.bits;
        let byte = (bit / 8).min(BUCKET_LEN - 8);
        let reference = u64::from_le_bytes(*bucket.get(byte..)?.first_chunk()?) >> (bit - 8 * byte) & hot.mask;
        (reference < self.refs.end).then_some(Some(reference))
    }

    /// Where a reference leads, and how many bytes from there on are read.
    #[inline(always)]
    fn place_of(&self, hot: &Hot, reference: u64) -> (usize, usize) {
        match hot.plain {
            true => (hot.keys + (reference << self.refs.unit) as usize, fetch::PLAIN),
            false => (hot.keys + self.refs.split_head(reference).0 as usize, fetch::BLOCK),
        }
    }

    /// Where the key stands to which a reference leads; `FETCH` asks for all of it before it is looked at.
    #[inline(always)]
    fn place<const FETCH: bool>(&self, hot: &Hot, reference: u64) -> Option<(&Window, Place)> {
        let bytes = self.bytes().get(self.place_of(hot, reference).0..)?;
        let window = bytes.first_chunk();
        if hot.plain {
            if FETCH {
                fetch_line(bytes, fetch::ENTRY);
            }
            return Some((window?, plain::place_in(window?)?));
        }
        if FETCH {
            fetch(bytes, fetch::BLOCK);
        }
        Some((window?, head::Head::place_in(window?, self.refs.split_head(reference).1)?))
    }

    /// [`DictSeg::get_hot`] of at most [`GROUP`] keys, in stages: each asks for the lines that the next one reads. Of a key
    /// that is left to the general way `ids` is not touched, and a bit of the result is set.
    pub(super) fn get_hot_group(&self, hot: &Hot, keys: &[&[u8]], ids: &mut [Option<u64>]) -> u32 {
        #[cfg(target_arch = "x86_64")]
        if hot.wide && keys.iter().all(|key| key.len() <= wide::LONGEST) {
            // SAFETY: as in `get_hot`.
            return unsafe { self.get_wide_group(hot, keys, ids) };
        }
        let is = |window: &Window, place: &Place, key: &[u8]| parts_in(window, place, key) == Some(true);
        self.group(hot, keys, ids, table::equal_words, is)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,bmi1,bmi2")]
    fn get_wide_group(&self, hot: &Hot, keys: &[&[u8]], ids: &mut [Option<u64>]) -> u32 {
        let words = |bytes: &[u8; BUCKET_LEN], word| wide::equal_words(bytes, word);
        self.group(hot, keys, ids, words, |window, place, key| wide::parts_are!(window, *place, key))
    }

    #[inline(always)]
    fn group(
        &self,
        hot: &Hot,
        keys: &[&[u8]],
        ids: &mut [Option<u64>],
        words: impl Fn(&[u8; BUCKET_LEN], u16) -> u32,
        is: impl Fn(&Window, &Place, &[u8]) -> bool,
    ) -> u32 {
        let (mut hashes, mut references) = ([0; GROUP], [None; GROUP]);
        for (hash, key) in hashes.iter_mut().zip(keys) {
            *hash = table::hash_bytes(key, hot.seed);
            fetch_line(self.bytes().get(Self::home(hot, *hash)..).unwrap_or(&[]), 0);
        }
        for ((reference, hash), _) in references.iter_mut().zip(hashes).zip(keys) {
            *reference = self.reference(hot, hash, &words);
            if let Some(Some(reference)) = *reference {
                let (at, len) = self.place_of(hot, reference);
                fetch(self.bytes().get(at..).unwrap_or(&[]), len);
            }
        }
        let mut left = 0;
        for (at, ((key, id), reference)) in keys.iter().zip(ids).zip(references).enumerate() {
            let found = match reference {
                Some(None) => Some(None),
                Some(Some(reference)) => {
                    let place = self.place::<false>(hot, reference).filter(|(window, place)| is(window, place, key));
                    place.map(|(_, place)| Some(place.id))
                }
                None => None,
            };
            match found {
                Some(found) => *id = found,
                None => left |= 1 << at,
            }
        }
        left
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
        let bit = nth * hot.bits as u64;
        let word = u64::from_le_bytes(*all.get(hot.rids + (bit / 8) as usize..)?.first_chunk()?);
        let reference = word >> (bit % 8) & hot.mask;
        // Behind the end is a hole, too.
        if reference >= self.refs.end {
            return None;
        }
        if hot.plain {
            let bytes = all.get(hot.keys + (reference << self.refs.unit) as usize..)?;
            fetch_line(bytes, fetch::ENTRY);
            return Some(plain::append_short(bytes, key)? == id);
        }
        let (from, place) = self.refs.split_head(reference);
        let bytes = all.get(hot.keys + from as usize..)?;
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
        let (slots, bits) = (self.refs.slots, self.refs.bits);
        let hot = Hot {
            label: one.text.clone(),
            seed: one.seed,
            hash: start,
            home,
            slots: u32::MAX >> (32 - slots),
            first: slots * CHECK_BYTES * 8,
            bits,
            mask: u64::MAX >> (64 - bits),
            keys: self.keys.range.start,
            rids,
            ids,
            plain: self.refs.form == Form::Plain,
            #[cfg(target_arch = "x86_64")]
            wide: wide::is_there(),
        };
        Some(hot)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::{DictBuilder, Layout, Options};
    use super::*;

    /// Short ones and some that are longer than what is compared at once, with and without much that is shared.
    fn key(i: u64) -> Vec<u8> {
        let width = (i % 90) as usize;
        let text = format!("{:0>width$}", i / 3);
        if i.is_multiple_of(3) { format!("{text}/x").into_bytes() } else { format!("{}/{text}", i % 3).into_bytes() }
    }

    #[test]
    fn every_way_to_compare_gives_the_same_answers() {
        const N: u64 = 6000;
        for layout in [Layout::Compact, Layout::Fast] {
            let mut b = DictBuilder::new();
            (0..N).for_each(|i| assert_eq!(b.insert(b"", &key(i), None).unwrap(), i + 1));
            let mut out = Cursor::new(Vec::new());
            b.finish_with(&mut out, Options { layout, zstd: None }).unwrap();
            let seg = DictSeg::open(out.into_inner()).unwrap();
            let hot = seg.hot_way().unwrap();
            let mut answered = 0;
            for i in 0..2 * N {
                let (key, want) = (key(i), (i < N).then_some(i + 1));
                let answer = seg.get_narrow(hot, &key);
                assert!(answer.is_none_or(|answer| answer == want), "{i}");
                answered += u64::from(answer.is_some());
                #[cfg(target_arch = "x86_64")]
                if hot.wide && key.len() <= wide::LONGEST {
                    // SAFETY: as in `get_hot`.
                    assert_eq!(unsafe { seg.get_wide(hot, &key) }, answer, "{i}");
                }
                assert_eq!(seg.get(b"", &key).unwrap(), want, "{i}");
                let mut found = Vec::new();
                if let Some(id) = want {
                    assert_eq!(seg.key_of(id, &mut found).unwrap(), Some(&b""[..]));
                    assert_eq!(found, key);
                }
            }
            let keys: Vec<Vec<u8>> = (0..2 * N).map(key).collect();
            for (nth, group) in (0..).zip(keys.chunks(GROUP)) {
                let group: Vec<&[u8]> = group.iter().map(Vec::as_slice).collect();
                let mut ids = [Some(u64::MAX); GROUP];
                let left = seg.get_hot_group(hot, &group, &mut ids);
                for (at, key) in group.iter().enumerate() {
                    let i = nth * GROUP as u64 + at as u64;
                    let (want, untouched) = (seg.get(b"", key).unwrap(), ids[at] == Some(u64::MAX));
                    assert_eq!(left >> at & 1 == 1, untouched, "{i}");
                    assert!(untouched || ids[at] == want, "{i}");
                    answered += u64::from(!untouched);
                }
            }
            // What is near the end of the file, and what two buckets had no room for, is left to the general way.
            assert!(answered > 4 * N * 9 / 10, "{answered}");
        }
    }
}
