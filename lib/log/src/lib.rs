//! Logs as folders of segments: writer with group commit, reader, recovery, verification.
//!
//! - [`Log`] appends transactions; what it acknowledged is on disk (under [`SyncPolicy::Always`]).
//! - [`Reader`] reads what is committed, without a lock; [`Follower`] goes on as more is committed.
//! - [`prune`] removes segments from the front that nobody needs any more.
//! - [`recover`] explains and mends what a crash left; [`repair`] writes a clean copy of a damaged log elsewhere;
//!   [`verify`] reads every byte.
//! - [`compact`] and [`split`] write copies that hold less.
//! - [`import`] makes a log of an older system's files.
//! - [`drill`] rehearses crashes on a modelled disk; [`mod@bench`] measures beside the limits of a real one.
//!
//! The format is `qx_formats::delta_log`; `SPEC.md` there is the authority.

mod ahead;
pub mod bench;
mod chain;
mod compact;
mod copy;
pub mod drill;
mod end;
mod files;
mod folder;
mod follow;
mod frames;
mod front;
mod group;
mod import;
mod log;
mod merge;
mod open;
mod options;
mod prune;
mod reader;
mod rebuild;
mod recovery;
mod repair;
mod report;
mod rotate;
mod rounds;
mod scanning;
mod segment_out;
mod split;
mod stat;
mod stats;
mod time;
mod verify;

pub use compact::{CompactOptions, Compacted, compact, compact_on};
pub use copy::{Copied, CopyOptions, LogCopy};
pub use end::End;
pub use files::{LOCK_NAME, segment_name};
pub use follow::Follower;
pub use frames::{RawFrame, frames, frames_on};
pub use import::{ImportOptions, Imported, ImportedFile, import};
pub use log::{Ack, Log};
pub use merge::{Merge, MergeCounts, merge};
pub use open::{RecoverOptions, recover, recover_on, skip_to};
pub use options::{Numbering, Options, SyncPolicy, now_us};
pub use prune::{PruneOptions, Pruned, PrunedSegment, prune, prune_on};
pub use qx_formats::delta_log::{Op, Transaction};
pub use reader::{Reader, SegmentInfo, Transactions};
pub use repair::{RepairOptions, repair, repair_on};
pub use report::{Cut, LsnRange, Mode, RecoveryReport};
pub use split::{SplitBy, SplitOptions, SplitPart, split, split_on};
pub use stat::{LogStat, SegmentStat, stat};
pub use stats::Stats;
pub use time::{format_time_us, parse_time_us};
pub use uuid::Uuid;
pub use verify::{verify, verify_on, verify_stopped};
