//! Building a segment in memory and streaming it out. The same edges in any order give the same bytes.

use std::io::{self, Cursor, Seek, Write};

use uuid::Uuid;

use super::ints;
use super::layout::*;
use super::meta::Meta;
use crate::container::Writer;
use crate::{Error, Result};

/// What a finished segment holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    pub uuid: Uuid,
    /// Distinct nodes with an edge.
    pub nodes: u64,
    pub edges: u64,
    pub dense: bool,
}

#[derive(Debug, Clone, Copy)]
struct Raw {
    src: u64,
    dst: u64,
    etype: u32,
    /// Index into the properties, 0 for none.
    props: u32,
}

/// Collects the edges of one partition.
#[derive(Debug)]
pub struct AdjBuilder {
    partition: u32,
    edges: Vec<Raw>,
    /// `ends[i - 1]..ends[i]` of `props` are the properties number `i`; the first end is 0.
    ends: Vec<usize>,
    props: Vec<u8>,
}

impl AdjBuilder {
    pub fn new(partition: u32) -> Self {
        AdjBuilder { partition, edges: Vec::new(), ends: vec![0], props: Vec::new() }
    }

    pub fn add(&mut self, src: u64, dst: u64, etype: u32) {
        self.edges.push(Raw { src, dst, etype, props: 0 });
    }

    /// Adds an edge with properties: the bytes of one JSON object; empty for none.
    ///
    /// # Errors
    /// `Invalid` when they are not a JSON object; `Limit` when they are too long or too many.
    pub fn add_with(&mut self, src: u64, dst: u64, etype: u32, props: &[u8]) -> Result<()> {
        if props.is_empty() {
            self.add(src, dst, etype);
            return Ok(());
        }
        if props.len() as u64 > MAX_PROP_LEN {
            return Err(Error::limit("length of edge properties", MAX_PROP_LEN, props.len() as u64));
        }
        if !is_object(props) {
            return Err(Error::invalid("edge properties are not a JSON object"));
        }
        let index = u32::try_from(self.ends.len());
        let index = index.map_err(|_| Error::limit("edges with properties", u64::from(u32::MAX), 1 << 32))?;
        self.props.extend_from_slice(props);
        self.ends.push(self.props.len());
        self.edges.push(Raw { src, dst, etype, props: index });
        Ok(())
    }

    /// Edges added so far.
    pub fn len(&self) -> usize {
        self.edges.len()
    }

    pub fn is_empty(&self) -> bool {
        self.edges.is_empty()
    }

    /// Writes the segment to the beginning of `out`.
    ///
    /// # Errors
    /// `Io`; `Limit` above the counts of the format.
    pub fn finish<W: Write + Seek>(mut self, out: W) -> Result<(W, Summary)> {
        if self.edges.len() as u64 > MAX_EDGES {
            return Err(Error::limit("edge count", MAX_EDGES, self.edges.len() as u64));
        }
        self.sort();
        let table = NodeTable::new(&self.edges);
        if table.rows() > MAX_NODES {
            return Err(Error::limit("node count", MAX_NODES, table.rows()));
        }
        let meta = self.meta(&table);
        let summary = |uuid| Summary { uuid, nodes: table.distinct, edges: meta.edges, dense: meta.dense };
        let (out, uuid) = self.write(out, &meta, &table).map_err(|e| Error::io("write", e))?;
        Ok((out, summary(uuid)))
    }

    /// The segment as bytes.
    ///
    /// # Errors
    /// `Limit` above the counts of the format.
    pub fn encode(self) -> Result<Vec<u8>> {
        Ok(self.finish(Cursor::new(Vec::new()))?.0.into_inner())
    }

    fn props_of(&self, edge: &Raw) -> &[u8] {
        let i = edge.props as usize;
        let start = i.checked_sub(1).and_then(|i| self.ends.get(i));
        start.zip(self.ends.get(i)).and_then(|(s, e)| self.props.get(*s..*e)).unwrap_or(&[])
    }

    fn sort(&mut self) {
        let mut edges = std::mem::take(&mut self.edges);
        edges.sort_unstable_by(|a, b| {
            let key = |e: &Raw| (e.src, e.etype, e.dst);
            key(a).cmp(&key(b)).then_with(|| match (a.props, b.props) {
                (0, 0) => std::cmp::Ordering::Equal,
                _ => self.props_of(a).cmp(self.props_of(b)),
            })
        });
        self.edges = edges;
    }

    fn meta(&self, table: &NodeTable) -> Meta {
        let edges = self.edges.len() as u64;
        let types = || self.edges.iter().map(|e| e.etype);
        let (low, high) = (types().min().unwrap_or(0), types().max().unwrap_or(0));
        let prop_bytes = self.props.len() as u64;
        Meta {
            partition: self.partition,
            dense: table.dense,
            row_width: ints::wide(edges),
            col_width: ints::wide(table.rows().saturating_sub(1)),
            type_width: if low == high { 0 } else { ints::narrow(high) },
            prop_width: if prop_bytes == 0 { 0 } else { ints::wide(prop_bytes) },
            only_type: if low == high { low } else { 0 },
            nodes: table.rows(),
            edges,
            first_id: table.first,
            last_id: table.last,
            sources: self.edges.chunk_by(|a, b| a.src == b.src).count() as u64,
            targets: table.targets,
            prop_bytes,
            edge_hash: self.edges.iter().fold(0, |sum: u128, e| sum.wrapping_add(edge_hash(e.src, e.dst, e.etype))),
        }
    }

    fn write<W: Write + Seek>(&self, out: W, meta: &Meta, table: &NodeTable) -> io::Result<(W, Uuid)> {
        let optional = usize::from(!meta.dense) + 2 * usize::from(meta.type_width > 0);
        let count = 5 + optional + 2 * usize::from(meta.prop_width > 0);
        let mut w = Writer::new(out, MAGIC, MAJOR, MINOR, 0, count)?;
        w.begin(KIND_META, 0)?;
        w.write(&meta.encode())?;
        if !meta.dense {
            array(&mut w, KIND_NODE_IDS, 8, table.ids.iter().copied())?;
        }
        let mut degrees = vec![0u64; table.len()];
        for e in &self.edges {
            degrees[table.row(e.src)] += 1;
        }
        array(&mut w, KIND_OUT_ROWS, meta.row_width, starts(&degrees))?;
        array(&mut w, KIND_OUT_COLS, meta.col_width, self.edges.iter().map(|e| table.row(e.dst) as u64))?;
        if meta.type_width > 0 {
            array(&mut w, KIND_OUT_TYPES, meta.type_width, self.edges.iter().map(|e| u64::from(e.etype)))?;
        }
        self.write_inward(&mut w, meta, table)?;
        if meta.prop_width > 0 {
            let ends = self.edges.iter().scan(0u64, |end, e| {
                *end += self.props_of(e).len() as u64;
                Some(*end)
            });
            array(&mut w, KIND_PROP_ENDS, meta.prop_width, ends)?;
            w.begin(KIND_PROPS, 0)?;
            for e in &self.edges {
                w.write(self.props_of(e))?;
            }
        }
        w.finish()
    }

    /// The transpose: a counting sort by target, which keeps the order of the sources; then each row by type.
    fn write_inward<W: Write + Seek>(&self, w: &mut Writer<W>, meta: &Meta, table: &NodeTable) -> io::Result<()> {
        let mut degrees = vec![0u64; table.len()];
        for e in &self.edges {
            degrees[table.row(e.dst)] += 1;
        }
        let mut next: Vec<u64> = starts(&degrees).collect();
        let mut edges = vec![(0u32, 0u64); self.edges.len()];
        for e in &self.edges {
            let at = &mut next[table.row(e.dst)];
            edges[*at as usize] = (e.etype, table.row(e.src) as u64);
            *at += 1;
        }
        if meta.type_width > 0 {
            let mut rest = edges.as_mut_slice();
            for &degree in &degrees {
                let (row, later) = rest.split_at_mut(degree as usize);
                row.sort_unstable();
                rest = later;
            }
        }
        array(w, KIND_IN_ROWS, meta.row_width, starts(&degrees))?;
        array(w, KIND_IN_COLS, meta.col_width, edges.iter().map(|&(_, row)| row))?;
        if meta.type_width > 0 {
            array(w, KIND_IN_TYPES, meta.type_width, edges.iter().map(|&(etype, _)| u64::from(etype)))?;
        }
        Ok(())
    }
}

/// The hash of one edge; a segment records the sum over all of them, which no order changes.
pub(super) fn edge_hash(src: u64, dst: u64, etype: u32) -> u128 {
    let mut key = [0; 20];
    key[..8].copy_from_slice(&src.to_le_bytes());
    key[8..16].copy_from_slice(&dst.to_le_bytes());
    key[16..].copy_from_slice(&etype.to_le_bytes());
    xxhash_rust::xxh3::xxh3_128(&key)
}

pub(super) fn is_object(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}

/// Row offsets from row lengths: one more than there are rows.
fn starts(degrees: &[u64]) -> impl Iterator<Item = u64> {
    std::iter::once(0).chain(degrees.iter().scan(0, |sum, d| {
        *sum += d;
        Some(*sum)
    }))
}

fn array<W: Write + Seek>(w: &mut Writer<W>, kind: u32, width: u8, items: impl Iterator<Item = u64>) -> io::Result<()> {
    w.begin(kind, 0)?;
    let mut buffer = Vec::with_capacity(64 << 10);
    for item in items {
        ints::put(&mut buffer, width, item);
        if buffer.len() >= (64 << 10) - 8 {
            w.write(&buffer)?;
            buffer.clear();
        }
    }
    w.write(&buffer)
}

/// Node ids and their rows.
struct NodeTable {
    ids: Vec<u64>,
    dense: bool,
    first: u64,
    last: u64,
    distinct: u64,
    targets: u64,
}

impl NodeTable {
    fn new(edges: &[Raw]) -> Self {
        let mut targets: Vec<u64> = edges.iter().map(|e| e.dst).collect();
        targets.sort_unstable();
        targets.dedup();
        let target_count = targets.len() as u64;
        let mut ids = targets;
        ids.extend(edges.chunk_by(|a, b| a.src == b.src).filter_map(|run| run.first()).map(|e| e.src));
        ids.sort_unstable();
        ids.dedup();
        let (first, last) = (ids.first().copied().unwrap_or(0), ids.last().copied().unwrap_or(0));
        let distinct = ids.len() as u64;
        NodeTable { dense: is_dense(distinct, first, last), ids, first, last, distinct, targets: target_count }
    }

    fn rows(&self) -> u64 {
        match (self.dense, self.distinct) {
            (_, 0) => 0,
            (true, _) => self.last - self.first + 1,
            (false, n) => n,
        }
    }

    fn len(&self) -> usize {
        self.rows() as usize
    }

    fn row(&self, id: u64) -> usize {
        if self.dense {
            return (id - self.first) as usize;
        }
        // Every id of an edge is in the table that was made from the edges.
        self.ids.binary_search(&id).unwrap_or(0)
    }
}

/// Dense where gaps cost no more than a list of the ids would: at most one gap for each id.
pub(super) fn is_dense(distinct: u64, first: u64, last: u64) -> bool {
    distinct == 0 || (last - first) < distinct.saturating_mul(2)
}
