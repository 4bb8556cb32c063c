//! How a log is written.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

/// When a commit reaches the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncPolicy {
    /// Before it is acknowledged; concurrent committers share one sync.
    Always,
    /// At most this long after it is acknowledged.
    Interval(Duration),
    /// Once so many bytes were acknowledged without being synced.
    Bytes(u64),
    /// When a segment is sealed, and at the close.
    None,
}

/// Who numbers operations and transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Numbering {
    /// This log: without gaps ([`crate::Log::commit`]).
    #[default]
    Own,
    /// Another log that this one is written behind ([`crate::Log::append`]): numbers grow, and may leave gaps.
    Given,
}

#[derive(Debug, Clone)]
pub struct Options {
    pub sync: SyncPolicy,
    /// A segment is sealed before it grows above this, unless one transaction alone is larger.
    pub rotate_size: u64,
    /// A segment is sealed at the first commit after it reached this age.
    pub rotate_age: Duration,
    /// How long to wait for another writer.
    pub wait: Duration,
    pub numbering: Numbering,
    /// UTC, microseconds since 1970. Tests that compare bytes give their own.
    pub clock: fn() -> u64,
    /// Identity of a new log; a random one when absent.
    pub uuid: Option<Uuid>,
    /// Number of the first operation of a new log.
    pub base_lsn: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            sync: SyncPolicy::Always,
            rotate_size: 64 << 20,
            rotate_age: Duration::from_secs(3600),
            wait: Duration::ZERO,
            numbering: Numbering::Own,
            clock: now_us,
            uuid: None,
            base_lsn: 1,
        }
    }
}

/// UTC, microseconds since 1970.
pub fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as u64)
}
