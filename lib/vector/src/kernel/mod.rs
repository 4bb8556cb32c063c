//! The inner loops: sums of products and of squared differences, on f32, f16, bf16 and 8-bit codes.
//!
//! [`scalar`] defines each result; the SIMD twins give the same bits, which a test compares. That is what makes a
//! build and an answer independent of the machine:
//!
//! - Integer sums are exact, so any order will do.
//! - A float sum runs in [`LANES`] lanes: component `i` is added to lane `i % LANES`, each product rounded before it
//!   is added (no fused multiply-add), and the lanes are folded in halves by [`fold`].
//!
//! `unsafe` in this crate stands in this folder only.

mod scalar;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::OnceLock;

use qx_formats::vdata::Element;

/// Lanes of a float sum.
pub const LANES: usize = 32;

/// Sum over components of a query and a stored vector (its bytes). The shorter of the two decides the length.
pub type Float = fn(&[f32], &[u8]) -> f32;
/// Sum of products of stored codes (a byte each, [`CODE_ZERO`](qx_formats::vdata::layout::CODE_ZERO) for zero, so
/// the caller subtracts that times the sum of the query) and signed codes.
pub type Dot = fn(&[u8], &[i8]) -> i32;
/// [`Dot`] for four rows at once, which share what is loaded of the query. All rows are as long as the query.
pub type Dot4 = fn([&[u8]; 4], &[i8]) -> [i32; 4];

/// One set of kernels.
#[derive(Debug)]
pub struct Kernels {
    /// What the set needs: "scalar", "avx2", "avx512", "avx512vnni".
    pub name: &'static str,
    pub dot: Dot,
    pub dot4: Dot4,
    ip: [Float; 3],
    l2: [Float; 3],
}

impl Kernels {
    /// Sum of products.
    #[inline]
    pub fn ip(&self, element: Element) -> Float {
        self.ip[element as usize]
    }

    /// Sum of squared differences.
    #[inline]
    pub fn l2(&self, element: Element) -> Float {
        self.l2[element as usize]
    }

    /// The set that every machine has.
    pub fn scalar() -> &'static Kernels {
        &scalar::KERNELS
    }

    /// Every set that this machine can run, the best last.
    pub fn all() -> Vec<&'static Kernels> {
        let mut all = vec![Self::scalar()];
        #[cfg(target_arch = "x86_64")]
        all.extend(x86::available());
        all
    }

    /// The best set that this machine can run.
    pub fn best() -> &'static Kernels {
        static BEST: OnceLock<&'static Kernels> = OnceLock::new();
        BEST.get_or_init(|| Self::all().pop().unwrap_or(Self::scalar()))
    }
}

/// The one order in which the lanes of a float sum come together.
#[inline(always)]
fn fold(mut lanes: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// Asks the processor to bring these bytes near. Changes nothing but speed.
#[inline(always)]
pub fn prefetch(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    x86::prefetch(bytes);
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bytes;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn elements() -> [Element; 3] {
        [Element::F32, Element::F16, Element::Bf16]
    }

    #[test]
    fn the_table_is_in_the_order_of_the_elements() {
        assert_eq!(elements().map(|e| e as usize), [0, 1, 2]);
        let query = [3.0f32];
        for e in elements() {
            let mut row = Vec::new();
            e.put(2.0, &mut row);
            assert_eq!(Kernels::scalar().ip(e)(&query, &row), 6.0);
            assert_eq!(Kernels::scalar().l2(e)(&query, &row), 1.0);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

        #[test]
        fn every_set_gives_the_bits_of_the_scalar_one(
            pairs in prop::collection::vec((any::<f32>(), any::<f32>()), 0..200),
            offset in 0usize..4,
        ) {
            let tame = |v: f32| if v.is_finite() && v.abs() < 1e15 { v } else { v.to_bits() as f32 / 1e6 };
            let query: Vec<f32> = pairs.iter().map(|p| tame(p.0)).collect();
            for e in elements() {
                // Odd offsets: a mapped row need not be aligned.
                let mut row = vec![0; offset];
                pairs.iter().for_each(|p| e.put(tame(p.1), &mut row));
                let row = &row[offset..];
                for k in Kernels::all() {
                    let same = |a: f32, b: f32| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
                    prop_assert!(same(k.ip(e)(&query, row), Kernels::scalar().ip(e)(&query, row)), "ip {} {e}", k.name);
                    prop_assert!(same(k.l2(e)(&query, row), Kernels::scalar().l2(e)(&query, row)), "l2 {} {e}", k.name);
                }
            }
        }

        #[test]
        fn code_sums_are_exact(pairs in prop::collection::vec((any::<u8>(), -127i8..=127), 0..300)) {
            let (codes, query): (Vec<u8>, Vec<i8>) = pairs.into_iter().unzip();
            let want: i32 = codes.iter().zip(&query).map(|(&c, &q)| i32::from(c) * i32::from(q)).sum();
            let backwards: Vec<u8> = codes.iter().rev().copied().collect();
            let zeros = vec![0; codes.len()];
            for k in Kernels::all() {
                prop_assert_eq!((k.dot)(&codes, &query), want, "{}", k.name);
                let four = (k.dot4)([&codes, &backwards, &zeros, &codes], &query);
                prop_assert_eq!(four, [want, (k.dot)(&backwards, &query), 0, want], "four, {}", k.name);
            }
        }
    }

    #[test]
    fn code_sums_do_not_overflow_at_the_largest_dimension() {
        let codes = vec![255u8; 65_536];
        for q in [127i8, -127] {
            let query = vec![q; 65_536];
            for k in Kernels::all() {
                let want = 65_536 * 255 * i32::from(q);
                assert_eq!((k.dot)(&codes, &query), want, "{}", k.name);
                assert_eq!((k.dot4)([&codes; 4], &query), [want; 4], "{}", k.name);
            }
        }
    }
}
