//! Scoring rows on their vectors, and keeping the best.

use std::collections::BinaryHeap;

use crate::check::Pages;
use crate::index::{Hit, Open};
use crate::kernel;
use crate::metric::{Components, Metric, Scorer, norm};
use crate::rows;
use crate::walk::{ordered, unordered};
use qx_formats::vdata::Element;
use qx_formats::vdata::layout::*;
use qx_formats::{Error, Result};

/// A scored row in the order of answers: nearer first, then by row id, then by ordinal (ids may repeat in a bad file).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    distance: u32,
    id: u64,
    ordinal: u32,
}

/// One query, ready to be scored against rows.
pub(super) struct Scored<'a> {
    index: Open<'a>,
    scorer: Scorer<'a>,
    best: BinaryHeap<Rank>,
    k: usize,
    distances: u64,
    decoded: Vec<f32>,
    /// What an offered row is read from, where that is checked; and what was wrong with it first.
    pages: Vec<Pages<'a>>,
    damage: Option<Error>,
}

impl<'a> Scored<'a> {
    pub(super) fn new(index: Open<'a>, query: &'a [f32], k: usize) -> Self {
        let meta = index.meta();
        let query_norm = if meta.metric == Metric::Cosine { norm(query) } else { 0.0 };
        let element = if meta.compact { Element::F32 } else { meta.element };
        let scorer = Scorer::new(index.parsed.kernels, meta.metric, element, query, query_norm);
        // Where vectors are stored, codes are not read again.
        let read = [
            (KIND_CODES, if meta.compact { meta.code_len() } else { 0 }),
            (KIND_CODE_PARAMS, if meta.compact { CODE_PARAMS_LEN } else { 0 }),
            (KIND_VECTORS, meta.vector_len()),
            (KIND_NORMS, 4),
            (KIND_ROW_IDS, 8),
        ];
        let read = read.into_iter().filter(|&(_, each)| each > 0);
        let pages = read.filter_map(|(kind, each)| index.pages(kind, each)).collect();
        let decoded = Vec::new();
        Scored { index, scorer, best: BinaryHeap::new(), k, distances: 0, decoded, pages, damage: None }
    }

    /// Asks for the vector of a row that will be offered.
    #[inline(always)]
    pub(super) fn prefetch(&self, ordinal: u32) {
        kernel::prefetch(self.index.parsed.view.vector(self.index.bytes, ordinal).unwrap_or(&[]));
    }

    #[inline(always)]
    pub(super) fn offer(&mut self, ordinal: u32) {
        if let Some(e) = self.pages.iter().find_map(|p| p.row(ordinal).err()) {
            self.damage.get_or_insert(e);
            return;
        }
        let (view, bytes) = (&self.index.parsed.view, self.index.bytes);
        let norm = view.norm(bytes, ordinal).unwrap_or(0.0);
        let score = if view.meta.compact {
            if !rows::read(view, bytes, &self.index.parsed.mean, ordinal, &mut self.decoded) {
                return;
            }
            self.scorer.score(Components::of(&self.decoded).as_ref(), norm)
        } else {
            let Some(vector) = view.vector(bytes, ordinal) else { return };
            self.scorer.score(vector, norm)
        };
        self.distances += 1;
        let distance = ordered(if self.index.meta().metric.larger_is_nearer() { -score } else { score });
        if self.best.len() >= self.k && self.best.peek().is_some_and(|worst| distance > worst.distance) {
            return;
        }
        let id = view.row_id(bytes, ordinal).unwrap_or(0);
        let rank = Rank { distance, id: view.flavour.order(id), ordinal };
        if self.best.len() < self.k {
            self.best.push(rank);
        } else if let Some(mut worst) = self.best.peek_mut()
            && rank < *worst
        {
            *worst = rank;
        }
    }

    /// The worst of the best `k` by its distance; smaller is nearer, in the metric's own unit, negated where larger
    /// scores are nearer. `None` while there are fewer.
    pub(super) fn worst(&self) -> Option<f32> {
        (self.best.len() >= self.k).then(|| self.best.peek().map(|r| unordered(r.distance)))?
    }

    /// The answer, nearest first, and how many rows were scored.
    ///
    /// # Errors
    /// `Corrupt` when a row was read from a damaged page.
    pub(super) fn finish(self) -> Result<(Vec<Hit>, u64)> {
        if let Some(e) = self.damage {
            return Err(e);
        }
        let flip = self.index.meta().metric.larger_is_nearer();
        let hits = self.best.into_sorted_vec().into_iter().map(|r| {
            let distance = unordered(r.distance);
            Hit {
                segment: 0,
                ordinal: r.ordinal,
                row_id: self.index.parsed.view.row_id(self.index.bytes, r.ordinal).unwrap_or(0),
                // `+ 0.0`: the negative of zero is zero.
                score: if flip { -distance + 0.0 } else { distance },
            }
        });
        Ok((hits.collect(), self.distances))
    }
}
