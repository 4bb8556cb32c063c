//! Where a log begins. How far it was pruned is recorded before anything is removed: a log that begins later than that
//! has lost its front.

use std::io;
use std::path::Path;

use qx_formats::{Error, Result};
use qx_io::Disk;

use crate::chain::Chain;
use crate::files::{first_name, list};
use crate::report::LsnRange;

/// Records, durably, that the log keeps nothing below `lsn`.
pub(crate) fn record(disk: &dyn Disk, dir: &Path, lsn: u64) -> Result<()> {
    let path = dir.join(first_name(lsn));
    match disk.create(&path) {
        // Whoever recorded it was stopped before it was of use, or what is removed now was superseded.
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        made => made.and_then(|f| f.sync_data()).map_err(|e| Error::io("create", e).path(&path))?,
    }
    disk.sync_dir(dir).map_err(|e| Error::io("sync folder", e).path(dir))
}

/// Removes what was recorded before, lower than `lsn`.
pub(crate) fn forget_below(disk: &dyn Disk, dir: &Path, lsn: u64) -> Result<()> {
    for old in list(disk, dir)?.firsts.into_iter().filter(|old| *old < lsn) {
        let path = dir.join(first_name(old));
        disk.remove(&path).map_err(|e| Error::io("remove", e).path(&path))?;
    }
    Ok(())
}

/// What is missing at the front, and was not pruned.
#[derive(Debug)]
pub(crate) struct LostFront {
    /// The segment before the one that the log begins with now.
    pub segment: u64,
    /// Where nothing is recorded, the lowest number there is: the log may have begun later.
    pub lsns: LsnRange,
    /// The LSN that the log begins with.
    pub begins: u64,
    pub error: Error,
}

impl Chain {
    pub fn lost_front(&self) -> Option<LostFront> {
        // Where the first header is lost, nobody knows what it said.
        let first = self.live.first().filter(|s| !s.guessed)?;
        let lowest = self.live.iter().chain(&self.dead).map(|s| s.number).min()?;
        let (from, begins) = (self.kept_from.max(1), first.header.base_lsn);
        if lowest == 1 || begins <= from {
            return None;
        }
        let error = Error::corrupt("segments at the front of the log are missing, and were not pruned")
            .path(first.path.parent().unwrap_or(Path::new(".")))
            .expected(format!("LSN {from} or lower at the front"))
            .got(format!("LSNs {from} to {} are missing", begins - 1))
            .hint("restore them; `deltalog recover --mode salvage` goes on without them");
        Some(LostFront { segment: lowest - 1, lsns: LsnRange { from, to: Some(begins - 1) }, begins, error })
    }
}
