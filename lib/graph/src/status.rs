//! When a graph is due for compaction, and what `SHOW GRAPH STATUS` says about it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use crate::graph::Graph;

/// When the deltas of a graph are folded, and how they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Commits that come closer together than this are copied into the delta logs together.
    pub commit_window: Duration,
    /// Fold once the delta has so many records.
    pub gc_max_delta_records: u64,
    /// Fold once so many of a million edges are deleted.
    pub gc_tombstone_ratio_ppm: u64,
    /// Fold once the oldest record is this old.
    pub gc_max_delta_age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            commit_window: Duration::from_millis(3),
            gc_max_delta_records: 10_000,
            gc_tombstone_ratio_ppm: 300_000,
            gc_max_delta_age: Duration::from_millis(300_000),
        }
    }
}

/// One line of `SHOW GRAPH STATUS`, without the graph's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Generation of the segments.
    pub epoch: u64,
    pub partitions: u64,
    /// Edges and nodes that stand because of the delta.
    pub delta_adds: u64,
    /// Names of edges and ids of nodes under which nothing stands any more.
    pub delta_tombstones: u64,
    /// Partitions that wait for a compaction: all that have a delta, once one is due.
    pub compaction_backlog: u64,
    pub commit_window_ms: u64,
    pub gc_max_delta_records: u64,
    pub gc_tombstone_ratio_ppm: u64,
    pub gc_max_delta_age_ms: u64,
    /// Searches of this process.
    pub bfs_calls: u64,
    /// Commits that changed the graph since it was made.
    pub wal_commits: u64,
    /// How often a delta log was found as a crash had left it.
    pub recoveries: u64,
}

static SEARCHES: AtomicU64 = AtomicU64::new(0);

/// Counts a search.
pub fn count_search() {
    SEARCHES.fetch_add(1, Ordering::Relaxed);
}

impl Graph {
    /// Records of the delta: edges and nodes that came, and that went.
    pub fn delta_records(&self) -> (u64, u64) {
        let (adds, tombstones) = self.delta_counts();
        let nodes = self.node_delta();
        (adds + nodes.named(), tombstones + nodes.forgotten())
    }

    /// Whether the deltas should be folded now. `now_us` is the time: microseconds since 1970.
    pub fn compaction_due(&self, limits: &Limits, now_us: u64) -> bool {
        let (adds, tombstones) = self.delta_records();
        if adds + tombstones == 0 {
            return false;
        }
        let edges = u128::from(self.segment_edges() + adds).max(1);
        let ppm = u128::from(tombstones) * 1_000_000 / edges;
        let age = self.tail.oldest_us.map_or(0, |at| now_us.saturating_sub(at));
        adds + tombstones >= limits.gc_max_delta_records
            || ppm > u128::from(limits.gc_tombstone_ratio_ppm)
            || u128::from(age) >= limits.gc_max_delta_age.as_micros()
    }

    /// Commits of this graph that stand in the WAL alone.
    pub fn commits_behind(&self) -> u64 {
        self.tail.commits
    }

    /// Where the graph stands. `now_us` is the time: microseconds since 1970.
    pub fn status(&self, limits: &Limits, now_us: u64) -> Status {
        let (delta_adds, delta_tombstones) = self.delta_records();
        let waiting = self.parts.iter().filter(|p| !p.delta.is_empty()).count() as u64;
        let ms = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
        Status {
            epoch: self.manifest().generation,
            partitions: u64::from(self.partitions()),
            delta_adds,
            delta_tombstones,
            compaction_backlog: if self.compaction_due(limits, now_us) { waiting.max(1) } else { 0 },
            commit_window_ms: ms(limits.commit_window),
            gc_max_delta_records: limits.gc_max_delta_records,
            gc_tombstone_ratio_ppm: limits.gc_tombstone_ratio_ppm,
            gc_max_delta_age_ms: ms(limits.gc_max_delta_age),
            bfs_calls: SEARCHES.load(Ordering::Relaxed),
            wal_commits: self.manifest().commits + self.tail.commits,
            recoveries: self.manifest().recoveries,
        }
    }
}
