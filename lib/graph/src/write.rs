//! Building a graph folder from nodes and edges.

use std::path::{Path, PathBuf};

use qx_formats::adj_seg::AdjBuilder;
use qx_formats::dict_seg::DictBuilder;
use qx_formats::{Error, Result};
use qx_io::Job;
use serde::Serialize;
use uuid::Uuid;

use crate::folder::*;
use crate::stage::{make_folders, prune, write_adj, write_dict};

/// What a graph is built with.
#[derive(Debug, Clone)]
pub struct GraphOptions {
    /// Edges are spread over this many partitions, by source id modulo their number.
    pub partitions: u32,
    /// Everything up to this LSN is in the input.
    pub lsn: u64,
    /// What the WAL calls the graph.
    pub graph: Option<Uuid>,
}

impl Default for GraphOptions {
    fn default() -> Self {
        GraphOptions { partitions: 1, lsn: 0, graph: None }
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
    graph: Option<Uuid>,
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
        make_folders(dir)?;
        let parts = (0..options.partitions).map(AdjBuilder::new).collect();
        let (lsn, graph) = (options.lsn, options.graph);
        Ok(GraphWriter { dir: dir.to_path_buf(), lsn, graph, dict: DictBuilder::new(), parts })
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
        let part = route(src, self.parts.len() as u32);
        if let Some(part) = self.parts.get_mut(part) {
            part.add(src, dst, etype);
        }
    }

    /// [`GraphWriter::add_edge`] with properties, the bytes of one JSON object; empty for none.
    ///
    /// # Errors
    /// `Invalid` when they are not a JSON object; `Limit` when they are too long.
    pub fn add_edge_with(&mut self, src: u64, dst: u64, etype: u32, props: &[u8]) -> Result<()> {
        let part = route(src, self.parts.len() as u32);
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
        let (dict_segment, dict, summary) = write_dict(&self.dir, self.dict)?;
        report.nodes = summary.entries;
        report.labels = summary.labels;
        report.nodes_replaced = summary.replaced;
        report.nodes_displaced = summary.displaced;
        job.step(1)?;
        let mut adjacency = Vec::with_capacity(self.parts.len());
        for (partition, builder) in self.parts.into_iter().enumerate() {
            let is_node = |id| dict.entry_of(id).map(|e| e.is_some());
            adjacency.push(write_adj(&self.dir, partition as u32, builder, is_node)?);
            job.step(1)?;
        }
        let mut next = GraphManifest {
            generation: report.generation,
            graph: self.graph,
            lsn: self.lsn,
            delta_lsn: self.lsn,
            dicts: vec![dict_segment],
            adjacency,
            ..GraphManifest::default()
        };
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
