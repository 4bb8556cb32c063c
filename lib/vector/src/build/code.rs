//! Coding all rows: their mean, then eight bits a component.

use qx_formats::Result;
use qx_formats::vdata::Metric;
use qx_formats::vdata::layout::{CODE_ALIGN, CODE_ZERO};
use qx_io::Job;
use rayon::prelude::*;

use super::ingest::Ingested;
use super::{BuildOptions, CodeKind};
use crate::metric::norm;
use crate::quant::{Quantizer, SAFE, square, to_unit};

/// Rows of one partial sum: fixed, so that the mean does not depend on the number of threads.
const BLOCK: usize = 4096;

/// Codes of all rows.
#[derive(Debug)]
pub(super) struct Coded {
    pub metric: Metric,
    pub mean: Vec<f32>,
    /// `each` bytes a row.
    pub codes: Vec<u8>,
    pub each: usize,
    /// Scale and bias.
    pub params: Vec<[f32; 2]>,
}

impl Coded {
    /// `None` when the magnitudes in the data are too large or too small for f32 sums of squares.
    pub(super) fn new(data: &Ingested<'_>, opts: &BuildOptions, job: &Job) -> Result<Option<Coded>> {
        let metric = opts.metric;
        let rows = data.rows();
        let each = (data.dim as usize).next_multiple_of(CODE_ALIGN);
        let told = opts.centre.as_deref().filter(|c| opts.codes == CodeKind::Only && c.len() == data.dim as usize);
        let mean = match data.carried.as_ref().map(|c| c.mean).or(told) {
            Some(mean) => mean.to_vec(),
            None => mean(data, metric),
        };
        job.progress.phase("coding vectors", Some(rows as u64), "rows");
        let quantizer = Quantizer::new(metric, &mean);
        let mut codes = vec![0; rows * each];
        let mut params = vec![[0f32; 2]; rows];
        if each == 0 {
            return Ok(Some(Coded { metric, mean, codes, each, params }));
        }
        let largest = codes
            .par_chunks_mut(each * BLOCK)
            .zip(params.par_chunks_mut(BLOCK))
            .enumerate()
            .map(|(block, (codes, params))| {
                let mut v = Vec::new();
                let mut largest = 0f32;
                for (i, (codes, params)) in codes.chunks_mut(each).zip(params.iter_mut()).enumerate() {
                    *params = code(data, &quantizer, block * BLOCK + i, &mut v, codes);
                    // A scale that is NaN or infinite must not pass for a small one.
                    let size = if params.iter().all(|p| p.is_finite()) { params[0] * 127.0 } else { f32::INFINITY };
                    largest = largest.max(size);
                }
                job.progress.advance(params.len() as u64);
                largest
            })
            .reduce(|| 0.0, f32::max);
        job.cancel.check()?;
        data.check()?;
        // Directions of vectors whose length f32 hardly holds are lost before they are coded.
        let lengths = data.norms.iter().all(|&n| n == 0.0 || (1e-30..=f32::MAX).contains(&n));
        // Codes that are taken over are the vectors: nothing is lost in them.
        let kept = data.carried.as_ref().is_some_and(|c| c.count == rows as u64);
        let whole = kept || SAFE.contains(&largest) || largest == 0.0 && all_equal(data);
        let fits = lengths && largest < SAFE.end && whole;
        Ok(fits.then_some(Coded { metric, mean, codes, each, params }))
    }

    /// Squared lengths of the coded rows, less the mean.
    pub(super) fn squares(&self) -> Vec<f32> {
        let rows = self.codes.par_chunks_exact(self.each.max(1)).zip(&self.params);
        rows.map(|(codes, params)| square(codes, params[0])).collect()
    }

    /// Norms of what the codes say; 0 where the vector's own is.
    pub(super) fn norms(&self, own: &[f32]) -> Vec<f32> {
        let rows = self.codes.par_chunks_exact(self.each.max(1)).zip(&self.params).zip(own);
        rows.map_init(Vec::new, |v, ((codes, params), &own)| {
            if own == 0.0 {
                return 0.0;
            }
            v.clear();
            crate::rows::decode(&self.mean, codes, params[0], v);
            norm(v)
        })
        .collect()
    }

    /// Replaces `out` with the vector that a compact index has for a row: what its codes say, zero where it was zero
    /// under cosine.
    pub(super) fn vector(&self, data: &Ingested<'_>, row: usize, out: &mut Vec<f32>) {
        out.clear();
        if data.norms.get(row) == Some(&0.0) {
            out.resize(self.mean.len(), 0.0);
            return;
        }
        let codes = self.codes.get(row * self.each..(row + 1) * self.each).unwrap_or(&[]);
        crate::rows::decode(&self.mean, codes, self.params.get(row).map_or(0.0, |p| p[0]), out);
    }

    /// See [`Codes::lift`](crate::quant::Codes::lift): with it, the coded rows (mean added again) are all of one
    /// length.
    pub(super) fn lift(&self, squares: &[f32]) -> Vec<f32> {
        if self.metric != Metric::Ip {
            return Vec::new();
        }
        let mean = norm(&self.mean);
        let whole: Vec<f32> =
            squares.iter().zip(&self.params).map(|(square, [_, bias])| mean * mean + 2.0 * bias + square).collect();
        let longest = whole.iter().copied().fold(0.0, f32::max);
        whole.into_iter().map(|square| (longest - square).sqrt()).collect()
    }
}

/// Codes of a row, those of its source where they are taken over, into `codes`; returns scale and bias. `v` is memory.
fn code(data: &Ingested<'_>, quantizer: &Quantizer<'_>, row: usize, v: &mut Vec<f32>, codes: &mut [u8]) -> [f32; 2] {
    let Some(kept) = data.carried.as_ref().and_then(|c| c.get(row)) else {
        data.vector(row, v);
        return quantizer.row(v, codes);
    };
    codes.fill(CODE_ZERO);
    codes.iter_mut().zip(kept.codes.iter().take(data.dim as usize)).for_each(|(to, &from)| *to = from);
    [kept.scale, quantizer.bias(v, codes, kept.scale)]
}

/// All rows equal: codes of zero are right then, unless the differences were lost because they are tiny.
fn all_equal(data: &Ingested<'_>) -> bool {
    let (mut first, mut v) = (Vec::new(), Vec::new());
    data.vector(0, &mut first);
    (1..data.rows()).all(|row| {
        data.vector(row, &mut v);
        v == first
    })
}

fn mean(data: &Ingested<'_>, metric: Metric) -> Vec<f32> {
    let dim = data.dim as usize;
    let rows = data.rows();
    let starts: Vec<usize> = (0..rows).step_by(BLOCK).collect();
    let partial: Vec<Vec<f64>> = starts
        .par_iter()
        .map(|&start| {
            let mut sum = vec![0f64; dim];
            let mut v = Vec::new();
            for row in start..(start + BLOCK).min(rows) {
                data.vector(row, &mut v);
                if metric == Metric::Cosine {
                    to_unit(&mut v);
                }
                sum.iter_mut().zip(&v).for_each(|(s, &x)| *s += f64::from(x));
            }
            sum
        })
        .collect();
    let mut sum = vec![0f64; dim];
    for part in partial {
        sum.iter_mut().zip(part).for_each(|(s, x)| *s += x);
    }
    sum.into_iter().map(|s| (s / rows.max(1) as f64) as f32).collect()
}
