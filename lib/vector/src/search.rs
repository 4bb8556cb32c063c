//! Answering a query: by scanning the vectors, or by a walk on the codes whose best are scored again on the vectors.

use std::collections::BinaryHeap;

use crate::index::{Hit, Open, SearchOptions, SearchStats};
use crate::metric::{Metric, Scorer, norm};
use crate::quant::Quantizer;
use crate::walk::ordered;
use qx_formats::vdata::Engine;
use rayon::prelude::*;

/// A walk of `ef` scores about this many times `ef` rows; an index with no more rows is scanned at that price.
const SCAN_BELOW: usize = 8;
/// Rows that are looked at to guess how many a filter lets through.
const SAMPLE: u64 = 512;

/// A scored row in the order of answers: nearer first, then by row id, then by ordinal (ids may repeat in a bad file).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    distance: u32,
    id: u64,
    ordinal: u32,
}

/// One query, ready to be scored against rows.
struct Scored<'a> {
    index: Open<'a>,
    scorer: Scorer<'a>,
    best: BinaryHeap<Rank>,
    k: usize,
    distances: u64,
}

impl<'a> Scored<'a> {
    fn new(index: Open<'a>, query: &'a [f32], k: usize) -> Self {
        let meta = index.meta();
        let query_norm = if meta.metric == Metric::Cosine { norm(query) } else { 0.0 };
        let scorer = Scorer::new(index.parsed.kernels, meta.metric, meta.element, query, query_norm);
        Scored { index, scorer, best: BinaryHeap::new(), k, distances: 0 }
    }

    #[inline(always)]
    fn offer(&mut self, ordinal: u32) {
        let (view, bytes) = (&self.index.parsed.view, self.index.bytes);
        let Some(vector) = view.vector(bytes, ordinal) else { return };
        let score = self.scorer.score(vector, view.norm(bytes, ordinal).unwrap_or(0.0));
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

    fn finish(self) -> (Vec<Hit>, u64) {
        let flip = self.index.meta().metric.larger_is_nearer();
        let hits = self.best.into_sorted_vec().into_iter().map(|r| {
            let bits = if r.distance >> 31 == 1 { r.distance & 0x7FFF_FFFF } else { !r.distance };
            let distance = f32::from_bits(bits);
            // `+ 0.0`: the negative of zero is zero.
            let score = if flip { -distance + 0.0 } else { distance };
            Hit {
                ordinal: r.ordinal,
                row_id: self.index.parsed.view.row_id(self.index.bytes, r.ordinal).unwrap_or(0),
                score,
            }
        });
        (hits.collect(), self.distances)
    }
}

/// `query` fits the index and is finite.
pub(crate) fn search(index: Open<'_>, query: &[f32], k: usize, opts: &SearchOptions<'_>) -> (Vec<Hit>, SearchStats) {
    let rows = index.meta().rows as usize;
    let k = k.min(rows);
    if k == 0 {
        return (Vec::new(), SearchStats::default());
    }
    let ef = opts.ef.unwrap_or(index.meta().ef_search as usize).clamp(k, rows.max(k));
    // Every row is equally far from a zero vector under cosine, so that no walk leads anywhere.
    let aimless = index.meta().metric == Metric::Cosine && query.iter().all(|&v| v == 0.0);
    let scan = opts.exact || aimless || index.meta().engine == Engine::Flat || rows <= ef.saturating_mul(SCAN_BELOW);
    let mut scored = Scored::new(index, query, k);
    let mut stats = SearchStats { exact: scan, ..SearchStats::default() };
    if scan || !walk(index, query, k, ef, opts, &mut scored, &mut stats) {
        stats.exact = true;
        scan_all(rows as u32, opts, &mut scored);
    }
    let (hits, distances) = scored.finish();
    stats.vector_distances = distances;
    (hits, stats)
}

/// All queries fit the index.
pub(crate) fn search_many(
    index: Open<'_>,
    queries: &[Vec<f32>],
    k: usize,
    ef: Option<usize>,
    exact: bool,
) -> Vec<Vec<Hit>> {
    queries.par_iter().map(|q| search(index, q, k, &SearchOptions { ef, exact, allow: None }).0).collect()
}

fn scan_all(rows: u32, opts: &SearchOptions<'_>, scored: &mut Scored<'_>) {
    match opts.allow {
        Some(allow) => (0..rows).filter(|&r| allow(u64::from(r))).for_each(|r| scored.offer(r)),
        None => (0..rows).for_each(|r| scored.offer(r)),
    }
}

/// False when the walk would not pay or found fewer rows than there are; the vectors are scanned then.
fn walk(
    index: Open<'_>,
    query: &[f32],
    k: usize,
    ef: usize,
    opts: &SearchOptions<'_>,
    scored: &mut Scored<'_>,
    stats: &mut SearchStats,
) -> bool {
    let rows = index.meta().rows as u32;
    let (codes, graph, entries) = (index.codes(), index.graph(), &index.parsed.entries);
    // Rows that a filter lets through, as a share of all: the walk has to pass the others by.
    let budget = match opts.allow {
        None => u64::MAX,
        Some(allow) => {
            let step = (u64::from(rows) / SAMPLE).max(1);
            let seen = (0..u64::from(rows)).step_by(step as usize);
            let (all, allowed) = seen.fold((0u64, 0u64), |(n, a), row| (n + 1, a + u64::from(allow(row))));
            let matches = u64::from(rows) * allowed / all.max(1);
            let walk_cost = (ef * SCAN_BELOW) as u64 * all / allowed.max(1);
            if matches <= walk_cost {
                return false;
            }
            walk_cost.saturating_mul(4)
        }
    };
    index.parsed.scratch.with(|scratch| {
        scratch.vector.clear();
        scratch.vector.extend_from_slice(query);
        let mut vector = std::mem::take(&mut scratch.vector);
        Quantizer::new(index.meta().metric, &index.parsed.mean).query(&mut vector, &mut scratch.query);
        scratch.vector = vector;
        let walked = match opts.allow {
            None => {
                scratch.walk(&codes, &graph, entries, rows, ef);
                true
            }
            Some(allow) => scratch.walk_allowed(&codes, &graph, entries, rows, ef, allow, budget),
        };
        stats.code_distances = scratch.distances;
        // Fewer than asked for: a graph that lies, or a filter whose rows hide behind others.
        if !walked || scratch.nearest().len() < k {
            return false;
        }
        scratch.nearest().for_each(|row| scored.offer(row));
        true
    })
}
