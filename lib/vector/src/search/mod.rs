//! Answering a query: by a scan that the codes cut short, or by a walk on the codes whose best are scored again on the
//! vectors.

mod exact;
mod rank;

use crate::index::{Hit, Open, Path, SearchOptions, SearchStats};
use crate::metric::Metric;
use crate::quant::{Codes, Quantizer, Query};
use crate::walk::Scratch;
use qx_formats::Result;
use qx_formats::vdata::Engine;
use qx_formats::vdata::layout::KIND_GRAPH;
use rank::Scored;

/// A walk of `ef` scores about this many times `ef` rows, each at the price of [`WALK_PRICE`] rows of a scan.
const WALK_ROWS: u64 = 8;
const WALK_PRICE: u64 = 4;
/// A filtered walk that has scored this many times what was expected gives up.
const PATIENCE: u64 = 4;

/// The nearest of which `ef_sure` of META speaks.
const SURE_NEAREST: usize = 10;

/// Standard deviations of the codes' error within which a row is scored on its vector.
const SURE: f32 = 3.0;

/// `query` fits the index and is finite.
pub(crate) fn search(
    index: Open<'_>,
    query: &[f32],
    k: usize,
    opts: &SearchOptions<'_>,
) -> Result<(Vec<Hit>, SearchStats)> {
    let rows = index.meta().rows;
    let matches = opts.filter.map_or(rows, |f| f.count().min(rows));
    let k = k.min(usize::try_from(matches).unwrap_or(usize::MAX));
    let mut stats = SearchStats { matches, ..SearchStats::default() };
    if k == 0 {
        return Ok((Vec::new(), stats));
    }
    let ef = opts.ef.unwrap_or(index.meta().ef_search as usize).max(k);
    let sure = index.meta().ef_sure as usize;
    // What is left of an answer under a filter is nobody's to tune: it finds nearly all, on a weak graph too.
    let ef = if opts.filter.is_some() { ef.max(sure_of(sure, k)) } else { ef };
    // A filter hides some of the rows that a walk meets; those that are left must still be as many.
    let cost = (ef as u64).saturating_mul(WALK_ROWS * WALK_PRICE).saturating_mul(rows) / matches.max(1);
    stats.path = if opts.exact {
        Path::Exact
    } else if index.meta().engine == Engine::Flat {
        Path::Flat
    } else if index.meta().metric == Metric::Cosine && query.iter().all(|&v| v == 0.0) {
        // Every row is equally far from a zero vector, so that no walk leads anywhere.
        Path::ZeroQuery
    } else if matches <= cost {
        if opts.filter.is_some() { Path::FewMatches } else { Path::FewRows }
    } else if opts.filter.is_some() && sure == 0 {
        Path::Unmeasured
    } else {
        Path::Graph
    };
    let mut scored = Scored::new(index, query, k);
    if stats.path == Path::Graph && !walk(index, query, k, ef, opts, &mut scored, &mut stats)? {
        stats.path = Path::WalkGaveUp;
    }
    if stats.path != Path::Graph {
        exact::scan(index, query, k, opts.filter, &mut scored, &mut stats)?;
    }
    let (hits, distances) = scored.finish()?;
    stats.vector_distances = distances;
    Ok((hits, stats))
}

/// The `ef` that finds nearly all of the nearest `k`, where one is known for fewer of them: as many times more as there are
/// more, since rows that stand in tight groups are met group by group.
fn sure_of(sure: usize, k: usize) -> usize {
    sure.saturating_mul(k.div_ceil(SURE_NEAREST)).max(k.saturating_add(k / 2))
}

/// False when the walk found fewer rows than there are, or gave up: the rows are scanned then.
fn walk(
    index: Open<'_>,
    query: &[f32],
    k: usize,
    ef: usize,
    opts: &SearchOptions<'_>,
    scored: &mut Scored<'_>,
    stats: &mut SearchStats,
) -> Result<bool> {
    let rows = index.meta().rows as u32;
    let ef = ef.min(rows as usize);
    let (codes, graph, starts) = (index.codes(), index.graph(), index.starts()?);
    index.parsed.scratch.with(|scratch| {
        scratch.vector.clear();
        scratch.vector.extend_from_slice(query);
        let mut vector = std::mem::take(&mut scratch.vector);
        Quantizer::new(index.meta().metric, &index.parsed.mean).query(&mut vector, &mut scratch.query);
        scratch.vector = vector;
        let walked = match opts.filter {
            None => {
                scratch.walk(&codes, &graph, starts, rows, ef);
                true
            }
            Some(filter) => {
                let expected = (ef as u64 * WALK_ROWS).saturating_mul(u64::from(rows)) / stats.matches.max(1);
                let budget = expected.saturating_mul(PATIENCE);
                scratch.walk_allowed(&codes, &graph, starts, rows, ef, filter, budget)
            }
        };
        stats.code_distances = scratch.distances;
        stats.expanded = scratch.expanded.len() as u64;
        check(index, scratch)?;
        // Fewer than asked for: a graph that lies, or a filter whose rows hide behind others.
        if !walked || scratch.nearest().len() < k {
            return Ok(false);
        }
        let margin = margin(&codes, &scratch.query, scratch.nearest().get(k - 1).map(|n| n.row()));
        let rows = scratch.promising(k, margin);
        rows.clone().for_each(|row| scored.prefetch(row));
        rows.for_each(|row| scored.offer(row));
        Ok(true)
    })
}

/// That what a walk has read is whole, where that is asked for.
fn check(index: Open<'_>, walked: &Scratch) -> Result<()> {
    if let Some(graph) = index.pages(KIND_GRAPH, index.meta().degree as usize * 4) {
        walked.expanded.iter().try_for_each(|&row| graph.row(row))?;
    }
    index.check_codes(walked.met())
}

/// How far the similarities of two rows by their codes may lie apart while their vectors order them the other way.
///
/// Each code is off by a number that is spread evenly over a step, so that the error of a sum of many is nearly normal:
/// a twelfth of a squared step in each component of the row, of the query, and of the bias. Both rows have it.
fn margin(codes: &Codes<'_>, query: &Query, last: Option<u32>) -> f32 {
    let Some(last) = last else { return f32::INFINITY };
    let [scale, _] = codes.params(last);
    let length: i64 = query.codes.iter().map(|&c| i64::from(c) * i64::from(c)).sum();
    let deviation = query.scale * scale * (length as f32 * (3.0 / 12.0)).sqrt();
    SURE * deviation * std::f32::consts::SQRT_2
}

/// The best `k` of these rows, by their vectors.
pub(crate) fn rescore(index: Open<'_>, query: &[f32], ordinals: &[u32], k: usize) -> Result<Vec<Hit>> {
    if k == 0 {
        return Ok(Vec::new());
    }
    let mut scored = Scored::new(index, query, k.min(ordinals.len().max(1)));
    ordinals.iter().for_each(|&row| scored.offer(row));
    Ok(scored.finish()?.0)
}
