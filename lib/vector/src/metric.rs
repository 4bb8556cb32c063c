//! Metrics on vectors in memory: the numbers that searches and `vec_l2`, `vec_ip`, `cosine_sim` print.
//!
//! Sums run in f32 in one fixed order. Where that overflows or underflows - components near the ends of the range of
//! f32 - the sum is done again in f64, first to last, so that finite vectors never give NaN.

use qx_formats::vdata::Element;
pub use qx_formats::vdata::Metric;

use crate::kernel::Kernels;

/// Below this a sum of squares may have lost what underflowed.
const TINY: f32 = 1e-30;

/// Euclidean distance. NaN when the lengths differ.
pub fn l2(a: &[f32], b: &[f32]) -> f32 {
    score(Metric::L2, a, b)
}

/// Inner product. NaN when the lengths differ.
pub fn ip(a: &[f32], b: &[f32]) -> f32 {
    score(Metric::Ip, a, b)
}

/// Cosine of the angle; 0 when either vector is zero. NaN when the lengths differ.
pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    score(Metric::Cosine, a, b)
}

/// The metric of two vectors. NaN when the lengths differ.
pub fn score(metric: Metric, a: &[f32], b: &[f32]) -> f32 {
    if a.len() != b.len() {
        return f32::NAN;
    }
    let norm = |v: &[f32]| if metric == Metric::Cosine { norm(v) } else { 0.0 };
    let scorer = Scorer::new(Kernels::best(), metric, Element::F32, a, norm(a));
    scorer.score(Components::of(b).as_ref(), norm(b))
}

/// Euclidean length; infinite when f32 cannot hold it.
pub fn norm(v: &[f32]) -> f32 {
    let bytes = Components::of(v);
    let sum = Kernels::best().ip(Element::F32)(v, bytes.as_ref());
    if sum.is_finite() && sum >= TINY { sum.sqrt() } else { norm_f64(v) as f32 }
}

fn norm_f64(v: &[f32]) -> f64 {
    v.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt()
}

/// Components as stored bytes: a view where the machine is little-endian, else a copy.
pub(crate) enum Components<'a> {
    View(&'a [u8]),
    #[allow(dead_code, reason = "on big-endian machines")]
    Copy(Vec<u8>),
}

impl<'a> Components<'a> {
    pub(crate) fn of(v: &'a [f32]) -> Self {
        #[cfg(target_endian = "little")]
        return Components::View(bytemuck::cast_slice(v));
        #[cfg(not(target_endian = "little"))]
        Components::Copy(v.iter().flat_map(|x| x.to_le_bytes()).collect())
    }
}

impl AsRef<[u8]> for Components<'_> {
    fn as_ref(&self) -> &[u8] {
        match self {
            Components::View(b) => b,
            Components::Copy(b) => b,
        }
    }
}

/// One query against stored vectors.
pub(crate) struct Scorer<'a> {
    metric: Metric,
    element: Element,
    kernel: crate::kernel::Float,
    query: &'a [f32],
    /// Used by cosine only.
    query_norm: f32,
}

impl<'a> Scorer<'a> {
    pub(crate) fn new(kernels: &Kernels, metric: Metric, element: Element, query: &'a [f32], query_norm: f32) -> Self {
        let kernel = match metric {
            Metric::L2 => kernels.l2(element),
            Metric::Ip | Metric::Cosine => kernels.ip(element),
        };
        Scorer { metric, element, kernel, query, query_norm }
    }

    /// `norm` is that of the row; used by cosine only.
    #[inline]
    pub(crate) fn score(&self, row: &[u8], norm: f32) -> f32 {
        let sum = (self.kernel)(self.query, row);
        let (score, safe) = match self.metric {
            // A small sum may have lost what underflowed; a zero sum is most often two equal vectors.
            Metric::L2 => (sum.sqrt(), sum >= TINY),
            Metric::Ip => (sum, true),
            Metric::Cosine => {
                let by = self.query_norm * norm;
                (sum / by, (TINY..=f32::MAX).contains(&by))
            }
        };
        if safe && score.is_finite() { score } else { self.slow(row) }
    }

    #[cold]
    fn slow(&self, row: &[u8]) -> f32 {
        let mut stored = Vec::new();
        self.element.read(row, &mut stored);
        let pairs = || self.query.iter().zip(&stored).map(|(&q, &r)| (f64::from(q), f64::from(r)));
        let score = match self.metric {
            Metric::L2 => pairs().map(|(q, r)| (q - r) * (q - r)).sum::<f64>().sqrt(),
            Metric::Ip => pairs().map(|(q, r)| q * r).sum::<f64>(),
            Metric::Cosine => {
                let by = norm_f64(self.query) * norm_f64(&stored);
                if by > 0.0 { pairs().map(|(q, r)| q * r).sum::<f64>() / by } else { 0.0 }
            }
        };
        // No negative zero: it would order below zero.
        score as f32 + 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_values() {
        assert_eq!(l2(&[0.0, 3.0], &[4.0, 0.0]), 5.0);
        assert_eq!(ip(&[1.0, 2.0], &[3.0, 4.0]), 11.0);
        assert_eq!(cosine(&[2.0, 0.0], &[5.0, 0.0]), 1.0);
        assert_eq!(l2(&[], &[]), 0.0);
        assert!(l2(&[1.0], &[]).is_nan() && ip(&[1.0], &[]).is_nan() && cosine(&[1.0], &[]).is_nan());
    }

    #[test]
    fn zero_vectors_have_cosine_zero() {
        assert_eq!(cosine(&[0.0, 0.0], &[1.0, 0.0]), 0.0);
        assert_eq!(cosine(&[0.0, 0.0], &[0.0, 0.0]), 0.0);
    }

    #[test]
    fn the_ends_of_the_range_are_not_lost() {
        assert_eq!(l2(&[3e30, 0.0], &[0.0, 4e30]), 5e30);
        assert_eq!(l2(&[3e-30, 0.0], &[0.0, 4e-30]), 5e-30);
        assert_eq!(cosine(&[1e30, 0.0], &[1e30, 1e30]), std::f32::consts::FRAC_1_SQRT_2);
        assert_eq!(cosine(&[1e-30, 0.0], &[1e-30, 1e-30]), std::f32::consts::FRAC_1_SQRT_2);
        assert_eq!(cosine(&[f32::MAX; 300], &[f32::MAX; 300]), 1.0);
        assert_eq!(ip(&[f32::MAX, f32::MAX], &[f32::MAX, -f32::MAX]), 0.0);
        assert_eq!(ip(&[f32::MAX, f32::MAX], &[f32::MAX, f32::MAX]), f32::INFINITY);
    }

    #[test]
    fn scores_are_symmetric_to_the_bit() {
        let a: Vec<f32> = (0..77).map(|i| (i as f32 * 0.7).sin()).collect();
        let b: Vec<f32> = (0..77).map(|i| (i as f32 * 0.3).cos()).collect();
        for m in [Metric::L2, Metric::Ip, Metric::Cosine] {
            assert_eq!(score(m, &a, &b).to_bits(), score(m, &b, &a).to_bits());
        }
    }
}
