//! An open graph: names to ids and back, and the edges of a node as they stand now.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use qx_formats::adj_seg::{AdjBuilder, AdjSeg, Edge};
use qx_formats::dict_seg::{DictBuilder, DictSeg};
use qx_formats::{Error, Result};
use qx_io::Map;
use qx_log::Op;

use crate::delta::{NodeDelta, PartitionDeltaIndex};
use crate::filter::{Follow, PropNames};
use crate::folder::{GraphManifest, home_of, route};
use crate::names::{Names, NodeName};
use crate::seen::Seen;
use crate::walk::Direction;

#[derive(Debug)]
pub(crate) struct Part {
    pub seg: AdjSeg<Map>,
    pub delta: PartitionDeltaIndex,
}

impl Part {
    fn new(seg: AdjSeg<Map>) -> Part {
        Part { seg, delta: PartitionDeltaIndex::default() }
    }
}

/// A graph at one generation, with what the delta logs and the WAL add to it.
#[derive(Debug)]
pub struct Graph {
    dir: PathBuf,
    manifest: GraphManifest,
    pub(crate) names: Names,
    pub(crate) parts: Vec<Part>,
    pub(crate) props: PropNames,
    /// Of the last operation on a node that was applied.
    node_lsn: Option<u64>,
    /// Some edges may stand in another partition than their source's.
    pub(crate) spread: bool,
    pub(crate) tail: Tail,
}

/// What was read above the segments.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tail {
    /// Everything up to this LSN was read.
    pub lsn: u64,
    /// Commits above the segments that changed the graph; those that the manifest counts already are not in it.
    pub commits: u64,
    /// When the oldest of them was committed: microseconds since 1970.
    pub oldest_us: Option<u64>,
}

impl Graph {
    pub(crate) fn over(
        dir: &Path,
        manifest: GraphManifest,
        dicts: Vec<DictSeg<Map>>,
        parts: Vec<AdjSeg<Map>>,
    ) -> Graph {
        Graph {
            dir: dir.to_path_buf(),
            names: Names::new(dicts),
            parts: parts.into_iter().map(Part::new).collect(),
            props: PropNames::default(),
            node_lsn: None,
            spread: manifest.spread,
            tail: Tail { lsn: manifest.lsn, ..Tail::default() },
            manifest,
        }
    }

    /// A graph that lives in memory alone.
    ///
    /// # Errors
    /// `Limit` above the counts of the formats.
    pub fn in_memory(dict: DictBuilder, parts: Vec<AdjBuilder>) -> Result<Graph> {
        let manifest = GraphManifest::default();
        Self::in_memory_at(Path::new(""), manifest, dict, parts)
    }

    pub(crate) fn in_memory_at(
        dir: &Path,
        manifest: GraphManifest,
        dict: DictBuilder,
        parts: Vec<AdjBuilder>,
    ) -> Result<Graph> {
        let mut bytes = Cursor::new(Vec::new());
        dict.finish(&mut bytes)?;
        let dict = DictSeg::open(Map::from(bytes.into_inner()))?;
        let open = |part: AdjBuilder| AdjSeg::open(Map::from(part.encode()?));
        let parts = parts.into_iter().map(open).collect::<Result<_>>()?;
        Ok(Self::over(dir, manifest, vec![dict], parts))
    }

    /// Which properties of edges mean cost and time.
    pub fn set_props(&mut self, props: PropNames) {
        self.props = props;
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn manifest(&self) -> &GraphManifest {
        &self.manifest
    }

    /// The dictionary segments, oldest first.
    pub fn dicts(&self) -> &[DictSeg<Map>] {
        &self.names.dicts
    }

    pub fn partitions(&self) -> u32 {
        self.parts.len() as u32
    }

    /// Everything up to this LSN is in what this graph answers.
    pub fn lsn(&self) -> u64 {
        self.tail.lsn
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
        &self.names.delta
    }

    pub fn partition_delta(&self, partition: u32) -> Option<&PartitionDeltaIndex> {
        self.parts.get(partition as usize).map(|p| &p.delta)
    }

    // ---- names ----

    /// The id of (label, key).
    ///
    /// # Errors
    /// `Corrupt` where a dictionary is damaged.
    pub fn id_of(&self, label: &[u8], key: &[u8]) -> Result<Option<u64>> {
        self.names.id_of(label, key)
    }

    /// The lowest id that `key` has under any label.
    ///
    /// # Errors
    /// `Corrupt` where a dictionary is damaged.
    pub fn id_of_any_label(&self, key: &[u8]) -> Result<Option<u64>> {
        self.names.id_of_any_label(key)
    }

    /// The node that a person means by `start`: a key under any label, else `label:key`, split at each colon from
    /// the left until a node is found.
    ///
    /// # Errors
    /// `Corrupt` where a dictionary is damaged.
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

    /// Every node that a person may mean by `name`: a key under each of its labels, else as [`Graph::resolve`] takes it.
    /// Ascending.
    ///
    /// # Errors
    /// `Corrupt` where a dictionary is damaged.
    pub fn resolve_all(&self, name: &str) -> Result<Vec<u64>> {
        let ids = self.names.ids_of(name.as_bytes())?;
        Ok(if ids.is_empty() { self.resolve(name)?.into_iter().collect() } else { ids })
    }

    /// Label and key of a node id.
    ///
    /// # Errors
    /// `Corrupt` where a dictionary is damaged.
    pub fn node(&self, id: u64) -> Result<Option<NodeName>> {
        self.names.name(id)
    }

    /// The id of every node, ascending: those without an edge, too.
    ///
    /// # Errors
    /// `Corrupt` where a dictionary is damaged.
    pub fn ids(&self) -> Result<Vec<u64>> {
        let mut ids = Vec::new();
        self.names.each(|id, _, _| {
            ids.push(id);
            Ok(())
        })?;
        ids.sort_unstable();
        Ok(ids)
    }

    /// Every node, by id.
    ///
    /// # Errors
    /// `Corrupt` where a dictionary is damaged.
    pub fn nodes(&self) -> Result<Vec<(u64, NodeName)>> {
        let mut nodes = Vec::new();
        self.names.each(|id, label, key| {
            nodes.push((id, NodeName { label: label.to_vec(), key: key.to_vec() }));
            Ok(())
        })?;
        nodes.sort_unstable_by_key(|&(id, _)| id);
        Ok(nodes)
    }

    // ---- changes ----

    /// Applies an operation of a log; those that are not of a graph change nothing. Operations on nodes come in the
    /// order of their LSNs, and each counts once: one at or below the last is passed over, so that the frames of the
    /// WAL can follow delta logs that already have some of them.
    ///
    /// # Errors
    /// `Corrupt` where a dictionary is damaged; `Limit` when ids have run out.
    pub fn apply(&mut self, lsn: u64, op: &Op) -> Result<()> {
        match op {
            Op::NodeUpsert { .. } | Op::NodeDelete { .. } if self.node_lsn.is_some_and(|last| lsn <= last) => {}
            Op::NodeUpsert { label, key, id, .. } => {
                self.upsert_node(lsn, label.as_bytes(), key, *id)?;
                self.node_lsn = Some(lsn);
            }
            Op::NodeDelete { label, key, id } => {
                // A delete that names an id means that node, and not one that came to the name since.
                let current = self.id_of(label.as_bytes(), key)?;
                if id.is_none() || *id == current {
                    self.delete_node(lsn, label.as_bytes(), key)?;
                }
                self.node_lsn = Some(lsn);
            }
            Op::EdgeUpsert { part, src, dst, etype, props } => {
                let home = home_of(*part, *src, self.partitions()) as usize;
                self.upsert_edge_in(lsn, home, *src, *dst, *etype, props)?;
            }
            Op::EdgeDelete { src, dst, etype, .. } => self.delete_edge(lsn, *src, *dst, *etype)?,
            _ => {}
        }
        Ok(())
    }

    /// A node has this name from `lsn` on; returns its id. Operations come in the order of their LSNs.
    ///
    /// # Errors
    /// `Corrupt` where a dictionary is damaged; `Limit` when ids have run out.
    pub fn upsert_node(&mut self, lsn: u64, label: &[u8], key: &[u8], id: Option<u64>) -> Result<u64> {
        self.names.upsert(lsn, label, key, id)
    }

    /// A node is gone from `lsn` on, and with it every edge that begins or ends there. Returns the id that it had.
    ///
    /// # Errors
    /// `Corrupt` where a dictionary is damaged.
    pub fn delete_node(&mut self, lsn: u64, label: &[u8], key: &[u8]) -> Result<Option<u64>> {
        self.names.delete(lsn, label, key)
    }

    /// An edge stands from `lsn` on, in the partition of its source.
    ///
    /// # Errors
    /// `Corrupt` where a segment is damaged.
    pub fn upsert_edge(&mut self, lsn: u64, src: u64, dst: u64, etype: u32, props: &[u8]) -> Result<()> {
        self.upsert_edge_in(lsn, route(src, self.partitions()), src, dst, etype, props)
    }

    fn upsert_edge_in(&mut self, lsn: u64, home: usize, src: u64, dst: u64, etype: u32, props: &[u8]) -> Result<()> {
        self.spread |= home != route(src, self.partitions());
        if self.spread {
            // One name, one edge: it leaves the partition where it was.
            self.remove_but(Some(home), lsn, src, dst, etype)?;
        }
        if let Some(part) = self.parts.get_mut(home) {
            part.delta.add(lsn, src, dst, etype, props);
        }
        Ok(())
    }

    /// No such edge stands from `lsn` on.
    ///
    /// # Errors
    /// `Corrupt` where a segment is damaged.
    pub fn delete_edge(&mut self, lsn: u64, src: u64, dst: u64, etype: u32) -> Result<()> {
        let home = route(src, self.partitions());
        if self.spread {
            self.remove_but(Some(home), lsn, src, dst, etype)?;
        }
        if let Some(part) = self.parts.get_mut(home) {
            part.delta.remove(lsn, src, dst, etype);
        }
        Ok(())
    }

    fn remove_but(&mut self, home: Option<usize>, lsn: u64, src: u64, dst: u64, etype: u32) -> Result<()> {
        for (at, part) in self.parts.iter_mut().enumerate() {
            if Some(at) != home
                && (part.delta.stands(src, dst, etype) || part.seg.out(src)?.of_type(etype).any(|e| e.node == dst))
            {
                part.delta.remove(lsn, src, dst, etype);
            }
        }
        Ok(())
    }

    // ---- edges ----

    /// Whether `id` lost its node and nobody has it now, so that no edge leads there.
    #[inline]
    pub(crate) fn is_gone(&self, id: u64) -> bool {
        !self.names.delta.gone().is_empty() && matches!(self.names.delta.name_of(id), Some(None))
    }

    /// Whether an edge that came at `lsn` (0: stands in a segment) still has this end.
    #[inline]
    fn has_end(&self, id: u64, lsn: u64) -> bool {
        let gone = self.names.delta.gone();
        gone.is_empty() || (gone.get(&id).is_none_or(|&at| lsn > at) && !self.is_gone(id))
    }

    /// Calls `f` with every edge of `node` that `follow` takes; the order is that of the segments, then of the delta.
    #[inline]
    pub(crate) fn visit(&self, node: u64, follow: &Follow, mut f: impl FnMut(Edge)) -> Result<()> {
        if follow.time.is_some() {
            return self.visit_with(node, follow, |edge, _| {
                f(edge);
                Ok(())
            });
        }
        if self.is_gone(node) {
            return Ok(());
        }
        if follow.direction != Direction::In {
            for part in self.homes(node) {
                let edges = part.seg.out(node)?;
                let edges = if let Some(t) = follow.etype { edges.of_type(t) } else { edges };
                let touched = part.delta.touches_src(node);
                self.emit(node, edges, |e| touched && part.delta.decides(node, e.node, e.etype), &mut f);
                if touched {
                    self.emit_added(node, part.delta.out(node), follow, &mut f);
                }
            }
        }
        if follow.direction != Direction::Out {
            for part in &self.parts {
                let edges = part.seg.inn(node)?;
                let edges = if let Some(t) = follow.etype { edges.of_type(t) } else { edges };
                let touched = part.delta.touches_dst(node);
                self.emit(node, edges, |e| touched && part.delta.decides(e.node, node, e.etype), &mut f);
                if touched {
                    self.emit_added(node, part.delta.inn(node), follow, &mut f);
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn emit(
        &self,
        node: u64,
        edges: impl Iterator<Item = Edge>,
        decided: impl Fn(&Edge) -> bool,
        f: &mut impl FnMut(Edge),
    ) {
        if self.names.delta.gone().is_empty() {
            edges.filter(|e| !decided(e)).for_each(f);
        } else if self.has_end(node, 0) {
            edges.filter(|e| !decided(e) && self.has_end(e.node, 0)).for_each(f);
        }
    }

    fn emit_added<'a>(
        &self,
        node: u64,
        added: impl Iterator<Item = crate::delta::Added<'a>>,
        follow: &Follow,
        f: &mut impl FnMut(Edge),
    ) {
        added
            .filter(|a| follow.takes(a.edge.etype) && self.has_end(node, a.lsn) && self.has_end(a.edge.node, a.lsn))
            .for_each(|a| f(a.edge));
    }

    /// The partitions that may hold out-edges of a node.
    #[inline]
    fn homes(&self, node: u64) -> &[Part] {
        let at = route(node, self.partitions());
        if self.spread { &self.parts } else { self.parts.get(at..at + 1).unwrap_or(&[]) }
    }

    /// An error of the properties of an edge with the edge that has them, and what helps.
    fn of_edge(&self, e: Error, src: u64, dst: u64, etype: u32) -> Error {
        let node = |id: u64| match self.node(id) {
            Ok(Some(n)) => format!("{}:{}", String::from_utf8_lossy(&n.label), String::from_utf8_lossy(&n.key)),
            _ => id.to_string(),
        };
        let (src, dst) = (node(src), node(dst));
        e.reworded(|message| format!("{message}, of the edge {src} -> {dst} of type {etype}"))
            .hint(format!("DELETE EDGE '{src}' -> '{dst}' ETYPE {etype}, or INSERT EDGE it with other PROPS"))
    }

    /// [`Graph::visit`] with the properties of each edge.
    pub(crate) fn visit_with(
        &self,
        node: u64,
        follow: &Follow,
        mut f: impl FnMut(Edge, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let in_time = |props: &[u8]| match follow.time {
            None => Ok(true),
            Some(range) => Ok(self.props.time_of(props)?.is_some_and(|t| range.holds(t))),
        };
        if follow.direction != Direction::In {
            for part in self.homes(node) {
                self.each_out(part, node, |edge, props| {
                    if !follow.takes(edge.etype) {
                        return Ok(());
                    }
                    let done = in_time(props).and_then(|takes| if takes { f(edge, props) } else { Ok(()) });
                    done.map_err(|e| self.of_edge(e, node, edge.node, edge.etype))
                })?;
            }
        }
        if follow.direction != Direction::Out {
            for part in &self.parts {
                let mut sources: Vec<u64> = part.seg.inn(node)?.map(|e| e.node).collect();
                sources.extend(part.delta.inn(node).map(|a| a.edge.node));
                sources.sort_unstable();
                sources.dedup();
                for src in sources {
                    self.each_out(part, src, |edge, props| {
                        if edge.node != node || !follow.takes(edge.etype) {
                            return Ok(());
                        }
                        let from = Edge { node: src, etype: edge.etype };
                        let done = in_time(props).and_then(|takes| if takes { f(from, props) } else { Ok(()) });
                        done.map_err(|e| self.of_edge(e, src, node, edge.etype))
                    })?;
                }
            }
        }
        Ok(())
    }

    /// Every edge that leaves `src` in one partition, as it stands, with its properties.
    pub(crate) fn each_out(&self, part: &Part, src: u64, mut f: impl FnMut(Edge, &[u8]) -> Result<()>) -> Result<()> {
        if self.is_gone(src) {
            return Ok(());
        }
        if self.has_end(src, 0) {
            let props = if part.seg.has_props() { part.seg.out_props(src)? } else { Vec::new() };
            let mut props = props.into_iter();
            for edge in part.seg.out(src)? {
                let props = props.next().unwrap_or(&[]);
                if !part.delta.decides(src, edge.node, edge.etype) && self.has_end(edge.node, 0) {
                    f(edge, props)?;
                }
            }
        }
        for added in part.delta.out(src) {
            if self.has_end(src, added.lsn) && self.has_end(added.edge.node, added.lsn) {
                f(added.edge, added.props)?;
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
        self.visit(node, &Follow { direction, etype, time: None }, |e| edges.push(e))?;
        edges.sort_unstable_by_key(|e| (e.etype, e.node));
        Ok(edges)
    }

    /// The edges that leave a node, with their properties (JSON bytes, empty for none), by type and target.
    ///
    /// # Errors
    /// `Corrupt` where a segment is damaged.
    pub fn out_edges_with_props(&self, node: u64) -> Result<Vec<(Edge, Vec<u8>)>> {
        let mut found = Vec::new();
        self.visit_with(node, &Follow::default(), |edge, props| {
            found.push((edge, props.to_vec()));
            Ok(())
        })?;
        found.sort_by_key(|(e, _)| (e.etype, e.node));
        Ok(found)
    }

    /// Calls `f` with the source and the properties of every edge, by partition, source, type and target.
    ///
    /// # Errors
    /// `Corrupt` where a segment is damaged; what `f` says.
    pub fn each_edge(&self, mut f: impl FnMut(u64, Edge, &[u8]) -> Result<()>) -> Result<()> {
        (0..self.partitions()).try_for_each(|partition| self.each_edge_in(partition, &mut f))
    }

    /// [`Graph::each_edge`] of one partition.
    pub(crate) fn each_edge_in(&self, partition: u32, mut f: impl FnMut(u64, Edge, &[u8]) -> Result<()>) -> Result<()> {
        let Some(part) = self.parts.get(partition as usize) else { return Ok(()) };
        let mut changed: Vec<u64> = part.delta.sources().collect();
        changed.sort_unstable();
        let mut changed = changed.into_iter().peekable();
        let mut stored = part.seg.nodes().peekable();
        loop {
            let src = match (stored.peek(), changed.peek()) {
                (None, None) => return Ok(()),
                (Some(&s), None) => s,
                (None, Some(&c)) => c,
                (Some(&s), Some(&c)) => s.min(c),
            };
            stored.next_if_eq(&src);
            if changed.next_if_eq(&src).is_none() {
                self.each_out(part, src, |edge, props| f(src, edge, props))?;
                continue;
            }
            // The delta's edges come between those of the segment.
            let mut row: Vec<(Edge, Vec<u8>)> = Vec::new();
            self.each_out(part, src, |edge, props| {
                row.push((edge, props.to_vec()));
                Ok(())
            })?;
            row.sort_by_key(|(e, _)| (e.etype, e.node));
            row.iter().try_for_each(|(edge, props)| f(src, *edge, props))?;
        }
    }

    /// Whether the segment of a partition has edges that are gone with a node.
    pub(crate) fn loses_edges(&self, partition: u32) -> Result<bool> {
        let Some(part) = self.parts.get(partition as usize) else { return Ok(false) };
        for &id in self.names.delta.gone().keys() {
            if part.seg.out(id)?.count_left() > 0 || part.seg.inn(id)?.count_left() > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether any edge has properties, so that a cost may be among them.
    pub fn has_props(&self) -> bool {
        self.parts.iter().any(|p| p.seg.has_props() || p.delta.added().any(|(_, a)| !a.props.is_empty()))
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
