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

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod four;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
mod screen;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::OnceLock;

use qx_formats::vdata::Element;
use qx_formats::vdata::layout::CODE_PARAMS_LEN;

pub use screen::{BLOCK, Screen, Test};

/// Lanes of a float sum.
pub const LANES: usize = 32;

/// Sum over components of a query and a stored vector (its bytes). The shorter of the two decides the length.
pub type Float = fn(&[f32], &[u8]) -> f32;
/// Sum of products of stored codes (a byte each, [`CODE_ZERO`](qx_formats::vdata::layout::CODE_ZERO) for zero, so
/// the caller subtracts that times the sum of the query) and signed codes.
pub type Dot = fn(&[u8], &[i8]) -> i32;
/// [`Dot`] of each of these rows, one sum a row; that of no codes for what is no row.
pub type Dots = fn(Rows<'_>, &[u32], &[i8], &mut [i32]);
/// How near each of these rows is to a query: `(sum - offset) (scale scale(row)) + bias(row)`, larger being nearer.
pub type Near = fn(Rows<'_>, &[u32], Coded<'_>, &mut [f32]);
/// As [`Near`], of as many rows as there is room for, from the first one on.
pub type Stream = fn(Rows<'_>, Coded<'_>, &mut [f32]);
/// [`Screen`] of the rows from this one on, up to [`BLOCK`] of them. Their sums go into the array - with the first and
/// the second half of the query -; the bits of the result, the lowest for the first row, say which of them pass.
pub type Pass = fn(&Screen<'_>, usize, f32, &mut [[i32; BLOCK]; 2]) -> u64;

/// Rows of codes, one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    pub codes: &'a [u8],
    /// Bytes of one row.
    pub each: usize,
    /// Scale and bias of each row.
    pub params: &'a [u8],
}

/// A query in eight bits.
#[derive(Debug, Clone, Copy)]
pub struct Coded<'a> {
    pub codes: &'a [i8],
    /// What the unsigned form of the rows' codes adds to a sum.
    pub offset: i32,
    pub scale: f32,
}

impl<'a> Rows<'a> {
    /// Scale and bias; zeros beyond the last row.
    #[inline(always)]
    pub fn params(self, row: u32) -> [f32; 2] {
        let start = row as usize * CODE_PARAMS_LEN;
        let all = self.params.get(start..).and_then(|p| p.first_chunk::<CODE_PARAMS_LEN>());
        let [a, b, c, d, e, f, g, h] = all.copied().unwrap_or_default();
        [f32::from_le_bytes([a, b, c, d]), f32::from_le_bytes([e, f, g, h])]
    }

    /// Asks for codes and parameters of a row that will be read soon.
    #[inline(always)]
    pub fn prefetch(self, row: u32) {
        prefetch(self.get(row));
        let start = row as usize * CODE_PARAMS_LEN;
        prefetch(self.params.get(start..start + CODE_PARAMS_LEN).unwrap_or(&[]));
    }

    /// The codes of [`BLOCK`] rows from this one on, if there are as many.
    #[inline(always)]
    pub fn block(self, first: usize) -> Option<&'a [u8]> {
        let start = first.checked_mul(self.each)?;
        self.codes.get(start..)?.get(..self.each * BLOCK).filter(|block| !block.is_empty())
    }

    /// Empty beyond the last row.
    #[inline(always)]
    pub fn get(self, row: u32) -> &'a [u8] {
        let start = row as usize * self.each;
        self.codes.get(start..start + self.each).unwrap_or(&[])
    }
}

/// One set of kernels.
#[derive(Debug)]
pub struct Kernels {
    /// What the set needs: "scalar", "avx2", "avx512", "avx512vnni", "neon", "neondotprod".
    pub name: &'static str,
    pub dot: Dot,
    pub dots: Dots,
    pub near: Near,
    pub stream: Stream,
    pub pass: Pass,
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
        #[cfg(target_arch = "aarch64")]
        all.extend(neon::available());
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

/// For the SIMD sets: calls `step` with the components of a query and of a row (as bytes) in blocks of [`LANES`], the
/// last one padded with zeros.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[inline(always)]
fn blocks<const N: usize>(query: &[f32], row: &[u8], mut step: impl FnMut(&[f32; LANES], &[[u8; N]; LANES])) {
    let row = row.as_chunks::<N>().0;
    let n = query.len().min(row.len());
    let (query, query_rest) = query[..n].as_chunks::<LANES>();
    let (row, row_rest) = row[..n].as_chunks::<LANES>();
    query.iter().zip(row).for_each(|(q, r)| step(q, r));
    if !query_rest.is_empty() {
        let (mut q, mut r) = ([0.0; LANES], [[0; N]; LANES]);
        q[..query_rest.len()].copy_from_slice(query_rest);
        r[..row_rest.len()].copy_from_slice(row_rest);
        step(&q, &r);
    }
}

/// Asks the processor to bring these bytes near. Changes nothing but speed.
#[inline(always)]
pub fn prefetch(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    x86::prefetch(bytes);
    #[cfg(target_arch = "aarch64")]
    neon::prefetch(bytes);
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = bytes;
}

/// [`prefetch`] of as many bytes, this far behind their beginning: what lies there, if anything.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[inline(always)]
fn prefetch_ahead(bytes: &[u8], by: usize) {
    #[cfg(target_arch = "x86_64")]
    x86::prefetch_ahead(bytes, by);
    #[cfg(target_arch = "aarch64")]
    neon::prefetch_ahead(bytes, by);
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
        for e in elements().into_iter().filter(|e| !cfg!(miri) || *e != Element::F16) {
            let mut row = Vec::new();
            e.put(2.0, &mut row);
            assert_eq!(Kernels::scalar().ip(e)(&query, &row), 6.0);
            assert_eq!(Kernels::scalar().l2(e)(&query, &row), 1.0);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 128 }, ..ProptestConfig::default() })]

        #[test]
        fn every_set_gives_the_bits_of_the_scalar_one(
            pairs in prop::collection::vec((any::<f32>(), any::<f32>()), 0..200),
            offset in 0usize..4,
        ) {
            let tame = |v: f32| if v.is_finite() && v.abs() < 1e15 { v } else { v.to_bits() as f32 / 1e6 };
            let query: Vec<f32> = pairs.iter().map(|p| tame(p.0)).collect();
            // Miri does not know how a processor converts 16-bit floats.
            for e in elements().into_iter().filter(|e| !cfg!(miri) || *e != Element::F16) {
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
            let matrix = [&codes[..], &backwards, &vec![0; codes.len()]].concat();
            let params: Vec<u8> = [0.5f32, 3.0, 0.25, -7.0, 1e-3, 0.0].iter().flat_map(|p| p.to_le_bytes()).collect();
            let rows = Rows { codes: &matrix, each: codes.len(), params: &params };
            for k in Kernels::all() {
                prop_assert_eq!((k.dot)(&codes, &query), want, "{}", k.name);
                let back = (k.dot)(&backwards, &query);
                let all = [0, 1, 2, 0, 1, 7, u32::MAX, 1, 0, 2, 2];
                let sums = [want, back, 0, want, back, 0, 0, back, want, 0, 0];
                for n in 0..all.len() {
                    let mut got = vec![-1; n + 3];
                    (k.dots)(rows, &all[..n], &query, &mut got);
                    prop_assert_eq!(&got[..n], &sums[..n], "{}", k.name);
                    prop_assert_eq!(&got[n..], &[-1; 3], "{}", k.name);
                    let (mut near, mut same) = (vec![-1.0; n + 3], vec![-1.0; n + 3]);
                    let coded = Coded { codes: &query, offset: 77, scale: 0.3 };
                    (k.near)(rows, &all[..n], coded, &mut near);
                    (Kernels::scalar().near)(rows, &all[..n], coded, &mut same);
                    prop_assert_eq!(&near, &same, "{}", k.name);
                    let plain = |(&row, sum): (&u32, &i32)| {
                        let [scale, bias] = rows.params(row);
                        (sum - 77) as f32 * (0.3 * scale) + bias
                    };
                    if n <= 3 {
                        let mut stream = vec![-1.0; n];
                        (k.near)(rows, &[0, 1, 2][..n], coded, &mut near);
                        (k.stream)(rows, coded, &mut stream);
                        prop_assert_eq!(&stream, &near[..n], "{}", k.name);
                        (k.near)(rows, &all[..n], coded, &mut near);
                    }
                    prop_assert_eq!(&near[..n], &all[..n].iter().zip(&sums).map(plain).collect::<Vec<_>>()[..]);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 1 } else { 64 }, ..ProptestConfig::default() })]

        #[test]
        fn every_set_lets_the_same_rows_pass(
            each in 1usize..70,
            rows in 0usize..150,
            seed in any::<u32>(),
            both in any::<bool>(),
            product in any::<bool>(),
        ) {
            let mut state = seed | 1;
            let mut next = move || {
                state = state.wrapping_mul(0x915F_77F5).wrapping_add(0x6A09_E667);
                (state >> 16) as u8
            };
            let codes: Vec<u8> = (0..rows * each).map(|_| next()).collect();
            let query: [Vec<i8>; 2] = [(); 2].map(|()| (0..each).map(|_| (next() as i8).max(-127)).collect());
            let params: Vec<u8> = (0..2 * rows).flat_map(|_| (f32::from(next()) / 512.0).to_le_bytes()).collect();
            let (fixed, reach) = (0.01, 0.1);
            let test = match product {
                true => Test::Product { shift: 0.5, fixed, reach },
                false => Test::Distance { square: 9.0, fixed, reach },
            };
            let screen = Screen {
                rows: Rows { codes: &codes, each, params: &params },
                query: [&query[0], &query[1]],
                both,
                offsets: [1000, if both { -500 } else { 0 }],
                scale: 1e-3,
                low_scale: 1.0 / 254.0,
                error: 0.02,
                slack: 1e-5,
                test,
            };
            let (firsts, limits): (&[usize], &[f32]) = match cfg!(miri) {
                true => (&[64], &[0.5]),
                false => (&[0, 64, 128, 200], &[-1.0, 0.5, 2.5, f32::INFINITY]),
            };
            for &first in firsts {
                for &limit in limits {
                    let (mut want, mut got) = ([[7; BLOCK]; 2], [[8; BLOCK]; 2]);
                    let mask = (Kernels::scalar().pass)(&screen, first, limit, &mut want);
                    for k in Kernels::all() {
                        prop_assert_eq!((k.pass)(&screen, first, limit, &mut got), mask, "{} {}", k.name, first);
                        prop_assert_eq!(got, want, "{}", k.name);
                    }
                }
            }
        }
    }

    #[test]
    fn code_sums_do_not_overflow_at_the_largest_dimension() {
        // An interpreter takes its time.
        let dim = if cfg!(miri) { 640 } else { 65_536 };
        let codes = vec![255u8; dim];
        for q in [127i8, -127] {
            let query = vec![q; dim];
            for k in Kernels::all() {
                let want = dim as i32 * 255 * i32::from(q);
                assert_eq!((k.dot)(&codes, &query), want, "{}", k.name);
                let mut sums = [0; 5];
                (k.dots)(Rows { codes: &codes, each: dim, params: &[] }, &[0; 5], &query, &mut sums);
                assert_eq!(sums, [want; 5], "{}", k.name);
            }
        }
    }
}
