//! Building a graph folder from nodes and edges.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use qx_formats::adj_seg::{AdjBuilder, AdjSeg};
use qx_formats::dict_seg::{DictBuilder, DictSeg};
use qx_formats::manifest::Segment;
use qx_formats::{Error, Kind, Result};
use qx_io::{Job, Map, Publish};
use serde::Serialize;
use uuid::Uuid;

use crate::folder::*;

/// What a graph is built with.
#[derive(Debug, Clone)]
pub struct GraphOptions {
    /// Edges are spread over this many partitions, by source id modulo their number.
    pub partitions: u32,
    /// Everything up to this LSN is in the input.
    pub lsn: u64,
}

impl Default for GraphOptions {
    fn default() -> Self {
        GraphOptions { partitions: 1, lsn: 0 }
    }
}

/// What a build did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    pub nodes: u64,
    pub labels: u64,
    /// Writes of a pair that was already there: the later one won.
    pub nodes_replaced: u64,
    /// Pairs dropped because a later pair took their id.
    pub nodes_displaced: u64,
    pub edges: u64,
    pub partitions: u32,
    /// Of all segments.
    pub bytes: u64,
    pub generation: u64,
    /// The folder already held exactly this graph, and was left as it is.
    pub unchanged: bool,
}

/// Collects nodes and edges in memory and writes them as one generation of a graph folder.
///
/// Nothing shows before [`GraphWriter::finish`] publishes the manifest. A build that was killed leaves files that
/// nothing names; the next one uses those that fit and removes the rest.
#[derive(Debug)]
pub struct GraphWriter {
    dir: PathBuf,
    lsn: u64,
    dict: DictBuilder,
    parts: Vec<AdjBuilder>,
}

impl GraphWriter {
    /// Starts a build into `dir`, which is created if it is missing.
    ///
    /// # Errors
    /// `Usage` for an impossible number of partitions; `Io`.
    pub fn create(dir: &Path, options: &GraphOptions) -> Result<GraphWriter> {
        if options.partitions == 0 || options.partitions > MAX_PARTITIONS {
            return Err(Error::usage("the number of partitions is not possible")
                .expected(format!("1 to {MAX_PARTITIONS}"))
                .got(options.partitions));
        }
        for sub in [NODES, EDGES] {
            let sub = dir.join(sub);
            fs::create_dir_all(&sub).map_err(|e| Error::io("create folder", e).path(&sub))?;
        }
        let parts = (0..options.partitions).map(AdjBuilder::new).collect();
        Ok(GraphWriter { dir: dir.to_path_buf(), lsn: options.lsn, dict: DictBuilder::new(), parts })
    }

    /// Writes a node and returns its id; without an id, a new pair takes the next free one.
    ///
    /// # Errors
    /// `Limit` for a label, key or id that is too large.
    pub fn add_node(&mut self, label: &[u8], key: &[u8], id: Option<u64>) -> Result<u64> {
        self.dict.insert(label, key, id)
    }

    /// The id that a node has so far.
    pub fn node_id(&self, label: &[u8], key: &[u8]) -> Option<u64> {
        self.dict.get(label, key)
    }

    /// Adds an edge between two node ids. That both are nodes is checked at the end.
    pub fn add_edge(&mut self, src: u64, dst: u64, etype: u32) {
        let part = partition_of(src, self.parts.len() as u32);
        if let Some(part) = self.parts.get_mut(part) {
            part.add(src, dst, etype);
        }
    }

    /// [`GraphWriter::add_edge`] with properties, the bytes of one JSON object; empty for none.
    ///
    /// # Errors
    /// `Invalid` when they are not a JSON object; `Limit` when they are too long.
    pub fn add_edge_with(&mut self, src: u64, dst: u64, etype: u32, props: &[u8]) -> Result<()> {
        let part = partition_of(src, self.parts.len() as u32);
        self.parts.get_mut(part).map_or(Ok(()), |part| part.add_with(src, dst, etype, props))
    }

    /// Edges added so far.
    pub fn edges(&self) -> u64 {
        self.parts.iter().map(|p| p.len() as u64).sum()
    }

    /// Writes the segments, publishes the manifest and removes what neither it nor the one before it names.
    ///
    /// # Errors
    /// `Invalid` for an edge whose end is no node; `Limit`; `Io`; `Cancelled` between two segments. The graph that
    /// the folder held before is then still there.
    pub fn finish(self, job: &Job) -> Result<Report> {
        let before = GraphManifest::load(&self.dir)?;
        let mut report = Report {
            nodes: 0,
            labels: 0,
            nodes_replaced: 0,
            nodes_displaced: 0,
            edges: self.edges(),
            partitions: self.parts.len() as u32,
            bytes: 0,
            generation: before.as_ref().map_or(1, |m| m.generation + 1),
            unchanged: false,
        };
        job.progress.phase("graph", Some(1 + self.parts.len() as u64), "segments");
        let (dict_segment, dict) = write_dict(&self.dir, self.dict, &mut report)?;
        job.step(1)?;
        let mut adjacency = Vec::with_capacity(self.parts.len());
        for (partition, builder) in self.parts.into_iter().enumerate() {
            adjacency.push(write_adj(&self.dir, partition as u32, builder, &dict)?);
            job.step(1)?;
        }
        let mut next = GraphManifest { generation: report.generation, lsn: self.lsn, dict: dict_segment, adjacency };
        report.bytes = next.segments().map(|s| s.bytes).sum();
        match &before {
            Some(before) if before.same_content(&next) => {
                report.unchanged = true;
                report.generation = before.generation;
                next.generation = before.generation;
            }
            _ => {
                let whole = |bytes: &[u8]| GraphManifest::decode(bytes).map(|_| ());
                qx_io::publish_generation(&self.dir, MANIFEST, &next.encode()?, whole)?;
            }
        }
        prune(&self.dir, &next)?;
        tracing::info!(target: "qx::graph", dir = %self.dir.display(), generation = report.generation,
            nodes = report.nodes, edges = report.edges, unchanged = report.unchanged, "graph built");
        Ok(report)
    }
}

/// [`GraphWriter`] in one call.
///
/// # Errors
/// Those of [`GraphWriter`], and those that the iterators yield.
pub fn build<'a>(
    dir: &Path,
    nodes: impl IntoIterator<Item = Result<(&'a [u8], &'a [u8], Option<u64>)>>,
    edges: impl IntoIterator<Item = Result<(u64, u64, u32)>>,
    options: &GraphOptions,
    job: &Job,
) -> Result<Report> {
    let mut writer = GraphWriter::create(dir, options)?;
    for node in nodes {
        let (label, key, id) = node?;
        writer.add_node(label, key, id)?;
    }
    for edge in edges {
        let (src, dst, etype) = edge?;
        writer.add_edge(src, dst, etype);
    }
    writer.finish(job)
}

fn write_dict(dir: &Path, dict: DictBuilder, report: &mut Report) -> Result<(Segment, DictSeg<Map>)> {
    let mut summary = None;
    let staged = stage(dir, NODES, "dict", |out| {
        let s = dict.finish(out)?;
        let uuid = s.uuid;
        summary = Some(s);
        Ok(uuid)
    })?;
    if let Some(s) = summary {
        report.nodes = s.entries;
        report.labels = s.labels;
        report.nodes_replaced = s.replaced;
        report.nodes_displaced = s.displaced;
    }
    let segment = staged.segment(DICT_KIND, report.nodes);
    Ok((segment, DictSeg::open(staged.map)?))
}

fn write_adj(dir: &Path, partition: u32, builder: AdjBuilder, dict: &DictSeg<Map>) -> Result<Segment> {
    let mut edges = 0;
    let staged = stage(dir, EDGES, &format!("adj.P{partition:03}"), |out| {
        let (_, s) = builder.finish(out)?;
        edges = s.edges;
        Ok(s.uuid)
    })?;
    let segment = staged.segment(ADJ_KIND, edges);
    for id in AdjSeg::open(&*staged.map)?.nodes() {
        if dict.entry_of(id)?.is_none() {
            return Err(Error::invalid("an edge ends at an id that is no node")
                .got(format!("id {id}"))
                .hint("add every node before the graph is finished"));
        }
    }
    Ok(segment)
}

/// A segment under its final name.
struct Staged {
    uuid: Uuid,
    path: String,
    map: Map,
}

impl Staged {
    fn segment(&self, kind: &str, rows: u64) -> Segment {
        let crc = crc32c::crc32c(&self.map);
        Segment::new(self.uuid.simple().to_string(), &*self.path, kind, rows, self.map.len() as u64, crc)
    }
}

/// Writes a segment under a name for the time being, then under the name that its content gives it.
fn stage(
    dir: &Path,
    sub: &str,
    prefix: &str,
    fill: impl FnOnce(&mut BufWriter<File>) -> Result<Uuid>,
) -> Result<Staged> {
    let folder = dir.join(sub);
    let staged = folder.join(format!("{prefix}.staged"));
    let uuid = qx_io::publish(&staged, Publish::Replace, fill)?;
    let name = format!("{prefix}-{}.seg", uuid.simple());
    let path = folder.join(&name);
    // Over a file of that name, too: it has these bytes, or it is damaged.
    fs::rename(&staged, &path).map_err(|e| Error::io("rename into place", e).path(&path))?;
    qx_io::sync_dir(&folder)?;
    Ok(Staged { uuid, path: format!("{sub}/{name}"), map: Map::open(&path)? })
}

/// Removes segments that neither the newest manifest nor the one before it names.
fn prune(dir: &Path, newest: &GraphManifest) -> Result<()> {
    let before = qx_io::read_previous_generation(dir, MANIFEST, GraphManifest::decode);
    let before = match before {
        Err(e) if e.kind() == Kind::Io => return Err(e),
        // A damaged previous manifest names nothing that could still be used.
        before => before.unwrap_or_default(),
    };
    let kept: BTreeSet<PathBuf> =
        newest.segments().chain(before.iter().flat_map(GraphManifest::segments)).map(|s| dir.join(&s.path)).collect();
    for sub in [NODES, EDGES] {
        let folder = dir.join(sub);
        let entries = fs::read_dir(&folder).map_err(|e| Error::io("list", e).path(&folder))?;
        for entry in entries {
            let path = entry.map_err(|e| Error::io("list", e).path(&folder))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let ours = (name.starts_with("dict") || name.starts_with("adj.P"))
                && (name.ends_with(".seg") || name.ends_with(".staged"));
            if ours && !kept.contains(&path) {
                tracing::debug!(target: "qx::graph", path = %path.display(), "removing a segment that nothing names");
                fs::remove_file(&path).map_err(|e| Error::io("remove", e).path(&path))?;
            }
        }
    }
    Ok(())
}
