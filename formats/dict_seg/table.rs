//! Hash sections: buckets of one cache line, each slot a check value and a reference.

use std::collections::VecDeque;

use super::layout::*;
use super::room::{Numbers, each};
use crate::{Error, Result};

/// Slots of a bucket whose references take `ref_bits`.
#[inline]
pub(super) fn slots(ref_bits: usize) -> usize {
    (BUCKET_PASSED * 8 / (ref_bits + CHECK_BYTES * 8)).min(MAX_SLOTS)
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
pub(super) fn home_buckets(entries: u64, ref_bits: usize) -> u64 {
    (entries * LOAD_DEN).div_ceil(slots(ref_bits) as u64 * LOAD_NUM)
}

/// Places (hash, reference) pairs that come in ascending order, each into the first bucket from its home on that has a
/// free slot. The order makes the bytes a function of the set, and lets a builder stream them.
pub(super) struct Placer {
    slots: usize,
    ref_bits: usize,
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
    pub fn new(entries: u64, ref_bits: usize) -> Self {
        let (slots, home) = (slots(ref_bits), home_buckets(entries, ref_bits));
        Placer { slots, ref_bits, home, open: VecDeque::new(), done: 0, used: 0, probe: 0 }
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
    pub fn place(&mut self, hash: u64, reference: u64, out: Sink<'_>) -> Result<()> {
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
        let bit = self.slots * CHECK_BYTES * 8 + self.used * self.ref_bits;
        // Eight bytes that hold the reference, as when it is read.
        let byte = (bit / 8).min(BUCKET_LEN - 8);
        if let Some(eight) = bucket.get_mut(byte..).and_then(<[u8]>::first_chunk_mut::<8>) {
            *eight = (u64::from_le_bytes(*eight) | reference << (bit - 8 * byte)).to_le_bytes();
        }
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

/// The longest search in the section that these numbers (hash, reference) would make.
pub(super) fn longest_probe(numbers: &mut dyn Numbers, entries: u64, ref_bits: usize) -> Result<u64> {
    let (slots, buckets) = (slots(ref_bits), home_buckets(entries, ref_bits));
    let (mut at, mut used, mut longest) = (0, 0, 0);
    each(numbers, |n| {
        let first = home((n >> 64) as u64, buckets);
        if first > at {
            (at, used) = (first, 0);
        } else if used == slots {
            (at, used) = (at + 1, 0);
        }
        used += 1;
        longest = longest.max(at - first + 1);
        Ok(())
    })?;
    Ok(longest)
}

/// One bucket of a mapped file.
#[derive(Clone, Copy)]
pub(super) struct Bucket<'a> {
    bytes: &'a [u8; BUCKET_LEN],
    slots: usize,
    ref_bits: usize,
}

impl<'a> Bucket<'a> {
    /// `slots` are those of references of so many bits.
    #[inline(always)]
    pub fn new(bytes: &'a [u8; BUCKET_LEN], slots: usize, ref_bits: usize) -> Self {
        Bucket { bytes, slots, ref_bits }
    }

    /// One bit for each slot whose check value is that of `hash`.
    #[inline(always)]
    pub fn matches(&self, hash: u64) -> u32 {
        equal_words(self.bytes, check(hash)) & (u32::MAX >> (32 - self.slots))
    }

    /// Whether an entry of this hash may stand in a later bucket.
    #[inline(always)]
    pub fn goes_on(&self, hash: u64) -> bool {
        self.passed() & passed(hash) != 0
    }

    /// The marks of those who went on to the next bucket.
    #[inline]
    pub fn passed(&self) -> u16 {
        let [.., low, high] = *self.bytes;
        u16::from_le_bytes([low, high])
    }

    #[inline(always)]
    pub fn reference(&self, slot: usize) -> u64 {
        // Eight bytes that hold the reference and do not go beyond the bucket.
        let bit = self.slots * CHECK_BYTES * 8 + slot * self.ref_bits;
        let byte = (bit / 8).min(BUCKET_LEN - 8);
        let word = self.bytes.get(byte..).and_then(<[u8]>::first_chunk::<8>).map_or(0, |c| u64::from_le_bytes(*c));
        word >> (bit - 8 * byte) & (u64::MAX >> (64 - self.ref_bits))
    }

    /// Slots in use; `None` when a used slot follows an empty one, or unused bits are not zero.
    pub fn used(&self) -> Option<usize> {
        let checks = self.bytes.get(..self.slots * CHECK_BYTES)?.as_chunks::<CHECK_BYTES>().0;
        let used = checks.iter().position(|c| *c == [0; CHECK_BYTES]).unwrap_or(self.slots);
        let bit = self.slots * CHECK_BYTES * 8 + used * self.ref_bits;
        let (first, rest) = self.bytes.get(bit / 8..BUCKET_PASSED)?.split_first().unwrap_or((&0, &[]));
        let open = if bit / 8 < BUCKET_PASSED { first >> (bit % 8) } else { 0 };
        let empty = checks.get(used..)?.iter().flatten().chain(rest).all(|&b| b == 0);
        (empty && open == 0).then_some(used)
    }
}

pub(super) use simd::equal_words;

/// One wide comparison where the processor has it; every x86-64 does.
mod simd {
    use super::BUCKET_LEN;

    /// One bit for each of the first 16 16-bit words that is `word`.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub fn equal_words(bytes: &[u8; BUCKET_LEN], word: u16) -> u32 {
        use std::arch::x86_64::{_mm_cmpeq_epi16, _mm_loadu_si128, _mm_movemask_epi8, _mm_packs_epi16, _mm_set1_epi16};
        // SAFETY: SSE2 is part of x86-64 itself, and the loads, which need no alignment, read the first 32 bytes of 64.
        unsafe {
            let want = _mm_set1_epi16(word as i16);
            let low = _mm_cmpeq_epi16(_mm_loadu_si128(bytes.as_ptr().cast()), want);
            let high = _mm_cmpeq_epi16(_mm_loadu_si128(bytes.as_ptr().add(16).cast()), want);
            _mm_movemask_epi8(_mm_packs_epi16(low, high)) as u32
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    #[inline]
    pub fn equal_words(bytes: &[u8; BUCKET_LEN], word: u16) -> u32 {
        let words = bytes.as_chunks::<2>().0.iter().take(16).enumerate();
        words.fold(0, |mask, (i, c)| mask | u32::from(u16::from_le_bytes(*c) == word) << i)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_is_found_from_its_home_while_its_bit_says_go_on() {
        for (n, bits) in [(1u64, 1), (31, 5), (200, 8), (5_000, 13), (100_000, 25), (5_000, 40), (5_000, 48)] {
            let mut pairs: Vec<_> = (0..n).map(|rank| (hash_id(rank, 0), rank)).collect();
            pairs.sort_unstable();
            let mut placer = Placer::new(n, bits);
            let mut buckets = Vec::new();
            let mut sink = |b: &[u8; BUCKET_LEN]| {
                buckets.push(*b);
                Ok(())
            };
            pairs.iter().for_each(|&(hash, rank)| placer.place(hash, rank, &mut sink).unwrap());
            placer.finish(&mut sink).unwrap();
            assert!(placer.probe <= 32, "{n} {bits}: probe {}", placer.probe);
            assert!(buckets.len() as u64 >= placer.home());
            let used: usize = buckets.iter().map(|b| Bucket::new(b, slots(bits), bits).used().unwrap()).sum();
            assert_eq!(used as u64, n);
            for (hash, rank) in pairs {
                let mut at = home(hash, placer.home()) as usize;
                loop {
                    let b = Bucket::new(&buckets[at], slots(bits), bits);
                    if (0..b.slots).any(|s| b.matches(hash) >> s & 1 == 1 && b.reference(s) == rank) {
                        break;
                    }
                    assert!(b.goes_on(hash), "{n} {bits} {rank}");
                    at += 1;
                }
            }
        }
    }

    #[test]
    fn words_are_compared_one_by_one() {
        for at in 0..16 {
            let mut bytes = [0u8; BUCKET_LEN];
            bytes[2 * at..2 * at + 2].copy_from_slice(&0x8001u16.to_le_bytes());
            assert_eq!(simd::equal_words(&bytes, 0x8001), 1 << at);
            assert_eq!(simd::equal_words(&bytes, 0), 0xFFFF ^ 1 << at);
        }
    }
}
