//! Numbers that are spread evenly over all there are, as hashes are: each goes to those of its bucket as it comes, so that
//! only buckets are left to be sorted, each within the processor's second cache.

use qx_io::make_room;

use crate::numbers::{MANY, sort_bucket};

/// Bits of the number of a bucket: few enough that the places of all are in the processor's first cache, and enough for a
/// bucket to have room in its second.
const BITS: u32 = 9;
/// What the numbers of one bucket have below those.
const BELOW: u32 = u128::BITS - BITS;
/// Numbers of a block: enough for neighbours to come from memory together, and few are wasted where a bucket ends.
const BLOCK: usize = 64;

/// Numbers in blocks, each of one bucket.
pub struct Spread {
    numbers: Vec<u128>,
    /// The bucket of each block.
    buckets: Vec<u16>,
    /// Where the next number of each bucket goes; the beginning of a block, whosever, where it has to get one first.
    free: Vec<usize>,
    /// Where the blocks stand, in order, each with how many numbers it has and how many are before them, once they are sorted.
    order: Vec<(usize, usize, usize)>,
}

impl Default for Spread {
    fn default() -> Self {
        Spread { numbers: Vec::new(), buckets: Vec::new(), free: vec![0; 1 << BITS], order: Vec::new() }
    }
}

impl Spread {
    /// Adds a number to those of its bucket; `at_most` are all that there is room for.
    #[inline]
    pub fn push(&mut self, n: u128, at_most: usize) {
        let bucket = (n >> BELOW) as usize;
        let mut at = self.free[bucket];
        if at.is_multiple_of(BLOCK) {
            at = self.numbers.len();
            make_room(&mut self.numbers, BLOCK, at_most);
            self.numbers.resize(at + BLOCK, 0);
            self.buckets.push(bucket as u16);
        }
        self.numbers[at] = n;
        self.free[bucket] = at + 1;
    }

    /// Numbers that there is no room for any more: those that are there, and the rest of each bucket's last block.
    pub fn taken(&self) -> usize {
        self.numbers.len()
    }

    pub fn sort(&mut self) {
        let mut of_bucket: Vec<Vec<&mut [u128]>> = Vec::new();
        of_bucket.resize_with(1 << BITS, Vec::new);
        let mut places = vec![Vec::new(); 1 << BITS];
        for (i, (block, &bucket)) in self.numbers.chunks_mut(BLOCK).zip(&self.buckets).enumerate() {
            let bucket = usize::from(bucket);
            // The last block of a bucket is the one that is not full.
            let used = if self.free[bucket] / BLOCK == i { self.free[bucket] % BLOCK } else { BLOCK };
            of_bucket[bucket].push(&mut block[..used]);
            places[bucket].push((i * BLOCK, used, 0));
        }
        let many = self.buckets.len() * BLOCK >= MANY;
        let threads = if many { std::thread::available_parallelism().map_or(1, usize::from) } else { 1 };
        std::thread::scope(|scope| {
            let mut parts = of_bucket.chunks_mut((1usize << BITS).div_ceil(threads));
            let mine = parts.next();
            parts.for_each(|part| drop(scope.spawn(|| sort_all(part))));
            mine.into_iter().for_each(sort_all);
        });
        self.order = places.concat();
        let mut before = 0;
        for (_, used, rank) in &mut self.order {
            *rank = before;
            before += *used;
        }
    }

    /// The numbers in order, once they are sorted.
    pub fn pieces(&self) -> impl Iterator<Item = &[u128]> {
        self.order.iter().map(|&(at, used, _)| &self.numbers[at..at + used])
    }

    /// The number at a place among all, once they are sorted.
    pub fn get(&self, rank: usize) -> Option<u128> {
        let (at, used, first) = *self.order.get(self.order.partition_point(|b| b.2 <= rank).checked_sub(1)?)?;
        self.numbers[at..at + used].get(rank - first).copied()
    }

    pub fn clear(&mut self) {
        self.numbers.clear();
        self.buckets.clear();
        self.free.fill(0);
        self.order.clear();
    }
}

/// Sorts the numbers of each bucket, which stay in its blocks.
fn sort_all(buckets: &mut [Vec<&mut [u128]>]) {
    let (mut whole, mut spare, mut places) = (Vec::new(), Vec::new(), Vec::new());
    for blocks in buckets {
        whole.clear();
        blocks.iter().for_each(|block| whole.extend_from_slice(block));
        sort_bucket(&mut whole, 0, BELOW, &mut spare, &mut places);
        let mut rest = &whole[..];
        for block in blocks {
            let (own, others) = rest.split_at(block.len());
            block.copy_from_slice(own);
            rest = others;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_out_sorted_however_they_are_spread() {
        let hash = |i: u64| u128::from(i.wrapping_mul(0x9E37_79B9_7F4A_7C15)) << 64 | u128::from(i);
        let mut spread = Spread::default();
        for n in [0u64, 1, 63, 64, 65, 5000, 300_000] {
            let of: [fn(u128) -> u128; 4] = [|h| h, |h| h >> 20, |_| u128::MAX, |h| h | 1 << 127];
            for of in of {
                let mut want: Vec<u128> = (0..n).map(|i| of(hash(i))).collect();
                spread.clear();
                want.iter().for_each(|&n| spread.push(n, usize::MAX));
                spread.sort();
                want.sort_unstable();
                assert!(spread.pieces().flatten().copied().eq(want.iter().copied()), "{n}");
                for rank in [0, 1, 63, 64, want.len() / 2, want.len().saturating_sub(1), want.len()] {
                    assert_eq!(spread.get(rank), want.get(rank).copied(), "{n} {rank}");
                }
                assert!(spread.taken() >= want.len() && spread.taken() <= want.len() + (BLOCK << BITS));
            }
        }
    }
}
