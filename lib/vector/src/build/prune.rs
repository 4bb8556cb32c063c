//! Choosing neighbours: near ones, and of those that lie in one direction only the nearest.

use crate::quant::{Codes, Query};

/// A neighbour is dropped for a kept one that is nearer to it by this factor of squared distance.
const ALPHA: f32 = 1.2;

/// Distances between coded rows, as the choice of neighbours sees them.
pub(super) struct Space<'a> {
    pub codes: Codes<'a>,
    /// Squared lengths of the coded rows, lift not included.
    squares: &'a [f32],
}

/// Memory of one choice.
#[derive(Default)]
pub(super) struct Choice {
    /// Distance and row; the nearest first once sorted.
    pub candidates: Vec<(f32, u32)>,
    pub kept: Vec<u32>,
    dropped: Vec<u32>,
    query: Query,
}

impl<'a> Space<'a> {
    pub(super) fn new(codes: Codes<'a>, squares: &'a [f32]) -> Self {
        Space { codes, squares }
    }

    pub(super) fn query(&self, row: u32, out: &mut Query) {
        out.set_row(self.codes.row(row), self.codes.params(row)[0], self.lift(row));
    }

    #[inline(always)]
    fn lift(&self, row: u32) -> f32 {
        self.codes.lift.get(row as usize).copied().unwrap_or(0.0)
    }

    /// Squared distance.
    #[inline(always)]
    fn distance(&self, from: u32, query: &Query, to: u32) -> f32 {
        let square = |r: u32| self.squares.get(r as usize).copied().unwrap_or(0.0);
        let up = query.lift - self.lift(to);
        square(from) + square(to) - 2.0 * self.codes.dot(query, to, self.codes.params(to)[0]) + up * up
    }

    /// Chooses at most `limit` neighbours of `row` (coded in `query`) among `rows` into `choice.kept`.
    pub(super) fn choose(
        &self,
        row: u32,
        query: &Query,
        rows: impl Iterator<Item = u32>,
        limit: usize,
        choice: &mut Choice,
    ) {
        let Choice { candidates, kept, dropped, query: other } = choice;
        candidates.clear();
        candidates.extend(rows.map(|r| (self.distance(row, query, r), r)));
        candidates.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        kept.clear();
        dropped.clear();
        for &(distance, candidate) in &*candidates {
            if kept.len() >= limit {
                break;
            }
            self.query(candidate, other);
            let shadowed = kept.iter().any(|&k| ALPHA * self.distance(candidate, other, k) <= distance);
            if shadowed {
                dropped.push(candidate);
            } else {
                kept.push(candidate);
            }
        }
        // Rows that are many times over would be left with one neighbour each.
        let room = (limit / 2).saturating_sub(kept.len());
        kept.extend(dropped.iter().take(room));
    }
}
