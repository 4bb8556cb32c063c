//! What every kernel computes, in plain code: the definition that the SIMD twins are compared with, and what runs on
//! machines without them.

use half::{bf16, f16};

use super::screen::{self, BLOCK, Screen};
use super::{Coded, Kernels, LANES, Rows, fold};

pub(super) static KERNELS: Kernels = Kernels {
    name: "scalar",
    dot,
    dots,
    near,
    stream,
    pass,
    ip: [sum::<4, 0>, sum::<2, 1>, sum::<2, 2>],
    l2: [sum_l2::<4, 0>, sum_l2::<2, 1>, sum_l2::<2, 2>],
};

fn dot(codes: &[u8], query: &[i8]) -> i32 {
    codes.iter().zip(query).map(|(&c, &q)| i32::from(c) * i32::from(q)).sum()
}

fn dots(rows: Rows<'_>, which: &[u32], query: &[i8], out: &mut [i32]) {
    for (out, &row) in out.iter_mut().zip(which) {
        *out = dot(rows.get(row), query);
    }
}

fn near(rows: Rows<'_>, which: &[u32], query: Coded<'_>, out: &mut [f32]) {
    for (out, &row) in out.iter_mut().zip(which) {
        let [scale, bias] = rows.params(row);
        let sum = dot(rows.get(row), query.codes).wrapping_sub(query.offset);
        *out = sum as f32 * (query.scale * scale) + bias;
    }
}

fn stream(rows: Rows<'_>, query: Coded<'_>, out: &mut [f32]) {
    for (row, out) in (0..).zip(out.chunks_mut(1)) {
        near(rows, &[row], query, out);
    }
}

fn pass(s: &Screen<'_>, first: usize, limit: f32, sums: &mut [[i32; BLOCK]; 2]) -> u64 {
    sums[1] = [0; BLOCK];
    for (query, sums) in s.query.iter().zip(sums.iter_mut()).take(if s.both { 2 } else { 1 }) {
        for (at, sum) in (0..).zip(sums.iter_mut()) {
            *sum = dot(s.rows.get((first as u32).saturating_add(at)), query);
        }
    }
    screen::mask(&screen::excess(s, first, limit, sums)) & s.present(first)
}

#[inline(always)]
fn load<const N: usize, const ELEMENT: u8>(b: [u8; N]) -> f32 {
    let mut four = [0; 4];
    four[..N].copy_from_slice(&b);
    let bits = u32::from_le_bytes(four);
    match ELEMENT {
        0 => f32::from_bits(bits),
        1 => f16::from_bits(bits as u16).to_f32_const(),
        _ => bf16::from_bits(bits as u16).to_f32_const(),
    }
}

#[inline(always)]
fn lanes<const N: usize, const ELEMENT: u8>(query: &[f32], row: &[u8], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut acc = [0f32; LANES];
    let row = row.as_chunks::<N>().0;
    let n = query.len().min(row.len());
    for (q, r) in query[..n].chunks(LANES).zip(row[..n].chunks(LANES)) {
        for ((a, &q), &r) in acc.iter_mut().zip(q).zip(r) {
            *a += term(q, load::<N, ELEMENT>(r));
        }
    }
    fold(acc)
}

fn sum<const N: usize, const ELEMENT: u8>(query: &[f32], row: &[u8]) -> f32 {
    lanes::<N, ELEMENT>(query, row, |q, r| q * r)
}

fn sum_l2<const N: usize, const ELEMENT: u8>(query: &[f32], row: &[u8]) -> f32 {
    lanes::<N, ELEMENT>(query, row, |q, r| (q - r) * (q - r))
}
