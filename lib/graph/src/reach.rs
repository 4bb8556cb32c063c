//! How many nodes a node reaches or is reached from: for one node by search, for all of them in one pass.

use qx_formats::{Error, Result};

use crate::filter::Follow;
use crate::graph::Graph;
use crate::walk::{Direction, Walk};

/// Words of the bit sets that are pushed through the graph at once; 8 are one cache line.
const WORDS: usize = 8;
/// Components in one such block.
const BLOCK: usize = WORDS * 64;

impl Graph {
    /// Edges that arrive at a node, parallel ones counted each.
    ///
    /// # Errors
    /// `Corrupt` where a segment is damaged.
    pub fn in_degree(&self, node: u64, etype: Option<u32>) -> Result<u64> {
        self.degree(node, Direction::In, etype)
    }

    /// Edges of a node in one direction, or in both.
    ///
    /// # Errors
    /// `Corrupt` where a segment is damaged.
    pub fn degree(&self, node: u64, direction: Direction, etype: Option<u32>) -> Result<u64> {
        let mut n = 0;
        self.visit(node, &Follow { direction, etype, time: None }, |_| n += 1)?;
        Ok(n)
    }

    /// How many other nodes `node` reaches (or is reached from) within `walk.max_hops`.
    ///
    /// # Errors
    /// As [`Graph::neighbors`].
    pub fn reach_count(&self, node: u64, walk: &Walk) -> Result<u64> {
        Ok(self.neighbors(&[node], walk)?.len() as u64)
    }

    /// How many other nodes every node reaches (or is reached from), by node id.
    ///
    /// Without a bound (`walk.max_hops` of `u32::MAX`) this is one pass over the graph for each 512 of its strongly
    /// connected components, whatever the length of the paths; with one, a search from each node.
    ///
    /// # Errors
    /// `Corrupt` where a segment is damaged; `Cancelled`.
    pub fn reach(&self, walk: &Walk) -> Result<Vec<Reach>> {
        let ids = self.all_ids()?;
        let rows = Rows::new(self, &ids, walk)?;
        let reachable = if walk.max_hops == u32::MAX { rows.reachable(walk)? } else { rows.reachable_within(walk)? };
        let one = |(i, (&node_id, reachable))| Reach { node_id, direct: rows.direct(i), reachable };
        Ok(ids.iter().zip(reachable).enumerate().map(one).collect())
    }

    /// The unbounded counts of [`Graph::reach`] alone, whatever `walk.max_hops`.
    ///
    /// # Errors
    /// As [`Graph::reach`].
    pub fn reach_counts(&self, walk: &Walk) -> Result<Vec<(u64, u64)>> {
        let all = self.reach(&Walk { max_hops: u32::MAX, ..walk.clone() })?;
        Ok(all.into_iter().map(|r| (r.node_id, r.reachable)).collect())
    }
}

/// How far one node reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    pub node_id: u64,
    /// Other nodes one hop away.
    pub direct: u64,
    /// Other nodes within the hops of the walk.
    pub reachable: u64,
}

/// The graph as rows of ordinals (positions in a list of ids), in the direction of a walk.
struct Rows {
    starts: Vec<usize>,
    targets: Vec<u32>,
}

impl Rows {
    fn new(graph: &Graph, ids: &[u64], walk: &Walk) -> Result<Rows> {
        // One below the mark that stands for none.
        if ids.len() as u64 >= u64::from(u32::MAX) {
            return Err(Error::limit(
                "nodes of a graph whose reach is counted",
                u64::from(u32::MAX) - 1,
                ids.len() as u64,
            ));
        }
        let first = ids.first().copied().unwrap_or(0);
        let span = ids.last().map_or(0, |last| last - first);
        let mut table = Vec::new();
        // A table where ids are dense, a binary search where it would be mostly empty.
        if span / 4 <= ids.len() as u64 {
            table = vec![u32::MAX; if ids.is_empty() { 0 } else { span as usize + 1 }];
            for (i, id) in ids.iter().enumerate() {
                table[(id - first) as usize] = i as u32;
            }
        }
        let ordinal = |id: u64| match table.is_empty() {
            false => id.checked_sub(first).and_then(|o| table.get(o as usize)).copied().filter(|&o| o != u32::MAX),
            true => ids.binary_search(&id).ok().map(|o| o as u32),
        };
        let follow = walk.follow();
        let mut rows = Rows { starts: Vec::with_capacity(ids.len() + 1), targets: Vec::new() };
        rows.starts.push(0);
        let mut row: Vec<u32> = Vec::new();
        for (i, &id) in ids.iter().enumerate() {
            if i % 4096 == 0 {
                walk.cancel.check()?;
            }
            row.clear();
            graph.visit(id, &follow, |e| row.extend(ordinal(e.node)))?;
            row.sort_unstable();
            row.dedup();
            rows.targets.extend(row.iter().filter(|&&o| o as usize != i));
            rows.starts.push(rows.targets.len());
        }
        Ok(rows)
    }

    fn len(&self) -> usize {
        self.starts.len() - 1
    }

    fn row(&self, i: usize) -> &[u32] {
        &self.targets[self.starts[i]..self.starts[i + 1]]
    }

    /// Rows hold each target once, and never the node itself.
    fn direct(&self, i: usize) -> u64 {
        self.row(i).len() as u64
    }

    fn reachable(&self, walk: &Walk) -> Result<Vec<u64>> {
        let component = components(self);
        let reached = Quotient::new(self, &component).reached(walk)?;
        Ok(component.iter().map(|&c| reached[c as usize] - 1).collect())
    }

    fn reachable_within(&self, walk: &Walk) -> Result<Vec<u64>> {
        // The number of the search that last met a node: nothing to clear between two searches.
        let mut met = vec![u32::MAX; self.len()];
        let mut queue: Vec<u32> = Vec::new();
        let mut counts = Vec::with_capacity(self.len());
        for start in 0..self.len() as u32 {
            if start.is_multiple_of(256) {
                walk.cancel.check()?;
            }
            queue.clear();
            queue.push(start);
            met[start as usize] = start;
            let mut level = 0;
            for _ in 0..walk.max_hops {
                let end = queue.len();
                for i in level..end {
                    for &next in self.row(queue[i] as usize) {
                        if met[next as usize] != start {
                            met[next as usize] = start;
                            queue.push(next);
                        }
                    }
                }
                if queue.len() == end {
                    break;
                }
                level = end;
            }
            counts.push(queue.len() as u64 - 1);
        }
        Ok(counts)
    }
}

/// Tarjan's strongly connected components, without recursion: the component of each node. An edge between two
/// components leads to the one with the lower number.
fn components(rows: &Rows) -> Vec<u32> {
    const NONE: u32 = u32::MAX;
    let n = rows.len();
    let (mut index, mut low, mut component) = (vec![NONE; n], vec![0u32; n], vec![NONE; n]);
    let (mut stack, mut calls) = (Vec::new(), Vec::new());
    let (mut next_index, mut next_component) = (0u32, 0u32);
    for root in 0..n {
        if index[root] != NONE {
            continue;
        }
        calls.push((root, 0));
        while let Some(&mut (v, ref mut at)) = calls.last_mut() {
            if *at == 0 {
                index[v] = next_index;
                low[v] = next_index;
                next_index += 1;
                stack.push(v);
            }
            if let Some(&w) = rows.row(v).get(*at) {
                *at += 1;
                let w = w as usize;
                if index[w] == NONE {
                    calls.push((w, 0));
                } else if component[w] == NONE {
                    low[v] = low[v].min(index[w]);
                }
                continue;
            }
            calls.pop();
            if let Some(&(parent, _)) = calls.last() {
                low[parent] = low[parent].min(low[v]);
            }
            if low[v] == index[v] {
                while let Some(w) = stack.pop() {
                    component[w] = next_component;
                    if w == v {
                        break;
                    }
                }
                next_component += 1;
            }
        }
    }
    component
}

/// The graph between the components: no cycles, every edge leads to a lower number.
struct Quotient {
    starts: Vec<usize>,
    targets: Vec<u32>,
    sizes: Vec<u64>,
}

impl Quotient {
    fn new(rows: &Rows, component: &[u32]) -> Quotient {
        let count = component.iter().max().map_or(0, |&c| c as usize + 1);
        let mut edges = Vec::new();
        let mut sizes = vec![0u64; count];
        for (v, &c) in component.iter().enumerate() {
            sizes[c as usize] += 1;
            edges.extend(rows.row(v).iter().map(|&w| (c, component[w as usize])).filter(|(a, b)| a != b));
        }
        edges.sort_unstable();
        edges.dedup();
        let mut starts = vec![0; count + 1];
        for &(c, _) in &edges {
            starts[c as usize + 1] += 1;
        }
        for c in 0..count {
            starts[c + 1] += starts[c];
        }
        Quotient { starts, targets: edges.into_iter().map(|(_, d)| d).collect(), sizes }
    }

    /// How many nodes each component reaches, its own included. Block by block of target components, a bit each.
    fn reached(&self, walk: &Walk) -> Result<Vec<u64>> {
        let count = self.sizes.len();
        let mut reached = vec![0u64; count];
        let mut bits = vec![[0u64; WORDS]; count];
        for block in (0..count).step_by(BLOCK) {
            walk.cancel.check()?;
            let sizes = &self.sizes[block..count.min(block + BLOCK)];
            // Components of one node are counted by population; the few larger ones one by one.
            let large: Vec<(usize, u64)> = sizes.iter().copied().enumerate().filter(|&(_, s)| s > 1).collect();
            // A component reaches none above it, so what lies below the block has no bits in it.
            for c in block..count {
                let mut own = [0u64; WORDS];
                if c < block + BLOCK {
                    own[(c - block) / 64] |= 1 << ((c - block) % 64);
                }
                for &d in &self.targets[self.starts[c]..self.starts[c + 1]] {
                    if (d as usize) < block {
                        continue;
                    }
                    for (o, w) in own.iter_mut().zip(&bits[d as usize]) {
                        *o |= w;
                    }
                }
                bits[c] = own;
                reached[c] += own.iter().map(|w| u64::from(w.count_ones())).sum::<u64>();
                for &(i, size) in &large {
                    reached[c] += (own[i / 64] >> (i % 64) & 1) * (size - 1);
                }
            }
        }
        Ok(reached)
    }
}
