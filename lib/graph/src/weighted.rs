//! Cheapest paths: Dijkstra's algorithm, bounded by a number of hops.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

use qx_formats::Result;

use crate::graph::Graph;
use crate::walk::Walk;

/// A path from a start, its ends included.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    pub nodes: Vec<u64>,
    /// The sum of the costs of its edges.
    pub cost: f64,
}

/// A node that was reached in some way, and from where.
struct Label {
    node: u64,
    cost: f64,
    hops: u32,
    /// Place of the label before it; its own at the start.
    parent: usize,
}

/// What comes next: the cheapest, then the one of fewest hops, then by node and by how it was found, so that the order
/// never depends on anything else.
struct Next {
    cost: f64,
    hops: u32,
    node: u64,
    parent: usize,
}

impl Ord for Next {
    fn cmp(&self, other: &Next) -> Ordering {
        // Reversed: the heap gives the greatest first.
        let key = |n: &Next| (n.hops, n.node, n.parent);
        other.cost.total_cmp(&self.cost).then_with(|| key(other).cmp(&key(self)))
    }
}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Next) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Next {
    fn eq(&self, other: &Next) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Next {}

impl Graph {
    /// A cheapest path from `src` to `dst` of at most `walk.max_hops` edges, and of the cheapest one with the fewest
    /// edges; `None` when there is none. An edge without a cost costs 1.
    ///
    /// # Errors
    /// `Corrupt` where a segment is damaged; `Invalid` for a cost that is no number from 0; `Cancelled`.
    pub fn cheapest_path(&self, src: u64, dst: u64, walk: &Walk) -> Result<Option<Path>> {
        Ok(self.cheapest_paths(src, walk, |node| node == dst, true)?.pop())
    }

    /// For each node that `wanted` takes and that is reached within `walk.max_hops`: a cheapest path to it, the
    /// cheapest first. `src` itself is reached at no cost.
    ///
    /// # Errors
    /// As [`Graph::cheapest_path`].
    pub fn cheapest_paths(
        &self,
        src: u64,
        walk: &Walk,
        wanted: impl Fn(u64) -> bool,
        only_first: bool,
    ) -> Result<Vec<Path>> {
        let follow = walk.follow();
        let mut found = Vec::new();
        let mut labels: Vec<Label> = Vec::new();
        // The fewest hops in which a node was reached so far: a dearer way is of use only where it has fewer.
        let mut fewest: HashMap<u64, u32> = HashMap::new();
        let mut heap = BinaryHeap::from([Next { cost: 0.0, hops: 0, node: src, parent: 0 }]);
        while let Some(next) = heap.pop() {
            let before = fewest.get(&next.node).copied();
            if before.is_some_and(|hops| hops <= next.hops) {
                continue;
            }
            fewest.insert(next.node, next.hops);
            let at = labels.len();
            labels.push(Label { node: next.node, cost: next.cost, hops: next.hops, parent: next.parent });
            if at.is_multiple_of(1024) {
                walk.cancel.check()?;
            }
            if before.is_none() && wanted(next.node) {
                found.push(path_to(&labels, at));
                if only_first {
                    break;
                }
            }
            if next.hops >= walk.max_hops {
                continue;
            }
            self.visit_with(next.node, &follow, |edge, props| {
                let hops = next.hops + 1;
                if fewest.get(&edge.node).is_none_or(|&fewest| fewest > hops) {
                    let cost = next.cost + self.props.cost_of(props)?.unwrap_or(1.0);
                    heap.push(Next { cost, hops, node: edge.node, parent: at });
                }
                Ok(())
            })?;
        }
        Ok(found)
    }
}

fn path_to(labels: &[Label], end: usize) -> Path {
    let mut nodes = Vec::new();
    let mut at = end;
    while let Some(label) = labels.get(at) {
        nodes.push(label.node);
        if label.hops == 0 {
            break;
        }
        at = label.parent;
    }
    nodes.reverse();
    Path { nodes, cost: labels.get(end).map_or(0.0, |l| l.cost) }
}
