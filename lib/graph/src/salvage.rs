//! A graph some of whose segments are damaged or gone: new ones of what is whole in them.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use qx_formats::adj_seg::{AdjBuilder, AdjSeg};
use qx_formats::container::header_holds;
use qx_formats::container::layout::OFF_UUID;
use qx_formats::dict_seg::{self, DictBuilder};
use qx_formats::manifest::Segment;
use qx_formats::{Error, Kind, Result};
use qx_io::Map;
use qx_log::{Mode, Reader, RecoverOptions};
use uuid::Uuid;

use crate::folder::{DeltaEnd, GraphManifest, MANIFEST};
use crate::open::check_whole;
use crate::stage::{make_folders, write_adj, write_dict};
use crate::tail::delta_dir;

/// What became of one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvaged {
    /// The segment that was damaged, or whose edges lost a node.
    pub path: String,
    /// Its entries are nodes, else edges.
    pub nodes: bool,
    pub kept: u64,
    /// Entries that it had by the manifest.
    pub of: u64,
}

/// Edges by source, target and type, with their properties.
type Edges = BTreeMap<(u64, u64, u32), Vec<u8>>;

/// Takes new segments for those that are damaged or missing, of what is whole in them, and publishes the manifest that
/// names them. Edges whose ends are no nodes any more go with those. With `dry_run`, says what would be kept.
///
/// The files that are damaged stay where they are, unless what was in them could all be read.
///
/// # Errors
/// `NotFound` where no graph is; `Corrupt` for a damaged manifest; `Io`: nobody goes on without a file that only cannot be
/// read just now.
pub fn salvage(dir: &Path, dry_run: bool) -> Result<Vec<Salvaged>> {
    let Some(old) = GraphManifest::load(dir)? else {
        return Err(Error::new(Kind::NotFound, "there is no graph here").path(dir.join(MANIFEST)));
    };
    if !dry_run {
        make_folders(dir)?;
    }
    let mut next = old.clone();
    let mut done = Vec::new();
    let ids = dictionaries(dir, &old, &mut next, &mut done, dry_run)?;
    partitions(dir, ids.as_ref(), &old, &mut next, &mut done, dry_run)?;
    if !dry_run && !done.is_empty() {
        next.generation += 1;
        let whole = |bytes: &[u8]| GraphManifest::decode(bytes).map(drop);
        qx_io::publish_generation(dir, MANIFEST, &next.encode()?, whole)?;
    }
    Ok(done)
}

/// Whether a segment is whole; an error where that cannot be told.
fn is_whole(dir: &Path, segment: &Segment) -> Result<bool> {
    match check_whole(dir, segment) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == Kind::Corrupt || e.io_kind() == Some(std::io::ErrorKind::NotFound) => Ok(false),
        Err(e) => Err(e),
    }
}

/// The file of a segment, unless another one stands in its place.
fn file_of(dir: &Path, segment: &Segment) -> Option<Map> {
    let map = Map::open(&dir.join(&segment.path)).ok()?;
    let id = map.get(OFF_UUID..OFF_UUID + 16).and_then(|bytes| Uuid::from_slice(bytes).ok());
    let other = header_holds(&map) && id.is_some_and(|id| id.simple().to_string() != segment.id);
    (!other).then_some(map)
}

/// The ids of all nodes that are left, where some dictionary is damaged.
fn dictionaries(
    dir: &Path,
    old: &GraphManifest,
    next: &mut GraphManifest,
    done: &mut Vec<Salvaged>,
    dry_run: bool,
) -> Result<Option<HashSet<u64>>> {
    let whole = old.dicts.iter().map(|s| is_whole(dir, s)).collect::<Result<Vec<bool>>>()?;
    if whole.iter().all(|whole| *whole) {
        return Ok(None);
    }
    // Ids are never used again, whatever became of the names that had them.
    let open = |s: &Segment| file_of(dir, s).and_then(|map| AdjSeg::open(map).ok());
    let highest = old.adjacency.iter().filter_map(open).filter_map(|seg| seg.id_range()).map(|(_, last)| last).max();
    let mut ids = HashSet::new();
    for ((segment, new), whole) in old.dicts.iter().zip(&mut next.dicts).zip(whole) {
        let (builder, kept) = pairs(file_of(dir, segment), &mut ids, highest.map_or(0, |id| id.saturating_add(1)));
        if whole {
            continue;
        }
        done.push(Salvaged { path: segment.path.clone(), nodes: true, kept, of: segment.rows });
        if !dry_run {
            *new = write_dict(dir, builder)?.0;
        }
    }
    Ok(Some(ids))
}

/// The pairs of a dictionary that can be read.
fn pairs(map: Option<Map>, ids: &mut HashSet<u64>, next_id: u64) -> (DictBuilder, u64) {
    let (mut builder, mut kept) = (DictBuilder::new(), 0);
    builder.reserve_ids_up_to(next_id);
    let Some(map) = map else { return (builder, kept) };
    let read = dict_seg::salvage(&map, &mut |label, key, id| {
        builder.insert(label, key, Some(id))?;
        ids.insert(id);
        kept += 1;
        Ok(())
    });
    if let Some(next_id) = read.ok().and_then(|read| read.next_id) {
        builder.reserve_ids_up_to(next_id);
    }
    (builder, kept)
}

fn partitions(
    dir: &Path,
    ids: Option<&HashSet<u64>>,
    old: &GraphManifest,
    next: &mut GraphManifest,
    done: &mut Vec<Salvaged>,
    dry_run: bool,
) -> Result<()> {
    for ((segment, new), partition) in old.adjacency.iter().zip(&mut next.adjacency).zip(0..) {
        let whole = is_whole(dir, segment)?;
        if whole && ids.is_none() {
            continue;
        }
        let mut edges = edges(file_of(dir, segment));
        edges.retain(|(src, dst, _), _| ids.is_none_or(|ids| ids.contains(src) && ids.contains(dst)));
        let kept = edges.len() as u64;
        if whole && kept == segment.rows {
            continue;
        }
        done.push(Salvaged { path: segment.path.clone(), nodes: false, kept, of: segment.rows });
        if !dry_run {
            let mut builder = AdjBuilder::new(partition);
            for ((src, dst, etype), props) in &edges {
                builder.add_with(*src, *dst, *etype, props)?;
            }
            *new = write_adj(dir, partition, builder, |_| Ok(true))?;
        }
    }
    Ok(())
}

/// The edges of a segment whose pages are whole. Each stands in it twice: without properties, either of them will do.
fn edges(map: Option<Map>) -> Edges {
    let mut edges = Edges::new();
    let Some(seg) = map.and_then(|map| AdjSeg::open(map).ok()) else { return edges };
    for id in seg.nodes() {
        if seg.check_out(id).is_ok()
            && let (Ok(out), Ok(props)) = (seg.out(id), seg.out_props(id))
        {
            edges.extend(out.zip(props).map(|(edge, props)| ((id, edge.node, edge.etype), props.to_vec())));
        }
        if !seg.has_props()
            && seg.check_in(id).is_ok()
            && let Ok(inn) = seg.inn(id)
        {
            edges.extend(inn.map(|edge| ((edge.node, id, edge.etype), Vec::new())));
        }
    }
    edges
}

/// What became of a delta log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalvagedLog {
    pub path: String,
    /// Commits above the segments.
    pub kept: u64,
    /// Commits that it had by the manifest.
    pub of: u64,
}

/// Keeps every whole commit of delta logs that are damaged, shortened or gone, and publishes the manifest that asks for no
/// more. A log that cannot be mended is set aside beside its place. With `dry_run`, says what can be read as it is.
///
/// # Errors
/// As [`salvage`].
pub fn salvage_logs(dir: &Path, dry_run: bool) -> Result<Vec<SalvagedLog>> {
    let Some(old) = GraphManifest::load(dir)? else {
        return Err(Error::new(Kind::NotFound, "there is no graph here").path(dir.join(MANIFEST)));
    };
    let mut next = old.clone();
    let mut done = Vec::new();
    for partition in 0..old.partitions() {
        let log = delta_dir(dir, partition);
        let mended = !dry_run && mend(&log)?;
        let have = reached(&log, old.lsn);
        let want = old.deltas.get(&partition).copied().filter(|end| end.lsn > old.lsn).unwrap_or_default();
        let shorter = have.lsn < want.lsn || have.commits < want.commits;
        if shorter {
            next.deltas.insert(partition, have);
        }
        if shorter || mended {
            let path = log.strip_prefix(dir).unwrap_or(&log).to_string_lossy().into_owned();
            done.push(SalvagedLog { path, kept: have.commits, of: want.commits.max(have.commits) });
        }
    }
    if !dry_run && next != old {
        next.generation += 1;
        let whole = |bytes: &[u8]| GraphManifest::decode(bytes).map(drop);
        qx_io::publish_generation(dir, MANIFEST, &next.encode()?, whole)?;
    }
    Ok(done)
}

/// Recovers a delta log; false where there was nothing to do, or there is none. What cannot be superseded, as a segment of
/// another log at its front, is set aside beside it, and in the end all of it.
fn mend(log: &Path) -> Result<bool> {
    let mut moved = false;
    loop {
        if !log.is_dir() {
            return Ok(moved);
        }
        match qx_log::recover(log, &RecoverOptions { mode: Mode::Salvage, ..RecoverOptions::default() }) {
            Ok(report) => return Ok(moved || !report.clean),
            Err(e) if e.kind() == Kind::NotFound => return Ok(moved),
            Err(e) if e.kind() == Kind::Corrupt => {
                let segment = e.get_path().filter(|p| p.is_file() && p.extension().is_some_and(|x| x == "dlog"));
                let victim = segment.unwrap_or(log);
                let mut aside = log.as_os_str().to_owned();
                aside.push(format!(
                    "-{}.damaged-{}",
                    victim.file_stem().unwrap_or_default().to_string_lossy(),
                    qx_log::now_us()
                ));
                qx_io::rename(victim, Path::new(&aside)).map_err(|e| Error::io("set aside", e).path(victim))?;
                moved = true;
            }
            Err(e) => return Err(e),
        }
    }
}

/// How far a delta log can be read, above the segments.
fn reached(log: &Path, watermark: u64) -> DeltaEnd {
    let mut end = DeltaEnd::default();
    let Ok(reader) = Reader::open(log) else { return end };
    for transaction in reader.transactions(watermark.saturating_add(1)).map_while(Result::ok) {
        if transaction.commit_lsn > watermark {
            end = DeltaEnd { lsn: transaction.commit_lsn, commits: end.commits + 1 };
        }
    }
    end
}
