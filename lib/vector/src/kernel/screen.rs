//! Screening: which of a block of rows may be nearer than a limit, by what their codes say at best.
//!
//! The test errs on one side only: a row that is nearer passes. What it lets through is bounded again by its caller.

use qx_formats::vdata::layout::CODE_PARAMS_LEN;

use super::Rows;

/// Rows of one call: a bit each.
pub const BLOCK: usize = 64;

/// One query, ready to be held against rows.
#[derive(Debug)]
pub struct Screen<'a> {
    pub rows: Rows<'a>,
    /// The query in sixteen bits: the upper eight, and the lower eight of what those leave.
    pub query: [&'a [i8]; 2],
    /// Whether the lower half is looked at; else its sums are zero, and so must its offset be.
    pub both: bool,
    /// What the unsigned form of the rows' codes adds to the sums with each.
    pub offsets: [i32; 2],
    /// Scale of the upper half, and of the lower over it.
    pub scale: f32,
    pub low_scale: f32,
    /// Error of a product for each unit of a row's scale.
    pub error: f32,
    /// Share of the magnitudes that rounding may have lost.
    pub slack: f32,
    pub test: Test,
}

/// How a similarity becomes a distance, smaller being nearer.
#[derive(Debug, Clone, Copy)]
pub enum Test {
    /// The root of `square - 2 similarity`; off by up to `fixed`, and `reach` for each unit of scale.
    Distance { square: f32, fixed: f32, reach: f32 },
    /// `-(similarity + shift)`; off by up to `fixed`, and `reach` for each unit of scale.
    Product { shift: f32, fixed: f32, reach: f32 },
}

/// How far beyond `limit` the best that a row's distance can be is: it may be within where this is not above zero.
#[inline(always)]
pub(super) fn excess(s: &Screen<'_>, first: usize, limit: f32, sums: &[[i32; BLOCK]; 2]) -> [f32; BLOCK] {
    let params = s.rows.params.as_chunks::<CODE_PARAMS_LEN>().0.get(first..).unwrap_or(&[]);
    let (mut scales, mut biases) = ([0f32; BLOCK], [0f32; BLOCK]);
    for ((p, scale), bias) in params.iter().zip(&mut scales).zip(&mut biases) {
        let [a, b, c, d, e, f, g, h] = *p;
        (*scale, *bias) = (f32::from_le_bytes([a, b, c, d]), f32::from_le_bytes([e, f, g, h]));
    }
    let [high, low] = sums;
    let mut out = [0f32; BLOCK];
    // The loop within the choice, so that each is one run of vector instructions.
    match s.test {
        Test::Distance { square, fixed, reach } => {
            let limit = limit + fixed;
            for (i, out) in out.iter_mut().enumerate() {
                *out = s.distance(s.product([high[i], low[i]], scales[i]), scales[i], biases[i], square, reach, limit);
            }
        }
        Test::Product { shift, fixed, reach } => {
            for (i, out) in out.iter_mut().enumerate() {
                *out =
                    s.score(s.product([high[i], low[i]], scales[i]), scales[i], biases[i], shift, fixed, reach, limit);
            }
        }
    }
    out
}

/// The bits of the rows that pass; those whose bound is no number are among them.
pub(super) fn mask(excess: &[f32; BLOCK]) -> u64 {
    excess.iter().enumerate().fold(0, |mask, (i, e)| mask | u64::from(*e <= 0.0 || e.is_nan()) << i)
}

impl Screen<'_> {
    /// [`excess`] of one row, from its sums, scale and bias.
    #[inline(always)]
    pub fn excess_of(&self, sums: [i32; 2], [scale, bias]: [f32; 2], limit: f32) -> f32 {
        let product = self.product(sums, scale);
        match self.test {
            Test::Distance { square, fixed, reach } => {
                self.distance(product, scale, bias, square, reach, limit + fixed)
            }
            Test::Product { shift, fixed, reach } => self.score(product, scale, bias, shift, fixed, reach, limit),
        }
    }

    #[inline(always)]
    fn product(&self, [high, low]: [i32; 2], scale: f32) -> f32 {
        let high = high.wrapping_sub(self.offsets[0]) as f32;
        let low = low.wrapping_sub(self.offsets[1]) as f32;
        (high + low * self.low_scale) * (self.scale * scale)
    }

    #[inline(always)]
    fn distance(&self, product: f32, scale: f32, bias: f32, square: f32, reach: f32, limit: f32) -> f32 {
        let lost = 2.0 * (self.slack * (product.abs() + bias.abs()) + self.error * scale)
            + self.slack * (square + 2.0 * bias.abs());
        let within = limit * (1.0 + 4.0 * self.slack) + reach * scale;
        square - 2.0 * (product + bias) - lost - within * within * (1.0 + 1e-6)
    }

    #[inline(always)]
    #[allow(clippy::too_many_arguments, reason = "the parts of one sum")]
    fn score(&self, product: f32, scale: f32, bias: f32, shift: f32, fixed: f32, reach: f32, limit: f32) -> f32 {
        let lost = self.slack * (product.abs() + bias.abs()) + (self.error + reach) * scale + fixed;
        -(product + bias + shift + lost) - limit
    }

    /// The bits of rows that there are, of the block from this row on.
    #[inline(always)]
    pub(super) fn present(&self, first: usize) -> u64 {
        let left = (self.rows.params.len() / CODE_PARAMS_LEN).saturating_sub(first);
        if left >= BLOCK { u64::MAX } else { (1 << left) - 1 }
    }
}
