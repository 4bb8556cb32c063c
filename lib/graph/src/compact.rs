//! Folding the delta logs and the WAL into new segments.
//!
//! The steps, each of which may be the last one of a process: write the dictionary, write each partition, publish the
//! manifest, remove what it needs no more. Until the manifest is there the graph is as before, and files that no
//! manifest names are used or removed by the next run; afterwards only what nothing needs is left to remove. Readers
//! keep what they have open.

use std::collections::BTreeMap;

use qx_formats::Result;
use qx_formats::adj_seg::AdjBuilder;
use qx_formats::dict_seg::DictBuilder;
use qx_formats::manifest::Segment;
use qx_io::{Job, Publish};
use qx_log::PruneOptions;
use serde::Serialize;

use crate::folder::{GraphManifest, MANIFEST};
use crate::graph::Graph;
use crate::open::{Home, check_whole};
use crate::stage::{make_folders, prune, write_adj, write_dict};
use crate::tail::delta_dirs;

/// With so many dictionary segments, the next compaction makes one of them.
const MAX_STACK: usize = 8;

/// What a compaction did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compaction {
    pub generation: u64,
    /// Everything up to this LSN stands in the segments now.
    pub lsn: u64,
    pub delta_adds: u64,
    pub delta_tombstones: u64,
    /// Nodes that came, went or were renamed.
    pub delta_nodes: u64,
    pub segments_written: u64,
    pub segments_kept: u64,
    /// Of all segments.
    pub bytes: u64,
    /// There was nothing to fold.
    pub unchanged: bool,
}

/// Folds everything that was committed into segments. The caller is the database's one writer, and what the WAL holds
/// is durable.
///
/// # Errors
/// As [`Graph::open_hot`]; `Corrupt` with the path of a segment that is damaged; `Io`; `Limit`; `Cancelled` between two
/// steps. A call that ended early is made good by the next one.
pub fn compact(home: &Home, job: &Job) -> Result<Compaction> {
    let graph = Graph::open_hot(home)?;
    let before = graph.manifest().clone();
    let (delta_adds, delta_tombstones) = graph.delta_counts();
    let nodes = graph.node_delta();
    let mut done = Compaction {
        generation: before.generation,
        lsn: before.lsn,
        delta_adds,
        delta_tombstones,
        delta_nodes: nodes.named() + nodes.forgotten(),
        segments_written: 0,
        segments_kept: 0,
        bytes: before.segments().map(|s| s.bytes).sum(),
        unchanged: false,
    };
    let changed = !nodes.is_empty() || graph.parts.iter().any(|p| !p.delta.is_empty());
    let fresh = before.generation == 0;
    if changed || graph.tail.commits > 0 {
        check_all(home, &before)?;
    }
    if !changed && !fresh && before.dicts.len() == 1 {
        done.unchanged = true;
        done.segments_kept = before.segments().count() as u64;
        // A run that was stopped may have left something.
        remove_unneeded(home, &before)?;
        return Ok(done);
    }
    job.progress.phase("compact", Some(2 + u64::from(graph.partitions())), "steps");
    make_folders(&home.dir)?;
    let dicts = fold_dicts(home, &graph, &mut done)?;
    job.step(1)?;
    let mut adjacency = Vec::with_capacity(graph.parts.len());
    let mut spread = false;
    for partition in 0..graph.partitions() {
        adjacency.push(fold_partition(home, &graph, partition, &mut spread, &mut done)?);
        job.step(1)?;
    }
    let next = GraphManifest {
        generation: before.generation + 1,
        graph: before.graph.or(Some(home.graph)),
        lsn: graph.lsn(),
        delta_lsn: graph.lsn(),
        deltas: BTreeMap::new(),
        dicts,
        adjacency,
        spread,
        commits: before.commits + graph.tail.commits,
        recoveries: before.recoveries,
    };
    publish(home, &next)?;
    job.step(1)?;
    remove_unneeded(home, &next)?;
    done.generation = next.generation;
    done.lsn = next.lsn;
    done.bytes = next.segments().map(|s| s.bytes).sum();
    tracing::info!(target: "qx::graph", dir = %home.dir.display(), generation = done.generation, lsn = done.lsn,
        written = done.segments_written, kept = done.segments_kept, "graph compacted");
    Ok(done)
}

/// What the logs say was looked up in the segments: where one is damaged, a node may not have been found that they delete.
fn check_all(home: &Home, manifest: &GraphManifest) -> Result<()> {
    manifest.segments().try_for_each(|segment| check_whole(&home.dir, segment))
}

pub(crate) fn publish(home: &Home, next: &GraphManifest) -> Result<()> {
    let whole = |bytes: &[u8]| GraphManifest::decode(bytes).map(|_| ());
    let bytes = next.encode()?;
    qx_io::publish_generation(&home.dir, MANIFEST, &bytes, whole)?;
    // The logs are let go of next, and lead no more from an older generation to this one: the one before says the same.
    qx_io::write_atomic(&qx_io::previous_path(&home.dir, MANIFEST), Publish::Replace, &bytes)
}

/// The dictionary segments of the next generation: the old ones and a small one for what is new, as long as that is
/// small and nothing was renamed or deleted; else one for everything.
fn fold_dicts(home: &Home, graph: &Graph, done: &mut Compaction) -> Result<Vec<Segment>> {
    let old = &graph.manifest().dicts;
    let delta = graph.node_delta();
    let stored: u64 = graph.dicts().iter().map(|d| d.len()).sum();
    if delta.is_empty() && old.len() == 1 && graph.manifest().generation > 0 {
        done.segments_kept += 1;
        return Ok(old.clone());
    }
    let small = delta.only_adds() && delta.named() <= stored / 2 && !old.is_empty() && old.len() < MAX_STACK;
    let mut builder = DictBuilder::new();
    builder.reserve_ids_up_to(graph.names.next_id());
    if small {
        let mut fresh = false;
        for (id, (label, key)) in delta.entries() {
            // One that was inserted again is no news, and a segment of the same nodes must not stand there twice.
            if graph.names.stored_id(label, key)? != Some(id) {
                builder.insert(label, key, Some(id))?;
                fresh = true;
            }
        }
        if !fresh {
            done.segments_kept += old.len() as u64;
            return Ok(old.clone());
        }
    } else {
        graph.names.each(|id, label, key| builder.insert(label, key, Some(id)).map(drop))?;
    }
    let (segment, _, _) = write_dict(&home.dir, builder)?;
    done.segments_written += 1;
    let mut dicts = if small { old.clone() } else { Vec::new() };
    done.segments_kept += dicts.len() as u64;
    dicts.push(segment);
    Ok(dicts)
}

/// The segment of one partition: the old one where nothing changed in it.
fn fold_partition(
    home: &Home,
    graph: &Graph,
    partition: u32,
    spread: &mut bool,
    done: &mut Compaction,
) -> Result<Segment> {
    let old = graph.manifest().adjacency.get(partition as usize);
    if let (Some(old), Some(part)) = (old, graph.parts.get(partition as usize))
        && part.delta.is_empty()
        && !graph.loses_edges(partition)?
    {
        *spread |= graph.manifest().spread;
        done.segments_kept += 1;
        return Ok(old.clone());
    }
    let mut builder = AdjBuilder::new(partition);
    graph.each_edge_in(partition, |src, edge, props| {
        *spread |= crate::folder::route(src, graph.partitions()) != partition as usize;
        builder.add_with(src, edge.node, edge.etype, props)
    })?;
    done.segments_written += 1;
    // An edge whose end is no node was so before, and `verify` tells of it.
    write_adj(&home.dir, partition, builder, |_| Ok(true))
}

/// Removes segments and delta logs that the newest manifest does not need.
fn remove_unneeded(home: &Home, newest: &GraphManifest) -> Result<()> {
    let options =
        PruneOptions { before_lsn: newest.lsn.saturating_add(1), superseded: true, ..PruneOptions::default() };
    for dir in delta_dirs(&home.dir)? {
        match qx_log::prune(&dir, &options) {
            // The folder is made before its first segment.
            Err(e) if e.kind() == qx_formats::Kind::NotFound => {}
            done => drop(done?),
        }
    }
    prune(&home.dir, newest)
}
