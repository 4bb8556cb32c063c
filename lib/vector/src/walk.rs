//! The walk over a search graph, on codes: the same for a file that is searched and for one in the making.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::filter::Filter;
use crate::quant::{Codes, Query};
use crate::starts::Starts;

/// Adjacency lists, wherever they live.
pub(crate) trait Adjacency {
    /// Calls `each` for the neighbours of a row; they need not be rows.
    fn neighbours(&self, row: u32, each: impl FnMut(u32));
    /// Most neighbours that a row has.
    fn degree(&self) -> usize;
    /// Brings the list near.
    fn prefetch(&self, row: u32);
}

/// Rows that are expanded at once: while one list or row of codes is on its way, so are those of the others.
const BEAM: usize = 2;

/// Rows that a filter lets through, spread over all of them, from which a walk under it sets out, too: what it lets through may
/// lie on several hills with valleys of hidden rows between them, most of all under the inner product.
const SPREAD: u32 = 64;
/// Entry points from which a walk sets out, of those whose codes are kept; and one under a filter.
const STARTS: usize = 16;
const FILTERED_STARTS: usize = 64;

/// A filter that lets through less than these fifths of its share of all rows among those that a walk met hides the right ones.
const SHARE: u64 = 4;

/// A row and how near it is; smaller keys are nearer, ties go to the lower ordinal.
///
/// From the top: 31 bits of the distance (the last of its mantissa is far below the error of the codes), the row, and
/// whether it was expanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Near(u64);

/// Maps floats to integers that order alike (negative NaN first, NaN last).
#[inline(always)]
pub(crate) fn ordered(v: f32) -> u32 {
    let bits = v.to_bits();
    bits ^ ((bits as i32 >> 31) as u32 | 0x8000_0000)
}

/// Undoes [`ordered`].
#[inline(always)]
pub(crate) fn unordered(bits: u32) -> f32 {
    f32::from_bits(if bits >> 31 == 1 { bits & 0x7FFF_FFFF } else { !bits })
}

impl Near {
    #[inline(always)]
    pub(crate) fn new(distance: f32, row: u32) -> Self {
        Near(u64::from(ordered(distance) >> 1) << 33 | u64::from(row) << 1)
    }

    #[inline(always)]
    pub(crate) fn row(self) -> u32 {
        (self.0 >> 1) as u32
    }

    #[inline(always)]
    pub(crate) fn distance(self) -> f32 {
        unordered((self.0 >> 33 << 1) as u32)
    }

    /// Marks it as expanded; true the first time.
    #[inline(always)]
    fn expand(&mut self) -> bool {
        let first = self.0 & 1 == 0;
        self.0 |= 1;
        first
    }
}

/// Which rows a walk has seen, and those among them that it has not measured yet.
#[derive(Debug, Default)]
struct Seen {
    bits: Vec<u64>,
    /// Words of `bits` that are not zero, as far as `touched_len`.
    touched: Vec<u32>,
    touched_len: usize,
    /// As far as `fresh_len`.
    fresh: Vec<u32>,
    fresh_len: usize,
}

impl Seen {
    /// Costs what was touched, not the size of the index.
    fn reset(&mut self, rows: u32) {
        for &word in self.touched.iter().take(self.touched_len) {
            if let Some(w) = self.bits.get_mut(word as usize) {
                *w = 0;
            }
        }
        (self.touched_len, self.fresh_len) = (0, 0);
        let words = (rows as usize).div_ceil(64);
        if self.bits.len() < words {
            self.bits.resize(words, 0);
        }
    }

    /// Makes room for this many rows more, and for one that is then found to have been seen.
    #[inline(always)]
    fn make_room(&mut self, more: usize) {
        if self.fresh.len() <= self.fresh_len + more {
            self.fresh.resize(2 * (self.fresh_len + more) + 1, 0);
        }
        if self.touched.len() <= self.touched_len + more {
            self.touched.resize(2 * (self.touched_len + more) + 1, 0);
        }
    }

    /// Makes a row fresh if it was not seen before. About half of them were, in no order that could be foreseen: so
    /// nothing is decided here, only counted. Room must have been made.
    #[inline(always)]
    fn see(&mut self, rows: u32, row: u32) {
        if row >= rows {
            return;
        }
        let Some(word) = self.bits.get_mut(row as usize / 64) else { return };
        let Some(fresh) = self.fresh.get_mut(self.fresh_len) else { return };
        let Some(touched) = self.touched.get_mut(self.touched_len) else { return };
        let bit = 1u64 << (row % 64);
        *fresh = row;
        *touched = row / 64;
        self.fresh_len += usize::from(*word & bit == 0);
        self.touched_len += usize::from(*word == 0);
        *word |= bit;
    }

    #[inline(always)]
    fn fresh(&self) -> &[u32] {
        self.fresh.get(..self.fresh_len).unwrap_or(&[])
    }
}

/// Memory of walks, kept from one to the next.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    seen: Seen,
    memory: Vec<f32>,
    pool: Vec<Near>,
    found: BinaryHeap<Near>,
    frontier: BinaryHeap<Reverse<Near>>,
    /// Distances computed by the last walk.
    pub distances: u64,
    /// Rows expanded by the last walk.
    pub expanded: Vec<u32>,
    pub query: Query,
    pub vector: Vec<f32>,
}

impl Scratch {
    /// Sets out: makes up to `N` entry points fresh where they are kept; all of them otherwise, and where a walk keeps so many
    /// rows in mind that it may be meant to reach every one.
    #[inline(always)]
    fn start<const N: usize>(&mut self, codes: &Codes<'_>, starts: Starts<'_>, rows: u32, ef: usize) {
        let Scratch { seen, memory, query, .. } = self;
        seen.reset(rows);
        self.pool.clear();
        self.found.clear();
        self.frontier.clear();
        self.distances = 0;
        self.expanded.clear();
        seen.make_room(starts.rows.len());
        let few = Some(starts).filter(|starts| ef < starts.rows.len());
        if let Some(nearest) = few.and_then(|starts| starts.nearest::<N>(codes, query, memory)) {
            self.distances = starts.rows.len() as u64;
            nearest.for_each(|row| seen.see(rows, row));
        } else {
            starts.rows.iter().for_each(|&e| seen.see(rows, e));
        }
    }

    /// Makes the unseen neighbours of `row` fresh.
    #[inline(always)]
    fn expand(&mut self, graph: &impl Adjacency, rows: u32, row: u32) {
        let seen = &mut self.seen;
        seen.make_room(graph.degree());
        graph.neighbours(row, |n| seen.see(rows, n));
        self.expanded.push(row);
    }

    /// Walks with `self.query` and leaves the `ef` nearest rows that it met; read them with [`Scratch::nearest`].
    ///
    /// Each row is expanded at most once, whatever the graph says, so the walk ends.
    pub(crate) fn walk(&mut self, codes: &Codes<'_>, graph: &impl Adjacency, starts: Starts<'_>, rows: u32, ef: usize) {
        self.start::<STARTS>(codes, starts, rows, ef);
        let mut next = 0;
        self.absorb(codes, graph, ef, &mut next);
        next = 0;
        loop {
            let (mut beam, mut wide) = ([0; BEAM], 0);
            while wide < BEAM
                && let Some(near) = self.pool.get_mut(next)
            {
                next += 1;
                if near.expand() {
                    beam[wide] = near.row();
                    graph.prefetch(near.row());
                    wide += 1;
                }
            }
            if wide == 0 {
                break;
            }
            beam.into_iter().take(wide).for_each(|row| self.expand(graph, rows, row));
            self.absorb(codes, graph, ef, &mut next);
        }
    }

    /// Scores the fresh rows into the pool; `next` becomes the first place that changed, if that is earlier.
    #[inline(always)]
    fn absorb(&mut self, codes: &Codes<'_>, graph: &impl Adjacency, ef: usize, next: &mut usize) {
        let Scratch { seen, pool, memory, query, .. } = self;
        self.distances += seen.fresh_len as u64;
        codes.similarities(query, seen.fresh(), memory, |row, similarity| {
            if let Some(at) = Self::offer(pool, Near::new(-similarity, row), ef)
                && at <= *next
            {
                *next = at;
                // It is likely to be the next.
                graph.prefetch(row);
            }
        });
        seen.fresh_len = 0;
    }

    /// The place that a row takes in the pool, if it is near enough.
    #[inline(always)]
    fn offer(pool: &mut Vec<Near>, near: Near, ef: usize) -> Option<usize> {
        if pool.len() >= ef {
            // Most are turned away here.
            if pool.last().is_none_or(|last| near >= *last) {
                return None;
            }
            pool.pop();
        }
        let at = pool.partition_point(|n| *n < near);
        pool.insert(at, near);
        Some(at)
    }

    /// Every row that the last walk has scored.
    pub(crate) fn met(&self) -> impl Iterator<Item = u32> + '_ {
        let Seen { bits, touched, touched_len, .. } = &self.seen;
        touched.iter().take(*touched_len).flat_map(move |&word| {
            let mut left = bits.get(word as usize).copied().unwrap_or(0);
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                Some(word * 64 + bit)
            })
        })
    }

    /// Rows of the last walk, nearest first by their codes.
    pub(crate) fn nearest(&self) -> &[Near] {
        &self.pool
    }

    /// Those of [`Scratch::nearest`] that may be among the nearest `k` by their vectors: all whose codes put them less
    /// than `margin` behind the `k`-th.
    pub(crate) fn promising(&self, k: usize, margin: f32) -> impl Iterator<Item = u32> + Clone {
        let last = k.checked_sub(1).and_then(|at| self.pool.get(at)).map_or(f32::INFINITY, |n| n.distance());
        let limit = last + margin;
        // What is no number is looked at.
        let within = move |(at, n): &(usize, &Near)| *at < k || n.distance() <= limit || n.distance().is_nan();
        self.pool.iter().enumerate().take_while(within).map(|(_, n)| n.row())
    }

    /// As [`Scratch::walk`], but only rows that `filter` lets through are kept; the others are walked through. Gives up
    /// and returns false after `budget` distances beside those of the rows that it set out from, and where the rows that
    /// it met were let through much more rarely than all rows are: then those that are let through lie elsewhere, and a
    /// walk from here need not have found the nearest of them.
    #[allow(clippy::too_many_arguments, reason = "the parts of one graph, and the limits of one walk")]
    pub(crate) fn walk_allowed(
        &mut self,
        codes: &Codes<'_>,
        graph: &impl Adjacency,
        starts: Starts<'_>,
        rows: u32,
        ef: usize,
        filter: &Filter,
        budget: u64,
    ) -> bool {
        self.start::<FILTERED_STARTS>(codes, starts, rows, ef);
        self.seen.make_room(SPREAD as usize);
        filter.spread(SPREAD, |row| self.seen.see(rows, row));
        let mut allowed = 0u64;
        // Of the rows that it set out from, which tell nothing of where it came to.
        let mut beside = None;
        loop {
            let Scratch { seen, found, frontier, memory, query, .. } = self;
            self.distances += seen.fresh_len as u64;
            codes.similarities(query, seen.fresh(), memory, |row, similarity| {
                let near = Near::new(-similarity, row);
                let (full, allows) = (found.len() >= ef, filter.allows(row));
                allowed += u64::from(allows);
                if full && found.peek().is_some_and(|worst| near > *worst) {
                    return;
                }
                frontier.push(Reverse(near));
                if allows {
                    found.push(near);
                    if full {
                        found.pop();
                    }
                }
            });
            seen.fresh_len = 0;
            // Those cost less, and the way to the nearest is as long as ever.
            let (before, _) = *beside.get_or_insert((self.distances, allowed));
            if self.distances - before > budget {
                return false;
            }
            let Some(Reverse(near)) = self.frontier.pop() else { break };
            if self.found.len() >= ef && self.found.peek().is_some_and(|worst| near > *worst) {
                break;
            }
            self.expand(graph, rows, near.row());
        }
        let (distances, let_through) = beside.unwrap_or_default();
        let share = (self.distances - distances).saturating_mul(filter.count()).saturating_mul(SHARE);
        if (allowed - let_through).saturating_mul(5 * u64::from(rows)) < share {
            return false;
        }
        self.pool.extend(self.found.drain());
        self.pool.sort_unstable();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Kernels;
    use crate::packed::Packed;

    #[test]
    fn keys_order_as_their_floats() {
        let values = [f32::NEG_INFINITY, -1e30, -1.0, -1e-40, 0.0, 1e-40, 1.0, 1e30, f32::INFINITY, f32::NAN];
        assert!(values.windows(2).all(|p| ordered(p[0]) < ordered(p[1])));
        assert!(Near::new(1.0, 2) < Near::new(1.0, 3) && Near::new(1.0, 9) < Near::new(1.5, 0));
    }

    /// Each row beside the one before and the one behind it.
    struct Chain;

    impl Adjacency for Chain {
        fn neighbours(&self, row: u32, each: impl FnMut(u32)) {
            row.checked_sub(1).into_iter().chain([row + 1]).for_each(each);
        }

        fn degree(&self) -> usize {
            2
        }

        fn prefetch(&self, _: u32) {}
    }

    #[test]
    fn a_filtered_walk_that_sets_out_from_many_rows_still_has_all_its_steps() {
        const ROWS: u32 = 2000;
        // The bias alone says how near a row is.
        let codes = vec![128u8; 4 * ROWS as usize];
        let params: Vec<u8> =
            (0..ROWS).flat_map(|row| [0.0, -(row.abs_diff(1000) as f32)]).flat_map(f32::to_le_bytes).collect();
        let codes = Codes { kernels: Kernels::scalar(), codes: &codes, each: 4, params: &params, lift: &[] };
        let entries: Vec<u32> = (0..ROWS).step_by(3).collect();
        let kept = Packed::new(&codes, &entries).unwrap();
        let (mut walk, all) = (Scratch::default(), Filter::new(ROWS as usize, |_| true));
        walk.query.codes = vec![0; 4];
        for kept in [Some(&kept), None] {
            let starts = Starts { rows: &entries, kept };
            assert!(walk.walk_allowed(&codes, &Chain, starts, ROWS, 4, &all, 40));
            assert_eq!(walk.nearest().iter().map(|n| n.row()).collect::<Vec<_>>(), [1000, 999, 1001, 998]);
            assert!(!walk.walk_allowed(&codes, &Chain, starts, ROWS, 4, &all, 0));
        }
    }
}
