//! Logs as folders of segments: writer with group commit, reader, recovery, verification.
//!
//! - [`Log`] appends transactions; what it acknowledged is on disk (under [`SyncPolicy::Always`]).
//! - [`Reader`] reads what is committed, without a lock.
//! - [`recover`] explains and mends what a crash left; [`verify`] reads every byte.
//!
//! The format is `qx_formats::delta_log`; `SPEC.md` there is the authority.

mod chain;
mod files;
mod log;
mod merge;
mod open;
mod options;
mod reader;
mod rebuild;
mod recovery;
mod report;
mod segment_out;
mod stat;
mod time;
mod verify;

pub use files::{LOCK_NAME, segment_name};
pub use log::{Ack, Log, Stats};
pub use merge::{Merge, MergeCounts, merge};
pub use open::{RecoverOptions, recover, recover_on};
pub use options::{Numbering, Options, SyncPolicy, now_us};
pub use qx_formats::delta_log::{Op, Transaction};
pub use reader::{Reader, SegmentInfo, Transactions};
pub use report::{Cut, LsnRange, Mode, RecoveryReport};
pub use stat::{LogStat, SegmentStat, stat};
pub use time::{format_time_us, parse_time_us};
pub use uuid::Uuid;
pub use verify::{verify, verify_on};
