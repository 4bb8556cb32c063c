//! What a log holds, from footers where there are some.

use std::path::Path;
use std::sync::Arc;

use qx_formats::delta_log::{Footer, Scan, Touches, skim};
use qx_formats::{Error, Result};
use qx_io::{Disk, RealDisk};
use uuid::Uuid;

use crate::chain::{Chain, LOOK, Segment};
use crate::reader::load;

/// One segment file.
#[derive(Debug, Clone)]
pub struct SegmentStat {
    pub name: String,
    pub bytes: u64,
    /// `sealed`, `open`, `cut` (a later segment supersedes its end) or `superseded` (all of it).
    pub state: &'static str,
    pub base_lsn: u64,
    pub next_lsn: u64,
    pub transactions: u64,
    pub operations: u64,
    pub created_us: u64,
}

#[derive(Debug, Clone)]
pub struct LogStat {
    pub uuid: Uuid,
    /// The log takes its numbers from another one.
    pub given: bool,
    pub segments: Vec<SegmentStat>,
    pub bytes: u64,
    pub transactions: u64,
    pub operations: u64,
    pub first_lsn: u64,
    pub next_lsn: u64,
    pub next_txn: u64,
    /// Highest LSN recorded as durable.
    pub watermark: u64,
    pub first_time_us: Option<u64>,
    pub last_time_us: Option<u64>,
    /// Closed cleanly: a writer has nothing to recover.
    pub clean: bool,
    pub touches: Touches,
}

/// Counts what the log in `dir` holds.
///
/// # Errors
/// `NotFound` when the folder holds no log; `Corrupt` when what has to be read is damaged; `Unsupported`; `Io`.
pub fn stat(dir: &Path) -> Result<LogStat> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let chain = load(&disk, dir)?.sound()?;
    let mut s = LogStat {
        uuid: chain.uuid,
        given: chain.given,
        segments: Vec::new(),
        bytes: chain.live.iter().chain(&chain.dead).map(|s| s.len).sum(),
        transactions: 0,
        operations: 0,
        first_lsn: chain.live.first().map_or(1, |s| s.header.base_lsn),
        next_lsn: 1,
        next_txn: 1,
        watermark: chain.watermark,
        first_time_us: None,
        last_time_us: None,
        clean: false,
        touches: Touches::default(),
    };
    for seg in &chain.live {
        add(&mut s, &chain, seg)?;
    }
    for seg in &chain.dead {
        s.segments.push(row(seg, "superseded", seg.header.base_lsn, 0, 0));
    }
    s.segments.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(s)
}

fn row(seg: &Segment, state: &'static str, next_lsn: u64, transactions: u64, operations: u64) -> SegmentStat {
    SegmentStat {
        name: crate::files::segment_name(seg.number),
        bytes: seg.len,
        state,
        base_lsn: seg.header.base_lsn,
        next_lsn,
        transactions,
        operations,
        created_us: seg.header.created_us,
    }
}

fn add(s: &mut LogStat, chain: &Chain, seg: &Segment) -> Result<()> {
    let (footer, state): (Footer, _) = match seg.sealed() {
        Some(trailer) => {
            s.clean = true;
            (seg.footer(chain.disk.as_ref(), trailer)?, "sealed")
        }
        None => {
            let found = whole(chain, seg)?;
            s.watermark = s.watermark.max(found.watermark);
            s.clean = found.tally.counts.frames == 0 && found.damage.is_empty();
            (found.clean.footer(0), if seg.limit.is_some() { "cut" } else { "open" })
        }
    };
    let c = footer.counts;
    s.segments.push(row(seg, state, c.next_lsn, c.transactions, c.operations));
    s.transactions += c.transactions;
    s.operations += c.operations;
    s.next_lsn = c.next_lsn;
    s.next_txn = s.next_txn.max(c.next_txn);
    if c.transactions > 0 {
        s.first_time_us.get_or_insert(c.first_time_us);
        s.last_time_us = Some(c.last_time_us);
    }
    s.touches.merge(&footer.touches);
    Ok(())
}

/// The LSN and the transaction id that come next, which may be higher than those of the last commit by what was cut.
///
/// # Errors
/// As [`stat`].
pub(crate) fn next_numbers(chain: &Chain) -> Result<(u64, u64)> {
    let Some(last) = chain.live.last() else { return Ok((1, 1)) };
    let c = match last.sealed() {
        Some(trailer) => last.counts(chain.disk.as_ref(), trailer)?,
        None => whole(chain, last)?.clean.counts,
    };
    Ok((c.next_lsn, c.next_txn))
}

/// Scans a segment that has no footer to trust. A writer may be at work in it: damage is looked at twice.
fn whole(chain: &Chain, seg: &Segment) -> Result<Scan> {
    let look = || {
        skim(&mut seg.source(chain.disk.as_ref())?, &seg.scan_header(), seg.limit, |_| Ok(()))
            .map_err(|e| e.path(&seg.path))
    };
    let mut found = look()?;
    if !found.damage.is_empty() {
        std::thread::yield_now();
        found = look()?;
    }
    // What stands torn at the end, above everything that was recorded as durable, was never acknowledged.
    let last = chain.live.last().is_some_and(|l| l.number == seg.number) && seg.limit.is_none();
    let torn = last && chain.watermark.max(found.watermark) < found.clean.counts.next_lsn;
    match found.damage.first().filter(|_| !torn) {
        None => Ok(found),
        Some(d) => Err(Error::corrupt(d.message.clone())
            .path(&seg.path)
            .offset(d.offset)
            .expected(format!("LSN {}", d.lsn))
            .hint(LOOK)),
    }
}
