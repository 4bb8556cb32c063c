//! Reading a segment in place: opening looks at the header and META, a lookup at the rows that it needs.

use std::ops::Range;

use uuid::Uuid;

use super::ints;
use super::layout::*;
use super::meta::Meta;
use crate::container::{Container, Section};
use crate::{Error, Result};

/// One direction of an edge, seen from a node: the node at its other end, and its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edge {
    pub node: u64,
    pub etype: u32,
}

/// Row offsets, neighbours and types of one direction, as ranges of the file.
#[derive(Debug, Clone)]
pub(super) struct Side {
    pub rows: Range<usize>,
    pub cols: Range<usize>,
    pub types: Range<usize>,
}

/// An open segment over the bytes of its file, mapped or in memory.
#[derive(Debug)]
pub struct AdjSeg<B> {
    bytes: B,
    pub(super) container: Container,
    pub(super) meta: Meta,
    pub(super) ids: Range<usize>,
    pub(super) outward: Side,
    pub(super) inward: Side,
    pub(super) prop_ends: Range<usize>,
    pub(super) props: Range<usize>,
}

impl<B: AsRef<[u8]>> AdjSeg<B> {
    /// Opens a segment: header, section table and META, whatever the size of the rest.
    ///
    /// # Errors
    /// `Corrupt` for a damaged front or sections whose lengths do not fit their counts; `Limit`; `Unsupported`.
    pub fn open(bytes: B) -> Result<Self> {
        let file = bytes.as_ref();
        let container = Container::open(file, "adj.seg", MAGIC, MAJOR, 0)?;
        let front = container.section(KIND_META, "META")?;
        let meta_bytes = file.get(front.range.clone()).unwrap_or(&[]);
        if front.len() == META_LEN {
            container.check_page(file, front, 0)?;
        }
        let meta = Meta::decode(meta_bytes, front.range.start as u64)?;
        let find = |kind: u32, name: &str, items: u64, width: u8| find_array(&container, kind, name, items, width);
        let rows = meta.nodes + 1;
        let ids = find(KIND_NODE_IDS, "NIDS", if meta.dense { 0 } else { meta.nodes }, 8)?;
        let outward = Side {
            rows: find(KIND_OUT_ROWS, "FROW", rows, meta.row_width)?,
            cols: find(KIND_OUT_COLS, "FCOL", meta.edges, meta.col_width)?,
            types: find(KIND_OUT_TYPES, "FTYP", meta.edges, meta.type_width)?,
        };
        let inward = Side {
            rows: find(KIND_IN_ROWS, "RROW", rows, meta.row_width)?,
            cols: find(KIND_IN_COLS, "RCOL", meta.edges, meta.col_width)?,
            types: find(KIND_IN_TYPES, "RTYP", meta.edges, meta.type_width)?,
        };
        let prop_ends = find(KIND_PROP_ENDS, "PEND", meta.edges, meta.prop_width)?;
        let props = find(KIND_PROPS, "PROP", meta.prop_bytes, 1)?;
        if (meta.prop_width == 0) != (meta.prop_bytes == 0) {
            return Err(Error::corrupt("section META: property width and length do not agree")
                .offset((front.range.start + META_PROP_WIDTH) as u64));
        }
        Ok(AdjSeg { bytes, container, meta, ids, outward, inward, prop_ends, props })
    }

    /// Node ids that have a row: those with an edge, and the gaps between them where ids are dense.
    pub fn rows(&self) -> u64 {
        self.meta.nodes
    }

    /// Edges, parallel ones and self loops counted each.
    pub fn edges(&self) -> u64 {
        self.meta.edges
    }

    /// Nodes with at least one out-edge.
    pub fn sources(&self) -> u64 {
        self.meta.sources
    }

    /// Nodes with at least one in-edge.
    pub fn targets(&self) -> u64 {
        self.meta.targets
    }

    pub fn partition(&self) -> u32 {
        self.meta.partition
    }

    /// Lowest and highest node id, `None` without edges.
    pub fn id_range(&self) -> Option<(u64, u64)> {
        (self.meta.nodes > 0).then_some((self.meta.first_id, self.meta.last_id))
    }

    /// The content hash that names this segment.
    pub fn uuid(&self) -> Uuid {
        self.container.uuid
    }

    pub fn has_props(&self) -> bool {
        self.meta.prop_width != 0
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    /// The ids of all nodes with an edge, ascending.
    pub fn nodes(&self) -> Nodes<'_, B> {
        Nodes { seg: self, next: 0 }
    }

    /// The edges that leave `id`, by type and target. None for a node that the segment does not know.
    ///
    /// # Errors
    /// `Corrupt` when the row lies outside its section.
    #[inline]
    pub fn out(&self, id: u64) -> Result<Edges<'_>> {
        self.row_of(id, &self.outward)
    }

    /// The edges that arrive at `id`, by type and source.
    ///
    /// # Errors
    /// `Corrupt` when the row lies outside its section.
    #[inline]
    pub fn inn(&self, id: u64) -> Result<Edges<'_>> {
        self.row_of(id, &self.inward)
    }

    /// The properties of the edges that leave `id`, in the order of [`AdjSeg::out`]: JSON bytes, empty for none.
    ///
    /// # Errors
    /// `Corrupt` when an offset lies outside its section.
    pub fn out_props(&self, id: u64) -> Result<Vec<&[u8]>> {
        let Some(row) = self.index_of(id) else { return Ok(Vec::new()) };
        let range = self.row_range(row, &self.outward)?;
        range.map(|edge| self.props_of_edge(edge)).collect()
    }

    pub(super) fn props_of_edge(&self, edge: usize) -> Result<&[u8]> {
        if self.meta.prop_width == 0 {
            return Ok(&[]);
        }
        let ends = self.slice(&self.prop_ends);
        let end = ints::get(ends, self.meta.prop_width, edge);
        let start = if edge == 0 { Some(0) } else { ints::get(ends, self.meta.prop_width, edge - 1) };
        let range = start.zip(end).and_then(|(s, e)| Some(usize::try_from(s).ok()?..usize::try_from(e).ok()?));
        let props = range.and_then(|r| self.slice(&self.props).get(r));
        props.ok_or_else(|| {
            let at = self.prop_ends.start as u64 + edge as u64 * u64::from(self.meta.prop_width);
            Error::corrupt("properties of an edge lie outside their section").offset(at)
        })
    }

    /// Verifies every page that [`AdjSeg::out`], [`AdjSeg::inn`] and [`AdjSeg::out_props`] touch for `id`.
    ///
    /// # Errors
    /// `Corrupt` with the offset of the first page whose checksum does not hold.
    pub fn check_node(&self, id: u64) -> Result<()> {
        self.check_out(id).and_then(|()| self.check_in(id))
    }

    /// [`AdjSeg::check_node`] of what [`AdjSeg::out`] and [`AdjSeg::out_props`] touch alone.
    ///
    /// # Errors
    /// As [`AdjSeg::check_node`].
    pub fn check_out(&self, id: u64) -> Result<()> {
        self.check_side(id, [KIND_OUT_ROWS, KIND_OUT_COLS, KIND_OUT_TYPES], &self.outward)
    }

    /// [`AdjSeg::check_node`] of what [`AdjSeg::inn`] touches alone.
    ///
    /// # Errors
    /// As [`AdjSeg::check_node`].
    pub fn check_in(&self, id: u64) -> Result<()> {
        self.check_side(id, [KIND_IN_ROWS, KIND_IN_COLS, KIND_IN_TYPES], &self.inward)
    }

    fn check_side(&self, id: u64, [rows, cols, types]: [u32; 3], side: &Side) -> Result<()> {
        if !self.meta.dense {
            // A binary search reads some page of the ids at every step; which ones depends on what it reads.
            self.check_range(KIND_NODE_IDS, 0..self.ids.len())?;
        }
        let Some(row) = self.index_of(id) else { return Ok(()) };
        let scaled = |r: &Range<usize>, w: u8| r.start * usize::from(w)..r.end * usize::from(w);
        self.check_range(rows, scaled(&(row..row + 2), self.meta.row_width))?;
        let edges = self.row_range(row, side)?;
        self.check_range(cols, scaled(&edges, self.meta.col_width))?;
        self.check_range(types, scaled(&edges, self.meta.type_width))?;
        if rows == KIND_OUT_ROWS && self.has_props() && !edges.is_empty() {
            let before = edges.start.saturating_sub(1)..edges.end;
            self.check_range(KIND_PROP_ENDS, scaled(&before, self.meta.prop_width))?;
            for edge in edges {
                let props = self.props_of_edge(edge)?;
                // Both slices are of the same file, so the distance of their starts is the offset.
                let at = props.as_ptr() as usize - self.slice(&self.props).as_ptr() as usize;
                self.check_range(KIND_PROPS, at..at + props.len())?;
            }
        }
        Ok(())
    }

    fn check_range(&self, kind: u32, range: Range<usize>) -> Result<()> {
        let Some(section) = self.container.find(kind) else { return Ok(()) };
        let mut at = range.start / crate::container::layout::PAGE_LEN * crate::container::layout::PAGE_LEN;
        while at < range.end {
            self.container.check_page(self.bytes.as_ref(), section, at)?;
            at += crate::container::layout::PAGE_LEN;
        }
        Ok(())
    }

    /// Ranges are checked against the file when the container is opened.
    #[inline]
    pub(super) fn slice(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.as_ref().get(range.clone()).unwrap_or(&[])
    }

    #[inline]
    fn row_of(&self, id: u64, side: &Side) -> Result<Edges<'_>> {
        match self.index_of(id) {
            Some(row) => self.row(row, side),
            None => Ok(Edges::none()),
        }
    }

    /// The row of a node id.
    #[inline]
    pub(super) fn index_of(&self, id: u64) -> Option<usize> {
        let offset = id.checked_sub(self.meta.first_id)?;
        if self.meta.dense {
            return (offset < self.meta.nodes).then(|| usize::try_from(offset).ok()).flatten();
        }
        let ids = self.slice(&self.ids);
        let (mut low, mut high) = (0, ids.len() / 8);
        while low < high {
            let mid = low + (high - low) / 2;
            match ints::get(ids, 8, mid)?.cmp(&id) {
                std::cmp::Ordering::Less => low = mid + 1,
                std::cmp::Ordering::Greater => high = mid,
                std::cmp::Ordering::Equal => return Some(mid),
            }
        }
        None
    }

    /// The node id of a row.
    #[inline]
    pub(super) fn id_of(&self, row: u64) -> Option<u64> {
        if row >= self.meta.nodes {
            None
        } else if self.meta.dense {
            self.meta.first_id.checked_add(row)
        } else {
            ints::get(self.slice(&self.ids), 8, usize::try_from(row).ok()?)
        }
    }

    #[inline]
    pub(super) fn row(&self, row: usize, side: &Side) -> Result<Edges<'_>> {
        let range = self.row_range(row, side)?;
        let cut = |whole: &Range<usize>, width: u8| {
            let width = usize::from(width);
            self.slice(whole).get(range.start * width..range.end * width).unwrap_or(&[])
        };
        Ok(Edges {
            cols: cut(&side.cols, self.meta.col_width),
            types: cut(&side.types, self.meta.type_width),
            ids: self.slice(&self.ids),
            col_width: self.meta.col_width,
            type_width: self.meta.type_width,
            only_type: self.meta.only_type,
            dense: self.meta.dense,
            first_id: self.meta.first_id,
            nodes: self.meta.nodes,
            at: 0,
            end: range.len(),
        })
    }

    /// The edges of a row, as positions within the columns; inside them, always.
    #[inline]
    pub(super) fn row_range(&self, row: usize, side: &Side) -> Result<Range<usize>> {
        let rows = self.slice(&side.rows);
        let width = self.meta.row_width;
        let start = ints::get(rows, width, row);
        let end = row.checked_add(1).and_then(|next| ints::get(rows, width, next));
        match (start, end) {
            // Edges fit the file, so their count fits usize.
            (Some(start), Some(end)) if start <= end && end <= self.meta.edges => Ok(start as usize..end as usize),
            _ => Err(Error::corrupt("a row lies outside its section")
                .offset(side.rows.start as u64 + row as u64 * u64::from(width))
                .hint("run verify for the extent of the damage")),
        }
    }
}

fn find_array(container: &Container, kind: u32, name: &str, items: u64, width: u8) -> Result<Range<usize>> {
    let want = items.checked_mul(u64::from(width));
    let found = container.find(kind);
    let have = found.map_or(0, Section::len) as u64;
    if want != Some(have) {
        let want = want.map_or_else(|| "more than a file holds".to_owned(), |w| w.to_string());
        return Err(Error::corrupt(format!("section {name} has the wrong length"))
            .offset(found.map_or(0, |s| s.range.start as u64))
            .expected(format!("{want} bytes"))
            .got(format!("{have} bytes")));
    }
    Ok(found.map_or(0..0, |s| s.range.clone()))
}

/// The edges of one node in one direction.
#[derive(Debug, Clone)]
pub struct Edges<'a> {
    cols: &'a [u8],
    types: &'a [u8],
    ids: &'a [u8],
    col_width: u8,
    type_width: u8,
    only_type: u32,
    dense: bool,
    first_id: u64,
    nodes: u64,
    at: usize,
    end: usize,
}

impl<'a> Edges<'a> {
    fn none() -> Edges<'a> {
        Edges {
            cols: &[],
            types: &[],
            ids: &[],
            col_width: 4,
            type_width: 0,
            only_type: 0,
            dense: true,
            first_id: 0,
            nodes: 0,
            at: 0,
            end: 0,
        }
    }

    /// Only the edges of one type: a row is sorted by type first.
    #[must_use]
    pub fn of_type(mut self, etype: u32) -> Edges<'a> {
        if self.type_width == 0 {
            if self.only_type != etype {
                self.end = self.at;
            }
            return self;
        }
        let (start, end) = (self.at, self.end);
        self.at = self.lower_bound(start, end, |t| t < etype);
        self.end = self.lower_bound(self.at, end, |t| t <= etype);
        self
    }

    fn lower_bound(&self, mut low: usize, mut high: usize, before: impl Fn(u32) -> bool) -> usize {
        while low < high {
            let mid = low + (high - low) / 2;
            if before(self.type_at(mid)) {
                low = mid + 1;
            } else {
                high = mid;
            }
        }
        low
    }

    #[inline]
    fn type_at(&self, i: usize) -> u32 {
        if self.type_width == 0 {
            return self.only_type;
        }
        ints::get(self.types, self.type_width, i).map_or(0, |t| t as u32)
    }

    /// The row of the other end, before it is turned into a node id.
    #[inline]
    pub(super) fn next_raw(&mut self) -> Option<(u64, u32)> {
        if self.at >= self.end {
            return None;
        }
        let row = ints::get(self.cols, self.col_width, self.at)?;
        let etype = self.type_at(self.at);
        self.at += 1;
        Some((row, etype))
    }
}

impl Iterator for Edges<'_> {
    type Item = Edge;

    /// A neighbour that lies outside the node table, which only a damaged file has, ends the row.
    #[inline]
    fn next(&mut self) -> Option<Edge> {
        let (row, etype) = self.next_raw()?;
        let node = if row >= self.nodes {
            self.end = self.at;
            return None;
        } else if self.dense {
            self.first_id.checked_add(row)?
        } else {
            ints::get(self.ids, 8, usize::try_from(row).ok()?)?
        };
        Some(Edge { node, etype })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.end.saturating_sub(self.at)))
    }
}

impl Edges<'_> {
    /// Edges left, without reading them.
    pub fn count_left(&self) -> usize {
        self.end.saturating_sub(self.at)
    }
}

/// The ids of a segment's nodes, ascending.
#[derive(Debug)]
pub struct Nodes<'a, B> {
    seg: &'a AdjSeg<B>,
    next: u64,
}

impl<B: AsRef<[u8]>> Iterator for Nodes<'_, B> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        while self.next < self.seg.meta.nodes {
            let row = usize::try_from(self.next).ok()?;
            let id = self.seg.id_of(self.next)?;
            self.next += 1;
            let used = |side| self.seg.row_range(row, side).is_ok_and(|r| !r.is_empty());
            if !self.seg.meta.dense || used(&self.seg.outward) || used(&self.seg.inward) {
                return Some(id);
            }
        }
        None
    }
}
