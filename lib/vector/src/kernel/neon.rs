//! NEON twins of the scalar kernels, and such that use the dot-product instructions where the processor has them.
//!
//! NEON is part of every processor that this is compiled for; functions with `dotprod` stand in a table that is handed
//! out after the feature was detected, and nothing else calls them. Loads are of bytes, so they need no alignment, and
//! stay within arrays of a known length.

use std::arch::aarch64::*;
use std::arch::asm;

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
        let line = bytes.as_ptr().wrapping_add(by + at);
        // SAFETY: a prefetch never faults, whatever the address, and changes nothing that a program can see. The
        // library's own function for it is not stable.
        unsafe { asm!("prfm pldl1keep, [{}]", in(reg) line, options(readonly, nostack, preserves_flags)) };
    }
}

/// Four stored components at `p` as f32.
macro_rules! load4 {
    (f32, $p:expr) => {
        vreinterpretq_f32_u8(vld1q_u8($p.cast()))
    };
    (f16, $p:expr) => {
        vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8($p.cast())))
    };
    (bf16, $p:expr) => {
        vreinterpretq_f32_u32(vshlq_n_u32::<16>(vmovl_u16(vreinterpret_u16_u8(vld1_u8($p.cast())))))
    };
}

macro_rules! term {
    (ip, $q:expr, $r:expr) => {
        vmulq_f32($q, $r)
    };
    (l2, $q:expr, $r:expr) => {{
        let d = vsubq_f32($q, $r);
        vmulq_f32(d, d)
    }};
}

macro_rules! sum {
    ($name:ident, $op:ident, $element:ident, $n:literal) => {
        fn $name(query: &[f32], row: &[u8]) -> f32 {
            // SAFETY: NEON belongs to the architecture.
            let mut acc = unsafe { [vdupq_n_f32(0.0); 8] };
            blocks::<$n>(query, row, |q, r| {
                for (i, a) in acc.iter_mut().enumerate() {
                    // SAFETY: 4 components at 4 * i, i < 8, are within the LANES = 32 of both arrays.
                    unsafe {
                        let (q, r) = (load4!(f32, q.as_ptr().add(4 * i)), load4!($element, r.as_ptr().add(4 * i)));
                        *a = vaddq_f32(*a, term!($op, q, r));
                    }
                }
            });
            let mut lanes = [0.0; LANES];
            for (out, a) in lanes.as_chunks_mut::<4>().0.iter_mut().zip(acc) {
                // SAFETY: `out` holds 4 floats.
                unsafe { vst1q_f32(out.as_mut_ptr(), a) };
            }
            fold(lanes)
        }
    };
}

sum!(ip_f32, ip, f32, 4);
sum!(ip_f16, ip, f16, 2);
sum!(ip_bf16, ip, bf16, 2);
sum!(l2_f32, l2, f32, 4);
sum!(l2_f16, l2, f16, 2);
sum!(l2_bf16, l2, bf16, 2);

/// Adds the products of sixteen signed bytes to four sums. Two of them fit 16 bits.
#[target_feature(enable = "neon")]
#[inline]
fn step_neon(acc: int32x4_t, c: int8x16_t, q: int8x16_t) -> int32x4_t {
    let low = vmull_s8(vget_low_s8(c), vget_low_s8(q));
    vpadalq_s16(vpadalq_s16(acc, low), vmull_high_s8(c, q))
}

/// [`step_neon`] in one instruction, whose function in the library is not stable.
#[target_feature(enable = "neon,dotprod")]
#[inline]
fn step_dotprod(mut acc: int32x4_t, c: int8x16_t, q: int8x16_t) -> int32x4_t {
    // SAFETY: registers alone.
    unsafe {
        asm!(
            "sdot {acc:v}.4s, {c:v}.16b, {q:v}.16b",
            acc = inout(vreg) acc,
            c = in(vreg) c,
            q = in(vreg) q,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    acc
}

/// Products of a row of codes, or of four of them that share what is loaded of the query. Codes are signed by taking
/// 128 from each, which is given back at the end as 128 times the sum of the query.
macro_rules! products {
    ($features:literal, $step:ident, $dot:ident, $four:ident) => {
        fn $dot(codes: &[u8], query: &[i8]) -> i32 {
            #[target_feature(enable = $features)]
            fn run(codes: &[u8], query: &[i8]) -> i32 {
                let n = codes.len().min(query.len());
                let (codes, codes_rest) = codes[..n].as_chunks::<16>();
                let (query, query_rest) = query[..n].as_chunks::<16>();
                let (sign, ones) = (vdupq_n_u8(0x80), vdupq_n_s8(1));
                let (mut acc, mut sum) = (vdupq_n_s32(0), vdupq_n_s32(0));
                for (c, q) in codes.iter().zip(query) {
                    // SAFETY: both arrays hold 16 bytes.
                    let (c, q) = unsafe { (vld1q_u8(c.as_ptr()), vld1q_s8(q.as_ptr())) };
                    acc = $step(acc, vreinterpretq_s8_u8(veorq_u8(c, sign)), q);
                    sum = $step(sum, ones, q);
                }
                let rest: i32 = codes_rest.iter().zip(query_rest).map(|(&c, &q)| i32::from(c) * i32::from(q)).sum();
                vaddvq_s32(vaddq_s32(acc, vshlq_n_s32::<7>(sum))).wrapping_add(rest)
            }
            // SAFETY: in a table only that is handed out where the processor has these features.
            unsafe { run(codes, query) }
        }

        #[target_feature(enable = $features)]
        #[inline]
        fn $four([a, b, c, d]: [&[u8]; 4], query: &[i8]) -> [i32; 4] {
            let n = a.len().min(b.len()).min(c.len()).min(d.len()).min(query.len());
            let ((a, ar), (b, br)) = (a[..n].as_chunks::<16>(), b[..n].as_chunks::<16>());
            let ((c, cr), (d, dr)) = (c[..n].as_chunks::<16>(), d[..n].as_chunks::<16>());
            let (query, query_rest) = query[..n].as_chunks::<16>();
            let (sign, ones) = (vdupq_n_u8(0x80), vdupq_n_s8(1));
            let (mut acc, mut sum) = ([vdupq_n_s32(0); 4], vdupq_n_s32(0));
            for ((((q, a), b), c), d) in query.iter().zip(a).zip(b).zip(c).zip(d) {
                // SAFETY: all five arrays hold 16 bytes.
                let q = unsafe { vld1q_s8(q.as_ptr()) };
                sum = $step(sum, ones, q);
                for (acc, row) in acc.iter_mut().zip([a, b, c, d]) {
                    // SAFETY: as above.
                    let row = unsafe { vld1q_u8(row.as_ptr()) };
                    *acc = $step(*acc, vreinterpretq_s8_u8(veorq_u8(row, sign)), q);
                }
            }
            let mut out = [0i32; 4];
            for ((out, acc), rest) in out.iter_mut().zip(acc).zip([ar, br, cr, dr]) {
                *out = vaddvq_s32(vaddq_s32(acc, vshlq_n_s32::<7>(sum)));
                for (&c, &q) in rest.iter().zip(query_rest) {
                    *out = out.wrapping_add(i32::from(c) * i32::from(q));
                }
            }
            out
        }
    };
}

products!("neon", step_neon, dot_neon, four_neon);
products!("neon,dotprod", step_dotprod, dot_dotprod, four_dotprod);
of_four!(each_neon, dots_neon, near_neon, stream_neon, pass_neon, "neon", four_neon, dot_neon, mask);
of_four!(
    each_dotprod,
    dots_dotprod,
    near_dotprod,
    stream_dotprod,
    pass_dotprod,
    "neon,dotprod",
    four_dotprod,
    dot_dotprod,
    mask
);

static NEON: Kernels = Kernels {
    name: "neon",
    dot: dot_neon,
    dots: dots_neon,
    near: near_neon,
    stream: stream_neon,
    pass: pass_neon,
    ip: [ip_f32, ip_f16, ip_bf16],
    l2: [l2_f32, l2_f16, l2_bf16],
};

static DOTPROD: Kernels = Kernels {
    name: "neondotprod",
    dot: dot_dotprod,
    dots: dots_dotprod,
    near: near_dotprod,
    stream: stream_dotprod,
    pass: pass_dotprod,
    ip: [ip_f32, ip_f16, ip_bf16],
    l2: [l2_f32, l2_f16, l2_bf16],
};

/// The tables that this processor can run, the best last.
pub(super) fn available() -> Vec<&'static Kernels> {
    let mut all = vec![&NEON];
    if std::arch::is_aarch64_feature_detected!("dotprod") {
        all.push(&DOTPROD);
    }
    all
}
