//! `delta.log`: an append-only log as a folder of segments.
//!
//! `SPEC.md` in this folder is the authority; [`layout`] holds its constants and nothing else.

mod assemble;
mod batch;
mod crc;
mod fast;
mod footer;
mod frame;
mod header;
mod lane;
pub mod layout;
mod op;
mod payload;
mod scan;
mod seed;
mod skim;
mod stretch;
mod tally;
#[cfg(test)]
mod tests;
mod verify;
mod walk;

pub use assemble::{Assembler, Transaction, TxHead, operations};
pub use batch::{Batch, Place};
pub use crc::crc32c_append;
pub use footer::{Counts, Footer, IndexEntry, Names, Touches, Trailer};
pub use frame::{FrameHead, FrameKind, Reason, frame_len, frame_payload, put_frame};
pub use header::{CutPoint, SegmentHeader, segment_seed};
pub use op::Op;
pub use payload::{AbortInfo, BeginInfo, CheckpointInfo, CommitInfo, CutInfo};
pub use scan::{Damage, Scan, Span, describe, find_start, scan, skim, skim_from};
pub use seed::{find_seed, stand_in};
pub use stretch::Stretch;
pub use tally::{Entry, Tally};
pub use verify::{open_segment, read_counts, read_footer, unsealed, verify_segment};
pub use walk::{Frame, Source, Step, Stop, Walker, find_nonzero};
