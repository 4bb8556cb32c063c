//! Hash sections: buckets of one cache line, each slot a check byte and a rank.

use super::layout::*;
use super::meta::{uint, width_of};
use crate::{Error, Result};

/// Slots of a bucket whose references take `ref_bytes`.
pub(super) fn slots(ref_bytes: usize) -> usize {
    BUCKET_LEN / (ref_bytes + 1)
}

/// The bucket where the search for `hash` begins.
#[inline]
pub(super) fn home(hash: u64, buckets: u64) -> u64 {
    ((u128::from(hash) * u128::from(buckets)) >> 64) as u64
}

/// The check byte of a hash; zero is kept for an empty slot.
#[inline]
pub(super) fn check(hash: u64) -> u8 {
    (hash as u8).max(1)
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

/// A hash section in memory.
#[derive(Debug, Default)]
pub(super) struct Built {
    pub home: u64,
    pub probe: u64,
    pub bytes: Vec<u8>,
}

/// Places (hash, rank) pairs in ascending order, each into the first bucket from its home on that has a free slot.
/// The order makes the bytes a function of the set, and lets a builder stream them.
pub(super) fn build(mut pairs: Vec<(u64, u64)>, ref_bytes: usize) -> Built {
    if pairs.is_empty() {
        return Built::default();
    }
    pairs.sort_unstable();
    let slots = slots(ref_bytes);
    let buckets = (pairs.len() as u64 * LOAD_DEN).div_ceil(slots as u64 * LOAD_NUM);
    let mut built = Built { home: buckets, probe: 0, bytes: vec![0; buckets as usize * BUCKET_LEN] };
    let (mut at, mut used) = (0u64, 0usize);
    for (hash, rank) in pairs {
        let first = home(hash, buckets);
        if first > at {
            (at, used) = (first, 0);
        } else if used == slots {
            (at, used) = (at + 1, 0);
        }
        let start = at as usize * BUCKET_LEN;
        if start == built.bytes.len() {
            // What does not fit before the last home bucket goes behind it, so that no search wraps.
            built.bytes.resize(start + BUCKET_LEN, 0);
        }
        built.bytes[start + used] = check(hash);
        let to = start + slots + used * ref_bytes;
        built.bytes[to..to + ref_bytes].copy_from_slice(&rank.to_le_bytes()[..ref_bytes]);
        used += 1;
        built.probe = built.probe.max(at - first + 1);
    }
    built
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

    /// One bit for each slot whose check byte is `check`.
    #[inline]
    pub fn matches(&self, check: u8) -> u32 {
        // At most 32 slots: check bytes lie in the first half. A fixed count lets the compiler use one wide compare.
        let mut mask = 0u32;
        for (i, &b) in self.bytes.iter().take(32).enumerate() {
            mask |= u32::from(b == check) << i;
        }
        mask & (u32::MAX >> (32 - self.slots))
    }

    #[inline]
    pub fn rank(&self, slot: usize) -> Option<u64> {
        uint(self.bytes, self.slots + slot * self.ref_bytes, self.ref_bytes)
    }

    /// Slots in use; `None` when a used slot follows an empty one, or unused bytes are not zero.
    pub fn used(&self) -> Option<usize> {
        let checks = self.bytes.get(..self.slots)?;
        let used = checks.iter().position(|&b| b == 0).unwrap_or(self.slots);
        let clean = |part: &[u8]| part.iter().all(|&b| b == 0);
        let refs = self.bytes.get(self.slots + used * self.ref_bytes..)?;
        (clean(checks.get(used..)?) && clean(refs)).then_some(used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_is_found_from_its_home_before_an_empty_slot() {
        for (n, rb) in [(1u64, 1), (31, 1), (200, 1), (5_000, 2), (100_000, 3), (5_000, 4), (5_000, 5)] {
            let pairs: Vec<_> = (0..n).map(|rank| (hash_id(rank, 0), rank)).collect();
            let built = build(pairs.clone(), rb);
            assert!(built.probe <= 16, "{n} {rb}: probe {}", built.probe);
            let buckets = built.bytes.as_chunks::<BUCKET_LEN>().0;
            let mut used = 0;
            for b in buckets {
                used += Bucket::new(b, rb).used().unwrap() as u64;
            }
            assert_eq!(used, n);
            for (hash, rank) in pairs {
                let from = home(hash, built.home) as usize;
                let found = buckets[from..].iter().take(built.probe as usize).any(|b| {
                    let b = Bucket::new(b, rb);
                    (0..b.slots).any(|s| b.matches(check(hash)) >> s & 1 == 1 && b.rank(s) == Some(rank))
                });
                assert!(found, "{n} {rb} {rank}");
            }
        }
    }
}
