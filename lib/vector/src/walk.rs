//! The walk over a search graph, on codes: the same for a file that is searched and for one in the making.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::filter::Filter;
use crate::quant::{Codes, Query};

/// Adjacency lists, wherever they live.
pub(crate) trait Adjacency {
    /// Calls `each` for the neighbours of a row; they need not be rows.
    fn neighbours(&self, row: u32, each: impl FnMut(u32));
    /// Brings the list near.
    fn prefetch(&self, row: u32);
}

/// A row and how near it is; smaller keys are nearer, ties go to the lower ordinal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Near(u64);

/// Maps floats to integers that order alike (negative NaN first, NaN last).
#[inline(always)]
pub(crate) fn ordered(v: f32) -> u32 {
    let bits = v.to_bits();
    bits ^ ((bits as i32 >> 31) as u32 | 0x8000_0000)
}

impl Near {
    #[inline(always)]
    pub(crate) fn new(distance: f32, row: u32) -> Self {
        Near(u64::from(ordered(distance)) << 32 | u64::from(row))
    }

    #[inline(always)]
    pub(crate) fn row(self) -> u32 {
        self.0 as u32
    }
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    near: Near,
    expanded: bool,
}

/// Memory of walks, kept from one to the next. Clearing costs what the last walk touched, not the size of the index.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    visited: Vec<u64>,
    touched: Vec<u32>,
    pool: Vec<Slot>,
    fresh: Vec<u32>,
    found: BinaryHeap<Near>,
    frontier: BinaryHeap<Reverse<Near>>,
    /// Distances computed by the last walk.
    pub distances: u64,
    /// Rows expanded by the last walk.
    pub expanded: u64,
    pub query: Query,
    pub vector: Vec<f32>,
}

impl Scratch {
    fn reset(&mut self, rows: u32) {
        for word in self.touched.drain(..) {
            if let Some(w) = self.visited.get_mut(word as usize) {
                *w = 0;
            }
        }
        let words = (rows as usize).div_ceil(64);
        if self.visited.len() < words {
            self.visited.resize(words, 0);
        }
        self.pool.clear();
        self.fresh.clear();
        self.found.clear();
        self.frontier.clear();
        self.distances = 0;
        self.expanded = 0;
    }

    /// True the first time that a row is seen; false for what is no row.
    #[inline(always)]
    fn visit(visited: &mut [u64], touched: &mut Vec<u32>, rows: u32, row: u32) -> bool {
        if row >= rows {
            return false;
        }
        let Some(word) = visited.get_mut(row as usize / 64) else { return false };
        let bit = 1u64 << (row % 64);
        if *word & bit != 0 {
            return false;
        }
        if *word == 0 {
            touched.push(row / 64);
        }
        *word |= bit;
        true
    }

    /// Collects the unseen neighbours of `row` into `fresh` and asks for their codes.
    #[inline(always)]
    fn expand(&mut self, codes: &Codes<'_>, graph: &impl Adjacency, rows: u32, row: u32) {
        self.fresh.clear();
        let (visited, touched, fresh) = (&mut self.visited, &mut self.touched, &mut self.fresh);
        graph.neighbours(row, |n| {
            if Self::visit(visited, touched, rows, n) {
                codes.prefetch(n);
                fresh.push(n);
            }
        });
        self.distances += self.fresh.len() as u64;
        self.expanded += 1;
    }

    fn start(&mut self, codes: &Codes<'_>, entries: &[u32], rows: u32) {
        self.reset(rows);
        for &e in entries {
            if Self::visit(&mut self.visited, &mut self.touched, rows, e) {
                codes.prefetch(e);
                self.fresh.push(e);
            }
        }
        self.distances = self.fresh.len() as u64;
    }

    /// Walks with `self.query` and leaves the `ef` nearest rows that it met; read them with [`Scratch::nearest`].
    ///
    /// Each row is expanded at most once, whatever the graph says, so the walk ends.
    pub(crate) fn walk(&mut self, codes: &Codes<'_>, graph: &impl Adjacency, entries: &[u32], rows: u32, ef: usize) {
        self.start(codes, entries, rows);
        let mut next = 0;
        self.absorb(codes, ef, &mut next);
        next = 0;
        while let Some(slot) = self.pool.get_mut(next) {
            if slot.expanded {
                next += 1;
                continue;
            }
            slot.expanded = true;
            let row = slot.near.row();
            // The one that is likely next, while this one is worked on.
            if let Some(after) = self.pool.get(next + 1) {
                graph.prefetch(after.near.row());
            }
            self.expand(codes, graph, rows, row);
            next += 1;
            self.absorb(codes, ef, &mut next);
        }
    }

    /// Scores the fresh rows into the pool; `next` becomes the first place that changed, if that is earlier.
    #[inline(always)]
    fn absorb(&mut self, codes: &Codes<'_>, ef: usize, next: &mut usize) {
        let (fours, rest) = self.fresh.as_chunks::<4>();
        let (pool, query) = (&mut self.pool, &self.query);
        for &rows in fours {
            for (similarity, row) in codes.similarity4(query, rows).into_iter().zip(rows) {
                Self::offer(pool, Near::new(-similarity, row), ef, next);
            }
        }
        for &row in rest {
            Self::offer(pool, Near::new(-codes.similarity(query, row), row), ef, next);
        }
    }

    #[inline(always)]
    fn offer(pool: &mut Vec<Slot>, near: Near, ef: usize, next: &mut usize) {
        if pool.len() >= ef {
            match pool.last() {
                Some(last) if near < last.near => {
                    pool.pop();
                }
                _ => return,
            }
        }
        let at = pool.partition_point(|s| s.near < near);
        pool.insert(at, Slot { near, expanded: false });
        *next = at.min(*next);
    }

    /// Rows of the last walk, nearest first by their codes.
    pub(crate) fn nearest(&self) -> impl ExactSizeIterator<Item = u32> {
        self.pool.iter().map(|s| s.near.row())
    }

    /// As [`Scratch::walk`], but only rows that `filter` lets through are kept; the others are walked through. Gives up
    /// and returns false after `budget` distances.
    #[allow(clippy::too_many_arguments, reason = "the parts of one graph, and the limits of one walk")]
    pub(crate) fn walk_allowed(
        &mut self,
        codes: &Codes<'_>,
        graph: &impl Adjacency,
        entries: &[u32],
        rows: u32,
        ef: usize,
        filter: &Filter,
        budget: u64,
    ) -> bool {
        self.start(codes, entries, rows);
        loop {
            for i in 0..self.fresh.len() {
                let Some(&row) = self.fresh.get(i) else { break };
                let near = Near::new(-codes.similarity(&self.query, row), row);
                let full = self.found.len() >= ef;
                if full && self.found.peek().is_some_and(|worst| near > *worst) {
                    continue;
                }
                self.frontier.push(Reverse(near));
                if filter.allows(row) {
                    self.found.push(near);
                    if full {
                        self.found.pop();
                    }
                }
            }
            if self.distances > budget {
                return false;
            }
            let Some(Reverse(near)) = self.frontier.pop() else { break };
            if self.found.len() >= ef && self.found.peek().is_some_and(|worst| near > *worst) {
                break;
            }
            self.expand(codes, graph, rows, near.row());
        }
        self.pool.extend(self.found.drain().map(|near| Slot { near, expanded: true }));
        self.pool.sort_unstable_by_key(|s| s.near);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_order_as_their_floats() {
        let values = [f32::NEG_INFINITY, -1e30, -1.0, -1e-40, 0.0, 1e-40, 1.0, 1e30, f32::INFINITY, f32::NAN];
        assert!(values.windows(2).all(|p| ordered(p[0]) < ordered(p[1])));
        assert!(Near::new(1.0, 2) < Near::new(1.0, 3) && Near::new(1.0, 9) < Near::new(1.5, 0));
    }
}
