//! 8-bit codes: how vectors become codes, and how near a query is to a coded row.
//!
//! A vector (divided by its norm under cosine) less the mean of all of them is `scale * code` in each component, with
//! codes within ±127. For all metrics the similarity of a query to a row is then one formula,
//! `query.scale * row.scale * sum(query.code * row.code) + row.bias`: larger is nearer, and terms that are the same
//! for every row of one query are left out. SPEC.md of the format has the derivation.

use qx_formats::vdata::Metric;
use qx_formats::vdata::layout::{CODE_ALIGN, CODE_MAX, CODE_ZERO};

use crate::kernel::{Coded, Kernels, Rows};
use crate::metric::{Components, norm};

/// Largest components outside these are not coded: sums of their squares would leave the range of f32.
pub(crate) const SAFE: std::ops::Range<f32> = 1e-12..1e12;

/// Adding and subtracting this rounds to the nearest integer, ties to even, for any magnitude up to 2^22.
const ROUND: f32 = 12_582_912.0;

/// As `round_ties_even`, for magnitudes up to 2^51: without a call, where the processor at hand may lack the instruction.
#[inline(always)]
fn round(x: f64) -> f64 {
    const ROUND: f64 = 6_755_399_441_055_744.0;
    (x + ROUND) - ROUND
}

impl<'a> From<&'a Query> for Coded<'a> {
    fn from(query: &'a Query) -> Self {
        Coded { codes: &query.codes, offset: query.offset, scale: query.scale }
    }
}

/// A coded query.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    pub codes: Vec<i8>,
    pub scale: f32,
    /// As [`Codes::lift`]; 0 for a query that is no row.
    pub lift: f32,
    /// [`CODE_ZERO`] times the sum of the codes: what the unsigned form of the row's codes adds to the sum.
    offset: i32,
}

impl Query {
    /// [`CODE_ZERO`] times the sum of the codes.
    pub(crate) fn offset(&self) -> i32 {
        self.offset
    }

    fn set_offset(&mut self) {
        self.offset = self.codes.iter().map(|&c| i32::from(c)).sum::<i32>() * i32::from(CODE_ZERO);
    }

    /// What [`Quantizer::centre`] left of a query, in sixteen bits: the upper eight, and the lower eight of what those
    /// leave, with a scale of their own.
    pub(crate) fn split(centred: &[f32], largest: f32) -> (Query, Query) {
        let scale = largest / CODE_MAX as f32;
        let (mut high, mut low) = (Query { scale, ..Query::default() }, Query::default());
        // What is left is at most half a step.
        low.scale = scale / 2.0 / CODE_MAX as f32;
        let (mut upper, mut lower) = (Vec::with_capacity(centred.len()), Vec::with_capacity(centred.len()));
        let (by, whole) = (1.0 / f64::from(scale), f64::from(CODE_MAX));
        for &x in centred {
            let steps = f64::from(x) * by;
            let up = round(steps).clamp(-whole, whole);
            upper.push(up);
            lower.push(round((steps - up) * (2.0 * whole)).clamp(-whole, whole));
        }
        high.codes.extend(upper.iter().map(|&code| code as i32 as i8));
        low.codes.extend(lower.iter().map(|&code| code as i32 as i8));
        for q in [&mut high, &mut low] {
            q.codes.resize(centred.len().next_multiple_of(CODE_ALIGN), 0);
            q.set_offset();
        }
        (high, low)
    }

    /// The codes of a stored row, as a query; `offset` is [`offset_of`] them.
    pub(crate) fn set_row(&mut self, codes: &[u8], scale: f32, lift: f32, offset: i32) {
        self.lift = lift;
        self.codes.clear();
        self.codes.extend(codes.iter().map(|&c| (c ^ CODE_ZERO) as i8));
        self.scale = scale;
        self.offset = offset;
    }
}

/// [`CODE_ZERO`] times the sum of the signed codes of a stored row.
pub(crate) fn offset_of(codes: &[u8]) -> i32 {
    codes.iter().map(|&c| i32::from((c ^ CODE_ZERO) as i8)).sum::<i32>() * i32::from(CODE_ZERO)
}

/// What a vector is coded as: its codes, scale and bias.
#[derive(Debug)]
pub(crate) struct Quantizer<'a> {
    metric: Metric,
    mean: &'a [f32],
}

/// Divides by the norm; a zero vector stays as it is.
pub(crate) fn to_unit(v: &mut [f32]) {
    let n = norm(v);
    if n > 0.0 && n.is_finite() {
        v.iter_mut().for_each(|x| *x /= n);
    }
}

impl<'a> Quantizer<'a> {
    pub(crate) fn new(metric: Metric, mean: &'a [f32]) -> Self {
        Quantizer { metric, mean }
    }

    /// Turns `v` into what is left of it to code, and returns the largest magnitude in it.
    pub(crate) fn centre(&self, v: &mut [f32]) -> f32 {
        if self.metric == Metric::Cosine {
            to_unit(v);
        }
        let mut largest = 0f32;
        for (x, m) in v.iter_mut().zip(self.mean) {
            *x -= m;
            largest = largest.max(x.abs());
        }
        largest
    }

    /// Codes what [`Quantizer::centre`] left into `codes` (signed, not padded); returns the scale.
    fn code(centred: &[f32], largest: f32, mut put: impl FnMut(f32)) -> f32 {
        if largest < SAFE.start {
            centred.iter().for_each(|_| put(0.0));
            return 0.0;
        }
        let by = CODE_MAX as f32 / largest;
        centred.iter().for_each(|&x| put((x * by + ROUND) - ROUND));
        largest / CODE_MAX as f32
    }

    /// Codes a query. `v` is overwritten.
    pub(crate) fn query(&self, v: &mut [f32], out: &mut Query) {
        let largest = self.centre(v);
        out.lift = 0.0;
        out.codes.clear();
        out.scale = Self::code(v, largest, |c| out.codes.push(c as i8));
        out.codes.resize(v.len().next_multiple_of(CODE_ALIGN), 0);
        out.set_offset();
    }

    /// Codes a row into exactly its padded length; returns scale and bias. `v` is overwritten.
    pub(crate) fn row(&self, v: &mut Vec<f32>, codes: &mut [u8]) -> [f32; 2] {
        let largest = self.centre(v);
        codes.fill(CODE_ZERO);
        let mut slots = codes.iter_mut();
        let scale = Self::code(v, largest, |c| {
            if let Some(slot) = slots.next() {
                *slot = (c as i32 + i32::from(CODE_ZERO)) as u8;
            }
        });
        [scale, self.bias(v, codes, scale)]
    }

    /// The bias of a coded row. `v` is overwritten.
    pub(crate) fn bias(&self, v: &mut Vec<f32>, codes: &[u8], scale: f32) -> f32 {
        match self.metric {
            Metric::L2 => -0.5 * square(codes, scale),
            Metric::Ip | Metric::Cosine => {
                // `v` becomes the codes as floats, for the one float sum of this crate.
                v.clear();
                v.extend(self.mean.iter().zip(codes).map(|(_, &c)| f32::from(c) - f32::from(CODE_ZERO)));
                let sum = Kernels::best().ip(qx_formats::vdata::Element::F32)(self.mean, Components::of(v).as_ref());
                scale * sum
            }
        }
    }
}

/// Squared length of the coded vector.
pub(crate) fn square(codes: &[u8], scale: f32) -> f32 {
    let sum: i32 = codes.iter().map(|&c| (i32::from(c) - i32::from(CODE_ZERO)).pow(2)).sum();
    sum as f32 * scale * scale
}

/// The coded rows of an index, in a file or in the making.
#[derive(Clone, Copy)]
pub(crate) struct Codes<'a> {
    pub kernels: &'static Kernels,
    pub codes: &'a [u8],
    /// Bytes of one row of `codes`.
    pub each: usize,
    pub params: &'a [u8],
    /// While a graph for `ip` is built: one more component of each row, which puts all of them on a sphere, so that
    /// the nearest by angle are the nearest by inner product. Else empty. Queries have 0 there.
    pub lift: &'a [f32],
}

impl<'a> Codes<'a> {
    /// Empty beyond the last row.
    #[inline(always)]
    pub(crate) fn row(&self, row: u32) -> &'a [u8] {
        self.rows().get(row)
    }

    #[inline(always)]
    pub(crate) fn params(&self, row: u32) -> [f32; 2] {
        self.rows().params(row)
    }

    #[inline(always)]
    pub(crate) fn rows(&self) -> Rows<'a> {
        Rows { codes: self.codes, each: self.each, params: self.params }
    }

    /// Calls `each` with these rows and their similarities: larger is nearer. `memory` is that and nothing else.
    #[inline(always)]
    pub(crate) fn similarities(
        &self,
        query: &Query,
        rows: &[u32],
        memory: &mut Vec<f32>,
        mut each: impl FnMut(u32, f32),
    ) {
        if memory.len() < rows.len() {
            memory.resize(rows.len(), 0.0);
        }
        (self.kernels.near)(self.rows(), rows, query.into(), memory);
        for (&row, &similarity) in rows.iter().zip(&*memory) {
            each(row, self.lifted(similarity, query, row));
        }
    }

    #[inline(always)]
    fn lifted(&self, similarity: f32, query: &Query, row: u32) -> f32 {
        match self.lift.get(row as usize) {
            Some(lift) => similarity + query.lift * lift,
            None => similarity,
        }
    }
}
