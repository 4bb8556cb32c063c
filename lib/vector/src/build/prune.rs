//! Choosing neighbours: near ones, and of those that lie in one direction only the nearest: a row is left out for a kept
//! one that it is nearer to, unless that one is equal to the row whose neighbours they are.

use qx_formats::vdata::layout::CODE_PARAMS_LEN;
use rayon::prelude::*;

use super::code::Coded;
use crate::kernel::Kernels;
use crate::quant::{Codes, Query, offset_of};
use crate::walk::Near;

/// Rows that a candidate is held against at once.
const AT_ONCE: usize = 8;
/// One in so many neighbours may be equal to the row: who finds one of a few equals is to find all of them.
const EQUAL: usize = 4;

/// Squared distances between coded rows, lift included: what nearness is while a graph is made, whatever the metric.
pub(super) struct Space<'a> {
    /// With half the negative squared length of each row as its bias.
    pub codes: Codes<'a>,
    squares: &'a [f32],
    offsets: &'a [i32],
}

/// What a [`Space`] borrows.
pub(super) struct Lengths {
    /// Squared lengths of the rows.
    squares: Vec<f32>,
    /// What [`Query::offset`] is of each row.
    offsets: Vec<i32>,
    /// Scale and bias, as a file has them.
    params: Vec<u8>,
    lift: Vec<f32>,
}

impl Lengths {
    pub(super) fn new(coded: &Coded) -> Self {
        let own = coded.squares();
        let lift = coded.lift(&own);
        let lifts = lift.iter().copied().chain(std::iter::repeat(0.0));
        let squares: Vec<f32> = own.iter().zip(lifts).map(|(square, lift)| square + lift * lift).collect();
        let params = coded.params.iter().zip(&squares).flat_map(|([scale, _], square)| {
            let [a, b, c, d] = scale.to_le_bytes();
            let [e, f, g, h] = (-0.5 * square).to_le_bytes();
            [a, b, c, d, e, f, g, h]
        });
        let params: Vec<u8> = params.collect();
        debug_assert_eq!(params.len(), coded.params.len() * CODE_PARAMS_LEN);
        let offsets = coded.codes.par_chunks_exact(coded.each.max(1)).map(offset_of).collect();
        Lengths { squares, offsets, params, lift }
    }

    pub(super) fn space<'a>(&'a self, kernels: &'static Kernels, coded: &'a Coded) -> Space<'a> {
        let codes = Codes { kernels, codes: &coded.codes, each: coded.each, params: &self.params, lift: &self.lift };
        Space { codes, squares: &self.squares, offsets: &self.offsets }
    }
}

/// Memory of one choice.
#[derive(Default)]
pub(super) struct Choice {
    /// Distance and row, the nearest first.
    pub candidates: Vec<(f32, u32)>,
    pub kept: Vec<u32>,
    dropped: Vec<u32>,
    query: Query,
    memory: Vec<f32>,
}

impl Space<'_> {
    pub(super) fn query(&self, row: u32, out: &mut Query) {
        let lift = self.codes.lift.get(row as usize).copied().unwrap_or(0.0);
        let offset = self.offsets.get(row as usize).copied().unwrap_or(0);
        out.set_row(self.codes.row(row), self.codes.params(row)[0], lift, offset);
    }

    fn square(&self, row: u32) -> f32 {
        self.squares.get(row as usize).copied().unwrap_or(0.0)
    }

    /// Makes the rows of a walk from `row` the candidates.
    pub(super) fn walked(&self, row: u32, near: &[Near], choice: &mut Choice) {
        let square = self.square(row);
        choice.candidates.clear();
        choice.candidates.extend(near.iter().map(|n| (square + 2.0 * n.distance(), n.row())));
    }

    /// Makes these rows the candidates of `row`.
    pub(super) fn listed(&self, row: u32, rows: &[u32], choice: &mut Choice) {
        let Choice { candidates, query, memory, .. } = choice;
        self.query(row, query);
        let square = self.square(row);
        candidates.clear();
        self.codes.similarities(query, rows, memory, |r, similarity| candidates.push((square - 2.0 * similarity, r)));
        candidates.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    }

    /// Chooses at most `limit` of the candidates of `row` into `choice.kept`.
    ///
    /// What is equal to the row is as near to all others as the row is, and would shadow every one of them: walks would end
    /// among rows that are many times over. So some of its equals are kept, and shadow nobody.
    pub(super) fn choose(&self, row: u32, limit: usize, choice: &mut Choice) {
        let Choice { candidates, kept, dropped, query, memory } = choice;
        kept.clear();
        dropped.clear();
        let own = (self.codes.params(row), self.codes.row(row));
        // How many of those that are kept are equal to the row; they come first.
        let (mut equal, most_equal) = (0, limit.div_ceil(EQUAL));
        for &(distance, candidate) in &*candidates {
            if kept.len() >= limit {
                break;
            }
            if (self.codes.params(candidate), self.codes.row(candidate)) == own {
                if equal < most_equal {
                    kept.insert(equal, candidate);
                    equal += 1;
                } else {
                    dropped.push(candidate);
                }
                continue;
            }
            self.query(candidate, query);
            let square = self.square(candidate);
            let mut shadowed = false;
            for some in kept[equal..].chunks(AT_ONCE) {
                self.codes.similarities(query, some, memory, |_, similarity| {
                    shadowed |= square - 2.0 * similarity <= distance;
                });
                if shadowed {
                    break;
                }
            }
            if shadowed { dropped.push(candidate) } else { kept.push(candidate) }
        }
        // Rows that are many times over would be left with one neighbour each.
        let room = (limit / 2).saturating_sub(kept.len());
        kept.extend(dropped.iter().take(room));
    }
}
