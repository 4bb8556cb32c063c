//! What changed since the segments were built: per partition for edges, once for nodes. The later LSN wins, whatever
//! the order in which operations arrive.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use qx_formats::adj_seg::Edge;

/// Adds and tombstones of one partition, by source and by target.
///
/// An edge is named by (source, target, type). Adding one puts exactly one edge there, in place of any that the
/// segment has; deleting one removes them all.
#[derive(Debug, Default, Clone)]
pub struct PartitionDeltaIndex {
    by_src: HashMap<u64, BTreeMap<(u32, u64), Change>>,
    /// The same edges from their targets, without the change.
    by_dst: HashMap<u64, BTreeSet<(u32, u64)>>,
    adds: u64,
    tombstones: u64,
    id_range: Option<(u64, u64)>,
}

#[derive(Debug, Clone)]
struct Change {
    lsn: u64,
    /// The properties of the edge that stands there now; `None` when none does.
    edge: Option<Vec<u8>>,
}

impl Change {
    fn added(&self, edge: Edge) -> Option<Added<'_>> {
        Some(Added { edge, lsn: self.lsn, props: self.edge.as_deref()? })
    }
}

/// An edge that stands because of the delta.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Added<'a> {
    pub edge: Edge,
    /// Of the operation that put it there.
    pub lsn: u64,
    /// JSON bytes, empty for none.
    pub props: &'a [u8],
}

impl PartitionDeltaIndex {
    /// An edge stands from `lsn` on, with these properties (JSON bytes, empty for none).
    pub fn add(&mut self, lsn: u64, src: u64, dst: u64, etype: u32, props: &[u8]) {
        self.change(src, dst, etype, Change { lsn, edge: Some(props.to_vec()) });
    }

    /// No such edge stands from `lsn` on.
    pub fn remove(&mut self, lsn: u64, src: u64, dst: u64, etype: u32) {
        self.change(src, dst, etype, Change { lsn, edge: None });
    }

    fn change(&mut self, src: u64, dst: u64, etype: u32, change: Change) {
        let slot = self.by_src.entry(src).or_default().entry((etype, dst));
        let count = |this: &mut (u64, u64), c: &Change, by: i64| {
            let n = if c.edge.is_some() { &mut this.0 } else { &mut this.1 };
            *n = n.saturating_add_signed(by);
        };
        let mut counts = (self.adds, self.tombstones);
        match slot {
            std::collections::btree_map::Entry::Occupied(mut old) => {
                if old.get().lsn > change.lsn {
                    return;
                }
                count(&mut counts, old.get(), -1);
                count(&mut counts, &change, 1);
                old.insert(change);
            }
            std::collections::btree_map::Entry::Vacant(slot) => {
                count(&mut counts, &change, 1);
                slot.insert(change);
                self.by_dst.entry(dst).or_default().insert((etype, src));
            }
        }
        (self.adds, self.tombstones) = counts;
        let (low, high) = self.id_range.unwrap_or((src, src));
        self.id_range = Some((low.min(src).min(dst), high.max(src).max(dst)));
    }

    pub fn is_empty(&self) -> bool {
        self.by_src.is_empty()
    }

    /// Edges that stand because of the delta.
    pub fn adds(&self) -> u64 {
        self.adds
    }

    /// Edge names under which nothing stands any more.
    pub fn tombstones(&self) -> u64 {
        self.tombstones
    }

    /// Lowest and highest node id that an operation named.
    pub fn id_range(&self) -> Option<(u64, u64)> {
        self.id_range
    }

    /// Whether the delta has the last word on this edge, so that the segment's is passed over.
    #[inline]
    pub fn decides(&self, src: u64, dst: u64, etype: u32) -> bool {
        self.by_src.get(&src).is_some_and(|row| row.contains_key(&(etype, dst)))
    }

    /// Whether any operation named an edge of this source.
    pub(crate) fn touches_src(&self, src: u64) -> bool {
        self.by_src.contains_key(&src)
    }

    /// Whether any operation named an edge to this target.
    pub(crate) fn touches_dst(&self, dst: u64) -> bool {
        self.by_dst.contains_key(&dst)
    }

    /// The added edges that leave `src`, by type and target.
    pub fn out(&self, src: u64) -> impl Iterator<Item = Added<'_>> {
        let row = self.by_src.get(&src).into_iter().flatten();
        row.filter_map(|(&(etype, node), c)| c.added(Edge { node, etype }))
    }

    /// The added edges that arrive at `dst`, by type and source.
    pub fn inn(&self, dst: u64) -> impl Iterator<Item = Added<'_>> {
        let row = self.by_dst.get(&dst).into_iter().flatten();
        row.filter_map(move |&(etype, node)| self.by_src.get(&node)?.get(&(etype, dst))?.added(Edge { node, etype }))
    }

    /// Whether an edge of this name stands because of the delta.
    pub(crate) fn stands(&self, src: u64, dst: u64, etype: u32) -> bool {
        let change = self.by_src.get(&src).and_then(|row| row.get(&(etype, dst)));
        change.is_some_and(|c| c.edge.is_some())
    }

    /// Every change as (source, type, target, properties of the edge that stands now), by source, type and target;
    /// without properties the edge is gone.
    pub fn changes(&self) -> impl Iterator<Item = (u64, u32, u64, Option<&[u8]>)> {
        let mut sources: Vec<_> = self.by_src.iter().collect();
        sources.sort_unstable_by_key(|(src, _)| **src);
        let row = |(&src, row)| {
            let row: &BTreeMap<(u32, u64), Change> = row;
            row.iter().map(move |(&(etype, dst), c)| (src, etype, dst, c.edge.as_deref()))
        };
        sources.into_iter().flat_map(row)
    }

    /// Every added edge, with its source.
    pub(crate) fn added(&self) -> impl Iterator<Item = (u64, Added<'_>)> {
        self.by_src.keys().flat_map(|&src| self.out(src).map(move |added| (src, added)))
    }

    /// The sources that an operation named, in no order.
    pub(crate) fn sources(&self) -> impl Iterator<Item = u64> {
        self.by_src.keys().copied()
    }

    /// Every node that an operation named.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = u64> {
        self.by_src.keys().chain(self.by_dst.keys()).copied()
    }
}

type Name = (Vec<u8>, Vec<u8>);

/// Nodes that came, went or changed their id since the dictionary was built.
#[derive(Debug, Default, Clone)]
pub struct NodeDelta {
    /// By key, then label: what a key finds under any label is decided in one place.
    by_key: HashMap<Vec<u8>, BTreeMap<Vec<u8>, Option<u64>>>,
    /// The name that an id has now; `None` when it has none any more.
    by_id: HashMap<u64, Option<Name>>,
    /// Ids that lost their node, and when: edges that came before that are gone with it, also where the id was given
    /// to a node again.
    gone: HashMap<u64, u64>,
    next_id: u64,
}

impl NodeDelta {
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty() && self.by_key.is_empty()
    }

    /// The labels under which this key changed, each with its id now.
    pub(crate) fn labels_of(&self, key: &[u8]) -> Option<&BTreeMap<Vec<u8>, Option<u64>>> {
        self.by_key.get(key)
    }

    /// `Some(None)` when the pair is known to be gone, `None` when the dictionary decides.
    pub(crate) fn id_of(&self, label: &[u8], key: &[u8]) -> Option<Option<u64>> {
        self.by_key.get(key)?.get(label).copied()
    }

    /// `Some(None)` when the id is known to have no name, `None` when the dictionary decides.
    pub(crate) fn name_of(&self, id: u64) -> Option<Option<&(Vec<u8>, Vec<u8>)>> {
        self.by_id.get(&id).map(Option::as_ref)
    }

    /// The next free id, at least `dictionary`.
    pub(crate) fn next_id(&self, dictionary: u64) -> u64 {
        self.next_id.max(dictionary)
    }

    /// Names `id`; what had that name or that id before is the caller's to release first.
    pub(crate) fn put(&mut self, label: &[u8], key: &[u8], id: u64) {
        self.by_key.entry(key.to_vec()).or_default().insert(label.to_vec(), Some(id));
        self.by_id.insert(id, Some((label.to_vec(), key.to_vec())));
        self.next_id = self.next_id.max(id.saturating_add(1));
    }

    pub(crate) fn forget_name(&mut self, label: &[u8], key: &[u8]) {
        self.by_key.entry(key.to_vec()).or_default().insert(label.to_vec(), None);
    }

    pub(crate) fn forget_id(&mut self, lsn: u64, id: u64) {
        self.by_id.insert(id, None);
        self.gone.insert(id, lsn);
    }

    /// The ids that lost their node since the segments were built, whoever has them now.
    pub(crate) fn gone(&self) -> &HashMap<u64, u64> {
        &self.gone
    }

    /// Whether nothing was renamed, moved or deleted: every change is a node that is new.
    pub(crate) fn only_adds(&self) -> bool {
        self.by_id.values().all(Option::is_some)
            && self.by_key.values().all(|labels| labels.values().all(Option::is_some))
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (u64, (&[u8], &[u8]))> {
        self.by_id.iter().filter_map(|(&id, name)| {
            let (label, key) = name.as_ref()?;
            Some((id, (&label[..], &key[..])))
        })
    }

    /// Nodes that came or got another name or id.
    pub fn named(&self) -> u64 {
        self.by_id.values().flatten().count() as u64
    }

    /// Ids that have no name any more.
    pub fn forgotten(&self) -> u64 {
        self.by_id.values().filter(|name| name.is_none()).count() as u64
    }
}
