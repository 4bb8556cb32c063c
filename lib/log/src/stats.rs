//! Counting what a log does, and how long the disk takes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counters since the log was opened. Latencies are upper bounds of the powers of two between which they lie.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    pub commits: u64,
    pub operations: u64,
    pub bytes: u64,
    pub writes: u64,
    pub write_us: u64,
    pub write_us_max: u64,
    pub syncs: u64,
    pub sync_us: u64,
    pub sync_us_p50: u64,
    pub sync_us_p99: u64,
    pub sync_us_max: u64,
    pub rotations: u64,
    /// Failures of whatever kind.
    pub errors: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub commits: AtomicU64,
    pub operations: AtomicU64,
    pub bytes: AtomicU64,
    pub writes: Times,
    pub syncs: Times,
    pub rotations: AtomicU64,
    pub errors: AtomicU64,
}

/// How often, how long together, at most, and by powers of two of microseconds.
#[derive(Debug, Default)]
pub(crate) struct Times {
    count: AtomicU64,
    total_us: AtomicU64,
    max_us: AtomicU64,
    buckets: [AtomicU64; 32],
}

impl Times {
    pub fn add(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.total_us.fetch_add(us, Ordering::Relaxed);
        self.max_us.fetch_max(us, Ordering::Relaxed);
        let bucket = (64 - us.leading_zeros()) as usize;
        if let Some(b) = self.buckets.get(bucket.min(31)) {
            b.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// An upper bound of what so many in a thousand took.
    fn quantile_us(&self, per_mille: u64) -> u64 {
        let counts: Vec<u64> = self.buckets.iter().map(|b| b.load(Ordering::Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        let mut left = (total * per_mille).div_ceil(1000);
        for (bucket, count) in counts.iter().enumerate() {
            if left <= *count {
                return if total == 0 { 0 } else { (1 << bucket) - 1 };
            }
            left -= count;
        }
        0
    }
}

impl Counters {
    pub fn stats(&self) -> Stats {
        let get = |a: &AtomicU64| a.load(Ordering::Relaxed);
        Stats {
            commits: get(&self.commits),
            operations: get(&self.operations),
            bytes: get(&self.bytes),
            writes: get(&self.writes.count),
            write_us: get(&self.writes.total_us),
            write_us_max: get(&self.writes.max_us),
            syncs: get(&self.syncs.count),
            sync_us: get(&self.syncs.total_us),
            sync_us_p50: self.syncs.quantile_us(500),
            sync_us_p99: self.syncs.quantile_us(990),
            sync_us_max: get(&self.syncs.max_us),
            rotations: get(&self.rotations),
            errors: get(&self.errors),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_bounded_from_above() {
        let times = Times::default();
        assert_eq!(times.quantile_us(990), 0);
        for us in (0..98).map(|_| 100).chain([3000, 9000]) {
            times.add(Duration::from_micros(us));
        }
        assert_eq!((times.quantile_us(500), times.quantile_us(990), times.quantile_us(1000)), (127, 4095, 16383));
        assert_eq!(times.max_us.load(Ordering::Relaxed), 9000);
    }
}
