//! Exact answers: what a scan of all vectors would give, read from the codes where they suffice.
//!
//! The codes of a row bound its score from both sides (SPEC.md of the format, *How far a code is from its vector*). One
//! pass over the codes keeps the rows whose better bound is not worse than the worse bound of the `k`-th best; only
//! those are scored on their vectors, the most promising first, until no bound that is left can enter the answer. The
//! query is coded with sixteen bits, as two rows of eight, so that the error is that of the rows alone.

use std::collections::BinaryHeap;

use super::rank::Scored;
use crate::filter::Filter;
use crate::index::{Open, SearchStats};
use crate::kernel::{BLOCK, Screen, Test};
use crate::metric::Metric;
use crate::packed::Packed;
use crate::quant::{Codes, Quantizer, Query};
use crate::walk::{ordered, unordered};
use qx_formats::Result;
use qx_formats::vdata::layout::{KIND_CODE_PARAMS, KIND_CODES};

/// Fewer rows than this many times `k` are scored on their vectors at once.
const SCAN_BELOW: u64 = 8;
/// Rounding of f32 in the sums of one row, as a share of the magnitudes in it; grows with the terms of a lane.
const ROUNDING: f64 = 1.2e-7;

/// Offers to `scored` every row that can be in the answer.
pub(super) fn scan(
    index: Open<'_>,
    query: &[f32],
    k: usize,
    filter: Option<&Filter>,
    scored: &mut Scored<'_>,
    stats: &mut SearchStats,
) -> Result<()> {
    let rows = index.meta().rows as u32;
    let few = stats.matches <= (k as u64).saturating_mul(SCAN_BELOW);
    let bounds = if index.meta().codes && !few { Bounds::new(index, query) } else { None };
    let Some(bounds) = bounds else {
        match filter {
            Some(filter) => filter.for_each(|row| scored.offer(row)),
            None => (0..rows).for_each(|row| scored.offer(row)),
        }
        return Ok(());
    };
    index.check_section(KIND_CODES)?;
    index.check_section(KIND_CODE_PARAMS)?;
    let mut sieve = Sieve { bounds, index, k, best: BinaryHeap::new(), limit: f32::INFINITY, kept: Vec::new() };
    sieve.all(rows, filter);
    stats.code_distances += stats.matches;
    let Sieve { mut kept, limit, .. } = sieve;
    kept.retain(|&(low, _)| low <= limit);
    kept.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    for (low, row) in kept {
        if scored.worst().is_some_and(|worst| low > worst) {
            break;
        }
        scored.offer(row);
    }
    Ok(())
}

/// Sum of what `of` makes of two components, in lanes that do not wait for each other.
#[inline(always)]
fn sum<A: Copy, B: Copy>(a: &[A], b: &[B], of: impl Fn(A, B) -> f64) -> f64 {
    let mut lanes = [0.0; 8];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (a, b) in a.iter().zip(b) {
        for (lane, (&a, &b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += of(a, b);
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(&a, &b)| of(a, b)).sum();
    lanes.iter().sum::<f64>() + rest
}

/// What is known of one query before any row is looked at.
struct Bounds {
    metric: Metric,
    high: Query,
    low: Query,
    /// Scale of `low` over that of `high`.
    low_scale: f32,
    /// Squared length of the query less the mean.
    square: f32,
    /// Squared length of its upper eight bits, and how far they are from it.
    upper_square: f32,
    upper_error: f32,
    /// Error of a similarity for each unit of a row's scale: of the row's codes (ip, cosine) and of the query's.
    row: f32,
    query: f32,
    /// Error for each unit of scale of a distance (l2): half of the square root of the dimension.
    reach: f32,
    /// Share of the magnitudes that rounding may have lost.
    slack: f32,
    /// What a similarity leaves out of an inner product, with its own error.
    shift: f32,
    shift_error: f32,
    /// Length of the query; 1 under cosine.
    length: f32,
    mean_length: f32,
    dim: f32,
}

impl Bounds {
    /// `None` where magnitudes are too large or too small for the bounds to hold.
    fn new(index: Open<'_>, query: &[f32]) -> Option<Bounds> {
        let metric = index.meta().metric;
        let mean = &index.parsed.mean;
        let mut centred = query.to_vec();
        let largest = Quantizer::new(metric, mean).centre(&mut centred);
        if !(1e-10..1e10).contains(&largest) {
            return None;
        }
        let mut unit = query.to_vec();
        if metric == Metric::Cosine {
            crate::quant::to_unit(&mut unit);
        }
        let (high, low) = Query::split(&centred, largest);
        let dot = |a: &[f32], b: &[f32]| sum(a, b, |a, b| f64::from(a) * f64::from(b));
        let dim = query.len() as f64;
        let slack = ROUNDING * (dim / 32.0 + 24.0);
        let (length, mean_length) = (dot(&unit, &unit).sqrt(), dot(mean, mean).sqrt());
        let step = f64::from(high.scale);
        let codes = &high.codes[..centred.len()];
        let upper_square = sum(codes, codes, |code, _| (f64::from(code) * step).powi(2));
        let upper_error = sum(&centred, codes, |c, code| (f64::from(c) - f64::from(code) * step).powi(2)).sqrt();
        // What is left of the query after sixteen bits: half a step of `low` in each component.
        let left = f64::from(low.scale) * 0.51 * dim.sqrt();
        Some(Bounds {
            metric,
            low_scale: low.scale / high.scale,
            high,
            low,
            square: dot(&centred, &centred) as f32,
            upper_square: upper_square as f32,
            upper_error: (upper_error * 1.000_001) as f32,
            row: (length * 0.501 * dim.sqrt()) as f32,
            query: (left * 127.0 * dim.sqrt()) as f32,
            reach: (0.501 * dim.sqrt()) as f32,
            slack: slack as f32,
            shift: dot(&unit, mean) as f32,
            shift_error: (slack * length * mean_length) as f32,
            length: length as f32,
            mean_length: mean_length as f32,
            dim: dim as f32,
        })
    }

    fn screen<'a>(&self, codes: &Codes<'a>, query: [&'a [i8]; 2]) -> Screen<'a> {
        // Products of rows that may be long move by as much; those of unit vectors and distances by no more than the query
        // does, so that its upper half will do at first.
        let both = self.metric == Metric::Ip;
        let lost = self.slack * self.length;
        let test = match self.metric {
            Metric::L2 => Test::Distance { square: self.upper_square, fixed: self.upper_error, reach: self.reach },
            Metric::Ip => Test::Product {
                shift: self.shift,
                // The length of a row: of the mean and of what is left.
                fixed: self.shift_error + lost * self.mean_length,
                reach: self.row + lost * 127.0 * self.dim.sqrt(),
            },
            Metric::Cosine => Test::Product {
                shift: self.shift,
                // The lower half of the query takes part by its length times that of the row as it is coded: of a unit
                // vector, or none, less the mean, and what coding moves it by.
                fixed: self.shift_error + lost * 2.0 + self.upper_error * (1.0 + self.mean_length) * 1.000_01,
                reach: self.row + self.upper_error * self.reach,
            },
        };
        Screen {
            rows: codes.rows(),
            query,
            both,
            offsets: [self.high.offset(), if both { self.low.offset() } else { 0 }],
            scale: self.high.scale,
            low_scale: self.low_scale,
            error: self.query,
            slack: self.slack,
            test,
        }
    }

    /// Lower and upper bound of the distance of a row: smaller is nearer, in the unit of [`Scored::worst`].
    #[inline(always)]
    fn of(&self, sum: i32, low_sum: i32, [scale, bias]: [f32; 2]) -> (f32, f32) {
        let product = (sum as f32 + low_sum as f32 * self.low_scale) * (self.high.scale * scale);
        let similarity = product + bias;
        let lost = self.slack * (product.abs() + bias.abs()) + self.query * scale;
        match self.metric {
            Metric::L2 => {
                let squared = self.square - 2.0 * similarity;
                let lost = 2.0 * lost + self.slack * (self.square + 2.0 * bias.abs());
                let reach = self.reach * scale;
                let low = (squared - lost).max(0.0).sqrt() - reach;
                let high = (squared + lost).max(0.0).sqrt() + reach;
                (low * (1.0 - self.slack), high * (1.0 + self.slack))
            }
            Metric::Ip | Metric::Cosine => {
                let row = self.mean_length + 127.0 * scale * self.dim.sqrt();
                let row = if self.metric == Metric::Cosine { row.min(2.0) } else { row };
                let error = lost + self.row * scale + self.shift_error + self.slack * self.length * row;
                let score = similarity + self.shift;
                (-(score + error), -(score - error))
            }
        }
    }
}

/// The rows that may still be in the answer.
struct Sieve<'a> {
    bounds: Bounds,
    index: Open<'a>,
    k: usize,
    /// The `k` lowest upper bounds, the highest of them on top.
    best: BinaryHeap<u32>,
    /// That highest one.
    limit: f32,
    kept: Vec<(f32, u32)>,
}

impl Sieve<'_> {
    fn all(&mut self, rows: u32, filter: Option<&Filter>) {
        let codes = self.index.codes();
        let (high, low) = (self.bounds.high.codes.clone(), self.bounds.low.codes.clone());
        let screen = self.bounds.screen(&codes, [&high, &low]);
        let Some((filter, list)) = filter.and_then(|f| Some((f, f.list()?))) else {
            let allowed = |block| filter.map_or(u64::MAX, |f| f.word(block));
            return self.blocks(&codes, &screen, rows, allowed, |row| row);
        };
        match filter.packed(self.index.parsed.view.container.uuid, |rows| Packed::new(&codes, rows)) {
            Some(packed) => {
                let codes = packed.codes(&codes);
                let screen = Screen { rows: codes.rows(), ..screen };
                self.blocks(&codes, &screen, list.len() as u32, |_| u64::MAX, |at| list[at as usize]);
            }
            None => list.chunks(BLOCK).for_each(|some| self.some(&codes, &screen, some)),
        }
    }

    /// The first `rows` of `codes`, as far as `allowed` (bits of a block) lets them; `name` is that of a row in the file.
    #[inline(always)]
    fn blocks(
        &mut self,
        codes: &Codes<'_>,
        screen: &Screen<'_>,
        rows: u32,
        allowed: impl Fn(usize) -> u64,
        name: impl Fn(u32) -> u32,
    ) {
        let mut sums = [[0; BLOCK]; 2];
        for first in (0..rows).step_by(BLOCK) {
            let allowed = allowed(first as usize / BLOCK);
            if allowed == 0 {
                continue;
            }
            let mut pass = allowed & (codes.kernels.pass)(screen, first as usize, self.limit, &mut sums);
            while pass != 0 {
                let i = pass.trailing_zeros() as usize;
                pass &= pass - 1;
                let at = first + i as u32;
                self.take(name(at), codes.row(at), sums[0][i], codes.params(at));
            }
        }
    }

    /// Rows that stand apart from each other.
    fn some(&mut self, codes: &Codes<'_>, screen: &Screen<'_>, rows: &[u32]) {
        let mut sums = [[0; BLOCK]; 2];
        let halves = if screen.both { 2 } else { 1 };
        for (query, sums) in screen.query.into_iter().zip(&mut sums).take(halves) {
            (codes.kernels.dots)(screen.rows, rows, query, sums);
        }
        let [high, low] = &sums;
        for ((&row, &high), &low) in rows.iter().zip(high).zip(low) {
            let params = codes.params(row);
            let excess = screen.excess_of([high, low], params, self.limit);
            if excess <= 0.0 || excess.is_nan() {
                self.take(row, codes.row(row), high, params);
            }
        }
    }

    #[inline(always)]
    fn take(&mut self, row: u32, codes: &[u8], high: i32, params: [f32; 2]) {
        let low = (self.index.parsed.kernels.dot)(codes, &self.bounds.low.codes);
        let high = high.wrapping_sub(self.bounds.high.offset());
        let low = low.wrapping_sub(self.bounds.low.offset());
        let (near, far) = self.bounds.of(high, low, params);
        // A file that lies may give NaN; such a row is kept and scored.
        if near > self.limit {
            return;
        }
        self.kept.push((if near.is_nan() { f32::NEG_INFINITY } else { near }, row));
        if far >= self.limit || far.is_nan() {
            return;
        }
        self.best.push(ordered(far));
        if self.best.len() > self.k {
            self.best.pop();
        }
        if self.best.len() == self.k {
            self.limit = self.best.peek().map_or(f32::INFINITY, |&bits| unordered(bits));
        }
    }
}
