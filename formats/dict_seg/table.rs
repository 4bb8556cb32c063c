//! Hash sections: buckets of one cache line, each slot a check value and a rank.

use std::collections::VecDeque;

use super::encode::Numbers;
use super::layout::*;
use super::meta::{uint, width_of};
use crate::{Error, Result};

/// Slots of a bucket whose references take `ref_bytes`.
pub(super) fn slots(ref_bytes: usize) -> usize {
    BUCKET_PASSED / (ref_bytes + CHECK_BYTES)
}

/// The bucket where the search for `hash` begins.
#[inline]
pub(super) fn home(hash: u64, buckets: u64) -> u64 {
    ((u128::from(hash) * u128::from(buckets)) >> 64) as u64
}

/// The check value of a hash; zero is kept for an empty slot.
#[inline]
pub(super) fn check(hash: u64) -> u16 {
    (hash as u16).max(1)
}

/// The bit that a hash sets in each bucket which it had to pass.
#[inline]
pub(super) fn passed(hash: u64) -> u16 {
    1 << (hash >> 16 & 15)
}

#[inline]
pub(super) fn hash_bytes(bytes: &[u8], seed: u64) -> u64 {
    xxhash_rust::xxh3::xxh3_64_with_seed(bytes, seed)
}

/// Hash of (label, key): the label's own hash seeds the key's.
#[inline]
pub(super) fn hash_pair(label: &[u8], key: &[u8], seed: u64) -> u64 {
    hash_bytes(key, hash_bytes(label, seed))
}

#[inline]
pub(super) fn hash_id(id: u64, seed: u64) -> u64 {
    hash_bytes(&id.to_le_bytes(), seed)
}

/// Home buckets for this many entries.
pub(super) fn home_buckets(entries: u64, ref_bytes: usize) -> u64 {
    (entries * LOAD_DEN).div_ceil(slots(ref_bytes) as u64 * LOAD_NUM)
}

/// Places (hash, rank) pairs that come in ascending order, each into the first bucket from its home on that has a
/// free slot. The order makes the bytes a function of the set, and lets a builder stream them.
pub(super) struct Placer {
    slots: usize,
    ref_bytes: usize,
    home: u64,
    /// Buckets that a pair still to come may fill or pass, the first of them `done`, and how many slots the last has
    /// in use.
    open: VecDeque<[u8; BUCKET_LEN]>,
    done: u64,
    used: usize,
    pub probe: u64,
}

/// Where complete buckets go.
pub(super) type Sink<'a> = &'a mut dyn FnMut(&[u8; BUCKET_LEN]) -> Result<()>;

impl Placer {
    pub fn new(entries: u64, ref_bytes: usize) -> Self {
        let (slots, home) = (slots(ref_bytes), home_buckets(entries, ref_bytes));
        Placer { slots, ref_bytes, home, open: VecDeque::new(), done: 0, used: 0, probe: 0 }
    }

    /// Home buckets.
    pub fn home(&self) -> u64 {
        self.home
    }

    fn close(&mut self, until: u64, out: Sink<'_>) -> Result<()> {
        while self.done < until {
            out(&self.open.pop_front().unwrap_or([0; BUCKET_LEN]))?;
            self.done += 1;
        }
        Ok(())
    }

    /// Places the next pair; buckets that are complete go to `out`.
    pub fn place(&mut self, hash: u64, rank: u64, out: Sink<'_>) -> Result<()> {
        let first = home(hash, self.home);
        self.close(first, out)?;
        if self.open.is_empty() || self.used == self.slots {
            // What does not fit before the last home bucket goes behind it, so that no search wraps.
            self.open.push_back([0; BUCKET_LEN]);
            self.used = 0;
        }
        let passed_by = self.open.len() - 1;
        for bucket in self.open.iter_mut().take(passed_by) {
            let word = u16::from_le_bytes([bucket[BUCKET_PASSED], bucket[BUCKET_PASSED + 1]]) | passed(hash);
            bucket[BUCKET_PASSED..].copy_from_slice(&word.to_le_bytes());
        }
        let bucket = &mut self.open[passed_by];
        let check_at = self.used * CHECK_BYTES;
        bucket[check_at..check_at + CHECK_BYTES].copy_from_slice(&check(hash).to_le_bytes());
        let to = self.slots * CHECK_BYTES + self.used * self.ref_bytes;
        bucket[to..to + self.ref_bytes].copy_from_slice(&rank.to_le_bytes()[..self.ref_bytes]);
        self.used += 1;
        self.probe = self.probe.max(self.open.len() as u64);
        if self.probe > MAX_PROBE {
            return Err(Error::limit("buckets that one lookup visits", MAX_PROBE, self.probe)
                .hint("the keys were chosen to collide under this hash function"));
        }
        Ok(())
    }

    /// Hands out what is left.
    pub fn finish(&mut self, out: Sink<'_>) -> Result<()> {
        let end = self.home.max(self.done + self.open.len() as u64);
        self.close(end, out)
    }
}

/// The longest search in the section that these numbers (hash, rank) would make.
pub(super) fn longest_probe(numbers: &mut dyn Numbers, entries: u64, ref_bytes: usize) -> Result<u64> {
    let (slots, buckets) = (slots(ref_bytes), home_buckets(entries, ref_bytes));
    let (mut at, mut used, mut longest) = (0, 0, 0);
    while let Some(n) = numbers.next_number()? {
        let first = home((n >> 64) as u64, buckets);
        if first > at {
            (at, used) = (first, 0);
        } else if used == slots {
            (at, used) = (at + 1, 0);
        }
        used += 1;
        longest = longest.max(at - first + 1);
    }
    Ok(longest)
}

/// Bytes of a reference into `entries` entries. One value more than the ranks is needed: all ones marks a hole.
pub(super) fn ref_bytes(entries: u64) -> Result<usize> {
    if entries > MAX_ENTRIES {
        return Err(Error::limit("entry count", MAX_ENTRIES, entries));
    }
    Ok(width_of(entries))
}

/// One bucket of a mapped file.
#[derive(Clone, Copy)]
pub(super) struct Bucket<'a> {
    bytes: &'a [u8; BUCKET_LEN],
    slots: usize,
    ref_bytes: usize,
}

impl<'a> Bucket<'a> {
    #[inline]
    pub fn new(bytes: &'a [u8; BUCKET_LEN], ref_bytes: usize) -> Self {
        Bucket { bytes, slots: slots(ref_bytes), ref_bytes }
    }

    /// One bit for each slot whose check value is that of `hash`.
    #[inline]
    pub fn matches(&self, hash: u64) -> u32 {
        simd::equal_words(self.bytes, check(hash)) & (u32::MAX >> (32 - self.slots))
    }

    /// Whether an entry of this hash may stand in a later bucket.
    #[inline]
    pub fn goes_on(&self, hash: u64) -> bool {
        self.passed() & passed(hash) != 0
    }

    /// The marks of those who went on to the next bucket.
    #[inline]
    pub fn passed(&self) -> u16 {
        let [.., low, high] = *self.bytes;
        u16::from_le_bytes([low, high])
    }

    #[inline]
    pub fn rank(&self, slot: usize) -> Option<u64> {
        uint(self.bytes, self.slots * CHECK_BYTES + slot * self.ref_bytes, self.ref_bytes)
    }

    /// Slots in use; `None` when a used slot follows an empty one, or unused bytes are not zero.
    pub fn used(&self) -> Option<usize> {
        let checks = self.bytes.get(..self.slots * CHECK_BYTES)?.as_chunks::<CHECK_BYTES>().0;
        let used = checks.iter().position(|c| *c == [0; CHECK_BYTES]).unwrap_or(self.slots);
        let refs = self.bytes.get(self.slots * CHECK_BYTES + used * self.ref_bytes..BUCKET_PASSED)?;
        (checks.get(used..)?.iter().flatten().chain(refs).all(|&b| b == 0)).then_some(used)
    }
}

/// One wide comparison where the processor has it; every x86-64 does.
mod simd {
    use super::BUCKET_LEN;

    /// One bit for each of the first 24 16-bit words that is `word`.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub fn equal_words(bytes: &[u8; BUCKET_LEN], word: u16) -> u32 {
        // SAFETY: SSE2 is part of x86-64 itself.
        unsafe { with_sse2(bytes, word) }
    }

    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "sse2")]
    fn with_sse2(bytes: &[u8; BUCKET_LEN], word: u16) -> u32 {
        use std::arch::x86_64::{
            _mm_cmpeq_epi16, _mm_movemask_epi8, _mm_packs_epi16, _mm_set_epi64x, _mm_set1_epi16, _mm_setzero_si128,
        };
        let (long, _) = bytes.as_chunks::<8>();
        let want = _mm_set1_epi16(word as i16);
        let equal = |i: usize| {
            let word = |i: usize| long.get(i).map_or(0, |c| i64::from_le_bytes(*c));
            _mm_cmpeq_epi16(_mm_set_epi64x(word(i + 1), word(i)), want)
        };
        let low = _mm_movemask_epi8(_mm_packs_epi16(equal(0), equal(2))) as u32 & 0xFFFF;
        let high = _mm_movemask_epi8(_mm_packs_epi16(equal(4), _mm_setzero_si128())) as u32 & 0xFF;
        low | high << 16
    }

    #[cfg(not(target_arch = "x86_64"))]
    #[inline]
    pub fn equal_words(bytes: &[u8; BUCKET_LEN], word: u16) -> u32 {
        let words = bytes.as_chunks::<2>().0.iter().take(24).enumerate();
        words.fold(0, |mask, (i, c)| mask | u32::from(u16::from_le_bytes(*c) == word) << i)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_is_found_from_its_home_while_its_bit_says_go_on() {
        for (n, rb) in [(1u64, 1), (31, 1), (200, 1), (5_000, 2), (100_000, 3), (5_000, 4), (5_000, 5)] {
            let mut pairs: Vec<_> = (0..n).map(|rank| (hash_id(rank, 0), rank)).collect();
            pairs.sort_unstable();
            let mut placer = Placer::new(n, rb);
            let mut buckets = Vec::new();
            let mut sink = |b: &[u8; BUCKET_LEN]| {
                buckets.push(*b);
                Ok(())
            };
            pairs.iter().for_each(|&(hash, rank)| placer.place(hash, rank, &mut sink).unwrap());
            placer.finish(&mut sink).unwrap();
            assert!(placer.probe <= 16, "{n} {rb}: probe {}", placer.probe);
            assert!(buckets.len() as u64 >= placer.home());
            let used: usize = buckets.iter().map(|b| Bucket::new(b, rb).used().unwrap()).sum();
            assert_eq!(used as u64, n);
            for (hash, rank) in pairs {
                let mut at = home(hash, placer.home()) as usize;
                loop {
                    let b = Bucket::new(&buckets[at], rb);
                    if (0..b.slots).any(|s| b.matches(hash) >> s & 1 == 1 && b.rank(s) == Some(rank)) {
                        break;
                    }
                    assert!(b.goes_on(hash), "{n} {rb} {rank}");
                    at += 1;
                }
            }
        }
    }

    #[test]
    fn words_are_compared_one_by_one() {
        for at in 0..24 {
            let mut bytes = [0u8; BUCKET_LEN];
            bytes[2 * at..2 * at + 2].copy_from_slice(&0x8001u16.to_le_bytes());
            assert_eq!(simd::equal_words(&bytes, 0x8001), 1 << at);
            assert_eq!(simd::equal_words(&bytes, 0), 0xFF_FFFF ^ 1 << at);
        }
    }
}
