//! What claims about memory are measured against.

use std::hint::black_box;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Bytes of one step's target: a cache line, so that no two steps share a load.
const LINE: usize = 64;
const WORDS: usize = LINE / size_of::<u64>();

/// One random dependent load: each value read is the place of the next, so nothing can be fetched ahead.
///
/// This is the least that any lookup in a large structure can cost. A lookup at a ratio of 3 does the work of three
/// cache misses one after another.
pub struct Chase {
    lines: Vec<u64>,
    at: u64,
}

impl Chase {
    /// A single cycle through `bytes` of memory, in an order that `seed` fixes.
    pub fn new(bytes: usize, seed: u64) -> Chase {
        let n = (bytes / LINE).max(2);
        let mut order: Vec<u32> = (0..u32::try_from(n).unwrap_or(u32::MAX)).collect();
        let mut rng = StdRng::seed_from_u64(seed);
        // Sattolo's shuffle: the result is one cycle through all of them, never several short ones.
        for i in (1..order.len()).rev() {
            order.swap(i, rng.random_range(0..i));
        }
        let mut lines = vec![0u64; order.len() * WORDS];
        for (line, next) in lines.chunks_exact_mut(WORDS).zip(&order) {
            if let Some(word) = line.first_mut() {
                *word = u64::from(*next);
            }
        }
        Chase { lines, at: 0 }
    }

    /// Follows the cycle for `steps` loads and returns where that led.
    pub fn run(&mut self, steps: u64) -> u64 {
        let mut at = self.at;
        for _ in 0..steps {
            at = self.lines.get(at as usize * WORDS).copied().unwrap_or(0);
        }
        self.at = black_box(at);
        at
    }
}

/// Reads bytes once, in order: the least that any scan of them can cost.
pub fn stream(bytes: &[u8]) -> u64 {
    let (chunks, rest) = bytes.as_chunks::<8>();
    let sum = chunks.iter().fold(0u64, |sum, c| sum.wrapping_add(u64::from_le_bytes(*c)));
    black_box(rest.iter().fold(sum, |sum, b| sum.wrapping_add(u64::from(*b))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chase_visits_every_line_before_it_comes_back() {
        let mut chase = Chase::new(1000 * LINE, 7);
        let mut seen = vec![false; 1000];
        for _ in 0..1000 {
            seen[chase.run(1) as usize] = true;
        }
        assert!(seen.iter().all(|s| *s));
        assert_eq!(chase.at, 0);
    }

    #[test]
    fn a_stream_sees_every_byte() {
        assert_eq!(stream(&[1, 0, 0, 0, 0, 0, 0, 0, 2]), 3);
        assert_eq!(stream(&[]), 0);
    }
}
