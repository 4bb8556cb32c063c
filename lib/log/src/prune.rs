//! Removing segments that nobody needs any more, from the front.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use qx_formats::{Error, Kind, Result};
use qx_io::{Disk, RealDisk};
use serde::Serialize;

use crate::chain::{Chain, Segment};
use crate::files::{LOCK_NAME, list, no_log, segment_name};
use crate::front::{forget_below, record};

/// What to remove.
#[derive(Debug, Clone, Copy, Default)]
pub struct PruneOptions {
    /// Segments go whose LSNs are all lower.
    pub before_lsn: u64,
    /// What a recovery left behind goes too, wherever it stands.
    pub superseded: bool,
    /// Look and report, remove nothing.
    pub dry_run: bool,
    /// How long to wait for a writer.
    pub wait: Duration,
}

/// One segment that was removed, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PrunedSegment {
    pub name: String,
    pub bytes: u64,
    pub base_lsn: u64,
    /// All of it was superseded.
    pub superseded: bool,
}

/// What pruning did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    pub segments: Vec<PrunedSegment>,
    pub bytes: u64,
    /// Lowest LSN that the log holds afterwards.
    pub first_lsn: u64,
}

/// Removes segments of a log that no writer has open. The last segment always stays.
///
/// # Errors
/// `NotFound` when the folder holds no log; `Corrupt` for a log that is damaged; `Locked`; `Io`.
pub fn prune(dir: &Path, options: &PruneOptions) -> Result<Pruned> {
    prune_on(&(Arc::new(RealDisk) as Arc<dyn Disk>), dir, options)
}

/// [`prune`] on another disk.
///
/// # Errors
/// As [`prune`].
pub fn prune_on(disk: &Arc<dyn Disk>, dir: &Path, options: &PruneOptions) -> Result<Pruned> {
    if list(disk.as_ref(), dir)?.segments.is_empty() {
        return Err(no_log(dir));
    }
    let _guard = match disk.lock(&dir.join(LOCK_NAME), options.wait) {
        // On read-only media there is no writer to keep out.
        Err(e) if options.dry_run && e.kind() != Kind::Locked => None,
        other => Some(other?),
    };
    remove(disk, dir, options)
}

/// For whoever holds the lock.
pub(crate) fn remove(disk: &Arc<dyn Disk>, dir: &Path, options: &PruneOptions) -> Result<Pruned> {
    let chain = Chain::load(disk, dir)?.sound()?;
    let lost = chain.lost_front();
    let is_lost = lost.is_some();
    // What is missing and nobody needs any more is as good as pruned.
    if let Some(front) = lost.filter(|f| f.begins > options.before_lsn) {
        return Err(front.error);
    }
    let (gone, first_lsn) = choose(&chain, options);
    let kept = chain.live.iter().find(|s| gone.iter().all(|(g, _)| g.number != s.number)).map_or(0, |s| s.number);
    if !options.dry_run && (is_lost || gone.iter().any(|(s, _)| s.number < kept)) {
        record(disk.as_ref(), dir, first_lsn)?;
    }
    let mut out = Pruned { first_lsn, ..Pruned::default() };
    for (seg, superseded) in &gone {
        // In the order of their numbers: whatever stops this leaves a log that lacks segments at its front only.
        if !options.dry_run {
            disk.remove(&seg.path).map_err(|e| Error::io("remove", e).path(&seg.path))?;
        }
        out.bytes += seg.len;
        out.segments.push(PrunedSegment {
            name: segment_name(seg.number),
            bytes: seg.len,
            base_lsn: seg.header.base_lsn,
            superseded: *superseded,
        });
    }
    if !options.dry_run && !gone.is_empty() {
        forget_below(disk.as_ref(), dir, chain.kept_from.max(first_lsn))?;
        disk.sync_dir(dir).map_err(|e| Error::io("sync folder", e).path(dir))?;
        tracing::info!(target: "qx::log", path = %dir.display(), segments = gone.len(), bytes = out.bytes,
            first_lsn, "segments removed");
    }
    Ok(out)
}

/// Segments to remove, whether each is superseded, and the lowest LSN that remains.
fn choose<'a>(chain: &'a Chain, options: &PruneOptions) -> (Vec<(&'a Segment, bool)>, u64) {
    let after = chain.live.iter().skip(1);
    let below = |(_, next): &(&Segment, &Segment)| next.header.base_lsn <= options.before_lsn;
    let count = chain.live.iter().zip(after).take_while(below).count();
    let (gone, kept) = chain.live.split_at(count.min(chain.live.len()));
    let first = kept.first();
    let dead = chain.dead.iter().filter(|s| options.superseded || first.is_some_and(|f| s.number < f.number));
    let dead = dead.filter(|_| options.superseded || count > 0);
    let mut all: Vec<_> = gone.iter().map(|s| (s, false)).chain(dead.map(|s| (s, true))).collect();
    all.sort_by_key(|(s, _)| s.number);
    // A superseded segment may be the only one that says how much of an earlier one counts: it goes with that one.
    let going: HashSet<u64> = all.iter().map(|(s, _)| s.number).collect();
    let staying = chain.live.iter().chain(&chain.dead).map(|s| s.number).filter(|n| !going.contains(n));
    let mut staying: HashSet<u64> = staying.collect();
    all.retain(|(s, _)| {
        let bounds = s.header.cut.is_some_and(|cut| staying.contains(&cut.segment));
        if bounds {
            staying.insert(s.number);
        }
        !bounds
    });
    (all, first.map_or(1, |s| s.header.base_lsn))
}
