//! The delta logs of a graph: what was committed since the segments were built, and no longer stands in the WAL alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use qx_formats::{Error, Kind, Result};
use qx_log::{Op, Reader};

use crate::folder::DeltaEnd;
use crate::graph::Graph;

/// The folder of a partition's delta log.
pub fn delta_dir(dir: &Path, partition: u32) -> PathBuf {
    dir.join("delta").join(format!("P{partition:03}"))
}

/// The delta logs that are there, in order. A graph that was built anew with fewer partitions may still have more.
pub(crate) fn delta_dirs(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut dirs = delta_folders(dir, |name| {
        let number = name.strip_prefix('P').unwrap_or_default();
        number.len() >= 3 && number.bytes().all(|b| b.is_ascii_digit())
    })?;
    dirs.sort();
    Ok(dirs)
}

/// Whether the delta logs that are there still have everything above `lsn` that was ever written to them.
///
/// # Errors
/// `Corrupt`, `Io`, `Unsupported`.
pub fn delta_reaches(dir: &Path, lsn: u64) -> Result<bool> {
    for dir in delta_dirs(dir)? {
        let first = match Reader::open(&dir) {
            Ok(reader) => reader.segments().into_iter().next(),
            Err(e) if e.kind() == Kind::NotFound => None,
            Err(e) => return Err(e),
        };
        // A log begins with its first segment, and with a later one where it was let go of.
        if first.is_some_and(|s| s.number > 1 && s.base_lsn > lsn.saturating_add(1)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The folders under `delta/` whose name is wanted.
pub(crate) fn delta_folders(dir: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>> {
    let delta = dir.join("delta");
    let entries = match fs::read_dir(&delta) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io("list", e).path(delta)),
    };
    let mut dirs = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| Error::io("list", e).path(&delta))?.path();
        if wanted(&path.file_name().unwrap_or_default().to_string_lossy()) && path.is_dir() {
            dirs.push(path);
        }
    }
    Ok(dirs)
}

/// Applies what stands above the watermark of the manifest, over all partitions in the order of the LSNs. What the WAL
/// has, too, stays within `delta_lsn` here and counts once later.
pub(crate) fn load(graph: &mut Graph) -> Result<()> {
    let watermark = graph.manifest().lsn;
    let mut tail: Vec<(u64, Op)> = Vec::new();
    let mut ends: BTreeMap<PathBuf, DeltaEnd> = BTreeMap::new();
    for dir in delta_dirs(graph.dir())? {
        let reader = match Reader::open(&dir) {
            Ok(reader) => reader,
            // The folder is made before its first segment.
            Err(e) if e.kind() == Kind::NotFound => continue,
            Err(e) => return Err(e),
        };
        let end = ends.entry(dir).or_default();
        for transaction in reader.transactions(watermark.saturating_add(1)) {
            let transaction = transaction?;
            graph.tail.since(transaction.time_us);
            if transaction.commit_lsn > watermark {
                (end.lsn, end.commits) = (transaction.commit_lsn, end.commits + 1);
            }
            let ops = transaction.ops.into_iter();
            tail.extend(ops.filter(|&(lsn, _, _)| lsn > watermark).map(|(lsn, _, op)| (lsn, op)));
        }
    }
    check_ends(graph, &ends)?;
    tail.sort_by_key(|&(lsn, _)| lsn);
    for (lsn, op) in &tail {
        graph.apply(*lsn, op)?;
    }
    graph.tail.lsn = graph.tail.lsn.max(graph.manifest().delta_lsn);
    tracing::debug!(target: "qx::graph", dir = %graph.dir().display(), operations = tail.len(), "delta logs read");
    Ok(())
}

/// Refuses delta logs that hold less than the manifest says: those whose first or last segments are gone read like shorter
/// ones. `ends`: what was read of each.
fn check_ends(graph: &Graph, ends: &BTreeMap<PathBuf, DeltaEnd>) -> Result<()> {
    let manifest = graph.manifest();
    for (partition, want) in manifest.deltas.iter().filter(|(_, want)| want.lsn > manifest.lsn) {
        let dir = delta_dir(graph.dir(), *partition);
        let have = ends.get(&dir).copied().unwrap_or_default();
        if have.lsn < want.lsn || have.commits < want.commits {
            return Err(Error::corrupt("segments of a delta log are gone, or all of it")
                .path(dir)
                .expected(format!("{} commits up to LSN {}", want.commits, want.lsn))
                .got(format!("{} commits up to LSN {}", have.commits, have.lsn))
                .hint("restore it, or build the graph again; `qx repair` goes on without what is gone"));
        }
    }
    Ok(())
}
