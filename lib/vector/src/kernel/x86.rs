//! AVX2 and AVX-512 twins of the scalar kernels, chosen at run time.
//!
//! Every function here is `unsafe` for one reason only: it must not run on a processor without the features that it
//! names. The tables at the end are handed out after those features were detected, and nothing else calls them.
//! Loads are unaligned and stay within slices that were just cut to length; what is left at the end of a vector is
//! copied to zeros first, and zeros add nothing to a sum.

use std::arch::x86_64::*;

use super::four::{SOON, four_near, of_four, split4};
use super::screen::{self, BLOCK, Screen, mask};
use super::{Coded, Kernels, LANES, Rows, blocks, fold};

/// Lines of 64 bytes: what one prefetch brings.
#[inline(always)]
pub(super) fn prefetch(bytes: &[u8]) {
    prefetch_ahead(bytes, 0);
}

/// What lies this far behind the beginning of as many bytes.
#[inline(always)]
pub(super) fn prefetch_ahead(bytes: &[u8], by: usize) {
    for at in (0..bytes.len()).step_by(64) {
        // SAFETY: SSE is part of x86-64, and a prefetch never faults, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(bytes.as_ptr().wrapping_add(by + at).cast()) };
    }
}

/// Eight stored components at `p` as f32.
macro_rules! load8 {
    (f32, $p:expr) => {
        _mm256_loadu_ps($p.cast())
    };
    (f16, $p:expr) => {
        _mm256_cvtph_ps(_mm_loadu_si128($p.cast()))
    };
    (bf16, $p:expr) => {
        _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(_mm_loadu_si128($p.cast()))))
    };
}

/// Sixteen stored components at `p` as f32.
macro_rules! load16 {
    (f32, $p:expr) => {
        _mm512_loadu_ps($p.cast())
    };
    (f16, $p:expr) => {
        _mm512_cvtph_ps(_mm256_loadu_si256($p.cast()))
    };
    (bf16, $p:expr) => {
        _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(_mm256_loadu_si256($p.cast()))))
    };
}

macro_rules! term {
    (ip, $mul:ident, $sub:ident, $q:expr, $r:expr) => {
        $mul($q, $r)
    };
    (l2, $mul:ident, $sub:ident, $q:expr, $r:expr) => {{
        let d = $sub($q, $r);
        $mul(d, d)
    }};
}

macro_rules! avx2_sum {
    ($name:ident, $op:ident, $element:ident, $n:literal) => {
        fn $name(query: &[f32], row: &[u8]) -> f32 {
            #[target_feature(enable = "avx2,f16c")]
            fn run(query: &[f32], row: &[u8]) -> f32 {
                let mut acc = [_mm256_setzero_ps(); 4];
                blocks::<$n>(query, row, |q, r| {
                    for (i, a) in acc.iter_mut().enumerate() {
                        // SAFETY: 8 components at 8 * i, i < 4, are within the LANES = 32 of both arrays.
                        let (q, r) = unsafe {
                            (_mm256_loadu_ps(q.as_ptr().add(8 * i)), load8!($element, r.as_ptr().add(8 * i)))
                        };
                        *a = _mm256_add_ps(*a, term!($op, _mm256_mul_ps, _mm256_sub_ps, q, r));
                    }
                });
                let mut lanes = [0.0; LANES];
                for (out, a) in lanes.as_chunks_mut::<8>().0.iter_mut().zip(acc) {
                    // SAFETY: `out` holds 8 floats.
                    unsafe { _mm256_storeu_ps(out.as_mut_ptr(), a) };
                }
                fold(lanes)
            }
            // SAFETY: in `AVX2` only, which is handed out after avx2 and f16c were detected.
            unsafe { run(query, row) }
        }
    };
}

macro_rules! avx512_sum {
    ($name:ident, $op:ident, $element:ident, $n:literal) => {
        fn $name(query: &[f32], row: &[u8]) -> f32 {
            #[target_feature(enable = "avx512f")]
            fn run(query: &[f32], row: &[u8]) -> f32 {
                let mut acc = [_mm512_setzero_ps(); 2];
                blocks::<$n>(query, row, |q, r| {
                    for (i, a) in acc.iter_mut().enumerate() {
                        // SAFETY: 16 components at 16 * i, i < 2, are within the LANES = 32 of both arrays.
                        let (q, r) = unsafe {
                            (_mm512_loadu_ps(q.as_ptr().add(16 * i)), load16!($element, r.as_ptr().add(16 * i)))
                        };
                        *a = _mm512_add_ps(*a, term!($op, _mm512_mul_ps, _mm512_sub_ps, q, r));
                    }
                });
                let mut lanes = [0.0; LANES];
                for (out, a) in lanes.as_chunks_mut::<16>().0.iter_mut().zip(acc) {
                    // SAFETY: `out` holds 16 floats.
                    unsafe { _mm512_storeu_ps(out.as_mut_ptr(), a) };
                }
                fold(lanes)
            }
            // SAFETY: in the AVX-512 tables only, which are handed out after avx512f was detected.
            unsafe { run(query, row) }
        }
    };
}

avx2_sum!(ip_f32_avx2, ip, f32, 4);
avx2_sum!(ip_f16_avx2, ip, f16, 2);
avx2_sum!(ip_bf16_avx2, ip, bf16, 2);
avx2_sum!(l2_f32_avx2, l2, f32, 4);
avx2_sum!(l2_f16_avx2, l2, f16, 2);
avx2_sum!(l2_bf16_avx2, l2, bf16, 2);
avx512_sum!(ip_f32_avx512, ip, f32, 4);
avx512_sum!(ip_f16_avx512, ip, f16, 2);
avx512_sum!(ip_bf16_avx512, ip, bf16, 2);
avx512_sum!(l2_f32_avx512, l2, f32, 4);
avx512_sum!(l2_f16_avx512, l2, f16, 2);
avx512_sum!(l2_bf16_avx512, l2, bf16, 2);

/// Without a multiply that takes unsigned by signed bytes exactly, both are widened to 16 bits.
fn dot_avx2(codes: &[u8], query: &[i8]) -> i32 {
    #[target_feature(enable = "avx2")]
    fn run(codes: &[u8], query: &[i8]) -> i32 {
        let n = codes.len().min(query.len());
        let (codes, codes_rest) = codes[..n].as_chunks::<32>();
        let (query, query_rest) = query[..n].as_chunks::<32>();
        let mut acc = [_mm256_setzero_si256(); 2];
        for (c, q) in codes.iter().zip(query) {
            for (i, a) in acc.iter_mut().enumerate() {
                // SAFETY: 16 bytes at 16 * i, i < 2, are within the 32 of both arrays.
                let (c, q) = unsafe {
                    (_mm_loadu_si128(c.as_ptr().add(16 * i).cast()), _mm_loadu_si128(q.as_ptr().add(16 * i).cast()))
                };
                *a = _mm256_add_epi32(*a, _mm256_madd_epi16(_mm256_cvtepu8_epi16(c), _mm256_cvtepi8_epi16(q)));
            }
        }
        let mut lanes = [0i32; 8];
        // SAFETY: `lanes` holds 8 integers of 32 bits.
        unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), _mm256_add_epi32(acc[0], acc[1])) };
        let rest: i32 = codes_rest.iter().zip(query_rest).map(|(&c, &q)| i32::from(c) * i32::from(q)).sum();
        lanes.iter().sum::<i32>() + rest
    }
    // SAFETY: in tables only that are handed out after avx2 was detected.
    unsafe { run(codes, query) }
}

fn dot_vnni(codes: &[u8], query: &[i8]) -> i32 {
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn run(codes: &[u8], query: &[i8]) -> i32 {
        let n = codes.len().min(query.len());
        let (codes, codes_rest) = codes[..n].as_chunks::<64>();
        let (query, query_rest) = query[..n].as_chunks::<64>();
        let mut acc = [_mm512_setzero_si512(); 2];
        for (i, (c, q)) in codes.iter().zip(query).enumerate() {
            // SAFETY: both arrays hold 64 bytes.
            let (c, q) = unsafe { (_mm512_loadu_si512(c.as_ptr().cast()), _mm512_loadu_si512(q.as_ptr().cast())) };
            let a = &mut acc[i % 2];
            *a = _mm512_dpbusd_epi32(*a, c, q);
        }
        if !codes_rest.is_empty() {
            let mask = (1u64 << codes_rest.len()) - 1;
            // SAFETY: the mask selects the bytes of the two rests, fewer than 64, and no other is read.
            let (c, q) = unsafe {
                (
                    _mm512_maskz_loadu_epi8(mask, codes_rest.as_ptr().cast()),
                    _mm512_maskz_loadu_epi8(mask, query_rest.as_ptr()),
                )
            };
            acc[0] = _mm512_dpbusd_epi32(acc[0], c, q);
        }
        _mm512_reduce_add_epi32(_mm512_add_epi32(acc[0], acc[1]))
    }
    // SAFETY: in `VNNI` only, which is handed out after all three features were detected.
    unsafe { run(codes, query) }
}

/// Four rows, which share what is loaded of the query. All are as long as the query.
///
/// No closures in here: what they capture of the processor's features keeps them from being inlined.
#[target_feature(enable = "avx2")]
#[inline]
fn four_avx2([a, b, c, d]: [&[u8]; 4], query: &[i8]) -> [i32; 4] {
    let n = a.len().min(b.len()).min(c.len()).min(d.len()).min(query.len());
    let ((a, ar), (b, br)) = (a[..n].as_chunks::<16>(), b[..n].as_chunks::<16>());
    let ((c, cr), (d, dr)) = (c[..n].as_chunks::<16>(), d[..n].as_chunks::<16>());
    let (query, query_rest) = query[..n].as_chunks::<16>();
    let mut acc = [_mm256_setzero_si256(); 4];
    for ((((q, a), b), c), d) in query.iter().zip(a).zip(b).zip(c).zip(d) {
        // SAFETY: all five arrays hold 16 bytes.
        let q = unsafe { _mm256_cvtepi8_epi16(_mm_loadu_si128(q.as_ptr().cast())) };
        for (acc, row) in acc.iter_mut().zip([a, b, c, d]) {
            // SAFETY: as above.
            let row = unsafe { _mm256_cvtepu8_epi16(_mm_loadu_si128(row.as_ptr().cast())) };
            *acc = _mm256_add_epi32(*acc, _mm256_madd_epi16(row, q));
        }
    }
    let mut out = fold4(acc);
    for (out, rest) in out.iter_mut().zip([ar, br, cr, dr]) {
        for (&c, &q) in rest.iter().zip(query_rest) {
            *out += i32::from(c) * i32::from(q);
        }
    }
    out
}

/// The sums of four accumulators.
#[target_feature(enable = "avx2")]
#[inline]
fn fold4(acc: [__m256i; 4]) -> [i32; 4] {
    let low = _mm256_hadd_epi32(_mm256_hadd_epi32(acc[0], acc[1]), _mm256_hadd_epi32(acc[2], acc[3]));
    let sums = _mm_add_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256::<1>(low));
    let mut out = [0i32; 4];
    // SAFETY: `out` holds four integers of 32 bits.
    unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), sums) };
    out
}

/// [`fold4`] of wider ones.
#[target_feature(enable = "avx2,avx512f")]
#[inline]
fn fold4_512(acc: [__m512i; 4]) -> [i32; 4] {
    let mut half = [_mm256_setzero_si256(); 4];
    for (half, acc) in half.iter_mut().zip(acc) {
        *half = _mm256_add_epi32(_mm512_castsi512_si256(acc), _mm512_extracti64x4_epi64::<1>(acc));
    }
    fold4(half)
}

/// As [`four_avx2`].
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vnni")]
#[inline]
fn four_vnni([a, b, c, d]: [&[u8]; 4], query: &[i8]) -> [i32; 4] {
    let n = a.len().min(b.len()).min(c.len()).min(d.len()).min(query.len());
    let rows = [&a[..n], &b[..n], &c[..n], &d[..n]];
    let query = &query[..n];
    let mut acc = [_mm512_setzero_si512(); 4];
    let mut at = 0;
    while at + 64 <= n {
        // SAFETY: 64 bytes at `at` are within the `n` of each slice.
        let q = unsafe { _mm512_loadu_si512(query.as_ptr().add(at).cast()) };
        for (acc, row) in acc.iter_mut().zip(rows) {
            // SAFETY: as above.
            *acc = _mm512_dpbusd_epi32(*acc, unsafe { _mm512_loadu_si512(row.as_ptr().add(at).cast()) }, q);
        }
        at += 64;
    }
    if at < n {
        let mask = (1u64 << (n - at)) - 1;
        // SAFETY: the mask selects the bytes from `at` to `n`, fewer than 64, and no other is read.
        let q = unsafe { _mm512_maskz_loadu_epi8(mask, query.as_ptr().add(at)) };
        for (acc, row) in acc.iter_mut().zip(rows) {
            // SAFETY: as above.
            let row = unsafe { _mm512_maskz_loadu_epi8(mask, row.as_ptr().add(at).cast()) };
            *acc = _mm512_dpbusd_epi32(*acc, row, q);
        }
    }
    fold4_512(acc)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn mask_avx512(excess: &[f32; BLOCK]) -> u64 {
    let mut mask = 0;
    for (i, e) in excess.as_chunks::<16>().0.iter().enumerate() {
        // SAFETY: `e` holds 16 floats.
        let above = unsafe { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(_mm512_loadu_ps(e.as_ptr()), _mm512_setzero_ps()) };
        mask |= u64::from(!above) << (16 * i);
    }
    mask
}

of_four!(each_avx2, dots_avx2, near_avx2, stream_avx2, pass_avx2, "avx2", four_avx2, dot_avx2, mask);
of_four!(
    each_vnni,
    dots_vnni,
    near_vnni,
    stream_vnni,
    pass_vnni,
    "avx2,avx512f,avx512bw,avx512vnni",
    four_vnni,
    dot_vnni,
    mask_avx512
);

static AVX2: Kernels = Kernels {
    name: "avx2",
    dot: dot_avx2,
    dots: dots_avx2,
    near: near_avx2,
    stream: stream_avx2,
    pass: pass_avx2,
    ip: [ip_f32_avx2, ip_f16_avx2, ip_bf16_avx2],
    l2: [l2_f32_avx2, l2_f16_avx2, l2_bf16_avx2],
};

static AVX512: Kernels = Kernels {
    name: "avx512",
    dot: dot_avx2,
    dots: dots_avx2,
    near: near_avx2,
    stream: stream_avx2,
    pass: pass_avx2,
    ip: [ip_f32_avx512, ip_f16_avx512, ip_bf16_avx512],
    l2: [l2_f32_avx512, l2_f16_avx512, l2_bf16_avx512],
};

static VNNI: Kernels = Kernels {
    name: "avx512vnni",
    dot: dot_vnni,
    dots: dots_vnni,
    near: near_vnni,
    stream: stream_vnni,
    pass: pass_vnni,
    ip: [ip_f32_avx512, ip_f16_avx512, ip_bf16_avx512],
    l2: [l2_f32_avx512, l2_f16_avx512, l2_bf16_avx512],
};

/// The tables that this processor can run, the best last.
pub(super) fn available() -> Vec<&'static Kernels> {
    let mut all = Vec::new();
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("f16c") {
        all.push(&AVX2);
        if is_x86_feature_detected!("avx512f") {
            all.push(&AVX512);
            if is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vnni") {
                all.push(&VNNI);
            }
        }
    }
    all
}
