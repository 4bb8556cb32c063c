//! An open graph: names to ids and back, and the edges of a node as they stand now.

use std::path::{Path, PathBuf};

use qx_formats::adj_seg::{AdjSeg, Edge};
use qx_formats::dict_seg::DictSeg;
use qx_formats::manifest::Segment;
use qx_formats::{Error, Kind, Result};
use qx_io::Map;
use qx_log::Op;

use crate::delta::{NodeDelta, PartitionDeltaIndex};
use crate::folder::{GraphManifest, MANIFEST, partition_of};
use crate::seen::Seen;
use crate::walk::Direction;

/// Label and key of a node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName {
    pub label: Vec<u8>,
    pub key: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Part {
    pub seg: AdjSeg<Map>,
    pub delta: PartitionDeltaIndex,
}

/// A graph at one generation, with what the delta logs add to it.
#[derive(Debug)]
pub struct Graph {
    dir: PathBuf,
    manifest: GraphManifest,
    dict: DictSeg<Map>,
    pub(crate) parts: Vec<Part>,
    nodes: NodeDelta,
    /// Of the last operation on a node that was applied.
    node_lsn: Option<u64>,
}

impl Graph {
    /// Maps the segments of the newest generation and reads the delta logs above its watermark.
    ///
    /// # Errors
    /// `NotFound` where no graph is; `Corrupt` and its kin for a damaged manifest, segment front or log; `Io`.
    pub fn open(dir: &Path) -> Result<Graph> {
        let mut graph = Self::open_segments(dir)?;
        crate::tail::load(&mut graph)?;
        Ok(graph)
    }

    /// [`Graph::open`] without the delta logs: the graph as it was built.
    ///
    /// # Errors
    /// As [`Graph::open`], logs aside.
    pub fn open_segments(dir: &Path) -> Result<Graph> {
        let mut last = None;
        // A writer may publish and prune between our reading of the manifest and our opening of what it names.
        for _ in 0..3 {
            let manifest = GraphManifest::load(dir)?
                .ok_or_else(|| Error::new(Kind::NotFound, "there is no graph here").path(dir.join(MANIFEST)))?;
            match Self::map(dir, manifest) {
                Err(e) if e.io_kind() == Some(std::io::ErrorKind::NotFound) => last = Some(e),
                done => return done,
            }
        }
        Err(last.unwrap_or_else(|| Error::new(Kind::NotFound, "there is no graph here")))
    }

    fn map(dir: &Path, manifest: GraphManifest) -> Result<Graph> {
        let dict = open_segment(dir, &manifest.dict, DictSeg::open, |d| d.uuid())?;
        let mut parts = Vec::with_capacity(manifest.adjacency.len());
        for segment in &manifest.adjacency {
            let seg = open_segment(dir, segment, AdjSeg::open, |a| a.uuid())?;
            parts.push(Part { seg, delta: PartitionDeltaIndex::default() });
        }
        Ok(Graph { dir: dir.to_path_buf(), manifest, dict, parts, nodes: NodeDelta::default(), node_lsn: None })
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn manifest(&self) -> &GraphManifest {
        &self.manifest
    }

    pub fn dict(&self) -> &DictSeg<Map> {
        &self.dict
    }

    pub fn partitions(&self) -> u32 {
        self.parts.len() as u32
    }

    /// Edges of the segments, without the delta.
    pub fn segment_edges(&self) -> u64 {
        self.parts.iter().map(|p| p.seg.edges()).sum()
    }

    /// Edges that the delta adds, and edge names that it deletes.
    pub fn delta_counts(&self) -> (u64, u64) {
        self.parts.iter().fold((0, 0), |(a, t), p| (a + p.delta.adds(), t + p.delta.tombstones()))
    }

    pub fn node_delta(&self) -> &NodeDelta {
        &self.nodes
    }

    pub fn partition_delta(&self, partition: u32) -> Option<&PartitionDeltaIndex> {
        self.parts.get(partition as usize).map(|p| &p.delta)
    }

    // ---- names ----

    /// The id of (label, key).
    ///
    /// # Errors
    /// `Corrupt` where the dictionary is damaged.
    pub fn id_of(&self, label: &[u8], key: &[u8]) -> Result<Option<u64>> {
        match self.nodes.id_of(label, key) {
            Some(known) => Ok(known),
            None => self.dict.get(label, key),
        }
    }

    /// The lowest id that `key` has under any label.
    ///
    /// # Errors
    /// `Corrupt` where the dictionary is damaged.
    pub fn id_of_any_label(&self, key: &[u8]) -> Result<Option<u64>> {
        let Some(changed) = self.nodes.labels_of(key) else { return self.dict.get_any_label(key) };
        let mut lowest = changed.values().flatten().min().copied();
        for label in self.dict.labels() {
            let label = label?;
            if !changed.contains_key(label)
                && let Some(id) = self.dict.get(label, key)?
            {
                lowest = Some(lowest.map_or(id, |low| low.min(id)));
            }
        }
        Ok(lowest)
    }

    /// The node that a person means by `start`: a key under any label, else `label:key`, split at each colon from
    /// the left until a node is found.
    ///
    /// # Errors
    /// `Corrupt` where the dictionary is damaged.
    pub fn resolve(&self, start: &str) -> Result<Option<u64>> {
        if let Some(id) = self.id_of_any_label(start.as_bytes())? {
            return Ok(Some(id));
        }
        for (at, _) in start.match_indices(':') {
            let (label, key) = (&start[..at], &start[at + 1..]);
            if let Some(id) = self.id_of(label.as_bytes(), key.as_bytes())? {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// Label and key of a node id.
    ///
    /// # Errors
    /// `Corrupt` where the dictionary is damaged.
    pub fn node(&self, id: u64) -> Result<Option<NodeName>> {
        if let Some(known) = self.nodes.name_of(id) {
            return Ok(known.map(|(label, key)| NodeName { label: label.clone(), key: key.clone() }));
        }
        Ok(self.dict.entry_of(id)?.map(|e| NodeName { label: e.label, key: e.key }))
    }

    /// The id of every node, ascending: those without an edge, too.
    ///
    /// # Errors
    /// `Corrupt` where the dictionary is damaged.
    pub fn ids(&self) -> Result<Vec<u64>> {
        let mut ids: Vec<u64> = self.nodes.ids().collect();
        let mut cursor = self.dict.cursor();
        while let Some(entry) = cursor.next_entry()? {
            if self.nodes.name_of(entry.id).is_none() {
                ids.push(entry.id);
            }
        }
        ids.sort_unstable();
        Ok(ids)
    }

    /// Every node, by id.
    ///
    /// # Errors
    /// `Corrupt` where the dictionary is damaged.
    pub fn nodes(&self) -> Result<Vec<(u64, NodeName)>> {
        let name = |(label, key): (&[u8], &[u8])| NodeName { label: label.to_vec(), key: key.to_vec() };
        let mut nodes: Vec<_> = self.nodes.entries().map(|(id, n)| (id, name(n))).collect();
        let mut cursor = self.dict.cursor();
        while let Some(entry) = cursor.next_entry()? {
            if self.nodes.name_of(entry.id).is_none() {
                nodes.push((entry.id, name((entry.label, entry.key))));
            }
        }
        nodes.sort_unstable_by_key(|&(id, _)| id);
        Ok(nodes)
    }

    // ---- changes ----

    /// Applies an operation of a log; those that are not of a graph change nothing. Operations on nodes come in the
    /// order of their LSNs, and each counts once: one at or below the last is passed over, so that the frames of the
    /// WAL can follow delta logs that already have some of them.
    ///
    /// # Errors
    /// `Corrupt` where the dictionary is damaged; `Limit` when ids have run out.
    pub fn apply(&mut self, lsn: u64, op: &Op) -> Result<()> {
        match op {
            Op::NodeUpsert { .. } | Op::NodeDelete { .. } if self.node_lsn.is_some_and(|last| lsn <= last) => {}
            Op::NodeUpsert { label, key, id, .. } => {
                self.upsert_node(label.as_bytes(), key, *id)?;
                self.node_lsn = Some(lsn);
            }
            Op::NodeDelete { label, key, id } => {
                // A delete that names an id means that node, and not one that came to the name since.
                let current = self.id_of(label.as_bytes(), key)?;
                if id.is_none() || *id == current {
                    self.delete_node(label.as_bytes(), key)?;
                }
                self.node_lsn = Some(lsn);
            }
            Op::EdgeUpsert { src, dst, etype, props, .. } => self.upsert_edge(lsn, *src, *dst, *etype, props),
            Op::EdgeDelete { src, dst, etype, .. } => self.delete_edge(lsn, *src, *dst, *etype),
            _ => {}
        }
        Ok(())
    }

    /// A node has this name from now on; returns its id. Operations come in the order of their LSNs.
    ///
    /// # Errors
    /// `Corrupt` where the dictionary is damaged; `Limit` when ids have run out.
    pub fn upsert_node(&mut self, label: &[u8], key: &[u8], id: Option<u64>) -> Result<u64> {
        let old = self.id_of(label, key)?;
        let id = match id.or(old) {
            Some(id) => id,
            None => self.nodes.next_id(self.dict.next_id()),
        };
        if id == u64::MAX {
            return Err(Error::limit("node id", u64::MAX - 1, id));
        }
        if let Some(old) = old.filter(|&old| old != id) {
            self.nodes.forget_id(old);
        }
        // The last write of an id wins, too: whoever had it loses it.
        if let Some(other) = self.node(id)?.filter(|n| n.label != label || n.key != key) {
            self.nodes.forget_name(&other.label, &other.key);
        }
        self.nodes.put(label, key, id);
        Ok(id)
    }

    /// A node is gone from now on, and with it every edge that begins or ends there. Returns the id that it had.
    ///
    /// # Errors
    /// `Corrupt` where the dictionary is damaged.
    pub fn delete_node(&mut self, label: &[u8], key: &[u8]) -> Result<Option<u64>> {
        let old = self.id_of(label, key)?;
        if let Some(id) = old {
            self.nodes.forget_name(label, key);
            self.nodes.forget_id(id);
        }
        Ok(old)
    }

    /// An edge stands from `lsn` on.
    pub fn upsert_edge(&mut self, lsn: u64, src: u64, dst: u64, etype: u32, props: &[u8]) {
        if let Some(part) = self.home(src) {
            part.delta.add(lsn, src, dst, etype, props);
        }
    }

    /// No such edge stands from `lsn` on.
    pub fn delete_edge(&mut self, lsn: u64, src: u64, dst: u64, etype: u32) {
        if let Some(part) = self.home(src) {
            part.delta.remove(lsn, src, dst, etype);
        }
    }

    fn home(&mut self, src: u64) -> Option<&mut Part> {
        let at = partition_of(src, self.partitions());
        self.parts.get_mut(at)
    }

    // ---- edges ----

    /// Whether `id` is a node that was deleted, so that no edge leads there.
    #[inline]
    pub(crate) fn is_gone(&self, id: u64) -> bool {
        !self.nodes.is_empty() && matches!(self.nodes.name_of(id), Some(None))
    }

    /// Calls `f` with every edge of `node`; the order is that of the segments, then of the delta.
    #[inline]
    pub(crate) fn visit(
        &self,
        node: u64,
        direction: Direction,
        etype: Option<u32>,
        mut f: impl FnMut(Edge),
    ) -> Result<()> {
        if self.is_gone(node) {
            return Ok(());
        }
        let mut emit = |edge: Edge| {
            if !self.is_gone(edge.node) {
                f(edge);
            }
        };
        if direction != Direction::In
            && let Some(part) = self.parts.get(partition_of(node, self.partitions()))
        {
            let edges = part.seg.out(node)?;
            let edges = if let Some(t) = etype { edges.of_type(t) } else { edges };
            if part.delta.touches_src(node) {
                edges.filter(|e| !part.delta.decides(node, e.node, e.etype)).for_each(&mut emit);
                let added = part.delta.out(node).map(|(edge, _)| edge);
                added.filter(|e| etype.is_none_or(|t| t == e.etype)).for_each(&mut emit);
            } else {
                edges.for_each(&mut emit);
            }
        }
        if direction != Direction::Out {
            for part in &self.parts {
                let edges = part.seg.inn(node)?;
                let edges = if let Some(t) = etype { edges.of_type(t) } else { edges };
                if part.delta.touches_dst(node) {
                    edges.filter(|e| !part.delta.decides(e.node, node, e.etype)).for_each(&mut emit);
                    part.delta.inn(node).filter(|e| etype.is_none_or(|t| t == e.etype)).for_each(&mut emit);
                } else {
                    edges.for_each(&mut emit);
                }
            }
        }
        Ok(())
    }

    /// The edges of a node, by type and other end. A self loop stands in both directions.
    ///
    /// # Errors
    /// `Corrupt` where a segment is damaged.
    pub fn edges_of(&self, node: u64, direction: Direction, etype: Option<u32>) -> Result<Vec<Edge>> {
        let mut edges = Vec::new();
        self.visit(node, direction, etype, |e| edges.push(e))?;
        edges.sort_unstable_by_key(|e| (e.etype, e.node));
        Ok(edges)
    }

    /// The edges that leave a node, with their properties (JSON bytes, empty for none), by type and target.
    ///
    /// # Errors
    /// `Corrupt` where a segment is damaged.
    pub fn out_edges_with_props(&self, node: u64) -> Result<Vec<(Edge, Vec<u8>)>> {
        let mut found = Vec::new();
        let Some(part) = self.parts.get(partition_of(node, self.partitions())) else { return Ok(found) };
        if self.is_gone(node) {
            return Ok(found);
        }
        let edges = part.seg.out(node)?.zip(part.seg.out_props(node)?);
        let kept = edges.filter(|(e, _)| !part.delta.decides(node, e.node, e.etype));
        found.extend(kept.chain(part.delta.out(node)).map(|(e, props)| (e, props.to_vec())));
        found.retain(|(e, _)| !self.is_gone(e.node));
        found.sort_by_key(|(e, _)| (e.etype, e.node));
        Ok(found)
    }

    /// Every id that is a node or the end of an edge, ascending.
    pub(crate) fn all_ids(&self) -> Result<Vec<u64>> {
        let mut ids = self.ids()?;
        // An edge may have come before the node that it leads to.
        ids.extend(
            self.parts.iter().flat_map(|p| p.seg.nodes().chain(p.delta.nodes())).filter(|&id| !self.is_gone(id)),
        );
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    /// An empty set of node ids, sized for this graph.
    pub(crate) fn seen(&self) -> Seen {
        let ranges = self.parts.iter().flat_map(|p| [p.seg.id_range(), p.delta.id_range()]).flatten();
        let range = ranges.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        let rows = self.parts.iter().map(|p| p.seg.rows() + p.delta.adds()).sum();
        Seen::new(range, rows)
    }
}

/// Opens a segment and checks at once that it is the one that the manifest means: by length and content hash.
fn open_segment<S>(
    dir: &Path,
    segment: &Segment,
    open: impl FnOnce(Map) -> Result<S>,
    uuid: impl FnOnce(&S) -> uuid::Uuid,
) -> Result<S> {
    let path = dir.join(&segment.path);
    let map = Map::open(&path)?;
    if map.len() as u64 != segment.bytes {
        return Err(Error::corrupt("the segment is not as long as the manifest says")
            .path(&path)
            .expected(format!("{} bytes", segment.bytes))
            .got(format!("{} bytes", map.len())));
    }
    let seg = open(map).map_err(|e| e.path(&path))?;
    let id = uuid(&seg).simple().to_string();
    if id != segment.id {
        let e = Error::corrupt("the segment is not the one that the manifest names").path(&path);
        return Err(e.expected(&segment.id).got(id));
    }
    Ok(seg)
}
