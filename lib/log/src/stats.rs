//! Counting what a log does, and how long the disk takes.

use std::time::Duration;

/// Writes that nobody waits for are timed once in so many: looking at a clock takes a good part of what they take.
const TIMED: u64 = 16;

/// Counters since the log was opened. Latencies are upper bounds of the powers of two between which they lie. Times of
/// writes are of all that a sync followed, and of a sample of the others.
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
    pub commits: u64,
    pub operations: u64,
    pub bytes: u64,
    pub writes: Times,
    pub syncs: Times,
    pub rotations: u64,
    pub errors: u64,
}

/// How often, how long together, at most, and by powers of two of microseconds.
#[derive(Debug, Default)]
pub(crate) struct Times {
    count: u64,
    total_us: u64,
    max_us: u64,
    buckets: [u64; 32],
}

impl Times {
    /// The next one should be timed.
    pub fn due(&self) -> bool {
        self.count.is_multiple_of(TIMED)
    }

    pub fn add(&mut self, took: Option<Duration>) {
        self.count += 1;
        let Some(took) = took else { return };
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.total_us = self.total_us.saturating_add(us);
        self.max_us = self.max_us.max(us);
        let bucket = (64 - us.leading_zeros()) as usize;
        if let Some(b) = self.buckets.get_mut(bucket.min(31)) {
            *b += 1;
        }
    }

    /// An upper bound of what so many in a thousand took.
    fn quantile_us(&self, per_mille: u64) -> u64 {
        let total: u64 = self.buckets.iter().sum();
        let mut left = (total * per_mille).div_ceil(1000);
        for (bucket, count) in self.buckets.iter().enumerate() {
            if left <= *count {
                return if total == 0 { 0 } else { (1 << bucket) - 1 };
            }
            left -= count;
        }
        0
    }
}

impl Counters {
    /// A write, and the sync that followed it.
    pub fn round(&mut self, bytes: u64, wrote: Option<Duration>, synced: Option<Duration>) {
        self.bytes += bytes;
        self.writes.add(wrote);
        if synced.is_some() {
            self.syncs.add(synced);
        }
    }

    pub fn stats(&self) -> Stats {
        Stats {
            commits: self.commits,
            operations: self.operations,
            bytes: self.bytes,
            writes: self.writes.count,
            write_us: self.writes.total_us,
            write_us_max: self.writes.max_us,
            syncs: self.syncs.count,
            sync_us: self.syncs.total_us,
            sync_us_p50: self.syncs.quantile_us(500),
            sync_us_p99: self.syncs.quantile_us(990),
            sync_us_max: self.syncs.max_us,
            rotations: self.rotations,
            errors: self.errors,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_bounded_from_above() {
        let mut times = Times::default();
        assert_eq!(times.quantile_us(990), 0);
        for us in (0..98).map(|_| 100).chain([3000, 9000]) {
            times.add(Some(Duration::from_micros(us)));
        }
        assert_eq!((times.quantile_us(500), times.quantile_us(990), times.quantile_us(1000)), (127, 4095, 16383));
        assert_eq!(times.max_us, 9000);
    }
}
