//! The names inside a graph folder, and its manifest.

use std::path::Path;

use qx_formats::manifest::{Manifest, Segment};
use qx_formats::{Error, Result};
use serde_json::Value;

/// Format name of a graph's manifest.
pub const FORMAT: &str = "qx.graph";
/// Name of the manifest in the folder.
pub const MANIFEST: &str = "manifest.json";
/// Most partitions of a graph.
pub const MAX_PARTITIONS: u32 = 1000;

pub(crate) const NODES: &str = "nodes";
pub(crate) const EDGES: &str = "edges";
pub(crate) const DICT_KIND: &str = "dict.seg";
pub(crate) const ADJ_KIND: &str = "adj.seg";

/// Which files make up a graph, and how far the log is folded into them.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphManifest {
    pub generation: u64,
    /// Everything up to this LSN stands in the segments; what comes later stands in the delta logs.
    pub lsn: u64,
    pub dict: Segment,
    /// One for each partition, in their order.
    pub adjacency: Vec<Segment>,
}

impl GraphManifest {
    /// The newest manifest of a graph folder; `None` where nothing was published yet.
    ///
    /// # Errors
    /// `Io`; `Corrupt`, `Invalid`, `Limit` or `Unsupported` with the path of the manifest.
    pub fn load(dir: &Path) -> Result<Option<GraphManifest>> {
        qx_io::read_generation(dir, MANIFEST, Self::decode)
    }

    /// # Errors
    /// As [`Manifest::decode`]; `Invalid` for a document that is not a graph's.
    pub fn decode(bytes: &[u8]) -> Result<GraphManifest> {
        let m = Manifest::decode(bytes, FORMAT)?;
        let bad = |what: &str| Error::invalid(format!("{FORMAT}: {what}"));
        let lsn = m.extra.get("lsn").and_then(Value::as_str).and_then(|s| s.parse().ok());
        let lsn = lsn.ok_or_else(|| bad("lsn is not a decimal string"))?;
        let count = m.extra.get("partitions").and_then(Value::as_u64);
        let count = count.ok_or_else(|| bad("partitions is not a number"))?;
        if count == 0 || count > u64::from(MAX_PARTITIONS) {
            return Err(Error::limit("graph partitions", u64::from(MAX_PARTITIONS), count));
        }
        let mut dicts = m.committed().filter(|s| s.kind == DICT_KIND);
        let dict = dicts.next().cloned().ok_or_else(|| bad("it names no dictionary"))?;
        if dicts.next().is_some() {
            return Err(bad("it names more than one dictionary"));
        }
        let partition = |s: &Segment| s.extra.get("partition").and_then(Value::as_u64).unwrap_or(u64::MAX);
        let mut adjacency: Vec<_> = m.committed().filter(|s| s.kind == ADJ_KIND).cloned().collect();
        adjacency.sort_by_key(partition);
        if !adjacency.iter().map(partition).eq(0..count) {
            return Err(bad("it does not name one adjacency segment for each partition"));
        }
        Ok(GraphManifest { generation: m.generation, lsn, dict, adjacency })
    }

    /// # Errors
    /// `Invalid` or `Limit` for a segment that breaks a rule.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let mut m = Manifest::new(FORMAT);
        m.generation = self.generation;
        m.extra.insert("partitions".into(), self.partitions().into());
        m.extra.insert("lsn".into(), self.lsn.to_string().into());
        m.segments.push(self.dict.clone());
        for (partition, segment) in self.adjacency.iter().enumerate() {
            let mut segment = segment.clone();
            segment.extra.insert("partition".into(), partition.into());
            m.segments.push(segment);
        }
        m.encode()
    }

    pub fn partitions(&self) -> u32 {
        self.adjacency.len() as u32
    }

    /// The same files and watermark, whatever the generation.
    pub(crate) fn same_content(&self, other: &GraphManifest) -> bool {
        let generation = self.generation;
        GraphManifest { generation, ..other.clone() }.encode().ok() == self.encode().ok()
    }

    pub(crate) fn segments(&self) -> impl Iterator<Item = &Segment> {
        std::iter::once(&self.dict).chain(&self.adjacency)
    }
}

/// The partition that the edges of a source belong to.
pub(crate) fn partition_of(src: u64, partitions: u32) -> usize {
    (src % u64::from(partitions.max(1))) as usize
}
