//! The names inside a graph folder, and its manifest.

use std::collections::BTreeMap;
use std::path::Path;

use qx_formats::manifest::{Manifest, Segment};
use qx_formats::{Error, Result};
use serde_json::Value;
use uuid::Uuid;

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

/// Most dictionary segments of a graph.
pub const MAX_DICTIONARIES: usize = 64;

/// Which files make up a graph, and how far the log is folded into them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GraphManifest {
    pub generation: u64,
    /// The graph that these files are of; absent where whoever built it gave it no identity.
    pub graph: Option<Uuid>,
    /// Everything up to this LSN stands in the segments; what comes later stands in the delta logs and the WAL.
    pub lsn: u64,
    /// Everything up to this LSN stands in the segments and the delta logs; what comes later stands in the WAL.
    pub delta_lsn: u64,
    /// By partition, what stands in its delta log above `lsn`: one that holds less was shortened, or is gone.
    pub deltas: BTreeMap<u32, DeltaEnd>,
    /// Dictionary segments, oldest first: a later one has the last word on the names and ids that it holds.
    pub dicts: Vec<Segment>,
    /// One for each partition, in their order.
    pub adjacency: Vec<Segment>,
    /// Some edges stand in another partition than the one that their source is routed to.
    pub spread: bool,
    /// Commits that changed the graph and are folded into the segments or stand in the delta logs.
    pub commits: u64,
    /// How often a delta log was found as a crash had left it.
    pub recoveries: u64,
}

/// How far a delta log reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeltaEnd {
    /// Of the last commit.
    pub lsn: u64,
    /// Commits in all.
    pub commits: u64,
}

impl DeltaEnd {
    fn decode_all(value: &Value) -> Option<BTreeMap<u32, DeltaEnd>> {
        let number = |v: &Value, name: &str| v.get(name)?.as_str()?.parse::<u64>().ok();
        let one = |(partition, end): (&String, &Value)| {
            let end = DeltaEnd { lsn: number(end, "lsn")?, commits: number(end, "commits")? };
            Some((partition.parse::<u32>().ok()?, end))
        };
        value.as_object()?.iter().map(one).collect()
    }

    fn encode_all(ends: &BTreeMap<u32, DeltaEnd>) -> Value {
        let one = |(partition, end): (&u32, &DeltaEnd)| {
            let end = serde_json::json!({"lsn": end.lsn.to_string(), "commits": end.commits.to_string()});
            (partition.to_string(), end)
        };
        Value::Object(ends.iter().map(one).collect())
    }
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
        let text = |name: &str| m.extra.get(name).and_then(Value::as_str);
        let number = |name: &str| text(name).and_then(|s| s.parse::<u64>().ok());
        let lsn = number("lsn").ok_or_else(|| bad("lsn is not a decimal string"))?;
        let delta_lsn = match m.extra.get("delta_lsn") {
            None => lsn,
            Some(_) => number("delta_lsn").filter(|&d| d >= lsn).ok_or_else(|| bad("delta_lsn is below lsn"))?,
        };
        let deltas = match m.extra.get("deltas") {
            None => BTreeMap::new(),
            Some(v) => DeltaEnd::decode_all(v).ok_or_else(|| bad("deltas is not an end for each partition"))?,
        };
        let graph = match m.extra.get("graph") {
            None => None,
            Some(v) => Some(v.as_str().and_then(|s| s.parse().ok()).ok_or_else(|| bad("graph is not a UUID"))?),
        };
        let count = m.extra.get("partitions").and_then(Value::as_u64);
        let count = count.ok_or_else(|| bad("partitions is not a number"))?;
        if count == 0 || count > u64::from(MAX_PARTITIONS) {
            return Err(Error::limit("graph partitions", u64::from(MAX_PARTITIONS), count));
        }
        let place = |s: &Segment| s.extra.get("place").and_then(Value::as_u64).unwrap_or(0);
        let mut dicts: Vec<_> = m.committed().filter(|s| s.kind == DICT_KIND).cloned().collect();
        dicts.sort_by_key(place);
        if dicts.is_empty() {
            return Err(bad("it names no dictionary"));
        }
        if dicts.len() > MAX_DICTIONARIES {
            return Err(Error::limit("graph dictionaries", MAX_DICTIONARIES as u64, dicts.len() as u64));
        }
        if !dicts.iter().map(place).eq(0..dicts.len() as u64) {
            return Err(bad("two dictionaries have one place"));
        }
        let partition = |s: &Segment| s.extra.get("partition").and_then(Value::as_u64).unwrap_or(u64::MAX);
        let mut adjacency: Vec<_> = m.committed().filter(|s| s.kind == ADJ_KIND).cloned().collect();
        adjacency.sort_by_key(partition);
        if !adjacency.iter().map(partition).eq(0..count) {
            return Err(bad("it does not name one adjacency segment for each partition"));
        }
        let flag = |name: &str| m.extra.get(name).and_then(Value::as_bool).unwrap_or(false);
        Ok(GraphManifest {
            generation: m.generation,
            graph,
            lsn,
            delta_lsn,
            deltas,
            dicts,
            adjacency,
            spread: flag("spread"),
            commits: number("commits").unwrap_or(0),
            recoveries: number("recoveries").unwrap_or(0),
        })
    }

    /// # Errors
    /// `Invalid` or `Limit` for a segment that breaks a rule.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let mut m = Manifest::new(FORMAT);
        m.generation = self.generation;
        m.extra.insert("partitions".into(), self.partitions().into());
        m.extra.insert("lsn".into(), self.lsn.to_string().into());
        // What says nothing is not written.
        if self.delta_lsn > self.lsn {
            m.extra.insert("delta_lsn".into(), self.delta_lsn.to_string().into());
        }
        if !self.deltas.is_empty() {
            m.extra.insert("deltas".into(), DeltaEnd::encode_all(&self.deltas));
        }
        if let Some(graph) = self.graph {
            m.extra.insert("graph".into(), graph.to_string().into());
        }
        if self.spread {
            m.extra.insert("spread".into(), true.into());
        }
        for (name, count) in [("commits", self.commits), ("recoveries", self.recoveries)] {
            if count > 0 {
                m.extra.insert(name.into(), count.to_string().into());
            }
        }
        for (place, segment) in self.dicts.iter().enumerate() {
            let mut segment = segment.clone();
            if self.dicts.len() > 1 {
                segment.extra.insert("place".into(), place.into());
            } else {
                segment.extra.remove("place");
            }
            m.segments.push(segment);
        }
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
        self.dicts.iter().chain(&self.adjacency)
    }
}

/// The partition that the edges of a source are routed to, for writing and for reading.
pub fn route(src: u64, partitions: u32) -> usize {
    (src % u64::from(partitions.max(1))) as usize
}

/// The partition that an operation names, or where it names none that there is, the one that the source is routed to.
pub(crate) fn home_of(part: u32, src: u64, partitions: u32) -> u32 {
    // A route is below the number of partitions.
    if part < partitions { part } else { route(src, partitions) as u32 }
}
